//! Standard input, to its end.
//!
//! What was read and not yet taken is lost with the process, as in any pipe; rsyslog's `omprog` has a
//! kind of its own, [`omprog`](super::omprog), that is not.

use tokio::io::{AsyncRead, AsyncReadExt as _};

use super::deliver::{deliver, judged};
use super::stream::{Committed, Place, Stream};
use super::{Ended, Start};

/// How many bytes are read at once, and offered at most.
const READ_BYTES: usize = 256 * 1024;

/// Offers what comes until there is no more. Lines go on as they come; one that is not complete waits.
///
/// # Errors
/// When the input cannot be read.
pub async fn run(
    name: &str,
    start: Start,
    mut input: impl AsyncRead + Unpin,
) -> Result<Ended, String> {
    let mut stream = Stream::at(
        &format!("stdin:{name}"),
        Place::default(),
        &Committed::default(),
    );
    let mut buffer = vec![0; READ_BYTES];
    loop {
        let read = tokio::select! {
            () = start.shutdown.cancelled() => return Ok(Ended::Stopped),
            read = input.read(&mut buffer) => read,
        };
        let read = read.map_err(|error| format!("cannot read standard input: {error}"))?;
        if read == 0 {
            stream.finish();
        } else {
            stream.push(buffer.get(..read).unwrap_or_default());
        }
        let batches = stream.take();
        if !batches.is_empty() {
            let offer = judged(batches, None);
            if deliver(&start.feed, name, offer, &start.shutdown)
                .await
                .is_none()
            {
                return Ok(Ended::Stopped);
            }
        }
        if read == 0 {
            return Ok(Ended::Finished);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sources::testing::Pipeline;

    #[tokio::test]
    async fn everything_is_offered_once_it_is_complete() {
        let pipeline = Pipeline::start();
        let (mut write, read) = tokio::io::duplex(64);
        let start = pipeline.begin();
        let running = tokio::spawn(async move { run("in", start, read).await });
        tokio::io::AsyncWriteExt::write_all(&mut write, b"one\n{\"two\":2}\nhalf")
            .await
            .unwrap();
        pipeline.until(|taken| taken.lines().len() == 2).await;
        pipeline.refuse(2);
        drop(write);
        assert_eq!(running.await.unwrap(), Ok(Ended::Finished));
        let taken = pipeline.taken();
        assert_eq!(taken.lines(), ["one", "{\"two\":2}", "half"]);
        assert_eq!(taken.offers[0].batches[0].source, "stdin:in");
        assert_eq!(
            (taken.refused, taken.offers.last().unwrap().is_judged),
            (2, true)
        );
    }

    #[tokio::test]
    async fn the_shutdown_ends_it() {
        let pipeline = Pipeline::start();
        let (_write, read) = tokio::io::duplex(64);
        let start = pipeline.begin();
        let shutdown = start.shutdown.clone();
        let running = tokio::spawn(async move { run("in", start, read).await });
        shutdown.cancel();
        assert_eq!(running.await.unwrap(), Ok(Ended::Stopped));
    }
}
