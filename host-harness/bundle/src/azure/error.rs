//! What went wrong between us and a container, from what the server or the connection says.
//!
//! The codes are those of "Blob service error codes" and "Common REST API error codes" in Microsoft's
//! documentation of the storage services.

use std::{fmt, time::Duration};

use azure_core::{
    Error,
    error::ErrorKind,
    http::{RawResponse, headers::HeaderName},
};
use chrono::{DateTime, Utc};
use url::Url;

use super::{Action, CredentialsError, FaultKind, Grants, wire::WireError, words};
use crate::timestamp::Timestamp;

/// The longest wait that a server may ask for; what is longer counts as this.
pub const MAX_RETRY_AFTER: Duration = Duration::from_secs(3600);

/// How far a clock may be off before it is worth a word, in µs.
const SKEW: i64 = 5 * 60 * 1_000_000;

/// Something that went wrong. Shown, it says what was being done, to what, why not and what to do; it
/// holds nothing secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault(Box<FaultFacts>);

/// What is known of a [`Fault`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FaultFacts {
    /// What it is.
    pub kind: FaultKind,
    /// Completes the sentence "cannot …".
    pub during: &'static str,
    /// The URL, without its query.
    pub place: String,
    /// The HTTP status, if there was an answer.
    pub status: Option<u16>,
    /// What the server calls it.
    pub code: Option<String>,
    /// By which the provider finds it in its logs.
    pub request_id: Option<String>,
    /// How long the server asks to wait, [`MAX_RETRY_AFTER`] at most.
    pub retry_after: Option<Duration>,
    /// By how many µs the clock of this machine is ahead of the server's, if that is worth a word.
    pub clock_ahead: Option<i64>,
}

// === impl Fault ===

impl Fault {
    /// What became of a request to `place`.
    pub(super) fn of(
        error: &Error,
        during: &'static str,
        place: &Url,
        grants: &Grants,
        now: Timestamp,
    ) -> Self {
        let mut fault = Self::new(FaultKind::Other(error.kind().to_string()), during, place);
        match error.kind() {
            ErrorKind::HttpResponse {
                status,
                raw_response: Some(answer),
                ..
            } => fault.answered((*status).into(), answer, grants, now),
            ErrorKind::HttpResponse { status, .. } => {
                let status: u16 = (*status).into();
                fault.0.status = Some(status);
                fault.0.kind = by_status(status, None);
            }
            _ => fault.0.kind = unanswered(error),
        }
        fault
    }

    /// One that is known without asking anybody.
    pub(super) fn new(kind: FaultKind, during: &'static str, place: &Url) -> Self {
        let mut place = place.clone();
        place.set_query(None);
        Self::known(kind, during, place.into())
    }

    /// The same of a place that has no URL.
    pub(crate) fn known(kind: FaultKind, during: &'static str, place: String) -> Self {
        Self(Box::new(FaultFacts {
            kind,
            during,
            place,
            status: None,
            code: None,
            request_id: None,
            retry_after: None,
            clock_ahead: None,
        }))
    }

    /// What to do about it.
    #[must_use]
    pub fn action(&self) -> Action {
        self.kind.action()
    }

    fn answered(&mut self, status: u16, answer: &RawResponse, grants: &Grants, now: Timestamp) {
        let header = |name: &'static str| {
            let headers = answer.headers();
            headers.get_optional_string(&HeaderName::from_static(name))
        };
        let code = header("x-ms-error-code").or_else(|| element(answer.body(), "Code"));
        let server = header("date").as_deref().and_then(read_date);
        let ahead = server.map(|server| now.micros().saturating_sub(server.micros()));
        let facts = &mut *self.0;
        facts.clock_ahead = ahead.filter(|ahead| ahead.abs() > SKEW);
        facts.status = Some(status);
        facts.request_id = header("x-ms-request-id");
        facts.retry_after = retry_after(&header, server.unwrap_or(now));
        facts.kind = match code.as_deref() {
            // Azure itself says the first, emulators and firewalls the second.
            Some(
                "AuthenticationFailed" | "AuthorizationFailure" | "NoAuthenticationInformation",
            ) => refused(grants, server.unwrap_or(now)),
            Some("InvalidHeaderValue" | "UnsupportedHeader" | "MissingRequiredHeader") => {
                FaultKind::Header(element(answer.body(), "HeaderName"))
            }
            code => by_status(status, code),
        };
        facts.code = code;
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        words::write(self, f)
    }
}

impl std::error::Error for Fault {}

impl std::ops::Deref for Fault {
    type Target = FaultFacts;

    fn deref(&self) -> &FaultFacts {
        &self.0
    }
}

// === helpers ===

/// A SAS that is not accepted: the times in it may say why.
fn refused(grants: &Grants, server: Timestamp) -> FaultKind {
    match (grants.start, grants.expiry) {
        (_, Some(expiry)) if expiry <= server => FaultKind::Expired(expiry),
        (Some(start), _) if start > server => FaultKind::NotYetValid(start),
        _ => FaultKind::Refused,
    }
}

