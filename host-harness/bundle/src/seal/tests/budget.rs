//! Bundles that do not fit into the bytes of their day.

use sha2::{Digest, Sha256};

use super::{scene::Scene, *};

/// A line of 64 KiB that compresses to about half.
fn long_line(second: i64) -> String {
    let mut text = format!("{{\"second\":{second},\"noise\":\"");
    for n in 0..1024 {
        let hash = Sha256::digest(format!("{second} {n}"));
        text.extend(hash.iter().map(|byte| format!("{byte:02x}")));
    }
    text + "\"}\n"
}

/// What the manifest of the one delivered bundle says.
fn manifest(scene: &Scene, sealed: &Sealed) -> Manifest {
    let verified = verify(sealed.path.as_deref().unwrap()).unwrap();
    assert_eq!(verified.findings, [""; 0]);
    assert_eq!(verified.size, scene.delivered().len() as u64);
    verified.manifest.unwrap()
}

/// The size of the bundle when nothing limits it.
fn whole_size() -> u64 {
    Scene::with(long_line).seal().unwrap().facts.size
}

#[test]
fn a_bundle_that_just_fits_is_whole() {
    let mut scene = Scene::with(long_line);
    scene.caps.bytes_per_day = whole_size();
    let sealed = scene.seal().unwrap();
    assert_eq!(sealed.facts.size, scene.caps.bytes_per_day);
    assert!(!sealed.facts.partial);
}

#[test]
fn a_bundle_that_does_not_fit_is_cut_and_keeps_the_newest() {
    for bytes_per_day in [whole_size() - 1, 200_000, LEAST_CUT_BYTES] {
        let mut scene = Scene::with(long_line);
        scene.caps.bytes_per_day = bytes_per_day;
        let sealed = scene.seal().unwrap();
        assert!(sealed.facts.size <= bytes_per_day, "{bytes_per_day}");
        assert!(
            sealed.facts.size > bytes_per_day / 2,
            "{bytes_per_day}: {} bytes use it well",
            sealed.facts.size
        );
        assert!(sealed.facts.partial);
        let manifest = manifest(&scene, &sealed);
        assert_eq!(manifest.loss.kept + manifest.loss.cut, 10);
        assert!(manifest.loss.cut > 0 && !manifest.cuts.is_empty());
        let got = manifest.window.got.unwrap();
        assert_eq!(got.to, manifest.window.asked.to, "the newest stay");
        assert!(got.from > manifest.window.asked.from);
        // The same again, to the byte.
        let mut again = Scene::with(long_line);
        again.caps.bytes_per_day = bytes_per_day;
        again.seal().unwrap();
        assert_eq!(again.delivered(), scene.delivered());
    }
}

#[test]
fn too_little_for_a_cut_bundle_suppresses_it() {
    let mut scene = Scene::with(long_line);
    scene.caps.bytes_per_day = LEAST_CUT_BYTES - 1;
    let outcome = scene.outcome(&scene.id).unwrap();
    assert_eq!(outcome, Outcome::Suppressed("65535 B a day".to_owned()));
    let row = scene.spool().request(&scene.id).unwrap();
    assert_eq!(row.state, State::Suppressed);
    assert_eq!(row.suppressed_by.as_deref(), Some("65535 B a day"));
    assert_eq!(
        files(&scene.path("work/sealed")),
        [""; 0].map(PathBuf::from),
        "what was packed to try is gone"
    );
    assert!(!scene.path("bundles").exists());
}

#[test]
fn a_small_bundle_that_fits_needs_no_least() {
    let mut scene = Scene::new();
    scene.caps.bytes_per_day = 10_000;
    let sealed = scene.seal().unwrap();
    assert!(sealed.facts.size < LEAST_CUT_BYTES && !sealed.facts.partial);
}

#[test]
fn a_request_that_finds_the_day_used_up_is_not_collected() {
    let mut scene = Scene::new();
    let second = scene.ask("/y");
    scene.caps.bytes_per_day = scene.seal().unwrap().facts.size;
    let outcome = scene.outcome(&second).unwrap();
    assert!(matches!(outcome, Outcome::Suppressed(_)), "{outcome:?}");
    assert_eq!(scene.spool().request(&second).unwrap().collected_at, None);
    scene.delivered();
}

#[test]
fn the_next_attempt_is_always_smaller() {
    assert_eq!(smaller(1_000, 500, 250), 450);
    assert_eq!(smaller(u64::MAX, u64::MAX, u64::MAX - 1) / 9, u64::MAX / 10);
    assert_eq!(smaller(0, 0, 0), 0);
    for size in [1, 2, 10, 1_000] {
        assert!(smaller(100, size, size - 1) < 100);
    }
}
