//! Azure Stack Hub fault types: how their names are compared, and what is known of the 23 for which
//! Microsoft's own diagnostic log collection starts.
//!
//! Names are compared after [`normalise_fault`]; the published list itself holds a stray blank, and its
//! translations write `。` for `.`. Ids and titles are those of Microsoft's article on diagnostic
//! log collection; `UsageBridge.UsageNetworkError` is what real systems write for its
//! `UsageBridge.NetworkError`.

mod event;

pub(crate) use event::read_event;

/// What is known of one fault type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// The name as it should have been written everywhere.
    pub id: &'static str,
    /// What part of the system it concerns.
    pub class: &'static str,
    /// What to do about it.
    pub advice: &'static str,
}

const fn fault(id: &'static str, class: &'static str, advice: &'static str) -> Fault {
    Fault { id, class, advice }
}

/// The known types, by name.
pub const FAULTS: [Fault; 23] = [
    fault(
        "AzureStack.BackupController.BackupFailedGeneralFault",
        "backup",
        "check that the backup share is reachable, has room and accepts the credentials, then back up by hand",
    ),
    fault(
        "AzureStack.BackupController.BackupSkippedWithFailedOperationFault",
        "backup",
        "a failed operation blocks the backup: find and finish it, the next schedule then runs",
    ),
    fault(
        "AzureStack.ComputeController.HostUnresponsive",
        "compute",
        "the node takes no virtual machines: check its power, hardware alerts and network",
    ),
    fault(
        "AzureStack.ComputeController.VmCreationFailure.LowMemory",
        "capacity",
        "free memory or add a node: some sizes cannot be placed any more",
    ),
    fault(
        "CertificateExpiration.ExternalCert.Critical",
        "certificate",
        "rotate the external certificates now",
    ),
    fault(
        "CertificateExpiration.ExternalCert.Warning",
        "certificate",
        "plan the rotation of the external certificates",
    ),
    fault(
        "DirectoryServiceTimeSynchronizationError",
        "identity",
        "check the time server that the system was given and the route to it",
    ),
    fault(
        "FRP.Heartbeat.InfraVM",
        "compute",
        "use the alert's Repair action on one instance at a time; not while an update runs",
    ),
    fault(
        "FRP.Heartbeat.NonHaVm",
        "compute",
        "use the alert's Repair action on one instance at a time; not while an update runs",
    ),
    fault(
        "FRP.Heartbeat.PhysicalNode",
        "compute",
        "check the node's power and management controller, then start it from the portal",
    ),
    fault(
        "Microsoft.Health.FaultType.FileShare.Capacity.Warning.Infra",
        "capacity",
        "an infrastructure share fills up: ask support before anything is deleted",
    ),
    fault(
        "Microsoft.Health.FaultType.GenericExceptionFault",
        "health",
        "a health component failed: ask support with this bundle",
    ),
    fault(
        "Microsoft.Health.FaultType.PhysicalDisk.LostCommunication",
        "storage",
        "reseat or replace the disk; look for other disks of the same node",
    ),
    fault(
        "Microsoft.Health.FaultType.StorageError",
        "storage",
        "the health controller cannot reach its storage account: look for storage alerts of the same time",
    ),
    fault(
        "Microsoft.Health.FaultType.VirtualDisks.Detached",
        "storage",
        "a volume is offline: do not restart nodes, ask support with this bundle",
    ),
    fault(
        "ServerHostNotConnectedToController",
        "network",
        "the node lost the network controller: check its network and the controller's own alerts",
    ),
    fault(
        "SlbMuxRoutePublicationFailure",
        "network",
        "the load balancer cannot publish routes: check BGP peering with the switches",
    ),
    fault(
        "StorageResourceProvider.DataStoreConnectionFail",
        "storage",
        "the storage provider cannot reach its data store: look for infrastructure role alerts",
    ),
    fault(
        "StorageResourceProviderDependencyUnavailable",
        "storage",
        "a dependency of the storage provider is down: look for other alerts of the same time",
    ),
    fault(
        "StorageService.Table.service.errors-Critical",
        "storage",
        "the table service fails requests: ask support with this bundle",
    ),
    fault(
        "StorageService.The.blob.service.is.not.running.on.a.node-Critical",
        "storage",
        "the blob service is down on a node: check the node, then ask support",
    ),
    fault(
        "Urp.UpdateFailure",
        "update",
        "do not start the update again before support has seen this bundle",
    ),
    fault(
        "UsageBridge.NetworkError",
        "usage",
        "usage data does not get out: check proxy, firewall and the registration",
    ),
];

/// Spellings that are another type's.
const ALIASES: [(&str, &str); 1] = [("usagebridge.usagenetworkerror", "UsageBridge.NetworkError")];

/// A fault type as it is compared and grouped: `。` and `．` made `.`, no white space, lower case, and
/// aliases resolved.
#[must_use]
pub fn normalise_fault(raw: &str) -> String {
    let lower = strip(raw).to_ascii_lowercase();
    match ALIASES.iter().find(|(alias, _)| *alias == lower) {
        Some((_, id)) => id.to_ascii_lowercase(),
        None => lower,
    }
}

/// The name to show for a fault type: the known spelling, or else `raw` without white space.
#[must_use]
pub fn canonical_fault(raw: &str) -> String {
    known_fault(raw).map_or_else(|| strip(raw), |fault| fault.id.to_owned())
}

/// What is known of a fault type.
#[must_use]
pub fn known_fault(raw: &str) -> Option<&'static Fault> {
    let name = normalise_fault(raw);
    FAULTS
        .iter()
        .find(|fault| fault.id.eq_ignore_ascii_case(&name))
}

fn strip(raw: &str) -> String {
    raw.chars()
        .filter(|c| !c.is_whitespace() && !matches!(c, '\u{200b}' | '\u{feff}'))
        .map(|c| {
            if matches!(c, '。' | '．' | '｡') {
                '.'
            } else {
                c
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn misspelt_and_localised_names_are_the_same_type() {
        for raw in [
            "StorageResourceProvider.DataStoreConnectionFail",
            "StorageResourceProvider. DataStoreConnectionFail",
            "StorageResourceProvider。DataStoreConnectionFail",
            "StorageResourceProvider．DataStoreConnectionFail",
            " storageresourceprovider.datastoreconnectionfail\u{a0}",
        ] {
            assert_eq!(
                canonical_fault(raw),
                "StorageResourceProvider.DataStoreConnectionFail",
                "{raw}"
            );
        }
        assert_eq!(
            canonical_fault("FRP.Heartbeat.NonHaVm "),
            "FRP.Heartbeat.NonHaVm"
        );
    }

    #[test]
    fn the_real_and_the_published_usage_error_are_one() {
        for raw in ["UsageBridge.NetworkError", "UsageBridge.UsageNetworkError"] {
            assert_eq!(normalise_fault(raw), "usagebridge.networkerror");
            assert_eq!(canonical_fault(raw), "UsageBridge.NetworkError");
        }
    }

    #[test]
    fn unknown_types_keep_their_name() {
        assert_eq!(canonical_fault("RdAgent.Unhealthy"), "RdAgent.Unhealthy");
        assert_eq!(known_fault("RdAgent.Unhealthy"), None);
    }

    #[test]
    fn no_two_known_types_collide() {
        let mut names: Vec<_> = FAULTS.iter().map(|f| normalise_fault(f.id)).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), FAULTS.len());
    }
}
