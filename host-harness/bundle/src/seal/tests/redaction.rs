//! What a sealed bundle holds after redaction, and what holds it back.

use super::*;
use crate::{
    redact::{Preset, Profile, ProfileSpec},
    rewrite::{self, redact_bundle},
    spool::Release,
    timestamp::Timestamp,
};

const LINE: &str = r#"{"userId":"ada","m":"ada@contoso.example ?sig=abc"}"#;

fn member(scene: &Scene, bundle: &std::path::Path, name: &str) -> String {
    let out = scene.path("unpacked");
    fs::remove_dir_all(&out).unwrap_or_default();
    let file = fs::File::open(bundle).unwrap();
    tar::Archive::new(zstd::Decoder::new(file).unwrap())
        .unpack(&out)
        .unwrap();
    fs::read_to_string(out.join(name)).unwrap()
}

#[test]
fn lines_are_redacted_and_the_manifest_counts() {
    let scene = Scene::with(|_| format!("{LINE}\n"));
    let sealed = scene.seal().unwrap();
    let log = member(
        &scene,
        sealed.path.as_deref().unwrap(),
        "logs/default/odd.json.log",
    );
    assert_eq!(
        log,
        "{\"userId\":\"[user-1]\",\"m\":\"[mail-1] ?sig=[redacted]\"}\n".repeat(5)
    );
    let verified = verify(sealed.path.as_deref().unwrap()).unwrap();
    assert_eq!(verified.findings, [""; 0]);
    let manifest = verified.manifest.unwrap();
    assert_eq!(manifest.redaction.profile, "share");
    assert_eq!(manifest.redaction.counts["secrets.sas-signatures"], 10);
    assert_eq!(manifest.hashes.redactors, scene.profile.sha256());
    let again = Scene::with(|_| format!("{LINE}\n"));
    again.seal().unwrap();
    assert_eq!(again.delivered(), scene.delivered());
}

#[test]
fn a_raw_bundle_is_redacted_later_to_the_same_bytes_each_time() {
    let mut scene = Scene::with(|_| format!("{LINE}\n"));
    scene.profile = Profile::raw().unwrap();
    let sealed = scene.seal().unwrap();
    assert!(
        member(
            &scene,
            sealed.path.as_deref().unwrap(),
            "logs/default/odd.json.log"
        )
        .contains("sig=abc")
    );
    let share = Profile::share().unwrap();
    let (first, second) = (scene.path("first.tar.zst"), scene.path("second.tar.zst"));
    let report = redact_bundle(sealed.path.as_deref().unwrap(), &first, &share).unwrap();
    redact_bundle(sealed.path.as_deref().unwrap(), &second, &share).unwrap();
    assert_eq!(fs::read(&first).unwrap(), fs::read(&second).unwrap());
    assert_eq!(
        (report.profile.as_str(), report.counts["mails"]),
        ("share", 10)
    );
    let verified = verify(&first).unwrap();
    assert_eq!(verified.findings, [""; 0]);
    assert_eq!(verified.manifest.unwrap().id, scene.id);
    assert!(!member(&scene, &first, "logs/default/even.json.log").contains("ada"));
    // Twice is once, but for what the manifest counts.
    let third = scene.path("third.tar.zst");
    redact_bundle(&first, &third, &share).unwrap();
    assert_eq!(fs::read(&third).unwrap(), fs::read(&first).unwrap());
    assert!(matches!(
        redact_bundle(&first, &third, &share),
        Err(rewrite::Error::Taken(_))
    ));
    fs::write(sealed.path.as_deref().unwrap(), "x").unwrap();
    let error = redact_bundle(
        sealed.path.as_deref().unwrap(),
        &scene.path("fourth"),
        &share,
    )
    .unwrap_err();
    assert!(matches!(error, rewrite::Error::NotIntact { .. }), "{error}");
}

/// Only mails are replaced, so that the scan finds the secret in the request's own texts.
fn held() -> Scene {
    let mut scene = Scene::with(|second| format!("{{\"second\":{second}}}\n"));
    let spec = ProfileSpec {
        name: "mails".into(),
        presets: [Preset::Mails].into(),
        redactors: Vec::new(),
        is_scanned: true,
    };
    scene.profile = Profile::compile(spec, None).unwrap();
    scene
}

/// Puts a sealed bundle with a secret in its place, as if redaction had overlooked it.
fn smuggle(scene: &Scene) -> (Spool, SealedFacts) {
    while scene.spool().request(&scene.id).unwrap().state != State::Sealed {
        scene.step();
    }
    let sealed = files(&scene.path("work/sealed")).remove(0);
    let entries = vec![
        Entry {
            path: MANIFEST.into(),
            content: Content::Bytes(crate::verify::manifest_bytes(&sealed).unwrap()),
        },
        Entry {
            path: "logs/a.log".into(),
            content: Content::Bytes(b"fine\nhttps://x/?sig=abc\n".to_vec()),
        },
    ];
    let packed = pack(
        entries,
        scene.format,
        0,
        sealed.parent().unwrap(),
        &scene.id,
    )
    .unwrap();
    let facts = SealedFacts {
        sha256: packed.sha256,
        size: packed.size,
        ..scene.spool().request(&scene.id).unwrap().sealed.unwrap()
    };
    let mut spool = scene.spool();
    spool
        .advance(&scene.id, State::Collecting, &Note::default())
        .unwrap();
    spool.set_sealed(&scene.id, &facts).unwrap();
    (spool, facts)
}

