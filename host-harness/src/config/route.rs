//! `[[route]]`: which bundles go to which container or folder, and redacted how.
//!
//! Routes keep tenants apart, so a bundle that no route is for goes nowhere: it is held. Without any route
//! everything goes to the container of `[azure]`, or to the folder of `[share]` where there is none.

use std::path::PathBuf;

use serde_json::Value;
use tripline_core::contract::Request;
use tripline_core::table::Table;

use super::list::read_list;
use super::{Redact, SasPlace};

/// The most routes.
pub const MOST_ROUTES: usize = 100;
/// The most values of one key of a route.
pub const MOST_ROUTE_VALUES: usize = 100;
/// The most bytes of one of them.
pub const MOST_ROUTE_BYTES: usize = 1_024;

/// One route. Of one key any value is enough, of several keys each must fit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Route {
    /// What history and messages call it.
    pub name: String,
    /// Resources, with all that is below them; lower case.
    pub resources: Vec<String>,
    /// Ids of subscriptions; lower case.
    pub subscriptions: Vec<String>,
    /// Sources; with `*` at the end all that begin so.
    pub sources: Vec<String>,
    /// The container.
    pub sas: Option<SasPlace>,
    /// The folder.
    pub share: Option<PathBuf>,
    /// The redaction profile, instead of the one of `[redact]`.
    pub profile: Option<String>,
}

/// What routes go by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RouteFacts<'a> {
    /// The id of the resource that a request is about.
    pub resource: Option<&'a str>,
    /// The source of the line that asked.
    pub source: Option<&'a str>,
}

/// Where a bundle goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RouteChoice<'a> {
    /// There are no routes: to the container of `[azure]`, or the folder of `[share]`.
    Default,
    /// By this route.
    Route(&'a Route),
    /// Nowhere: it is held.
    Nowhere,
}

/// The first route that is for a request.
#[must_use]
pub fn choose_route<'a>(routes: &'a [Route], facts: RouteFacts<'_>) -> RouteChoice<'a> {
    if routes.is_empty() {
        return RouteChoice::Default;
    }
    let found = routes.iter().find(|route| route.is_for(facts));
    found.map_or(RouteChoice::Nowhere, RouteChoice::Route)
}

// === impl RouteFacts ===

impl<'a> RouteFacts<'a> {
    /// What routes go by in a request.
    #[must_use]
    pub fn of(request: &'a Request) -> Self {
        Self {
            resource: request.attribute("resource"),
            source: request.attribute("source"),
        }
    }
}

// === impl Route ===

impl Route {
    /// Whether it is for a request. What is not known of the request fits nothing.
    #[must_use]
    pub fn is_for(&self, facts: RouteFacts<'_>) -> bool {
        let resource = facts.resource.map(normal);
        let is_below = |above: &String| {
            let rest = resource
                .as_deref()
                .and_then(|id| id.strip_prefix(above.as_str()));
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let is_of = |subscription: &String| {
            resource.as_deref().and_then(subscription_of) == Some(subscription.as_str())
        };
        let is_from = |source: &String| {
            facts
                .source
                .is_some_and(|of| match source.strip_suffix('*') {
                    Some(beginning) => of.starts_with(beginning),
                    None => of == source,
                })
        };
        (self.resources.is_empty() || self.resources.iter().any(is_below))
            && (self.subscriptions.is_empty() || self.subscriptions.iter().any(is_of))
            && (self.sources.is_empty() || self.sources.iter().any(is_from))
    }

    /// Reads all routes; what is wrong is a problem, and that route is left out.
    pub(super) fn read_all(document: &mut Table<'_, '_>, redact: &Redact) -> Vec<Self> {
        read_list(
            document,
            "route",
            MOST_ROUTES,
            &mut |mut table, before: &[Self]| {
                let route = Self::read(&mut table, redact);
                if before.iter().any(|other| other.name == route.name) {
                    let message = format!("there is a route `{}` already", route.name);
                    table.problem("name", message);
                }
                table.finish();
                Some(route)
            },
        )
    }

    fn read(table: &mut Table<'_, '_>, redact: &Redact) -> Self {
        let name = table.text("name").unwrap_or_default().to_owned();
        let plain = |char: char| char.is_ascii_alphanumeric() || "-_.".contains(char);
        if !(1..=MOST_NAME_CHARS).contains(&name.len()) || !name.chars().all(plain) {
            let message = format!(
                "a route has a name: up to {MOST_NAME_CHARS} of a-z, A-Z, 0-9, `-`, `_` and `.`"
            );
            table.problem("name", message);
        }
        let resources = values(table, "resource");
        let subscriptions = values(table, "subscription");
        let route = Self {
            name,
            resources: resources.iter().map(|id| normal(id)).collect(),
            subscriptions: subscriptions.iter().map(|id| normal(id)).collect(),
            sources: values(table, "source"),
            sas: SasPlace::read(table),
            share: table.text("share_path").map(PathBuf::from),
            profile: table.text("profile").map(str::to_owned),
        };
        for id in &route.resources {
            if !id.starts_with("/subscriptions/") {
                let message = "a resource is an id such as /subscriptions/ID/resourceGroups/NAME";
                table.problem("resource", message.to_owned());
            }
        }
        if route
            .share
            .as_deref()
            .is_some_and(|path| path.as_os_str().is_empty())
        {
            table.problem("share_path", "it is empty; name a folder".to_owned());
        }
        let has_place = table.value("sas_file").is_some() || table.value("sas_env").is_some();
        if !has_place && route.share.is_none() {
            let message = "it leads nowhere: set `sas_file`, `sas_env` or `share_path`";
            table.problem("", message.to_owned());
        }
        if let Some(problem) = route
            .profile
            .as_deref()
            .and_then(|name| redact.problem_of(name))
        {
            table.problem("profile", problem);
        }
        route
    }
}

/// The most characters of a route's name.
const MOST_NAME_CHARS: usize = 63;

/// An id without case and without a slash at its end.
fn normal(id: &str) -> String {
    id.trim().trim_end_matches('/').to_lowercase()
}

/// The subscription of a resource, by its id in lower case.
fn subscription_of(resource: &str) -> Option<&str> {
    resource.strip_prefix("/subscriptions/")?.split('/').next()
}

/// A text or a list of texts, bounded.
fn values(table: &mut Table<'_, '_>, key: &'static str) -> Vec<String> {
    let Some(value) = table.value(key) else {
        return Vec::new();
    };
    let is_fine = |text: &&str| !text.trim().is_empty() && text.len() <= MOST_ROUTE_BYTES;
    let all: Option<Vec<String>> = match value {
        Value::String(text) => Some(text.as_str())
            .filter(is_fine)
            .map(|text| vec![text.to_owned()]),
        Value::Array(items) if (1..=MOST_ROUTE_VALUES).contains(&items.len()) => items
            .iter()
            .map(|item| item.as_str().filter(is_fine).map(str::to_owned))
            .collect(),
        _ => None,
    };
    all.unwrap_or_else(|| {
        let message = format!(
            "expected a text or a list of 1 to {MOST_ROUTE_VALUES} texts, {MOST_ROUTE_BYTES} bytes each"
        );
        table.problem(key, message);
        Vec::new()
    })
}
