//! The module for Fluent Bit, called by its C ABI as Fluent Bit's runtime calls it: the same verdicts as
//! natively and as the component's, and never anything but one JSON object.

mod cases;
mod filter;

use std::cell::{Cell, RefCell};
use std::fmt::Write as _;
use std::path::Path;

use proptest::prelude::*;
use serde_json::Value;
use tripline_core::Detector;
use tripline_core::bundle_request;
use tripline_core::contract::{Context, Output, Request};
use tripline_runtime::{
    FLUENT_BIT_MODULE, MAX_RULES_BYTES, Options, Plugin, WriteRulesError, with_rules,
};

use crate::embedded::{RULES, framed, samples};
use crate::support::{embedded, engine};
use filter::{ARRIVED, Filter, compiled};

const TAG: &str = "signalr.raw";

/// The default rules as the host hands them over.
fn default_rules() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../rules/default.toml");
    let rules: Value = toml::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    rules.to_string()
}

/// What the module must answer to a record with this tag: the host's edit, and the requests behind it.
fn expected(tag: &str, line: &[u8], output: &Output) -> Vec<u8> {
    let line = line.trim_ascii_end();
    let requests = bundle_request::write(tag, &output.requests);
    let (at, text) = match output.edits.as_slice() {
        [edit] => (edit.offset as usize, output.text.clone()),
        _ => (line.len() - 1, Vec::new()),
    };
    if text.is_empty() && requests.is_none() {
        return line.to_vec();
    }
    let requests = requests
        .map(|member| format!(",{member}"))
        .unwrap_or_default();
    [&line[..at], &text, requests.as_bytes(), &line[at..]].concat()
}

fn context() -> Context {
    Context {
        source: TAG.to_owned(),
        arrived: Some(i64::from(ARRIVED) * 1_000_000),
        ..Context::default()
    }
}

/// The lines that are JSON objects, as Fluent Bit hands over nothing else.
fn objects(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut lines = framed(bytes);
    lines.retain(|line| serde_json::from_slice::<serde_json::Map<String, Value>>(line).is_ok());
    lines
}

/// A line as Fluent Bit writes it: without white space, and with `\u` and four digits for all that is not
/// ASCII.
fn as_fluent_bit_writes(line: &[u8]) -> Vec<u8> {
    let mut text = String::new();
    for c in String::from_utf8_lossy(line.trim_ascii_end()).chars() {
        if c.is_ascii() {
            text.push(c);
        } else {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                write!(text, "\\u{unit:04x}").unwrap();
            }
        }
    }
    text.into_bytes()
}

#[test]
fn it_imports_nothing_and_exports_what_fluent_bit_needs() {
    let module = compiled(FLUENT_BIT_MODULE);
    assert_eq!(module.imports().count(), 0);
    let names: Vec<_> = module
        .exports()
        .map(|export| export.name().to_owned())
        .collect();
    for name in [
        "memory",
        "malloc",
        "free",
        "tripline_filter",
        "TRIPLINE_RULES",
    ] {
        assert!(
            names.contains(&name.to_owned()),
            "{name} is missing: {names:?}"
        );
    }
}

#[test]
fn natively_as_the_component_and_in_fluent_bit_every_sample_is_judged_alike() {
    let (mut flagged, mut asked) = (0, 0);
    let rules = [RULES.to_owned(), default_rules()];
    let cases = rules
        .iter()
        .flat_map(|rules| samples().into_iter().map(move |file| (rules, file)));
    for (rules, file) in cases {
        let lines = objects(&std::fs::read(&file).unwrap());
        let mut core = Detector::configure(rules).unwrap();
        let (mut component, _) =
            Plugin::start(engine(), embedded(), rules, Options::default()).unwrap();
        let mut filter = Filter::new(rules);
        for line in lines {
            let line = as_fluent_bit_writes(&line);
            let batch = [&line[..], b"\n"].concat();
            let native = core.process(&batch, &context());
            let judged = component.process(&batch, &context()).unwrap();
            assert_eq!(judged.output, native, "{}", file.display());
            let answer = filter.call(&line);
            assert_eq!(
                String::from_utf8_lossy(&answer),
                String::from_utf8_lossy(&expected(TAG, &line, &native)),
                "{}",
                file.display()
            );
            flagged += native.edits.len();
            asked += native.requests.len();
            if !native.requests.is_empty() {
                let read = bundle_request::read(&answer).unwrap();
                assert_eq!(
                    (read.source.as_str(), read.requests),
                    (TAG, unlined(native.requests))
                );
            }
        }
    }
    assert!(
        flagged > 100 && asked > 5,
        "{flagged} flagged, {asked} asked: the test shows nothing"
    );
}

