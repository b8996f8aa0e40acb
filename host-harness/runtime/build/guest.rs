//! Builds a plugin crate of this workspace to a core WebAssembly module, with cargo.
//!
//! Included by the build script and by the tests, which build their own plugins the same way.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

/// The target of every plugin: no WASI, so nothing to import by accident.
const TARGET: &str = "wasm32-unknown-unknown";

/// What of our own build must not leak into the guest's: its bytes depend on the sources only.
const NOT_INHERITED: &[&str] = &[
    "RUSTC_WRAPPER",
    "RUSTC_WORKSPACE_WRAPPER",
    "RUSTFLAGS",
    "CARGO_ENCODED_RUSTFLAGS",
];

/// The same, by prefix.
const NOT_INHERITED_PREFIXES: &[&str] = &["CARGO_BUILD_", "CARGO_TARGET_", "CARGO_PROFILE_"];

/// Flags of a plugin for our own runtime.
pub(crate) const WASMTIME_FLAGS: &[&str] = &[
    "-Ctarget-feature=+simd128",
    // Fuel is counted at every call, so more inlining than usual pays. At 800 the guest takes minutes
    // to build.
    "-Cllvm-args=-inline-threshold=400",
];

/// Builds `package` in `workspace`, below `target_folder`, and returns the module's path. Modules with
/// different `flags` share nothing: give each its own folder.
///
/// # Errors
/// The missing target with the command that installs it, or the package that did not build (the
/// compiler has then said why on standard error).
pub(crate) fn build_module(
    workspace: &Path,
    package: &str,
    flags: &[&str],
    target_folder: &Path,
) -> Result<PathBuf, String> {
    require_target()?;
    let status = guest_cargo(workspace, flags)
        .args([
            "build",
            "--locked",
            "--profile",
            "guest",
            "--target",
            TARGET,
        ])
        .args(["--package", package, "--target-dir"])
        .arg(target_folder)
        .current_dir(workspace)
        .status()
        .map_err(|error| format!("cannot run cargo to build `{package}`: {error}"))?;
    if !status.success() {
        return Err(format!(
            "cannot build `{package}` for {TARGET}: cargo ended with {status}"
        ));
    }
    let file = format!("{}.wasm", package.replace('-', "_"));
    Ok(target_folder.join(TARGET).join("guest").join(file))
}

/// Cargo with the guest's flags and none of ours.
fn guest_cargo(workspace: &Path, flags: &[&str]) -> Command {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for (key, _) in env::vars_os() {
        let Some(name) = key.to_str() else { continue };
        let by_prefix = NOT_INHERITED_PREFIXES
            .iter()
            .any(|prefix| name.starts_with(prefix));
        if by_prefix || NOT_INHERITED.contains(&name) {
            cargo.env_remove(&key);
        }
    }
    let mut flags: Vec<String> = flags.iter().map(ToString::to_string).collect();
    // Panic messages carry source paths; those of this machine would make the bytes depend on it.
    flags.push(format!(
        "--remap-path-prefix={}=tripline",
        workspace.display()
    ));
    if let Some(home) = cargo_home() {
        flags.push(format!("--remap-path-prefix={}=cargo", home.display()));
    }
    cargo.env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f"));
    cargo
}

fn cargo_home() -> Option<PathBuf> {
    let own = env::var_os("CARGO_HOME").map(PathBuf::from);
    own.or_else(|| env::home_dir().map(|home| home.join(".cargo")))
}

/// Fails with one line if the standard library for the guest's target is not installed; rustc
/// itself would say `can't find crate for core` once a crate.
fn require_target() -> Result<(), String> {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(&rustc)
        .args(["--print", "target-libdir", "--target", TARGET])
        .output()
        .map_err(|error| format!("cannot run `{}`: {error}", rustc.display()))?;
    let folder = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    let has_std = fs::read_dir(&folder).is_ok_and(|entries| {
        entries
            .flatten()
            .any(|entry| entry.file_name().to_string_lossy().starts_with("libstd-"))
    });
    if has_std {
        Ok(())
    } else {
        Err(format!(
            "the Rust target {TARGET} is not installed; run `rustup target add {TARGET}`"
        ))
    }
}
