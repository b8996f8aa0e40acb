use std::fs;

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::{
    manifest::{FORMAT_VERSION, LossAccount, Scope, Span, Versions, Window},
    pack::{Content, Entry, pack},
    redact::Report,
    spool::Kind,
    timestamp::Timestamp,
};

/// A member and its content.
type Named<'a> = (&'a str, &'a [u8]);

fn manifest(members: Vec<Member>) -> Manifest {
    Manifest {
        format_version: FORMAT_VERSION,
        id: "id".into(),
        kind: Kind::Proactive,
        rule: "r".into(),
        group: "g".into(),
        at: Timestamp::from_micros(5),
        severity: "error".into(),
        title: None,
        advice: None,
        evidence: serde_json::Value::Null,
        folded: 0,
        window: Window {
            asked: Span::from_micros(0, 1_700_000_000_000_000),
            got: None,
        },
        scope: Scope::All,
        members,
        cuts: Vec::new(),
        loss: LossAccount::default(),
        gaps: Vec::new(),
        hashes: Default::default(),
        versions: Versions {
            tripline: env!("CARGO_PKG_VERSION").into(),
            plugin: "1".into(),
        },
        replays: Default::default(),
        redaction: Report {
            profile: "raw".into(),
            ..Report::default()
        },
        missing: Vec::new(),
    }
}

fn entry(path: &str, content: &[u8]) -> Entry {
    Entry {
        path: path.into(),
        content: Content::Bytes(content.to_vec()),
    }
}

fn member(path: &str, content: &[u8]) -> Member {
    let mut hashing = Hashing::new(content);
    io::copy(&mut hashing, &mut io::sink()).unwrap();
    Member {
        path: path.into(),
        bytes: hashing.bytes,
        lines: None,
        sha256: hashing.sha256(),
    }
}

/// Packs `files` with a manifest that lists `listed`, and reads the bundle back.
fn bundle(listed: &[Named<'_>], files: &[Named<'_>]) -> Vec<u8> {
    let manifest = manifest(
        listed
            .iter()
            .map(|(path, bytes)| member(path, bytes))
            .collect(),
    );
    bundle_of(&manifest, files)
}

fn bundle_of(manifest: &Manifest, files: &[Named<'_>]) -> Vec<u8> {
    packed_as(Format::TarZst, manifest, files)
}

fn packed_as(format: Format, manifest: &Manifest, files: &[Named<'_>]) -> Vec<u8> {
    let dir = TempDir::new().unwrap();
    let mut entries = vec![entry(MANIFEST, &manifest.to_json().unwrap())];
    entries.extend(files.iter().map(|(path, bytes)| entry(path, bytes)));
    let packed = pack(entries, format, manifest.mtime(), dir.path(), "id").unwrap();
    fs::read(packed.path).unwrap()
}

fn findings(bytes: &[u8], limits: &Limits) -> Vec<String> {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("b.tar.zst");
    fs::write(&path, bytes).unwrap();
    let verified = verify_with(&path, limits).unwrap();
    assert_eq!(verified.size, bytes.len() as u64);
    assert_eq!(verified.is_intact(), verified.findings.is_empty());
    verified.findings
}

fn assert_finding(bytes: &[u8], part: &str) {
    let findings = findings(bytes, &Limits::default());
    assert!(
        findings.iter().any(|finding| finding.contains(part)),
        "{findings:?}"
    );
}

/// Numbers that look random and are the same each time.
fn noise(count: usize) -> Vec<u64> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    (0..count)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state
        })
        .collect()
}

