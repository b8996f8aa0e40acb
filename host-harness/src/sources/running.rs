//! All sources of a configuration, while they run.

use std::fs::File;
use std::os::fd::AsFd as _;
use std::time::Duration;

use tokio::task::JoinSet;
use tripline_bundle::azure::TransportOptions;

use super::alerts::{self, AlertsSettings};
use super::archive::{self, ArchiveSettings};
use super::omprog::{self, LONGEST_COMMIT, OmprogSettings};
use super::tail::{self, TailSettings};
use super::{Ended, Start, container, stdin};
use crate::config::{SourceKind, SourceSettings};

/// The tasks of the sources.
#[derive(Debug)]
pub struct Running {
    tasks: JoinSet<(String, Result<Ended, String>)>,
}

// === impl Running ===

impl Running {
    /// Starts every source, each as a task of this runtime. `transport` is how storage accounts are reached.
    #[must_use]
    pub fn start(sources: &[SourceSettings], start: &Start, transport: &TransportOptions) -> Self {
        let mut tasks = JoinSet::new();
        for source in sources {
            let (source, start) = (source.clone(), start.clone());
            let transport = transport.clone();
            tasks.spawn(async move {
                let name = source.name.clone();
                tracing::info!(source.name = name, "source started");
                (name, run(source, start, &transport).await)
            });
        }
        Self { tasks }
    }

    /// Waits until the next source ends, and says which and why; `None` when none runs any more. A source
    /// ends by itself at the end of standard input only, and by a fault that does not pass.
    pub async fn next(&mut self) -> Option<(String, Result<Ended, String>)> {
        let ended = self.tasks.join_next().await?;
        Some(match ended {
            Ok((name, ended)) => {
                match &ended {
                    Ok(ended) => tracing::info!(source.name = name, ?ended, "source ended"),
                    Err(why) => tracing::error!(source.name = name, %why, "source failed"),
                }
                (name, ended)
            }
            Err(error) => (String::new(), Err(format!("a source broke off: {error}"))),
        })
    }

    /// Waits until all have ended, after the shutdown was told; those that have not by then are cut off.
    pub async fn drain(mut self, limit: Duration) {
        let all = async { while self.next().await.is_some() {} };
        if tokio::time::timeout(limit, all).await.is_err() {
            tracing::warn!(?limit, "sources did not end in time");
        }
    }
}

async fn run(
    source: SourceSettings,
    start: Start,
    transport: &TransportOptions,
) -> Result<Ended, String> {
    let name = source.name;
    match source.kind {
        SourceKind::Tail { paths, read_from } => {
            let settings = TailSettings {
                name,
                paths,
                read_from,
            };
            tail::run(settings, start).await
        }
        SourceKind::Stdin => stdin::run(&name, start, input()?).await,
        SourceKind::Omprog {
            begin_mark,
            commit_mark,
        } => {
            let settings = OmprogSettings {
                name,
                begin_mark,
                commit_mark,
                longest_commit: LONGEST_COMMIT,
            };
            omprog::run(settings, start, input()?, output()?).await
        }
        SourceKind::Archive {
            sas_file,
            backfill,
            every,
        } => {
            let blobs = container::open(&sas_file, transport)?;
            let settings = ArchiveSettings {
                name,
                backfill,
                every,
            };
            archive::run(settings, start, blobs).await
        }
        SourceKind::Alerts {
            url,
            token_file,
            ca_file,
            every,
        } => {
            let settings = AlertsSettings {
                name,
                url,
                token_file,
                ca_file,
                every,
            };
            alerts::run(settings, start).await
        }
    }
}

/// Standard input, without a buffer of its own.
fn input() -> Result<tokio::fs::File, String> {
    let input = std::io::stdin().as_fd().try_clone_to_owned();
    let input = input.map_err(|error| format!("cannot use standard input: {error}"))?;
    Ok(tokio::fs::File::from_std(File::from(input)))
}

/// Standard output, without a buffer of its own.
fn output() -> Result<tokio::fs::File, String> {
    let output = std::io::stdout().as_fd().try_clone_to_owned();
    let output = output.map_err(|error| format!("cannot use standard output: {error}"))?;
    Ok(tokio::fs::File::from_std(File::from(output)))
}
