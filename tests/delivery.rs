//! `tripline run` and a container: bundles that go by route, that are counted, that arrive once however
//! often it is killed; proxies and certificates; and an archive in a container as a source.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "scenarios fail by panicking"
)]
#![cfg(unix)]

#[expect(dead_code, reason = "the scenarios here use a part of it")]
#[path = "support/azure/mod.rs"]
mod azure;
#[path = "delivery/ground.rs"]
mod ground;
#[expect(dead_code, reason = "the scenarios here use a part of it")]
#[path = "collect/scene.rs"]
mod scene;
#[path = "http/service.rs"]
#[expect(dead_code, reason = "the scenarios of shippers use more of it")]
mod service;
mod support;

#[path = "delivery/archive.rs"]
mod archive;
#[path = "delivery/counted.rs"]
mod counted;
#[path = "delivery/killed.rs"]
mod killed;
#[path = "delivery/proxied.rs"]
mod proxied;
#[path = "delivery/routes.rs"]
mod routes;
#[path = "delivery/waiting.rs"]
mod waiting;
