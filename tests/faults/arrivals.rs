//! kill -9 between recording, judging and committing a batch of a live pipeline, which has a time of
//! arrival: what is decided after the crash is what would have been decided then.

use std::io::Read as _;

use tripline_bundle::failpoint;
use tripline_bundle::spool::State;

use super::*;

const SECOND: i64 = 1_000_000;

/// How old a trigger may be: a day before the test is run, all of them are too old.
const MAX_TRIGGER_AGE: i64 = 3_600 * SECOND;

/// When a batch arrives: a minute apart from ten on.
fn arrival(number: usize) -> Option<i64> {
    let minutes = i64::try_from(number).unwrap();
    Some((1_772_445_600 + minutes * 60) * SECOND)
}

fn open_live(state: &Path) -> (Pipeline, Reopened) {
    open_with(
        state,
        PipelineOptions {
            max_trigger_age: Some(MAX_TRIGGER_AGE),
            ..options()
        },
    )
}

/// Sends the batches from a number on.
fn send(pipeline: &mut Pipeline, from: usize) {
    for (number, batch) in batches().iter().enumerate().skip(from) {
        pipeline.process(batch, arrival(number)).unwrap();
    }
}

/// Not a test of its own: what the killed child does.
#[test]
#[ignore = "run as a child by the test below"]
fn feed_live() {
    let Some(state) = std::env::var_os(STATE) else {
        return;
    };
    let (mut pipeline, _) = open_live(Path::new(&state));
    send(&mut pipeline, 0);
}

#[test]
fn kill_9_between_record_and_commit_decides_as_if_nothing_had_happened() {
    let folder = TempDir::new().unwrap();
    let (mut pipeline, _) = open_live(folder.path());
    send(&mut pipeline, 0);
    let states = |pipeline: &mut Pipeline| -> Vec<(String, State, Option<String>)> {
        let rows = pipeline.parts().1.history().unwrap();
        rows.into_iter()
            .map(|row| (row.id, row.state, row.cause))
            .collect()
    };
    let (expected, expected_states) = (account(&mut pipeline), states(&mut pipeline));
    // By the clock of the machine every trigger is stale; by its arrival none is.
    let accepted = |(_, state, _): &&(String, State, Option<String>)| *state == State::Requested;
    assert!(
        expected_states.iter().filter(accepted).count() >= 1,
        "{expected_states:?}"
    );
    let total = batches().len();
    for place in failpoint::OF_A_BATCH {
        for number in [1, 2, total / 3, total / 2 + 4, total - 1, total] {
            let folder = TempDir::new().unwrap();
            let mut child = Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "arrivals::feed_live", "--ignored"])
                .args(["--nocapture", "--test-threads", "1"])
                .env(STATE, folder.path())
                .env(failpoint::VARIABLE, format!("{place}:{number}"))
                .stdout(Stdio::null())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap();
            let mut errors = BufReader::new(child.stderr.take().unwrap());
            let mut line = String::new();
            errors.read_line(&mut line).unwrap();
            if line != format!("failpoint {place}\n") {
                errors.read_to_string(&mut line).unwrap();
                panic!("{place}:{number}: {line}");
            }
            child.kill().unwrap(); // SIGKILL
            child.wait().unwrap();
            let (mut pipeline, reopened) = open_live(folder.path());
            assert_eq!(
                (reopened.committed, reopened.damaged.len()),
                (1, 0),
                "{place}:{number}: {reopened:?}"
            );
            // Nobody told the sender about that batch.
            send(&mut pipeline, number - 1);
            assert_eq!(account(&mut pipeline), expected, "{place}:{number}");
            assert_eq!(states(&mut pipeline), expected_states, "{place}:{number}");
        }
    }
}
