//! `[[source]]`.

use std::path::PathBuf;
use std::time::Duration;

use super::*;
use crate::config::{MOST_SOURCES, SourceKind, SourceSettings};
use crate::sources::tail::ReadFrom;

fn problems(text: &str) -> Vec<String> {
    let place = |line: String| line.split_once(": ").unwrap().1.to_owned();
    shown(text).into_iter().map(place).collect()
}

#[test]
fn sources_are_read_with_their_defaults() {
    let text = r#"
[[source]]
kind = "tail"
name = "app"
role = "web"
paths = ["/var/log/*.log"]
[[source]]
kind = "omprog"
name = "rsyslog"
commit_mark = "END"
[[source]]
kind = "archive"
name = "signalr"
sas_file = "a.sas"
[[source]]
kind = "alerts"
name = "stack"
url = "https://hub/alerts?v=1"
token_file = "token"
every = "10m"
"#;
    let source = |name: &str, role: &str, kind| SourceSettings {
        name: name.to_owned(),
        role: role.to_owned(),
        kind,
    };
    let tail = SourceKind::Tail {
        paths: vec!["/var/log/*.log".to_owned()],
        read_from: ReadFrom::End,
    };
    let omprog = SourceKind::Omprog {
        begin_mark: "BEGIN TRANSACTION".to_owned(),
        commit_mark: "END".to_owned(),
    };
    let archive = SourceKind::Archive {
        sas_file: PathBuf::from("a.sas"),
        backfill: false,
        every: Duration::from_secs(60),
    };
    let alerts = SourceKind::Alerts {
        url: url::Url::parse("https://hub/alerts?v=1").unwrap(),
        token_file: PathBuf::from("token"),
        ca_file: None,
        every: Duration::from_secs(600),
    };
    let expected = [
        source("app", "web", tail),
        source("rsyslog", "default", omprog),
        source("signalr", "default", archive),
        source("stack", "default", alerts),
    ];
    assert_eq!(settings(text).sources, expected);
    let stdin = settings("[[source]]\nkind = 'stdin'\nname = 'in'\n");
    assert_eq!(stdin.sources, [source("in", "default", SourceKind::Stdin)]);
}

#[test]
fn what_is_wrong_with_a_source_is_said() {
    for (text, expected) in [
        (
            "name = 'a'",
            "it has no `kind`; one of tail, stdin, omprog, archive, alerts",
        ),
        (
            "kind = 'stdin'",
            "it has no `name`; it says whose position is stored",
        ),
        (
            "kind = 'tial'\nname = 'a'",
            "unknown kind `tial` (did you mean `tail`?)",
        ),
        (
            "kind = 'stdin'\nname = 'A b'",
            "`A b` is no name; write up to 64 of a-z, 0-9, - and _",
        ),
        (
            "kind = 'stdin'\nname = 'a'\npaths = []",
            "unknown key `paths`; one of kind, name, role",
        ),
        (
            "kind = 'tail'\nname = 'a'\npaths = []",
            "`paths` must be a list of 1 to 100 patterns",
        ),
        (
            "kind = 'tail'\nname = 'a'\npaths = ['a***']",
            "`a***` is no pattern of paths",
        ),
        (
            "kind = 'tail'\nname = 'a'\npaths = ['a']\nread_from = 'ende'",
            "unknown read_from `ende` (did you mean `end`?)",
        ),
        (
            "kind = 'archive'\nname = 'a'",
            "it has no `sas_file`; name the file that holds the SAS URL",
        ),
        (
            "kind = 'archive'\nname = 'a'\nsas_file = 'a'\nevery = '9s'",
            "`9s` is out of bounds: from 10s to 1d are possible",
        ),
        (
            "kind = 'alerts'\nname = 'a'\ntoken_file = 'a'\nurl = 'ftp://a'",
            "it is no URL of the form https://HOST/PATH",
        ),
        (
            "kind = 'omprog'\nname = 'a'\nbegin_mark = 'x'\ncommit_mark = 'x'",
            "it is the same as `begin_mark`",
        ),
    ] {
        let found = problems(&format!("[[source]]\n{text}\n"));
        assert_eq!(found.len(), 1, "{text}: {found:?}");
        assert!(found[0].starts_with(expected), "{text}: {found:?}");
    }
    let secret = "[[source]]\nkind = 'alerts'\nname = 'a'\ntoken_file = 'a'\nurl = 'https://h/x?sig=s3cret'\n";
    let found = problems(secret);
    assert_eq!(
        found,
        ["it holds a secret; the token belongs into a file, `token_file`"]
    );
    let stdin = |name: &str| format!("[[source]]\nkind = 'stdin'\nname = '{name}'\n");
    let two = format!("{}{}", stdin("a"), stdin("a"));
    let found = problems(&two);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(
        found
            .iter()
            .any(|line| line.starts_with("there is a source `a` already"))
    );
    assert!(
        found
            .iter()
            .any(|line| line.starts_with("another source reads standard input"))
    );
}

#[test]
fn sources_are_bounded() {
    let tail =
        |number: usize| format!("[[source]]\nkind = 'tail'\nname = 's{number}'\npaths = ['a']\n");
    let many: String = (0..MOST_SOURCES).map(tail).collect();
    assert_eq!(settings(&many).sources.len(), MOST_SOURCES);
    let found = problems(&format!("{many}{}", tail(MOST_SOURCES)));
    assert_eq!(found, ["101 of them; 100 are possible"]);
}

#[test]
fn nothing_else_is_written_where_rsyslog_reads_answers() {
    let output = "[[output]]\nname = 'o'\nkind = 'stdout'\n";
    for (kind, expected) in [
        (
            "omprog",
            &[
                "its answers go to standard output, and so do the lines of an `[[output]]`; write these to a file",
            ][..],
        ),
        ("stdin", &[]),
    ] {
        let text = format!("{output}[[source]]\nname = 's'\nkind = '{kind}'\n");
        assert_eq!(problems(&text), expected, "{kind}");
    }
}
