//! What a canary passes, and what came of it.

use std::time::Duration;

/// What a canary passes, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// The listener took it.
    Source,
    /// It is in the recorder.
    Recorder,
    /// The plugin asked for its bundle.
    Plugin,
    /// Its lines are being cut out of the recorder.
    Collect,
    /// Its bundle is sealed.
    Pack,
    /// Its bundle arrived.
    Deliver,
}

/// A stage that came.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reached {
    /// Which.
    pub stage: Stage,
    /// How long after the begin.
    pub after: Duration,
}

/// Why a stage did not come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed {
    /// Which.
    pub stage: Stage,
    /// Why, and what to do.
    pub why: String,
    /// Whether it is for what is around tripline: nobody listens, the target refuses.
    pub is_environment: bool,
}

// === impl Stage ===

impl Stage {
    /// All of them, in order.
    pub const ALL: [Self; 6] = [
        Self::Source,
        Self::Recorder,
        Self::Plugin,
        Self::Collect,
        Self::Pack,
        Self::Deliver,
    ];

    /// Its word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Recorder => "recorder",
            Self::Plugin => "plugin",
            Self::Collect => "collect",
            Self::Pack => "pack",
            Self::Deliver => "deliver",
        }
    }

    /// What to look at when it did not come in time.
    pub(super) const fn hint(self) -> &'static str {
        match self {
            Self::Source => "is `tripline run` running?",
            Self::Recorder => "`tripline recorder status` says how it stands",
            Self::Plugin => "/health says whether the plugin is in order",
            Self::Collect => "see the log of `tripline run`; another bundle may be under way",
            Self::Pack => "see the log of `tripline run`, and the room on its disk",
            Self::Deliver => {
                "`tripline sas check` and `tripline history` say how the target stands"
            }
        }
    }
}
