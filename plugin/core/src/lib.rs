//! Stub.
pub mod contract;
