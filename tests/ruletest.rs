//! `tripline rules test`: the default rules' own tests, every kind of failure, bad files.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use quick_junit::{Report, TestCaseStatus};
use serde_json::{Value, json};
use support::{run, tripline};
use tempfile::TempDir;

/// What a run printed, and its exit code.
struct Ran {
    code: i32,
    stdout: String,
    stderr: String,
}

impl Ran {
    /// The run, which must have found all as expected.
    fn ok(self) -> Self {
        assert_eq!(self.code, 0, "{}{}", self.stdout, self.stderr);
        self
    }
}

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

fn rules_test(files: &[&Path], more: &[&str]) -> Ran {
    let mut command = tripline();
    let output = command
        .args(["rules", "test"])
        .args(files)
        .args(more)
        .output()
        .unwrap();
    Ran {
        code: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Runs a file of that text, called `a.yaml`; its folder is left out of what was printed.
fn test_text(text: &str, more: &[&str]) -> Ran {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("a.yaml");
    fs::write(&file, text).unwrap();
    let ran = rules_test(&[&file], more);
    let folder = format!("{}/", folder.path().display());
    Ran {
        code: ran.code,
        stdout: ran.stdout.replace(&folder, ""),
        stderr: ran.stderr.replace(&folder, ""),
    }
}

/// Files that the tests below begin with.
const RECORDS: &str = r#"
records:
  timeout:
    time: "{at}"
    operationName: ConnectionAborted
    resourceId: /SUBSCRIPTIONS/S/RESOURCEGROUPS/RG/PROVIDERS/MICROSOFT.SIGNALRSERVICE/SIGNALR/A
    properties: { message: Connection ping timeout, userId: "u{n%3}" }
cases:
"#;

fn cases(text: &str) -> String {
    format!("{RECORDS}{text}")
}

#[test]
fn the_default_rules_pass_their_own_tests() {
    let file = repository("host-harness/rules/default.test.yaml");
    let ran = rules_test(&[&file], &["--json"]).ok();
    let answer: Value = serde_json::from_str(&ran.stdout).unwrap();
    let written = fs::read_to_string(&file)
        .unwrap()
        .matches("\n  - name: ")
        .count();
    assert!(written >= 58, "{written}");
    assert_eq!(
        (&answer["cases"], &answer["failed"]),
        (&json!(written), &json!(0))
    );

    // Each of them has cases that fire and cases that do not.
    let names: Vec<_> = answer["files"][0]["cases"]
        .as_array()
        .unwrap()
        .iter()
        .map(|case| case["name"].as_str().unwrap())
        .collect();
    for rule in [
        "stack-hub.update",
        "stack-hub.alert",
        "signalr.limit-reached",
        "signalr.message-quota",
        "signalr.ping-timeout",
        "signalr.server-dropped",
        "signalr.aborted",
        "signalr.auth-failure",
    ] {
        let of_rule = names
            .iter()
            .filter(|name| name.starts_with(&format!("{rule}: ")));
        assert!(of_rule.count() >= 2, "{rule}");
    }
}

#[test]
fn the_example_of_the_documentation_runs_as_shown() {
    let page = fs::read_to_string(repository("docs/rule-tests.md")).unwrap();
    let block = |begin: &str| {
        let (_, rest) = page.split_once(begin).unwrap();
        rest.split_once("```").unwrap().0.to_owned()
    };
    let ran = test_text(&block("```yaml\n"), &[]).ok();
    let shown = block("$ tripline rules test chat.test.yaml\n");
    assert_eq!(ran.stdout, shown.replace("chat.test.yaml", "a.yaml"));
}

#[test]
fn what_differs_is_shown_below_the_case_that_failed() {
    let ran = test_text(
        &cases(
            r#"
- name: good
  input: [{ use: timeout, at: 2026-03-02T10:00:00Z, repeat: 9 }]
  expect: { requests: [], flagged: { signalr.ping-timeout: 9 } }
- name: too early
  input: [{ use: timeout, at: 2026-03-02T10:00:00Z, repeat: 12, every: 20s }]
  expect:
    requests: [{ rule: signalr.ping-timeout, at: 2026-03-02T10:02:40Z, line: 9, severity: error }]
    flagged: { signalr.ping-timeout: 11, signalr.aborted: 1 }
    folded: 0
- name: nothing came
  input: [{ use: timeout, at: 2026-03-02T10:00:00Z, repeat: 9 }]
  expect:
    requests: [{ rule: signalr.ping-timeout, at: 2026-03-02T10:00:00Z }]
    late: 1
    pending: 2
    quarantined: 3
- name: something came
  input: [{ use: timeout, at: 2026-03-02T10:00:00Z, repeat: 10 }]
  expect: { nothing: true }
"#,
        ),
        &[],
    );
    assert_eq!(ran.code, 4);
    assert_eq!(
        ran.stdout,
        "a.yaml
  ok      good
  FAILED  too early (a.yaml:13)
            requests[0].at: expected 2026-03-02T10:02:40Z, got 2026-03-02T10:03:00Z
            requests[0].severity: expected error, got warning
            requests[0].line: expected 9, got 10
            flagged.signalr.aborted: expected 1, got 0
            flagged.signalr.ping-timeout: expected 11, got 12
            folded: expected 0, got 2
  FAILED  nothing came (a.yaml:19)
            missing: requests[0], signalr.ping-timeout at 2026-03-02T10:00:00Z
            late: expected 1, got 0
            pending: expected 2, got 0
            quarantined: expected 3, got 0
  FAILED  something came (a.yaml:26)
            unexpected: signalr.ping-timeout at 2026-03-02T10:00:00Z, asked by line 10, group /subscriptions/s/resourcegroups/rg/providers/microsoft.signalrservice/signalr/a|ping-timeout
            flagged.signalr.ping-timeout: expected 0, got 10
4 cases: 1 ok, 3 failed
"
    );
    assert_eq!(ran.stderr, "tripline: 3 of 4 cases failed\n");
}

#[test]
fn cases_do_not_depend_on_their_order() {
    // The first leaves nine matches, a cooldown and a held alert behind.
    let leaves = r#"
- name: leaves
  input:
    - { use: timeout, at: 2026-03-02T10:00:00Z, repeat: 19, every: 1s }
    - line: '{"type":"Microsoft.InfrastructureInsights.Admin/regionHealths/alerts","properties":{"alertId":"a","faultTypeId":"FRP.Heartbeat.InfraVM","state":"Active","createdTimestamp":"{at}"}}'
      at: 2026-03-02T10:00:20Z
  expect: { folded: 9, pending: 1, requests: [{ rule: signalr.ping-timeout, line: 10 }] }
"#;
    let finds = r#"
- name: finds
  input: [{ use: timeout, at: 2026-03-02T10:00:30Z, repeat: 9 }, { advance: 2026-03-03T00:00:00Z }]
  expect: { requests: [], folded: 0, late: 0 }
"#;
    test_text(&cases(&[leaves, finds].concat()), &[]).ok();
    test_text(&cases(&[finds, leaves].concat()), &[]).ok();
}

#[test]
fn lines_are_framed_and_counted_as_a_replay_does() {
    let long = "x".repeat(1024 * 1024 + 1);
    test_text(
        &cases(&format!(
            r#"
- name: an envelope is several lines, and what is no record is in quarantine
  input:
    - line: '{{"records":[{{"a":1}},{{"b":2}}]}}'
    - line: "{long}"
    - line: |
        not a record
        {{"c": 3}}
    - {{ use: timeout, at: 2026-03-02T10:00:00Z, repeat: 10 }}
  expect:
    requests: [{{ rule: signalr.ping-timeout, line: 15 }}]
    quarantined: 2
"#
        )),
        &[],
    )
    .ok();
}

#[test]
fn placeholders_make_groups() {
    let folder = TempDir::new().unwrap();
    let rules = "[[rule]]\nname = \"by-user\"\nkind = \"frequency\"\nthreshold = 2\nwithin = \"5m\"\nwhere = { reason = \"ping-timeout\" }\ngroup_by = [\"user\"]\n";
    fs::write(folder.path().join("rules.toml"), rules).unwrap();
    let file = folder.path().join("a.yaml");
    let text = cases(
        r#"
- name: three users take turns
  input: [{ use: timeout, at: 2026-03-02T10:00:00Z, repeat: 6, every: 250ms }]
  expect:
    requests:
      - { rule: by-user, group: u1, line: 4, at: 2026-03-02T10:00:00.75Z }
      - { rule: by-user, group: u2, line: 5 }
      - { rule: by-user, group: u0, line: 6 }
- name: as many users as lines
  input: [{ use: timeout, at: 2026-03-02T10:00:00Z, repeat: 6, record: { properties: { userId: "u{n}" } } }]
  expect: { requests: [], flagged: { by-user: 6 } }
"#,
    );
    // The rules that a file names lie beside it, wherever it is run from.
    fs::write(&file, format!("rules: rules.toml\n{text}")).unwrap();
    rules_test(&[&file], &[]).ok();
    // --config goes before them.
    fs::write(&file, format!("rules: no-such.toml\n{text}")).unwrap();
    let config = folder.path().join("rules.toml");
    rules_test(&[&file], &["--config", config.to_str().unwrap()]).ok();
    let ran = rules_test(&[&file], &[]);
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("no-such.toml"), "{}", ran.stderr);
}

#[test]
fn junit_tells_what_failed_and_where() {
    let folder = TempDir::new().unwrap();
    let junit = folder.path().join("out.xml");
    let text = cases(
        r#"
- name: good
  input: [{ line: "{}" }]
  expect: { nothing: true }
- name: bad <&> "quoted"
  input: [{ use: timeout, at: 2026-03-02T10:00:00Z }]
  expect: { flagged: {}, late: 2 }
"#,
    );
    let ran = test_text(&text, &["--junit", junit.to_str().unwrap()]);
    assert_eq!(ran.code, 4);
    let xml = fs::read_to_string(&junit).unwrap();
    let report = Report::deserialize_from_str(&xml).unwrap();
    assert_eq!((report.tests, report.failures, report.errors), (2, 1, 0));
    let suite = &report.test_suites[0];
    assert!(suite.name.as_str().ends_with("a.yaml"));
    let [good, bad] = &suite.test_cases[..] else {
        panic!("{xml}")
    };
    assert!(matches!(good.status, TestCaseStatus::Success { .. }));
    assert_eq!(bad.name.as_str(), "bad <&> \"quoted\"");
    assert_eq!(bad.extra.get("line").unwrap().as_str(), "13");
    let TestCaseStatus::NonSuccess {
        message,
        description,
        ..
    } = &bad.status
    else {
        panic!("{xml}")
    };
    let first = "flagged.signalr.ping-timeout: expected 0, got 1";
    assert_eq!(message.as_ref().unwrap().as_str(), first);
    let all = format!("{first}\nlate: expected 2, got 0");
    assert_eq!(description.as_ref().unwrap().as_str(), all);

    let ran = test_text(&text, &["--junit", "/no/such/folder/out.xml"]);
    assert_eq!(ran.code, 3);
    assert!(
        ran.stderr.contains("`/no/such/folder/out.xml`"),
        "{}",
        ran.stderr
    );
}

#[test]
fn every_problem_of_every_file_is_named_before_anything_runs() {
    let folder = TempDir::new().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path
    };
    let good = write(
        "good.yaml",
        "cases:\n- { name: a, input: [{ line: x }], expect: { nothing: true } }\n",
    );
    let typos = write(
        "typos.yaml",
        "cases:\n- name: a\n  inptu: []\n  input: [{ line: x, repeat: 1.5 }]\n  expect:\n    flagged: { signalr.ping-timout: 1 }\n",
    );
    let broken = write("broken.yaml", "cases: [\n");
    let empty = write("empty.yaml", "");
    let ran = rules_test(&[&good, &typos, &broken, &empty], &[]);
    assert_eq!((ran.code, ran.stdout.as_str()), (2, ""));
    let shown = ran
        .stderr
        .replace(&format!("{}/", folder.path().display()), "");
    for part in [
        "5 problems in the rule tests\n",
        "typos.yaml:3:3: unknown key `inptu` (did you mean `input`?)\n",
        "typos.yaml:4:22: expected a whole number from 1 to 100000, found 1.5\n",
        "typos.yaml:6:16: no rule `signalr.ping-timout` (did you mean `signalr.ping-timeout`?)\n",
        "broken.yaml:1:8: ",
        "empty.yaml:1:1: expected a table, found nothing",
    ] {
        assert!(shown.contains(part), "{part}\n{shown}");
    }
}

