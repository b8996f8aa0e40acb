//! What a SAS opens, and how one gets there.

use url::Host;

use super::{Found, Gravity};
use crate::azure::sas::Sas;

/// Names of services in host names that are not the one for blobs.
const OTHER_SERVICES: [&str; 5] = ["dfs", "file", "queue", "table", "web"];

/// What it opens: it must be a container.
pub(super) fn scope(sas: &Sas, found: &mut Found) {
    let fields = sas.fields();
    if fields.services.is_some() {
        found.unusable(
            "account-sas",
            "it opens the whole storage account, not one container",
            "make a SAS for the container: `az storage container generate-sas`, or the container's page \
             \"Shared access tokens\"",
        );
        return;
    }
    let what = match fields.resource.as_deref() {
        Some("c") => return,
        Some("b" | "bs" | "bv") => "it is for one blob, not for a container",
        Some("d") => "it is for one folder, not for a container",
        _ => "it is not for a container: `sr` is not `c`",
    };
    found.unusable(
        "not-a-container",
        what,
        "make a SAS for the container itself, with `sr=c`",
    );
}

/// The names of account and container.
pub(super) fn names(sas: &Sas, found: &mut Found) {
    let url = sas.container();
    let mut segments: Vec<_> = url.path().trim_matches('/').split('/').collect();
    match url.host() {
        Some(Host::Domain(host)) if host != "localhost" => account(host, found),
        // The emulator, and Stack Hub behind an address, name the account first.
        _ if segments.len() > 1 => drop(segments.remove(0)),
        _ => {}
    }
    let (Some(container), 1) = (segments.first(), segments.len()) else {
        found.unusable(
            "below-the-container",
            "its URL names something below the container",
            "keep only https://ACCOUNT.blob.core.windows.net/CONTAINER before the `?`",
        );
        return;
    };
    let plain = |char: char| char.is_ascii_lowercase() || char.is_ascii_digit();
    let fits = (3..=63).contains(&container.len())
        && container.chars().all(|char| plain(char) || char == '-')
        && container.starts_with(plain)
        && container.ends_with(plain)
        && !container.contains("--");
    if !fits {
        found.unusable(
            "container-name",
            "its URL names no container that there can be: a name has 3 to 63 of a-z, 0-9 and single `-`",
            "check that the URL was copied whole, and names a container",
        );
    }
}

fn account(host: &str, found: &mut Found) {
    let mut labels = host.split('.');
    let account = labels.next().unwrap_or_default();
    let service = labels.next().unwrap_or_default();
    if OTHER_SERVICES.contains(&service) {
        found.unusable(
            "not-the-blob-service",
            format!("its address is that of the service `{service}`, not of blobs"),
            format!("write `.blob.` for `.{service}.` in the URL; the signature stays"),
        );
        return;
    }
    if service != "blob" {
        // A domain of the operator's own: anything may be right.
        return;
    }
    if account.ends_with("-secondary") {
        found.unusable(
            "secondary",
            "its address is that of the account's copy, which can only be read",
            "take `-secondary` out of the URL; the signature stays",
        );
        return;
    }
    let plain = |char: char| char.is_ascii_lowercase() || char.is_ascii_digit();
    if !(3..=24).contains(&account.len()) || !account.chars().all(plain) {
        found.unusable(
            "account-name",
            "its URL names no storage account that there can be: a name has 3 to 24 of a-z and 0-9",
            "check that the URL was copied whole",
        );
    }
}

/// How it may travel, and from where.
pub(super) fn protocol(sas: &Sas, found: &mut Found) {
    let fields = sas.fields();
    let is_https_only = fields.protocols.as_deref() == Some("https");
    if sas.container().scheme() == "http" {
        let is_here = match sas.container().host() {
            Some(Host::Domain(host)) => host == "localhost",
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        };
        if is_https_only {
            found.unusable(
                "protocol",
                "it holds for https only, and its URL says http",
                "write https:// in the URL; the signature stays",
            );
        } else if !is_here {
            found.unusable(
                "clear-text",
                "its URL says http: the signature and the bundles would travel in clear text",
                "write https:// in the URL; the signature stays",
            );
        }
    } else if !is_https_only {
        found.warn(
            "allows-http",
            "it allows http too, where anybody on the way can read the signature",
            "make the next one for https only (`spr=https`)",
        );
    }
    if let Some(addresses) = &fields.addresses {
        found.add(
            Gravity::Note,
            "addresses",
            format!(
                "it holds only from {addresses}: whether that is this machine is not seen from here"
            ),
            "check the address that this machine has on the internet, behind proxies and gateways",
        );
    }
}
