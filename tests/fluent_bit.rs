//! The module for Fluent Bit: made with an operator's rules, and run by the real Fluent Bit with the
//! configurations we ship, where one is installed.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]
#![expect(clippy::print_stderr, reason = "whoever runs the test reads it")]
#![cfg(unix)]

#[path = "fluent_bit/server.rs"]
mod server;
#[path = "http/service.rs"]
#[expect(dead_code, reason = "the scenarios of HTTP use all of it")]
mod service;
#[path = "fluent_bit/shipped.rs"]
mod shipped;
#[expect(dead_code, reason = "the scenarios with tripline use all of it")]
mod shipper;
mod support;

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::Output;

use server::Server;
use shipped::fluent_bit;
use shipper::eventually;
use shipper::records::{sorted, values};
use support::{replay, run, samples};
use tempfile::TempDir;

fn build(rules: Option<&str>) -> (TempDir, PathBuf, Output) {
    let folder = TempDir::new().unwrap();
    let module = folder.path().join("tripline.wasm");
    let mut arguments = vec!["fluent-bit", "build", "--out", module.to_str().unwrap()];
    let file = folder.path().join("own.toml");
    if let Some(rules) = rules {
        fs::write(&file, rules).unwrap();
        arguments.extend(["--rules", file.to_str().unwrap()]);
    }
    let output = run(&arguments);
    (folder, module, output)
}

fn refused(rules: &str) -> String {
    let (_folder, module, output) = build(Some(rules));
    assert_eq!(output.status.code(), Some(2));
    assert!(!module.exists(), "nothing is written");
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn the_default_rules_make_a_module() {
    let (_folder, module, output) = build(None);
    assert!(output.status.success(), "{output:?}");
    let bytes = fs::read(&module).unwrap();
    assert!(bytes.starts_with(b"\0asm\x01\0\0\0"));
    let name = br#""name":"signalr.ping-timeout""#;
    assert!(bytes.windows(name.len()).any(|part| part == name));
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("13 rules, "), "{said}");
    assert!(said.contains("function_name tripline_filter"), "{said}");
    assert!(said.contains("2 of them hold alerts"), "{said}");
}

#[test]
fn rules_of_ones_own_make_a_module_again_and_again() {
    let own = "[[rule]]\nname = 'own'\nwhere = { record = 'signalr' }\n";
    let (folder, module, output) = build(Some(own));
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(
        said.contains("1 rule, ") && !said.contains("hold"),
        "{said}"
    );
    let first = fs::read(&module).unwrap();
    let rules = folder.path().join("own.toml");
    let again = [
        "fluent-bit",
        "build",
        "--out",
        module.to_str().unwrap(),
        "--rules",
    ];
    assert!(
        run(&[&again[..], &[rules.to_str().unwrap()]].concat())
            .status
            .success()
    );
    assert_eq!(fs::read(&module).unwrap(), first, "the same bytes");
    let files = fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(files, 2, "no temporary file stays");
}

#[test]
fn what_needs_a_timer_is_refused_at_its_line() {
    let absence =
        "[[rule]]\nname = 'fine'\n\n[[rule]]\nname = 'silent'\nkind = 'absence'\nwithin = '5m'\n";
    let said = refused(absence);
    assert!(
        said.contains("own.toml:6:1: `silent` needs a timer: "),
        "{said}"
    );
    let off = format!("{absence}mode = 'off'\n");
    let (_folder, _, output) = build(Some(&off));
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn what_the_plugin_refuses_is_refused() {
    let said = refused("[[rule]]\nname = 'x'\nkind = 'frequency'\nthreshhold = 3\n");
    assert!(
        said.contains("own.toml:4:1: unknown key `threshhold`"),
        "{said}"
    );
    assert!(refused("[storm]\nx = 1\n").contains("own.toml:2:1: unknown key `x`"));
    let long = "x".repeat(300_000);
    let said = refused(&format!("[[rule]]\nname = 'x'\ndescription = '{long}'\n"));
    assert!(
        said.contains("a module for Fluent Bit has room for 262140"),
        "{said}"
    );
}

#[test]
fn a_folder_that_is_missing_is_named() {
    let output = run(&["fluent-bit", "build", "--out", "/no/such/folder/t.wasm"]);
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains("there is no folder `/no/such/folder`"),
        "{said}"
    );
}

#[test]
fn in_process_the_same_records_are_flagged_and_the_same_bundles_asked_for() {
    let server = Server::start();
    let Some(mut fluent_bit) = fluent_bit("in-process.yaml", server.port()) else {
        return;
    };
    fluent_bit.start();
    let sample = samples().join("signalr/hour.ndjson");
    let replayed = replay(&[&sample], &[]).ok();
    let expected = values(&replayed.annotated());
    let ids: BTreeSet<_> = replayed
        .flags()
        .iter()
        .filter_map(|flag| flag["bundle"].as_str().map(str::to_owned))
        .collect();
    assert!(ids.len() > 3);

    server.refuse(true);
    fluent_bit.give(&fs::read(&sample).unwrap());
    eventually("a request is refused", || server.refused("/v1/bundles") > 0);
    server.refuse(false);
    let evidence = "/v1/ingest?detect=off&source=signalr.raw";
    eventually("all is there", || {
        values(&server.body(evidence)).len() >= expected.len()
            && values(&server.body("/v1/bundles")).len() >= ids.len()
    });
    assert_eq!(sorted(&values(&server.body(evidence))), sorted(&expected));
    let asked = server.body("/v1/bundles");
    let asked = asked
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty());
    let asked = asked.flat_map(|record| {
        let asked = tripline_core::bundle_request::read(record).unwrap();
        assert_eq!(asked.source, "signalr.raw");
        asked.requests
    });
    assert_eq!(
        asked.map(|request| request.id).collect::<BTreeSet<_>>(),
        ids
    );
}

#[test]
fn beside_the_same_records_arrive() {
    let server = Server::start();
    let Some(mut fluent_bit) = fluent_bit("beside.yaml", server.port()) else {
        return;
    };
    fluent_bit.start();
    let sample = samples().join("signalr/hour.ndjson");
    let expected = values(&fs::read(&sample).unwrap());
    fluent_bit.give(&fs::read(&sample).unwrap());
    let ingest = "/v1/ingest?source=signalr.raw";
    eventually("all is there", || {
        values(&server.body(ingest)).len() >= expected.len()
    });
    assert_eq!(sorted(&values(&server.body(ingest))), sorted(&expected));
}
