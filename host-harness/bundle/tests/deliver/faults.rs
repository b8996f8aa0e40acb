//! Faults of network, server and share, as they were seen.

use std::sync::Arc;
use std::time::Duration;

use tripline_bundle::deliver::{LocalTarget, Settled, Target};
use tripline_bundle::local::ShareLimits;
use tripline_bundle::spool::State;
use tripline_bundle::watch::Watch;

use crate::azure::fault_server::{Fault, FaultServer};
use crate::azure::store::{Answer, Op};
use crate::blocks::THREE_BLOCKS;
use crate::scene::{Scene, azure, azure_with, name_of, names, options};

#[test]
fn an_upload_gets_through_errors_and_resets() {
    let (server, scene) = (FaultServer::start(), Scene::new());
    let id = scene.sealed(1, 2 * THREE_BLOCKS);
    let bytes = scene.bytes(&id);
    let busy = Answer::error(503, "ServerBusy");
    server.fail_every(Op::PutBlock, 7, Fault::Answer(busy));
    server.fail_every(Op::PutBlock, 5, Fault::Break);
    server.fail(Op::PutBlockList, Fault::Break);
    let mut options = options();
    options.block_bytes = 256 << 10;
    let target = Target::Azure(azure_with(&server.sas(), options));
    // A block may be unlucky several times in a row; what arrived before is not sent again.
    let mut attempts = (0..5).map(|_| scene.deliver(&id, &target));
    assert!(attempts.any(|settled| matches!(settled, Settled::Delivered(_))));
    assert!(server.blobs()[&name_of(&id)].content == bytes);
}

#[test]
fn blocks_that_the_server_acknowledged_and_lost_are_sent_again() {
    for permissions in ["rcw", "cw"] {
        let (server, scene) = (FaultServer::start(), Scene::new());
        let id = scene.sealed(1, THREE_BLOCKS);
        let bytes = scene.bytes(&id);
        server.fail(Op::PutBlockList, Fault::LoseBlocks);
        let sas = crate::azure::SasOf {
            permissions,
            ..crate::azure::SasOf::default()
        };
        let target = azure(&sas.url(&server.endpoint()));
        let settled = scene.deliver(&id, &target);
        assert!(matches!(settled, Settled::Delivered(_)), "{settled:?}");
        assert!(server.blobs()[&name_of(&id)].content == bytes);
        // The three that were lost, or all four where one may not ask; and the summary.
        let again = if permissions == "rcw" { 3 } else { 4 };
        assert_eq!(server.count(Op::PutBlock), 4 + again + 1, "{permissions}");
    }
    // A server that loses them every time.
    let (server, scene) = (FaultServer::start(), Scene::new());
    let id = scene.sealed(1, THREE_BLOCKS);
    server.fail_every(Op::PutBlockList, 1, Fault::LoseBlocks);
    scene.deliver(&id, &azure(&server.sas()));
    let row = scene.row(&id);
    assert_eq!(
        (row.state, row.cause.as_deref()),
        (State::Delivering, Some("blocks lost"))
    );
    assert!(
        row.error
            .unwrap()
            .contains("lost blocks that it had acknowledged")
    );
}

#[test]
fn a_lost_reply_is_no_second_bundle_and_no_conflict() {
    let (server, scene) = (FaultServer::start(), Scene::new());
    let id = scene.sealed(1, THREE_BLOCKS);
    let bytes = scene.bytes(&id);
    server.fail(Op::PutBlockList, Fault::LoseReply);
    let settled = scene.deliver(&id, &azure(&server.sas()));
    assert!(matches!(settled, Settled::Delivered(_)), "{settled:?}");
    assert_eq!(server.bundles().len(), 1);
    assert!(server.blobs()[&name_of(&id)].content == bytes);
    assert_eq!(server.count(Op::Head), 1);
}

#[test]
fn two_that_deliver_the_same_bundle_deliver_one() {
    let server = FaultServer::start();
    let scenes = [Scene::new(), Scene::new()];
    let ids = scenes.each_ref().map(|scene| scene.sealed(1, THREE_BLOCKS));
    assert_eq!(ids[0], ids[1]);
    let bytes = scenes[0].bytes(&ids[0]);
    let sas = server.sas();
    std::thread::scope(|scope| {
        for scene in &scenes {
            scope.spawn(|| scene.deliver(&ids[0], &azure(&sas)));
        }
    });
    for scene in &scenes {
        assert_eq!(scene.row(&ids[0]).state, State::Delivered);
    }
    assert_eq!(server.bundles().len(), 1);
    assert!(server.blobs()[&name_of(&ids[0])].content == bytes);
}

