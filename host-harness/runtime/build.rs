//! Builds the plugin and embeds it as a component.

use std::path::{Path, PathBuf};
use std::{env, fs};

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
    let module = guest::build_module(&workspace, "tripline-plugin", &out.join("guest"))?;
    let component = wrap::wrap(&read(&module)?)?;
    let path = out.join("plugin.wasm");
    fs::write(&path, component)
        .map_err(|error| format!("cannot write the component `{}`: {error}", path.display()))
}

fn folder(variable: &str) -> Result<PathBuf, String> {
    let value = env::var_os(variable).map(PathBuf::from);
    value.ok_or_else(|| format!("cargo did not set {variable} for the build script"))
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    fs::read(path).map_err(|error| format!("cannot read `{}`: {error}", path.display()))
}
