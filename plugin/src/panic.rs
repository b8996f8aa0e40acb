//! Why the plugin trapped, for the host's log.
//!
//! A trap itself says no more than `unreachable`.

use std::panic::PanicHookInfo;
use std::sync::Once;

use super::bindings::tripline::plugin::host;

/// Sends the place of every panic from now on to the host's log. Called again it does nothing.
pub(crate) fn report_to_host() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| std::panic::set_hook(Box::new(report)));
}

/// The place only: a panic's message may quote a log line.
fn report(panic: &PanicHookInfo<'_>) {
    let place = panic
        .location()
        .map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
    host::log("error", &format!("panicked at {place}"));
}