#[test]
fn a_run_without_cases_tests_nothing_and_says_so() {
    for text in ["cases: []\n", "rules: default\n", "cases:\n"] {
        let ran = test_text(text, &[]);
        assert_eq!(ran.code, 2, "{text}");
        assert!(
            ran.stderr.contains("a.yaml:1:1: no cases"),
            "{}",
            ran.stderr
        );
    }
}

#[test]
fn files_and_rules_that_cannot_be_used_are_usage_errors() {
    let ran = rules_test(&[Path::new("no/such.yaml")], &[]);
    assert_eq!(ran.code, 2);
    assert!(
        ran.stderr.contains("`no/such.yaml`") && ran.stderr.contains("hint"),
        "{}",
        ran.stderr
    );
    assert_eq!(run(&["rules", "test"]).status.code(), Some(2));

    let folder = TempDir::new().unwrap();
    let config = folder.path().join("bad.toml");
    fs::write(&config, "[[rule]]\nname = \"a\"\ntreshold = 1\n").unwrap();
    let text = "cases:\n- { name: a, input: [{ line: x }], expect: { nothing: true } }\n";
    let ran = test_text(text, &["--config", config.to_str().unwrap()]);
    assert_eq!(ran.code, 2);
    assert!(
        ran.stderr.contains("bad.toml:3:1: unknown key `treshold`"),
        "{}",
        ran.stderr
    );
    assert_eq!(
        test_text(text, &["--plugin", config.to_str().unwrap()]).code,
        2
    );

    let large = folder.path().join("large.yaml");
    let bound = 4 * 1024 * 1024;
    fs::write(
        &large,
        format!("{text}#{}\n", "x".repeat(bound - text.len() - 2)),
    )
    .unwrap();
    rules_test(&[&large], &[]).ok();
    fs::write(
        &large,
        format!("{text}#{}\n", "x".repeat(bound - text.len() - 1)),
    )
    .unwrap();
    let ran = rules_test(&[&large], &[]);
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("4194305 bytes"), "{}", ran.stderr);
}
