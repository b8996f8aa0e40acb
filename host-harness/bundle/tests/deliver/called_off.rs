//! Somebody turns delivering off while bundles are under way.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tripline_bundle::deliver::{AzureOptions, Routes, Target};
use tripline_bundle::spool::{PROACTIVE_OFF, RequestRow, State};

use crate::azure::fault_server::{Fault, FaultServer};
use crate::azure::store::Op;
use crate::blocks::THREE_BLOCKS;
use crate::scene::{Scene, azure, azure_with, eventually, name_of, options};
use crate::worker::{deliver, states};

/// A target, while it is on.
struct Switched {
    target: Target,
    is_on: Arc<AtomicBool>,
}

impl Routes for Switched {
    fn target(&self, row: &RequestRow) -> Option<(&str, &Target)> {
        self.target.target(row)
    }

    fn is_ours(&self, _: &RequestRow) -> bool {
        self.is_on.load(Ordering::SeqCst)
    }
}

#[test]
fn what_is_under_way_is_called_off_and_goes_on_from_there() {
    let (server, scene) = (FaultServer::start(), Scene::new());
    let is_on = Arc::new(AtomicBool::new(true));
    let routes = Switched {
        target: azure(&server.sas()),
        is_on: Arc::clone(&is_on),
    };
    let mut spool = scene.spool();
    let ids = [1, 2, 3].map(|number| scene.sealed(number, THREE_BLOCKS));
    let bytes = ids.each_ref().map(|id| scene.bytes(id));
    let mut worker = scene.worker(routes);
    // Two are put together when it is turned off; the third was not begun.
    server.fail_every(Op::PutBlockList, 1, Fault::Stall);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            eventually("both are under way", || server.count(Op::PutBlockList) == 2);
            is_on.store(false, Ordering::SeqCst);
        });
        deliver(&mut worker, &mut spool);
    });
    assert!(server.blobs().is_empty());
    assert_eq!(states(&spool), [State::Delivering; 3]);
    // Nobody waited for an answer.
    let rows = spool.requests().unwrap();
    assert!(rows.iter().all(|row| row.cause.is_none()), "{rows:#?}");
    let third = server
        .log()
        .into_iter()
        .filter(|(_, name)| *name == name_of(&ids[2]));
    assert_eq!(third.count(), 0);
    let before = server.log().len();
    deliver(&mut worker, &mut spool);
    assert_eq!(server.log().len(), before);
    // On again, no block is sent twice.
    server.heal();
    is_on.store(true, Ordering::SeqCst);
    let blocks = server.count(Op::PutBlock);
    deliver(&mut worker, &mut spool);
    assert_eq!(states(&spool), [State::Delivered; 3]);
    for (id, bytes) in ids.iter().zip(&bytes) {
        assert!(server.blobs()[&name_of(id)].content == *bytes);
    }
    // Four of the third bundle, and three summaries.
    assert_eq!(server.count(Op::PutBlock) - blocks, 4 + 3);
}

/// One bundle is held as soon as it is about to be put together.
fn held_on_the_way(server: &FaultServer, scene: &Scene, options: AzureOptions) {
    let id = scene.sealed(1, 100);
    let (mut spool, mut other) = (scene.spool(), scene.spool());
    let mut worker = scene.worker(Target::Azure(azure_with(&server.sas(), options)));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            eventually("it is under way", || server.count(Op::PutBlockList) == 1);
            other.hold_proactive().unwrap();
            assert_eq!(scene.row(&id).state, State::Held);
        });
        deliver(&mut worker, &mut spool);
    });
}

#[test]
fn what_arrives_while_it_is_being_held_has_arrived() {
    let (server, scene) = (FaultServer::start(), Scene::new());
    server.fail(Op::PutBlockList, Fault::Slow(Duration::from_secs(3)));
    held_on_the_way(&server, &scene, options());
    assert_eq!(server.bundles().len(), 1);
    assert_eq!(states(&scene.spool()), [State::Delivered]);
    assert_eq!(scene.left(), [""; 0]);
}

#[test]
fn what_fails_while_it_is_being_held_stays_held() {
    let (server, scene) = (FaultServer::start(), Scene::new());
    let mut options = options();
    options.transport.read_timeout = Duration::from_secs(3);
    options.tries = 1;
    server.fail(Op::PutBlockList, Fault::Stall);
    held_on_the_way(&server, &scene, options);
    assert_eq!(states(&scene.spool()), [State::Held]);
    let row = scene.spool().requests().unwrap().remove(0);
    assert_eq!(row.cause.as_deref(), Some(PROACTIVE_OFF));
    assert!(server.blobs().is_empty());
    // It goes on when it is on again.
    assert_eq!(scene.spool().resume_proactive().unwrap(), 1);
    deliver(&mut scene.worker(azure(&server.sas())), &mut scene.spool());
    assert_eq!(states(&scene.spool()), [State::Delivered]);
}
