//! Whether a SAS is of use, in plain words.
//!
//! Azure answers most of what can be wrong with one and the same 403. What the SAS says of itself tells the
//! cases apart before a byte is sent. Facts: Microsoft's reference of service, account and user delegation
//! SAS, and of the names of accounts and containers.

use serde::Serialize;
use tripline_core::rules::format_duration;
use tripline_core::time::SECOND;
use url::Host;

use super::{CLOCK_SKEW, Sas, SasTime, SignatureShape};
use crate::timestamp::Timestamp;

const DAY: i64 = 86_400 * SECOND;

/// Names of services in host names that are not the one for blobs.
const OTHER_SERVICES: [&str; 5] = ["dfs", "file", "queue", "table", "web"];

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
    scope(sas, &mut found);
    names(sas, &mut found);
    signature(sas, &mut found);
    permissions(sas, needs, &mut found);
    times(sas, now, needs, &mut found);
    protocol(sas, &mut found);
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

/// What it opens: it must be a container.
fn scope(sas: &Sas, found: &mut Found) {
    let fields = sas.fields();
    if fields.services.is_some() {
        found.unusable(
            "account-sas",
            "it opens the whole storage account, not one container",
            "make a SAS for the container: `az storage container generate-sas`, or the container's page \
             \"Shared access tokens\"",
        );
        return;
    }
    let what = match fields.resource.as_deref() {
        Some("c") => return,
        Some("b" | "bs" | "bv") => "it is for one blob, not for a container",
        Some("d") => "it is for one folder, not for a container",
        _ => "it is not for a container: `sr` is not `c`",
    };
    found.unusable(
        "not-a-container",
        what,
        "make a SAS for the container itself, with `sr=c`",
    );
}

/// The names of account and container.
fn names(sas: &Sas, found: &mut Found) {
    let url = sas.container();
    let mut segments: Vec<_> = url.path().trim_matches('/').split('/').collect();
    match url.host() {
        Some(Host::Domain(host)) if host != "localhost" => account(host, found),
        // The emulator, and Stack Hub behind an address, name the account first.
        _ if segments.len() > 1 => drop(segments.remove(0)),
        _ => {}
    }
    let (Some(container), 1) = (segments.first(), segments.len()) else {
        found.unusable(
            "below-the-container",
            "its URL names something below the container",
            "keep only https://ACCOUNT.blob.core.windows.net/CONTAINER before the `?`",
        );
        return;
    };
    let plain = |char: char| char.is_ascii_lowercase() || char.is_ascii_digit();
    let fits = (3..=63).contains(&container.len())
        && container.chars().all(|char| plain(char) || char == '-')
        && container.starts_with(plain)
        && container.ends_with(plain)
        && !container.contains("--");
    if !fits {
        found.unusable(
            "container-name",
            "its URL names no container that there can be: a name has 3 to 63 of a-z, 0-9 and single `-`",
            "check that the URL was copied whole, and names a container",
        );
    }
}

fn account(host: &str, found: &mut Found) {
    let mut labels = host.split('.');
    let account = labels.next().unwrap_or_default();
    let service = labels.next().unwrap_or_default();
    if OTHER_SERVICES.contains(&service) {
        found.unusable(
            "not-the-blob-service",
            format!("its address is that of the service `{service}`, not of blobs"),
            format!("write `.blob.` for `.{service}.` in the URL; the signature stays"),
        );
        return;
    }
    if service != "blob" {
        // A domain of the operator's own: anything may be right.
        return;
    }
    if account.ends_with("-secondary") {
        found.unusable(
            "secondary",
            "its address is that of the account's copy, which can only be read",
            "take `-secondary` out of the URL; the signature stays",
        );
        return;
    }
    let plain = |char: char| char.is_ascii_lowercase() || char.is_ascii_digit();
    if !(3..=24).contains(&account.len()) || !account.chars().all(plain) {
        found.unusable(
            "account-name",
            "its URL names no storage account that there can be: a name has 3 to 24 of a-z and 0-9",
            "check that the URL was copied whole",
        );
    }
}

