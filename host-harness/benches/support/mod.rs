//! What benches share.

use std::fs;

/// A number of a setting in the environment.
pub(crate) fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

/// A value of /proc/<pid>/status: `VmHWM:` is the peak, `VmRSS:` what there is now.
pub(crate) fn memory_kib(pid: u32, name: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let line = line.unwrap_or_default().trim().trim_end_matches(" kB");
    line.parse().unwrap_or(0)
}
