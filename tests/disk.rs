//! A disk that is full at any write: a clear state, nothing lost, and it goes on when there is room.
//!
//! Two layers fill it. A small tmpfs in a mount namespace of the user's own leaves less and less room, so
//! that the system itself refuses; it needs `unshare`. The injected one makes the process's own n-th change
//! fail, one after the other, and runs everywhere. Which ones ran is said on standard error.

#![cfg(unix)]
#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]
#![expect(clippy::print_stderr, reason = "the test says which layer ran")]

#[path = "collect/scene.rs"]
#[expect(dead_code, reason = "the scenarios of collections use all of it")]
mod scene;
mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use scene::{Scene, names, record};
use serde_json::Value;
use support::signalr;
use tempfile::TempDir;
use tripline_bundle::failpoint;

/// What is to fill the disk.
#[derive(Debug, Clone, Copy)]
enum Layer {
    /// So many KiB are free on a tmpfs.
    Tmpfs(u64),
    /// The change of that number fails, and all after it that need room.
    Injected(u64),
    /// Nothing.
    Undisturbed,
}

/// How much room there is in the beginning, and how much more each time, in KiB.
const STEP_KIB: u64 = 12;

/// So much is always enough.
const MOST_KIB: u64 = 8 << 10;

/// `$1` is the folder of the disk, `$2` what is on it in the beginning, `$3` the KiB to leave free or none,
/// `$4` the number of the change to fail or none, `$5` where the results go, `$6` tripline, and the rest
/// are the commands: the one that meets the full disk, and the one that goes on when there is room.
const SCRIPT: &str = r#"
disk=$1 seed=$2 kib=$3 change=$4 out=$5 tripline=$6 first=$7 second=$8
if [ -n "$kib" ]; then
    mount -t tmpfs -o size=32m tripline "$disk" || exit 99
fi
cp -r "$seed/." "$disk/" && mkdir "$disk/tmp" && cd "$disk" || exit 98
export TMPDIR="$disk/tmp"
if [ -n "$kib" ]; then
    free=$(df -Pk . | awk 'NR == 2 { print $4 }')
    head -c $(( (free - kib) * 1024 )) /dev/zero > filler
fi
TRIPLINE_DISK_FULL_AT=$change
[ -n "$change" ] && export TRIPLINE_DISK_FULL_AT
eval "\"$tripline\" $first" > "$out/first" 2> "$out/first.err"; echo $? > "$out/first.code"
unset TRIPLINE_DISK_FULL_AT
if [ -d state ]; then
    "$tripline" history state --json > "$out/full.json" 2> /dev/null
    "$tripline" recorder verify state > "$out/full.verify" 2>&1; echo $? > "$out/full.verify.code"
fi
rm -f filler
eval "\"$tripline\" $second" > "$out/second" 2> "$out/second.err"; echo $? > "$out/second.code"
if [ -d state ]; then
    "$tripline" history state --json > "$out/after.json" 2> "$out/after.err"
    "$tripline" recorder verify state > "$out/after.verify" 2>&1; echo $? > "$out/after.verify.code"
    (cd state && ls work/sealed work/collecting) > "$out/left" 2> /dev/null
fi
cp -r share result "$out/" 2> /dev/null
exit 0
"#;

/// What the commands left behind.
struct Ran {
    out: TempDir,
    _disk: TempDir,
}

// === impl Ran ===

impl Ran {
    fn on(layer: Layer, seed: &Path, first: &str, second: &str) -> Self {
        let (out, disk) = (TempDir::new().unwrap(), TempDir::new().unwrap());
        let mut command = match layer {
            Layer::Tmpfs(_) => {
                let mut command = Command::new("unshare");
                command.args(["-rm", "sh"]);
                command
            }
            _ => Command::new("sh"),
        };
        let (kib, change) = match layer {
            Layer::Tmpfs(kib) => (kib.to_string(), String::new()),
            Layer::Injected(change) => (String::new(), change.to_string()),
            Layer::Undisturbed => Default::default(),
        };
        let status = command
            .args(["-c", SCRIPT, "sh"])
            .args([disk.path(), seed])
            .args([kib, change])
            .arg(out.path())
            .args([env!("CARGO_BIN_EXE_tripline"), first, second])
            .env_remove("TRIPLINE_STATE")
            .env_remove("TZ")
            .stdin(Stdio::null())
            .status()
            .unwrap();
        assert!(status.success(), "{layer:?}: {status}");
        Self { out, _disk: disk }
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.out.path().join(name)).unwrap_or_default()
    }

    fn code(&self, name: &str) -> i32 {
        self.text(name).trim().parse().unwrap()
    }

    fn rows(&self, name: &str) -> Vec<Value> {
        serde_json::from_str(&self.text(name)).unwrap_or_default()
    }

    /// Files of a folder that was copied out, by name.
    fn files(&self, folder: &str) -> BTreeMap<String, Vec<u8>> {
        let folder = self.out.path().join(folder);
        names(&folder)
            .into_iter()
            .filter_map(|name| Some((name.clone(), fs::read(folder.join(name)).ok()?)))
            .collect()
    }
}

/// Whether a user may mount a tmpfs here.
fn can_mount() -> bool {
    let folder = TempDir::new().unwrap();
    let mount = "mount -t tmpfs -o size=64k tripline \"$1\"";
    let tried = Command::new("unshare")
        .args(["-rm", "sh", "-c", mount, "sh"])
        .arg(folder.path())
        .stderr(Stdio::null())
        .status();
    let can = tried.is_ok_and(|status| status.success());
    if !can {
        assert!(
            std::env::var_os("TRIPLINE_REQUIRE_ALL").is_none(),
            "TRIPLINE_REQUIRE_ALL is set, and no tmpfs can be mounted with `unshare -rm`"
        );
    }
    can
}

