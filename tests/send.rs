//! A container that answers: what `sas check` makes of its answers, and `tripline collect` sending to it.

#![expect(clippy::unwrap_used, reason = "a scenario fails by panicking")]

#[expect(dead_code, reason = "the scenarios here use a part of it")]
#[path = "support/azure/mod.rs"]
mod azure;
#[expect(dead_code, reason = "the scenarios here use a part of it")]
#[path = "collect/scene.rs"]
mod scene;
mod support;

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use azure::fault_server::{Fault, FaultServer};
use azure::store::{Answer, Op};
use scene::{Scene, WINDOW, ok};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use support::{text, tripline, unpack};

/// Puts a SAS into a file, and answers what of it must be in no output.
fn keep(path: &Path, sas: &str) -> String {
    use std::os::unix::fs::PermissionsExt as _;
    fs::write(path, sas).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    sas.rsplit_once("sig=")
        .unwrap()
        .1
        .get(..12)
        .unwrap()
        .to_owned()
}

fn run(mut command: Command, secret: &str) -> Output {
    let output = command.env("RUST_LOG", "trace").output().unwrap();
    assert!(!text(&output).contains(secret), "{}", text(&output));
    output
}

// === sas check ===

struct Check {
    dir: tempfile::TempDir,
    server: FaultServer,
    secret: String,
}

impl Check {
    fn new() -> Self {
        let (dir, server) = (tempfile::TempDir::new().unwrap(), FaultServer::start());
        let secret = keep(&dir.path().join("sas"), &server.sas());
        Self {
            dir,
            server,
            secret,
        }
    }

    fn run(&self) -> (Option<i32>, String) {
        let mut command = tripline();
        command
            .args(["sas", "check", "--sas-file"])
            .arg(self.dir.path().join("sas"));
        let output = run(command, &self.secret);
        (output.status.code(), text(&output))
    }
}

#[test]
fn a_container_that_takes_the_sas_is_asked_and_left_as_it_was() {
    let check = Check::new();
    let (code, shown) = check.run();
    assert_eq!(code, Some(0), "{shown}");
    assert!(
        shown.contains("note       the container takes it\n"),
        "{shown}"
    );
    assert!(
        shown.contains("verdict    bundles can be delivered with it\n"),
        "{shown}"
    );
    assert_eq!(check.server.count(Op::Head), 1);
    assert_eq!(check.server.log().len(), 1, "nothing else is asked");
    assert!(check.server.blobs().is_empty());

    check.server.set_clock_ahead(3_600);
    let (code, shown) = check.run();
    assert_eq!(code, Some(0), "{shown}");
    assert!(
        shown.contains("behind that of Azure, which decides"),
        "{shown}"
    );
}

#[test]
fn a_sas_that_only_writes_is_known_though_it_may_not_look() {
    let check = Check::new();
    let only = azure::SasOf {
        permissions: "cw",
        ..azure::SasOf::default()
    };
    keep(
        &check.dir.path().join("sas"),
        &only.url(&check.server.endpoint()),
    );
    let (code, shown) = check.run();
    assert_eq!(code, Some(0), "{shown}");
    assert!(
        shown.contains("the container knows it; what it permits is seen only by uploading"),
        "{shown}"
    );
    assert!(
        shown.contains("warning    `r` (read) is missing"),
        "{shown}"
    );
}

#[test]
fn what_the_container_says_is_in_words_with_exit_code_3() {
    let mut check = Check::new();
    let keys = Answer {
        status: 403,
        headers: vec![(
            "x-ms-error-code".to_owned(),
            "KeyBasedAuthenticationNotPermitted".to_owned(),
        )],
        body: Vec::new(),
    };
    check.server.fail(Op::Head, Fault::Answer(keys));
    let (code, shown) = check.run();
    assert_eq!(code, Some(3), "{shown}");
    assert!(
        shown.contains("the account takes no SAS that is signed with its key"),
        "{shown}"
    );
    assert!(
        shown.contains("KeyBasedAuthenticationNotPermitted"),
        "the name to search for: {shown}"
    );
    assert!(shown.contains("use a user delegation SAS"), "{shown}");

    check.server.rotate_key("AAAA");
    let (code, shown) = check.run();
    assert_eq!(code, Some(3), "{shown}");
    assert!(shown.contains("unusable   "), "{shown}");
    assert!(shown.contains("the SAS is not accepted"), "{shown}");

    check.server.stop();
    let (code, shown) = check.run();
    assert_eq!(code, Some(3), "{shown}");
    assert!(
        shown.contains("--offline judges the SAS without asking"),
        "{shown}"
    );
}

// === collect ===

/// Sends the window of ten minutes.
fn send(scene: &Scene, secret: &str, more: &[&str]) -> Output {
    let mut command = scene.command(more);
    command.arg("--json");
    run(command, secret)
}

fn sent(scene: &Scene, server: &FaultServer, answer: &Value) {
    let bundles = server.bundles();
    assert_eq!(bundles.len(), 1, "{:?}", bundles.keys());
    let (name, blob) = bundles.first_key_value().unwrap();
    let sha256: String = Sha256::digest(&blob.content)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(answer["sha256"], sha256.as_str());
    // The SDK writes the slashes of a blob's name as %2F.
    let target = answer["target"].as_str().unwrap().replace("%2F", "/");
    assert_eq!(target, format!("{}/bundles/{name}", server.endpoint()));
    assert!(unpack(&blob.content).contains_key("manifest.json"));
    let history = scene.history();
    assert_eq!(history.len(), 1);
    assert_eq!(history[0]["status"], "Succeeded");
    assert_eq!(history[0]["target"], answer["target"]);
}

