//! Files that grow: found by patterns, followed through rotation, from where they were left.
//!
//! **Which file it is.** A file is told by its device and inode and by its first bytes (1,024, or as
//! many as it has). Where both hold it is the same, whatever it is called: `app.log` that became
//! `app.log.1` is read on there. Where the inode holds and the first bytes do not, or it is shorter than
//! what was read, it was truncated or written anew: it is a new file, and what was left of the old one is
//! looked for in a copy (`copytruncate`). A copy has the same first bytes, is at least as long, and has a
//! name that rotation gives: `app.log.1`, `app.log-20260302`, `app-20260302.log`, also with `.gz` or
//! `.zst`, which is how a file is found that was compressed while nobody looked. Until the file it was
//! copied from is truncated, a copy is not read. Two files that begin with the same 1,024 bytes, the one
//! named like a rotation of the other, are taken for one.
//!
//! **Where reading begins.** `read_from = "end"`: what is there at the very first start is followed from
//! its end, and so is later what was last written before that start, such as a file that could not be
//! read then. Everything else is read from its beginning. With `"beginning"` every file is. Compressed
//! files are only read as what became of a followed one, tables (`.csv`) never: they have a header.
//!
//! **The last line.** A line without its newline is held back until the newline comes. There is no time
//! after which it is taken half; a JSON value is complete with its bracket. It is taken without a newline
//! when the file was rotated away and nothing came for [`FINISH_LOOKS`] looks, or is no longer there; of a
//! file that was first seen under the name it has after a rotation, it is not.
//!
//! **What is stored.** A row for each file, `tail:<source>:<slot>`: path, inode, hash of the first bytes
//! and the place; it is committed with the lines. A slot is used again once its row is empty. The row
//! `tail:<source>` is written when everything found at the first start is stored, so that a start that
//! was cut short is one again. A file is read on for a while after it was rotated away, since its writer
//! may not know yet; after [`DROP_LOOKS`] looks without a new line it is forgotten.
//!
//! **Fairness.** Files have turns of 1 MiB; a file that took the place of a rotated one waits for that.
//!
//! Lost is what is truncated before it was read and has no copy, and a compressed file's last bytes if
//! nothing was in it when it was last seen. Where empty files are rotated, and their inodes used again
//! between two looks, lines may come twice or that last one be lost: tell logrotate `notifempty`.

mod find;
mod followed;
mod head;
mod tailer;
#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

use super::deliver::{deliver, judged, now};
use super::{Ended, Start};
use tailer::Tailer;

pub use followed::TURN_BYTES;
pub use head::HEAD_BYTES;

/// The most files that one source follows; the last written ones are.
pub const MOST_FILES: usize = 1_000;

/// The most files that stay open while nothing comes in them.
pub const MOST_OPEN: usize = 256;

/// How long to wait until files are looked at again.
pub const POLL: Duration = Duration::from_millis(500);

/// How long files are read at most until they are looked at again.
const LONGEST_ROUND: Duration = Duration::from_secs(2);

/// In how many looks nothing comes in a rotated file before its last line is taken without a newline.
pub const FINISH_LOOKS: u32 = 20;

/// In how many looks nothing comes in a rotated file before it is forgotten.
pub const DROP_LOOKS: u32 = 600;

/// Which files, and from where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TailSettings {
    /// The source's name, in rows and names of lines.
    pub name: String,
    /// Patterns of paths, with `*`, `?`, `[…]` and `**`.
    pub paths: Vec<String>,
    /// Where files are read from that are there at the very first start.
    pub read_from: ReadFrom,
}

/// Where reading begins.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ReadFrom {
    /// At what comes from now on.
    #[default]
    End,
    /// At the beginning.
    Beginning,
}

/// Follows files until the shutdown.
pub async fn run(settings: TailSettings, start: Start) -> Result<Ended, String> {
    let name = settings.name.clone();
    let Start {
        feed,
        cursors,
        shutdown,
        ..
    } = start;
    let mut tailer = Tailer::new(settings, &cursors, now());
    drop(cursors);
    loop {
        tailer = aside(tailer, |tailer| tailer.look()).await?.0;
        let looked = Instant::now();
        while looked.elapsed() < LONGEST_ROUND {
            let (back, ready) = aside(tailer, Tailer::next).await?;
            tailer = back;
            let Some(mut ready) = ready else {
                break;
            };
            let batches = std::mem::take(&mut ready.batches);
            let offer = judged(batches, Some(ready.cursor.clone()));
            if deliver(&feed, &name, offer, &shutdown).await.is_none() {
                return Ok(Ended::Stopped);
            }
            tailer.taken(&ready);
            if shutdown.is_cancelled() {
                return Ok(Ended::Stopped);
            }
        }
        tokio::select! {
            () = shutdown.cancelled() => return Ok(Ended::Stopped),
            () = tokio::time::sleep(POLL) => {}
        }
    }
}

/// Does on a thread for it what may block.
async fn aside<T: Send + 'static>(
    mut tailer: Tailer,
    what: impl FnOnce(&mut Tailer) -> T + Send + 'static,
) -> Result<(Tailer, T), String> {
    let done = tokio::task::spawn_blocking(move || {
        let answer = what(&mut tailer);
        (tailer, answer)
    });
    done.await
        .map_err(|error| format!("following files failed: {error}"))
}