#[test]
fn other_bytes_of_the_same_request_are_a_conflict_or_a_peers_bundle() {
    for folds_fleet in [false, true] {
        let (server, scene) = (FaultServer::start(), Scene::new());
        let mut peer = Scene::new();
        peer.plugin = "2";
        let target = |host: &str| {
            let mut options = options();
            options.folds_fleet = folds_fleet;
            options.host = host.into();
            Target::Azure(azure_with(&server.sas(), options))
        };
        // Without folding the names differ by host, and so both deliver their own.
        let hosts = if folds_fleet { ["a", "b"] } else { ["a", "a"] };
        let id = peer.sealed(1, 100);
        let theirs = peer.bytes(&id);
        peer.deliver(&id, &target(hosts[0]));
        assert_eq!(scene.sealed(1, 100), id);
        let settled = scene.deliver(&id, &target(hosts[1]));
        let row = scene.row(&id);
        let bundles = server.bundles();
        assert_eq!(bundles.len(), 1);
        assert!(bundles.values().all(|blob| blob.content == theirs));
        if folds_fleet {
            assert_eq!(
                (row.state, row.cause.as_deref()),
                (State::Folded, Some("delivered by peer"))
            );
            assert!(bundles.contains_key(&format!("stamp/2026/03/02/{id}.tar.zst")));
            assert!(matches!(settled, Settled::Folded(_)));
            assert_eq!(scene.left(), [""; 0]);
        } else {
            assert_eq!(
                (row.state, row.cause.as_deref()),
                (State::Held, Some("conflict"))
            );
            assert!(
                row.error
                    .unwrap()
                    .contains("of the same request with other bytes")
            );
        }
    }
}

#[test]
fn a_slow_line_gets_smaller_blocks_and_keeps_them() {
    let (server, scene) = (FaultServer::start(), Scene::new());
    let id = scene.sealed(1, 1 << 20);
    let bytes = scene.bytes(&id);
    let mut options = options();
    options.block_bytes = 1 << 20;
    options.blocks_at_once = 1.try_into().unwrap();
    // A block of 1 MiB takes two seconds, one of 256 KiB half a second.
    options.transport.read_timeout = Duration::from_millis(1200);
    server.set_speed(512 << 10);
    let target = Target::Azure(azure_with(&server.sas(), options));
    for _ in 0..10 {
        if matches!(scene.deliver(&id, &target), Settled::Delivered(_)) {
            break;
        }
    }
    assert_eq!(scene.row(&id).state, State::Delivered);
    assert!(server.blobs()[&name_of(&id)].content == bytes);
}

#[test]
fn blocks_that_no_answer_comes_to_in_time_become_smaller_until_they_get_through() {
    let (server, scene) = (FaultServer::start(), Scene::new());
    let id = scene.sealed(1, 1 << 20);
    let bytes = scene.bytes(&id);
    let mut options = options();
    options.block_bytes = 1 << 20;
    options.blocks_at_once = 1.try_into().unwrap();
    options.transport.read_timeout = Duration::from_secs(1);
    // The line takes no more than a quarter of a block.
    const MOST: usize = 256 << 10;
    server.fail_every(Op::PutBlock, 1, Fault::StallAbove(MOST));
    let settled = scene.deliver(&id, &Target::Azure(azure_with(&server.sas(), options)));
    assert!(matches!(settled, Settled::Delivered(_)), "{settled:?}");
    assert!(server.blobs()[&name_of(&id)].content == bytes);
    // Each size gets a second chance, and then half of it is tried.
    let sizes = server.headers("content-length");
    let mut sizes: Vec<usize> = sizes.iter().map(|size| size.parse().unwrap()).collect();
    sizes.retain(|size| *size > MOST);
    assert_eq!(sizes, [1 << 20, 1 << 20, 512 << 10, 512 << 10]);
}

#[test]
fn a_connection_that_stalls_is_given_up_and_tried_again() {
    let (server, scene) = (FaultServer::start(), Scene::new());
    let id = scene.sealed(1, 100);
    let bytes = scene.bytes(&id);
    let mut options = options();
    options.transport.read_timeout = Duration::from_millis(300);
    options.tries = 2;
    let target = Target::Azure(azure_with(&server.sas(), options));
    server.fail(Op::PutBlock, Fault::Stall);
    let settled = scene.deliver(&id, &target);
    assert!(matches!(settled, Settled::Delivered(_)), "{settled:?}");
    assert!(server.blobs()[&name_of(&id)].content == bytes);
    let id = scene.sealed(2, 100);
    server.fail_every(Op::PutBlock, 1, Fault::Stall);
    scene.deliver(&id, &target);
    let row = scene.row(&id);
    assert_eq!(
        (row.state, row.cause.as_deref()),
        (State::Delivering, Some("timeout"))
    );
    assert!(row.error.unwrap().contains("no answer came in time"));
}

