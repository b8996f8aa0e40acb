//! What holds for any input: batches and restarts do not matter, no bytes panic, and a flag can be taken
//! out again.

#![expect(clippy::string_slice, reason = "a test fails by panicking")]

mod support;

use std::fmt::Write as _;

use proptest::prelude::*;
use support::{PING, RULES, abort, alert, batch, run, run_batches, source};
use tripline_core::Detector;

/// The rules above and one of every other kind, with holds of both sorts.
fn every_kind() -> String {
    let more = r#",
  {"name":"spike","kind":"spike","threshold":4,"within":"5m","factor":2,"where":{"record":"signalr"},
   "group_by":["resource"],"cooldown":"10m"},
  {"name":"silent","kind":"absence","within":"7m","where":{"record":"signalr"},"group_by":["resource"],
   "cooldown":"1m"},
  {"name":"many","kind":"cardinality","field":"reason","threshold":2,"within":"20m",
   "where":{"record":"signalr"},"ends":{"record":"health-alert"},"group_by":["record"]},
  {"name":"steady","kind":"frequency","threshold":2,"within":"10m","for":"6m",
   "where":{"record":"signalr"},"cooldown":"1m"}
]}"#;
    RULES
        .trim_end()
        .trim_end_matches("]}")
        .trim_end()
        .to_owned()
        + more
}

