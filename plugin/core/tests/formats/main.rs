//! Every form of record that is read, one table a section of the formats: SignalR and Web PubSub,
//! alerts of Azure Stack Hub, syslog, common alerts, health faults, shapes and times.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::string_slice,
    reason = "a test fails by panicking"
)]

mod alerts;
mod cef;
mod common_alert;
mod fixtures;
mod flags;
mod health_faults;
mod live_trace;
mod messages;
mod operations;
mod properties;
mod resource_logs;
mod severities;
mod shapes;
mod support;
mod tables;
mod times;
