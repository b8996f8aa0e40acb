//! Bundles and their history, as a support engineer meets them.

mod support;

use std::fs;
use std::process::Command;

use serde_json::Value;
use support::{Replay, replay, run, samples, unpack};
use tempfile::TempDir;

fn hour() -> Replay {
    replay(&[&samples().join("signalr")], &[]).ok()
}

#[test]
fn system_tar_opens_a_bundle() {
    let done = hour();
    let (name, bytes) = done.bundles().pop_first().unwrap();
    let folder = TempDir::new().unwrap();
    let status = Command::new("tar")
        .arg("--zstd")
        .arg("-xf")
        .arg(done.out.join("bundles").join(&name))
        .arg("-C")
        .arg(folder.path())
        .status()
        .unwrap();
    assert!(status.success());
    for (path, content) in unpack(&bytes) {
        assert_eq!(
            fs::read(folder.path().join(&path)).unwrap(),
            content,
            "{path}"
        );
    }
    assert!(folder.path().join("manifest.json").is_file() && folder.path().join("logs").is_dir());
}

#[test]
fn verify_finds_any_flipped_byte() {
    let done = hour();
    let (name, bytes) = done.bundles().pop_first().unwrap();
    let bundle = done.out.join("bundles").join(&name);
    let intact = run(&["bundle", "verify", bundle.to_str().unwrap()]);
    assert_eq!(
        intact.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&intact.stdout)
    );
    assert!(String::from_utf8_lossy(&intact.stdout).contains("intact, origin not proven"));
    let folder = TempDir::new().unwrap();
    let broken = folder.path().join(&name);
    // Both ends byte by byte, and sixty places between.
    let ends = (0..24).chain(bytes.len() - 24..bytes.len());
    let between = (1..60).map(|i| i * bytes.len() / 60);
    for at in ends.chain(between) {
        let mut bytes = bytes.clone();
        bytes[at] ^= 1 << (at % 8);
        fs::write(&broken, &bytes).unwrap();
        let output = run(&["bundle", "verify", broken.to_str().unwrap()]);
        assert_eq!(
            output.status.code(),
            Some(4),
            "byte {at}: {}",
            String::from_utf8_lossy(&output.stdout)
        );
    }
    for cut in [0, 1, bytes.len() / 2, bytes.len() - 1] {
        fs::write(&broken, &bytes[..cut]).unwrap();
        assert_eq!(
            run(&["bundle", "verify", broken.to_str().unwrap()])
                .status
                .code(),
            Some(4),
            "cut to {cut}"
        );
    }
    fs::write(&broken, [bytes.as_slice(), b"\0"].concat()).unwrap();
    assert_eq!(
        run(&["bundle", "verify", broken.to_str().unwrap()])
            .status
            .code(),
        Some(4),
        "a byte too many"
    );
    assert_eq!(
        run(&["bundle", "verify", "no-such.tar.zst"]).status.code(),
        Some(2)
    );
}

#[test]
fn the_manifest_tells_the_whole_story_and_nothing_of_the_machine() {
    let done = hour();
    for (name, bytes) in done.bundles() {
        let members = unpack(&bytes);
        let manifest: Value = serde_json::from_slice(&members["manifest.json"]).unwrap();
        assert_eq!(
            format!("{}.tar.zst", manifest["id"].as_str().unwrap()),
            name
        );
        assert_eq!(manifest["format_version"], 1);
        let listed: Vec<_> = manifest["members"]
            .as_array()
            .unwrap()
            .iter()
            .map(|m| m["path"].as_str().unwrap())
            .collect();
        let present: Vec<_> = members
            .keys()
            .map(String::as_str)
            .filter(|path| *path != "manifest.json")
            .collect();
        assert_eq!(listed, present);
        let loss = &manifest["loss"];
        let count = |key: &str| loss[key].as_u64().unwrap();
        assert_eq!(
            count("lines"),
            count("passed") + count("quarantined"),
            "{loss}"
        );
        let text = String::from_utf8(members["manifest.json"].clone()).unwrap();
        assert!(
            !text.contains(done.out.to_str().unwrap())
                && !text.contains(samples().to_str().unwrap())
        );
        let report = String::from_utf8(members["report.html"].clone()).unwrap();
        assert!(report.contains(manifest["rule"].as_str().unwrap()));
        assert!(!report.contains("<script"));
    }
}

#[test]
fn history_and_list_agree_with_the_bundles() {
    let done = hour();
    let bundles = done.bundles();
    let sealed: Vec<_> = done
        .history()
        .into_iter()
        .filter(|row| row["sha256"].is_string())
        .collect();
    assert_eq!(sealed.len(), bundles.len());
    for row in &sealed {
        let bytes = &bundles[&format!("{}.tar.zst", row["id"].as_str().unwrap())];
        assert_eq!(row["size"].as_u64().unwrap(), bytes.len() as u64);
        assert_eq!(row["type"], "proactive");
        assert!(row["time_collected"].is_string());
        assert_eq!(row["status"], "Succeeded");
        let digest = <sha2::Sha256 as sha2::Digest>::digest(bytes);
        let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(row["sha256"], digest);
    }
    let suppressed: Vec<_> = done
        .history()
        .into_iter()
        .filter(|row| row["status"] == "Suppressed")
        .collect();
    assert!(!suppressed.is_empty());
    assert!(
        suppressed
            .iter()
            .all(|row| row["cause"] == "4 bundles an hour"),
        "{suppressed:?}"
    );

    let output = run(&["bundle", "list", done.out.to_str().unwrap(), "--json"]);
    let listed: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(listed.len(), bundles.len());
    let text = String::from_utf8(run(&["history", done.out.to_str().unwrap()]).stdout).unwrap();
    for column in [
        "Time Collected",
        "Status",
        "Logs start",
        "Logs end",
        "Type",
        "Suppressed (4 bundles an hour)",
    ] {
        assert!(text.contains(column), "{column}\n{text}");
    }
    let missing = run(&["history", "no/such/folder"]);
    assert_eq!(missing.status.code(), Some(2));
}
