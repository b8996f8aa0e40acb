//! kill -9 of whoever uploads, at every place where it matters.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use tripline_bundle::deliver::{Target, deliver};
use tripline_bundle::failpoint;
use tripline_bundle::spool::State;
use tripline_bundle::watch::Unwatched;

use crate::azure::SasOf;
use crate::azure::fault_server::FaultServer;
use crate::azure::store::Op;
use crate::blocks::THREE_BLOCKS;
use crate::scene::{Scene, azure, azure_with, name_of, options, spool};

/// What the child is to do: folder, request and SAS.
pub(crate) const CHILD: &str = "TRIPLINE_TEST_UPLOAD";

/// The other process: it does nothing unless it is told to.
#[test]
fn child() {
    let Ok(told) = std::env::var(CHILD) else {
        return;
    };
    let [folder, id, sas]: [&str; 3] = told.split('\n').collect::<Vec<_>>().try_into().unwrap();
    let folder = Path::new(folder);
    let mut spool = spool(&folder.join("state"));
    // One block at a time, so that it is known which are there.
    let mut options = options();
    options.blocks_at_once = 1.try_into().unwrap();
    let target = Target::Azure(azure_with(sas, options));
    deliver(
        &mut spool,
        id,
        &target,
        &folder.join("work"),
        None,
        &Unwatched,
    )
    .unwrap();
}

/// Starts the upload in another process, and waits until that gets to a place.
pub(crate) fn stopped_at(scene: &Scene, id: &str, sas: &str, place: &str) -> Child {
    let told = format!("{}\n{id}\n{sas}", scene.dir.path().display());
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["killed::child", "--exact", "--nocapture"])
        .env(CHILD, told)
        .env(failpoint::VARIABLE, place)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let reached = lines.any(|line| line.unwrap() == format!("failpoint {place}"));
    assert!(reached, "{place} was not reached");
    child
}

#[test]
fn killed_anywhere_there_is_one_bundle_with_the_same_bytes() {
    let places = failpoint::UPLOAD
        .into_iter()
        .chain([failpoint::ARRIVED, failpoint::DELIVERED]);
    for place in places {
        for permissions in ["rcw", "cw"] {
            let (server, scene) = (FaultServer::start(), Scene::new());
            let id = scene.sealed(1, THREE_BLOCKS);
            let bytes = scene.bytes(&id);
            let sas = SasOf {
                permissions,
                ..SasOf::default()
            }
            .url(&server.endpoint());
            let mut child = stopped_at(&scene, &id, &sas, place);
            child.kill().unwrap();
            child.wait().unwrap();
            assert!(server.bundles().len() <= 1, "{place}");
            let before = server.count(Op::PutBlock);
            let mut worker = scene.worker(azure(&sas));
            for _ in 0..2 {
                worker.deliver_due(&mut scene.spool(), &Unwatched).unwrap();
            }
            let bundles = server.bundles();
            assert_eq!(bundles.len(), 1, "{place}");
            assert!(bundles[&name_of(&id)].content == bytes, "{place}");
            let sent = server.count(Op::PutBlock) - before;
            let row = scene.row(&id);
            if permissions == "cw" && [failpoint::COMMITTED, failpoint::ARRIVED].contains(&place) {
                // Nobody may look whether it is this bundle.
                assert_eq!(
                    (row.state, row.cause.as_deref()),
                    (State::Held, Some("not verified"))
                );
                let readable = server.sas();
                scene
                    .worker(azure(&readable))
                    .deliver_due(&mut scene.spool(), &Unwatched)
                    .unwrap();
            } else {
                // Four blocks and the summary; what is there is not sent again.
                let most = match place {
                    failpoint::STAGED => 4,
                    failpoint::DELIVERED => 0,
                    _ => 1,
                };
                assert!(sent <= most, "{place} {permissions}: {sent}");
            }
            assert_eq!(
                scene.row(&id).state,
                State::Delivered,
                "{place} {permissions}"
            );
            assert_eq!(scene.left(), [""; 0], "{place}");
            assert_eq!(server.blobs().len(), 2, "{place}");
        }
    }
}
