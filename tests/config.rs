//! The configuration, as people write and mend it: every problem at its line, a file to start from.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::fs;
use std::path::PathBuf;
use std::process::Output;

use serde_json::{Value, json};
use support::{replay_lines, run, signalr, tripline};
use tempfile::TempDir;

/// Broken configurations and what is said of them: `line:column: message`, in the order of the file.
const BROKEN: [(&str, &[&str]); 13] = [
    (
        "[storm]\nbundles_per_hour = 0\nbundles_per_dya = 5\n",
        &[
            "2:1: expected a whole number from 1 to 1000, found 0",
            "3:1: unknown key `bundles_per_dya` (did you mean `bundles_per_day`?)",
        ],
    ),
    (
        "[storms]\n",
        &["1:2: unknown key `storms` (did you mean `storm`?)"],
    ),
    (
        "retention = '7d'\n",
        &[
            "1:1: unknown key `retention`; one of default_rules, bundle, storm, recorder, output, collect, share, redact, run, azure, route, proactive, http, log, source, notify, canary, rule",
        ],
    ),
    ("storm = 5\n", &["1:1: expected a table, found a number"]),
    (
        "[storm]\nmax_bundle_bytes = 1000000\nmax_bytes_per_day = \"1 TB\"\nmax_trigger_age = \"an hour\"\n",
        &[
            "2:1: expected a size, found a number; write it as text with a unit such as \"256MiB\"",
            "3:1: `1 TB` is no size; write a whole number and a unit such as `64KiB`, `256MiB` or `1GiB`",
            "4:1: `an hour` is no duration; write one such as `90s`, `30m`, `6h` or `7d`, a year at most",
        ],
    ),
    (
        "[storm]\nmax_bundle_bytes = '1 KiB'\nmax_bytes_per_day = '2000GiB'\nmax_trigger_age = '30s'\n",
        &[
            "2:1: `1 KiB` is out of bounds: from 64 KiB to 16 GiB are possible",
            "3:1: `2000 GiB` is out of bounds: from 64 KiB to 1024 GiB are possible",
            "4:1: `30s` is out of bounds: from 1m to 366d are possible",
        ],
    ),
    (
        "default_rules = 'no'\n",
        &["1:1: expected true or false, found text"],
    ),
    (
        "\ndefault_rules = false\n",
        &["2:1: no rules are left; write at least one `[[rule]]`, or remove this"],
    ),
    // The plugin's problems and the host's, and one default rule that is replaced twice.
    (
        "default_rules = true\n[[rule]]\nname = 'signalr.aborted'\nwhere.message.regex = 'a('\n[storm]\nbundles_per_day = true\n[[rule]]\nname = 'a b'\nmode = 'collct'\n",
        &[
            "4:15: bad regular expression `a(`: unclosed group",
            "6:1: expected a whole number from 1 to 10000, found true",
            "8:1: `a b` is no name: 1 to 100 of the characters a-z A-Z 0-9 . _ -",
            "9:1: unknown mode `collct` (did you mean `collect`?); one of off, flag, shadow, collect",
        ],
    ),
    (
        "[[rule]]\nname = 'a'\nwithin = '5m'\n[[rule]]\nname = 'a'\ncooldown = '2h'\nmax_cooldown = '1h'\n",
        &[
            "3:1: `within` needs `kind = \"frequency\"` or `kind = \"spike\"` or `kind = \"absence\"` or `kind = \"cardinality\"`",
            "5:1: the name `a` is taken by rule 1; choose another",
            "7:1: is shorter than `cooldown`; make it at least as long",
        ],
    ),
    (
        "[[rule]]\nname = 'a'\nkind = 'spike'\nfactor = 0\n[rule.window]\nbefore = '0s'\nafter = '0s'\n[[rule]]\nname = 'b'\nwindow = { before = '8d' }\n",
        &[
            "3:1: `spike` needs `threshold`",
            "3:1: `spike` needs `within`",
            "4:1: expected a number from 1 to 1000, found 0",
            "5:7: a window of no length holds no lines; make `before` or `after` longer",
            "10:12: is longer than 7d, which no recorder keeps",
        ],
    ),
    // No TOML in one section, other problems in the others.
    (
        "[storm]\nbundles_per_day = 0\n[[rule]]\nname = 'a'\nthreshold\nkind = 'frequency'\n[[rule]]\nname = 'b'\nscope = 'alle'\n",
        &[
            "2:1: expected a whole number from 1 to 10000, found 0",
            "5:10: key with no value, expected `=`",
            "9:1: unknown scope `alle` (did you mean `all`?); one of resource, all",
        ],
    ),
    (
        "[storm]\nbundles_per_hour = 4\nbundles_per_hour = 5\n",
        &["3:1: duplicate key"],
    ),
];

/// A configuration in a folder of its own.
struct Written {
    _folder: TempDir,
    path: PathBuf,
}

fn write(text: &str) -> Written {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("my.toml");
    fs::write(&path, text).unwrap();
    Written {
        _folder: folder,
        path,
    }
}

impl Written {
    fn name(&self) -> &str {
        self.path.to_str().unwrap()
    }
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// A command that must have succeeded, and printed this.
fn printed(output: &Output) -> &str {
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout)
}

