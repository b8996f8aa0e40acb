//! Azure Blob Storage, by container SAS: the only place that names the SDK.
//!
//! The SDK makes the requests and reads the answers. It never sees a signature: [`Transport`] adds it to
//! a copy of the URL right before the bytes leave, and hands back errors that hold no URL at all. Nor does
//! the SDK retry: how often, how long and until when is decided in one place, by [`Fault::action`].

mod block_blob;
mod container;
mod credentials;
mod error;
mod kind;
mod rate;
mod transport;
mod wire;
mod words;

pub mod sas;

pub use block_blob::{BlockBlob, BlockId, CommitOptions, MAX_BLOCKS, Tier};
pub use container::{Blob, Container, MAX_READ_BYTES, Page, Properties};
pub use credentials::{Credentials, CredentialsError, Grants, SasCredentials};
pub use error::{Fault, FaultFacts, MAX_RETRY_AFTER};
pub use kind::{Action, FaultKind};
pub use transport::{
    CONNECT_TIMEOUT, MAX_ANSWER_BYTES, OpenError, Proxy, READ_TIMEOUT, Transport, TransportOptions,
};
