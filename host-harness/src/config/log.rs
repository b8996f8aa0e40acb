//! `[log]`: what the service writes on standard error.

use tripline_core::table::Table;

/// The section. Its [`Default`] is what holds without it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Log {
    /// How a line looks.
    pub format: LogFormat,
    /// The least severe that is written.
    pub level: LogLevel,
}

/// How a line of the log looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// How severe a line of the log is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogLevel {
    /// Something is lost or does not work.
    Error,
    /// Something is not as it should be.
    Warn,
    /// What happened, one line for each step of a bundle.
    #[default]
    Info,
    /// Details.
    Debug,
}

// === impl Log ===

impl Log {
    /// Reads the section, if it is there; what is wrong keeps its default and is a problem.
    pub(super) fn read(document: &mut Table<'_, '_>) -> Self {
        let mut log = Self::default();
        let Some(value) = document.value("log") else {
            return log;
        };
        let path = document.path_of("log");
        let Some(mut table) = Table::of(value, path, document.problems()) else {
            return log;
        };
        let formats = [("text", LogFormat::Text), ("json", LogFormat::Json)];
        log.format = table.choice("format", &formats).unwrap_or(log.format);
        let levels = LogLevel::ALL.map(|level| (level.name(), level));
        log.level = table.choice("level", &levels).unwrap_or(log.level);
        table.finish();
        log
    }
}

// === impl LogLevel ===

impl LogLevel {
    /// Every level.
    pub const ALL: [Self; 4] = [Self::Error, Self::Warn, Self::Info, Self::Debug];

    /// Its name in the configuration.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
        }
    }
}
