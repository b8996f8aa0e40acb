//! The kinds of faults between us and a container, and what is to be done about each.

use super::CredentialsError;
use crate::timestamp::Timestamp;

/// What went wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FaultKind {
    /// The SAS expired.
    Expired(Timestamp),
    /// The SAS begins to be valid later.
    NotYetValid(Timestamp),
    /// The SAS is not accepted, and does not say why itself.
    Refused,
    /// The SAS lacks a permission.
    Permission,
    /// The SAS is for https only.
    HttpsOnly,
    /// The SAS is for other addresses than ours.
    Address,
    /// The SAS is not for blobs, or not for containers.
    Scope,
    /// The account takes no SAS that is signed with its key.
    KeysRefused,
    /// The account is disabled.
    Account,
    /// There is nothing to open the container with.
    Credentials(CredentialsError),
    /// There is no such container.
    NoContainer,
    /// The container is being deleted.
    ContainerGoes,
    /// There is no such blob.
    NoBlob,
    /// A blob of that name is there.
    Exists,
    /// The server does not know a block of the list.
    BlocksLost,
    /// There are blocks of that name whose ids have another length.
    ForeignBlocks,
    /// The bytes that arrived are not those that left.
    Checksum,
    /// Somebody holds a lease on the blob.
    Leased,
    /// The blob is another one than before.
    Changed,
    /// Too many requests.
    Throttled,
    /// The server is busy or broken.
    Busy,
    /// Something between us and the server got no answer from it.
    Gateway,
    /// The proxy lets nothing through without a name and a password.
    ProxyAuth,
    /// Nothing here vouches for the server's certificate; why not.
    Untrusted(String),
    /// No connection comes about; in words.
    Offline(String),
    /// The connection broke; in words.
    Broken(String),
    /// No answer in time.
    Timeout,
    /// The server does not take a header; its name, if it says so.
    Header(Option<String>),
    /// The server names another place.
    Redirected,
    /// Anything else that the server answers.
    Other(String),
}

/// What to do about a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// Nothing helps until somebody changes the SAS or the configuration.
    Hold,
    /// It needs somebody, who changes something where we do not see it: look again now and then.
    HoldAndLook,
    /// It passes by itself.
    Retry,
    /// The same, with less at once.
    RetrySmaller,
    /// The network is away.
    Offline,
    /// Look whether what is there is what was to be put there.
    Verify,
    /// Ask which blocks are there, and send the others again.
    Relist,
    /// Take another name.
    Rename,
    /// Read the bytes again.
    Reread,
}

// === impl FaultKind ===

impl FaultKind {
    /// What to do about it.
    #[must_use]
    pub const fn action(&self) -> Action {
        match self {
            Self::Expired(_)
            | Self::NotYetValid(_)
            | Self::Refused
            | Self::Permission
            | Self::HttpsOnly
            | Self::Address
            | Self::Scope
            | Self::KeysRefused
            | Self::Credentials(_)
            | Self::Header(_)
            | Self::Redirected
            | Self::Other(_) => Action::Hold,
            Self::Account
            | Self::NoContainer
            | Self::ContainerGoes
            | Self::NoBlob
            | Self::ProxyAuth
            | Self::Untrusted(_) => Action::HoldAndLook,
            Self::Exists | Self::Leased => Action::Verify,
            Self::BlocksLost => Action::Relist,
            Self::ForeignBlocks => Action::Rename,
            Self::Checksum => Action::Reread,
            Self::Throttled | Self::Busy | Self::Gateway | Self::Broken(_) | Self::Changed => {
                Action::Retry
            }
            Self::Timeout => Action::RetrySmaller,
            Self::Offline(_) => Action::Offline,
        }
    }

    /// The cause that the history gives, one of a few: what it is about, without its details.
    #[must_use]
    pub const fn cause(&self) -> &'static str {
        match self {
            Self::Expired(_) => "SAS expired",
            Self::NotYetValid(_) => "SAS not yet valid",
            Self::Refused => "SAS refused",
            Self::Permission => "SAS lacks a permission",
            Self::HttpsOnly => "SAS is for https only",
            Self::Address => "SAS is for other addresses",
            Self::Scope => "SAS is not for containers",
            Self::KeysRefused => "account takes no key SAS",
            Self::Account => "account disabled",
            Self::Credentials(_) => "no SAS",
            Self::NoContainer => "container missing",
            Self::ContainerGoes => "container being deleted",
            Self::NoBlob => "blob missing",
            Self::Exists => "conflict",
            Self::BlocksLost => "blocks lost",
            Self::ForeignBlocks => "foreign blocks",
            Self::Checksum => "checksum differs",
            Self::Leased => "leased",
            Self::Changed => "blob changed",
            Self::Throttled => "throttled",
            Self::Busy => "server busy",
            Self::Gateway => "no way to the server",
            Self::ProxyAuth => "proxy refuses",
            Self::Untrusted(_) => "certificate not trusted",
            Self::Offline(_) => "offline",
            Self::Broken(_) => "connection broken",
            Self::Timeout => "timeout",
            Self::Header(_) => "header refused",
            Self::Redirected => "redirected",
            Self::Other(_) => "refused",
        }
    }
}
