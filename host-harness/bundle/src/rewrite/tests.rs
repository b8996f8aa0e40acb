use tempfile::TempDir;

use super::*;
use crate::redact::WITHHELD;

#[test]
fn a_line_is_redacted_up_to_its_bound_and_withheld_beyond() {
    let profile = Profile::share().unwrap();
    let mut redaction = Redaction::new(&profile);
    let at = "x ".repeat(MAX_LINE_BYTES / 2);
    let input = format!("{at}\n{at}x\nada@contoso.example\nlast");
    let mut output = Vec::new();
    let lines = redact_lines(&mut redaction, input.as_bytes(), &mut output).unwrap();
    assert_eq!(lines, 4);
    let expected = format!("{at}\n{WITHHELD}\n[mail-1]\nlast");
    assert!(output == expected.as_bytes());
    assert_eq!(redaction.report().withheld_lines, 1);
}

#[test]
fn groups_are_redacted_by_the_fields_they_are_made_of() {
    let profile = Profile::share().unwrap();
    let mut redaction = Redaction::new(&profile);
    let subjects = ["resource".to_owned(), "user".to_owned()];
    let mut group =
        |group: &str, subjects: &[String]| redact_group(group, subjects, &mut redaction);
    assert_eq!(group("/s/a|ada", &subjects), "/s/a|[user-1]");
    assert_eq!(group("/s/a|a|da", &subjects), "/s/a|[user-2]|[user-3]");
    assert_eq!(
        group(
            "/s/a|connection ping timeout",
            &["resource".into(), "reason".into()]
        ),
        "/s/a|connection ping timeout"
    );
    assert_eq!(
        group("x|ada", &["x".into(), "/properties/userId".into()]),
        "x|[user-1]"
    );
    assert_eq!(group("ada@contoso.example", &[]), "[mail-1]");
}

#[test]
fn names_of_members_are_redacted_and_stay_unique() {
    let dir = TempDir::new().unwrap();
    let profile = Profile::share().unwrap();
    let mut redaction = Redaction::new(&profile);
    let mut members = Vec::new();
    for (i, name) in ["mail-1", "ada@contoso.example", "plain"]
        .into_iter()
        .enumerate()
    {
        let path = dir.path().join(i.to_string());
        fs::write(&path, "a\n").unwrap();
        let member = Member {
            path: format!("logs/default/{name}.log"),
            bytes: 2,
            lines: Some(1),
            sha256: String::new(),
        };
        members.push((member, path));
    }
    redact_members(&mut members, &mut [], &mut redaction).unwrap();
    let names: Vec<_> = members
        .iter()
        .map(|(member, _)| member.path.as_str())
        .collect();
    assert_eq!(
        names,
        [
            "logs/default/mail-1.log",
            "logs/default/mail-1~2.log",
            "logs/default/plain.log"
        ]
    );
    assert_eq!(members[0].0.sha256.len(), 64);
}
