mod budget;
mod redaction;
mod scene;

use std::{fs, path::PathBuf, process::Command};

use scene::{Scene, copy_folder, files};

use super::*;
use crate::verify::{list, verify};
use crate::{manifest::Manifest, summary::BundleSummary, watch::Unwatched};

/// The one bundle that a run without a crash delivers.
fn expected() -> Vec<u8> {
    let scene = Scene::new();
    scene.seal().unwrap();
    scene.delivered()
}

#[test]
fn a_request_becomes_a_bundle_that_verifies_and_is_listed() {
    let scene = Scene::new();
    let sealed = scene.seal().unwrap();
    assert_eq!(
        sealed.path.as_deref(),
        Some(&*scene.path("bundles").join(format!("{}.tar.zst", scene.id)))
    );
    assert_eq!((sealed.facts.files, sealed.facts.partial), (5, false));
    let verified = verify(sealed.path.as_deref().unwrap()).unwrap();
    assert_eq!(verified.findings, [""; 0]);
    assert_eq!(verified.notes, [""; 0]);
    assert_eq!(
        (verified.size, &verified.sha256),
        (sealed.facts.size, &sealed.facts.sha256)
    );
    let manifest = verified.manifest.unwrap();
    let paths: Vec<_> = manifest
        .members
        .iter()
        .map(|member| member.path.as_str())
        .collect();
    assert_eq!(
        paths,
        [
            "logs/default/even.json.log",
            "logs/default/odd.json.log",
            "report.html",
            "ticket.md"
        ]
    );
    assert_eq!(
        (manifest.lines(), manifest.evidence["threshold"].as_u64()),
        (10, Some(10))
    );
    assert_eq!(manifest.window.got, Some(manifest.window.asked));
    assert_eq!(manifest.replays, Replays::Yes);
    let beside = scene
        .path("bundles")
        .join(format!("{}.summary.json", scene.id));
    let beside = fs::read_to_string(beside).unwrap();
    let summary: BundleSummary = serde_json::from_str(&beside).unwrap();
    assert_eq!(
        (&summary.sha256, summary.lines, summary.files, summary.size),
        (&sealed.facts.sha256, 10, 5, sealed.facts.size)
    );
    assert_eq!((summary.window, summary.at), (manifest.window, manifest.at));
    // Whose logs these are is in the bundle only.
    assert!(!beside.contains("/x") && !beside.contains("vanish") && !beside.contains("odd"));
    let json = String::from_utf8(manifest.to_json().unwrap()).unwrap();
    assert!(!json.contains(scene.dir.path().to_str().unwrap()), "{json}");
    assert_eq!(Manifest::parse(json.as_bytes()).unwrap(), manifest);

    let listing = list(&scene.path("bundles")).unwrap();
    assert_eq!((listing.bundles.len(), listing.unreadable.len()), (1, 0));
    let listed = &listing.bundles[0];
    assert_eq!(
        (&listed.id, listed.lines, listed.size),
        (&scene.id, 10, sealed.facts.size)
    );
    assert_eq!(listed.at.to_string(), "1970-01-01T00:00:15.000000Z");
    // Nothing stays behind.
    assert_eq!(
        files(&scene.path("work/sealed")),
        [""; 0].map(PathBuf::from)
    );
    assert_eq!(
        files(&scene.path("work/collecting")),
        [""; 0].map(PathBuf::from)
    );
}

#[test]
fn the_system_tar_opens_it() {
    let scene = Scene::new();
    let sealed = scene.seal().unwrap();
    let out = scene.path("out");
    fs::create_dir(&out).unwrap();
    let mut tar = Command::new("tar");
    tar.arg("--zstd")
        .arg("-xf")
        .arg(sealed.path.as_deref().unwrap())
        .current_dir(&out);
    let Ok(status) = tar.status() else { return };
    assert!(status.success());
    let even = fs::read_to_string(out.join("logs/default/even.json.log")).unwrap();
    let seconds = [10, 12, 14, 16, 18].map(|second| format!("{{\"second\":{second}}}\n"));
    assert_eq!(even, seconds.concat());
    let report = fs::read_to_string(out.join("report.html")).unwrap();
    for part in [
        "Clients &#60;b&#62;vanish",
        "Look at the network.",
        "The rule signalr.ping-timeout triggered at 1970-01-01T00:00:15.000000Z for /x.",
        "logs/default/odd.json.log",
        "&#60;i&#62;",
        "10 of the window&#39;s 10 lines.",
    ] {
        assert!(report.contains(part), "{part}\n{report}");
    }
}

