//! Where bundles go, by the configuration, as whoever delivers takes it.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use tripline_bundle::azure::sas::SasSource;
use tripline_bundle::azure::{self, OpenError, Proxy, SasCredentials, TransportOptions};
use tripline_bundle::deliver::{AzureOptions, AzureTarget, LocalTarget, Routes, Target};
use tripline_bundle::spool::{Kind, RequestRow};

use crate::config::{
    Azure, FoldBy, Route, RouteChoice, RouteFacts, SasPlace, Settings, Tier, choose_route,
};
use crate::exit::Failure;

/// What the default target is called.
const DEFAULT: &str = "default";

/// What the folder of canaries is called, as no route can be.
const CANARIES: &str = "(canaries)";

/// The targets of a configuration, by route.
#[derive(Debug, Default)]
pub struct Targets {
    routes: Vec<Route>,
    by_route: BTreeMap<String, Target>,
    default: Option<Target>,
    /// Where canaries go that stay on the machine.
    canaries: Option<Target>,
}

// === impl Targets ===

impl Targets {
    /// Those of a configuration. Nothing is asked of anybody yet, and a SAS may come later.
    ///
    /// # Errors
    /// Environment when a SAS is in a variable that has none, or a proxy or certificates cannot be used.
    pub fn of(settings: &Settings) -> Result<Self, Failure> {
        let Settings { azure, share, .. } = settings;
        let mut line = None;
        let default = target(
            settings,
            &mut line,
            azure.sas.as_ref(),
            share.path.as_deref().filter(|_| {
                // Beside a container, the folder takes part only if it is told to.
                azure.sas.is_none() || azure.copy_to_share || azure.fall_back_after.is_some()
            }),
        )?;
        let mut by_route = BTreeMap::new();
        for route in &settings.routes {
            let (sas, share) = (route.sas.as_ref(), route.share.as_deref());
            let target = target(settings, &mut line, sas, share)?;
            by_route.extend(target.map(|target| (route.name.clone(), target)));
        }
        Ok(Self {
            routes: settings.routes.clone(),
            by_route,
            default,
            canaries: None,
        })
    }

    /// The same, with a folder for what would have no target otherwise.
    #[must_use]
    pub fn or_folder(mut self, folder: LocalTarget) -> Self {
        self.default.get_or_insert(Target::Local(folder));
        self
    }

    /// The same, with a folder for canaries that stay on the machine.
    #[must_use]
    pub fn with_canaries(mut self, folder: LocalTarget) -> Self {
        self.canaries = Some(Target::Local(folder));
        self
    }

    /// Where bundles go without any route.
    #[must_use]
    pub const fn default_target(&self) -> Option<&Target> {
        self.default.as_ref()
    }
}

impl Routes for Targets {
    fn target(&self, row: &RequestRow) -> Option<(&str, &Target)> {
        if row.kind == Kind::Test && !row.is_gated() {
            return Some((CANARIES, self.canaries.as_ref()?));
        }
        match choose_route(&self.routes, RouteFacts::of(&row.request)) {
            RouteChoice::Default => Some((DEFAULT, self.default.as_ref()?)),
            RouteChoice::Route(route) => {
                let (name, target) = self.by_route.get_key_value(&route.name)?;
                Some((name, target))
            }
            RouteChoice::Nowhere => None,
        }
    }

    /// Those that people ask for are delivered by their own command, to their own target.
    fn is_ours(&self, row: &RequestRow) -> bool {
        row.kind != Kind::Manual
    }
}

