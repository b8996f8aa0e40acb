//! `[azure]`: the container that bundles are delivered to, and how.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tripline_bundle::azure::sas::{FileSas, Needs, Sas, SasError, SasSource, read_env, read_stdin};
use tripline_core::contract::Problem;
use tripline_core::table::Table;
use tripline_core::time::SECOND;

use super::storm::{read_duration, read_size};
use crate::exit::Failure;

/// What `block_bytes` may be. Azure allows more; what is in memory at once is this times `concurrency`.
pub const BLOCK_BYTES: RangeInclusive<u64> = 64 << 10..=64 << 20;
/// What `concurrency` may be.
pub const UPLOADS: RangeInclusive<u64> = 1..=16;
/// What `rate` may be, in bytes a second.
pub const UPLOAD_RATE: RangeInclusive<u64> = 16 << 10..=16 << 30;
/// What `start_jitter` may be, in µs.
pub const START_JITTER: RangeInclusive<i64> = 0..=6 * 3_600 * SECOND;
/// What `expiry_warning` may be, in µs.
pub const EXPIRY_WARNING: RangeInclusive<i64> = 86_400 * SECOND..=366 * 86_400 * SECOND;
/// What `fall_back_after` may be, in µs.
pub const FALL_BACK_AFTER: RangeInclusive<i64> = 60 * SECOND..=366 * 86_400 * SECOND;
/// The most characters of `deployment` and `host`.
pub const MOST_NAME_CHARS: usize = 63;

/// The words of `tier`.
const TIERS: [(&str, Tier); 4] = [
    ("cool", Tier::Cool),
    ("cold", Tier::Cold),
    ("hot", Tier::Hot),
    ("account", Tier::Account),
];

/// The words of `fold`.
const FOLDS: [(&str, FoldBy); 2] = [("none", FoldBy::None), ("fleet", FoldBy::Fleet)];

/// Where a SAS is kept. The SAS itself is never part of the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SasPlace {
    /// A file, watched.
    File(PathBuf),
    /// An environment variable, read at the start.
    Env(String),
    /// Standard input, of a command only.
    Stdin,
}

/// What came on standard input, or why nothing did.
#[derive(Debug)]
struct Piped(Result<Arc<Sas>, SasError>);

/// What a bundle costs to keep and to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tier {
    /// Cheap to keep, for 30 days at least.
    Cool,
    /// Cheaper to keep, for 90 days at least.
    Cold,
    /// Cheap to read.
    Hot,
    /// What the account's default is.
    Account,
}

/// Whether the same bundle of several hosts is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FoldBy {
    /// Every host delivers under its own name.
    None,
    /// The first host delivers; the others find it there.
    Fleet,
}

/// The section. Its [`Default`] is what holds without it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Azure {
    /// The SAS of the default container; without one there is none.
    pub sas: Option<SasPlace>,
    /// The tier of bundles.
    pub tier: Tier,
    /// Bytes of a block; less on a link that is too slow for it.
    pub block_bytes: u64,
    /// Blocks on their way at once.
    pub concurrency: usize,
    /// Bytes a second.
    pub rate: u64,
    /// The longest wait before an upload, in µs; each host and bundle has its own below it.
    pub start_jitter: i64,
    /// A proxy, without credentials.
    pub proxy: Option<String>,
    /// Certificates (PEM) that are trusted beside those of the system.
    pub ca_file: Option<PathBuf>,
    /// How long before its end a SAS is warned of, in µs.
    pub expiry_warning: i64,
    /// The first part of the names of blobs.
    pub deployment: String,
    /// The second part; the machine's own name unless set.
    pub host: Option<String>,
    /// Whether the hosts of a fleet deliver the same bundle once.
    pub fold: FoldBy,
    /// Whether bundles are saved to the share of `[share]` as well.
    pub copy_to_share: bool,
    /// How long a delivery may be held before it goes to the share of `[share]` instead, in µs.
    pub fall_back_after: Option<i64>,
}

// === impl SasPlace ===

