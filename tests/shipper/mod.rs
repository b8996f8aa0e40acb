//! What the scenarios of real log shippers share: finding the shipper's program, the tripline it sends to,
//! and records that are told apart.

pub(crate) mod checks;
pub(crate) mod process;
pub(crate) mod proxy;
pub(crate) mod records;
pub(crate) mod tripline;

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Long enough for anything that will happen at all.
pub(crate) const SOON: Duration = Duration::from_secs(300);

/// The token that shippers send.
pub(crate) const TOKEN: &str = "0123456789abcdef";

/// The program of a shipper: what the variable names, which then must work, or the one on `PATH`. No package
/// of Debian's has it, so that nothing else requires it.
pub(crate) fn program(name: &str, variable: &str) -> Option<PathBuf> {
    let named = std::env::var_os(variable).map(PathBuf::from);
    let program = named.clone().unwrap_or_else(|| PathBuf::from(name));
    let mut version = Command::new(&program);
    version
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    if version.status().is_ok_and(|status| status.success()) {
        return Some(program);
    }
    assert!(
        named.is_none(),
        "{variable} names no {name}: {}",
        program.display()
    );
    eprintln!("not shown: there is no {name} on PATH, and {variable} names none");
    None
}

/// Waits until it holds.
pub(crate) fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + SOON;
    while !holds() {
        assert!(Instant::now() < deadline, "in vain: {what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}
