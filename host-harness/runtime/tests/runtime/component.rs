//! What is taken for a plugin, and what is refused in clear words.

use crate::support::{embedded, engine, misbehaving, misbehaving_module, wrap};
use sha2::{Digest as _, Sha256};
use tripline_runtime::{AotCache, Component, Engine, EngineOptions, LoadError};
use wit_component::{ComponentEncoder, StringEncoding};
use wit_parser::{ManglingAndAbi, Resolve};

#[test]
fn the_embedded_plugin_loads_and_has_a_hash() {
    assert!(embedded().is_embedded());
    assert_eq!(embedded().sha256().len(), 64);
    assert_ne!(embedded().sha256(), misbehaving().sha256());
}

#[test]
fn garbage_is_no_component() {
    let error = refused(b"not wasm");
    assert_eq!(
        error,
        "`x.wasm` is not a WebAssembly component (it does not start with `\\0asm`)"
    );
    assert!(refused(b"").contains("is not a WebAssembly component"));
    assert!(refused(b"\0asm\x0d\0\x01\0garbage").starts_with("cannot compile the component"));
}

#[test]
fn a_core_module_is_told_apart() {
    let error = refused(&misbehaving_module());
    assert!(
        error.contains("is a core module, not a component; wrap it with"),
        "{error}"
    );
}

#[test]
fn a_missing_file_is_named() {
    let missing = std::path::Path::new("does/not/exist.wasm");
    let error = Component::from_file(engine(), missing)
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("cannot read the plugin `does/not/exist.wasm`: "),
        "{error}"
    );
}

#[test]
fn another_import_is_refused_when_loading() {
    let error = refused(&encode(&dummy_module(FOREIGN)));
    assert!(
        error.contains("imports `other:clock/wall@1.0.0`; a plugin may import"),
        "{error}"
    );
}

#[test]
fn another_import_is_refused_when_building() {
    let error = wrap::wrap(&dummy_module(FOREIGN)).unwrap_err();
    assert!(
        error.starts_with("the plugin imports `other:clock/wall@1.0.0`"),
        "{error}"
    );
    let error = wrap::wrap(&dummy_module(MORE_OF_HOST)).unwrap_err();
    assert!(
        error.contains("`tripline:plugin/host@0.1.0#now`"),
        "{error}"
    );
    let error = wrap::wrap(b"garbage").unwrap_err();
    assert!(
        error.starts_with("cannot wrap the plugin's module"),
        "{error}"
    );
}

#[test]
fn a_component_of_another_world_is_refused() {
    let other = "package other:thing; world plugin { export run: func(); }";
    let error = refused(&encode(&dummy_module(&[other])));
    assert!(
        error.contains("`x.wasm` is no tripline plugin: "),
        "{error}"
    );
    assert!(error.contains("tripline:plugin/transform"), "{error}");
}

#[test]
fn compiled_components_are_kept_in_the_cache_folder() {
    let folder = tempfile::tempdir().unwrap();
    let cache = AotCache::Folder(folder.path().join("cache"));
    let engine = Engine::new(EngineOptions { cache }).unwrap();
    Component::embedded(&engine).unwrap();
    assert!(
        folder
            .path()
            .join("cache")
            .read_dir()
            .unwrap()
            .next()
            .is_some()
    );
}

#[test]
fn a_cache_that_cannot_be_used_is_no_obstacle() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let cache = AotCache::Folder(file.path().join("below-a-file"));
    let engine = Engine::new(EngineOptions { cache }).unwrap();
    Component::embedded(&engine).unwrap();
}

/// The frozen contracts: version, text, and its SHA-256.
const RELEASED: &[(&str, &str, &str)] = &[(
    "0.1.0",
    include_str!("../../../../wit/released/0.1.0/world.wit"),
    "beb70c209c22baea896dc363c2705dd13b76a87885468fefddfa9a5b96e0638e",
)];

#[test]
fn released_contracts_stay_as_they_are_and_their_plugins_load() {
    for (version, text, sha256) in RELEASED {
        let found: String = Sha256::digest(text.as_bytes())
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        assert_eq!(
            found, *sha256,
            "{version} was changed: give what changed another version"
        );
        assert!(text.contains(&format!("package tripline:plugin@{version};")));
        let component = encode(&dummy_module(&[*text]));
        Component::from_bytes(engine(), "old.wasm", &component).unwrap();
    }
    let current = include_str!("../../../../wit/world.wit");
    let (version, text, _) = RELEASED.last().unwrap();
    let is_released = current.contains(&format!("package tripline:plugin@{version};"));
    assert!(
        !is_released || current == *text,
        "a released version was changed"
    );
}

const FOREIGN: &[&str] = &[
    "package other:clock@1.0.0; interface wall { now: func() -> u64; }",
    "package tripline:test; world plugin { import other:clock/wall@1.0.0; }",
];

const MORE_OF_HOST: &[&str] = &[
    "package tripline:plugin@0.1.0; interface host { now: func() -> u64; }
     world plugin { import host; }",
];

/// A core module of world `plugin` of the last of `packages`.
fn dummy_module(packages: &[&str]) -> Vec<u8> {
    let mut resolve = Resolve::default();
    let mut package = None;
    for text in packages {
        package = Some(resolve.push_str("test.wit", text).unwrap());
    }
    let world = resolve
        .select_world(&[package.unwrap()], Some("plugin"))
        .unwrap();
    let mut module = wit_component::dummy_module(&resolve, world, ManglingAndAbi::Standard32);
    wit_component::embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8)
        .unwrap();
    module
}

fn encode(module: &[u8]) -> Vec<u8> {
    ComponentEncoder::default()
        .module(module)
        .unwrap()
        .encode()
        .unwrap()
}

fn refused(bytes: &[u8]) -> String {
    let error: LoadError = Component::from_bytes(engine(), "x.wasm", bytes).unwrap_err();
    error.to_string()
}
