//! Replay is exact: the same input gives the same bytes out, and the domain's rules hold end to end.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::fs;
use std::path::Path;

use support::{alert, replay, replay_lines, samples, signalr};
use tempfile::TempDir;

fn copy_tree(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(|entry| entry.unwrap()) {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_tree(&entry.path(), &target)
        } else {
            fs::copy(entry.path(), target).map(drop).unwrap()
        }
    }
}

#[test]
fn twice_in_any_batches_and_from_another_folder_gives_the_same_bytes() {
    let first = replay(&[&samples()], &[]).ok();
    assert!(first.bundles().len() > 20, "{:?}", first.summary());
    let elsewhere = TempDir::new().unwrap();
    let copy = elsewhere.path().join("a longer name").join("logs");
    copy_tree(&samples(), &copy);
    let others = [
        ("again", replay(&[&samples()], &[])),
        ("one line", replay(&[&samples()], &["--batch-bytes", "1"])),
        ("4 KiB", replay(&[&samples()], &["--batch-bytes", "4096"])),
        ("64 KiB", replay(&[&samples()], &["--batch-bytes", "65536"])),
        (
            "4 MiB",
            replay(&[&samples()], &["--batch-bytes", "4194304"]),
        ),
        ("another folder", replay(&[&copy], &[])),
    ];
    for (how, other) in others {
        let other = other.ok();
        assert!(
            other.annotated() == first.annotated(),
            "{how}: annotated.ndjson differs"
        );
        assert!(
            other.quarantine() == first.quarantine(),
            "{how}: quarantine.ndjson differs"
        );
        assert_eq!(other.summary(), first.summary(), "{how}");
        let (ours, theirs) = (first.bundles(), other.bundles());
        assert!(ours.keys().eq(theirs.keys()), "{how}: bundle ids differ");
        for (name, bytes) in ours {
            assert!(theirs[&name] == bytes, "{how}: {name} differs");
        }
        let report = |folder: &Path| fs::read_to_string(folder.join("report.html")).unwrap();
        assert_eq!(report(&other.out), report(&first.out), "{how}");
    }
}

#[test]
fn an_annotated_output_replayed_again_is_not_judged_again() {
    let first = replay(&[&samples().join("signalr")], &[]).ok();
    let again = replay(&[&first.out.join("annotated.ndjson")], &[]).ok();
    let summary = again.summary();
    assert_eq!(
        summary["requests"].as_u64().unwrap(),
        0,
        "flagged lines ask nothing again"
    );
    assert!(again.annotated() == first.annotated());
}

#[test]
fn misspelt_localised_and_aliased_fault_types_flag() {
    for (fault, canonical) in [
        (
            "StorageResourceProvider. DataStoreConnectionFail",
            "StorageResourceProvider.DataStoreConnectionFail",
        ),
        (
            "StorageResourceProvider。DataStoreConnectionFail",
            "StorageResourceProvider.DataStoreConnectionFail",
        ),
        ("UsageBridge.NetworkError", "UsageBridge.NetworkError"),
        ("UsageBridge.UsageNetworkError", "UsageBridge.NetworkError"),
    ] {
        let active = replay_lines(&[alert("a1", fault, 0, 60, "Active", "Warning")], &[]).ok();
        let flags = active.flags();
        assert_eq!(flags.len(), 1, "{fault}: a Warning among the 23 flags");
        assert_eq!(
            (&flags[0]["fault"], &flags[0]["severity"]),
            (&canonical.into(), &"warning".into())
        );
        assert_eq!(flags[0]["rules"], serde_json::json!(["stack-hub.alert"]));
        assert_eq!(active.bundles().len(), 1);
        let bundle = format!("{}.tar.zst", flags[0]["bundle"].as_str().unwrap());
        assert!(
            active.bundles().contains_key(&bundle),
            "the flag names its bundle"
        );
        let closed = replay_lines(&[alert("a1", fault, 0, 60, "Closed", "Warning")], &[]).ok();
        assert!(
            closed.flags().is_empty() && closed.bundles().is_empty(),
            "{fault}: closed"
        );
    }
    let unknown = replay_lines(
        &[alert(
            "a1",
            "RdAgent.Unhealthy",
            0,
            60,
            "Active",
            "Critical",
        )],
        &[],
    )
    .ok();
    assert!(unknown.flags().is_empty());
    assert_eq!(unknown.summary()["records"]["health-alert"], 1);
}

