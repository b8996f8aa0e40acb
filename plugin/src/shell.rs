//! The exports of the world, each one call of the detector.

use std::cell::RefCell;

use tripline_core::Detector;

use super::bindings::exports::tripline::plugin::transform::{
    Context, Guest, Info, Output, Problem,
};
use super::convert::{contract_context, wit_info, wit_output, wit_problem};
use super::panic::report_to_host;

thread_local! {
    /// The one detector of this instance; none before the first successful `configure`.
    static DETECTOR: RefCell<Option<Detector>> = const { RefCell::new(None) };
}

/// Implements the world over the detector.
pub(crate) struct Shell;

// === impl Shell ===

impl Guest for Shell {
    fn configure(rules: String) -> Result<Info, Vec<Problem>> {
        report_to_host();
        match Detector::configure(&rules) {
            Ok(detector) => {
                let info = wit_info(detector.info());
                DETECTOR.set(Some(detector));
                Ok(info)
            }
            Err(problems) => Err(problems.into_iter().map(wit_problem).collect()),
        }
    }

    fn process(batch: Vec<u8>, context: Context) -> Output {
        with_detector(|detector| wit_output(detector.process(&batch, &contract_context(context))))
    }

    fn advance(context: Context) -> Output {
        with_detector(|detector| wit_output(detector.advance(&contract_context(context))))
    }

    fn explain(query: String) -> String {
        with_detector(|detector| detector.explain(&query))
    }

    fn checkpoint() -> Vec<u8> {
        with_detector(|detector| detector.checkpoint())
    }

    fn restore(state: Vec<u8>) -> Result<Vec<String>, String> {
        with_detector(|detector| detector.restore(&state))
    }
}

/// Lends the detector to `call`. Without a configuration there is nothing a plugin can answer: a
/// host that calls too early gets a trap with a message.
#[expect(
    clippy::panic,
    reason = "the contract has no other answer; the host sees a trap"
)]
fn with_detector<T>(call: impl FnOnce(&mut Detector) -> T) -> T {
    DETECTOR.with_borrow_mut(|detector| match detector {
        Some(detector) => call(detector),
        None => {
            report_to_host();
            panic!("called before a successful `configure`")
        }
    })
}