impl SasPlace {
    /// Reads `sas_file` or `sas_env`.
    pub(super) fn read(table: &mut Table<'_, '_>) -> Option<Self> {
        let file = table.text("sas_file");
        let variable = table.text("sas_env");
        match (file, variable) {
            (Some(_), Some(_)) => {
                let message = "a SAS is in one place: `sas_file` or `sas_env`, not both";
                table.problem("sas_env", message.to_owned());
                None
            }
            (Some(""), _) => {
                table.problem("sas_file", "it is empty; name a file".to_owned());
                None
            }
            (Some(file), _) => Some(Self::File(file.into())),
            (_, Some(name)) if is_variable(name) => Some(Self::Env(name.to_owned())),
            (_, Some(_)) => {
                // What stands there may be the SAS itself: it is not repeated.
                let message = "it is no name of an environment variable; the SAS itself does not belong \
                               into a configuration";
                table.problem("sas_env", message.to_owned());
                None
            }
            (None, None) => None,
        }
    }

    /// A file, or `-` for standard input.
    #[must_use]
    pub fn of(path: &Path) -> Self {
        match path == Path::new("-") {
            true => Self::Stdin,
            false => Self::File(path.to_owned()),
        }
    }

    /// The SAS that is there now.
    ///
    /// # Errors
    /// When there is none, or it cannot be read.
    pub fn sas(&self) -> Result<Arc<Sas>, SasError> {
        match self {
            Self::File(path) => FileSas::new(path).sas(),
            Self::Env(name) => read_env(name),
            Self::Stdin => piped(),
        }
    }

    /// The SAS there, to be asked for before every request.
    ///
    /// # Errors
    /// [`Failure::Environment`] when the variable holds none. A file may come later, and what is not on
    /// standard input is said when it is asked for.
    pub fn source(&self) -> Result<Arc<dyn SasSource>, Failure> {
        Ok(match self {
            Self::File(path) => Arc::new(FileSas::new(path)),
            Self::Env(name) => {
                let sas = read_env(name);
                Arc::new(sas.map_err(|error| Failure::Environment(error.into()))?)
            }
            Self::Stdin => Arc::new(Piped(piped())),
        })
    }
}

impl std::fmt::Display for SasPlace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(path) => write!(f, "the file `{}`", path.display()),
            Self::Env(name) => write!(f, "the environment variable `{name}`"),
            Self::Stdin => f.write_str("standard input"),
        }
    }
}

/// The SAS on standard input, which can be read only once.
fn piped() -> Result<Arc<Sas>, SasError> {
    static PIPED: OnceLock<Result<Arc<Sas>, SasError>> = OnceLock::new();
    let piped = PIPED.get_or_init(|| read_stdin(std::io::stdin().lock()));
    piped.clone()
}

// === impl Piped ===

impl SasSource for Piped {
    fn sas(&self) -> Result<Arc<Sas>, SasError> {
        self.0.clone()
    }
}

// === impl Azure ===

impl Azure {
    /// Reads the section, if it is there; what is wrong keeps its default and is a problem.
    pub(super) fn read(document: &mut Table<'_, '_>) -> Self {
        let mut azure = Self::default();
        let Some(value) = document.value("azure") else {
            return azure;
        };
        let path = document.path_of("azure");
        let Some(mut table) = Table::of(value, path, document.problems()) else {
            return azure;
        };
        azure.sas = SasPlace::read(&mut table);
        azure.tier = table.choice("tier", &TIERS).unwrap_or(azure.tier);
        let size = read_size(&mut table, "block_bytes", BLOCK_BYTES);
        azure.block_bytes = size.unwrap_or(azure.block_bytes);
        if let Some(count) = table.count("concurrency", UPLOADS) {
            azure.concurrency = usize::try_from(count).unwrap_or(azure.concurrency);
        }
        let rate = read_size(&mut table, "rate", UPLOAD_RATE);
        azure.rate = rate.unwrap_or(azure.rate);
        let jitter = read_duration(&mut table, "start_jitter", START_JITTER);
        azure.start_jitter = jitter.unwrap_or(azure.start_jitter);
        azure.proxy = read_proxy(&mut table);
        match table.text("ca_file") {
            Some("") => table.problem("ca_file", "it is empty; name a file".to_owned()),
            file => azure.ca_file = file.map(PathBuf::from),
        }
        let warning = read_duration(&mut table, "expiry_warning", EXPIRY_WARNING);
        azure.expiry_warning = warning.unwrap_or(azure.expiry_warning);
        azure.deployment = read_name(&mut table, "deployment").unwrap_or(azure.deployment);
        azure.host = read_name(&mut table, "host");
        azure.fold = table.choice("fold", &FOLDS).unwrap_or(azure.fold);
        azure.copy_to_share = table.flag("copy_to_share").unwrap_or(azure.copy_to_share);
        azure.fall_back_after = read_duration(&mut table, "fall_back_after", FALL_BACK_AFTER);
        table.finish();
        azure
    }

