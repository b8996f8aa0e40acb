mod azure;
mod checker;
mod http;
mod notify;
mod outputs;
mod schema;
mod sources;

use tripline_core::Detector;
use tripline_core::rules::read_rules;
use tripline_core::time::SECOND;

use super::*;

/// Every problem of a text, as the commands show it.
fn shown(text: &str) -> Vec<String> {
    let config = Config::parse("my.toml", text);
    let problems = read_rules(&config.rules).err().unwrap_or_default();
    let findings = config.findings(&problems);
    findings.iter().map(Finding::to_string).collect()
}

/// The settings of a text without problems.
fn settings(text: &str) -> Settings {
    assert_eq!(shown(text), [""; 0], "{text}");
    Config::parse("my.toml", text).accepted().unwrap().clone()
}

fn names(config: &Config) -> Vec<String> {
    let texts = config.rule_texts();
    texts.into_iter().map(|text| text.name).collect()
}

/// The default file with every setting live.
fn uncommented(text: &str) -> String {
    let live = |line: &str| match line.strip_prefix('#') {
        Some(setting) if setting.starts_with(|first: char| first.is_ascii_lowercase()) => {
            format!("{setting}\n")
        }
        _ => format!("{line}\n"),
    };
    text.lines().map(live).collect()
}

#[test]
fn the_default_file_says_what_holds_without_it() {
    let defaults = Config::embedded().unwrap();
    for text in [DEFAULT_CONFIG, &uncommented(DEFAULT_CONFIG)] {
        assert_eq!(settings(text), Settings::default());
        let config = Config::parse("x", text);
        assert_eq!(config.rules, defaults.rules);
    }
    // Each setting is there once, live only when its mark is taken away.
    let live = Document::parse("x", &uncommented(DEFAULT_CONFIG)).value;
    let storm: Vec<_> = live["storm"].as_object().unwrap().keys().collect();
    assert_eq!(
        storm,
        [
            "bundles_per_day",
            "bundles_per_hour",
            "max_bundle_bytes",
            "max_bytes_per_day",
            "max_trigger_age"
        ]
    );
    assert_eq!(live["default_rules"], true);
    assert_eq!(
        Document::parse("x", DEFAULT_CONFIG).value,
        serde_json::json!({"azure": {}, "bundle": {}, "storm": {}, "recorder": {}, "collect": {}, "proactive": {}, "share": {}, "redact": {}, "run": {}, "http": {}, "log": {}, "canary": {}})
    );
    // With the default rules below, it is a file with rules of its own, and the same ones.
    let copied = Config::parse("x", &format!("{DEFAULT_CONFIG}\n{DEFAULT_RULES}"));
    assert_eq!(copied.rules, defaults.rules);
    assert_eq!(copied.default_rules(), 0);
    for line in DEFAULT_CONFIG.lines() {
        assert!(line.chars().count() <= 110, "{line}");
    }
}

#[test]
fn the_default_rules_are_accepted_and_described() {
    let config = Config::embedded().unwrap();
    Detector::configure(&config.rules).unwrap();
    assert_eq!(*config.accepted().unwrap(), Settings::default());
    let texts = config.rule_texts();
    assert_eq!(texts.len(), 13);
    for text in &texts {
        assert!(
            !text.description.is_empty(),
            "{} says what it means",
            text.name
        );
    }
    let ping = texts
        .iter()
        .find(|text| text.name == "signalr.ping-timeout")
        .unwrap();
    assert_eq!(ping.asks, "at 10 within 5m, then every 30m to 6h");
    let asks = |name: &str| &texts.iter().find(|text| text.name == name).unwrap().asks;
    assert_eq!(
        asks("signalr.drop-spike"),
        "at 50 within 5m and 3 times the 5m before, then every 30m to 6h"
    );
    assert_eq!(asks("signalr.connection-surge"), "never");
    assert_eq!(asks("stack-hub.fault"), "only where an override says so");
}

