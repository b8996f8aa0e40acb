//! Whether bundles are collected by themselves: what the configuration says, what somebody said since, and
//! the consent behind both. Off unless somebody agreed to the text of this release.

use std::path::{Path, PathBuf};

use tripline_bundle::spool::{Error, Spool};
use tripline_bundle::timestamp::Timestamp;

use crate::config::Proactive;
use crate::overrides::{Override, Overrides, OverridesError, Subject};
use crate::replay::now;

/// The version of [`CONSENT_TEXT`]. Another text gets another version, and takes another consent.
pub const CONSENT_VERSION: u32 = 1;

/// What somebody agrees to: `host-harness/consent/1.txt`.
pub const CONSENT_TEXT: &str = include_str!("../consent/1.txt");

/// Somebody's consent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consent {
    /// Who.
    pub by: String,
    /// When, in µs since 1970.
    pub at: i64,
    /// To which text.
    pub text_version: u32,
}

/// Whether proactive collection is on, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// Nobody said anything: off.
    Never,
    /// By the configuration.
    Configured {
        /// The consent; without one it is off.
        consent: Option<Consent>,
    },
    /// By a command.
    Said(Override),
    /// A command turned it on, by a consent to another text: off.
    OtherText(Override),
    /// What was said cannot be read: off.
    Unreadable {
        /// Why.
        why: String,
    },
}

/// Says whether proactive collection is on, whenever it is asked: live, before a request is taken, sealed
/// or delivered.
#[derive(Debug, Clone)]
pub struct Gate {
    configured: Proactive,
    state: PathBuf,
}

// === impl Gate ===

impl Gate {
    /// By a configuration, and what commands say in a state folder.
    #[must_use]
    pub fn new(configured: &Proactive, state: &Path) -> Self {
        Self {
            configured: configured.clone(),
            state: state.to_owned(),
        }
    }

    /// How it stands now.
    #[must_use]
    pub fn standing(&self) -> Standing {
        // Without a clock, what was said for a time is over.
        let now = now().unwrap_or(i64::MAX);
        Standing::of(&self.configured, Overrides::read(&self.state).as_ref(), now)
    }

    /// Whether it is on now.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.standing().is_on()
    }
}

// === impl Standing ===

impl Standing {
    /// How it stands at `now`, in µs since 1970.
    #[must_use]
    pub fn of(
        configured: &Proactive,
        overrides: Result<&Overrides, &OverridesError>,
        now: i64,
    ) -> Self {
        let overrides = match overrides {
            Ok(overrides) => overrides,
            Err(error) => {
                return Self::Unreadable {
                    why: error.to_string(),
                };
            }
        };
        match overrides.in_force(Subject::Proactive, now) {
            Some(said) if said.on && said.text_version != Some(CONSENT_VERSION) => {
                Self::OtherText(said.clone())
            }
            Some(said) => Self::Said(said.clone()),
            None if configured.enabled => Self::Configured {
                consent: configured.consent.clone(),
            },
            None if configured.consent.is_some() => Self::Configured { consent: None },
            None => Self::Never,
        }
    }

    /// Whether bundles are collected by themselves.
    #[must_use]
    pub const fn is_on(&self) -> bool {
        match self {
            Self::Configured { consent } => consent.is_some(),
            Self::Said(said) => said.on,
            Self::Never | Self::OtherText(_) | Self::Unreadable { .. } => false,
        }
    }

    /// When it changes by itself, in µs since 1970.
    #[must_use]
    pub fn until(&self) -> Option<i64> {
        match self {
            Self::Said(said) | Self::OtherText(said) => said.until.map(Timestamp::micros),
            _ => None,
        }
    }

    /// Why it is so, in words.
    #[must_use]
    pub fn why(&self) -> String {
        let text = |version: Option<u32>| {
            version.map_or("no text".to_owned(), |version| format!("text {version}"))
        };
        let until = |said: &Override| match said.until {
            Some(until) => format!(", until {until}; then the configuration holds"),
            None => String::new(),
        };
        match self {
            Self::Never => "it is off unless somebody enables it".to_owned(),
            Self::Configured { consent: None } => "the configuration says so".to_owned(),
            Self::Configured {
                consent: Some(consent),
            } => format!(
                "the configuration says so; {} agreed to text {} at {}",
                consent.by,
                consent.text_version,
                Timestamp::from_micros(consent.at)
            ),
            Self::Said(said) if said.on => format!(
                "{} enabled it at {} and agreed to {}{}",
                said.by,
                said.at,
                text(said.text_version),
                until(said)
            ),
            Self::Said(said) => {
                format!("{} disabled it at {}{}", said.by, said.at, until(said))
            }
            Self::OtherText(said) => format!(
                "{} enabled it at {} and agreed to {}, but this release has text {CONSENT_VERSION} (hint: \
                 read `tripline proactive consent`, then enable it again)",
                said.by,
                said.at,
                text(said.text_version)
            ),
            Self::Unreadable { why } => why.clone(),
        }
    }
}