/// How the signature looks.
fn signature(sas: &Sas, found: &mut Found) {
    match sas.fields().signature {
        SignatureShape::Fine => {}
        SignatureShape::Decoded => found.unusable(
            "signature-decoded",
            "the signature holds a bare `+`, which Azure takes for a blank: a tool has decoded the URL",
            "copy the SAS anew from where it was made, or write `%2B` for each `+` behind `sig=`",
        ),
        SignatureShape::Length(chars) => found.unusable(
            "signature-length",
            format!("the signature has {chars} characters; those of Azure have 44"),
            "copy the SAS anew and whole, in quotes where a shell sees it: it reads `&` as an end",
        ),
    }
    let version = sas.fields().version.as_bytes();
    let is_date = version.len() == 10
        && version.iter().enumerate().all(|(at, byte)| match at {
            4 | 7 => *byte == b'-',
            _ => byte.is_ascii_digit(),
        });
    if !is_date {
        found.unusable(
            "version",
            "`sv` is no version of the service, such as 2024-11-04",
            "copy the SAS anew and whole",
        );
    }
}

/// What it permits: what is missing, and what is too much.
fn permissions(sas: &Sas, needs: &Needs, found: &mut Found) {
    let fields = sas.fields();
    let Some(permissions) = &fields.permissions else {
        match &fields.policy {
            Some(policy) => found.add(
                Gravity::Note,
                "policy",
                format!(
                    "the stored access policy `{policy}` says what it permits, which is not seen from here"
                ),
                "see that the policy gives read, create and write",
            ),
            None => found.unusable(
                "no-permissions",
                "it permits nothing: `sp` is missing",
                "make a new one with `sp=rcw`",
            ),
        }
        return;
    };
    let has = |permission: char| permissions.contains(permission);
    if !has('w') {
        let what = match has('c') {
            true => "`w` (write) is missing: `c` alone does not upload in blocks",
            false => "`w` (write) is missing: nothing can be uploaded",
        };
        found.unusable("no-write", what, "make a new one with `sp=rcw`");
    } else if needs.resume && !has('r') {
        found.warn(
            "no-read",
            "`r` (read) is missing: an upload that was cut short begins anew, and one that seems to be \
             there already cannot be verified",
            "make a new one with `sp=rcw`, unless nobody who has it may read bundles",
        );
    }
    if needs.tags && !has('t') {
        found.warn(
            "no-tags",
            "`t` (tags) is missing: bundles are delivered without index tags",
            "add `t`, or let a lifecycle policy go by the prefix of names instead",
        );
    }
    if needs.is_fleet {
        for (permission, does) in [('r', "read"), ('l', "list")] {
            if has(permission) {
                found.warn(
                    match permission {
                        'r' => "fleet-read",
                        _ => "fleet-list",
                    },
                    format!("`{permission}`: every host that has it can {does} the bundles of all others"),
                    "give each host or tenant a container of its own, or leave it out of the fleet's SAS",
                );
            }
        }
    } else if has('l') {
        found.add(
            Gravity::Note,
            "list",
            "`l` (list) is not needed: who has it can list all that is in the container",
            "leave it out when the next one is made",
        );
    }
    let destroys: String = permissions
        .chars()
        .filter(|char| "dxy".contains(*char))
        .collect();
    if !destroys.is_empty() {
        found.warn(
            "delete",
            format!("`{destroys}`: who has it can delete bundles, also those of other hosts"),
            "make a new one with `sp=rcw`",
        );
    }
}

