//! The real wire: Azurite.

use tripline_bundle::deliver::{AzureOptions, Settled, Target};
use tripline_bundle::failpoint;
use tripline_bundle::spool::State;

use crate::azure::azurite::Azurite;
use crate::killed::stopped_at;
use crate::scene::{Scene, azure, azure_with, eventually, name_of, options, sha256};

/// More than thirty blocks.
const LARGE: usize = 8 << 20;

fn small_blocks() -> AzureOptions {
    let mut options = options();
    options.block_bytes = 256 << 10;
    options
}

#[test]
fn a_bundle_arrives_by_the_real_protocol() {
    let Some(azurite) = Azurite::start() else {
        return;
    };
    let scene = Scene::new();
    let id = scene.sealed(1, LARGE);
    let bytes = scene.bytes(&id);
    let target = Target::Azure(azure_with(&azurite.sas("rcw"), small_blocks()));
    let settled = scene.deliver(&id, &target);
    assert!(matches!(settled, Settled::Delivered(_)), "{settled:?}");
    let name = name_of(&id);
    assert_eq!(sha256(&azurite.blob(&name).unwrap()), sha256(&bytes));
    let summary = name.replace(".tar.zst", ".summary.json");
    assert_eq!(azurite.names(), [summary, name]);
    // Once more, as if nobody had written it down: it is looked at, and is the same.
    let other = Scene::new();
    assert_eq!(other.sealed(1, LARGE), id);
    let settled = other.deliver(&id, &target);
    assert!(matches!(settled, Settled::Delivered(_)), "{settled:?}");
    assert_eq!(azurite.names().len(), 2);
    // A SAS that may not write.
    let id = scene.sealed(2, 100);
    scene.deliver(&id, &azure(&azurite.sas("rl")));
    let row = scene.row(&id);
    assert_eq!(
        (row.state, row.cause.as_deref()),
        (State::Held, Some("SAS lacks a permission"))
    );
}

#[test]
fn what_a_killed_uploader_staged_is_not_sent_again() {
    let Some(azurite) = Azurite::start() else {
        return;
    };
    let scene = Scene::new();
    let id = scene.sealed(1, LARGE);
    let bytes = scene.bytes(&id);
    let sas = azurite.sas("rcw");
    let mut child = stopped_at(&scene, &id, &sas, failpoint::COMMITTING);
    child.kill().unwrap();
    child.wait().unwrap();
    // As large as the child's, so that the blocks are the same.
    let watch = Counts::default();
    let settled = scene.deliver_watched(&id, &azure(&sas), &watch);
    assert!(matches!(settled, Settled::Delivered(_)), "{settled:?}");
    assert_eq!(
        sha256(&azurite.blob(&name_of(&id)).unwrap()),
        sha256(&bytes)
    );
    // No byte of it was sent.
    assert_eq!(watch.0.load(std::sync::atomic::Ordering::SeqCst), 0);
    assert_eq!(azurite.names().len(), 2);
}

/// The greatest rate that was seen.
#[derive(Default)]
struct Counts(std::sync::atomic::AtomicU64);

impl tripline_bundle::watch::Watch for Counts {
    fn delivering(&self, progress: &tripline_bundle::deliver::Progress) {
        let rate = progress.bytes_per_second;
        self.0.fetch_max(rate, std::sync::atomic::Ordering::SeqCst);
    }
}

#[test]
fn a_killed_server_costs_blocks_and_no_bundle() {
    let Some(mut azurite) = Azurite::start() else {
        return;
    };
    let scene = Scene::new();
    let id = scene.sealed(1, LARGE);
    let bytes = scene.bytes(&id);
    let mut options = small_blocks();
    azurite.wait_for_disk();
    // Slow enough to be in the middle of it.
    options.transport.bytes_per_second = Some(2 << 20);
    let target = Target::Azure(azure_with(&azurite.sas("rcw"), options));
    let watch = Counts::default();
    let settled = std::thread::scope(|scope| {
        let upload = scope.spawn(|| scene.deliver_watched(&id, &target, &watch));
        eventually("some blocks are there", || {
            watch.0.load(std::sync::atomic::Ordering::SeqCst) > 0 || upload.is_finished()
        });
        azurite.kill();
        upload.join().unwrap()
    });
    assert!(
        matches!(settled, Settled::Later { .. } | Settled::Offline { .. }),
        "{settled:?}"
    );
    azurite.go_on();
    let settled = scene.deliver(&id, &target);
    assert!(matches!(settled, Settled::Delivered(_)), "{settled:?}");
    assert_eq!(
        sha256(&azurite.blob(&name_of(&id)).unwrap()),
        sha256(&bytes)
    );
    assert_eq!(azurite.names().len(), 2);
}
