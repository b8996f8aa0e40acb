//! The built-in redactors, by preset.

/// A part of a profile that can be named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Preset {
    /// SAS signatures, keys, tokens, passwords, private keys: removed.
    Secrets,
    /// Mail addresses, user principal names among them: tokens.
    Mails,
    /// Members and keys that name a user: tokens.
    Users,
    /// IPv4 and IPv6 addresses: tokens.
    Addresses,
    /// The subscription in resource ids: tokens. Opt-in.
    Subscriptions,
    /// Members that name a machine, and hosts of URLs: tokens. Opt-in.
    Hosts,
}

/// A built-in pattern. What is in the group `v` is replaced, without one the whole match.
pub(super) struct Pattern {
    pub(super) preset: Preset,
    /// What it is counted as.
    pub(super) name: &'static str,
    /// The kind of its tokens; none if it removes.
    pub(super) kind: Option<&'static str>,
    /// Texts of which one must be there for a match, in any case; the texts are lower case.
    pub(super) triggers: &'static [&'static str],
    pub(super) regex: &'static str,
    pub(super) check: fn(&[u8]) -> bool,
}

// === impl Preset ===

impl Preset {
    /// Every preset.
    pub const ALL: [Self; 6] = [
        Self::Secrets,
        Self::Mails,
        Self::Users,
        Self::Addresses,
        Self::Subscriptions,
        Self::Hosts,
    ];

    /// Those of the profile `share`.
    pub const SHARE: [Self; 4] = [Self::Secrets, Self::Mails, Self::Users, Self::Addresses];

    /// The word in a configuration and before the names of its redactors.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Secrets => "secrets",
            Self::Mails => "mails",
            Self::Users => "users",
            Self::Addresses => "addresses",
            Self::Subscriptions => "subscriptions",
            Self::Hosts => "hosts",
        }
    }
}

const ANY: fn(&[u8]) -> bool = |_| true;

/// Key of a pair, in text: what may stand before `=` or `:`.
macro_rules! pair {
    ($keys:literal) => {
        concat!(
            r#"(?i)(?:\b|_)(?:"#,
            $keys,
            r#")\\?["']?\s{0,4}[=:]\s{0,4}(?:\\?"(?P<q>(?:[^"\\]|\\[^"])+)|'(?P<a>[^']+)|(?P<v>[^\s&;,"'<>(){}]+))"#
        )
    };
}

