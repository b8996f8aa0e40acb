//! Fluent Bit with a configuration that we ship.

use std::fs;
use std::path::{Path, PathBuf};

use crate::shipper::process::{Process, folder};
use crate::shipper::program;
use crate::support::{run, text};

/// Fluent Bit, not started yet, with a configuration of `docs/shippers/fluent-bit` whose places are below a
/// folder of its own, and that sends to this port; none where there is no Fluent Bit. What it reads it reads
/// from the beginning.
pub(crate) fn fluent_bit(configuration: &str, port: u16) -> Option<Process> {
    let program = program("fluent-bit", "TRIPLINE_FLUENT_BIT")?;
    let folder = folder();
    let place = |name: &str| folder.path().join(name).display().to_string();
    fs::create_dir(place("state/empty")).unwrap();
    let text = fs::read_to_string(shipped(configuration)).unwrap();
    let text = text
        .replace("/var/log/signalr", &place("logs"))
        .replace("/var/lib/fluent-bit", &place("state"))
        .replace("/var/log/fluent-bit", &place("out"))
        .replace("/etc/fluent-bit/tripline.wasm", &place("tripline.wasm"))
        .replace(
            "parser: json_line",
            "parser: json_line\n      read_from_head: true",
        )
        .replace("port: 9100", &format!("port: {port}"));
    if text.contains("tripline.wasm") {
        build_module(&place("tripline.wasm"));
    }
    let file = place("fluent-bit.yaml");
    fs::write(&file, text).unwrap();
    Some(Process::new(&program, folder, &["-q", "-c", &file]))
}

fn shipped(configuration: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../docs/shippers/fluent-bit")
        .join(configuration)
}

/// Makes the module with the default rules.
fn build_module(file: &str) {
    let output = run(&["fluent-bit", "build", "--out", file]);
    assert!(output.status.success(), "{}", text(&output));
}
