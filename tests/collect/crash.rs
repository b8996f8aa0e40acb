//! Killed, interrupted and waiting collections: one bundle a request, or none and a line in the history.

use std::io::Read as _;
use std::process::{Command, Stdio};

use tripline_bundle::failpoint;
use tripline_bundle::spool::{Kind, Spool};

use crate::scene::{Scene, WINDOW, kill, names, ok, stop_at};

#[test]
fn a_second_collection_waits_for_its_turn() {
    let scene = Scene::new();
    let first = stop_at(scene.save(&WINDOW), failpoint::PACKED);
    let mut second = scene.save(&WINDOW).stdout(Stdio::piped()).spawn().unwrap();
    assert!(second.try_wait().unwrap().is_none());
    kill(first);
    // It goes on with the first one, whose process is dead, and makes its own.
    assert!(second.wait().unwrap().success());
    assert_eq!(scene.bundles().len(), 2);
    let history = scene.history();
    assert!(
        history.iter().all(|row| row["state"] == "delivered"),
        "{history:?}"
    );
}

#[cfg(unix)]
#[test]
fn ctrl_c_leaves_nothing_but_a_line_in_the_history() {
    for name in [
        failpoint::REQUESTED,
        failpoint::COLLECTING,
        failpoint::COLLECT,
        failpoint::PACK,
        failpoint::SEALED,
        failpoint::COPY,
    ] {
        let scene = Scene::new();
        let mut child = stop_at(scene.save(&WINDOW), name);
        let id = child.id().to_string();
        let sent = Command::new("kill").args(["-INT", &id]).status().unwrap();
        assert!(sent.success());
        assert_eq!(child.wait().unwrap().code(), Some(130), "{name}");
        let mut errors = String::new();
        child.stderr.unwrap().read_to_string(&mut errors).unwrap();
        assert!(errors.contains("canceled"), "{name}: {errors}");
        assert_eq!(names(&scene.share()), [""; 0], "{name}");
        for folder in ["work/sealed", "work/collecting"] {
            assert_eq!(names(&scene.state().join(folder)), [""; 0], "{name}");
        }
        let history = scene.history();
        assert_eq!(history[0]["status"], "Canceled", "{name}");
        assert_eq!(history[0]["cause"], "Ctrl-C", "{name}");
        // Nothing goes on with it.
        let resumed = ok(&scene.command(&["--resume", "--json"]).output().unwrap());
        assert_eq!(resumed["resumed"].as_array().unwrap().len(), 0, "{name}");
        assert_eq!(scene.history(), history, "{name}");
    }
}

#[test]
fn killed_anywhere_there_is_one_bundle_a_request_with_the_same_bytes() {
    let undisturbed = Scene::new();
    undisturbed.saved(&WINDOW);
    let expected = undisturbed.bundles();
    assert_eq!(expected.len(), 1);
    for name in failpoint::ALL {
        for way in ["--resume", "another"] {
            let scene = Scene::new();
            kill(stop_at(scene.save(&WINDOW), name));
            let before: Vec<_> = names(&scene.share())
                .into_iter()
                .filter(|file| file.ends_with(".tar.zst"))
                .collect();
            assert!(before.len() <= 1, "{name}: {before:?}");
            if way == "--resume" {
                ok(&scene.command(&["--resume", "--json"]).output().unwrap());
                assert_eq!(scene.bundles(), expected, "{name}");
            } else {
                scene.saved(&["--to", "2026-03-02T10:00:00Z", "--last", "1m"]);
                let mut bundles = scene.bundles();
                assert_eq!(bundles.len(), 2, "{name}");
                let (id, bytes) = expected.first_key_value().unwrap();
                assert_eq!(bundles.remove(id).as_ref(), Some(bytes), "{name}");
            }
            let history = scene.history();
            assert_eq!(history.len(), scene.bundles().len(), "{name}");
            assert!(
                history.iter().all(|row| row["state"] == "delivered"),
                "{name}: {history:?}"
            );
            let left: Vec<_> = names(&scene.share());
            assert!(
                left.iter()
                    .all(|file| file.ends_with(".tar.zst") || file.ends_with(".summary.json")),
                "{name}: {left:?}"
            );
            assert_eq!(names(&scene.state().join("work/sealed")), [""; 0], "{name}");
            assert_eq!(
                names(&scene.state().join("work/collecting")),
                [""; 0],
                "{name}"
            );
            // Once more changes nothing.
            ok(&scene.command(&["--resume", "--json"]).output().unwrap());
            assert_eq!(scene.history(), history, "{name}");
            let spool = Spool::open_read_only(&scene.state()).unwrap();
            assert_eq!(spool.unfinished(Kind::Manual).unwrap(), [], "{name}");
        }
    }
}