/// All of them; at most 64, one bit each.
pub(super) const PATTERNS: &[Pattern] = &[
    Pattern {
        preset: Preset::Secrets,
        name: "secrets.private-keys",
        kind: None,
        triggers: &["private key"],
        // To the end of the text if the block has none: the rest of it may be in the next line.
        regex: r"(?i)-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----(?s:(?P<v>.+?))(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY|\z)",
        check: ANY,
    },
    Pattern {
        preset: Preset::Secrets,
        name: "secrets.sas-signatures",
        kind: None,
        triggers: &["sig=", "sig ="],
        regex: r#"(?i)(?:\b|_)sig\s{0,4}=\s{0,4}(?P<v>[^&\s"'<>\\;,]+)"#,
        check: ANY,
    },
    Pattern {
        preset: Preset::Secrets,
        name: "secrets.account-keys",
        kind: None,
        triggers: &[
            "accountkey",
            "accesskey",
            "sharedsecret",
            "sharedkey",
            "endpointkey",
        ],
        regex: r#"(?i)(?:\b|_)(?:AccountKey|SharedAccessKey|AccessKey|SharedSecretValue|SharedSecret|SharedKey|EndpointKey)\s{0,4}=\s{0,4}(?P<v>[^;\s"'&<>\\]+)"#,
        check: ANY,
    },
    Pattern {
        preset: Preset::Secrets,
        name: "secrets.storage-keys",
        kind: None,
        triggers: &["=="],
        // 64 bytes in base64, as storage, Cosmos DB and others make their keys.
        regex: r"(?:^|[^A-Za-z0-9+/])(?P<v>[A-Za-z0-9+/]{86}==)",
        check: ANY,
    },
    Pattern {
        preset: Preset::Secrets,
        name: "secrets.jwts",
        kind: None,
        triggers: &["eyj"],
        regex: r"eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*){0,3}",
        check: ANY,
    },
    Pattern {
        preset: Preset::Secrets,
        name: "secrets.authorizations",
        kind: None,
        triggers: &["authorization"],
        regex: r#"(?i)(?:\b|_)(?:proxy-)?authorization\\?["']?\s{0,4}[=:]\s{0,4}\\?["']?(?:(?:bearer|basic|digest|negotiate|ntlm|sharedkey|sharedkeylite|sharedaccesssignature|aws4-hmac-sha256|token|apikey)\s+)?(?P<v>[^\s"'\\,<>]+)"#,
        check: ANY,
    },
    Pattern {
        preset: Preset::Secrets,
        name: "secrets.bearers",
        kind: None,
        triggers: &["bearer", "negotiate "],
        regex: r"(?i)\b(?:bearer|negotiate)[\s:=]{1,4}(?P<v>[A-Za-z0-9._~+/%-]{8,}=*)",
        check: is_opaque,
    },
    Pattern {
        preset: Preset::Secrets,
        name: "secrets.basics",
        kind: None,
        triggers: &["basic "],
        regex: r"(?i)\bbasic\s{1,4}(?P<v>[A-Za-z0-9+/]{8,}={0,2})",
        check: is_opaque,
    },
    Pattern {
        preset: Preset::Secrets,
        name: "secrets.url-passwords",
        kind: None,
        triggers: &["://"],
        regex: r#"(?i)\b[a-z][a-z0-9+.-]*://[^\s/?#@:"'<>]*:(?P<v>[^\s/?#"'<>]+)@"#,
        check: ANY,
    },
    Pattern {
        preset: Preset::Secrets,
        name: "secrets.passwords",
        kind: None,
        triggers: &["passw", "pwd", "passphrase"],
        regex: pair!("[a-z0-9_.-]{0,40}(?:password|passwd|passphrase|pwd)"),
        check: ANY,
    },
    Pattern {
        preset: Preset::Secrets,
        name: "secrets.secret-pairs",
        kind: None,
        triggers: &["secret"],
        regex: pair!("[a-z0-9_.-]{0,40}secret(?:[_-]?(?:value|key|text))?"),
        check: ANY,
    },
    Pattern {
        preset: Preset::Secrets,
        name: "secrets.key-pairs",
        kind: None,
        triggers: &["key"],
        regex: pair!(
            "(?:[a-z0-9_.-]{0,40}[_.-])?(?:api|account|access|shared[_-]?access|shared|storage|master|private|encryption|subscription|functions?|host|primary|secondary)[_-]?key"
        ),
        check: ANY,
    },
    Pattern {
        preset: Preset::Secrets,
        name: "secrets.tokens",
        kind: None,
        triggers: &["token"],
        regex: pair!(
            "(?:access|refresh|id|auth|sas|bearer|session|security|api|x-ms|csrf)[_-]?token"
        ),
        check: ANY,
    },
    Pattern {
        preset: Preset::Secrets,
        name: "secrets.tokens",
        kind: None,
        triggers: &["token="],
        regex: r#"(?i)\btoken=(?P<v>[^\s&;,"'<>(){}\\]+)"#,
        check: ANY,
    },
    Pattern {
        preset: Preset::Secrets,
        name: "secrets.options",
        kind: None,
        triggers: &["-p", "-token", "-secret", "-api", "-key"],
        regex: r#"(?i)(?:^|\s)--?(?:password|passwd|passphrase|pwd|secret|client-secret|token|access-token|api-?key|account-key)\s+["']?(?P<v>[^\s"'-][^\s"']*)"#,
        check: ANY,
    },
    Pattern {
        preset: Preset::Secrets,
        name: "secrets.function-codes",
        kind: None,
        triggers: &["code="],
        regex: r"(?i)[?&]code=(?P<v>[A-Za-z0-9_+/=%~.-]{20,})",
        check: ANY,
    },
    Pattern {
        preset: Preset::Secrets,
        name: "secrets.cookies",
        kind: None,
        triggers: &["cookie"],
        regex: r#"(?i)\b(?:set-)?cookie:\s{0,4}(?P<v>[^\r\n"']+)"#,
        check: ANY,
    },
    Pattern {
        preset: Preset::Secrets,
        name: "secrets.client-secrets",
        kind: None,
        triggers: &["q~"],
        // The form of Entra's client secrets.
        regex: r"\b[A-Za-z0-9_~.-]{3}[78]Q~[A-Za-z0-9_~.-]{31,34}",
        check: ANY,
    },
    Pattern {
        preset: Preset::Mails,
        name: "mails",
        kind: Some("mail"),
        triggers: &["@"],
        regex: r"[A-Za-z0-9._+'\x80-\xFF-]+(?:#EXT#)?@(?:[A-Za-z0-9\x80-\xFF-]+\.)+[A-Za-z\x80-\xFF][A-Za-z0-9\x80-\xFF-]+",
        check: ANY,
    },
    Pattern {
        preset: Preset::Users,
        name: "users",
        kind: Some("user"),
        triggers: &["user", "upn", "alias"],
        regex: pair!(
            "user[_-]?id|closedByUserAlias|user[_-]?principal[_-]?name|upn|user[_-]?name|userAlias"
        ),
        check: is_somebody,
    },
    Pattern {
        preset: Preset::Users,
        name: "users",
        kind: Some("user"),
        triggers: &["user="],
        regex: r#"(?i)\buser=(?P<v>[^\s&;,"'<>(){}|\\]+)"#,
        check: is_somebody,
    },
    Pattern {
        preset: Preset::Users,
        name: "users",
        kind: Some("user"),
        triggers: &["suser=", "duser=", "suid=", "duid="],
        // Values of CEF go on to the next key.
        regex: r"\b(?:suser|duser|suid|duid)=(?P<v>(?:[^=\\]|\\.)*?)\s*(?:\s[A-Za-z0-9_.]+=|[\r\n]|\z)",
        check: ANY,
    },
    Pattern {
        preset: Preset::Users,
        name: "users",
        kind: Some("user"),
        triggers: &["/users/"],
        // Paths of the service's REST API.
        regex: r#"(?i)/hubs/[^/\s"]+/(?:groups/[^/\s"]+/)?users/(?P<v>[^/?#\s"]+)"#,
        check: is_somebody,
    },
    Pattern {
        preset: Preset::Subscriptions,
        name: "subscriptions",
        kind: Some("subscription"),
        triggers: &["subscriptions/"],
        regex: r"(?i)\bsubscriptions/(?P<v>[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})",
        check: ANY,
    },
    Pattern {
        preset: Preset::Hosts,
        name: "hosts",
        kind: Some("host"),
        triggers: &["://"],
        regex: r#"(?i)\b[a-z][a-z0-9+.-]*://(?:[^\s/?#@"'<>]*@)?(?P<v>[a-z0-9][a-z0-9_.-]*)"#,
        check: ANY,
    },
    Pattern {
        preset: Preset::Hosts,
        name: "hosts",
        kind: Some("host"),
        triggers: &["host="],
        regex: r"(?i)\b(?:dvchost|shost|dhost|host|hostname)=(?P<v>[^\s&;,]+)",
        check: ANY,
    },
];

/// Not a word of a sentence: it has a digit, or more letters than words have.
fn is_opaque(value: &[u8]) -> bool {
    value.len() >= 24 || value.iter().any(u8::is_ascii_digit)
}

/// Not the absence of a user, nor the place for one in a template.
fn is_somebody(value: &[u8]) -> bool {
    let nobody: [&[u8]; 6] = [b"null", b"none", b"undefined", b"-", b"(null)", b"nil"];
    !value.starts_with(b"{") && !nobody.iter().any(|word| value.eq_ignore_ascii_case(word))
}
