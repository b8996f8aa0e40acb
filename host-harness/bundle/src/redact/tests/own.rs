//! Redactors of one's own.

use super::*;

fn profile(redactors: Vec<RedactorSpec>) -> Profile {
    Profile::compile(
        ProfileSpec {
            redactors,
            ..ProfileSpec::share()
        },
        None,
    )
    .unwrap()
}

fn spec(name: &str, find: Find, replace: Replace) -> RedactorSpec {
    RedactorSpec {
        name: name.into(),
        find,
        replace,
    }
}

#[test]
fn literals_expressions_and_paths_replace_as_they_are_told() {
    let profile = profile(vec![
        spec(
            "project",
            Find::Literal(vec!["Bluebird".into(), "redwood".into()]),
            Replace::Text("(project)".into()),
        ),
        spec(
            "ticket",
            Find::Regex(r"\b(?i)case-(?P<v>[0-9]+)".into()),
            Replace::Token("ticket".into()),
        ),
        spec(
            "serial",
            Find::Json(vec!["/**/serial".into(), "/items/*/owner/0".into()]),
            Replace::Remove,
        ),
    ]);
    for (line, expected) in [
        (
            "the BLUEBIRD case-17, Case-18 and case-17",
            "the (project) case-[ticket-1], Case-[ticket-2] and case-[ticket-1]",
        ),
        (
            r#"{"a":{"Serial":"x","n":1},"serial":7,"items":[{"owner":["o","p"]}]}"#,
            r#"{"a":{"Serial":"[redacted]","n":1},"serial":"[redacted]","items":[{"owner":["[redacted]","p"]}]}"#,
        ),
        (r#"{"m":"\u0062luebird"}"#, r#"{"m":"(project)"}"#),
    ] {
        assert_eq!(redacted(&profile, line), expected);
        assert_eq!(redacted(&profile, expected), expected);
    }
    let mut redaction = Redaction::new(&profile);
    redaction.line(b"bluebird redwood case-1");
    assert_eq!(
        redaction.report().counts,
        [("project".to_owned(), 2), ("ticket".to_owned(), 1)].into()
    );
    assert_ne!(profile.sha256(), Profile::share().unwrap().sha256());
}

#[test]
fn what_cannot_work_is_refused_with_the_reason() {
    let text = |text: &str| Replace::Text(text.into());
    for (find, replace, problem) in [
        (
            Find::Regex("(".into()),
            Replace::Remove,
            "no regular expression",
        ),
        (
            Find::Regex("[a-z]+".into()),
            text("gone"),
            "its own replacement",
        ),
        (
            Find::Literal(vec!["ab".into()]),
            Replace::Remove,
            "less than 3 bytes",
        ),
        (
            Find::Literal(Vec::new()),
            Replace::Remove,
            "values are possible",
        ),
        (
            Find::Json(vec!["a/b".into()]),
            Replace::Remove,
            "begins with `/`",
        ),
        (
            Find::Json(vec!["/**".into()]),
            Replace::Remove,
            "everything",
        ),
        (Find::Regex("abc".into()), text("a\"b"), "without quotes"),
        (
            Find::Regex("abc".into()),
            text(&"x".repeat(MAX_TEXT_BYTES + 1)),
            "1 to 64 bytes",
        ),
    ] {
        let found = spec("a", find.clone(), replace).problem();
        assert!(
            found.as_ref().is_some_and(|found| found.contains(problem)),
            "{find:?}: {found:?}"
        );
    }
    assert!(
        spec("A b", Find::Regex("abc".into()), Replace::Remove)
            .problem()
            .unwrap()
            .contains("no name")
    );
    assert!(
        spec("api-key", Find::Regex("abc".into()), Replace::Remove)
            .problem()
            .unwrap()
            .contains("take another")
    );
    assert_eq!(
        spec(
            "a",
            Find::Regex("abc".into()),
            text(&"x".repeat(MAX_TEXT_BYTES))
        )
        .problem(),
        None
    );
}
