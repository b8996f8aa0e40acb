//! The whole way, from a line over HTTP to a blob of the real emulator; and kill -9 on it.

use std::fmt::Write as _;
use std::fs;

use serde_json::Value;
use tripline_bundle::failpoint;

use crate::azure::azurite::Azurite;
use crate::ground::{Ground, eventually, logs, pings, post, settled, sha256};
use crate::service::Service;

/// The only bundle there is the one that the history tells of.
fn is_whole(azurite: &Azurite, rows: &[Value]) -> Vec<u8> {
    let mut names = azurite.names();
    names.retain(|name| name.ends_with(".tar.zst"));
    assert_eq!(names.len(), 1, "{names:?}");
    let bytes = azurite.blob(&names[0]).unwrap();
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert_eq!(rows[0]["status"], "Succeeded", "{rows:?}");
    assert_eq!(rows[0]["sha256"], sha256(&bytes).as_str());
    assert_eq!(rows[0]["size"], bytes.len());
    let target = rows[0]["target"].as_str().unwrap().replace("%2F", "/");
    assert!(target.ends_with(&names[0]), "{target} {names:?}");
    bytes
}

#[test]
fn a_line_over_http_becomes_a_blob() {
    let Some(azurite) = Azurite::start() else {
        return;
    };
    let ground = Ground::new();
    let sas = ground.keep("sas", &azurite.sas("rcw"));
    let service = ground.run(&format!(
        "[azure]\nstart_jitter = '0s'\nsas_file = '{sas}'\n"
    ));
    let lines = pings("aaaa", "HUB", "anna@example.com", "");
    post(&service, "vector", &lines);
    let bytes = is_whole(&azurite, &settled(&service, 1));
    let logs = logs(&bytes);
    assert_eq!(logs.lines().count(), lines.len(), "{logs}");
    assert!(!logs.contains("anna@example.com"), "{logs}");
}

/// Hexadecimal digits without a pattern, which take half of their number in a bundle.
fn noise(seed: u64, bytes: usize) -> String {
    let mut state = (seed + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut noise = String::new();
    while noise.len() < bytes {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        write!(noise, "{state:016x} ").unwrap();
    }
    noise
}

/// One block at a time, so that it is known which are there.
fn azure(sas: &str) -> String {
    format!(
        "[azure]\nstart_jitter = '0s'\nsas_file = '{sas}'\nblock_bytes = '64KiB'\nconcurrency = 1\n\
         [redact]\nprofile = 'raw'\n"
    )
}

#[test]
fn killed_in_the_middle_of_an_upload_there_is_one_blob_with_the_right_bytes() {
    let Some(azurite) = Azurite::start() else {
        return;
    };
    azurite.wait_for_disk();
    let places = [
        format!("{}:3", failpoint::STAGED),
        failpoint::COMMITTING.to_owned(),
        failpoint::COMMITTED.to_owned(),
        failpoint::ARRIVED.to_owned(),
    ];
    let ground = Ground::new();
    let sas = ground.keep("sas", &azurite.sas("rcw"));
    let lines = pings("aaaa", "HUB", "anna", "@@").into_iter().zip(0..);
    let lines: Vec<_> = lines
        .map(|(line, seed)| line.replace("@@", &noise(seed, 80_000)))
        .collect();
    let mut sealed: Option<Vec<u8>> = None;
    for place in &places {
        // Each goes on where the one before was killed.
        let mut service = ground.run_to(&azure(&sas), place);
        if sealed.is_none() {
            post(&service, "vector", &lines);
        }
        service.reaches(place.split(':').next().unwrap());
        let row = &service.history()[0];
        assert_ne!(row["status"], "Succeeded", "{row}");
        let id = row["id"].as_str().unwrap();
        let file = service.state.join(format!("work/sealed/{id}.tar.zst"));
        let bytes = fs::read(file).unwrap();
        assert!(bytes.len() > 5 * (64 << 10), "{}", bytes.len());
        assert!(*sealed.get_or_insert_with(|| bytes.clone()) == bytes);
        service.kill();
    }
    let service: Service = ground.run(&azure(&sas));
    let rows = settled(&service, 1);
    assert!(is_whole(&azurite, &rows) == sealed.unwrap());
    eventually("the sealed file goes", || {
        let mut files = fs::read_dir(service.state.join("work/sealed")).unwrap();
        files.next().is_none().then_some(())
    });
}
