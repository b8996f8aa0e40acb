//! `[proactive]`: whether bundles are collected by themselves, and who agreed to it.

use tripline_core::table::Table;

use crate::proactive::{CONSENT_VERSION, Consent};

/// The most characters of a consent's `by`.
pub const MOST_BY_CHARS: usize = 200;

/// The section. Its [`Default`], off, is what holds without it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Proactive {
    /// Whether it is on, as far as the configuration says.
    pub enabled: bool,
    /// Who agreed, to what, when.
    pub consent: Option<Consent>,
}

// === impl Proactive ===

impl Proactive {
    /// Reads the section, if it is there. Without a consent to the text of this release it stays off, and
    /// that is a problem.
    pub(super) fn read(document: &mut Table<'_, '_>) -> Self {
        let mut proactive = Self::default();
        let Some(value) = document.value("proactive") else {
            return proactive;
        };
        let path = document.path_of("proactive");
        let Some(mut table) = Table::of(value, path, document.problems()) else {
            return proactive;
        };
        let enabled = table.flag("enabled").unwrap_or(false);
        if let Some(value) = table.value("consent") {
            let path = table.path_of("consent");
            if let Some(consent) = Table::of(value, path, table.problems()) {
                proactive.consent = read_consent(consent);
            }
        } else if enabled {
            let message = "it takes a consent: read `tripline proactive consent`, then set `consent = { by \
                           = \"…\", date = \"…\", text_version = … }`";
            table.problem("enabled", message.to_owned());
        }
        table.finish();
        proactive.enabled = enabled && proactive.consent.is_some();
        proactive
    }
}

fn read_consent(mut table: Table<'_, '_>) -> Option<Consent> {
    let by = table.text("by").map(str::trim).unwrap_or_default();
    if by.is_empty() || by.chars().count() > MOST_BY_CHARS {
        let message = format!("it says who agreed, in up to {MOST_BY_CHARS} characters");
        table.problem("by", message);
    }
    let date = table.text("date").unwrap_or_default();
    let at = tripline_core::time::parse_time(date)
        .or_else(|| tripline_core::time::parse_time(&format!("{date}T00:00:00Z")));
    if at.is_none() {
        table.problem("date", "it says when, such as \"2026-11-24\"".to_owned());
    }
    let version = table.count("text_version", 1..=u64::from(u32::MAX));
    match version {
        Some(version) if version == u64::from(CONSENT_VERSION) => {}
        Some(version) => {
            let message = format!(
                "the consent is to text {version}, and this release has text {CONSENT_VERSION}: read \
                 `tripline proactive consent` and agree to that one"
            );
            table.problem("text_version", message);
        }
        None => {
            let message = format!(
                "it says to which text: {CONSENT_VERSION}, printed by `tripline proactive consent`"
            );
            if table.value("text_version").is_none() {
                table.problem("text_version", message);
            }
        }
    }
    let is_whole = !by.is_empty() && version == Some(u64::from(CONSENT_VERSION));
    let by = by.to_owned();
    table.finish();
    let at = at?;
    is_whole.then_some(Consent {
        by,
        at,
        text_version: CONSENT_VERSION,
    })
}
