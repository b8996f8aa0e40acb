//! What is in a bundle, as those meet it who get one: the ticket, the schema of the manifest, summary,
//! signature, and the members as files.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a scenario fails by panicking"
)]

mod support;

#[path = "../host-harness/src/config/tests/checker.rs"]
mod checker;

use std::collections::BTreeSet;
use std::fs;

use checker::Checker;
use serde_json::Value;
use support::{first_bundle, hour, opened, replay, run, samples, text, tripline, unpack};
use tempfile::TempDir;

// === the ticket ===

#[test]
fn every_bundle_has_a_ticket_and_the_history_prints_it_with_what_only_it_knows() {
    let done = hour();
    for (name, bytes) in done.bundles() {
        let members = unpack(&bytes);
        let ticket = String::from_utf8(members["ticket.md"].clone()).unwrap();
        let manifest: Value = serde_json::from_slice(&members["manifest.json"]).unwrap();
        for part in [
            name.as_str(),
            manifest["scope"]["resource"].as_str().unwrap(),
            manifest["members"][0]["sha256"].as_str().unwrap(),
            "(30 minutes)",
            "## What is missing",
        ] {
            assert!(ticket.contains(part), "{part}\n{ticket}");
        }
        assert!(!ticket.contains("Local:") && !ticket.contains(done.out.to_str().unwrap()));
    }
    let (id, bundle) = first_bundle(&done);
    let row = done
        .history()
        .into_iter()
        .find(|row| row["id"] == id.as_str());
    let folder = done.out.to_str().unwrap();
    let mut command = tripline();
    command
        .args(["history", folder, &id, "--ticket"])
        .env("TZ", "UTC");
    let ticket = text(&command.output().unwrap());
    for part in [
        row.unwrap()["sha256"].as_str().unwrap(),
        bundle.to_str().unwrap(),
        "- Local: 2026-03-17 09:",
        "+00:00",
    ] {
        assert!(ticket.contains(part), "{part}\n{ticket}");
    }
    // The id alone, and only its beginning.
    let mut command = tripline();
    command.args(["history", id.get(..8).unwrap(), "--ticket"]);
    command.env("TRIPLINE_STATE", folder).env("TZ", "UTC");
    assert_eq!(text(&command.output().unwrap()), ticket);
}

#[test]
fn the_public_ticket_names_nobody() {
    let done = hour();
    let (id, _) = first_bundle(&done);
    let folder = done.out.to_str().unwrap();
    let public = text(&run(&["history", folder, &id, "--ticket", "--public"]));
    assert!(
        public.contains("An Azure SignalR Service resource"),
        "{public}"
    );
    for identifier in ["/subscriptions", "contoso", "rg-chat", "logs/", folder] {
        assert!(!public.contains(identifier), "{identifier}\n{public}");
    }
}

#[test]
fn a_request_without_a_bundle_has_no_ticket() {
    let done = hour();
    let folder = done.out.to_str().unwrap();
    let suppressed = done
        .history()
        .into_iter()
        .find(|row| row["status"] == "Suppressed");
    let id = suppressed.unwrap()["id"].as_str().unwrap().to_owned();
    for (id, part) in [
        (id.as_str(), "4 bundles an hour"),
        ("ffffffffffff", "no request"),
        ("ab", "no request"),
    ] {
        let output = run(&["history", folder, id, "--ticket"]);
        assert_eq!(output.status.code(), Some(2), "{id}");
        assert!(text(&output).contains(part), "{}", text(&output));
    }
    assert_eq!(run(&["history", folder, "--ticket"]).status.code(), Some(2));
    assert_eq!(run(&["history", folder, "--public"]).status.code(), Some(2));
}

// === the manifest ===