#[test]
fn a_crash_after_any_step_gives_one_bundle_with_the_same_bytes() {
    let expected = expected();
    for steps in 0..5 {
        let scene = Scene::new();
        for _ in 0..steps {
            scene.step();
        }
        scene.seal().unwrap();
        assert_eq!(scene.delivered(), expected, "after {steps} steps");
        let again = scene.seal().unwrap();
        assert_eq!(scene.delivered(), expected);
        assert_eq!(again.facts.size, expected.len() as u64);
    }
}

#[test]
fn a_crash_between_the_work_and_its_journal_gives_one_bundle_with_the_same_bytes() {
    let expected = expected();
    for steps in 0..4 {
        let scene = Scene::new();
        for _ in 0..steps {
            scene.step();
        }
        copy_folder(&scene.path("state"), &scene.path("before"));
        scene.step();
        fs::remove_dir_all(scene.path("state")).unwrap();
        copy_folder(&scene.path("before"), &scene.path("state"));
        scene.seal().unwrap();
        assert_eq!(scene.delivered(), expected, "after {steps} steps");
    }
}

#[test]
fn a_sealed_file_that_was_lost_or_changed_is_sealed_anew() {
    let expected = expected();
    for content in [None, Some("rubbish")] {
        let scene = Scene::new();
        while scene.spool().request(&scene.id).unwrap().state != State::Sealed {
            scene.step();
        }
        let sealed = &files(&scene.path("work/sealed"))[0];
        match content {
            None => fs::remove_file(sealed).unwrap(),
            Some(content) => fs::write(sealed, content).unwrap(),
        }
        scene.seal().unwrap();
        assert_eq!(scene.delivered(), expected);
    }
}

#[test]
fn a_foreign_file_of_that_name_stops_the_delivery() {
    let scene = Scene::new();
    let name = format!("{}.tar.zst", scene.id);
    fs::create_dir(scene.path("bundles")).unwrap();
    fs::write(scene.path("bundles").join(&name), "other").unwrap();
    let error = scene.seal().unwrap_err();
    assert!(
        matches!(error, Error::Deliver(local::Error::Taken(_))),
        "{error}"
    );
    assert_eq!(
        scene.spool().request(&scene.id).unwrap().state,
        State::Delivering
    );
    fs::remove_file(scene.path("bundles").join(&name)).unwrap();
    scene.seal().unwrap();
    assert_eq!(scene.delivered(), expected());
}

#[test]
fn what_is_not_pending_is_not_sealed() {
    let scene = Scene::new();
    scene
        .spool()
        .advance(&scene.id, State::Canceled, &Note::default())
        .unwrap();
    assert!(matches!(
        scene.seal(),
        Err(Error::NotPending {
            state: State::Canceled,
            ..
        })
    ));
}

#[test]
fn where_a_worker_delivers_sealing_ends_at_delivering() {
    let expected = expected();
    let mut scene = Scene::new();
    scene.delivers = false;
    for _ in 0..2 {
        assert_eq!(scene.outcome(&scene.id).unwrap(), Outcome::OnItsWay(None));
    }
    assert!(!scene.path("bundles").exists());
    let work = scene.path("work");
    let target = Target::folder(scene.path("bundles"));
    let mut spool = scene.spool();
    let settled = deliver::deliver(&mut spool, &scene.id, &target, &work, None, &Unwatched);
    assert!(matches!(settled.unwrap(), Settled::Delivered(_)));
    assert_eq!(scene.delivered(), expected);
    assert_eq!(files(&work.join("sealed")), [""; 0].map(PathBuf::from));
}