#[test]
fn every_problem_is_shown_at_its_line_in_the_order_of_the_file() {
    let text = r#"
default_rules = "yes"
[[rule]]
name = "a"
treshold = 3
[storm]
bundles_per_hour = 0
bundels_per_day = 3
max_bundle_bytes = 5
max_bytes_per_day = "5 MBytes"
max_trigger_age = "30s"
[[rule]]
name = "b"
where = { levle = "x", message.regex = "(" }
[sotrm]
"#;
    let lines = [
        "my.toml:2:1: expected true or false, found text",
        "my.toml:5:1: unknown key `treshold` (did you mean `threshold`?)",
        "my.toml:7:1: expected a whole number from 1 to 1000, found 0",
        "my.toml:8:1: unknown key `bundels_per_day` (did you mean `bundles_per_day`?)",
        "my.toml:9:1: expected a size, found a number; write it as text with a unit such as \"256MiB\"",
        "my.toml:10:1: `5 MBytes` is no size; write a whole number and a unit such as `64KiB`, `256MiB` or `1GiB`",
        "my.toml:11:1: `30s` is out of bounds: from 1m to 366d are possible",
        "my.toml:14:11: unknown field `levle` (did you mean `level`?)",
        "my.toml:14:32: bad regular expression `(`: unclosed group",
        "my.toml:15:2: unknown key `sotrm` (did you mean `storm`?)",
    ];
    let shown = shown(text);
    assert_eq!(shown.len(), lines.len(), "{shown:#?}");
    for (shown, line) in shown.iter().zip(lines) {
        assert!(shown.starts_with(line), "{shown}\nis not\n{line}");
    }
    let config = Config::parse("my.toml", text);
    let problems = read_rules(&config.rules).unwrap_err();
    let failure = config.rejected(&problems);
    assert_eq!(failure.code(), 2);
    let head = "10 problems in the configuration\n  my.toml:2:1: ";
    assert!(failure.to_string().starts_with(head), "{failure}");
    // The plugin has no say in the host's part: without its problems the others stay.
    assert_eq!(config.accepted().unwrap_err().code(), 2);
    assert_eq!(config.findings(&[]).len(), 7);
}

#[test]
fn broken_toml_is_shown_with_the_problems_of_the_other_sections() {
    for (text, expected) in [
        // A missing value: what else is wrong with that section may follow from it.
        (
            "[storm]\nbundles_per_hour =\nbundles_per_day = 0\n[[rule]]\nnaem = \"a\"\n",
            &[
                "my.toml:2:19: string values",
                "my.toml:4:1: a rule needs",
                "my.toml:5:1: unknown key `naem`",
            ][..],
        ),
        (
            "[[rule]]\nname = \"a\"\nkind = \"frequency\"\nwithin 5m\n[[rule]]\nname = \"b\"\nmode = \"on\"\n[storm]\nbundles_per_day = 0\n",
            &[
                "my.toml:4:8: key with no value",
                "my.toml:7:1: unknown mode `on`",
                "my.toml:9:1: expected a whole",
            ],
        ),
        (
            "[[rule]]\nname = \"a\"\nname = \"b\"\n[storm]\nx = 1\n",
            &[
                "my.toml:3:1: duplicate key",
                "my.toml:5:1: unknown key `x`; one of bundles_per_hour, ",
            ],
        ),
        // One mark for a line, and nothing that would follow from a header never closed.
        (
            "[storm\nbundles_per_day = 5\n[[rule]]\nname = 1\n",
            &["my.toml:1:7: unclosed table"],
        ),
        (
            "a\nb\n[[rule]]\nname\n[storm]\nbundles_per_day = \"ü\"\n",
            &[
                "my.toml:1:2: key with",
                "my.toml:2:2: key with",
                "my.toml:4:5: key with",
                "my.toml:6:1: expected a whole",
            ],
        ),
        ("a=1 b=2\n", &["my.toml:1:3: "]),
        (
            "default_rules = false\nx = \"\"\"\n[[rule]]\nname = \"a\"\n",
            &["my.toml:5:1: invalid multi-line"],
        ),
    ] {
        let shown = shown(text);
        assert_eq!(shown.len(), expected.len(), "{text}\n{shown:#?}");
        for (shown, expected) in shown.iter().zip(expected) {
            assert!(shown.starts_with(expected), "{shown}\nis not\n{expected}");
        }
    }
}

#[test]
fn a_storm_is_bounded_as_the_file_says() {
    assert_eq!(settings("").storm, Storm::default());
    let all = "[storm]\nbundles_per_hour = 2\nbundles_per_day = 3\nmax_bundle_bytes = \"10 MB\"\nmax_bytes_per_day = \"64KiB\"\nmax_trigger_age = \"1h30m\"\n";
    let storm = settings(all).storm;
    let expected = Storm {
        bundles_per_hour: 2,
        bundles_per_day: 3,
        max_bundle_bytes: 10_000_000,
        max_bytes_per_day: 65_536,
        max_trigger_age: 5_400 * SECOND,
    };
    assert_eq!(storm, expected);
    let caps = storm.caps();
    assert_eq!(
        (caps.per_hour, caps.per_day, caps.bytes_per_day),
        (2, 3, 65_536)
    );
    let part = settings("[storm]\nbundles_per_day = 100\n").storm;
    assert_eq!(part.bundles_per_hour, Storm::default().bundles_per_hour);
    assert_eq!(
        Storm::default().describe(),
        "4 bundles an hour, 12 a day, 256 MiB of lines each, 1 GiB a day, triggers up to 1h old"
    );
}