/// A target of a container, a folder or both; `None` of neither. All containers share the line of the first.
fn target(
    settings: &Settings,
    line: &mut Option<Arc<AzureTarget>>,
    sas: Option<&SasPlace>,
    folder: Option<&Path>,
) -> Result<Option<Target>, Failure> {
    let Settings { azure, share, .. } = settings;
    let container = |place: &SasPlace| match line.as_deref() {
        Some(first) => {
            let credentials = Arc::new(SasCredentials::new(place.source()?));
            Ok(Arc::new(first.beside(credentials)))
        }
        None => azure_target(azure, place.source()?),
    };
    let azure_target = sas.map(container).transpose()?;
    if line.is_none() {
        *line = azure_target.clone();
    }
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
    options.tier = match azure.tier {
        Tier::Hot => Some(azure::Tier::Hot),
        Tier::Cool => Some(azure::Tier::Cool),
        Tier::Cold => Some(azure::Tier::Cold),
        Tier::Account => None,
    };
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

/// Whether storage accounts can be reached as a configuration says, as far as it is seen without asking.
///
/// # Errors
/// Usage when its certificates or its proxy cannot be used.
pub fn check(azure: &Azure) -> Result<(), Failure> {
    if azure.ca_file.is_none() && azure.proxy.is_none() {
        return Ok(());
    }
    transport_options(azure).check().map_err(|error| {
        Failure::usage(match error {
            OpenError::Certificates { path, why } => {
                format!("cannot use `{}` of `azure.ca_file`: {why}", path.display())
            }
            error => format!("cannot use `[azure]`: {error}"),
        })
    })
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use tripline_bundle::spool::{Spool, StormCaps};
    use tripline_core::contract::{Request, request_id};

    fn targets(text: &str) -> Targets {
        let config = Config::parse("my.toml", text);
        Targets::of(config.accepted().unwrap()).unwrap()
    }

    /// What kind of target it is, and its folder.
    fn shown(target: Option<&Target>) -> String {
        let folder = |local: &LocalTarget| local.folder.display().to_string();
        match target {
            None => "none".to_owned(),
            Some(Target::Local(local)) => format!("local {}", folder(local)),
            Some(Target::Azure(_)) => "azure".to_owned(),
            Some(Target::Both(_, local)) => format!("both {}", folder(local)),
            Some(Target::Fallback { local, after, .. }) => {
                format!("fallback {} after {after:?}", folder(local))
            }
        }
    }

    #[test]
    fn the_default_target_is_what_the_configuration_names() {
        for (text, expected) in [
            ("", "none"),
            ("[share]\npath = '/s'\n", "local /s"),
            ("[azure]\nsas_file = '/a'\n", "azure"),
            // A folder beside a container takes part only if it is told to.
            ("[azure]\nsas_file = '/a'\n[share]\npath = '/s'\n", "azure"),
            (
                "[azure]\nsas_file = '/a'\ncopy_to_share = true\n[share]\npath = '/s'\n",
                "both /s",
            ),
            (
                "[azure]\nsas_file = '/a'\nfall_back_after = '2m'\n[share]\npath = '/s'\n",
                "fallback /s after 120s",
            ),
        ] {
            assert_eq!(shown(targets(text).default_target()), expected, "{text}");
        }
    }

    #[test]
    fn a_bundle_goes_by_its_route_and_never_to_the_default_or_anothers() {
        let text = "[azure]\nsas_file = '/default'\n\
             [[route]]\nname = 'a'\nsubscription = 'aaaa'\nsas_file = '/a'\n\
             [[route]]\nname = 'b'\nsubscription = 'bbbb'\nshare_path = '/b'\n";
        let targets = targets(text);
        let dir = tempfile::TempDir::new().unwrap();
        let durability = tripline_bundle::recorder::Durability::None;
        let mut spool = Spool::open(dir.path(), durability, StormCaps::default()).unwrap();
        let mut place = |resource: &str| {
            let request = Request {
                id: request_id("r", resource, 0),
                rule: "r".to_owned(),
                group: resource.to_owned(),
                at: 0,
                from: 0,
                to: 0,
                line: None,
                severity: "info".to_owned(),
                evidence: "{}".to_owned(),
                attributes: vec![("resource".to_owned(), resource.to_owned())],
            };
            let id = spool.ask(Kind::Manual, &request).unwrap();
            let row = spool.request(&id).unwrap();
            let found = targets.target(&row);
            let name = found.map_or("-", |(name, _)| name).to_owned();
            format!("{name}: {}", shown(found.map(|(_, target)| target)))
        };
        assert_eq!(place("/subscriptions/AAAA/resourceGroups/x"), "a: azure");
        assert_eq!(place("/subscriptions/bbbb"), "b: local /b");
        assert_eq!(place("/subscriptions/cccc"), "-: none");
        assert_eq!(place("elsewhere"), "-: none");
    }

    #[test]
    fn the_settings_reach_the_uploader() {
        let text = "[azure]\ntier = 'account'\nblock_bytes = '1MiB'\nconcurrency = 3\nrate = '1MiB'\n\
             deployment = 'stamp'\nhost = 'node'\nfold = 'fleet'\n";
        let config = Config::parse("my.toml", text);
        let options = azure_options(&config.accepted().unwrap().azure);
        assert_eq!((&*options.deployment, &*options.host), ("stamp", "node"));
        assert!(options.folds_fleet && options.tier.is_none());
        assert_eq!(
            (options.block_bytes, options.blocks_at_once.get()),
            (1 << 20, 3)
        );
        assert_eq!(options.transport.bytes_per_second, Some(1 << 20));
        assert!(!host_name().is_empty());
    }
}
