//! One harmless question to a container: whether it knows a blob that nobody has. Nothing is written.

use std::sync::Arc;

use anyhow::Context as _;
use tripline_bundle::azure::sas::{Gravity, Sas, SasFinding};
use tripline_bundle::azure::{Container, Fault, FaultKind, SasCredentials};
use tripline_core::rules::format_duration;

use crate::config::Azure;
use crate::delivery::{transport_options, unusable};
use crate::exit::Failure;

/// A blob that nobody has: bundles have longer names.
const PROBE: &str = "tripline-sas-check";

/// Asks the container that a SAS opens.
pub(super) fn ask(sas: Arc<Sas>, azure: &Azure) -> Result<Vec<SasFinding>, Failure> {
    let may_read = sas.fields().permits('r');
    let credentials = Arc::new(SasCredentials::new(Arc::new(sas)));
    let container = Container::open(credentials, &transport_options(azure)).map_err(unusable)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start asking the container")?;
    let answer = runtime.block_on(container.properties(PROBE));
    Ok(findings(answer.err().as_ref(), may_read))
}

/// What an answer says of the SAS.
fn findings(fault: Option<&Fault>, may_read: Option<bool>) -> Vec<SasFinding> {
    let Some(fault) = fault else {
        return vec![answers("the container takes it")];
    };
    let mut findings = Vec::new();
    match &fault.kind {
        FaultKind::NoBlob => findings.push(answers("the container takes it")),
        // Azure looks at the signature first, and at permissions after.
        FaultKind::Permission if may_read == Some(false) => {
            findings.push(answers(
                "the container knows it; what it permits is seen only by uploading",
            ));
        }
        _ => findings.push(SasFinding {
            gravity: Gravity::Unusable,
            code: code(&fault.kind),
            what: fault.to_string(),
            remedy: match fault.kind {
                FaultKind::Offline(_) | FaultKind::Timeout | FaultKind::Broken(_) => {
                    "check name, network and proxy; --offline judges the SAS without asking"
                        .to_owned()
                }
                _ => String::new(),
            },
        }),
    }
    if let Some(ahead) = fault.clock_ahead {
        let (by, way) = (
            ahead.saturating_abs(),
            if ahead > 0 { "ahead of" } else { "behind" },
        );
        findings.push(SasFinding {
            gravity: Gravity::Warning,
            code: "clock",
            what: format!(
                "the clock of this machine is {} {way} that of Azure, which decides",
                format_duration(by)
            ),
            remedy: "set it, and let NTP keep it".to_owned(),
        });
    }
    findings
}

fn answers(what: &str) -> SasFinding {
    SasFinding {
        gravity: Gravity::Note,
        code: "answers",
        what: what.to_owned(),
        remedy: String::new(),
    }
}

/// A word for programs.
const fn code(kind: &FaultKind) -> &'static str {
    match kind {
        FaultKind::Offline(_) | FaultKind::Timeout | FaultKind::Broken(_) => "unreachable",
        FaultKind::Expired(_) => "expired",
        FaultKind::NotYetValid(_) => "not-yet",
        FaultKind::KeysRefused => "keys-refused",
        FaultKind::NoContainer | FaultKind::ContainerGoes => "no-container",
        FaultKind::Permission => "no-permission",
        FaultKind::HttpsOnly => "protocol",
        FaultKind::Address => "addresses",
        FaultKind::Throttled | FaultKind::Busy | FaultKind::Gateway => "busy",
        FaultKind::ProxyAuth => "proxy",
        FaultKind::Untrusted(_) => "certificate",
        _ => "refused",
    }
}