fn unlined(requests: Vec<Request>) -> Vec<Request> {
    requests
        .into_iter()
        .map(|request| Request {
            line: None,
            ..request
        })
        .collect()
}

const HELD: &str = r#"{"rule":[{"name":"alert","where":{"record":"health-alert"},"for":"30m","group_by":["fault","resource"]}]}"#;

#[test]
fn an_alert_held_asks_with_the_first_record_past_its_hold() {
    let mut filter = Filter::new(HELD);
    let alert = br#"{"type":"Microsoft.InfrastructureInsights.Admin/regionHealths/alerts","properties":{"alertId":"a","faultTypeId":"FRP.Heartbeat.InfraVM","state":"Active","createdTimestamp":"2026-03-02T10:00:00Z","lastUpdatedTimestamp":"2026-03-02T10:00:00Z"}}"#;
    let answer: Value = serde_json::from_slice(&filter.call(alert)).unwrap();
    assert_eq!(answer["tripline"]["rules"][0], "alert");
    assert!(answer.get("bundle_request").is_none());
    for minute in [1, 29] {
        let other = format!(r#"{{"time":"2026-03-02T10:{minute:02}:59Z","log":"x"}}"#);
        assert_eq!(filter.call(other.as_bytes()), other.as_bytes());
    }
    // It has no time, so it does not say that the hold is over; nor does one that asks already.
    assert_eq!(filter.call(br#"{"log":"x"}"#), br#"{"log":"x"}"#);
    let asks = br#"{"time":"2026-03-02T10:31:00Z","bundle_request":{}}"#;
    assert_eq!(filter.call(asks), asks);
    let answer = filter.call(b"{ }");
    assert!(answer.starts_with(br#"{ "bundle_request":{"reason":"alert","#));
    let asked = bundle_request::read(&answer).unwrap();
    assert_eq!(asked.requests.len(), 1);
    assert_eq!(filter.call(b"{}"), b"{}", "once");
}

#[test]
fn a_record_that_is_annotated_already_passes() {
    let mut filter = Filter::new(r#"{"rule":[{"name":"all"}]}"#);
    let flagged = filter.call(br#"{"a":1}"#);
    assert!(flagged.starts_with(br#"{"a":1,"tripline":{"rules":["all"]"#));
    assert_eq!(filter.call(&flagged), flagged);
}

#[test]
fn without_rules_everything_passes() {
    let mut filter = Filter::of(FLUENT_BIT_MODULE);
    assert_eq!(filter.call(br#"{"a":1}"#), br#"{"a":1}"#);
}

#[test]
fn what_does_not_fit_or_is_no_module_is_refused() {
    let fits = format!(
        r#"{{"rule":[{{"name":"r"}}]{}}}"#,
        " ".repeat(MAX_RULES_BYTES - 23)
    );
    assert_eq!(fits.len(), MAX_RULES_BYTES);
    let mut filter = Filter::new(&fits);
    assert_ne!(filter.call(b"{}"), b"{}", "its rule is in force");
    let bytes = MAX_RULES_BYTES + 1;
    let refused = with_rules(FLUENT_BIT_MODULE, &(fits + " "));
    assert!(matches!(refused, Err(WriteRulesError::TooLong { bytes: b }) if b == bytes));
    for module in [&b""[..], b"\0asm\x01\0\0\0", b"\0asm\x0d\0\x01\0", b"junk"] {
        let refused = with_rules(module, "{}");
        assert!(matches!(refused, Err(WriteRulesError::Module { .. })));
    }
    // Rules are replaced as often as one likes.
    let once = with_rules(FLUENT_BIT_MODULE, RULES).unwrap();
    let mut filter = Filter::of(&with_rules(&once, r#"{"rule":[{"name":"r"}]}"#).unwrap());
    assert_ne!(filter.call(b"{}"), b"{}");
}

#[test]
fn a_null_record_is_answered_by_an_object_that_says_so() {
    let mut filter = Filter::new(RULES);
    let tag = filter.copy(b"t\0");
    for tag in [tag, 0] {
        let answer = filter
            .filter
            .call(&mut filter.store, (tag, 1, ARRIVED, 0, 0, 2_000_000))
            .unwrap();
        let answer: Value = serde_json::from_slice(&filter.text_at(answer)).unwrap();
        assert!(answer["tripline"]["lost"].is_string());
    }
}

#[test]
fn hostile_records_come_back_as_they_are() {
    let deep = |n: usize| format!("{{\"time\":{}{}}}", "[".repeat(n), "]".repeat(n)).into_bytes();
    let long = |n: usize| format!("{{\"time\":\"{}\"}}", "x".repeat(n)).into_bytes();
    let mut filter = Filter::new(RULES);
    for record in [
        b"".to_vec(),
        b"{".to_vec(),
        b"}".to_vec(),
        b"{}".to_vec(),
        b"[]".to_vec(),
        b"null".to_vec(),
        b"{\"time\":}".to_vec(),
        b"{\"time\":\"\xff\xfe\"}".to_vec(),
        b"{\"time\":1}\n{\"time\":2}".to_vec(),
        b"CEF:0|Microsoft|Microsoft Azure Stack Hub|1|a|b|10|".to_vec(),
        deep(1_000),
        deep(100_000),
        long(1 << 20),
        long(10 << 20),
    ] {
        assert_eq!(filter.call(&record), record, "{} bytes", record.len());
    }
    // After all that it still judges.
    let limit = br#"{"time":"2026-03-02T10:00:00Z","resourceId":"/x/providers/Microsoft.SignalRService/SignalR/a","properties":{"message":"Connection count reaches limit"}}"#;
    let answer: Value = serde_json::from_slice(&filter.call(limit)).unwrap();
    assert_eq!(answer["bundle_request"]["reason"], "limit");
}

#[test]
fn a_record_without_its_nul_is_copied() {
    let mut filter = Filter::new(RULES);
    let text = filter.copy(b"{\"a\":1}junk\0");
    let answer = filter
        .filter
        .call(&mut filter.store, (0, 0, ARRIVED, 0, text, 7))
        .unwrap();
    assert_ne!(answer, text);
    assert_eq!(filter.text_at(answer), b"{\"a\":1}");
    // Right at the end of the memory, and beyond it.
    let size = u32::try_from(filter.memory.data_size(&filter.store)).unwrap();
    for (start, length) in [(size - 7, 7), (size - 7, 8), (u32::MAX, 1), (1, u32::MAX)] {
        let answer = filter
            .filter
            .call(
                &mut filter.store,
                (start, length, ARRIVED, 0, start, length),
            )
            .unwrap();
        assert!(filter.text_at(answer).len() < 100);
    }
}

#[test]
fn memory_does_not_grow_with_records() {
    let mut filter = Filter::new(RULES);
    let lines = objects(
        &std::fs::read(
            samples()
                .into_iter()
                .find(|file| file.ends_with("signalr/hour.ndjson"))
                .unwrap(),
        )
        .unwrap(),
    );
    let mut sizes = Vec::new();
    for _ in 0..4 {
        for line in &lines {
            filter.call(line.trim_ascii_end());
        }
        sizes.push(filter.memory.data_size(&filter.store));
    }
    assert_eq!(sizes[1], sizes[3], "{sizes:?}");
}

/// Records with parts that nearly matter, and bytes of any kind.
fn any_record() -> impl Strategy<Value = Vec<u8>> {
    let part = prop::sample::select(vec![
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"",
        "\\",
        "\\u",
        "\\ud83d",
        "\0",
        "\n",
        "null",
        "1e999",
        "-",
        "\"time\":\"2026-03-02T10:00:00Z\"",
        "\"resourceId\":\"/p/Microsoft.SignalRService/SignalR/a\"",
        "\"properties\":{\"message\":\"Connection count reaches limit\"}",
        "\"message\":\"{'a':'b'}\"",
        "\"log\":\"{\\\"time\\\":1}\"",
        "\"bundle_request\":{}",
        "\"tripline\":1",
        "\u{e9}",
        " ",
    ]);
    prop_oneof![
        prop::collection::vec(part.clone(), 0..20).prop_map(|parts| parts.concat().into_bytes()),
        prop::collection::vec(part, 0..8)
            .prop_map(|parts| format!("{{{}}}", parts.join(",")).into_bytes()),
        prop::collection::vec(any::<u8>(), 0..200),
    ]
}

#[test]
fn any_bytes_give_themselves_or_one_object() {
    let filter = RefCell::new(Filter::new(
        r#"{"rule":[{"name":"all","where":{"/a":{"present":false}}},{"name":"limit","where":{"reason":"connection-limit"},"cooldown":"0s"}]}"#,
    ));
    let config = ProptestConfig {
        cases: 3_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let mut runner = proptest::test_runner::TestRunner::new(config);
    let changed = Cell::new(0);
    runner
        .run(&any_record(), |record| {
            let answer = filter.borrow_mut().call(&record);
            let up_to_nul = record.split(|byte| *byte == 0).next().unwrap();
            if answer != up_to_nul {
                changed.set(changed.get() + 1);
                let object = serde_json::from_slice::<serde_json::Map<String, Value>>(&answer);
                prop_assert!(object.is_ok(), "{}", String::from_utf8_lossy(&answer));
                prop_assert!(serde_json::from_slice::<Value>(&record).is_ok());
            }
            Ok(())
        })
        .unwrap();
    let changed = changed.get();
    assert!(changed > 100, "{changed} changed: the test shows little");
}
