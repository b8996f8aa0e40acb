//! Discovery over folders made for the test, and archives good and bad.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use flate2::write::GzEncoder;
use tempfile::TempDir;

use super::*;

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn zstd(text: &[u8]) -> Vec<u8> {
    zstd::encode_all(text, 0).unwrap()
}

fn folder(files: &[(&str, &[u8])]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
    folder
}

fn sources(inputs: &Inputs) -> Vec<&str> {
    inputs
        .inputs
        .iter()
        .map(|input| input.source.as_str())
        .collect()
}

fn message(inputs: &[PathBuf]) -> String {
    discover(inputs).unwrap_err().to_string()
}

/// What can be read of the bytes, and the error at the end if there is one.
fn read(bytes: &[u8], named: Compression) -> (Vec<u8>, Option<std::io::Error>) {
    let mut opened =
        super::open::decompressed(std::io::Cursor::new(bytes.to_vec()), named).unwrap();
    let mut text = Vec::new();
    let mut part = [0; 1000];
    loop {
        match opened.read(&mut part) {
            Ok(0) => {
                assert_eq!(opened.consumed(), bytes.len() as u64);
                return (text, None);
            }
            Ok(length) => text.extend_from_slice(&part[..length]),
            Err(error) => return (text, Some(error)),
        }
    }
}

#[test]
fn a_folder_gives_its_logs_in_bytewise_order() {
    let folder = folder(&[
        ("b.log", b"12"),
        ("B.LOG.GZ", b"1"),
        ("a/y=2026/PT1H.json", b"123"),
        ("a-b/x.ndjson", b""),
        ("a.csv.zst", b""),
        ("x.txt", b""),
        ("x.jsonl", b""),
        ("SOURCES.md", b""),
        ("rotated.log.1", b""),
        ("only.gz", b""),
        (".hidden.log", b""),
        ("a/.git/x.log", b""),
    ]);
    let inputs = discover(&[folder.path().to_owned()]).unwrap();
    let expected = [
        "B.LOG.GZ",
        "a-b/x.ndjson",
        "a.csv.zst",
        "a/y=2026/PT1H.json",
        "b.log",
        "x.jsonl",
        "x.txt",
    ];
    assert_eq!(sources(&inputs), expected);
    assert_eq!(
        inputs.skipped,
        [
            ".hidden.log",
            "SOURCES.md",
            "a/.git/",
            "only.gz",
            "rotated.log.1"
        ]
    );
    assert_eq!(inputs.total_bytes, 6);
    let compressions: Vec<Compression> = inputs
        .inputs
        .iter()
        .take(4)
        .map(|input| input.compression)
        .collect();
    use Compression::{Gzip, Plain, Zstd};
    assert_eq!(compressions, [Gzip, Plain, Zstd, Plain]);
}

#[test]
fn the_name_says_what_is_csv() {
    let folder = folder(&[
        ("a.csv", b""),
        ("b.CSV.gz", b""),
        ("c.csv.zst", b""),
        ("d.json", b""),
        ("e.csv.txt", b""),
        ("f.json.gz", b""),
    ]);
    let mut inputs = discover(&[folder.path().to_owned()]).unwrap().inputs;
    inputs.extend(
        discover(&["-".into(), folder.path().join("a.csv")])
            .unwrap()
            .inputs,
    );
    let formats: Vec<bool> = inputs
        .iter()
        .map(|input| input.format == Format::Csv)
        .collect();
    assert_eq!(
        formats,
        [true, true, true, false, false, false, false, true]
    );
}

#[test]
fn a_file_has_any_name_and_names_are_kept_apart() {
    let folder = folder(&[("x/a.dat", b"1"), ("y/a.dat", b"22"), ("z/a.dat#2", b"")]);
    let path = |name: &str| folder.path().join(name);
    let named = [
        path("z/a.dat#2"),
        path("x/a.dat"),
        "-".into(),
        path("y/a.dat"),
        path("y/a.dat"),
    ];
    let inputs = discover(&named).unwrap();
    assert_eq!(
        sources(&inputs),
        ["a.dat#2", "a.dat", "stdin", "a.dat#3", "a.dat#4"]
    );
    assert_eq!(inputs.inputs[2].origin, Origin::Stdin);
    assert_eq!(inputs.total_bytes, 5);
}

#[cfg(unix)]
#[test]
fn links_to_files_are_followed_and_links_to_folders_are_not() {
    use std::os::unix::fs::symlink;
    let folder = folder(&[("a/x.log", b"123")]);
    let path = |name: &str| folder.path().join(name);
    symlink(path("a"), path("loop.log")).unwrap();
    symlink(path("a/x.log"), path("link.log")).unwrap();
    symlink(path("gone"), path("gone.log")).unwrap();
    let inputs = discover(&[folder.path().to_owned()]).unwrap();
    assert_eq!(sources(&inputs), ["a/x.log", "link.log"]);
    assert_eq!(inputs.skipped, ["gone.log", "loop.log"]);
    assert_eq!(inputs.total_bytes, 6);
}