#[test]
fn a_window_is_sent_to_a_container() {
    let (scene, server) = (Scene::new(), FaultServer::start());
    let path = scene.path("sas");
    let secret = keep(&path, &server.sas());
    let path = path.to_str().unwrap();
    let answer = ok(&send(
        &scene,
        &secret,
        &[&WINDOW[..], &["--output-sas-file", path]].concat(),
    ));
    assert_eq!(answer["lines"], 600, "{answer}");
    assert_eq!(
        (&answer["path"], &answer["status"]),
        (&Value::Null, &"Succeeded".into())
    );
    sent(&scene, &server, &answer);
    // Nothing of the SAS is on disk but the file itself.
    for file in ["state/spool.sqlite", "state/spool.sqlite-wal"] {
        let bytes = fs::read(scene.path(file)).unwrap_or_default();
        let found = bytes
            .windows(secret.len())
            .any(|window| window == secret.as_bytes());
        assert!(!found, "{file}");
    }
}

#[test]
fn a_window_is_saved_and_sent_at_once() {
    let (scene, server) = (Scene::new(), FaultServer::start());
    let path = scene.path("sas");
    let secret = keep(&path, &server.sas());
    let mut command =
        scene.save(&[&WINDOW[..], &["--output-sas-file", path.to_str().unwrap()]].concat());
    command.arg("--json");
    let answer = ok(&run(command, &secret));
    let saved = fs::read(answer["path"].as_str().unwrap()).unwrap();
    let bundles = server.bundles();
    assert_eq!(bundles.first_key_value().unwrap().1.content, saved);
    assert_eq!(answer["lines"], 600);
}

#[test]
fn what_cannot_be_sent_waits_and_goes_on_with_resume() {
    let (scene, mut server) = (Scene::new(), FaultServer::start());
    let path = scene.path("sas");
    let secret = keep(&path, &server.sas());
    server.stop();
    let path_text = path.to_str().unwrap();
    let output = send(
        &scene,
        &secret,
        &[&WINDOW[..], &["--output-sas-file", path_text]].concat(),
    );
    assert_eq!(output.status.code(), Some(3), "{}", text(&output));
    assert!(
        text(&output).contains("then `tripline collect --resume`"),
        "{}",
        text(&output)
    );
    assert_eq!(scene.history()[0]["status"], "InProgress");

    // The network is back, but the SAS is void: held with the reason.
    server.go_on();
    server.rotate_key("AAAA");
    let output = send(&scene, &secret, &["--resume"]);
    assert_eq!(output.status.code(), Some(3), "{}", text(&output));
    let row = scene.history().remove(0);
    assert_eq!(
        (&row["status"], &row["cause"]),
        (&"Queued".into(), &"SAS refused".into()),
        "{row}"
    );

    server.rotate_key(azure::KEY);
    let answer = ok(&send(&scene, &secret, &["--resume"]));
    assert_eq!(answer["resumed"][0]["state"], "delivered", "{answer}");
    let row = scene.history().remove(0);
    sent(&scene, &server, &row);
}

#[test]
fn a_sas_on_standard_input_is_used_and_kept_nowhere() {
    let (scene, server) = (Scene::new(), FaultServer::start());
    let path = scene.path("sas");
    let secret = keep(&path, &server.sas());
    let piped = |more: &[&str], input: &Path| {
        let mut command = scene.command(more);
        command.arg("--json").stdin(fs::File::open(input).unwrap());
        run(command, &secret)
    };
    let window = [&WINDOW[..], &["--output-sas-file", "-"]].concat();
    // Without one nothing is collected.
    let output = piped(&window, Path::new("/dev/null"));
    assert_eq!(output.status.code(), Some(3), "{}", text(&output));
    let words = "the SAS in standard input is of no use: nothing is in standard input";
    assert!(text(&output).contains(words), "{}", text(&output));
    // One that the container does not take: it waits, and nobody remembers the SAS.
    server.rotate_key("AAAA");
    let output = piped(&window, &path);
    assert_eq!(output.status.code(), Some(3), "{}", text(&output));
    assert_eq!(scene.history()[0]["cause"], "SAS refused");
    server.rotate_key(azure::KEY);
    let output = piped(&["--resume"], Path::new("/dev/null"));
    assert_eq!(output.status.code(), Some(3), "{}", text(&output));
    let row = scene.history().remove(0);
    assert_eq!(row["cause"], "no SAS", "{row}");
    let answer = ok(&piped(&["--resume"], &path));
    assert_eq!(answer["resumed"][0]["state"], "delivered", "{answer}");
    sent(&scene, &server, &scene.history().remove(0));
    for file in ["state/spool.sqlite", "state/spool.sqlite-wal"] {
        let bytes = fs::read(scene.path(file)).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        assert!(!text.contains(&secret), "{file}");
    }
}

#[test]
fn a_sas_that_is_of_no_use_is_refused_before_anything_is_collected() {
    let (scene, server) = (Scene::new(), FaultServer::start());
    let path = scene.path("sas");
    let expired = azure::SasOf {
        expiry: "2020-01-01T00:00:00Z",
        ..azure::SasOf::default()
    };
    let secret = keep(&path, &expired.url(&server.endpoint()));
    let output = send(
        &scene,
        &secret,
        &[&WINDOW[..], &["--output-sas-file", path.to_str().unwrap()]].concat(),
    );
    assert_eq!(output.status.code(), Some(3), "{}", text(&output));
    assert!(
        text(&output).contains("it expired at 2020-01-01T00:00:00.000000Z"),
        "{}",
        text(&output)
    );
    assert!(!scene.path("state/spool.sqlite").exists());
    assert!(server.log().is_empty());
}
