//! Why the plugin trapped, for the host's log.
//!
//! A trap itself says no more than `unreachable`.

use std::panic::PanicHookInfo;
use std::sync::Once;

use super::bindings::tripline::plugin::host;

/// The host cuts at 4 KiB; what a panic has to say fits in less.
const MAX_MESSAGE_BYTES: usize = 1024;

/// Sends the message of every panic from now on to the host's log. Called again it does nothing.
pub(crate) fn report_to_host() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| std::panic::set_hook(Box::new(report)));
}

fn report(panic: &PanicHookInfo<'_>) {
    let mut message = panic.to_string();
    message.truncate(message.floor_char_boundary(MAX_MESSAGE_BYTES));
    host::log("error", &message);
}
