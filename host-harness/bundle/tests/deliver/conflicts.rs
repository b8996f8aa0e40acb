//! Something else has the name, or changed the bytes.

use tripline_bundle::deliver::Settled;
use tripline_bundle::spool::State;

use crate::azure::fault_server::{Fault, FaultServer};
use crate::azure::store::{Answer, Op, StoredBlob};
use crate::scene::{Scene, azure, name_of};

#[test]
fn a_blob_that_is_there_is_looked_at() {
    let scene = Scene::new();
    for (number, code) in [
        (409, "BlobAlreadyExists"),
        (412, "LeaseIdMissing"),
        (409, "LeaseAlreadyPresent"),
    ]
    .into_iter()
    .enumerate()
    {
        let server = FaultServer::start();
        let target = azure(&server.sas());
        // Somebody else's.
        let foreign = scene.sealed(10 + number as u64, 100);
        let blob = StoredBlob {
            content: b"other".to_vec(),
            ..StoredBlob::default()
        };
        server.store().blobs.insert(name_of(&foreign), blob.clone());
        server.fail(
            Op::PutBlockList,
            Fault::Answer(Answer::error(code.0, code.1)),
        );
        scene.deliver(&foreign, &target);
        let row = scene.row(&foreign);
        assert_eq!(
            (row.state, row.cause.as_deref()),
            (State::Held, Some("conflict")),
            "{code:?}"
        );
        let error = row.error.unwrap();
        for words in [
            "another blob is there",
            "of 5 bytes, which tripline did not write",
            "never overwritten",
        ] {
            assert!(error.contains(words), "{error}");
        }
        assert_eq!(server.blobs()[&name_of(&foreign)], blob);
        // Ours.
        let ours = scene.sealed(20 + number as u64, 100);
        let bytes = scene.bytes(&ours);
        server.fail(Op::PutBlockList, Fault::LoseReply);
        server.fail(
            Op::PutBlockList,
            Fault::Answer(Answer::error(code.0, code.1)),
        );
        let settled = scene.deliver(&ours, &target);
        assert!(matches!(settled, Settled::Delivered(_)), "{settled:?}");
        assert!(server.blobs()[&name_of(&ours)].content == bytes);
    }
}

#[test]
fn unfinished_blocks_of_another_program_give_the_bundle_another_name() {
    let (server, scene) = (FaultServer::start(), Scene::new());
    let target = azure(&server.sas());
    let id = scene.sealed(1, 100);
    let foreign = |name: String| {
        let blocks = [(b"short".to_vec(), b"x".to_vec())];
        server.store().staged.insert(name, blocks.into());
    };
    foreign(name_of(&id));
    let settled = scene.deliver(&id, &target);
    assert!(matches!(settled, Settled::Delivered(_)), "{settled:?}");
    let second = name_of(&id).replace(".tar.zst", "-2.tar.zst");
    assert_eq!(server.bundles().keys().collect::<Vec<_>>(), [&second]);
    assert!(scene.row(&id).target.unwrap().ends_with(&second));
    // Not for ever.
    let id = scene.sealed(2, 100);
    for end in [".tar.zst", "-2.tar.zst", "-3.tar.zst"] {
        foreign(name_of(&id).replace(".tar.zst", end));
    }
    scene.deliver(&id, &target);
    let row = scene.row(&id);
    assert_eq!(
        (row.state, row.cause.as_deref()),
        (State::Held, Some("foreign blocks"))
    );
    assert!(
        row.error
            .unwrap()
            .contains("another program left unfinished blocks")
    );
}

#[test]
fn bytes_that_changed_on_the_way_are_sent_again() {
    let (server, scene) = (FaultServer::start(), Scene::new());
    let id = scene.sealed(1, 100);
    let bytes = scene.bytes(&id);
    server.fail(Op::PutBlock, Fault::Corrupt);
    let settled = scene.deliver(&id, &azure(&server.sas()));
    assert!(matches!(settled, Settled::Delivered(_)), "{settled:?}");
    assert!(server.blobs()[&name_of(&id)].content == bytes);
    assert_eq!(server.count(Op::PutBlock), 3);
    // The last block, which is shorter than the others.
    let id = scene.sealed(3, (2 << 20) + 100);
    let bytes = scene.bytes(&id);
    for _ in 0..2 {
        server.fail(Op::PutBlock, Fault::Slow(std::time::Duration::ZERO));
    }
    server.fail(Op::PutBlock, Fault::Corrupt);
    let settled = scene.deliver(&id, &azure(&server.sas()));
    assert!(matches!(settled, Settled::Delivered(_)), "{settled:?}");
    assert!(server.blobs()[&name_of(&id)].content == bytes);
    // A line that changes everything.
    let id = scene.sealed(2, 100);
    server.fail_every(Op::PutBlock, 1, Fault::Corrupt);
    scene.deliver(&id, &azure(&server.sas()));
    let row = scene.row(&id);
    assert_eq!(
        (row.state, row.cause.as_deref()),
        (State::Delivering, Some("checksum differs"))
    );
    assert!(row.error.unwrap().contains("not those that were sent"));
}
