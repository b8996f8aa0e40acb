//! The life of a request.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Where a request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Asked for; nothing was done yet.
    Requested,
    /// Its lines are being cut out and packed.
    Collecting,
    /// The bundle is a file of ours.
    Sealed,
    /// It is on its way.
    Delivering,
    /// It arrived.
    Delivered,
    /// It waits for somebody or for space.
    Held,
    /// It was given up; somebody may try again.
    Failed,
    /// The storm caps were reached or the trigger was too old; there is no bundle.
    Suppressed,
    /// A peer delivered the same request.
    Folded,
    /// Somebody called it off.
    Canceled,
}

/// What a legal change of state amounts to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The state changes.
    Moves,
    /// It was there already: done before a crash, and nothing is to do.
    Already,
}

// === impl State ===

impl State {
    /// Every state, in the order of a request's life.
    pub const ALL: [Self; 10] = [
        Self::Requested,
        Self::Collecting,
        Self::Sealed,
        Self::Delivering,
        Self::Delivered,
        Self::Held,
        Self::Failed,
        Self::Suppressed,
        Self::Folded,
        Self::Canceled,
    ];

    /// Whether a request may go from `self` to `to`; `None` if not. Going where one is is always
    /// legal, so that a step cut short by a crash can be taken again.
    #[must_use]
    pub fn step(self, to: Self) -> Option<Step> {
        use State::*;
        let may_move = match self {
            // Suppressed: its turn came and the bytes of the day were used up.
            Requested => matches!(to, Collecting | Held | Failed | Suppressed | Canceled),
            Collecting => matches!(to, Sealed | Held | Failed | Suppressed | Canceled),
            // Back to collecting: the file was lost and is sealed anew.
            Sealed => matches!(to, Delivering | Collecting | Held | Failed | Canceled),
            Delivering => {
                matches!(
                    to,
                    Delivered | Folded | Collecting | Held | Failed | Canceled
                )
            }
            // Before sealing it was held for space, after it for consent or the target.
            Held => matches!(to, Collecting | Delivering | Failed | Canceled),
            Failed => matches!(to, Collecting | Delivering | Held | Canceled),
            Delivered | Suppressed | Folded | Canceled => false,
        };
        if self == to {
            Some(Step::Already)
        } else {
            may_move.then_some(Step::Moves)
        }
    }

    /// Whether it stays there for ever.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(
            self,
            Self::Delivered | Self::Suppressed | Self::Folded | Self::Canceled
        )
    }

    /// The word in the database, in JSON and in messages.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Collecting => "collecting",
            Self::Sealed => "sealed",
            Self::Delivering => "delivering",
            Self::Delivered => "delivered",
            Self::Held => "held",
            Self::Failed => "failed",
            Self::Suppressed => "suppressed",
            Self::Folded => "folded",
            Self::Canceled => "canceled",
        }
    }

    /// The state of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }

    /// The word of the history's column Status.
    #[must_use]
    pub const fn status(self, is_partial: bool) -> &'static str {
        match self {
            Self::Requested | Self::Held => "Queued",
            Self::Collecting | Self::Sealed | Self::Delivering => "InProgress",
            Self::Delivered | Self::Folded if is_partial => "PartiallySucceeded",
            Self::Delivered | Self::Folded => "Succeeded",
            Self::Failed => "Failed",
            Self::Suppressed => "Suppressed",
            Self::Canceled => "Canceled",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn final_states_are_final_and_every_step_may_be_taken_twice() {
        for state in State::ALL {
            assert_eq!(state.step(state), Some(Step::Already));
            assert_eq!(State::from_name(state.name()), Some(state));
            let goes_on = State::ALL
                .iter()
                .any(|to| state.step(*to) == Some(Step::Moves));
            assert_eq!(goes_on, !state.is_final(), "{state}");
            assert_ne!(state.step(State::Requested), Some(Step::Moves), "{state}");
            let may_be_suppressed = matches!(state, State::Requested | State::Collecting);
            assert_eq!(
                state.step(State::Suppressed) == Some(Step::Moves),
                may_be_suppressed,
                "{state}"
            );
        }
    }

    #[test]
    fn nothing_is_delivered_unsealed() {
        for state in [
            State::Requested,
            State::Collecting,
            State::Sealed,
            State::Held,
        ] {
            assert_eq!(state.step(State::Delivered), None);
        }
        assert_eq!(State::Requested.step(State::Sealed), None);
    }
}