#[test]
fn thirty_polls_of_one_active_alert_ask_for_one_bundle() {
    let polls: Vec<_> = (0..30)
        .map(|poll| {
            let alert = alert(
                "a1",
                "SlbMuxRoutePublicationFailure",
                0,
                poll * 300,
                "Active",
                "Critical",
            );
            format!(r#"{{"value":[{alert}],"nextLink":""}}"#)
        })
        .collect();
    let done = replay_lines(&polls, &[]).ok();
    let summary = done.summary();
    assert_eq!(
        done.counts(["lines", "requests", "bundles", "folded"]),
        [30, 1, 1, 29]
    );
    assert_eq!(summary["flagged"]["stack-hub.alert"], 30);
}

#[test]
fn an_update_failure_asks_at_once_under_its_own_rule() {
    let done = replay_lines(
        &[alert("a1", "Urp.UpdateFailure", 0, 0, "Active", "Critical")],
        &[],
    )
    .ok();
    assert_eq!(
        done.flags()[0]["rules"],
        serde_json::json!(["stack-hub.update"])
    );
    let titled = alert("a2", "Unpublished", 0, 0, "Active", "Critical")
        .replace("a title", "Update needs attention on x");
    assert_eq!(
        replay_lines(&[titled], &[]).ok().flags()[0]["rules"],
        serde_json::json!(["stack-hub.update"])
    );
}

#[test]
fn a_held_alert_is_pending_until_time_shows_that_it_lasted() {
    let lines = [alert(
        "a1",
        "FRP.Heartbeat.PhysicalNode",
        0,
        60,
        "Active",
        "Critical",
    )];
    let pending = replay_lines(&lines, &[]).ok();
    assert_eq!(pending.counts(["pending", "bundles"]), [1, 0]);
    assert!(
        pending.stdout.contains("1 alert still held"),
        "{}",
        pending.stdout
    );
    let until = replay_lines(&lines, &["--until", "2026-03-02T10:30:00Z"]).ok();
    assert_eq!(until.counts(["pending", "bundles"]), [0, 1]);
    let short = replay_lines(&lines, &["--until", "2026-03-02T10:29:59Z"]).ok();
    assert_eq!(short.summary()["bundles"], 0);
}

#[test]
fn a_prefixed_and_a_bare_reason_are_the_same() {
    let lines: Vec<_> = (0..10)
        .map(|i| {
            let message = if i % 2 == 0 {
                "Connection aborted. Reason: Connection ping timeout"
            } else {
                "Connection ping timeout"
            };
            signalr(i, "A", "ConnectionAborted", message)
        })
        .collect();
    let done = replay_lines(&lines, &[]).ok();
    assert_eq!(done.summary()["flagged"]["signalr.ping-timeout"], 10);
    assert_eq!(
        done.summary()["bundles"],
        1,
        "five of each would not reach the threshold of ten"
    );
}

#[test]
fn expected_and_transient_ends_are_classed_and_pass_untouched() {
    let lines: Vec<_> = [
        ("ConnectionAborted", "Connection aborted. Reason: Application server closed the connection. Server reported error: x"),
        ("ConnectionAborted", "Connection aborted. Reason: Service reloading, reconnect"),
        ("ConnectionAborted", "Connection aborted. Reason: Service reloading, please reconnect."),
        ("ConnectionAborted", "Connection aborted. Reason: Service reloading, try reconnecting"),
        ("ConnectionAborted", "Connection aborted. Reason: Internal server transient error"),
        ("ConnectionEnded", "Connection ended. Reason: "),
    ]
    .iter()
    .flat_map(|(operation, message)| (0..20).map(|i| signalr(i, "A", operation, message)))
    .collect();
    let done = replay_lines(&lines, &[]).ok();
    assert!(done.flags().is_empty());
    assert_eq!(done.annotated(), (lines.join("\n") + "\n").into_bytes());
    let report = fs::read_to_string(done.out.join("report.html")).unwrap();
    for class in ["expected", "transient", "service"] {
        assert!(
            report.contains(class),
            "the report counts the class {class}"
        );
    }
    let aborted: Vec<_> = (0..10)
        .map(|i| signalr(i, "A", "ConnectionAborted", "Connection aborted. Reason: "))
        .collect();
    let done = replay_lines(&aborted, &[]).ok();
    assert_eq!(
        (
            &done.summary()["flagged"]["signalr.aborted"],
            &done.summary()["bundles"]
        ),
        (&10.into(), &1.into())
    );
}

#[test]
fn a_flood_of_identical_drops_is_one_request_with_a_count() {
    let line = signalr(
        0,
        "A",
        "ConnectionAborted",
        "Connection aborted. Reason: Server connection dropped",
    );
    let done = replay_lines(&vec![line; 30_000], &[]).ok();
    let summary = done.summary();
    assert_eq!(summary["flagged"]["signalr.server-dropped"], 30_000);
    assert_eq!(
        done.counts(["requests", "bundles", "folded"]),
        [1, 1, 29_990]
    );
    let row = done.requests("signalr.server-dropped").remove(0);
    assert_eq!(row["folded"], 29_990);
    let (_, bundle) = done.bundles().pop_first().unwrap();
    let members = support::unpack(&bundle);
    let manifest: serde_json::Value = serde_json::from_slice(&members["manifest.json"]).unwrap();
    // Nine lines below the threshold, the tenth asked, the rest folded.
    assert_eq!(manifest["evidence"]["count"], 10);
    assert_eq!(manifest["folded"], 29_990);
}

#[test]
fn expectations_are_checked() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("expect.json");
    let line = [signalr(0, "A", "ConnectionStarted", "Connection started")];
    fs::write(&file, r#"{"lines":1,"records":{"signalr":1}}"#).unwrap();
    replay_lines(&line, &["--expect", file.to_str().unwrap()]).ok();
    fs::write(&file, r#"{"lines":2,"flagged":{"signalr.aborted":3}}"#).unwrap();
    let done = replay_lines(&line, &["--expect", file.to_str().unwrap()]);
    assert_eq!(done.code, 4);
    assert!(
        done.stderr.contains("lines: expected 2, got 1"),
        "{}",
        done.stderr
    );
    assert!(
        done.stderr
            .contains("flagged.signalr.aborted: expected 3, got 0"),
        "{}",
        done.stderr
    );
}

#[test]
fn rules_of_a_configuration_take_the_place_of_the_default_ones() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("my.toml");
    fs::write(&file, "[[rule]]\nname = \"starts\"\nwhere = { operation = \"ConnectionStarted\" }\ngroup_by = [\"resource\"]\n").unwrap();
    let lines = [
        signalr(0, "A", "ConnectionStarted", "Connection started"),
        signalr(1, "A", "ConnectionAborted", "Message count reaches limit"),
    ];
    let done = replay_lines(&lines, &["--config", file.to_str().unwrap()]).ok();
    assert_eq!(done.summary()["flagged"], serde_json::json!({"starts": 1}));
    fs::write(
        &file,
        "[[rule]]\nname = \"a\"\ncooldwn = \"1m\"\n[[rule]]\nname = \"a\"\nkind = \"spikes\"\n",
    )
    .unwrap();
    let done = replay_lines(&lines, &["--config", file.to_str().unwrap()]);
    assert_eq!(done.code, 2);
    for part in [
        "my.toml:3:1: unknown key `cooldwn` (did you mean `cooldown`?)",
        "my.toml:6:1: unknown kind `spikes`",
        "my.toml:5:1: the name `a` is taken by rule 1",
    ] {
        assert!(done.stderr.contains(part), "{part}\n{}", done.stderr);
    }
    assert!(
        !done.out.exists(),
        "nothing is written before the configuration is accepted"
    );
}

#[test]
fn modes_decide_what_a_match_does() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("my.toml");
    let lines = [signalr(0, "A", "ConnectionStarted", "Connection started")];
    for (mode, expected) in [
        ("off", [0, 0, 0, 0]),
        ("flag", [1, 0, 0, 0]),
        ("shadow", [1, 1, 1, 0]),
        ("collect", [1, 1, 0, 1]),
    ] {
        let rule = format!(
            "[[rule]]\nname = \"a\"\nmode = \"{mode}\"\nwhere.operation = \"ConnectionStarted\"\n"
        );
        fs::write(&file, rule).unwrap();
        let done = replay_lines(&lines, &["--config", file.to_str().unwrap()]).ok();
        let [requests, suppressed, bundles] = done.counts(["requests", "suppressed", "bundles"]);
        let flagged = done.flags().len() as u64;
        assert_eq!([flagged, requests, suppressed, bundles], expected, "{mode}");
        if mode == "shadow" {
            assert_eq!(done.history()[0]["cause"], "shadow mode");
            assert!(
                done.stdout.contains("1 bundle not sealed, shadow mode"),
                "{}",
                done.stdout
            );
        }
    }
}