    /// Notes what needs a folder of `[share]` when there is none.
    pub(super) fn check_share(&self, has_share: bool, document: &mut Table<'_, '_>) {
        if has_share {
            return;
        }
        for (key, is_set) in [
            ("copy_to_share", self.copy_to_share),
            ("fall_back_after", self.fall_back_after.is_some()),
        ] {
            if is_set {
                let path = format!("{}/{key}", document.path_of("azure"));
                let message = "it needs a folder: set `path` of `[share]`".to_owned();
                document.problems().push(Problem { path, message });
            }
        }
    }

    /// What is asked of a SAS for this section.
    #[must_use]
    pub fn needs(&self) -> Needs {
        Needs {
            is_fleet: self.fold == FoldBy::Fleet,
            expiry_warning: self.expiry_warning,
            ..Needs::default()
        }
    }

    /// The longest wait before an upload.
    #[must_use]
    pub fn longest_jitter(&self) -> Duration {
        Duration::from_micros(u64::try_from(self.start_jitter).unwrap_or(0))
    }
}

impl Default for Azure {
    fn default() -> Self {
        Self {
            sas: None,
            tier: Tier::Cool,
            block_bytes: 4 << 20,
            concurrency: 2,
            rate: 4 << 20,
            start_jitter: 300 * SECOND,
            proxy: None,
            ca_file: None,
            expiry_warning: 14 * 86_400 * SECOND,
            deployment: "tripline".to_owned(),
            host: None,
            fold: FoldBy::None,
            copy_to_share: false,
            fall_back_after: None,
        }
    }
}

pub(super) fn is_variable(name: &str) -> bool {
    let plain = |char: char| char.is_ascii_alphanumeric() || char == '_';
    (1..=MOST_NAME_CHARS).contains(&name.len()) && name.chars().all(plain)
}

/// A part of the names of blobs.
fn read_name(table: &mut Table<'_, '_>, key: &'static str) -> Option<String> {
    let text = table.text(key)?;
    let plain = |char: char| char.is_ascii_alphanumeric() || "-_.".contains(char);
    let fits = (1..=MOST_NAME_CHARS).contains(&text.len())
        && text.chars().all(plain)
        && !text.starts_with('.')
        && !text.ends_with('.');
    if !fits {
        let message = format!(
            "expected 1 to {MOST_NAME_CHARS} of a-z, A-Z, 0-9, `-`, `_` and, inside, `.`: it becomes part \
             of the names of blobs"
        );
        table.problem(key, message);
        return None;
    }
    Some(text.to_owned())
}

/// A proxy by URL. Credentials would be shown by everything that shows a configuration.
fn read_proxy(table: &mut Table<'_, '_>) -> Option<String> {
    let text = table.text("proxy")?;
    let url = url::Url::parse(text).ok();
    let is_fine = url.is_some_and(|url| {
        matches!(url.scheme(), "http" | "https")
            && url.host().is_some()
            && url.username().is_empty()
            && url.password().is_none()
    });
    if !is_fine {
        let message =
            "it is no proxy such as http://proxy.example:3128; name and password are not possible";
        table.problem("proxy", message.to_owned());
        return None;
    }
    Some(text.to_owned())
}
