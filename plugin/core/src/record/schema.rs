//! The forms that records have.

use super::Kind;

/// The form of a record: what wrote it, and so what its fields mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Schema {
    /// A resource log of Azure SignalR Service, a row of its table or of its live trace.
    SignalR,
    /// The same of Azure Web PubSub.
    WebPubSub,
    /// An alert of Azure Stack Hub: from the REST interface, the PowerShell module or syslog.
    StackHubAlert,
    /// A fault of Azure Stack Hub from syslog: earlier than an alert, and often without one.
    StackHubFault,
    /// A fault of the health service of Azure Local or Storage Spaces Direct.
    AzureLocalFault,
    /// An alert of Azure Monitor in the common alert schema.
    CommonAlert,
    /// A syslog or CEF line of another kind.
    Syslog,
    /// A JSON object of another kind.
    Other,
}

impl Schema {
    /// The kind of record that has this form.
    #[must_use]
    pub fn kind(self) -> Kind {
        match self {
            Self::SignalR => Kind::SignalR,
            Self::WebPubSub => Kind::WebPubSub,
            Self::StackHubAlert
            | Self::StackHubFault
            | Self::AzureLocalFault
            | Self::CommonAlert => Kind::HealthAlert,
            Self::Syslog | Self::Other => Kind::Other,
        }
    }

    /// The name that rules use to tell alerts apart; `None` for what is no alert.
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        match self {
            Self::StackHubAlert => Some("stack-hub-alert"),
            Self::StackHubFault => Some("stack-hub-fault"),
            Self::AzureLocalFault => Some("azure-local-fault"),
            Self::CommonAlert => Some("common-alert"),
            Self::SignalR | Self::WebPubSub | Self::Syslog | Self::Other => None,
        }
    }

    /// What a record of this form says of its severity, in our words: `fatal`, `error`, `warning`,
    /// `info`, `debug`.
    #[must_use]
    pub fn severity(self, raw: &str) -> Option<&'static str> {
        match self {
            Self::SignalR | Self::WebPubSub | Self::Other => severity_word(raw),
            Self::StackHubAlert | Self::StackHubFault | Self::Syslog => {
                numbered(raw, &CEF_NUMBERS).or_else(|| cef_word(raw))
            }
            Self::AzureLocalFault => numbered(raw, &HEALTH_NUMBERS).or_else(|| health_word(raw)),
            Self::CommonAlert => {
                let raw = raw.trim();
                let (sev, digit) = raw.split_at_checked(raw.len().checked_sub(1)?)?;
                (sev.is_empty() || sev.eq_ignore_ascii_case("sev"))
                    .then(|| numbered(digit, &MONITOR_NUMBERS))
                    .flatten()
            }
        }
    }
}

/// CEF's numbers, 0 to 10. Stack Hub writes 0, 2, 5, 8 and 10; the rest is by CEF's bands.
const CEF_NUMBERS: [&str; 11] = [
    "debug", "info", "info", "info", "warning", "warning", "warning", "error", "error", "fatal",
    "fatal",
];

/// CIM's numbers, 0 to 7: unknown, other, information, degraded, minor, major, critical, fatal.
const HEALTH_NUMBERS: [&str; 8] = [
    "debug", "info", "info", "info", "warning", "error", "fatal", "fatal",
];

/// `Sev0` to `Sev4`.
const MONITOR_NUMBERS: [&str; 5] = ["fatal", "error", "warning", "info", "debug"];

fn numbered(raw: &str, words: &[&'static str]) -> Option<&'static str> {
    let number: usize = raw.trim().parse().ok()?;
    words.get(number).copied()
}

/// The words of CEF's bands, and Stack Hub's own.
fn cef_word(raw: &str) -> Option<&'static str> {
    let words = [
        ("low", "info"),
        ("medium", "warning"),
        ("high", "error"),
        ("very-high", "fatal"),
    ];
    find(raw, &words).or_else(|| words_only(raw))
}

fn health_word(raw: &str) -> Option<&'static str> {
    let words = [
        ("degraded", "info"),
        ("degraded/warning", "info"),
        ("minor", "warning"),
        ("major", "error"),
        ("fatal/nonrecoverable", "fatal"),
        ("unknown", "debug"),
    ];
    find(raw, &words).or_else(|| words_only(raw))
}

fn words_only(raw: &str) -> Option<&'static str> {
    let is_number = raw.trim().bytes().all(|byte| byte.is_ascii_digit());
    (!is_number).then(|| severity_word(raw)).flatten()
}

fn find(raw: &str, words: &[(&str, &'static str)]) -> Option<&'static str> {
    words
        .iter()
        .find(|(word, _)| raw.trim().eq_ignore_ascii_case(word))
        .map(|(_, ours)| *ours)
}

/// A level or severity of Azure in our words: `fatal`, `error`, `warning`, `info`, `debug`. Numbers
/// are those of Windows events, 1 to 5.
#[must_use]
pub fn severity_word(raw: &str) -> Option<&'static str> {
    const WORDS: [(&str, &str); 18] = [
        ("critical", "fatal"),
        ("fatal", "fatal"),
        ("1", "fatal"),
        ("error", "error"),
        ("2", "error"),
        ("warning", "warning"),
        ("warn", "warning"),
        ("3", "warning"),
        ("informational", "info"),
        ("information", "info"),
        ("info", "info"),
        ("notice", "info"),
        ("4", "info"),
        ("verbose", "debug"),
        ("debug", "debug"),
        ("trace", "debug"),
        ("5", "debug"),
        ("undefined", "debug"),
    ];
    find(raw, &WORDS)
}
