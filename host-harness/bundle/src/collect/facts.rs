//! What the machine is: for a bundle that is collected live. A replay never asks.

use std::{fs, path::Path};

use serde_json::{Map, Value, json};

/// The most bytes of the facts; beyond it the interfaces are left out.
pub const MOST_FACTS_BYTES: usize = 16 << 10;

/// The most bytes that are read of one of the system's files.
const MOST_READ_BYTES: usize = 64 << 10;

/// The keys of `/etc/os-release` that say which system it is, and nothing of who runs it.
const RELEASE_KEYS: [&str; 4] = ["ID", "NAME", "VERSION_ID", "PRETTY_NAME"];

/// The most names of network interfaces.
const MOST_INTERFACES: usize = 64;

/// The facts of this machine as one line of JSON.
///
/// They are system, kernel, uptime, memory, the room on the volumes of `folders`, versions and the names
/// of network interfaces. Host name and addresses are not among them. What the system does not say is
/// left out.
#[must_use]
pub fn gather_facts(folders: &[(&str, &Path)], config_sha256: &str) -> String {
    let mut facts = Map::new();
    let mut add = |key: &str, value: Option<Value>| {
        if let Some(value) = value {
            facts.insert(key.to_owned(), value);
        }
    };
    add("system", read("/etc/os-release").map(|text| release(&text)));
    add(
        "kernel",
        read("/proc/sys/kernel/osrelease").map(|text| text.trim().into()),
    );
    add("architecture", Some(std::env::consts::ARCH.into()));
    add(
        "uptime_seconds",
        read("/proc/uptime").and_then(|text| uptime(&text)),
    );
    add("memory", read("/proc/meminfo").map(|text| memory(&text)));
    let disks = folders.iter().filter_map(|(name, folder)| {
        let stats = fs4::statvfs(folder).ok()?;
        Some(json!({
            "of": name, "total_bytes": stats.total_space(), "free_bytes": stats.available_space(),
        }))
    });
    add("disks", Some(disks.collect()));
    add("tripline", Some(env!("CARGO_PKG_VERSION").into()));
    add("config_sha256", Some(config_sha256.into()));
    add("interfaces", interfaces());
    let text = Value::Object(facts.clone()).to_string();
    if text.len() <= MOST_FACTS_BYTES {
        return text;
    }
    facts.remove("interfaces");
    Value::Object(facts).to_string()
}

/// The beginning of a file of the system.
fn read(path: &str) -> Option<String> {
    use std::io::Read as _;
    let mut text = Vec::new();
    let file = fs::File::open(path).ok()?;
    file.take(MOST_READ_BYTES as u64)
        .read_to_end(&mut text)
        .ok()?;
    Some(String::from_utf8_lossy(&text).into_owned())
}

fn release(text: &str) -> Value {
    let pairs = text.lines().filter_map(|line| line.split_once('='));
    pairs
        .filter(|(key, _)| RELEASE_KEYS.contains(key))
        .map(|(key, value)| {
            let value: String = value.trim_matches('"').chars().take(100).collect();
            (key.to_ascii_lowercase(), Value::from(value))
        })
        .collect::<Map<_, _>>()
        .into()
}

/// `/proc/uptime` is `<seconds up> <seconds idle>`.
fn uptime(text: &str) -> Option<Value> {
    let (whole, _) = text.split_once('.')?;
    Some(whole.trim().parse::<u64>().ok()?.into())
}

/// `/proc/meminfo` has lines such as `MemTotal:       24517888 kB`.
fn memory(text: &str) -> Value {
    let of = |key: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(key))?;
        let number = line.trim_start_matches(':').trim().strip_suffix("kB")?;
        Some(number.trim().parse::<u64>().ok()? * 1_024)
    };
    json!({ "total_bytes": of("MemTotal"), "available_bytes": of("MemAvailable") })
}

fn interfaces() -> Option<Value> {
    let entries = fs::read_dir("/sys/class/net").ok()?;
    let mut names: Vec<_> = entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .take(MOST_INTERFACES)
        .collect();
    names.sort();
    Some(names.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_say_what_the_machine_is_and_not_who_runs_it() {
        let text = gather_facts(&[("state", Path::new("/"))], "ab");
        assert!(!text.contains('\n') && text.len() <= MOST_FACTS_BYTES);
        let facts: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(facts["config_sha256"], "ab");
        assert_eq!(facts["tripline"], env!("CARGO_PKG_VERSION"));
        assert!(facts.get("hostname").is_none() && facts.get("addresses").is_none());
    }

    #[test]
    fn the_systems_files_are_read_as_they_are_written() {
        let text =
            "NAME=\"A System\"\nID=a\nHOME_URL=\"https://a.contoso.example\"\nVERSION_ID=3\n";
        assert_eq!(
            release(text),
            json!({"id": "a", "name": "A System", "version_id": "3"})
        );
        assert_eq!(uptime("350735.47 234388.90\n"), Some(json!(350_735)));
        assert_eq!(
            memory("MemTotal:       2048 kB\nMemFree: 1 kB\nMemAvailable:   1024 kB\n"),
            json!({"total_bytes": 2_097_152, "available_bytes": 1_048_576})
        );
        assert_eq!(
            memory(""),
            json!({"total_bytes": null, "available_bytes": null})
        );
    }
}
