//! Zip archives, and roles of sources.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use tripline_bundle::failpoint;
use tripline_bundle::verify::{open, verify};

use crate::scene::{Scene, WINDOW, kill, lines, logs, names, ok, refused, stop_at};
use crate::support::{run, text};

/// The logs of a bundle in any format.
fn opened(path: &Path) -> BTreeMap<String, String> {
    let folder = tempfile::TempDir::new().unwrap();
    let out = folder.path().join("out");
    let manifest = open(path, &out).unwrap();
    let members = manifest.members.into_iter();
    let logs = members.filter(|member| member.lines.is_some());
    logs.map(|member| {
        let text = fs::read_to_string(out.join(&member.path)).unwrap();
        (member.path, text)
    })
    .collect()
}

#[test]
fn a_zip_archive_holds_the_same_and_is_reproducible() {
    let scene = Scene::new();
    let tar = scene.saved(&WINDOW);
    let zip = scene.saved(&[&WINDOW[..], &["--format", "zip"]].concat());
    let path = Path::new(zip["path"].as_str().unwrap());
    assert!(path.ends_with(format!("{}.zip", zip["id"].as_str().unwrap())));
    assert_eq!(opened(path), logs(&tar));
    assert_eq!(zip["lines"], 600);
    let bundle = path.to_str().unwrap();
    let output = run(&["bundle", "verify", bundle]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let output = run(&["bundle", "list", scene.share().to_str().unwrap(), "--json"]);
    let listed: serde_json::Value = ok(&output);
    assert!(listed.to_string().contains(".zip"), "{listed}");
    // Again somewhere else: the configuration says the same as the option.
    let other = Scene::new();
    other.saved(&WINDOW);
    fs::write(
        other.path("tripline.toml"),
        "[collect]\nhost_facts = false\n[bundle]\nformat = 'zip'\n",
    )
    .unwrap();
    let again = other.saved(&WINDOW);
    assert_eq!(again["sha256"], zip["sha256"]);
    // The option holds over the configuration.
    let tar = other.saved(&[&WINDOW[..], &["--format", "tar.zst"]].concat());
    assert!(tar["path"].as_str().unwrap().ends_with(".tar.zst"));
    refused(scene.save(&["--format", "rar"]), 2, "tar.zst and zip");
    // Redacted again, into either.
    for name in ["a.zip", "a.tar.zst"] {
        let out = scene.path(name);
        let output = run(&["bundle", "redact", bundle, out.to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output));
        assert_eq!(verify(&out).unwrap().findings, [""; 0]);
        assert_eq!(opened(&out), opened(path));
    }
}

#[test]
fn what_was_asked_for_as_zip_goes_on_as_zip() {
    let undisturbed = Scene::new();
    let zip = [&WINDOW[..], &["--format", "zip"]].concat();
    let expected = undisturbed.saved(&zip);
    for name in [failpoint::COLLECT, failpoint::PACKED, failpoint::COPIED] {
        let scene = Scene::new();
        kill(stop_at(scene.save(&zip), name));
        ok(&scene.command(&["--resume", "--json"]).output().unwrap());
        let id = expected["id"].as_str().unwrap();
        let files = names(&scene.share());
        assert_eq!(files, [format!("{id}.summary.json"), format!("{id}.zip")]);
        let verified = verify(&scene.share().join(&files[1])).unwrap();
        assert_eq!(verified.sha256, expected["sha256"].as_str().unwrap());
        assert_eq!(names(&scene.state().join("work/sealed")), [""; 0], "{name}");
    }
}

#[test]
fn roles_of_sources_are_folders_and_filters() {
    let scene = Scene::new();
    fs::write(
        scene.path("tripline.toml"),
        "[collect]\nhost_facts = false\n\
         [[collect.roles]]\nrole = 'server'\nsources = ['odd.*']\n\
         [[collect.roles]]\nrole = 'never'\nsources = ['o*']\n",
    )
    .unwrap();
    let answer = scene.saved(&WINDOW);
    let expected = [
        ("logs/default/even.json.log", lines((0..600).step_by(2))),
        ("logs/server/odd.json.log", lines((1..600).step_by(2))),
    ];
    let expected = expected.map(|(path, text)| (path.to_owned(), text));
    assert_eq!(logs(&answer), BTreeMap::from(expected.clone()));
    let answer = scene.saved(&[&WINDOW[..], &["--filter", "role=server"]].concat());
    let [_, server] = expected;
    assert_eq!(logs(&answer), BTreeMap::from([server]));
    fs::write(
        scene.path("tripline.toml"),
        "[[collect.roles]]\nrole = 'Server'\nsources = ['a[']\n",
    )
    .unwrap();
    refused(scene.save(&WINDOW), 2, "`a[` is no pattern");
}

#[test]
fn the_history_is_a_table_for_other_programs_too() {
    let scene = Scene::new();
    let answer = scene.saved(&WINDOW);
    let state = scene.state();
    let output = run(&["history", state.to_str().unwrap(), "--csv"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let table = String::from_utf8(output.stdout).unwrap();
    let rows: Vec<Vec<&str>> = table
        .split_terminator("\r\n")
        .map(|line| line.split(',').collect())
        .collect();
    let names =
        "Time Collected,Status,Logs start,Logs end,Type,size,files,sha256,cause,target,error";
    assert_eq!(rows[0].join(","), names);
    assert_eq!((rows.len(), rows[1].len()), (2, 11));
    let row = &scene.history()[0];
    assert_eq!(rows[1][0], row["time_collected"]);
    assert_eq!(rows[1][1], "Succeeded");
    assert_eq!(rows[1][2], "2026-03-02T10:00:00.000000Z");
    assert_eq!(rows[1][3], "2026-03-02T10:09:59.000000Z");
    assert_eq!(rows[1][4], "manual");
    assert_eq!(rows[1][5], answer["size"].to_string());
    assert_eq!(rows[1][6], answer["files"].to_string());
    assert_eq!(rows[1][7], answer["sha256"]);
    assert_eq!((rows[1][8], rows[1][10]), ("", ""));
    assert_eq!(rows[1][9], answer["path"]);
}