#[test]
fn every_command_shows_every_problem_at_its_line() {
    for (broken, expected) in BROKEN {
        let file = write(broken);
        let name = file.name();
        let lines = expected.iter().map(|line| format!("  {name}:{line}\n"));
        let plural = if expected.len() == 1 { "" } else { "s" };
        let message = format!(
            "tripline: {} problem{plural} in the configuration\n{}",
            expected.len(),
            lines.collect::<String>()
        );
        for arguments in [
            &["check", "-c", name][..],
            &["check", "--json", "-c", name],
            &["rules", "list", "--config", name],
        ] {
            let output = run(arguments);
            assert_eq!(text(&output.stderr), message, "{arguments:?}\n{broken}");
            assert_eq!(output.status.code(), Some(2));
            if arguments[1] == "--json" {
                let problems: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
                assert_eq!(problems.len(), expected.len());
                for (problem, line) in problems.iter().zip(expected) {
                    let place = format!("{}:{}", problem["line"], problem["column"]);
                    let message = problem["message"].as_str().unwrap();
                    assert_eq!(format!("{place}: {message}"), **line);
                    assert_eq!(problem["file"], name);
                }
            } else {
                assert_eq!(text(&output.stdout), "");
            }
        }
        let done = replay_lines(&["{}"], &["--config", name]);
        assert_eq!((done.code, done.stderr), (2, message));
        assert!(!done.out.exists());
    }
}

#[test]
fn problems_as_json_name_the_value() {
    let file = write("[storm]\nx = 1\n[[rule]]\nname = 'a'\nwhere = { levle = 'x' }\n");
    let output = run(&["check", "--json", "--config", file.name()]);
    let problems: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    let of = |key: &str| problems.iter().map(|p| p[key].clone()).collect::<Vec<_>>();
    assert_eq!(of("path"), ["/storm/x", "/rule/0/where/levle"]);
    assert_eq!(of("line"), [2, 5]);
    assert_eq!(of("column"), [1, 11]);
    let fine = write("");
    let output = run(&["check", "--json", "-c", fine.name()]);
    assert_eq!(printed(&output).trim(), "[]");
}

#[test]
fn a_sound_file_is_ok_and_counted() {
    let file = write("[storm]\nbundles_per_hour = 2\n[[rule]]\nname = 'a'\n");
    assert_eq!(
        printed(&run(&["check", "-c", file.name()])),
        "ok: 1 rule, 0 of them default; 2 bundles an hour, 12 a day, 256 MiB of lines each, 1 GiB a day, triggers up to 1h old\n"
    );
    let file = write("default_rules = true\n[[rule]]\nname = 'a'\n");
    let said = run(&["check", "-c", file.name()]);
    let rules = run(&["rules", "list", "--json", "--config", file.name()]);
    let rules: Vec<Value> = serde_json::from_slice(&rules.stdout).unwrap();
    let count = rules.len();
    assert_eq!(rules.last().unwrap()["name"], "a");
    let start = format!("ok: {count} rules, {} of them default; ", count - 1);
    assert!(printed(&said).starts_with(&start), "{said:?}");
    let missing = run(&["check", "-c", "no/such.toml"]);
    assert_eq!(missing.status.code(), Some(2));
    assert!(text(&missing.stderr).contains("`tripline init`"));
}

#[test]
fn init_writes_a_sound_file_once() {
    let folder = TempDir::new().unwrap();
    let here = |arguments: &[&str]| {
        let mut command = tripline();
        command.args(arguments).current_dir(folder.path());
        command.output().unwrap()
    };
    assert_eq!(here(&["check"]).status.code(), Some(2));
    let said = here(&["init"]);
    assert!(printed(&said).starts_with("wrote tripline.toml: "));
    let file = folder.path().join("tripline.toml");
    let written = fs::read_to_string(&file).unwrap();
    assert_eq!(printed(&here(&["init", "-"])), written);
    assert!(written.contains("\n[storm]\n") && written.contains("\n#max_trigger_age = \"1h\"\n"));
    let checked = here(&["check"]);
    let ok = printed(&checked);
    assert!(ok.starts_with("ok: "), "{ok}");

    fs::write(&file, "# mine\n").unwrap();
    let again = here(&["init"]);
    assert_eq!(again.status.code(), Some(2));
    assert!(text(&again.stderr).contains("`tripline.toml` is there already"));
    assert_eq!(fs::read_to_string(&file).unwrap(), "# mine\n");
    assert_eq!(
        here(&["init", "no/such/folder.toml"]).status.code(),
        Some(2)
    );

    printed(&here(&["init", "--rules", "rules.toml"]));
    let with_rules = fs::read_to_string(folder.path().join("rules.toml")).unwrap();
    assert!(with_rules.starts_with(&written) && with_rules.contains("[[rule]]"));
    let listed = |arguments: &[&str]| printed(&here(arguments)).to_owned();
    assert_eq!(
        listed(&["rules", "list", "--config", "rules.toml"]),
        listed(&["rules", "list"])
    );
}

#[test]
fn the_schema_is_printed() {
    let output = run(&["schema"]);
    let schema: Value = serde_json::from_str(printed(&output)).unwrap();
    assert_eq!(
        schema["$schema"],
        "https://json-schema.org/draft/2020-12/schema"
    );
    assert_eq!(
        schema["properties"]["storm"]["properties"]["bundles_per_hour"]["default"],
        4
    );
}

#[test]
fn rules_of_a_file_go_before_the_default_ones_of_their_name() {
    let file = write(
        "default_rules = true\n[[rule]]\nname = 'signalr.message-quota'\nmode = 'flag'\nwhere.reason = 'message-quota'\n[[rule]]\nname = 'mine'\nwhere.operation = 'ConnectionAborted'\nmode = 'flag'\n",
    );
    let lost = signalr(0, "A", "ConnectionAborted", "Message count reaches limit");
    let done = replay_lines(&[lost], &["--config", file.name()]).ok();
    let flagged = &done.summary()["flagged"];
    assert_eq!(
        (&flagged["signalr.message-quota"], &flagged["mine"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(flagged["stack-hub.alert"], 0);
    assert_eq!(done.counts(["requests"]), [0]);
}
