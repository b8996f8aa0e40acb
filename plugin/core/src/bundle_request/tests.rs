//! What is written is read, and nothing else is.

use super::*;
use crate::contract::request_id;

fn request(rule: &str, at: i64) -> Request {
    Request {
        id: request_id(rule, "g|é", at),
        rule: rule.to_owned(),
        group: "g|é".to_owned(),
        at,
        from: at - 1_200_000_000,
        to: at + 600_000_000,
        line: None,
        severity: "warning".to_owned(),
        evidence: r#"{"factor":2.50,"why":"\u00e9 \"x\""}"#.to_owned(),
        attributes: vec![
            ("scope".to_owned(), "resource".to_owned()),
            ("advice".to_owned(), "look".to_owned()),
        ],
    }
}

fn record(requests: &[Request]) -> String {
    let member = write("signalr.raw", requests).unwrap();
    format!(r#"{{"time":"2026-03-02T10:00:00Z",{member},"ts":"2026-03-02T10:00:01Z"}}"#)
}

#[test]
fn what_is_written_is_read() {
    for count in [1, 2, MOST_REQUESTS] {
        let requests: Vec<_> = (0..count)
            .map(|i| request("signalr.ping-timeout", 1_772_445_600_000_000 + i as i64))
            .collect();
        let asked = read(record(&requests).as_bytes()).unwrap();
        assert_eq!(asked.source, "signalr.raw");
        assert_eq!(asked.requests, requests);
    }
    assert_eq!(write("s", &[]), None);
}

#[test]
fn the_reason_is_a_text_for_the_shipper_to_route_by() {
    let record = record(&[request("signalr.ping-timeout", 1)]);
    let value: serde_json::Value = serde_json::from_str(&record).unwrap();
    assert_eq!(value[MEMBER]["reason"], "signalr.ping-timeout");
    assert_eq!(value[MEMBER]["rule"], "signalr.ping-timeout");
}

#[test]
fn texts_that_are_too_long_are_cut_so_that_they_are_taken() {
    let mut long = request("r", 1);
    long.attributes
        .push(("title".to_owned(), "é".repeat(LONGEST_TEXT)));
    long.evidence = format!("\"{}\"", "x".repeat(LONGEST_EVIDENCE));
    let asked = read(record(&[long]).as_bytes()).unwrap();
    let [request] = asked.requests.as_slice() else {
        panic!("{asked:?}")
    };
    assert_eq!(request.attributes[2].1.len(), LONGEST_TEXT);
    assert_eq!(request.evidence, r#"{"cut":"the evidence was too long"}"#);
}

#[test]
fn ids_are_computed_again() {
    let mut forged = request("r", 1);
    forged.group = "other".to_owned();
    let second = [request("r", 1), forged];
    assert_eq!(
        read(record(&second).as_bytes()),
        Err(Refusal::Id { index: 1 })
    );
}

#[test]
fn times_must_make_a_window() {
    let window = |from: i64, at: i64, to: i64| {
        let mut asks = request("r", at);
        (asks.from, asks.to) = (from, to);
        read(record(&[asks]).as_bytes()).map(|_| ())
    };
    assert_eq!(window(1, 1, 1), Ok(()));
    let refused = Err(Refusal::Window { index: 0 });
    assert_eq!(window(2, 1, 3), refused);
    assert_eq!(window(0, 4, 3), refused);
    assert_eq!(window(i64::MIN, 1, 3), refused);
    assert_eq!(window(0, 1, i64::MAX), refused);
    assert_eq!(window(i64::MAX, i64::MAX, i64::MAX), refused);
}

#[test]
fn what_is_none_is_refused_without_quoting_it() {
    let good = record(&[request("r", 1)]);
    for (from, to) in [
        ("\"format\":1", "\"format\":\"secret\""),
        ("\"format\":1", "\"format\":1,\"format\":1"),
        ("\"at\":1", "\"at\":1.5"),
        ("\"id\":", "\"idx\":"),
        ("{\"scope\":\"resource\"", "{\"scope\":7"),
        ("\"ts\":", "\"bundle_request\":{},\"ts\":"),
    ] {
        let bad = good.replacen(from, to, 1);
        assert_ne!(bad, good, "{from}");
        let refusal = read(bad.as_bytes()).unwrap_err();
        assert!(matches!(refusal, Refusal::Unreadable { .. }), "{refusal:?}");
        assert!(!refusal.to_string().contains("secret"));
    }
    for bad in ["", "{}", "[]", "null", r#"{"bundle_request":[]}"#, "{\"a\""] {
        assert!(matches!(
            read(bad.as_bytes()),
            Err(Refusal::Unreadable { .. })
        ));
    }
    let other = good.replacen("\"format\":1", "\"format\":2", 1);
    assert_eq!(read(other.as_bytes()), Err(Refusal::Format { found: 2 }));
}

#[test]
fn bounds_hold() {
    let text = |change: &dyn Fn(&mut Request)| {
        let mut asks = request("r", 1);
        change(&mut asks);
        asks.id = request_id(&asks.rule, &asks.group, asks.at);
        read(record(&[asks]).as_bytes()).map(|_| ())
    };
    let refused = |what| Err(Refusal::Text { index: 0, what });
    assert_eq!(text(&|r| r.rule = "r".repeat(LONGEST_NAME)), Ok(()));
    assert_eq!(
        text(&|r| r.rule = "r".repeat(LONGEST_NAME + 1)),
        refused("rule")
    );
    assert_eq!(text(&|r| r.rule = String::new()), refused("rule"));
    assert_eq!(
        text(&|r| r.severity = "a\nb".to_owned()),
        refused("severity")
    );
    assert_eq!(text(&|r| r.evidence = "{".to_owned()), refused("evidence"));
    let padded = |bytes: usize| {
        let record = record(&[request("r", 1)]);
        let pad = " ".repeat(bytes - record.len());
        read((record + &pad).as_bytes()).map(|_| ())
    };
    assert_eq!(padded(LONGEST_RECORD), Ok(()));
    assert_eq!(
        padded(LONGEST_RECORD + 1),
        Err(Refusal::TooLong {
            bytes: LONGEST_RECORD + 1
        })
    );
    let many: Vec<_> = (0..=MOST_REQUESTS as i64)
        .map(|at| request("r", at))
        .collect();
    assert_eq!(
        read(record(&many).as_bytes()),
        Err(Refusal::TooMany {
            requests: MOST_REQUESTS + 1
        })
    );
}
