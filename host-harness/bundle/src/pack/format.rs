//! What kind of file a bundle is.

/// The kind of file a bundle is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Format {
    /// A tar archive, compressed with zstd: small, and fast to make.
    #[default]
    TarZst,
    /// A zip archive, for people whose tools know nothing else.
    Zip,
}

// === impl Format ===

impl Format {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::TarZst, Self::Zip];

    /// Its name in configurations: `tar.zst` or `zip`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::TarZst => "tar.zst",
            Self::Zip => "zip",
        }
    }

    /// What the names of its files end in.
    #[must_use]
    pub const fn suffix(self) -> &'static str {
        match self {
            Self::TarZst => ".tar.zst",
            Self::Zip => ".zip",
        }
    }

    /// Its media type.
    #[must_use]
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::TarZst => "application/zstd",
            Self::Zip => "application/zip",
        }
    }

    /// The format of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.name() == name)
    }

    /// The format that a file's name ends in, and the name without the ending.
    #[must_use]
    pub fn of_file(name: &str) -> Option<(Self, &str)> {
        Self::ALL
            .into_iter()
            .find_map(|format| Some((format, name.strip_suffix(format.suffix())?)))
    }
}