#[test]
fn errors_say_what_why_and_what_next() {
    let empty = folder(&[]);
    let docs = folder(&[
        ("a.md", b""),
        ("b", b""),
        ("c", b""),
        ("d", b""),
        ("e", b""),
        ("f", b""),
    ]);
    let missing = message(&[empty.path().join("gone.json")]);
    assert!(
        missing.contains("gone.json`: no such file or folder (hint: "),
        "{missing}"
    );
    let none = message(&[empty.path().to_owned()]);
    assert!(
        none.contains("no logs in this folder; it is empty (hint: logs end in .json"),
        "{none}"
    );
    let skipped = message(&[docs.path().to_owned()]);
    assert!(
        skipped.contains("skipped `a.md`, `b`, `c`, `d`, `e` and 1 more (hint: "),
        "{skipped}"
    );
    assert_eq!(
        message(&["https://x.blob.core.windows.net/logs?sig=secret".into()]),
        "cannot read input `https://x.blob.core.windows.net/logs`: archive URLs are not read by this \
         version (hint: download the blobs and name the folder)"
    );
    assert!(message(&["-".into(), "-".into()]).contains("named twice"));
    let below_a_file = message(&[Path::new(file!()).join("x")]);
    assert!(
        below_a_file.starts_with("cannot read input `"),
        "{below_a_file}"
    );
}

#[test]
fn the_first_bytes_say_how_a_source_is_compressed() {
    let text = b"{\"a\":1}\n".repeat(1000);
    use Compression::{Gzip, Plain, Zstd};
    for named in [Plain, Gzip, Zstd] {
        for bytes in [text.clone(), gzip(&text), zstd(&text)] {
            let (read, error) = read(&bytes, named);
            assert!(error.is_none() && read == text);
        }
        assert_eq!(read(b"", named).0, b"");
    }
    // Several members and frames, a skippable frame first.
    let twice = text.repeat(2);
    assert_eq!(read(&[gzip(&text), gzip(&text)].concat(), Gzip).0, twice);
    assert_eq!(read(&[zstd(&text), zstd(&text)].concat(), Zstd).0, twice);
    let skippable = b"\x50\x2a\x4d\x18\x02\0\0\0xx".to_vec();
    assert_eq!(read(&[skippable, zstd(&text)].concat(), Plain).0, text);
    // Neither what its name says nor text.
    let error = super::open::decompressed(&b"\0\x01\x02"[..], Gzip).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidData);
    assert_eq!(read(b"\0\x01\x02", Plain).0, b"\0\x01\x02");
}

/// The text in UTF-16, with its byte order mark.
fn utf_16(text: &str, order: impl Fn(u16) -> [u8; 2]) -> Vec<u8> {
    let units = std::iter::once(0xfeff).chain(text.encode_utf16());
    units.flat_map(order).collect()
}

#[test]
fn utf_16_is_read_as_utf_8() {
    let text = "{\"a\":\"ä€😀\"}\r\n".repeat(5_000);
    let half = [
        0xff, 0xfe, b'a', 0, 0x3d, 0xd8, b'b', 0, 0x00, 0xde, b'c', 0, b'd',
    ];
    use Compression::{Gzip, Plain, Zstd};
    for order in [u16::to_le_bytes, u16::to_be_bytes] {
        let bytes = utf_16(&text, order);
        for packed in [bytes.clone(), gzip(&bytes), zstd(&bytes)] {
            for named in [Plain, Gzip, Zstd] {
                let (read, error) = read(&packed, named);
                assert!(error.is_none() && read == text.as_bytes());
            }
        }
        assert_eq!(read(&utf_16("", order), Plain).0, b"");
    }
    let (read, _) = read(&half, Plain);
    assert_eq!(read, "a\u{fffd}b\u{fffd}c\u{fffd}".as_bytes());
}

#[test]
fn other_text_passes_as_it_is() {
    for bytes in [
        &b"\xef\xbb\xbfa\xff\xfe\n"[..],
        b"\xef\xbb",
        b"\xff",
        b"\xfe",
        b"a\0b\0",
        b"a",
        b"ab\xff\xfe",
    ] {
        assert_eq!(read(bytes, Compression::Plain).0, bytes);
    }
}

#[test]
fn a_source_is_opened_by_its_input() {
    let folder = folder(&[("x.log.gz", &gzip(b"text"))]);
    let inputs = discover(&[folder.path().to_owned()]).unwrap();
    let mut text = String::new();
    let mut opened = open(&inputs.inputs[0]).unwrap();
    opened.read_to_string(&mut text).unwrap();
    assert_eq!(
        (text.as_str(), opened.consumed()),
        ("text", inputs.total_bytes)
    );
    std::fs::remove_file(folder.path().join("x.log.gz")).unwrap();
    assert!(open(&inputs.inputs[0]).is_err());
}

#[test]
fn the_good_part_of_a_bad_archive_is_read() {
    // Noise, so that the archive is no shorter than the text.
    let mut state = 1_u32;
    let noise = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    let text: Vec<u8> = (0..400_000).map(noise).collect();
    for bytes in [gzip(&text), zstd(&text)] {
        let (part, error) = read(&bytes[..bytes.len() / 2], Compression::Plain);
        assert!(error.is_some(), "cut");
        assert!(
            part.len() > 100_000 && text.starts_with(&part),
            "{} bytes",
            part.len()
        );
    }
    let followed = [gzip(&text), b"garbage".to_vec()].concat();
    let (part, error) = read(&followed, Compression::Gzip);
    assert!(error.is_some() && part == text);
}

#[test]
fn a_bomb_is_unpacked_only_as_far_as_it_is_read() {
    let bomb = gzip(&vec![b' '; 256 << 20]);
    let size = bomb.len() as u64;
    let mut opened =
        super::open::decompressed(std::io::Cursor::new(bomb), Compression::Plain).unwrap();
    let mut part = vec![0; 100_000];
    opened.read_exact(&mut part).unwrap();
    assert!(
        opened.consumed() < size / 2,
        "{} of {size}",
        opened.consumed()
    );
}
