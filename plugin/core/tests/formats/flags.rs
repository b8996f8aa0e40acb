//! Where a flag goes in a CEF line, and that it comes off again.

use tripline_core::Detector;
use tripline_core::contract::{Context, Output};

use crate::support::read;

const RULES: &str = r#"{"rule":[
  {"name":"all","where":{"record":["health-alert","other"]},"mode":"flag","advice":"a\\b=c\nd|e","severity":"error"},
  {"name":"vm","where":{"fault":"FRP.Heartbeat.InfraVM","state":{"present":true}},"group_by":["fault"]}
]}"#;

fn run(line: &str) -> Output {
    let mut detector = Detector::configure(RULES).unwrap();
    detector.process(format!("{line}\n").as_bytes(), &Context::default())
}

/// The line with its edits, none of which takes anything away or lies outside it.
fn spliced(line: &str, output: &Output) -> String {
    let mut text = std::str::from_utf8(&output.text).unwrap();
    let mut spliced = line.to_owned();
    for edit in output.edits.iter().rev() {
        let (rest, own) = text.split_at(text.len() - edit.text_len as usize);
        assert!(edit.line == 0 && edit.remove == 0);
        assert!(
            edit.offset > 0 && (edit.offset as usize) < line.len(),
            "{edit:?} in {line}"
        );
        assert!(!own.contains(['\n', '\r']));
        spliced.insert_str(edit.offset as usize, own);
        text = rest;
    }
    assert_eq!(text, "");
    spliced
}

fn alert(severity: &str, extension: &str) -> String {
    format!(
        "2026-03-24T08:00:05Z h CEF:0.0|Microsoft|Microsoft Azure Stack Hub|1.0|Microsoft Azure Stack Hub Alert Creation : FRP.Heartbeat.InfraVM|FRP.Heartbeat.InfraVM : a-1|{severity}|{extension}"
    )
}

#[test]
fn keys_go_in_front_of_the_extension() {
    let line = alert("10", "MasEventDescription=DESCRIPTION: ends with {braces}");
    let output = run(&line);
    let bundle = &output.requests[0].id;
    let (head, extension) = line.split_once("MasEventDescription").unwrap();
    let expected = format!(
        r"{head}triplineRules=all,vm triplineClass=compute triplineSeverity=error triplineAdvice=a\\b\=c\nd|e triplineFault=FRP.Heartbeat.InfraVM triplineBundle={bundle} MasEventDescription{extension}"
    );
    assert_eq!(spliced(&line, &output), expected);
    // It is the alert it was, and not judged again.
    let before = crate::support::everything(&read(&line));
    assert_eq!(crate::support::everything(&read(&expected)), before);
    assert!(read(&expected).annotated);
    let again = run(&expected);
    assert!(again.edits.is_empty() && again.requests.is_empty());
    assert!(again.counts.contains(&("annotated-before".to_owned(), 1)));
}

#[test]
fn an_empty_extension_gets_one_before_the_last_bar() {
    let line = alert("Information", "");
    let flagged = spliced(&line, &run(&line));
    assert!(flagged.ends_with(" triplineEnd=|"), "{flagged}");
    assert!(flagged.starts_with(&line[..line.len() - 1]), "{flagged}");
    let record = read(&flagged);
    assert!(record.annotated && !record.alert.as_ref().unwrap().active);
    let blank = alert("Information", "  ");
    assert!(spliced(&blank, &run(&blank)).ends_with("   "));
}

#[test]
fn lines_without_a_place_stay_as_they_are_and_are_counted() {
    for line in [
        "CEF:0.0|Microsoft|Microsoft Azure Stack|1.0|3|TITLE: a {b}|10",
        "<86>Mar 25 08:05:00 h sshd[4]: open {session}",
    ] {
        let output = run(line);
        assert!(output.edits.is_empty() && output.text.is_empty(), "{line}");
        for counter in ["flagged:all", "not-annotated"] {
            assert!(
                output.counts.contains(&(counter.to_owned(), 1)),
                "{counter}: {line}"
            );
        }
    }
}

#[test]
fn a_carried_line_is_flagged_on_its_event() {
    let event = serde_json::json!({"message": alert("10", "k=v")}).to_string();
    let flagged = spliced(&event, &run(&event));
    assert!(flagged.starts_with(r#"{"message":"2026"#), "{flagged}");
    let flagged: serde_json::Value = serde_json::from_str(&flagged).unwrap();
    assert_eq!(flagged["tripline"]["fault"], "FRP.Heartbeat.InfraVM");
}

#[test]
fn a_flag_in_bytes_of_another_script() {
    let line = alert("10", "MasEventDescription=ünï").replace("a-1", "é");
    let flagged = spliced(&line, &run(&line));
    assert!(flagged.contains("|10|triplineRules=all,vm "), "{flagged}");
    assert!(flagged.ends_with(" MasEventDescription=ünï"), "{flagged}");
}
