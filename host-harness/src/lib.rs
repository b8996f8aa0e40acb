//! The host of the tripline plugin: reads logs, has the component judge them, records them, and seals
//! the bundles it asks for.
//!
//! The modules in the order of the data's way: [`config`] says what to do, [`ingest`] frames lines into
//! batches, the [`pipeline`] records them, has them judged and commits what was decided, [`output`]
//! writes them, and a command such as [`replay`] drives it all.

pub mod canary;
pub mod cli;
pub mod collect;
pub mod commands;
pub mod config;
pub mod delivery;
pub mod doctor;
pub mod exit;
pub mod explain;
pub mod ingest;
pub mod live;
pub mod metrics;
pub mod notify;
mod outgoing;
pub mod output;
pub mod outputs;
pub mod overrides;
pub mod pipeline;
pub mod proactive;
pub mod replay;
pub mod ruletest;
pub mod sources;
pub mod summary;
pub mod telemetry;
pub mod web;
pub mod who;
