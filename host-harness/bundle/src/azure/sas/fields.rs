//! What a SAS says of itself beside the signature.
//!
//! The names are those of the query: `sp` permissions, `sr` resource, `st` and `se` start and end, `spr`
//! protocols, `sip` addresses, `si` stored access policy, `sv` version, `ss` and `srt` services and
//! resource types of an account SAS, `skt` and `ske` start and end of the key of a user delegation SAS.

use tripline_core::time::parse_time;
use url::form_urlencoded;

/// The names that may be there once.
pub(super) const KEYS: [&str; 13] = [
    "sig", "sv", "sr", "sp", "st", "se", "spr", "sip", "si", "ss", "srt", "skt", "ske",
];

/// What a signature has in characters: base64 of HMAC-SHA256.
const SIGNATURE_CHARS: usize = 44;

/// A time as a SAS says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SasTime {
    /// µs since 1970.
    At(i64),
    /// It is in no form that Azure reads.
    Unreadable,
}

/// How the signature looks, without saying anything of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SignatureShape {
    /// As one should.
    #[default]
    Fine,
    /// A tool has turned `%2B` into `+`, which Azure takes for a blank.
    Decoded,
    /// It has another length than one of Azure, in characters.
    Length(usize),
}

/// What a SAS says beside the signature. None of it is secret.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SasFields {
    /// `sv`, the version of the service it was made for.
    pub version: String,
    /// `sr`: `c` container, `b` blob, `bs` snapshot, `bv` version, `d` folder.
    pub resource: Option<String>,
    /// `sp`, one letter each.
    pub permissions: Option<String>,
    /// `st`.
    pub starts: Option<SasTime>,
    /// `se`.
    pub expires: Option<SasTime>,
    /// `spr`: `https`, or `https,http`.
    pub protocols: Option<String>,
    /// `sip`: an address or a range.
    pub addresses: Option<String>,
    /// `si`: the name of a stored access policy, which may hold permissions, start and end.
    pub policy: Option<String>,
    /// `ss`, only of an account SAS.
    pub services: Option<String>,
    /// `srt`, only of an account SAS.
    pub resource_types: Option<String>,
    /// `skt`, only of a user delegation SAS.
    pub key_starts: Option<SasTime>,
    /// `ske`, only of a user delegation SAS.
    pub key_expires: Option<SasTime>,
    /// How the signature looks.
    pub signature: SignatureShape,
}

// === impl SasTime ===

impl SasTime {
    /// µs since 1970, if it can be read.
    #[must_use]
    pub const fn micros(self) -> Option<i64> {
        match self {
            Self::At(micros) => Some(micros),
            Self::Unreadable => None,
        }
    }

    /// Azure takes a date, or a time to the minute or the second in UTC.
    fn read(text: &str) -> Self {
        let plain = text.strip_suffix('Z').unwrap_or(text);
        let time = parse_time(text).or_else(|| parse_time(plain));
        time.or_else(|| parse_time(&format!("{plain}T00:00:00Z")))
            .map_or(Self::Unreadable, Self::At)
    }
}

// === impl SasFields ===

impl SasFields {
    /// Reads the query of a SAS.
    pub(super) fn read(query: &str) -> Self {
        let mut fields = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            if name == "sig" {
                fields.signature = SignatureShape::of(&value);
                continue;
            }
            let text = || Some(value.to_string()).filter(|text| !text.is_empty());
            let time = || text().map(|text| SasTime::read(&text));
            match &*name {
                "sv" => fields.version = value.to_string(),
                "sr" => fields.resource = text(),
                "sp" => fields.permissions = text(),
                "st" => fields.starts = time(),
                "se" => fields.expires = time(),
                "spr" => fields.protocols = text(),
                "sip" => fields.addresses = text(),
                "si" => fields.policy = text(),
                "ss" => fields.services = text(),
                "srt" => fields.resource_types = text(),
                "skt" => fields.key_starts = time(),
                "ske" => fields.key_expires = time(),
                _ => {}
            }
        }
        fields
    }

    /// Whether it gives a permission; `None` when a stored access policy may give it.
    #[must_use]
    pub fn permits(&self, permission: char) -> Option<bool> {
        match &self.permissions {
            Some(permissions) => Some(permissions.contains(permission)),
            None if self.policy.is_some() => None,
            None => Some(false),
        }
    }
}

// === impl SignatureShape ===

impl SignatureShape {
    fn of(decoded: &str) -> Self {
        if decoded.contains(' ') {
            return Self::Decoded;
        }
        match decoded.chars().count() {
            SIGNATURE_CHARS => Self::Fine,
            other => Self::Length(other),
        }
    }
}