#[test]
fn any_flipped_byte_of_a_small_bundle_is_found() {
    let files: [Named<'_>; 2] = [("logs/a.log", b"one\ntwo\n"), ("report.html", b"<p>")];
    let whole = bundle(&files, &files);
    assert_eq!(findings(&whole, &Limits::default()), [""; 0]);
    for at in 0..whole.len() {
        for mask in [0x01, 0x80, 0xff] {
            let mut bytes = whole.clone();
            bytes[at] ^= mask;
            assert_ne!(
                findings(&bytes, &Limits::default()),
                [""; 0],
                "{mask:x} at {at}"
            );
        }
    }
}

#[test]
fn any_flipped_byte_of_a_zip_archive_is_found() {
    let files: [Named<'_>; 2] = [("logs/a.log", b"one\ntwo\n"), ("report.html", b"<p>")];
    let listed = files.iter().map(|(path, bytes)| member(path, bytes));
    let whole = packed_as(Format::Zip, &manifest(listed.collect()), &files);
    assert_eq!(findings(&whole, &Limits::default()), [""; 0]);
    for at in 0..whole.len() {
        for mask in [0x01, 0x80] {
            let mut bytes = whole.clone();
            bytes[at] ^= mask;
            assert_ne!(findings(&bytes, &Limits::default()), [""; 0], "{at}");
        }
    }
    for len in 0..whole.len() {
        assert_ne!(
            findings(&whole[..len], &Limits::default()),
            [""; 0],
            "{len}"
        );
    }
    let before = [b"PK\x03\x04", &whole[..]].concat();
    assert_ne!(findings(&before, &Limits::default()), [""; 0]);
    assert_ne!(
        findings(&[&whole[..], b"x"].concat(), &Limits::default()),
        [""; 0]
    );
}

#[test]
fn a_zip_archive_has_the_limits_of_the_other_and_opens() {
    let (a, b): (Named<'_>, Named<'_>) = (("logs/a.log", &[b'7'; 5000]), ("b", b"2"));
    let manifest = manifest(vec![member(a.0, a.1), member(b.0, b.1)]);
    let bundle = packed_as(Format::Zip, &manifest, &[a, b]);
    let json = manifest.to_json().unwrap().len() as u64;
    let at = Limits {
        unpacked_bytes: json + 5001,
        members: 2,
        manifest_bytes: json,
    };
    assert_eq!(findings(&bundle, &at), [""; 0]);
    for below in [
        Limits {
            unpacked_bytes: at.unpacked_bytes - 1,
            ..at
        },
        Limits { members: 1, ..at },
        Limits {
            manifest_bytes: at.manifest_bytes - 1,
            ..at
        },
    ] {
        assert_ne!(findings(&bundle, &below), [""; 0], "{below:?}");
    }
    let (dir, manifest) = opened(&bundle);
    assert_eq!(manifest.unwrap().id, "id");
    let found = fs::read(dir.path().join("deep/out/logs/a.log"));
    assert_eq!(found.unwrap(), a.1);
    let only_a = packed_as(Format::Zip, &self::manifest(vec![member(b.0, b.1)]), &[a]);
    assert_finding(&only_a, "`b` is missing");
    assert_finding(&only_a, "`logs/a.log` is not in the manifest");
}

#[test]
fn flipped_bytes_of_a_large_bundle_are_found() {
    let mut log = Vec::new();
    for number in noise(9_000) {
        log.extend(format!("{number:016x}\n").bytes());
    }
    let files: [Named<'_>; 1] = [("logs/a.log", &log)];
    let whole = bundle(&files, &files);
    // More than one block of zstd's.
    assert!(log.len() > 128 << 10 && whole.len() > 64 << 10);
    assert_eq!(findings(&whole, &Limits::default()), [""; 0]);
    for number in noise(300) {
        let mut bytes = whole.clone();
        bytes[number as usize % whole.len()] ^= 1 << (number >> 60 & 7);
        assert_ne!(findings(&bytes, &Limits::default()), [""; 0], "{number}");
    }
}

#[test]
fn a_bundle_cut_short_or_gone_on_with_is_found() {
    let files: [Named<'_>; 1] = [("logs/a.log", b"one\n")];
    let whole = bundle(&files, &files);
    for len in 0..whole.len() {
        assert_ne!(
            findings(&whole[..len], &Limits::default()),
            [""; 0],
            "{len}"
        );
    }
    assert_finding(&[&whole[..], b"x"].concat(), "1 bytes follow the end");
    assert_finding(&[&whole[..], &whole].concat(), "bytes follow the end");
}

#[test]
fn members_that_do_not_fit_the_manifest_are_named() {
    let (a, b): (Named<'_>, Named<'_>) = (("a", b"1"), ("b", b"2"));
    assert_finding(&bundle(&[a, b], &[a]), "`b` is missing");
    assert_finding(&bundle(&[a], &[a, b]), "`b` is not in the manifest");
    assert_finding(&bundle(&[a], &[("a", b"2")]), "`a` was changed");
    assert_finding(
        &bundle(&[a], &[("a", b"12")]),
        "`a` has 2 bytes instead of 1",
    );
    assert_finding(&bundle(&[a], &[a, a]), "`a` is not in the manifest");
}

#[test]
fn what_another_tar_makes_of_the_same_members_is_found() {
    let manifest = manifest(vec![member("a", b"1")]).to_json().unwrap();
    let repack = |mode: u32, kind: tar::EntryType, first: &str| {
        let mut tar = tar::Builder::new(Vec::new());
        for (path, content) in [(first, &manifest[..]), ("a", b"1")] {
            let mut header = tar::Header::new_ustar();
            header.set_size(content.len() as u64);
            header.set_mode(if path == "a" { mode } else { 0o644 });
            header.set_mtime(1_700_000_000);
            header.set_entry_type(if path == "a" {
                kind
            } else {
                tar::EntryType::Regular
            });
            tar.append_data(&mut header, path, content).unwrap();
        }
        let mut zstd = zstd::Encoder::new(Vec::new(), 3).unwrap();
        zstd.include_checksum(true).unwrap();
        io::Write::write_all(&mut zstd, &tar.into_inner().unwrap()).unwrap();
        zstd.finish().unwrap()
    };
    let same = repack(0o644, tar::EntryType::Regular, MANIFEST);
    let by_us = findings(&same, &Limits::default());
    assert!(by_us.is_empty() || by_us[0].contains("not what packing them gives"));
    assert_finding(
        &repack(0o755, tar::EntryType::Regular, MANIFEST),
        "not what packing them",
    );
    assert_finding(
        &repack(0o644, tar::EntryType::Symlink, MANIFEST),
        "`a` is no plain file",
    );
    assert_finding(
        &repack(0o644, tar::EntryType::Regular, "x"),
        "first member is not manifest",
    );
}

#[test]
fn limits_hold_at_their_value_and_not_below() {
    let (a, b): (Named<'_>, Named<'_>) = (("a", &[7; 5000]), ("b", b"2"));
    let bundle = bundle(&[a, b], &[a, b]);
    let unpacked = zstd::decode_all(&bundle[..]).unwrap().len() as u64;
    let manifest = manifest(vec![member(a.0, a.1), member(b.0, b.1)])
        .to_json()
        .unwrap();
    let at = Limits {
        unpacked_bytes: unpacked,
        members: 2,
        manifest_bytes: manifest.len() as u64,
    };
    assert_eq!(findings(&bundle, &at), [""; 0]);
    for below in [
        Limits {
            unpacked_bytes: at.unpacked_bytes - 1,
            ..at
        },
        Limits { members: 1, ..at },
        Limits {
            manifest_bytes: at.manifest_bytes - 1,
            ..at
        },
    ] {
        assert_ne!(findings(&bundle, &below), [""; 0], "{below:?}");
    }
}

#[test]
fn a_bundle_of_another_version_is_checked_as_far_as_that_goes() {
    let mut manifest = manifest(vec![member("a", b"1")]);
    manifest.versions.tripline = "0.0.1".into();
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("b.tar.zst");
    fs::write(&path, bundle_of(&manifest, &[("a", b"1")])).unwrap();
    let verified = verify(&path).unwrap();
    assert!(verified.is_intact());
    assert!(verified.notes[0].contains("packed by tripline 0.0.1"));

    manifest.format_version = 2;
    assert_finding(&bundle_of(&manifest, &[("a", b"1")]), "format version 2");
}

#[test]
fn a_listing_goes_on_after_a_bad_file() {
    let dir = TempDir::new().unwrap();
    fs::write(dir.path().join("b.tar.zst"), bundle(&[], &[])).unwrap();
    fs::write(dir.path().join("a.tar.zst"), "rubbish").unwrap();
    fs::write(dir.path().join("c.tar.zst.partial"), "unfinished").unwrap();
    let zip = packed_as(Format::Zip, &manifest(Vec::new()), &[]);
    fs::write(dir.path().join("d.zip"), &zip).unwrap();
    let listing = list(dir.path()).unwrap();
    assert_eq!((listing.bundles.len(), listing.unreadable.len()), (2, 1));
    assert_eq!(listing.bundles[1].size, zip.len() as u64);
    assert_eq!(
        (&*listing.bundles[0].id, listing.bundles[0].lines),
        ("id", 0)
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_bytes_are_findings_and_no_panic(raw: Vec<u8>, tar: Vec<u8>) {
        prop_assert_ne!(findings(&raw, &Limits::default()), [""; 0]);
        let compressed = zstd::encode_all(&tar[..], 3).unwrap();
        prop_assert_ne!(findings(&compressed, &Limits::default()), [""; 0]);
    }
}

/// Opens bytes as a bundle into a new folder.
fn opened(bytes: &[u8]) -> (TempDir, Result<Manifest, OpenError>) {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("b.tar.zst");
    fs::write(&path, bytes).unwrap();
    let result = open(&path, &dir.path().join("deep/out"));
    (dir, result)
}

#[test]
fn an_intact_bundle_opens_with_its_bytes() {
    let files: [Named<'_>; 2] = [("logs/r/a.log", b"one\n"), ("report.html", b"<p>")];
    let (dir, result) = opened(&bundle(&files, &files));
    let manifest = result.unwrap();
    let out = dir.path().join("deep/out");
    for (path, content) in files {
        assert_eq!(fs::read(out.join(path)).unwrap(), content);
    }
    assert_eq!(
        fs::read(out.join(MANIFEST)).unwrap(),
        manifest.to_json().unwrap()
    );
    // Nothing else stays there, and what is there is not written over.
    assert_eq!(fs::read_dir(dir.path().join("deep")).unwrap().count(), 1);
    let again = open(&dir.path().join("b.tar.zst"), &out).unwrap_err();
    assert!(matches!(again, OpenError::Taken(_)), "{again}");
}

#[test]
fn what_is_damaged_or_would_land_elsewhere_is_not_opened() {
    let files: [Named<'_>; 1] = [("logs/a.log", b"one\n")];
    let mut damaged = bundle(&files, &files);
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    let (dir, result) = opened(&damaged);
    assert!(matches!(result, Err(OpenError::NotIntact { .. })));
    assert!(!dir.path().join("deep").exists());

    // Our own packer refuses such paths, so this tar is written by hand; it still does not verify, and
    // if it did, the path would stop it.
    let evil = [("../evil", &b"x"[..])];
    let manifest = manifest(vec![member(evil[0].0, evil[0].1)])
        .to_json()
        .unwrap();
    let mut tar = tar::Builder::new(Vec::new());
    for (path, content) in [(MANIFEST, &manifest[..]), evil[0]] {
        let mut header = tar::Header::new_ustar();
        header.as_mut_bytes()[..path.len()].copy_from_slice(path.as_bytes());
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(1_700_000_000);
        header.set_cksum();
        tar.append(&header, content).unwrap();
    }
    let (dir, result) = opened(&zstd::encode_all(&tar.into_inner().unwrap()[..], 3).unwrap());
    assert!(result.is_err());
    assert!(!dir.path().join("evil").exists() && !dir.path().join("deep").exists());
}