fn by_status(status: u16, code: Option<&str>) -> FaultKind {
    match (status, code) {
        (_, Some("AuthorizationPermissionMismatch" | "InsufficientAccountPermissions")) => {
            FaultKind::Permission
        }
        (_, Some("AuthorizationProtocolMismatch")) => FaultKind::HttpsOnly,
        (_, Some("AuthorizationSourceIPMismatch")) => FaultKind::Address,
        (_, Some("AuthorizationServiceMismatch" | "AuthorizationResourceTypeMismatch")) => {
            FaultKind::Scope
        }
        (_, Some("KeyBasedAuthenticationNotPermitted")) => FaultKind::KeysRefused,
        (_, Some("AccountIsDisabled")) => FaultKind::Account,
        (_, Some("ContainerNotFound")) => FaultKind::NoContainer,
        (_, Some("ContainerBeingDeleted" | "ContainerDisabled")) => FaultKind::ContainerGoes,
        (_, Some("BlobNotFound")) => FaultKind::NoBlob,
        (
            _,
            Some("BlobAlreadyExists" | "UnauthorizedBlobOverwrite" | "BlobImmutableDueToPolicy"),
        ) => FaultKind::Exists,
        (_, Some("InvalidBlockList")) => FaultKind::BlocksLost,
        (_, Some("InvalidBlobOrBlock" | "InvalidBlockId")) => FaultKind::ForeignBlocks,
        (_, Some("Md5Mismatch" | "Crc64Mismatch")) => FaultKind::Checksum,
        (
            _,
            Some("LeaseAlreadyPresent" | "LeaseIdMissing" | "LeaseIdMismatchWithBlobOperation"),
        ) => FaultKind::Leased,
        (412, Some("ConditionNotMet" | "TargetConditionNotMet")) => FaultKind::Changed,
        // A proxy speaks of no code of the service.
        (407, None) => FaultKind::ProxyAuth,
        (502 | 504, None) => FaultKind::Gateway,
        (429, _) => FaultKind::Throttled,
        (408 | 500..=599, _) => FaultKind::Busy,
        (300..=399, _) => FaultKind::Redirected,
        // The answer to HEAD has no body, and some servers no code.
        (403, None) => FaultKind::Refused,
        (404, None) => FaultKind::NoBlob,
        (_, code) => FaultKind::Other(code.unwrap_or("no code").to_owned()),
    }
}

fn unanswered(error: &Error) -> FaultKind {
    if let Some(error) = error.downcast_ref::<CredentialsError>() {
        return FaultKind::Credentials(error.clone());
    }
    match error.downcast_ref::<WireError>() {
        Some(WireError::Unreachable(words)) => FaultKind::Offline(words.clone()),
        Some(WireError::Untrusted(why)) => FaultKind::Untrusted(why.clone()),
        Some(WireError::ProxyAuth) => FaultKind::ProxyAuth,
        Some(WireError::Timeout) => FaultKind::Timeout,
        Some(WireError::Broken(words)) => FaultKind::Broken(words.clone()),
        Some(error @ WireError::TooLong(_)) => FaultKind::Other(error.to_string()),
        // An answer that cannot be read: something between us and the server gave it.
        None => FaultKind::Broken(format!("an answer that cannot be read ({})", error.kind())),
    }
}

/// The text of an element of an error's XML, which is small and flat.
fn element(body: &[u8], name: &str) -> Option<String> {
    let text = std::str::from_utf8(body).ok()?;
    let (_, rest) = text.split_once(&format!("<{name}>"))?;
    let (value, _) = rest.split_once("</")?;
    let is_plain =
        value.len() <= 100 && value.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    is_plain.then(|| value.to_owned())
}

fn retry_after(
    header: &dyn Fn(&'static str) -> Option<String>,
    now: Timestamp,
) -> Option<Duration> {
    let millis = header("x-ms-retry-after-ms").or_else(|| header("retry-after-ms"));
    let millis = millis.and_then(|text| text.trim().parse().ok());
    let wait = millis.map(Duration::from_millis).or_else(|| {
        let text = header("retry-after")?;
        let seconds = text.trim().parse().ok().map(Duration::from_secs);
        seconds.or_else(|| {
            let until = read_date(&text)?.micros().saturating_sub(now.micros());
            Some(Duration::from_micros(u64::try_from(until).unwrap_or(0)))
        })
    })?;
    Some(wait.min(MAX_RETRY_AFTER))
}

/// An HTTP date: `Sun, 06 Nov 1994 08:49:37 GMT`.
fn read_date(text: &str) -> Option<Timestamp> {
    let time: DateTime<Utc> = DateTime::parse_from_rfc2822(text).ok()?.into();
    Some(Timestamp::from_micros(time.timestamp_micros()))
}