#[test]
fn a_full_share_holds_and_a_name_on_it_is_never_taken() {
    let scene = Scene::new();
    let target = |max_bytes| {
        Target::Local(LocalTarget {
            folder: scene.path("share"),
            limits: Some(ShareLimits {
                max_age: None,
                max_bytes,
            }),
        })
    };
    let id = scene.sealed(1, 1000);
    scene.deliver(&id, &target(Some(10)));
    let row = scene.row(&id);
    assert_eq!(
        (row.state, row.cause.as_deref()),
        (State::Held, Some("share full"))
    );
    assert!(row.error.unwrap().contains("raise `max_bytes`"));
    let id = scene.sealed(2, 1000);
    std::fs::create_dir_all(scene.path("share")).unwrap();
    let taken = scene.path("share").join(format!("{id}.tar.zst"));
    std::fs::write(&taken, "other").unwrap();
    scene.deliver(&id, &target(None));
    let row = scene.row(&id);
    assert_eq!(
        (row.state, row.cause.as_deref()),
        (State::Held, Some("conflict"))
    );
    assert_eq!(std::fs::read(&taken).unwrap(), b"other");
}

#[test]
fn both_targets_get_it_and_one_does_not_keep_the_other_waiting() {
    let (mut server, scene) = (FaultServer::start(), Scene::new());
    let local = LocalTarget {
        folder: scene.path("share"),
        limits: None,
    };
    let azure = azure_with(&server.sas(), options());
    let target = Target::Both(Arc::clone(&azure), local.clone());
    server.stop();
    let id = scene.sealed(1, 100);
    assert!(matches!(
        scene.deliver(&id, &target),
        Settled::Offline { .. }
    ));
    assert_eq!(names(&scene.path("share")).len(), 2);
    server.go_on();
    assert!(matches!(scene.deliver(&id, &target), Settled::Delivered(_)));
    assert_eq!(server.bundles().len(), 1);
    let place = scene.row(&id).target.unwrap();
    assert!(
        place.contains(&name_of(&id)) && place.contains("/share/"),
        "{place}"
    );
    // Instead of the container, once it has waited long enough.
    server.stop();
    let fallback = |after| Target::Fallback {
        azure: Arc::clone(&azure),
        local: local.clone(),
        after,
    };
    let id = scene.sealed(2, 100);
    let settled = scene.deliver(&id, &fallback(Duration::from_secs(3600)));
    assert!(matches!(settled, Settled::Offline { .. }));
    let settled = scene.deliver(&id, &fallback(Duration::ZERO));
    assert!(matches!(settled, Settled::Delivered(_)), "{settled:?}");
    let row = scene.row(&id);
    let cause = row.cause.unwrap();
    assert!(
        cause.starts_with("fell back to the folder: ") && cause.contains("no connection"),
        "{cause}"
    );
    assert!(row.target.unwrap().ends_with(&format!("{id}.tar.zst")));
}

#[test]
fn an_upload_is_called_off_and_capped() {
    struct Impatient;
    impl Watch for Impatient {
        fn is_canceled(&self) -> bool {
            true
        }
    }
    let (server, scene) = (FaultServer::start(), Scene::new());
    let id = scene.sealed(1, THREE_BLOCKS);
    server.fail_every(Op::PutBlock, 1, Fault::Stall);
    let settled = scene.deliver_watched(&id, &azure(&server.sas()), &Impatient);
    assert_eq!(settled, Settled::Canceled);
    assert_eq!(scene.row(&id).state, State::Delivering);
    server.heal();
    // Three MiB at two MiB a second take more than a second.
    let mut options = options();
    options.transport.bytes_per_second = Some(2 << 20);
    let began = std::time::Instant::now();
    scene.deliver(&id, &Target::Azure(azure_with(&server.sas(), options)));
    assert_eq!(scene.row(&id).state, State::Delivered);
    assert!(
        began.elapsed() >= Duration::from_millis(1300),
        "{:?}",
        began.elapsed()
    );
}