/// Calls `at` with less and less trouble, until it answers that nothing failed.
fn walk(what: &str, at: &mut dyn FnMut(Layer) -> bool) {
    if can_mount() {
        let mut rooms = (0..MOST_KIB).step_by(usize::try_from(STEP_KIB).unwrap());
        let enough = rooms.find(|kib| at(Layer::Tmpfs(*kib)));
        let enough = enough.unwrap_or_else(|| panic!("{what}: {MOST_KIB} KiB are not enough"));
        eprintln!("{what}: a tmpfs with less room was full at some write; {enough} KiB are enough");
        assert!(enough > 0, "it was never full");
    } else {
        eprintln!("{what}: no tmpfs can be mounted here, only the injected layer ran");
    }
    let enough = (0..1_000).find(|change| at(Layer::Injected(*change)));
    let enough = enough.unwrap_or_else(|| panic!("{what}: some change was never reached"));
    eprintln!("{what}: the injected layer failed at each of {enough} changes");
    assert!(enough > 10, "{enough}");
}

#[test]
fn a_collection_is_held_and_goes_on() {
    let scene = Scene::empty();
    let mut recorder = scene.recorder();
    for minute in 0..3 {
        let seconds: Vec<_> = (0..30).map(|n| minute * 60 + n * 2).collect();
        record(&mut recorder, "hour", None, &seconds);
    }
    drop(recorder);
    let seed = scene.state().parent().unwrap().to_owned();
    let ask = "collect --json --state state --config tripline.toml --output-share-path share \
               --from 2026-03-02T10:00:00Z --to 2026-03-02T10:02:59Z";
    let resume = "collect --json --state state --config tripline.toml --resume";
    let bundles = |ran: &Ran| {
        let mut files = ran.files("share");
        files.retain(|name, _| name.ends_with(".tar.zst"));
        files
    };
    let expected = bundles(&Ran::on(Layer::Undisturbed, &seed, ask, resume));
    assert_eq!(expected.len(), 1);
    let mut causes = BTreeMap::<String, u32>::new();
    walk("collect", &mut |layer| {
        let ran = Ran::on(layer, &seed, ask, resume);
        let (code, errors) = (ran.code("first.code"), ran.text("first.err"));
        // A clear state.
        let full = ran.rows("full.json");
        if code != 0 {
            assert_eq!(code, 3, "{layer:?}: {errors}");
            assert!(
                errors.contains("space") || errors.contains("full"),
                "{layer:?}: {errors}"
            );
            let cause = full.first().map_or("not asked", |row| {
                row["cause"]
                    .as_str()
                    .unwrap_or("its state could not be written")
            });
            *causes.entry(cause.to_owned()).or_default() += 1;
        }
        assert_eq!(ran.code("full.verify.code"), 0, "{layer:?}");
        // Recovery: what was asked for is there, once, and nothing else.
        let (code, text) = (ran.code("second.code"), ran.text("second.err"));
        assert_eq!(code, 0, "{layer:?}: {text}{}", ran.text("second"));
        assert_eq!(ran.code("after.verify.code"), 0, "{layer:?}");
        let after = ran.rows("after.json");
        assert!(after.len() <= 1, "{layer:?}: {after:?}");
        for row in &after {
            assert_eq!(row["state"], "delivered", "{layer:?}: {row}");
            assert_eq!(row["status"], "Succeeded", "{layer:?}: {row}");
            assert_eq!(bundles(&ran), expected, "{layer:?}");
            let expected_files = [".summary.json", ".tar.zst"]
                .map(|ending| format!("{}{ending}", row["id"].as_str().unwrap()));
            let files: Vec<_> = ran.files("share").into_keys().collect();
            assert_eq!(files, expected_files, "{layer:?}");
        }
        let left = ran.text("left");
        assert!(!left.contains(".tar.zst"), "{layer:?}: {left}");
        if after.is_empty() {
            assert_eq!(bundles(&ran).len(), 0, "{layer:?}: nobody knows of it");
        }
        ran.code("first.code") == 0
    });
    eprintln!("collect: {causes:?}");
    for cause in ["disk full", "not asked"] {
        assert!(causes.contains_key(cause), "{causes:?}");
    }
}

#[test]
fn a_replay_says_so_and_can_be_run_again() {
    let seed = TempDir::new().unwrap();
    let line = |second| signalr(second, "A", "ConnectionAborted", "Connection ping timeout") + "\n";
    fs::write(
        seed.path().join("in.ndjson"),
        (0..60).map(line).collect::<String>(),
    )
    .unwrap();
    let replay = "replay in.ndjson --out result";
    let undisturbed = Ran::on(Layer::Undisturbed, seed.path(), replay, replay);
    let bundles = undisturbed.files("result/bundles");
    assert_eq!(bundles.len(), 2, "a bundle and its summary");
    walk("replay", &mut |layer| {
        let ran = Ran::on(layer, seed.path(), replay, replay);
        let (code, errors) = (ran.code("first.code"), ran.text("first.err"));
        if code != 0 {
            assert_eq!(code, 3, "{layer:?}: {errors}{}", ran.text("first"));
            assert!(
                errors.contains("space") || errors.contains("full"),
                "{layer:?}: {errors}"
            );
        }
        let text = ran.text("second.err");
        assert_eq!(ran.code("second.code"), 0, "{layer:?}: {text}");
        assert_eq!(ran.files("result/bundles"), bundles, "{layer:?}");
        assert!(ran.files("result").contains_key("summary.json"));
        code == 0
    });
    assert_eq!(failpoint::DISK_FULL, "TRIPLINE_DISK_FULL_AT");
}
