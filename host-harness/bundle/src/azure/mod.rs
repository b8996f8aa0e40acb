//! Azure Blob Storage, by container SAS: the only place that names the SDK.

pub mod sas;
