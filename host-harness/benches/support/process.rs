//! A process that is measured from its beginning to its end.

use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::memory_kib;

/// Clock ticks a second in /proc, which Linux fixes for all programs.
const TICKS: f64 = 100.0;

/// How often the memory of a process is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// What a process cost.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cost {
    /// User and system time.
    pub(crate) cpu_seconds: f64,
    pub(crate) seconds: f64,
    pub(crate) peak_mib: u64,
}

/// Runs a process to its end, which must be a success.
pub(crate) fn measure(command: &mut Command) -> Cost {
    let before = child_cpu_seconds();
    let start = Instant::now();
    let mut child = command.stdout(Stdio::null()).spawn().unwrap();
    let mut peak_kib = 0;
    let status = loop {
        peak_kib = peak_kib.max(memory_kib(child.id(), "VmHWM:"));
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        std::thread::sleep(LOOK_EVERY);
    };
    assert!(status.success(), "{command:?}: {status}");
    Cost {
        cpu_seconds: child_cpu_seconds() - before,
        seconds: start.elapsed().as_secs_f64(),
        peak_mib: peak_kib / 1_024,
    }
}

/// User and system time of all children that ended, from fields 16 and 17 of /proc/self/stat.
fn child_cpu_seconds() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let after_name = stat.rsplit(") ").next().unwrap();
    let fields = after_name.split(' ').skip(13).take(2);
    fields
        .map(|field| field.parse::<f64>().unwrap())
        .sum::<f64>()
        / TICKS
}
