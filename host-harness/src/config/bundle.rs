//! `[bundle]`: what bundles are made of.

use std::path::PathBuf;

use tripline_bundle::pack::Format;
use tripline_bundle::signature::BundleSigner;
use tripline_core::table::Table;

use crate::exit::Failure;

/// The section. Its [`Default`] is what holds without it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bundle {
    /// What kind of file a bundle is.
    pub format: Format,
    /// The private key that signs bundles; they are not signed without one.
    pub signing_key_file: Option<PathBuf>,
}

// === impl Bundle ===

impl Bundle {
    /// Reads the section, if it is there; what is wrong keeps its default and is a problem.
    pub(super) fn read(document: &mut Table<'_, '_>) -> Self {
        let mut bundle = Self::default();
        let Some(value) = document.value("bundle") else {
            return bundle;
        };
        let path = document.path_of("bundle");
        let Some(mut table) = Table::of(value, path, document.problems()) else {
            return bundle;
        };
        let formats = Format::ALL.map(|format| (format.name(), format));
        bundle.format = table.choice("format", &formats).unwrap_or_default();
        let file = table.text("signing_key_file");
        bundle.signing_key_file = file.filter(|file| !file.is_empty()).map(PathBuf::from);
        table.finish();
        bundle
    }

    /// The signer of bundles, if they are signed.
    ///
    /// # Errors
    /// [`Failure::Usage`] when the key cannot be read.
    pub fn signer(&self) -> Result<Option<BundleSigner>, Failure> {
        let file = self.signing_key_file.as_deref();
        let signer = file.map(BundleSigner::read).transpose();
        signer.map_err(|error| Failure::usage(format!("`bundle.signing_key_file`: {error}")))
    }
}