#[test]
fn a_secret_in_the_result_holds_the_bundle_until_it_is_released() {
    let scene = held();
    let (mut spool, facts) = smuggle(&scene);
    let Outcome::Held(cause) = scene.outcome(&scene.id).unwrap() else {
        panic!()
    };
    assert_eq!(
        cause,
        "secret found: a secret is in `logs/a.log`, line 2, after redaction (secrets.sas-signatures)"
    );
    let row = spool.request(&scene.id).unwrap();
    assert_eq!((row.state, row.cause), (State::Held, Some(cause.clone())));
    assert_eq!(scene.outcome(&scene.id).unwrap(), Outcome::Held(cause));

    let by_ada = Release {
        reason: "a made-up key".into(),
        by: Some("ada (uid 1000)".into()),
        at: Timestamp::from_micros(7),
    };
    release(&mut spool, &scene.id, &by_ada).unwrap();
    let error = release(&mut spool, &scene.id, &by_ada).unwrap_err();
    assert!(
        matches!(
            error,
            Error::NotHeld {
                state: State::Delivering,
                ..
            }
        ),
        "{error}"
    );
    let path = deliver_released(
        &mut spool,
        &scene.id,
        &scene.path("work"),
        &scene.path("bundles"),
    )
    .unwrap();
    assert_eq!(disk::measure(&path).unwrap().1, facts.sha256);
    let beside = path.with_file_name(format!("{}.summary.json", scene.id));
    let beside = std::fs::read_to_string(beside).unwrap();
    assert!(beside.contains(&facts.sha256), "{beside}");
    let history = spool.history().unwrap();
    assert_eq!(
        (history[0].state, history[0].released.as_ref()),
        (State::Delivered, Some(&by_ada))
    );
}

#[test]
fn a_zip_archive_is_redacted_scanned_held_and_redacted_again() {
    let mut scene = held();
    scene.format = Format::Zip;
    let (mut spool, facts) = smuggle(&scene);
    let outcome = scene.outcome(&scene.id).unwrap();
    assert!(matches!(outcome, Outcome::Held(_)), "{outcome:?}");
    assert_eq!(facts.path, format!("{}.zip", scene.id));
    let by = Release {
        reason: "x".into(),
        by: None,
        at: Timestamp::from_micros(7),
    };
    release(&mut spool, &scene.id, &by).unwrap();
    let (work, dest) = (scene.path("work"), scene.path("bundles"));
    let path = deliver_released(&mut spool, &scene.id, &work, &dest).unwrap();
    assert_eq!(disk::measure(&path).unwrap().1, facts.sha256);
    assert!(fs::read(&path).unwrap().starts_with(b"PK\x03\x04"));

    let mut scene = Scene::with(|_| format!("{LINE}\n"));
    scene.format = Format::Zip;
    scene.profile = Profile::raw().unwrap();
    let raw = scene.seal().unwrap().path.unwrap();
    let share = Profile::share().unwrap();
    assert!(find_secret(&raw, &share).unwrap().is_some());
    // The name of the result says what it is to be; without one it stays what it was.
    for (name, is_zip) in [("a.zip", true), ("b", true), ("c.tar.zst", false)] {
        let out = scene.path(name);
        redact_bundle(&raw, &out, &share).unwrap();
        assert_eq!(verify(&out).unwrap().findings, [""; 0], "{name}");
        assert_eq!(find_secret(&out, &share).unwrap(), None);
        let bytes = fs::read(&out).unwrap();
        assert_eq!(bytes.starts_with(b"PK\x03\x04"), is_zip, "{name}");
    }
    let again = scene.path("d.zip");
    redact_bundle(&raw, &again, &share).unwrap();
    assert_eq!(
        fs::read(again).unwrap(),
        fs::read(scene.path("a.zip")).unwrap()
    );
}

#[test]
fn a_bundle_that_cannot_be_searched_does_not_leave() {
    let scene = held();
    while scene.spool().request(&scene.id).unwrap().state != State::Sealed {
        scene.step();
    }
    // Intact by its hash, but no archive.
    let sealed = files(&scene.path("work/sealed")).remove(0);
    std::fs::write(&sealed, "no archive https://x/?sig=abc").unwrap();
    let (size, sha256) = disk::measure(&sealed).unwrap();
    let mut spool = scene.spool();
    let facts = SealedFacts {
        sha256,
        size,
        ..spool.request(&scene.id).unwrap().sealed.unwrap()
    };
    spool
        .advance(&scene.id, State::Collecting, &Note::default())
        .unwrap();
    spool.set_sealed(&scene.id, &facts).unwrap();
    let error = scene.outcome(&scene.id).unwrap_err();
    assert!(matches!(error, Error::Disk(_)), "{error}");
    assert_eq!(spool.request(&scene.id).unwrap().state, State::Sealed);
    assert!(!scene.path("bundles").exists() || files(&scene.path("bundles")).is_empty());
}