/// Makes the spool follow: off, what is on its way is held; on, what was held so goes on. Answers how many
/// requests moved. It is cheap when there is nothing to do, and can be called at every round.
///
/// # Errors
/// When the spool cannot be read or written.
pub fn follow(spool: &mut Spool, is_on: bool) -> Result<usize, Error> {
    match is_on {
        true => spool.resume_proactive(),
        false => spool.hold_proactive(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn consent() -> Consent {
        Consent {
            by: "anna".to_owned(),
            at: 0,
            text_version: CONSENT_VERSION,
        }
    }

    fn said(on: bool, text_version: Option<u32>, until: Option<i64>) -> Override {
        Override {
            on,
            by: "ben".to_owned(),
            at: Timestamp::from_micros(5),
            until: until.map(Timestamp::from_micros),
            text_version,
        }
    }

    /// How it stands at 50.
    fn standing(enabled: bool, said: Option<Override>) -> Standing {
        let configured = Proactive {
            enabled,
            consent: enabled.then(consent),
        };
        let dir = tempfile::TempDir::new().unwrap();
        if let Some(said) = said {
            Overrides::set(dir.path(), Subject::Proactive, &said).unwrap();
        }
        Standing::of(&configured, Overrides::read(dir.path()).as_ref(), 50)
    }

    #[test]
    fn it_is_off_unless_somebody_agreed_and_what_was_said_last_holds_for_its_time() {
        let yes = |until| Some(said(true, Some(CONSENT_VERSION), until));
        let no = |until| Some(said(false, None, until));
        for (enabled, said, is_on) in [
            (false, None, false),
            (true, None, true),
            (false, yes(None), true),
            (false, yes(Some(51)), true),
            (false, yes(Some(50)), false),
            (true, no(None), false),
            (true, no(Some(51)), false),
            (true, no(Some(50)), true),
            // A consent to another text is none.
            (
                false,
                Some(self::said(true, Some(CONSENT_VERSION + 1), None)),
                false,
            ),
            (true, Some(self::said(true, None, None)), false),
        ] {
            let standing = standing(enabled, said.clone());
            assert_eq!(standing.is_on(), is_on, "{enabled} {said:?}: {standing:?}");
        }
    }

    #[test]
    fn why_is_in_words() {
        let five = "1970-01-01T00:00:00.000005Z";
        let yes = |version, until| Some(said(true, Some(version), until));
        for (standing, words) in [
            (
                standing(false, None),
                "it is off unless somebody enables it".to_owned(),
            ),
            (
                standing(true, None),
                "the configuration says so; anna agreed to text 1 at 1970-01-01T00:00:00.000000Z"
                    .to_owned(),
            ),
            (
                standing(false, yes(CONSENT_VERSION, None)),
                format!("ben enabled it at {five} and agreed to text 1"),
            ),
            (
                standing(true, Some(said(false, None, Some(60)))),
                format!(
                    "ben disabled it at {five}, until 1970-01-01T00:00:00.000060Z; then the configuration holds"
                ),
            ),
            (
                standing(false, yes(9, None)),
                format!(
                    "ben enabled it at {five} and agreed to text 9, but this release has text 1 (hint: read \
                     `tripline proactive consent`, then enable it again)"
                ),
            ),
        ] {
            assert_eq!(standing.why(), words);
        }
    }

    #[test]
    fn what_cannot_be_read_is_off() {
        let dir = tempfile::TempDir::new().unwrap();
        std::fs::write(dir.path().join("overrides.json"), "{").unwrap();
        let configured = Proactive {
            enabled: true,
            consent: Some(consent()),
        };
        let standing = Standing::of(&configured, Overrides::read(dir.path()).as_ref(), 0);
        assert!(!standing.is_on());
        assert!(standing.why().contains("is damaged"), "{}", standing.why());
    }

    #[test]
    fn the_text_names_its_version_and_fits_a_terminal() {
        let first = CONSENT_TEXT.lines().next();
        assert_eq!(first, Some("Proactive collection (text 1)"));
        assert!(CONSENT_TEXT.lines().all(|line| line.chars().count() <= 110));
    }
}
