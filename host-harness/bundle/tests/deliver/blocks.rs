//! What arrives, and how often what is sent.

use tripline_bundle::azure::FaultKind;
use tripline_bundle::deliver::{Settled, Target};
use tripline_bundle::spool::State;
use tripline_bundle::summary::BundleSummary;

use crate::azure::SasOf;
use crate::azure::fault_server::{Fault, FaultServer};
use crate::azure::store::Op;
use crate::scene::{Scene, azure, azure_with, name_of, options, sha256};

/// Three blocks and a bit.
pub(crate) const THREE_BLOCKS: usize = 3 << 20;

#[test]
fn a_bundle_arrives_whole_with_what_is_known_of_it_and_nothing_is_left() {
    let (server, scene) = (FaultServer::start(), Scene::new());
    let id = scene.sealed(1, THREE_BLOCKS);
    let bytes = scene.bytes(&id);
    let settled = scene.deliver(&id, &azure(&server.sas()));
    assert!(matches!(settled, Settled::Delivered(_)), "{settled:?}");
    let blobs = server.blobs();
    let blob = &blobs[&name_of(&id)];
    assert!(blob.content == bytes);
    assert_eq!(blob.content_type, "application/zstd");
    assert_eq!(blob.tier.as_deref(), Some("Cool"));
    // The SAS has no `t`.
    assert_eq!(blob.tags, None);
    let metadata = |name: &str| blob.metadata[name].as_str();
    assert_eq!(metadata("tripline_id"), id);
    assert_eq!(metadata("tripline_sha256"), sha256(&bytes));
    assert_eq!(metadata("tripline_length"), bytes.len().to_string());
    assert!(metadata("tripline_expires").ends_with(".000000Z"));
    let beside = &blobs[&name_of(&id).replace(".tar.zst", ".summary.json")];
    let summary: BundleSummary = serde_json::from_slice(&beside.content).unwrap();
    assert_eq!((summary.id, summary.sha256), (id.clone(), sha256(&bytes)));
    assert_eq!(blobs.len(), 2);
    // Two blocks are under way at once, four in all, and one for the summary.
    assert_eq!(server.count(Op::PutBlock), 5);
    assert_eq!(server.count(Op::PutBlockList), 2);
    assert_eq!(server.count(Op::Head) + server.count(Op::GetBlockList), 0);
    let row = scene.row(&id);
    assert_eq!(row.state, State::Delivered);
    let place = format!("{}/bundles/{}", server.endpoint(), name_of(&id));
    assert_eq!(row.target.as_deref(), Some(&*place));
    assert_eq!(scene.left(), [""; 0]);
}

#[test]
fn tags_and_tier_are_asked_for_where_they_may_be_and_left_away_where_they_are_refused() {
    let (server, scene) = (FaultServer::start(), Scene::new());
    let sas = |permissions| {
        let sas = SasOf {
            permissions,
            ..SasOf::default()
        };
        sas.url(&server.endpoint())
    };
    let blob = |id: &str| server.blobs()[&name_of(id)].clone();
    let first = scene.sealed(1, 100);
    scene.deliver(&first, &azure(&sas("rcwt")));
    let tags = blob(&first).tags.unwrap();
    assert!(
        tags.starts_with(&format!("tripline={first}&expires=20")),
        "{tags}"
    );
    // It says `t`, and the account knows no tags.
    let refused = crate::azure::store::Answer::error_about(400, "UnsupportedHeader", "x-ms-tags");
    server.fail(Op::PutBlockList, Fault::Answer(refused));
    let second = scene.sealed(2, 100);
    scene.deliver(&second, &azure(&sas("rcwt")));
    assert_eq!(blob(&second).tags, None);
    assert_eq!(blob(&second).tier.as_deref(), Some("Cool"));
    // No tiers either: asked for once, and then no more.
    server.store().refuses_tier = true;
    let target = azure(&sas("rcw"));
    let before = server.count(Op::PutBlockList);
    for number in [3, 4] {
        let id = scene.sealed(number, 100);
        scene.deliver(&id, &target);
        assert_eq!(blob(&id).tier, None);
        assert_eq!(scene.row(&id).state, State::Delivered);
    }
    assert_eq!(server.count(Op::PutBlockList) - before, 5);
}

