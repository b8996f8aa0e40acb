//! Bundles on their way to a container, and everything that goes wrong on it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../../../tests/support/azure/mod.rs"]
mod azure;
#[path = "support/scene.rs"]
mod scene;

#[path = "deliver/azurite.rs"]
mod azurite;
#[path = "deliver/blocks.rs"]
mod blocks;
#[path = "deliver/called_off.rs"]
mod called_off;
#[path = "deliver/conflicts.rs"]
mod conflicts;
#[path = "deliver/container.rs"]
mod container;
#[path = "deliver/errors.rs"]
mod errors;
#[path = "deliver/faults.rs"]
mod faults;
#[path = "deliver/killed.rs"]
mod killed;
#[path = "deliver/proxy.rs"]
mod proxy;
#[path = "deliver/shared.rs"]
mod shared;
#[path = "deliver/signed.rs"]
mod signed;
#[path = "deliver/tls.rs"]
mod tls;
#[path = "deliver/worker.rs"]
mod worker;
