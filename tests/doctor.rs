//! `tripline doctor`, `completions` and `man`, by the real binary.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::fs;
use std::path::Path;

use serde_json::Value;
use support::{run, text};
use tempfile::TempDir;

/// A SAS that ended in 2020; its signature must be nowhere.
const EXPIRED: &str = "https://acc.blob.core.windows.net/logs?sv=2021-08-06&sr=c&sp=cw\
                       &se=2020-01-01T00:00:00Z&sig=c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2U%3D";

fn doctor(folder: &Path, more: &str, args: &[&str]) -> (i32, String, String) {
    let config = folder.join("tripline.toml");
    let state = folder.join("state");
    let text = format!(
        "[run]\nstate = '{}'\n[http]\nlisten = '127.0.0.1:9'\n[recorder]\nmin_free_bytes = '0B'\n\
         min_free_percent = 0\n{more}",
        state.display()
    );
    fs::write(&config, text).unwrap();
    let config = config.to_str().unwrap();
    let output = run(&[&["doctor", "--offline", "-c", config], args].concat());
    let error = String::from_utf8(output.stderr).unwrap();
    let answer = String::from_utf8(output.stdout).unwrap();
    (output.status.code().unwrap(), answer, error)
}

#[test]
fn what_is_not_there_yet_is_a_warning_with_a_remedy() {
    let folder = TempDir::new().unwrap();
    let pattern = folder.path().join("*.log");
    let tail = format!(
        "[[source]]\nname = 'app'\nkind = 'tail'\npaths = ['{}']\n",
        pattern.display()
    );
    let (code, answer, error) = doctor(folder.path(), &tail, &[]);
    assert_eq!((code, error.as_str()), (0, ""), "{answer}");
    for words in [
        "ok       tripline ",
        "warning  state: ",
        "warning  service: nobody answers at http://127.0.0.1:9/health",
        "warning  proactive: off: ",
        "→ `tripline proactive enable`",
        "warning  source: `app`: no file fits",
    ] {
        assert!(answer.contains(words), "{words}: {answer}");
    }
    assert!(!folder.path().join("state").exists(), "it changes nothing");

    fs::write(folder.path().join("a.log"), "{}\n").unwrap();
    fs::create_dir(folder.path().join("state")).unwrap();
    let (code, answer, _) = doctor(folder.path(), &tail, &[]);
    assert_eq!(code, 0);
    assert!(
        answer.contains("ok       source: `app`: 1 files, readable"),
        "{answer}"
    );
    assert!(answer.contains("ok       room: "), "{answer}");
    assert_eq!(folder.path().join("state").read_dir().unwrap().count(), 0);
}

#[test]
fn what_does_not_work_is_said_and_is_exit_code_3() {
    let folder = TempDir::new().unwrap();
    let sas = folder.path().join("sas");
    fs::write(&sas, EXPIRED).unwrap();
    let share = folder.path().join("share");
    let more = format!(
        "[azure]\nsas_file = '{}'\n[share]\npath = '{}'\n",
        sas.display(),
        share.display()
    );
    let (code, answer, error) = doctor(folder.path(), &more, &[]);
    assert_eq!(code, 3, "{answer}{error}");
    assert!(error.contains("2 things do not work"), "{error}");
    assert!(answer.contains("BAD      share: "), "{answer}");
    assert!(answer.contains("BAD      sas: "), "{answer}");
    assert!(!answer.contains("c2VjcmV0"), "{answer}");

    let (code, answer, _) = doctor(folder.path(), &more, &["--json"]);
    assert_eq!(code, 3);
    let findings: Vec<Value> = serde_json::from_str(&answer).unwrap();
    let bad: Vec<_> = findings
        .iter()
        .filter(|finding| finding["verdict"] == "bad")
        .map(|finding| finding["about"].as_str().unwrap())
        .collect();
    assert_eq!(bad, ["share", "sas"]);
}

#[test]
fn a_wrong_configuration_is_usage() {
    let folder = TempDir::new().unwrap();
    let (code, answer, error) = doctor(folder.path(), "nonsense = 1\n", &[]);
    assert_eq!((code, answer.as_str()), (2, ""));
    assert!(error.contains("nonsense"), "{error}");
}

#[test]
fn shells_and_man_know_every_command() {
    for shell in ["bash", "zsh", "fish"] {
        let script = text(&run(&["completions", shell]));
        assert!(
            script.contains("proactive") && script.contains("doctor"),
            "{shell}"
        );
    }
    let folder = TempDir::new().unwrap();
    let out = folder.path().join("man");
    let said = text(&run(&["man", "--out", out.to_str().unwrap()]));
    let names: Vec<_> = out
        .read_dir()
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    assert!(said.starts_with("wrote the pages to "), "{said}");
    for name in ["tripline.1", "tripline-run.1", "tripline-sas-check.1"] {
        assert!(names.iter().any(|other| other == name), "{name}: {names:?}");
    }
    let page = fs::read_to_string(out.join("tripline-run.1")).unwrap();
    assert!(page.contains(".TH tripline-run 1"), "{page}");
    assert!(page.contains("SIGHUP"), "{page}");
    assert!(text(&run(&["man"])).contains(".TH tripline 1"));
}