fn any_line() -> impl Strategy<Value = String> {
    prop_oneof![
        (
            0_u32..90,
            prop::sample::select(vec!["A", "B"]),
            prop::sample::select(vec![
                PING,
                "Connection count reaches limit",
                "",
                "Service reloading, x"
            ])
        )
            .prop_map(|(minute, resource, reason)| abort(
                f64::from(minute),
                resource,
                reason
            )),
        (
            0_i64..90,
            0_i64..60,
            prop::sample::select(vec!["a1", "a2"]),
            prop::bool::ANY
        )
            .prop_map(|(created, more, id, closed)| {
                alert(
                    id,
                    "FRP.Heartbeat.InfraVM",
                    created,
                    created + more,
                    if closed { "Closed" } else { "Active" },
                )
            }),
        Just("junk".to_owned()),
        Just("{\"a\":1}".to_owned()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_split_into_batches_gives_the_same_verdicts(lines in prop::collection::vec(any_line(), 1..60), size in 1_usize..20) {
        let rules = every_kind();
        prop_assert_eq!(run_batches(&rules, &lines, size), run_batches(&rules, &lines, usize::MAX));
    }

    #[test]
    fn a_restart_from_a_checkpoint_changes_nothing(lines in prop::collection::vec(any_line(), 2..40), at in 1_usize..39) {
        let at = at.min(lines.len() - 1);
        let mut whole = Detector::configure(&every_kind()).unwrap();
        whole.process(&batch(&lines[..at]), &source("s"));
        let mut restored = Detector::configure(&every_kind()).unwrap();
        restored.restore(&whole.checkpoint()).unwrap();
        let rest = batch(&lines[at..]);
        prop_assert_eq!(restored.process(&rest, &source("s")), whole.process(&rest, &source("s")));
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let mut detector = Detector::configure(RULES).unwrap();
        let lines = bytes.split(|b| *b == b'\n').count() - usize::from(bytes.ends_with(b"\n") || bytes.is_empty());
        let output = detector.process(&bytes, &source("s"));
        prop_assert_eq!(output.times.len(), lines);
    }

    #[test]
    fn taking_the_flag_out_gives_the_line_back(lines in prop::collection::vec(any_line(), 1..30)) {
        let output = run(&lines);
        let mut text = output.text.as_slice();
        for edit in &output.edits {
            let line = &lines[edit.line as usize];
            let (flag, rest) = text.split_at(edit.text_len as usize);
            text = rest;
            let at = edit.offset as usize;
            prop_assert!(at > 0 && at < line.len() && edit.remove == 0);
            let mut spliced = String::new();
            let flag = std::str::from_utf8(flag).unwrap();
            write!(spliced, "{}{flag}{}", &line[..at], &line[at..]).unwrap();
            let mut value: serde_json::Value = serde_json::from_str(&spliced).unwrap();
            prop_assert!(value.as_object_mut().unwrap().remove("tripline").is_some());
            prop_assert_eq!(value, serde_json::from_str::<serde_json::Value>(line).unwrap());
        }
        prop_assert!(text.is_empty());
    }
}

/// Parts of records: keys and values that make one matter, or nearly do.
fn any_member() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        r#""log":"GET /x 200""#,
        r#""log":"{\"time\":\"2026-03-02T10:00:00Z\"}""#,
        r#""log":"{\"\\u0074ime\":\"2026-03-02T10:00:00Z\"}""#,
        r#""log":"{\"event name\":\"ConnectionAborted\",\"Connection ID\":\"c\"}""#,
        r#""message":"CEF:0|Microsoft|Microsoft Azure Stack|1|Microsoft Azure Stack Alert Creation : Urp.UpdateFailure|Urp.UpdateFailure : a|10|""#,
        r#""message":"Connection aborted. Reason: Connection ping timeout""#,
        r#""operationName":"ConnectionAborted""#,
        r#""resourceId":"/SUBSCRIPTIONS/S/PROVIDERS/MICROSOFT.SIGNALRSERVICE/SIGNALR/A""#,
        r#""resourceId":"\/s\/providers\/microsoft.sign\u0061lrservice\/signalr\/a""#,
        r#""_ResourceId":"/s/providers/microsoft.web/sites/a""#,
        r#""Type":"WebPubSubConnectivity""#,
        r#""category":"AllLogs""#,
        r#""properties":{"type":"ConnectivityLogs","message":"Connection aborted. Reason: "}"#,
        r#""properties":{"alertId":"a","faultTypeId":"Urp.UpdateFailure","state":"Active"}"#,
        r#""FaultType":"Microsoft.Health.FaultType.X","FaultId":"f","PerceivedSeverity":"5""#,
        r#""schemaId":"azureMonitorCommonAlertSchema","data":{"essentials":{"alertRule":"r","monitorCondition":"Fired"}}"#,
        r#""@timestamp":"2026-03-02T10:00:00Z""#,
        r#""n":1"#,
    ])
    .prop_map(str::to_owned)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn what_cannot_matter_changes_nothing(members in prop::collection::vec(any_member(), 0..4)) {
        let record = format!("{{{}}}", members.join(","));
        let rules = every_kind();
        let mut detector = Detector::configure(&rules).unwrap();
        let lines: Vec<_> = (0..5).map(|minute| abort(f64::from(minute), "A", PING)).collect();
        detector.process(&batch(&lines), &source("s"));
        let before: serde_json::Value = serde_json::from_slice(&detector.checkpoint()).unwrap();
        if !detector.may_matter(record.as_bytes()) {
            let output = detector.process(record.as_bytes(), &source("s"));
            prop_assert!(output.edits.is_empty() && output.requests.is_empty() && output.folded.is_empty());
            prop_assert!(output.counts.iter().all(|(name, _)| name == "records:other" || name == "undated"));
            let after: serde_json::Value = serde_json::from_slice(&detector.checkpoint()).unwrap();
            prop_assert_eq!(&before["groups"], &after["groups"]);
            for part in ["clock", "last_time", "holds", "watches"] {
                prop_assert_eq!(&before["sources"]["s"][part], &after["sources"]["s"][part]);
            }
        }
    }
}

#[test]
fn rules_that_concern_any_record_leave_nothing_out() {
    let matters = |condition: &str| {
        let rules = format!(r#"{{"rule":[{{"name":"r"{condition}}}]}}"#);
        Detector::configure(&rules).unwrap().may_matter(b"{}")
    };
    assert!(matters(""));
    assert!(matters(r#","where":{"/a":"b"}"#));
    assert!(matters(r#","where":{"reason":{"none":["x"]}}"#));
    assert!(matters(
        r#","where":[{"record":"signalr"},{"message":"x"}]"#
    ));
    assert!(!matters(r#","mode":"off""#));
    assert!(!matters(
        r#","where":{"record":["signalr","health-alert"]}"#
    ));
    assert!(!matters(r#","where":{"schema":"stack-hub-alert"}"#));
    assert!(!matters(r#","where":{"fault":{"prefix":"Urp."}}"#));
}
