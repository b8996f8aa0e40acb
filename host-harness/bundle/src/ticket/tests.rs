use serde_json::json;

use super::*;
use crate::manifest::{FORMAT_VERSION, LossAccount, Member, Replays, Span, Versions, Window};
use crate::redact::Report;
use crate::timestamp::Timestamp;

const RESOURCE: &str = "/subscriptions/11111111-2222-3333-4444-555555555555/resourcegroups/rg-chat/providers/microsoft.signalrservice/signalr/contoso-chat";
const START: i64 = 1_772_445_600_000_000;
const MINUTE: i64 = 60_000_000;

fn manifest() -> Manifest {
    Manifest {
        format_version: FORMAT_VERSION,
        id: "0123456789abcdef0123456789abcdef".into(),
        kind: Kind::Proactive,
        rule: "signalr.ping-timeout".into(),
        group: RESOURCE.into(),
        at: Timestamp::from_micros(START + 20 * MINUTE),
        severity: "warning".into(),
        title: Some("Server on app-host-7 is gone".into()),
        advice: Some("check that the app server reaches the service".into()),
        evidence: json!({
            "why": "10 of 10 matches within 5m", "count": 10, "threshold": 10, "within": "5m",
            "reason": "ping-timeout", "connection": "conn-abc", "user": "dana@contoso.example",
            "impacted_resource": "", "fault": "Contoso secret rule", "held": "30m on app-host-7!",
        }),
        folded: 3,
        window: Window {
            asked: Span::from_micros(START, START + 30 * MINUTE),
            got: Some(Span::from_micros(START + 2 * MINUTE, START + 30 * MINUTE)),
        },
        scope: Scope::Resource {
            resource: RESOURCE.into(),
        },
        members: vec![Member {
            path: "logs/default/app-host-7.log".into(),
            bytes: 2_048,
            lines: Some(12),
            sha256: "ab".repeat(32),
        }],
        cuts: Vec::new(),
        loss: LossAccount {
            cut: 1,
            quarantined: 2,
            ..LossAccount::default()
        },
        hashes: Default::default(),
        versions: Versions {
            tripline: "1".into(),
            plugin: "1".into(),
        },
        replays: Replays::Yes,
        redaction: Report {
            profile: "raw".into(),
            ..Report::default()
        },
        missing: Vec::new(),
        gaps: Vec::new(),
    }
}

fn whereabouts() -> Whereabouts {
    Whereabouts {
        format: crate::pack::Format::TarZst,
        place: Some("/mnt/share/app-host-7/x.tar.zst".into()),
        size: Some(3 << 20),
        sha256: Some("cd".repeat(32)),
        local: Some(|micros| format!("local {}", micros / MINUTE)),
    }
}

#[test]
fn the_private_form_has_all_that_support_asks_for() {
    let text = ticket(&manifest(), Form::Private, &whereabouts());
    for part in [
        "# Server on app-host-7 is gone\n",
        "- UTC: 2026-03-02 10:00:00 to 2026-03-02 10:30:00 (30 minutes), trigger at 2026-03-02 10:20:00\n",
        "- Local: local 29540760 to local 29540790, trigger at local 29540780\n",
        RESOURCE,
        "The rule `signalr.ping-timeout` (warning) asked for these logs: 10 of 10 matches within 5m.",
        "3 more triggers are counted",
        "- user: `dana@contoso.example`",
        "Known advice: check that the app server reaches the service.\n",
        "- Bundle: `/mnt/share/app-host-7/x.tar.zst`\n- Size: 3 MiB\n",
        &"cd".repeat(32),
        &"ab".repeat(32),
        "- There are no lines from 2026-03-02 10:00:00 up to 2026-03-02 10:02:00 UTC.\n",
        "- 1 line left out",
        "- 2 lines in quarantine",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
}

#[test]
fn the_public_form_has_no_identifier() {
    let text = ticket(&manifest(), Form::Public, &whereabouts());
    for part in [
        "# signalr.ping-timeout\n",
        "An Azure SignalR Service resource",
        "10 of 10 matches within 5m",
        "- reason: `ping-timeout`",
        "12 lines in 1 file, 2 KiB",
        &"cd".repeat(32),
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    for identifier in [
        "11111111", "rg-chat", "contoso", "app-host", "conn-abc", "dana", "/mnt", "secret", "logs/",
    ] {
        assert!(!text.contains(identifier), "{identifier}\n{text}");
    }
}

#[test]
fn a_bundles_own_ticket_has_no_local_time_and_no_hash_of_itself() {
    let text = ticket(&manifest(), Form::Private, &Whereabouts::default());
    assert!(!text.contains("Local"), "{text}");
    assert!(text.contains("- Bundle: `0123456789abcdef0123456789abcdef.tar.zst`"));
    assert_eq!(
        text,
        ticket(&manifest(), Form::Private, &Whereabouts::default())
    );
}

#[test]
fn texts_of_logs_stay_text() {
    let mut manifest = manifest();
    manifest.title = Some("<img src=x>\n# [a](b) `c` | d".into());
    manifest.evidence = json!({ "why": "*all* <b>", "note": "a`b|c\nd" });
    let text = ticket(&manifest, Form::Private, &Whereabouts::default());
    assert!(text.starts_with("# &lt;img src=x> \\# \\[a\\](b) \\`c\\` \\| d\n"));
    assert!(text.contains("\\*all\\* &lt;b>") && text.contains("- note: `a'b'c d`"));
}

#[test]
fn the_files_listed_end_at_their_bound() {
    let mut manifest = manifest();
    let member = manifest.members.remove(0);
    manifest.members = vec![member; MAX_FILES];
    let rows = |text: &str| text.matches("| `logs/").count();
    let text = ticket(&manifest, Form::Private, &Whereabouts::default());
    assert!(rows(&text) == MAX_FILES && !text.contains("more, in"));
    manifest.members.push(manifest.members[0].clone());
    let text = ticket(&manifest, Form::Private, &Whereabouts::default());
    assert!(rows(&text) == MAX_FILES && text.contains("and 1 file more, in `manifest.json`."));
}
