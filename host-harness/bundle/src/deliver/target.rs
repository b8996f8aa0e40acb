//! Where bundles go.

use std::{path::PathBuf, sync::Arc, time::Duration};

use super::AzureTarget;
use crate::local::ShareLimits;

/// Where bundles go.
#[derive(Debug, Clone)]
pub enum Target {
    /// To a folder.
    Local(LocalTarget),
    /// To a container.
    Azure(Arc<AzureTarget>),
    /// To both; a bundle is delivered once it is in both.
    Both(Arc<AzureTarget>, LocalTarget),
    /// To a container, and to a folder instead if it does not get there in so long a time.
    Fallback {
        /// The container.
        azure: Arc<AzureTarget>,
        /// The folder.
        local: LocalTarget,
        /// How long a bundle waits for the container.
        after: Duration,
    },
}

/// A folder that bundles are delivered to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalTarget {
    /// The folder.
    pub folder: PathBuf,
    /// What it may hold; with limits, a bundle that finds no room is held.
    pub limits: Option<ShareLimits>,
}

// === impl Target ===

impl Target {
    /// A folder without limits.
    #[must_use]
    pub fn folder(folder: impl Into<PathBuf>) -> Self {
        Self::Local(LocalTarget {
            folder: folder.into(),
            limits: None,
        })
    }

    /// The container, if there is one.
    #[must_use]
    pub const fn azure(&self) -> Option<&Arc<AzureTarget>> {
        match self {
            Self::Local(_) => None,
            Self::Azure(azure) | Self::Both(azure, _) | Self::Fallback { azure, .. } => Some(azure),
        }
    }

    /// The folder, if there is one.
    #[must_use]
    pub const fn local(&self) -> Option<&LocalTarget> {
        match self {
            Self::Azure(_) => None,
            Self::Local(local) | Self::Both(_, local) | Self::Fallback { local, .. } => Some(local),
        }
    }
}
