//! Builds the plugin and embeds it, as a component for our own runtime and as a core module for Fluent
//! Bit's.

use std::path::{Path, PathBuf};
use std::{env, fs, thread};

#[path = "build/guest.rs"]
mod guest;
#[path = "build/wrap.rs"]
mod wrap;

fn main() {
    if let Err(error) = embed_plugin() {
        // One line instead of the whole output of a failed script.
        println!("cargo::error={error}");
    }
}

fn embed_plugin() -> Result<(), String> {
    let workspace = folder("CARGO_MANIFEST_DIR")?.join("../..");
    let workspace = workspace.canonicalize().map_err(|error| {
        format!(
            "cannot find the workspace `{}`: {error}",
            workspace.display()
        )
    })?;
    for input in ["plugin", "wit", "Cargo.lock", "Cargo.toml"] {
        println!(
            "cargo::rerun-if-changed={}",
            workspace.join(input).display()
        );
    }
    println!("cargo::rerun-if-changed=build");
    let out = folder("OUT_DIR")?;
    // At once: each ends with minutes on one core.
    let (component, module) = thread::scope(|scope| {
        // WAMR refuses simd and counts no fuel.
        let module = scope.spawn(|| {
            let (package, folder) = ("tripline-fluentbit", out.join("guest-fluentbit"));
            let built = guest::build_module(&workspace, package, &[], &folder)?;
            imports_nothing(read(&built)?)
        });
        let (package, folder) = ("tripline-plugin", out.join("guest"));
        let built = guest::build_module(&workspace, package, guest::WASMTIME_FLAGS, &folder);
        let component = built.and_then(|built| wrap::wrap(&read(&built)?));
        let module = module.join();
        (
            component,
            module.map_err(|_| "building the module for Fluent Bit failed".to_owned()),
        )
    });
    for (name, bytes) in [("plugin.wasm", component?), ("fluentbit.wasm", module??)] {
        let path = out.join(name);
        fs::write(&path, bytes)
            .map_err(|error| format!("cannot write the plugin `{}`: {error}", path.display()))?;
    }
    Ok(())
}

/// A module that Fluent Bit can run: it offers a module nothing but WASI, which ours must not need.
fn imports_nothing(module: Vec<u8>) -> Result<Vec<u8>, String> {
    for payload in wasmparser::Parser::new(0).parse_all(&module) {
        let payload = payload.map_err(|error| format!("the module just made is none: {error}"))?;
        if let wasmparser::Payload::ImportSection(imports) = payload {
            return Err(format!(
                "the module for Fluent Bit has {} imports and may have none (find the dependency that \
                 brings them with `cargo tree -p tripline-fluentbit`)",
                imports.count()
            ));
        }
    }
    Ok(module)
}

fn folder(variable: &str) -> Result<PathBuf, String> {
    let value = env::var_os(variable).map(PathBuf::from);
    value.ok_or_else(|| format!("cargo did not set {variable} for the build script"))
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    fs::read(path).map_err(|error| format!("cannot read `{}`: {error}", path.display()))
}
