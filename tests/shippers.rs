//! The configurations for log shippers and for operations, as they are shipped: each is what it says it is.
//!
//! Where there is no `rsyslogd`, its configurations are not looked at, unless `TRIPLINE_REQUIRE_ALL` is set.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]
#![expect(clippy::print_stderr, reason = "whoever runs the test reads it")]

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use regex::Regex;
use serde_json::Value;
use support::{run, text};
use tempfile::TempDir;

/// A file of the repository.
fn file(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .join(path)
        .canonicalize()
        .unwrap()
}

fn read(path: &str) -> String {
    fs::read_to_string(file(path)).unwrap()
}

/// Every file below a folder whose name ends so, in order.
fn files(folder: &Path, end: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, end));
        } else if path.to_str().unwrap().ends_with(end) {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The documents of a YAML file.
fn documents(path: &Path) -> Vec<Value> {
    let yaml = fs::read_to_string(path).unwrap();
    let parsed = yaml.split("\n---\n").map(|document| {
        serde_saphyr::from_str(document).unwrap_or_else(|why| panic!("{}: {why}", path.display()))
    });
    parsed.collect()
}

/// The first match of an expression's only group.
fn found(expression: &str, text: &str) -> String {
    let found = Regex::new(expression).unwrap().captures(text);
    let found = found.unwrap_or_else(|| panic!("no {expression} in {text}"));
    found[1].to_owned()
}

fn seconds(expression: &str, text: &str) -> u64 {
    found(expression, text).parse().unwrap()
}

/// What `tripline check` says of a configuration, its secrets being in a folder of ours.
fn check(configuration: &str) -> std::process::Output {
    let folder = TempDir::new().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    fs::write(path("token"), "a-token-of-forty-characters-at-the-least\n").unwrap();
    let here = format!("\"{}/", folder.path().display());
    let configuration = configuration
        .replace("\"/etc/tripline/", &here)
        .replace("\"/run/tripline/", &here);
    fs::write(path("tripline.toml"), configuration).unwrap();
    run(&["check", "-c", &path("tripline.toml")])
}

#[test]
fn every_configuration_of_tripline_is_sound() {
    let mut configurations: Vec<(String, String)> = files(&file("docs"), ".toml")
        .iter()
        .map(|path| {
            (
                path.display().to_string(),
                fs::read_to_string(path).unwrap(),
            )
        })
        .collect();
    let manifests = documents(&file("docs/operations/kubernetes/daemonset.yaml"));
    let inner = manifests[0]["data"]["tripline.toml"].as_str().unwrap();
    configurations.push(("daemonset.yaml".to_owned(), inner.to_owned()));
    assert!(configurations.len() >= 7, "{configurations:?}");
    for (name, configuration) in configurations {
        let output = check(&configuration);
        assert_eq!(output.status.code(), Some(0), "{name}: {}", text(&output));
        assert!(text(&output).contains("ok: "), "{name}");
    }
    // The test can fail.
    assert_eq!(
        check("[http]\nlisten = \"0.0.0.0:9100\"\n").status.code(),
        Some(2)
    );
}

#[test]
fn every_yaml_is_yaml() {
    let mut names = BTreeSet::new();
    for path in files(&file("docs"), ".yaml") {
        let documents = documents(&path);
        assert!(documents.iter().all(Value::is_object), "{}", path.display());
        names.insert(path.file_name().unwrap().to_str().unwrap().to_owned());
    }
    for name in [
        "alerts.yaml",
        "beside.yaml",
        "collector.yaml",
        "daemonset.yaml",
        "in-process.yaml",
        "inline.yaml",
        "tap.yaml",
    ] {
        assert!(names.contains(name), "{name} is not there: {names:?}");
    }
}

/// What shippers send to, in their configurations and in ours.
#[test]
fn shippers_send_to_where_tripline_listens() {
    let tap = &documents(&file("docs/shippers/vector/tap.yaml"))[0];
    let sink = &tap["sinks"]["tripline"];
    assert_eq!(
        sink["uri"],
        "http://127.0.0.1:9100/v1/ingest?source=signalr"
    );
    assert_eq!(sink["buffer"]["when_full"], "drop_newest");
    let inline = &documents(&file("docs/shippers/vector/inline.yaml"))[0];
    assert_eq!(inline["acknowledgements"]["enabled"], true);
    assert_eq!(
        inline["sinks"]["to_tripline"]["buffer"]["when_full"],
        "block"
    );
    let back = &inline["sources"]["from_tripline"];
    let url = found(
        "(?m)^url = \"(.+)\"$",
        &read("docs/shippers/vector/inline.toml"),
    );
    assert_eq!(
        url,
        format!("http://{}/", back["address"].as_str().unwrap())
    );
    let ours = read("docs/shippers/fluent-bit/tripline.toml");
    let evidence = found("(?m)^evidence_source = \"(.+)\"$", &ours);
    let in_process = read("docs/shippers/fluent-bit/in-process.yaml");
    assert!(in_process.contains(&format!("uri: /v1/ingest?detect=off&source={evidence}\n")));
    let collector = &documents(&file("docs/shippers/opentelemetry/collector.yaml"))[0];
    let exporter = &collector["exporters"]["otlp_http/tripline"];
    assert_eq!(exporter["endpoint"], "http://127.0.0.1:9100");
    assert_eq!(exporter["sending_queue"]["storage"], "file_storage");
    assert_eq!(exporter["retry_on_failure"]["max_elapsed_time"], 0);
    for folder in [
        "vector/tap",
        "vector/inline",
        "opentelemetry/tripline",
        "fluent-bit/tripline",
    ] {
        let ours = read(&format!("docs/shippers/{folder}.toml"));
        assert!(ours.contains("listen = \"127.0.0.1:9100\""), "{folder}");
        assert!(ours.contains("token_file = "), "{folder}");
    }
}

/// The names under which `/metrics` shows what is registered.
fn registered() -> BTreeSet<String> {
    let fields = read("host-harness/src/metrics.rs");
    let fields = found(r"(?s)pub struct Metrics \{(.+?)\n\}", &fields);
    let register = read("host-harness/src/metrics/register.rs");
    let entry = Regex::new(
        r#"(?:([A-Za-z0-9_]+): )?book[ \n]*\.(?:add|unit)\([ \n]*"([a-z_]+)",[ \n]*"[^"]*",[ \n]*(?:Unit::([A-Za-z0-9_]+),)?"#,
    )
    .unwrap();
    let mut names = BTreeSet::from(["tripline_build_info".to_owned()]);
    for entry in entry.captures_iter(&register) {
        let unit = entry.get(3).map_or_else(String::new, |unit| {
            format!("_{}", unit.as_str().to_lowercase())
        });
        let name = format!("tripline_{}{unit}", &entry[2]);
        let kind = entry.get(1).map_or_else(String::new, |field| {
            found(
                &format!(
                    r"(?-u:\b){}: ([[A-Za-z0-9_]<>, ]+),(?:\n|$)",
                    field.as_str()
                ),
                &fields,
            )
        });
        if kind.contains("Counter") {
            names.insert(format!("{name}_total"));
        } else if kind.contains("Histogram") {
            names.extend(["_bucket", "_count", "_sum"].map(|end| format!("{name}{end}")));
            names.insert(name);
        } else {
            names.insert(name);
        }
    }
    names
}

#[test]
fn alerts_and_words_name_only_what_is_measured() {
    let registered = registered();
    for name in [
        "tripline_batch_duration_seconds_bucket",
        "tripline_lines_total",
        "tripline_process_start_time_seconds",
        "tripline_sas_expiry_seconds",
        "tripline_spool_depth",
        "tripline_upload_bytes_total",
    ] {
        assert!(registered.contains(name), "{name}: {registered:?}");
    }
    let name = Regex::new(r"(?-u:\b)tripline_[a-z_]+").unwrap();
    let value = Regex::new(r#"(?-u:\b)(outcome|state)="([A-Za-z0-9_]+)""#).unwrap();
    let words = read("host-harness/src/metrics/labels.rs")
        + &read("host-harness/bundle/src/spool/state.rs");
    let page = read("docs/operations/operations.md");
    let alerts = &documents(&file("docs/operations/prometheus/alerts.yaml"))[0];
    let groups = alerts["groups"].as_array().unwrap();
    let rules: Vec<_> = groups
        .iter()
        .flat_map(|group| group["rules"].as_array().unwrap())
        .collect();
    assert!(rules.len() >= 11, "{}", rules.len());
    let mut alerts = BTreeSet::new();
    for rule in rules {
        let alert = rule["alert"].as_str().unwrap();
        assert!(alerts.insert(alert), "{alert} is there twice");
        let expression = rule["expr"].as_str().unwrap();
        let names: Vec<_> = name
            .find_iter(expression)
            .map(|name| name.as_str())
            .collect();
        assert!(!names.is_empty(), "{alert}: {expression}");
        for name in names {
            assert!(registered.contains(name), "{alert}: {name}");
        }
        for label in value.captures_iter(expression) {
            let quoted = format!("\"{}\"", &label[2]);
            assert!(words.contains(&quoted), "{alert}: {quoted}");
        }
        let count = |bracket: char| expression.matches(bracket).count();
        assert_eq!(count('('), count(')'), "{alert}: {expression}");
        assert_eq!(count('['), count(']'), "{alert}: {expression}");
        assert!(rule["labels"]["severity"].is_string(), "{alert}");
        for words in ["summary", "description"] {
            assert!(rule["annotations"][words].is_string(), "{alert}: {words}");
        }
        assert!(
            page.contains(&format!("| `{alert}` |")),
            "{alert} is not explained"
        );
    }
    for name in name.find_iter(&page) {
        assert!(registered.contains(name.as_str()), "{}", name.as_str());
    }
    for alert in Regex::new(r"\| `(Tripline[A-Za-z0-9_]+)` \|")
        .unwrap()
        .captures_iter(&page)
    {
        assert!(alerts.contains(&alert[1]), "{} is no alert", &alert[1]);
    }
}

/// That a command line is one, by the command's own help.
fn assert_is_command(words: &[&str], place: &str) {
    let is_flag = |word: &&&str| word.starts_with('-');
    let commands: Vec<_> = words
        .iter()
        .take_while(|word| !is_flag(word))
        .copied()
        .collect();
    let output = run(&[&commands[..], &["--help"]].concat());
    assert_eq!(output.status.code(), Some(0), "{place}: {words:?}");
    let help = text(&output);
    let known: BTreeSet<_> = help
        .split(|character: char| character.is_whitespace() || character == ',')
        .collect();
    for flag in words.iter().filter(is_flag) {
        assert!(
            known.contains(flag),
            "{place}: {words:?}: no {flag} in\n{help}"
        );
    }
}

#[test]
fn only_commands_that_exist_are_called() {
    let mut count = 0;
    let mut look = |line: &str, place: &str| {
        let words: Vec<_> = line.split_whitespace().collect();
        assert_is_command(&words, place);
        count += 1;
    };
    let unit = read("docs/operations/tripline.service");
    for line in Regex::new(r"(?m)^Exec[A-Za-z0-9_]+=/usr/bin/tripline (.+)$")
        .unwrap()
        .captures_iter(&unit)
    {
        look(&line[1], "tripline.service");
    }
    for path in files(&file("docs/shippers"), ".conf") {
        let configuration = fs::read_to_string(&path).unwrap();
        let line = found("binary=\"/usr/bin/tripline (.+)\"", &configuration);
        look(&line, &path.display().to_string());
    }
    let line = Regex::new(r"(?m)^ *(?:\$ )?tripline ((?:[a-z-]+ )+.*)$").unwrap();
    for path in files(&file("docs"), ".md") {
        let page = fs::read_to_string(&path).unwrap();
        for block in page.split("```").skip(1).step_by(2) {
            for line in line.captures_iter(block) {
                // Operands are no commands; none stands before a flag in these.
                if line[1].starts_with("bypass")
                    || line[1].starts_with("proactive")
                    || line[1].starts_with("sas check")
                {
                    look(&line[1], &path.display().to_string());
                }
            }
        }
    }
    let manifests = documents(&file("docs/operations/kubernetes/daemonset.yaml"));
    let pod = &manifests[2]["spec"]["template"]["spec"];
    for container in [&pod["initContainers"][1], &pod["containers"][0]] {
        let words = container["args"].as_array().unwrap().iter();
        let words: Vec<_> = words.map(|word| word.as_str().unwrap()).collect();
        look(&words.join(" "), "daemonset.yaml");
    }
    let image = found("(?m)^CMD (.+)$", &read("docs/operations/Dockerfile"));
    let words: Vec<String> = serde_json::from_str(&image).unwrap();
    look(&words.join(" "), "Dockerfile");
    assert!(count >= 15, "{count}");
}

/// A stop may take twice `drain_timeout`: sources and server have half of it each, the pipeline all of it.
#[test]
fn whoever_stops_it_waits_long_enough() {
    let drain = r#"(?m)^#?drain_timeout = "([0-9]+)s"$"#;
    let most = 2 * seconds(drain, &read("host-harness/config/default.toml"));
    let unit = read("docs/operations/tripline.service");
    assert!(seconds(r"(?m)^TimeoutStopSec=([0-9]+)s$", &unit) > most);
    assert!(
        unit.contains("\nKillSignal=SIGTERM\n") && unit.contains("\nStateDirectory=tripline\n")
    );
    let manifest = read("docs/operations/kubernetes/daemonset.yaml");
    assert!(seconds(r"terminationGracePeriodSeconds: ([0-9]+)\n", &manifest) > most);
    assert!(manifest.contains("defaultMode: 0400\n"));
    for name in ["rsyslog/omprog.conf", "stack-hub/cef-rsyslog.conf"] {
        let rsyslog = read(&format!("docs/shippers/{name}"));
        assert!(
            seconds(r#"closeTimeout="([0-9]+)000""#, &rsyslog) > most,
            "{name}"
        );
        let commit = tripline::sources::omprog::LONGEST_COMMIT.as_secs();
        assert!(
            seconds(r#"confirmTimeout="([0-9]+)000""#, &rsyslog) > commit,
            "{name}"
        );
        assert!(rsyslog.contains("queue.workerThreads=\"1\"\n"), "{name}");
    }
}

#[test]
fn rsyslog_accepts_its_configurations() {
    let version = Command::new("rsyslogd")
        .arg("-v")
        .stdout(Stdio::null())
        .status();
    if version.is_err() {
        let is_needed = std::env::var_os("TRIPLINE_REQUIRE_ALL").is_some();
        assert!(
            !is_needed,
            "TRIPLINE_REQUIRE_ALL is set, and there is no rsyslogd"
        );
        eprintln!("skipped: there is no rsyslogd");
        return;
    }
    let folder = TempDir::new().unwrap();
    let check = |configuration: &str| {
        let path = folder.path().join("rsyslog.conf");
        fs::write(&path, configuration).unwrap();
        let mut command = Command::new("rsyslogd");
        command.arg("-N1").arg("-f").arg(path);
        command.output().unwrap()
    };
    // A whole installation has named a folder for what it must remember.
    let work = format!("global(workDirectory=\"{}\")\n", folder.path().display());
    for path in files(&file("docs/shippers"), ".conf") {
        let ours = fs::read_to_string(&path).unwrap();
        let first = "global(maxMessageSize=\"1m\")\n";
        assert!(ours.contains(first), "{}", path.display());
        let output = check(&ours.replace(first, &format!("{first}{work}")));
        assert!(
            output.status.success(),
            "{}: {}",
            path.display(),
            text(&output)
        );
        let broken = check(&ours.replace("useTransactions=", "useTransaction="));
        assert!(!broken.status.success(), "{}", path.display());
    }
}
