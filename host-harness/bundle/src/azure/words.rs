//! Faults, as an operator reads them.

use std::fmt;

use super::{Fault, FaultFacts, FaultKind};

/// What a SAS is good for that holds all we ask for.
const RIGHT: &str =
    "make a SAS for the container with the permissions read, create and write (`rcw`)";

/// Writes a fault out: what, to what, why, and what to do.
pub(super) fn write(fault: &Fault, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let FaultFacts { during, place, .. } = &**fault;
    write!(f, "cannot {during} `{place}`: {}", Why(&fault.kind))?;
    if let Some(status) = fault.status {
        let code = fault.code.as_deref().unwrap_or("no code");
        write!(f, " (HTTP {status}, {code})")?;
    }
    if let Some(ahead) = fault.clock_ahead {
        let minutes = ahead.unsigned_abs() / 60_000_000;
        let side = if ahead > 0 { "ahead of" } else { "behind" };
        write!(
            f,
            "; the clock of this machine is {minutes} minutes {side} the server's"
        )?;
    }
    match remedy(&fault.kind) {
        Some(remedy) => write!(f, " (hint: {remedy})"),
        None => Ok(()),
    }
}

struct Why<'a>(&'a FaultKind);

impl fmt::Display for Why<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            FaultKind::Expired(at) => return write!(f, "the SAS expired at {at}"),
            FaultKind::NotYetValid(at) => return write!(f, "the SAS is valid only from {at} on"),
            FaultKind::Credentials(error) => return error.fmt(f),
            FaultKind::Untrusted(why) => {
                return write!(f, "the certificate of the server is not trusted: {why}");
            }
            FaultKind::Offline(why) => return write!(f, "no connection: {why}"),
            FaultKind::Broken(why) => return write!(f, "the connection broke: {why}"),
            FaultKind::Header(Some(name)) => {
                return write!(f, "the server does not take the header `{name}`");
            }
            FaultKind::Refused => "the SAS is not accepted",
            FaultKind::Permission => "the SAS does not permit it",
            FaultKind::HttpsOnly => "the SAS is for https only",
            FaultKind::Address => "the SAS is for other addresses than this machine's",
            FaultKind::Scope => "the SAS is not for a container of blobs",
            FaultKind::KeysRefused => "the account takes no SAS that is signed with its key",
            FaultKind::Account => "the account is disabled",
            FaultKind::NoContainer => "there is no such container",
            FaultKind::ContainerGoes => "the container is being deleted",
            FaultKind::NoBlob => "there is no such blob",
            FaultKind::Exists => "a blob of that name is there",
            FaultKind::BlocksLost => "the server lost blocks that it had acknowledged",
            FaultKind::ForeignBlocks => "another program left unfinished blocks under that name",
            FaultKind::Checksum => "the bytes that arrived are not those that were sent",
            FaultKind::Leased => "somebody holds a lease on the blob",
            FaultKind::Changed => "the blob is another one than before",
            FaultKind::Throttled => "the server wants fewer requests",
            FaultKind::Gateway => "a proxy or gateway on the way gets no answer from the server",
            FaultKind::ProxyAuth => "the proxy wants a name and a password",
            FaultKind::Busy => "the server is busy",
            FaultKind::Timeout => "no answer came in time",
            FaultKind::Header(None) => "the server does not take a header of the request",
            FaultKind::Redirected => {
                "the server names another place, which is not asked since it would get the SAS"
            }
            FaultKind::Other(_) => "the server refuses it",
        })
    }
}

fn remedy(kind: &FaultKind) -> Option<&'static str> {
    Some(match kind {
        FaultKind::Expired(_) => "put a fresh SAS in its place, it is used without a restart",
        FaultKind::NotYetValid(_) => {
            "wait until then, or make a SAS whose start lies back a quarter of an hour"
        }
        FaultKind::Refused => {
            "it was cut, its key was rotated, its policy was changed, it is for another container, or \
             the network rules of the account keep this machine out: put a fresh SAS in its place"
        }
        FaultKind::Permission => RIGHT,
        FaultKind::HttpsOnly => "write https:// in the URL",
        FaultKind::Address => {
            "make a SAS for the addresses that this machine is seen with, or for all"
        }
        FaultKind::Scope => RIGHT,
        FaultKind::KeysRefused => {
            "allow shared key access in the settings of the account, or use a user delegation SAS"
        }
        FaultKind::Account => "have the account enabled",
        FaultKind::NoContainer => "make the container, or correct its name in the URL",
        FaultKind::ContainerGoes => "make it again once it is gone, or name another one",
        FaultKind::Exists => "find out who wrote it; it is never overwritten",
        FaultKind::Leased => "have the lease broken",
        FaultKind::Untrusted(_) => {
            "name a file with the certificates (PEM) of who signed it: `ca_file` of `[azure]`"
        }
        FaultKind::ProxyAuth => {
            "have the proxy let this machine through without them, or leave `proxy` of `[azure]` out and give \
             both in the environment: HTTPS_PROXY=http://NAME:PASSWORD@HOST:PORT"
        }
        FaultKind::Redirected => "use the URL of the blob endpoint itself",
        FaultKind::Header(_) => {
            "the service may be too old for this release: Azure Stack Hub needs a recent version"
        }
        _ => return None,
    })
}