#[test]
fn bounds_of_a_storm_hold_at_the_bound() {
    for (key, fine, wrong) in [
        ("bundles_per_hour", ["1", "1000"], ["0", "1001"]),
        ("bundles_per_day", ["1", "10000"], ["0", "10001"]),
        (
            "max_bundle_bytes",
            ["'65536 B'", "'16 GiB'"],
            ["'65535 B'", "'17179869185 B'"],
        ),
        (
            "max_bytes_per_day",
            ["'64 KiB'", "'1024 GiB'"],
            ["'63 KiB'", "'1025 GiB'"],
        ),
        ("max_trigger_age", ["'1m'", "'366d'"], ["'59s'", "'367d'"]),
    ] {
        for value in fine {
            settings(&format!("[storm]\n{key} = {value}\n"));
        }
        for value in wrong {
            let shown = shown(&format!("[storm]\n{key} = {value}\n"));
            assert_eq!(shown.len(), 1, "{key} = {value}");
            assert!(shown[0].starts_with("my.toml:2:1: "), "{shown:?}");
        }
    }
}

#[test]
fn default_rules_come_first_and_give_way_to_those_of_their_name() {
    let defaults = names(&Config::embedded().unwrap());
    let of = |text: &str| {
        assert_eq!(shown(text), [""; 0], "{text}");
        let config = Config::parse("my.toml", text);
        (names(&config), config.default_rules())
    };
    let count = defaults.len();
    assert_eq!(of(""), (defaults.clone(), count));
    assert_eq!(of("default_rules = true\n"), (defaults.clone(), count));
    assert_eq!(
        of("[storm]\nbundles_per_day = 1\n"),
        (defaults.clone(), count)
    );
    let own = "[[rule]]\nname = \"mine\"\n[[rule]]\nname = \"signalr.aborted\"\nmode = \"off\"\n";
    assert_eq!(
        of(own),
        (vec!["mine".to_owned(), "signalr.aborted".to_owned()], 0)
    );
    let both = format!("default_rules = true\n{own}");
    let mut expected = defaults.clone();
    expected.push("mine".to_owned());
    assert_eq!(of(&both), (expected, count - 1));
    let config = Config::parse("my.toml", &both);
    let replaced = config.rule_texts();
    let replaced = replaced.iter().find(|text| text.name == "signalr.aborted");
    assert_eq!(replaced.unwrap().mode, "off");
    // The plugin gets the same as with the default file, to the byte.
    assert_eq!(
        Config::parse("x", "").rules,
        Config::embedded().unwrap().rules
    );

    assert_eq!(
        shown("default_rules = false\n"),
        ["my.toml:1:1: no rules are left; write at least one `[[rule]]`, or remove this"]
    );
    assert!(shown("rule = 3\n")[0].starts_with("my.toml:1:1: expected a list of rules"));
}

#[test]
fn a_problem_is_shown_in_the_file_that_its_rule_stands_in() {
    let text = "default_rules = true\n[[rule]]\nname = \"mine\"\nmode = \"on\"\n[[rule]]\nname = \"signalr.aborted\"\nmode = \"no\"\n";
    let found = shown(text);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].starts_with("my.toml:4:1: unknown mode `on`"));
    assert!(found[1].starts_with("my.toml:7:1: unknown mode `no`"));
    // A plugin that does not know a default rule's key: no line of the file is to blame.
    let config = Config::parse("my.toml", text);
    let problem = |path: &str| Problem {
        path: path.to_owned(),
        message: "says the plugin".to_owned(),
    };
    let findings = config.findings(&[problem("/rule/0/cooldown"), problem("")]);
    assert_eq!(
        findings[0].to_string(),
        "my.toml:1:1: says the plugin",
        "what has no place is at the start"
    );
    assert_eq!(findings[1].file, "the default rules");
    let line = DEFAULT_RULES.lines().nth(findings[1].line - 1).unwrap();
    assert_eq!(line, "cooldown = \"30m\"");
}

#[test]
fn a_file_is_read_up_to_its_bound() {
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("my.toml");
    let bytes = usize::try_from(MOST_BYTES).unwrap();
    std::fs::write(&path, "#".repeat(bytes)).unwrap();
    Config::read(&path).unwrap().accepted().unwrap();
    std::fs::write(&path, "#".repeat(bytes + 1)).unwrap();
    let failure = Config::read(&path).unwrap_err();
    assert_eq!(failure.code(), 2);
    assert!(
        failure.to_string().contains("1048577 bytes, more than"),
        "{failure}"
    );
}

#[test]
fn many_problems_are_shown_up_to_a_bound() {
    let of = |count: usize| {
        let keys: String = (0..count).map(|n| format!("k{n} = 1\n")).collect();
        let config = Config::parse("my.toml", &keys);
        assert_eq!(config.findings(&[]).len(), count);
        config.rejected(&[]).to_string()
    };
    let whole = of(MOST_SHOWN);
    assert!(whole.contains("my.toml:100:1: ") && !whole.contains("more:"));
    let cut = of(MOST_SHOWN + 1);
    assert!(cut.starts_with("101 problems") && !cut.contains("my.toml:101:1: "));
    assert!(cut.ends_with("and 1 more: `tripline check --json` lists all"));
}
