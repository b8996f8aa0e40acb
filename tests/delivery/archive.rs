//! An archive of resource logs in the real emulator, as it grows, comes late and is written anew.

use std::collections::BTreeMap;
use std::path::Path;

use tripline_bundle::failpoint;
use tripline_bundle::recorder::Reader;

use crate::azure::azurite::Azurite;
use crate::ground::{Ground, eventually, exchange, now};
use crate::support::signalr;

/// Every line that the recorder has, in order.
pub(crate) fn recorded(state: &Path) -> Vec<String> {
    let Ok((reader, survey)) = Reader::open(state) else {
        return Vec::new();
    };
    assert!(survey.damaged.is_empty(), "{:?}", survey.damaged);
    let mut lines = Vec::new();
    let mut from = None;
    while let Some(batch) = reader.read_next(from).unwrap() {
        let text = String::from_utf8(batch.lines).unwrap();
        lines.extend(text.lines().map(str::to_owned));
        from = Some(batch.next);
    }
    lines
}

/// A container with archives.
struct Archive<'a>(&'a Azurite);

impl Archive<'_> {
    /// The name of the blob of an hour, so many before this one.
    fn name(resource: &str, ago: i64) -> String {
        let time = chrono::DateTime::from_timestamp(now() - ago * 3_600, 0).unwrap();
        let hour = time.format("y=%Y/m=%m/d=%d/h=%H/m=00");
        format!(
            "resourceId=/SUBSCRIPTIONS/S/RESOURCEGROUPS/G/PROVIDERS/MICROSOFT.SIGNALRSERVICE/SIGNALR/{resource}/{hour}/PT1H.json"
        )
    }

    /// A new blob to append to.
    fn make(&self, name: &str) {
        self.put(name, "", "AppendBlob", Vec::new());
    }

    fn append(&self, name: &str, bytes: &str) {
        self.put(name, "comp=appendblock&", "", bytes.into());
    }

    /// A blob as a whole, in place of what is there.
    fn write(&self, name: &str, bytes: &str) {
        self.put(name, "", "BlockBlob", bytes.into());
    }

    fn put(&self, name: &str, query: &str, kind: &str, body: Vec<u8>) {
        let sas = self.0.sas("racwl");
        let (container, signature) = sas.split_once('?').unwrap();
        let url = format!("{container}/{name}?{query}{signature}");
        let (status, answer) = exchange(|client| {
            let request = client.put(url).header("x-ms-version", "2022-11-02");
            let request = match kind {
                "" => request,
                kind => request.header("x-ms-blob-type", kind),
            };
            request.header("content-length", body.len()).body(body)
        });
        assert_eq!(status, 201, "{}", String::from_utf8_lossy(&answer));
    }
}

/// Records that all differ: those of a name, from a number on.
fn records(name: &str, from: usize, count: usize) -> Vec<String> {
    (from..from + count)
        .map(|number| {
            let second = now() - 1_772_445_600 - 600;
            let message = format!("Connection started. {name} {number}.");
            signalr(second, name, "ConnectionStarted", &message)
        })
        .collect()
}

/// Whether exactly these lines are recorded, each once; not yet if some are missing.
fn is_all(state: &Path, wanted: &[String]) -> Option<()> {
    let recorded = recorded(state);
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for line in &recorded {
        *counts.entry(line).or_default() += 1;
    }
    let twice = counts.iter().find(|(_, count)| **count > 1);
    assert_eq!(twice, None, "recorded twice");
    for line in &recorded {
        assert!(wanted.contains(line), "never written: {line}");
    }
    (recorded.len() == wanted.len()).then_some(())
}

fn config(ground: &Ground, azurite: &Azurite) -> String {
    let sas = ground.keep("archive", &azurite.sas("rl"));
    format!(
        "[[source]]\nkind = 'archive'\nname = 'hubs'\nsas_file = '{sas}'\nbackfill = true\nevery = '10s'\n"
    )
}

#[test]
fn an_archive_that_grows_comes_late_and_is_written_anew_is_read_once() {
    let Some(azurite) = Azurite::start() else {
        return;
    };
    let (archive, ground) = (Archive(&azurite), Ground::new());
    let (grows, anew) = (Archive::name("GROWS", 0), Archive::name("ANEW", 0));
    let mut wanted = records("GROWS", 0, 100);
    archive.make(&grows);
    archive.append(&grows, &(wanted.join("\n") + "\n"));
    // Half of a line: it is held back.
    let cut = records("GROWS", 100, 1).remove(0);
    let (begin, end) = cut.split_at(cut.len() / 2);
    archive.append(&grows, begin);
    let mut whole = records("ANEW", 0, 3);
    archive.write(&anew, &format!("{{\"records\":[{}]}}", whole.join(",")));
    wanted.extend(whole.clone());
    let service = ground.run(&config(&ground, &azurite));
    eventually("what was there", || is_all(&service.state, &wanted));
    // The rest of it, and more; the other one has a record more, and is written as a whole.
    let more = records("GROWS", 101, 100);
    archive.append(&grows, &format!("{end}\n"));
    archive.append(&grows, &(more.join("\n") + "\n"));
    wanted.push(cut.clone());
    wanted.extend(more);
    whole.extend(records("ANEW", 3, 2));
    archive.write(&anew, &format!("{{\"records\":[{}]}}", whole.join(",")));
    wanted.extend(records("ANEW", 3, 2));
    eventually("what was added", || is_all(&service.state, &wanted));
    // An hour that comes late.
    let late = Archive::name("GROWS", 1);
    let of_late = records("LATE", 0, 50);
    archive.make(&late);
    archive.append(&late, &(of_late.join("\n") + "\n"));
    wanted.extend(of_late);
    eventually("the late hour", || is_all(&service.state, &wanted));
    let (code, _, said) = service.terminate();
    assert_eq!(code, Some(0), "{said:#?}");
}

#[test]
fn killed_on_the_way_nothing_of_an_archive_is_lost_or_read_twice() {
    let Some(azurite) = Azurite::start() else {
        return;
    };
    let (archive, ground) = (Archive(&azurite), Ground::new());
    let name = Archive::name("GROWS", 0);
    archive.make(&name);
    let anew = Archive::name("ANEW", 0);
    let config = config(&ground, &azurite);
    let (mut wanted, mut whole) = (Vec::new(), Vec::new());
    // Whenever it is killed the blob has grown by the next start, so that batches end elsewhere.
    let places = [
        failpoint::RECORDED.to_owned(),
        failpoint::JUDGED.to_owned(),
        format!("{}:2", failpoint::RECORDED),
        format!("{}:2", failpoint::JUDGED),
    ];
    for (number, place) in places.iter().enumerate() {
        let lines = records("GROWS", number * 1_000, 700);
        archive.append(&name, &(lines.join("\n") + "\n"));
        wanted.extend(lines);
        let mut service = ground.run_to(&config, place);
        service.reaches(place.split(':').next().unwrap());
        service.kill();
        let lines = records("GROWS", number * 1_000 + 700, 300);
        archive.append(&name, &(lines.join("\n") + "\n"));
        wanted.extend(lines);
        // So has a blob that is written as a whole.
        whole.extend(records("ANEW", number * 10, 3));
        archive.write(&anew, &format!("{{\"records\":[{}]}}", whole.join(",")));
    }
    wanted.extend(whole);
    let service = ground.run(&config);
    eventually("all of it", || is_all(&service.state, &wanted));
    let (code, _, said) = service.terminate();
    assert_eq!(code, Some(0), "{said:#?}");
    assert_eq!(is_all(&ground.path("state"), &wanted), Some(()));
}
