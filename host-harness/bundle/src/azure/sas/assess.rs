//! Whether a SAS is of use, in plain words.
//!
//! Azure answers most of what can be wrong with one and the same 403. What the SAS says of itself tells the
//! cases apart before a byte is sent. Facts: Microsoft's reference of service, account and user delegation
//! SAS, and of the names of accounts and containers.

mod place;
mod rights;
mod times;

use serde::Serialize;
use tripline_core::time::SECOND;

use super::Sas;
use crate::timestamp::Timestamp;

const DAY: i64 = 86_400 * SECOND;

/// What a SAS is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Needs {
    /// Whether uploads are resumed from the container's own list, and verified there.
    pub resume: bool,
    /// Whether bundles get index tags.
    pub tags: bool,
    /// Whether several hosts share the container, or the SAS.
    pub is_fleet: bool,
    /// How long before the end it is warned of, in µs.
    pub expiry_warning: i64,
}

/// How grave a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Gravity {
    /// Nothing can be delivered with it.
    Unusable,
    /// It works, but not for long, not in full, or it opens more than it should.
    Warning,
    /// Worth knowing.
    Note,
}

/// One thing that was found, with what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SasFinding {
    /// How grave it is.
    pub gravity: Gravity,
    /// A word for programs, such as `expired`; the same in every release.
    pub code: &'static str,
    /// What is the matter.
    pub what: String,
    /// What to do; empty where nothing is to be done.
    pub remedy: String,
}

/// All that was found, the gravest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Assessment {
    /// The container, without the signature.
    pub container: String,
    /// What it permits, as it says itself.
    pub permissions: Option<String>,
    /// When it ends, as far as it says so itself.
    pub expires: Option<Timestamp>,
    /// Whole days until then; negative once it ended.
    pub days_left: Option<i64>,
    /// The findings.
    pub findings: Vec<SasFinding>,
}

/// Judges a SAS at `now`, in µs since 1970. Nothing is asked of anybody.
#[must_use]
pub fn assess(sas: &Sas, now: i64, needs: &Needs) -> Assessment {
    let mut found = Found::default();
    place::scope(sas, &mut found);
    place::names(sas, &mut found);
    rights::signature(sas, &mut found);
    rights::permissions(sas, needs, &mut found);
    times::times(sas, now, needs, &mut found);
    place::protocol(sas, &mut found);
    let mut findings = found.0;
    findings.sort_by_key(|finding| finding.gravity);
    let expires = sas.expires();
    Assessment {
        container: sas.container().to_string(),
        permissions: sas.fields().permissions.clone(),
        expires: expires.map(Timestamp::from_micros),
        days_left: expires.map(|end| end.saturating_sub(now).div_euclid(DAY)),
        findings,
    }
}

#[derive(Default)]
struct Found(Vec<SasFinding>);

// === impl Needs ===

impl Default for Needs {
    /// One host that resumes and verifies, without tags, warned 14 days before the end.
    fn default() -> Self {
        Self {
            resume: true,
            tags: false,
            is_fleet: false,
            expiry_warning: 14 * DAY,
        }
    }
}

// === impl Assessment ===

impl Assessment {
    /// Whether anything can be delivered with it, by what is known here.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        self.unusable().is_none()
    }

    /// The first reason why nothing can be delivered with it.
    #[must_use]
    pub fn unusable(&self) -> Option<&SasFinding> {
        let mut findings = self.findings.iter();
        findings.find(|finding| finding.gravity == Gravity::Unusable)
    }
}

// === impl SasFinding ===

impl std::fmt::Display for SasFinding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.what)?;
        match self.remedy.as_str() {
            "" => Ok(()),
            remedy => write!(f, " (hint: {remedy})"),
        }
    }
}

// === impl Found ===

impl Found {
    fn add(
        &mut self,
        gravity: Gravity,
        code: &'static str,
        what: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        self.0.push(SasFinding {
            gravity,
            code,
            what: what.into(),
            remedy: remedy.into(),
        });
    }

    fn unusable(&mut self, code: &'static str, what: impl Into<String>, remedy: impl Into<String>) {
        self.add(Gravity::Unusable, code, what, remedy);
    }

    fn warn(&mut self, code: &'static str, what: impl Into<String>, remedy: impl Into<String>) {
        self.add(Gravity::Warning, code, what, remedy);
    }
}
