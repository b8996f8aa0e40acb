//! Where bundles go, by the configuration, as whoever delivers takes it.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use tripline_bundle::azure::sas::SasSource;
use tripline_bundle::azure::{OpenError, Proxy, SasCredentials, TransportOptions};
use tripline_bundle::deliver::{AzureOptions, AzureTarget, LocalTarget, Routes, Target};
use tripline_bundle::spool::RequestRow;

use crate::config::{
    Azure, FoldBy, Route, RouteChoice, RouteFacts, SasPlace, Settings, Tier, choose_route,
};
use crate::exit::Failure;

/// What the default target is called.
const DEFAULT: &str = "default";

/// The targets of a configuration, by route.
#[derive(Debug, Default)]
pub struct Targets {
    routes: Vec<Route>,
    by_route: BTreeMap<String, Target>,
    default: Option<Target>,
}

// === impl Targets ===

impl Targets {
    /// Those of a configuration. Nothing is asked of anybody yet, and a SAS may come later.
    ///
    /// # Errors
    /// Environment when a SAS is in a variable that has none, or a proxy or certificates cannot be used.
    pub fn of(settings: &Settings) -> Result<Self, Failure> {
        let Settings { azure, share, .. } = settings;
        let default = target(
            settings,
            azure.sas.as_ref(),
            share.path.as_deref().filter(|_| {
                // Beside a container, the folder takes part only if it is told to.
                azure.sas.is_none() || azure.copy_to_share || azure.fall_back_after.is_some()
            }),
        )?;
        let mut by_route = BTreeMap::new();
        for route in &settings.routes {
            let target = target(settings, route.sas.as_ref(), route.share.as_deref())?;
            by_route.extend(target.map(|target| (route.name.clone(), target)));
        }
        Ok(Self {
            routes: settings.routes.clone(),
            by_route,
            default,
        })
    }

    /// Where bundles go without any route.
    #[must_use]
    pub const fn default_target(&self) -> Option<&Target> {
        self.default.as_ref()
    }
}

impl Routes for Targets {
    fn target(&self, row: &RequestRow) -> Option<(&str, &Target)> {
        match choose_route(&self.routes, RouteFacts::of(&row.request)) {
            RouteChoice::Default => Some((DEFAULT, self.default.as_ref()?)),
            RouteChoice::Route(route) => {
                let (name, target) = self.by_route.get_key_value(&route.name)?;
                Some((name, target))
            }
            RouteChoice::Nowhere => None,
        }
    }
}

/// A target of a container, a folder or both; `None` of neither.
fn target(
    settings: &Settings,
    sas: Option<&SasPlace>,
    folder: Option<&Path>,
) -> Result<Option<Target>, Failure> {
    let Settings { azure, share, .. } = settings;
    let azure_target = sas
        .map(|place| azure_target(azure, place.source()?))
        .transpose()?;
    let local = folder.map(|folder| LocalTarget {
        folder: folder.to_owned(),
        limits: Some(share.limits()),
    });
    let after = azure.fall_back_after.map(duration);
    Ok(match (azure_target, local, after) {
        (None, None, _) => None,
        (None, Some(local), _) => Some(Target::Local(local)),
        (Some(azure), None, _) => Some(Target::Azure(azure)),
        (Some(container), Some(local), Some(after)) if !azure.copy_to_share => {
            Some(Target::Fallback {
                azure: container,
                local,
                after,
            })
        }
        (Some(container), Some(local), _) => Some(Target::Both(container, local)),
    })
}

/// The container that a SAS opens.
///
/// # Errors
/// Environment when the proxy or the certificates cannot be used.
pub fn azure_target(
    azure: &Azure,
    source: Arc<dyn SasSource>,
) -> Result<Arc<AzureTarget>, Failure> {
    let credentials = Arc::new(SasCredentials::new(source));
    let target = AzureTarget::new(credentials, azure_options(azure));
    Ok(Arc::new(target.map_err(unusable)?))
}

/// How bundles are delivered to containers.
#[must_use]
pub fn azure_options(azure: &Azure) -> AzureOptions {
    let host = azure.host.clone().unwrap_or_else(host_name);
    let mut options = AzureOptions::new(&azure.deployment, &host);
    options.folds_fleet = azure.fold == FoldBy::Fleet;
    options.block_bytes = azure.block_bytes;
    options.blocks_at_once = NonZeroUsize::new(azure.concurrency).unwrap_or(NonZeroUsize::MIN);
    options.is_cool = azure.tier == Tier::Cool;
    options.transport = transport_options(azure);
    options
}

/// How storage accounts are reached.
#[must_use]
pub fn transport_options(azure: &Azure) -> TransportOptions {
    TransportOptions {
        proxy: match &azure.proxy {
            Some(url) => Proxy::Url(SecretString::from(url.as_str())),
            None => Proxy::Environment,
        },
        ca_file: azure.ca_file.clone(),
        bytes_per_second: Some(azure.rate),
        ..TransportOptions::default()
    }
}

/// What this machine calls itself.
#[must_use]
pub fn host_name() -> String {
    let of_kernel = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let name = of_kernel.or_else(|| std::env::var("HOSTNAME").ok());
    let name = name.map(|name| name.trim().to_owned());
    name.filter(|name| !name.is_empty())
        .unwrap_or_else(|| "host".to_owned())
}

pub(crate) fn unusable(error: OpenError) -> Failure {
    Failure::Environment(error.into())
}

fn duration(micros: i64) -> Duration {
    Duration::from_micros(u64::try_from(micros).unwrap_or(0))
}