/// When it holds.
fn times(sas: &Sas, now: i64, needs: &Needs, found: &mut Found) {
    let fields = sas.fields();
    let all = [
        fields.starts,
        fields.expires,
        fields.key_starts,
        fields.key_expires,
    ];
    if all.contains(&Some(SasTime::Unreadable)) {
        found.unusable(
            "time",
            "a time in it cannot be read",
            "write times in UTC, such as 2028-11-24T00:00:00Z",
        );
    }
    let starts = [fields.starts, fields.key_starts].into_iter().flatten();
    if let Some(start) = starts.filter_map(SasTime::micros).max() {
        begins(start, now, found);
    }
    if fields.expires.is_none() {
        match &fields.policy {
            Some(policy) => found.add(
                Gravity::Note,
                "policy-dates",
                format!("the stored access policy `{policy}` says when it ends, which is not seen from here"),
                "note the policy's end where you plan: no warning of it will come",
            ),
            None => found.unusable(
                "no-expiry",
                "it does not say when it ends: `se` is missing",
                "copy the SAS anew and whole",
            ),
        }
    }
    if let Some(end) = sas.expires() {
        let is_key = fields.key_expires.and_then(SasTime::micros) == Some(end);
        ends(
            end,
            is_key && fields.expires.and_then(SasTime::micros) != Some(end),
            now,
            needs,
            found,
        );
    }
}

fn begins(start: i64, now: i64, found: &mut Found) {
    let ahead = start.saturating_sub(now);
    if ahead > CLOCK_SKEW {
        found.unusable(
            "not-yet",
            format!(
                "it begins only at {}, in {}",
                Timestamp::from_micros(start),
                rounded(ahead)
            ),
            "wait, check this machine's clock, or make a new one that begins a day ago",
        );
    } else if ahead > 0 {
        found.warn(
            "about-to-begin",
            format!(
                "it begins in {}: it may be refused until then",
                rounded(ahead)
            ),
            "make the next one begin a day before: clocks differ",
        );
    }
}

fn ends(end: i64, is_key: bool, now: i64, needs: &Needs, found: &mut Found) {
    let left = end.saturating_sub(now);
    let it = match is_key {
        true => "the user delegation key it is made with",
        false => "it",
    };
    let when = Timestamp::from_micros(end);
    const ANEW: &str = "make a new one, two years long, and put it in the place of this one: it is used \
                        without a restart";
    if left < -CLOCK_SKEW {
        let ago = rounded(left.saturating_neg());
        found.unusable(
            "expired",
            format!("{it} expired at {when}, {ago} ago"),
            ANEW,
        );
    } else if left <= CLOCK_SKEW {
        found.warn(
            "about-to-expire",
            format!("{it} expires at {when}, about now: by Azure's clock it may have ended"),
            ANEW,
        );
    } else if left <= needs.expiry_warning {
        found.warn(
            "expires-soon",
            format!("{it} expires at {when}, in {}", rounded(left)),
            ANEW,
        );
    }
}

/// A duration to the day, hour, minute or second, whatever is largest.
fn rounded(micros: i64) -> String {
    let unit = [DAY, 3_600 * SECOND, 60 * SECOND]
        .into_iter()
        .find(|unit| micros >= *unit)
        .unwrap_or(SECOND);
    let whole = micros.div_euclid(unit).max(1);
    match unit {
        DAY if whole == 1 => "1 day".to_owned(),
        DAY => format!("{whole} days"),
        _ => format_duration(whole.saturating_mul(unit)),
    }
}

/// How it may travel, and from where.
fn protocol(sas: &Sas, found: &mut Found) {
    let fields = sas.fields();
    let is_https_only = fields.protocols.as_deref() == Some("https");
    if sas.container().scheme() == "http" {
        let is_here = match sas.container().host() {
            Some(Host::Domain(host)) => host == "localhost",
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        };
        if is_https_only {
            found.unusable(
                "protocol",
                "it holds for https only, and its URL says http",
                "write https:// in the URL; the signature stays",
            );
        } else if !is_here {
            found.unusable(
                "clear-text",
                "its URL says http: the signature and the bundles would travel in clear text",
                "write https:// in the URL; the signature stays",
            );
        }
    } else if !is_https_only {
        found.warn(
            "allows-http",
            "it allows http too, where anybody on the way can read the signature",
            "make the next one for https only (`spr=https`)",
        );
    }
    if let Some(addresses) = &fields.addresses {
        found.add(
            Gravity::Note,
            "addresses",
            format!(
                "it holds only from {addresses}: whether that is this machine is not seen from here"
            ),
            "check the address that this machine has on the internet, behind proxies and gateways",
        );
    }
}