/// The paths of all properties below a value; those of lists' items have no number.
fn properties(value: &Value, path: &str, into: &mut BTreeSet<String>) {
    match value {
        // Free in form, and told by its own part of the schema.
        Value::Object(_) if path == "/evidence" || path == "/redaction" => {}
        Value::Object(members) => {
            for (key, value) in members {
                let path = format!("{path}/{key}");
                properties(value, &path, into);
                into.insert(path);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| properties(item, path, into)),
        _ => {}
    }
}

/// The paths of all properties that a schema names.
fn named(root: &Value, schema: &Value, path: &str, into: &mut BTreeSet<String>) {
    if let Some(reference) = schema["$ref"].as_str() {
        let target = root.pointer(reference.strip_prefix('#').unwrap()).unwrap();
        return named(root, target, path, into);
    }
    for choice in schema["anyOf"].as_array().into_iter().flatten() {
        named(root, choice, path, into);
    }
    if schema["items"].is_object() {
        named(root, &schema["items"], path, into);
    }
    if path == "/redaction" {
        return;
    }
    for (key, schema) in schema["properties"].as_object().into_iter().flatten() {
        let path = format!("{path}/{key}");
        named(root, schema, &path, into);
        into.insert(path);
    }
}

#[test]
fn the_schema_says_of_the_manifest_what_there_is_and_no_more() {
    let output = run(&["schema", "manifest"]);
    assert_eq!(output.status.code(), Some(0));
    let schema = String::from_utf8(output.stdout).unwrap();
    let checker = Checker::new(&schema);
    let root: Value = serde_json::from_str(&schema).unwrap();
    assert_eq!(
        root["$schema"],
        "https://json-schema.org/draft/2020-12/schema"
    );
    let mut present = BTreeSet::new();
    let cut = TempDir::new().unwrap();
    let config = cut.path().join("cut.toml");
    fs::write(&config, "[storm]\nmax_bundle_bytes = \"64KiB\"\n").unwrap();
    let all = replay(&[&samples()], &["--config", config.to_str().unwrap()]).ok();
    let mut manifest = Value::Null;
    for bytes in all.bundles().values() {
        manifest = serde_json::from_slice(&unpack(bytes)["manifest.json"]).unwrap();
        assert!(checker.allows(&manifest), "{manifest:#}");
        properties(&manifest, "", &mut present);
    }
    let mut known = BTreeSet::new();
    named(&root, &root, "", &mut known);
    // Nothing is lost or missing in a replay.
    known.retain(|path| !path.starts_with("/gaps") && !path.starts_with("/missing"));
    assert_eq!(present, known);
    for (key, wrong) in [
        ("format_version", Value::from(2)),
        ("id", "x".into()),
        ("at", "2026-03-02 10:00".into()),
        ("severity", "bad".into()),
        ("members", Value::Null),
    ] {
        let mut changed = manifest.clone();
        changed[key] = wrong;
        assert!(!checker.allows(&changed), "{key}");
        let mut without = manifest.clone();
        without.as_object_mut().unwrap().remove(key);
        assert!(!checker.allows(&without), "{key}");
    }
    assert_ne!(run(&["schema"]).stdout, schema.as_bytes());
}

#[test]
fn a_bundle_that_says_it_replays_does_and_one_that_does_not_says_why() {
    let done = hour();
    let mut answers = BTreeSet::new();
    for (name, bytes) in done.bundles() {
        let members = unpack(&bytes);
        let manifest: Value = serde_json::from_slice(&members["manifest.json"]).unwrap();
        let folder = TempDir::new().unwrap();
        let logs = folder.path().join("logs");
        fs::create_dir(&logs).unwrap();
        for (number, (_, content)) in members
            .iter()
            .filter(|(path, _)| path.starts_with("logs/"))
            .enumerate()
        {
            fs::write(logs.join(format!("{number}.log")), content).unwrap();
        }
        let again = replay(&[&logs], &[]).ok();
        let ids: BTreeSet<_> = again
            .history()
            .iter()
            .map(|row| row["id"].as_str().unwrap().to_owned())
            .collect();
        let answer = manifest["replays"]["answer"].as_str().unwrap();
        let found = ids.contains(manifest["id"].as_str().unwrap());
        assert_eq!(found, answer == "yes", "{name}: {}", manifest["replays"]);
        assert_eq!(manifest["replays"]["why"].is_string(), answer == "no");
        answers.insert(answer.to_owned());
    }
    assert!(answers.contains("yes"), "{answers:?}");
    // Of a window whose lines were cut nothing is tried.
    let folder = TempDir::new().unwrap();
    let config = folder.path().join("cut.toml");
    fs::write(&config, "[storm]\nmax_bundle_bytes = \"64KiB\"\n").unwrap();
    let inputs = samples().join("signalr/hour.ndjson");
    let cut = replay(&[&inputs], &["--config", config.to_str().unwrap()]).ok();
    for bytes in cut.bundles().values() {
        let manifest: Value = serde_json::from_slice(&unpack(bytes)["manifest.json"]).unwrap();
        assert_eq!(manifest["replays"]["why"], "lines were left out for size");
    }
}

#[test]
fn a_summary_lies_beside_every_bundle_and_is_the_same_each_time() {
    let (done, again) = (hour(), hour());
    for (name, bytes) in done.bundles() {
        let id = name.split('.').next().unwrap();
        let file = format!("bundles/{id}.summary.json");
        let text = fs::read(done.out.join(&file)).unwrap();
        assert_eq!(text, fs::read(again.out.join(&file)).unwrap());
        let summary: Value = serde_json::from_slice(&text).unwrap();
        let manifest: Value = serde_json::from_slice(&unpack(&bytes)["manifest.json"]).unwrap();
        let digest = <sha2::Sha256 as sha2::Digest>::digest(&bytes);
        let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(summary["sha256"], digest);
        assert_eq!(summary["size"], bytes.len());
        assert_eq!(summary["lines"], manifest["loss"]["kept"]);
        for key in ["id", "rule", "at", "window", "replays", "folded"] {
            assert_eq!(summary[key], manifest[key], "{key}");
        }
        assert!(!String::from_utf8(text).unwrap().contains("/subscriptions"));
    }
}

// === signing ===

#[test]
fn a_signed_bundle_proves_its_origin_and_only_with_its_key() {
    // Test vectors 1 and 2 of RFC 8032, section 7.1, as PEM.
    const PRIVATE: &str = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n-----END PRIVATE KEY-----\n";
    const PUBLIC: &str = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n-----END PUBLIC KEY-----\n";
    const OTHER: &str = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAPUAXw+hDiVqStwqnTRt+vJyYLM8uxJaMwM1V8Sr0Zgw=\n-----END PUBLIC KEY-----\n";
    let folder = TempDir::new().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (key, public, other) = (
        file("key.pem", PRIVATE),
        file("public.pem", PUBLIC),
        file("other.pem", OTHER),
    );
    let config = file(
        "signed.toml",
        &format!("[bundle]\nsigning_key_file = '{key}'\n"),
    );
    let done = replay(
        &[&samples().join("signalr/hour.ndjson")],
        &["--config", &config],
    )
    .ok();
    let (id, bundle) = first_bundle(&done);
    let path = bundle.to_str().unwrap();
    // A signature changes nothing of the bundle.
    assert_eq!(done.bundles(), hour().bundles());
    let check = |key: &str| {
        let output = run(&["bundle", "verify", path, "--public-key", key]);
        (output.status.code().unwrap(), text(&output))
    };
    let (code, said) = check(&public);
    assert!(
        code == 0 && said.contains("intact, signed with this key"),
        "{said}"
    );
    let (code, said) = check(&other);
    assert!(code == 4 && said.contains("ORIGIN NOT PROVEN"), "{said}");
    let (code, said) = check(&key);
    assert!(
        code == 2 && said.contains("no ed25519 public key"),
        "{said}"
    );
    let plain = run(&["bundle", "verify", path]);
    assert!(text(&plain).contains("intact, origin not proven"));
    // The signature of another bundle is none of this one.
    let (last, _) = done.bundles().pop_last().unwrap();
    let last = last.replace(".tar.zst", ".sig");
    let signatures = done.out.join("bundles");
    fs::copy(signatures.join(last), signatures.join(format!("{id}.sig"))).unwrap();
    assert_eq!(check(&public).0, 4);
    fs::remove_file(signatures.join(format!("{id}.sig"))).unwrap();
    let (code, said) = check(&public);
    assert!(code == 4 && said.contains("cannot be read"), "{said}");
    let wrong = file("wrong.toml", "[bundle]\nsigning_key_file = 'no/such.pem'\n");
    let refused = replay(
        &[&samples().join("signalr/hour.ndjson")],
        &["--config", &wrong],
    );
    assert_eq!(refused.code, 2, "{}", refused.stderr);
}

// === opening ===

#[test]
fn a_bundle_opens_into_a_free_folder_only() {
    let done = hour();
    let (_, bundle) = first_bundle(&done);
    let (_folder, out) = opened(&done);
    for (path, content) in unpack(&fs::read(&bundle).unwrap()) {
        assert_eq!(fs::read(out.join(&path)).unwrap(), content, "{path}");
    }
    let (bundle, target) = (bundle.to_str().unwrap(), out.to_str().unwrap());
    let again = run(&["bundle", "open", bundle, "--out", target]);
    assert_eq!(again.status.code(), Some(2));
    assert!(
        text(&again).contains("something is there"),
        "{}",
        text(&again)
    );
    let missing = run(&["bundle", "open", "no-such", "--out", "x"]);
    assert_eq!(missing.status.code(), Some(2));
}
