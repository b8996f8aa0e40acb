use tokio::io::{
    AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, DuplexStream, ReadHalf, WriteHalf, split,
};
use tokio::task::JoinHandle;

use super::*;
use crate::sources::testing::Pipeline;

/// rsyslog, as far as a program sees it.
struct Rsyslog {
    input: WriteHalf<DuplexStream>,
    output: BufReader<ReadHalf<DuplexStream>>,
    program: JoinHandle<Result<Ended, String>>,
}

impl Rsyslog {
    fn start(pipeline: &Pipeline) -> Self {
        let (ours, theirs) = tokio::io::duplex(1 << 16);
        let (output, input) = split(ours);
        let (their_input, their_output) = split(theirs);
        let settings = OmprogSettings {
            name: "rsyslog".to_owned(),
            begin_mark: "BEGIN TRANSACTION".to_owned(),
            commit_mark: "COMMIT TRANSACTION".to_owned(),
            longest_commit: Duration::from_millis(800),
        };
        let program = tokio::spawn(run(settings, pipeline.begin(), their_input, their_output));
        Self {
            input,
            output: BufReader::new(output),
            program,
        }
    }

    async fn send(&mut self, line: &str) {
        self.input
            .write_all(format!("{line}\n").as_bytes())
            .await
            .unwrap();
    }

    async fn answer(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).await.unwrap();
        line.trim_end().to_owned()
    }

    async fn ask(&mut self, line: &str) -> String {
        self.send(line).await;
        self.answer().await
    }

    async fn kill(self) {
        self.program.abort();
        self.program.await.unwrap_err();
    }

    async fn close(mut self) -> Result<Ended, String> {
        self.input.shutdown().await.unwrap();
        self.program.await.unwrap()
    }
}

#[tokio::test]
async fn a_transaction_is_durable_when_its_commit_is_confirmed() {
    let pipeline = Pipeline::start();
    let mut rsyslog = Rsyslog::start(&pipeline);
    assert_eq!(rsyslog.answer().await, "OK");
    for round in 1..=2 {
        assert_eq!(rsyslog.ask("BEGIN TRANSACTION").await, "OK");
        assert_eq!(
            rsyslog.ask(&format!("{{\"n\":{round}")).await,
            "DEFER_COMMIT"
        );
        assert_eq!(rsyslog.ask("{\"a\":1}").await, "DEFER_COMMIT");
        assert_eq!(pipeline.taken().lines().len(), 2 * (round - 1));
        assert_eq!(rsyslog.ask("COMMIT TRANSACTION").await, "OK");
        assert_eq!(pipeline.taken().lines().len(), 2 * round);
    }
    assert_eq!(rsyslog.close().await, Ok(Ended::Finished));
    // A message that breaks off swallows none that follows.
    assert_eq!(
        pipeline.taken().lines(),
        ["{\"n\":1", "{\"a\":1}", "{\"n\":2", "{\"a\":1}"]
    );
}

#[tokio::test]
async fn without_transactions_each_message_is() {
    let pipeline = Pipeline::start();
    let mut rsyslog = Rsyslog::start(&pipeline);
    assert_eq!(rsyslog.answer().await, "OK");
    for (number, message) in ["one", "", "two"].into_iter().enumerate() {
        assert_eq!(rsyslog.ask(message).await, "OK", "{number}");
    }
    assert_eq!(pipeline.taken().lines(), ["one", "two"]);
}

#[tokio::test]
async fn messages_of_a_transaction_that_was_cut_short_are_not_lost() {
    let pipeline = Pipeline::start();
    let mut rsyslog = Rsyslog::start(&pipeline);
    rsyslog.answer().await;
    rsyslog.ask("BEGIN TRANSACTION").await;
    assert_eq!(rsyslog.ask("first").await, "DEFER_COMMIT");
    assert_eq!(rsyslog.ask("second").await, "DEFER_COMMIT");
    rsyslog.kill().await;
    assert_eq!(pipeline.taken().lines(), [""; 0]);
    let mut rsyslog = Rsyslog::start(&pipeline);
    assert_eq!(rsyslog.answer().await, "OK");
    assert_eq!(pipeline.taken().lines(), ["first", "second"]);
    // One that rsyslog itself breaks off.
    rsyslog.ask("BEGIN TRANSACTION").await;
    rsyslog.ask("third").await;
    assert_eq!(rsyslog.ask("BEGIN TRANSACTION").await, "OK");
    assert_eq!(pipeline.taken().lines(), ["first", "second", "third"]);
    rsyslog.ask("fourth").await;
    assert_eq!(rsyslog.close().await, Ok(Ended::Finished));
    let rsyslog = Rsyslog::start(&pipeline);
    assert_eq!(rsyslog.close().await, Ok(Ended::Finished));
    assert_eq!(
        pipeline.taken().lines(),
        ["first", "second", "third", "fourth"]
    );
}

#[tokio::test]
async fn a_commit_that_does_not_become_durable_is_an_error_after_a_while() {
    let pipeline = Pipeline::start();
    let mut rsyslog = Rsyslog::start(&pipeline);
    rsyslog.answer().await;
    rsyslog.ask("BEGIN TRANSACTION").await;
    rsyslog.ask("a").await;
    pipeline.refuse(u32::MAX);
    let answer = rsyslog.ask("COMMIT TRANSACTION").await;
    assert_eq!(answer.trim_start_matches('.'), "Error: the disk is full");
    assert!(answer.starts_with(".."), "{answer}");
    pipeline.refuse(2);
    rsyslog.ask("BEGIN TRANSACTION").await;
    rsyslog.ask("a").await;
    let answer = rsyslog.ask("COMMIT TRANSACTION").await;
    assert_eq!(answer.trim_start_matches('.'), "OK");
    assert_eq!(pipeline.taken().lines(), ["a"]);
}

#[tokio::test]
async fn a_message_is_read_up_to_the_bound_and_the_next_one_whole() {
    let pipeline = Pipeline::start();
    let mut rsyslog = Rsyslog::start(&pipeline);
    rsyslog.answer().await;
    assert_eq!(rsyslog.ask(&"x".repeat(MESSAGE_BYTES - 1)).await, "OK");
    assert_eq!(rsyslog.ask(&"y".repeat(3 * MESSAGE_BYTES)).await, "OK");
    assert_eq!(rsyslog.ask("z").await, "OK");
    let taken = pipeline.taken();
    let lines: Vec<usize> = taken.lines().iter().map(String::len).collect();
    assert_eq!(lines, [MESSAGE_BYTES - 1, 1]);
    let faults = taken
        .offers
        .iter()
        .flat_map(|offer| &offer.batches)
        .flat_map(|batch| &batch.faults);
    assert_eq!(
        faults
            .map(|fault| fault.reason.as_str())
            .collect::<Vec<_>>(),
        ["too-long"]
    );
}

#[tokio::test]
async fn a_large_transaction_is_offered_in_parts() {
    let pipeline = Pipeline::start();
    let mut rsyslog = Rsyslog::start(&pipeline);
    rsyslog.answer().await;
    rsyslog.ask("BEGIN TRANSACTION").await;
    let message = "m".repeat(MESSAGE_BYTES - 1);
    let count = TRANSACTION_BYTES / message.len();
    for number in 1..=count {
        assert_eq!(pipeline.taken().lines().len(), 0, "{number}");
        assert_eq!(rsyslog.ask(&message).await, "DEFER_COMMIT");
    }
    assert_eq!(pipeline.taken().lines().len(), count);
}