#[test]
fn what_is_there_is_not_sent_again() {
    for permissions in ["rcw", "cw"] {
        let (server, scene) = (FaultServer::start(), Scene::new());
        let sas = SasOf {
            permissions,
            ..SasOf::default()
        };
        // One at a time, so that nothing is under way when it is given up.
        let mut options = options();
        options.blocks_at_once = 1.try_into().unwrap();
        let target = Target::Azure(azure_with(&sas.url(&server.endpoint()), options));
        let id = scene.sealed(1, THREE_BLOCKS);
        let bytes = scene.bytes(&id);
        // The first two arrive, the third one never does.
        for _ in 0..2 {
            server.fail(Op::PutBlock, Fault::Slow(std::time::Duration::ZERO));
        }
        for _ in 0..40 {
            server.fail(Op::PutBlock, Fault::Break);
        }
        let settled = scene.deliver(&id, &target);
        assert!(matches!(settled, Settled::Later { .. }), "{settled:?}");
        let row = scene.row(&id);
        assert_eq!(row.state, State::Delivering);
        assert_eq!(row.cause.as_deref(), Some("connection broken"));
        server.heal();
        assert_eq!(server.store().staged[&name_of(&id)].len(), 2);
        let before = server.count(Op::PutBlock);
        let settled = scene.deliver(&id, &target);
        assert!(
            matches!(settled, Settled::Delivered(_)),
            "{permissions}: {settled:?}"
        );
        // Two of four, and the summary.
        assert_eq!(server.count(Op::PutBlock) - before, 3, "{permissions}");
        assert!(server.blobs()[&name_of(&id)].content == bytes);
        let asks = u64::from(permissions == "rcw");
        assert_eq!(server.count(Op::GetBlockList), asks, "{permissions}");
        assert_eq!(server.count(Op::Head), asks, "{permissions}");
        assert_eq!((scene.row(&id).cause, scene.row(&id).error), (None, None));
        assert_eq!(scene.left(), [""; 0]);
    }
}

#[test]
fn a_file_that_is_not_what_was_sealed_is_not_put_together() {
    let (server, scene) = (FaultServer::start(), Scene::new());
    let target = azure(&server.sas());
    let [changed, gone] = [1, 2].map(|number| scene.sealed(number, 1 << 20));
    let path = |id: &str| scene.path("work/sealed").join(format!("{id}.tar.zst"));
    let mut bytes = scene.bytes(&changed);
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(path(&changed), bytes).unwrap();
    std::fs::remove_file(path(&gone)).unwrap();
    for id in [&changed, &gone] {
        assert_eq!(scene.deliver(id, &target), Settled::Lost);
        let row = scene.row(id);
        assert_eq!(row.state, State::Collecting);
        let cause = "the sealed file was lost and is sealed anew";
        assert_eq!(row.cause.as_deref(), Some(cause));
    }
    assert_eq!(server.blobs().len(), 0);
}

#[test]
fn memory_is_bounded_by_the_blocks_under_way() {
    // Each request takes a while: were there no bound, all blocks would be under way at once.
    let (server, scene) = (FaultServer::start(), Scene::new());
    let mut options = options();
    options.block_bytes = 256 << 10;
    server.fail_every(
        Op::PutBlock,
        1,
        Fault::Slow(std::time::Duration::from_millis(20)),
    );
    let id = scene.sealed(1, THREE_BLOCKS);
    let most = std::sync::Mutex::new(0);
    struct Looks<'a>(&'a FaultServer, &'a std::sync::Mutex<u64>, u64);
    impl tripline_bundle::watch::Watch for Looks<'_> {
        fn delivering(&self, progress: &tripline_bundle::deliver::Progress) {
            let asked = self.0.count(Op::PutBlock);
            let mut most = self.1.lock().unwrap();
            *most = (*most).max(asked.saturating_sub(progress.done / self.2));
        }
    }
    let target = Target::Azure(azure_with(&server.sas(), options));
    scene.deliver_watched(&id, &target, &Looks(&server, &most, 256 << 10));
    assert_eq!(scene.row(&id).state, State::Delivered);
    let most = *most.lock().unwrap();
    assert!((1..=2).contains(&most), "{most}");
}

#[test]
fn a_sas_that_may_not_read_cannot_tell_whose_a_blob_is() {
    let (server, scene) = (FaultServer::start(), Scene::new());
    let id = scene.sealed(1, 100);
    // The reply is lost, and so it is not known that it is there.
    server.fail(Op::PutBlockList, Fault::LoseReply);
    let sas = SasOf {
        permissions: "cw",
        ..SasOf::default()
    };
    let settled = scene.deliver(&id, &azure(&sas.url(&server.endpoint())));
    assert!(matches!(settled, Settled::Held { .. }), "{settled:?}");
    let row = scene.row(&id);
    assert_eq!(
        (row.state, row.cause.as_deref()),
        (State::Held, Some("not verified"))
    );
    let error = row.error.unwrap();
    assert!(
        error.contains("is this bundle") && error.contains("`r`"),
        "{error}"
    );
    assert!(FaultKind::Permission.cause().starts_with("SAS"));
}
