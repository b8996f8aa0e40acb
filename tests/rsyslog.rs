//! A real rsyslog, through its `omprog`, while tripline is killed again and again.
//!
//! Where there is no `rsyslogd`, this says so and passes, unless `TRIPLINE_REQUIRE_ALL` is set.

#![expect(clippy::print_stderr, reason = "whoever runs the test reads it")]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tripline_bundle::recorder::Reader;
use tripline_bundle::spool::{Spool, State};

/// How many messages rsyslog gets.
const MESSAGES: usize = 100_000;

/// How many of them ask for a bundle: no more than an hour may have.
const TRIGGERS: usize = 4;

/// How often tripline is killed.
const KILLS: usize = 5;

/// Long enough for anything that will happen at all.
const SOON: Duration = Duration::from_secs(300);

/// Dropped, it is killed.
struct Rsyslog(Child);

impl Drop for Rsyslog {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn has_rsyslog() -> bool {
    let found = Command::new("rsyslogd")
        .arg("-v")
        .stdout(Stdio::null())
        .status();
    if found.is_ok() {
        return true;
    }
    let is_needed = std::env::var_os("TRIPLINE_REQUIRE_ALL").is_some();
    assert!(
        !is_needed,
        "TRIPLINE_REQUIRE_ALL is set, and there is no rsyslogd"
    );
    eprintln!("skipped: there is no rsyslogd");
    false
}

/// Every line of the recorder and how often it is there, as far as it can be read while it is written.
fn recorded(state: &Path) -> BTreeMap<String, usize> {
    let mut lines = BTreeMap::new();
    let Ok((reader, _)) = Reader::open(state) else {
        return lines;
    };
    for batch in reader.read_from(None).map_while(Result::ok) {
        for line in String::from_utf8_lossy(&batch.lines).lines() {
            *lines.entry(line.to_owned()).or_default() += 1;
        }
    }
    lines
}

#[test]
fn every_message_is_recorded_though_tripline_is_killed() {
    if !has_rsyslog() {
        return;
    }
    let folder = tempfile::TempDir::new().unwrap();
    let path = |name: &str| folder.path().join(name);
    let state = path("state");
    let config = format!(
        "[run]\nstate = '{}'\nseal_delay = '0s'\n[recorder]\nmin_free_bytes = '0 B'\nmin_free_percent = 0\n\
         [http]\nlisten = '127.0.0.1:0'\n\
         [proactive]\nenabled = true\n\
         consent = {{ by = 'Anna', date = '2026-11-24', text_version = 1 }}\n[[source]]\nkind = 'omprog'\nname = 'rsyslog'\n",
        state.display()
    );
    fs::write(path("tripline.toml"), config).unwrap();
    // omprog gives no environment; and its process is to be killed by its number.
    let program = format!(
        "#!/bin/sh\necho $$ > {pid}\nexec {tripline} run --config {config} 2>> {log}\n",
        pid = path("pid").display(),
        tripline = env!("CARGO_BIN_EXE_tripline"),
        config = path("tripline.toml").display(),
        log = path("tripline.log").display(),
    );
    fs::write(path("program"), program).unwrap();
    fs::set_permissions(path("program"), fs::Permissions::from_mode(0o755)).unwrap();
    fs::create_dir(path("work")).unwrap();
    let rsyslog = format!(
        "global(workDirectory=\"{work}\")\nmodule(load=\"imfile\")\nmodule(load=\"omprog\")\n\
         template(name=\"raw\" type=\"string\" string=\"%msg%\\n\")\n\
         input(type=\"imfile\" File=\"{input}\" Tag=\"t\" Ruleset=\"r\")\n\
         ruleset(name=\"r\") {{ action(type=\"omprog\" binary=\"{program}\" template=\"raw\" \
         confirmMessages=\"on\" confirmTimeout=\"60000\" useTransactions=\"on\" \
         action.resumeRetryCount=\"-1\" action.resumeInterval=\"1\" queue.type=\"LinkedList\" \
         queue.size=\"200000\" queue.workerThreads=\"1\" queue.dequeueBatchSize=\"500\") }}\n",
        work = path("work").display(),
        input = path("in.log").display(),
        program = path("program").display(),
    );
    fs::write(path("rsyslog.conf"), rsyslog).unwrap();
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    // Their windows are complete already, and they are not too old.
    let at = i64::try_from(since.unwrap().as_micros()).unwrap() - 15 * 60_000_000;
    let at = tripline_core::time::format_time(at);
    let message = |number: usize| match number % (MESSAGES / TRIGGERS) {
        0 => format!(
            "{{\"time\":\"{at}\",\"resourceId\":\"/SUBSCRIPTIONS/S/RESOURCEGROUPS/R/PROVIDERS/\
             MICROSOFT.SIGNALRSERVICE/SIGNALR/N{number}\",\"category\":\"AllLogs\",\
             \"operationName\":\"ConnectionAborted\",\"level\":\"Warning\",\"properties\":\
             {{\"collection\":\"Throttling\",\"message\":\"Connection count reaches limit.\"}}}}"
        ),
        _ => format!("{{\"time\":\"{at}\",\"n\":{number}}}"),
    };
    let input: String = (0..MESSAGES).map(|number| message(number) + "\n").collect();
    fs::write(path("in.log"), input).unwrap();
    let child = Command::new("rsyslogd")
        .arg("-n")
        .arg("-f")
        .arg(path("rsyslog.conf"))
        .arg("-i")
        .arg(path("rsyslog.pid"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let _rsyslog = Rsyslog(child);
    let deadline = Instant::now() + SOON;
    let mut kills = 0;
    loop {
        let count = recorded(&state).len();
        if count >= MESSAGES {
            break;
        }
        let log = || fs::read_to_string(path("tripline.log")).unwrap_or_default();
        assert!(
            Instant::now() < deadline,
            "{count} recorded, {kills} kills: {}",
            log()
        );
        if kills < KILLS && count > kills * MESSAGES / (KILLS + 1) {
            let pid = fs::read_to_string(path("pid")).unwrap();
            let killed = Command::new("kill")
                .args(["-9", pid.trim()])
                .status()
                .unwrap();
            kills += usize::from(killed.success());
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(kills, KILLS);
    let lines = recorded(&state);
    for number in 0..MESSAGES {
        assert!(
            lines.contains_key(&message(number)),
            "message {number} is lost"
        );
    }
    // Every bundle exactly once, though lines came again.
    let bundles = || {
        let files = fs::read_dir(state.join("bundles")).into_iter().flatten();
        let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.ends_with(".tar.zst")).count()
    };
    let spool = Spool::open_read_only(&state).unwrap();
    let states = || -> Vec<State> {
        let rows = spool.requests().unwrap();
        rows.iter().map(|row| row.state).collect()
    };
    // A bundle lies in its folder a moment before the spool knows.
    while states() != [State::Delivered; TRIGGERS] {
        assert!(Instant::now() < deadline, "{:?}", states());
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(bundles(), TRIGGERS);
    let repeated = lines.values().filter(|count| **count > 1).count();
    eprintln!(
        "{} messages recorded, {repeated} of them more than once",
        lines.len()
    );
}
