//! Plugins and lines for the tests.

use std::path::Path;
use std::sync::OnceLock;

use tripline_core::contract::Context;
use tripline_runtime::{AotCache, Component, Engine, EngineOptions, Options, Plugin};

#[path = "../../build/guest.rs"]
mod guest;
#[path = "../../build/wrap.rs"]
pub(crate) mod wrap;

/// The engine of this test program.
pub(crate) fn engine() -> &'static Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    ENGINE.get_or_init(|| {
        Engine::new(EngineOptions {
            cache: AotCache::Off,
        })
        .unwrap()
    })
}

/// The built-in plugin.
pub(crate) fn embedded() -> &'static Component {
    static COMPONENT: OnceLock<Component> = OnceLock::new();
    COMPONENT.get_or_init(|| Component::embedded(engine()).unwrap())
}

/// `tests/plugins/misbehaving` as a core module, built where the build script built our plugin, so
/// that their dependencies are compiled once.
pub(crate) fn misbehaving_module() -> Vec<u8> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .unwrap();
    let target_folder = Path::new(env!("OUT_DIR")).join("guest");
    let module = guest::build_module(
        &workspace,
        "tripline-misbehaving",
        guest::WASMTIME_FLAGS,
        &target_folder,
    )
    .unwrap();
    std::fs::read(module).unwrap()
}

/// The misbehaving plugin.
pub(crate) fn misbehaving() -> &'static Component {
    static COMPONENT: OnceLock<Component> = OnceLock::new();
    COMPONENT.get_or_init(|| {
        let component = wrap::wrap(&misbehaving_module()).unwrap();
        Component::from_bytes(engine(), "misbehaving.wasm", &component).unwrap()
    })
}

/// A started misbehaving plugin.
pub(crate) fn start() -> Plugin {
    Plugin::start(engine(), misbehaving(), "{}", Options::default())
        .unwrap()
        .0
}

/// A batch of `{"t":<number>,"m":"<text>"}`, numbered from 1.
pub(crate) fn batch<'a>(texts: impl IntoIterator<Item = &'a str>) -> Vec<u8> {
    let lines = (1..)
        .zip(texts)
        .map(|(t, text)| format!("{{\"t\":{t},\"m\":\"{text}\"}}\n"));
    lines.collect::<String>().into_bytes()
}

pub(crate) fn context() -> Context {
    Context {
        source: "test".to_owned(),
        ..Context::default()
    }
}
