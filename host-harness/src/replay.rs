//! `tripline replay`: sample logs through the real component, exactly and offline.
//!
//! A replay never delivers, touches no live state and needs no consent. The same input gives the same
//! bytes in `annotated.ndjson` and in every bundle, whatever the batch size, machine or day.
//!
//! A dry run does the same in a temporary folder, packs every bundle to learn its size and keeps nothing.

mod check;
mod cost;
mod folder;
mod progress;
mod seal;
mod words;

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context as _;
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use tripline_bundle::failpoint;
use tripline_bundle::recorder::Durability;
use tripline_bundle::report::activity::Activity;
use tripline_bundle::spool::{HistoryRow, State};
use tripline_core::contract::{Context, Info};
use tripline_runtime::{Component, Engine, EngineOptions, Options, Plugin, StartError};

use crate::cli::ReplayArgs;
use crate::config::{Config, RuleText};
use crate::exit::Failure;
use crate::ingest::batch::{Batch, BatchLimits, Batcher};
use crate::ingest::frame::{FrameLimits, Framer};
use crate::ingest::input::{Input, Inputs, discover, open};
use crate::output::files::{Annotated, Quarantine};
use crate::pipeline::{Pipeline, PipelineOptions, Processed};
use crate::summary::{Summary, differences};

pub(crate) use check::Check;
pub use cost::{Cost, Costs, DEFAULT_UPLOAD_RATE, describe_costs, parse_rate};
pub use folder::OutFolder;
pub(crate) use seal::{belongs, caps_sha256, now};
pub use words::describe;

/// How many bytes are read at once.
const READ_BYTES: usize = 256 * 1024;

/// What a replay came to.
#[derive(Debug)]
pub struct Outcome {
    /// The account.
    pub summary: Summary,
    /// All counters, more than the summary names.
    pub counters: BTreeMap<String, u64>,
    /// The rules in force.
    pub rules: Vec<RuleText>,
    /// Every request and what became of it.
    pub history: Vec<HistoryRow>,
    /// Quarantined lines by reason.
    pub quarantined: BTreeMap<String, u64>,
    /// What the report shows of all lines; nothing in a dry run.
    pub activity: Activity,
    /// How many sources were read.
    pub sources: usize,
    /// Files that are no logs.
    pub skipped: Vec<String>,
    /// Sources that could not be read to their end, and bundles that could not be sealed.
    pub failures: Vec<String>,
    /// What of the expectation did not hold.
    pub differences: Vec<String>,
}

/// Runs a replay.
///
/// # Errors
/// Whatever ends it early; what was written stays. Sources that break off and expectations that do
/// not hold are part of the outcome.
pub fn run(args: &ReplayArgs) -> Result<Outcome, Failure> {
    let config = match &args.config {
        Some(path) => Config::read(path)?,
        None => Config::embedded()?,
    };
    let expected = args.expect.as_deref().map(read_expectation).transpose()?;
    let until = args.until.as_deref().map(read_time).transpose()?;
    let inputs = discover(&args.inputs).map_err(Failure::usage)?;
    let (engine, component) = load_plugin(args.plugin.as_deref())?;
    let (plugin, info) = start_plugin(&engine, &component, &config)?;
    let settings = config.accepted()?;
    let storm = settings.storm;
    let profile = settings.redact.compile(None)?;
    let signer = settings.bundle.signer()?;
    let scratch = args.dry_run.then(make_scratch).transpose()?;
    let folder = scratch.as_ref().map(TempDir::path);
    let folder = folder.or(args.out.as_deref()).ok_or_else(|| {
        Failure::usage("no folder to write to (hint: name one with --out, or add --dry-run)")
    })?;
    let out = OutFolder::prepare(folder, &inputs)?;
    let interrupted = watch_for_interrupt();

    let options = PipelineOptions {
        durability: Durability::None,
        deduplicate: false,
        caps: storm.caps(),
        max_trigger_age: None,
        recorder: None,
        is_off: false,
        keeps_edits: false,
    };
    let (pipeline, _) = Pipeline::open(out.state(), plugin, options)?;
    let mut replay = Replay {
        pipeline,
        annotated: match &scratch {
            Some(_) => None,
            None => Some(Annotated::create(&out.annotated())?),
        },
        quarantine: Quarantine::create(&out.quarantine())?,
        batch_bytes: args.batch_bytes,
        interrupted,
        failures: Vec::new(),
        activity: Activity::default(),
    };
    replay.read_all(&inputs)?;
    if let Some(until) = until {
        for input in &inputs.inputs {
            let context = Context {
                source: input.source.clone(),
                arrived: Some(until),
                ..Context::default()
            };
            replay.pipeline.advance(&context)?;
        }
    }
    replay.annotated.map(Annotated::finish).transpose()?;
    let quarantined = replay.quarantine.finish()?;
    let mut failures = replay.failures;
    let origin = seal::Origin {
        profile,
        group_by: config.group_by(),
        storm,
        format: settings.bundle.format,
        collect: &settings.collect,
        rules_sha256: hex(&Sha256::digest(config.rules.as_bytes())),
        plugin_sha256: component.sha256().to_owned(),
        plugin: format!("{} {}", info.name, info.version),
        keeps_bundles: scratch.is_none(),
        signer,
        check: check::Check {
            engine: &engine,
            component: &component,
            rules: &config.rules,
        },
    };
    let sealed = seal::seal_all(
        &mut replay.pipeline,
        &out,
        &origin,
        &replay.interrupted,
        &mut failures,
    )?;

    let (_, spool) = replay.pipeline.parts();
    let counters = spool
        .counters()
        .context("cannot read the counters of the replay")?;
    let history = spool
        .history()
        .context("cannot read the history of the replay")?;
    let rules = config.rule_texts();
    let names = rules.iter().map(|rule| rule.name.clone());
    let summary = Summary {
        bundles: sealed,
        ..Summary::of(&counters, names)
    };
    let actual = serde_json::to_value(&summary).context("cannot write the summary")?;
    let outcome = Outcome {
        differences: expected
            .map(|expected| differences(&expected, &actual, ""))
            .unwrap_or_default(),
        summary,
        counters,
        rules,
        history,
        quarantined,
        activity: replay.activity,
        sources: inputs.inputs.len(),
        skipped: inputs.skipped,
        failures,
    };
    drop(replay.pipeline);
    match scratch {
        Some(scratch) => scratch
            .close()
            .context("cannot remove the temporary folder")?,
        None => {
            words::write_report(&out, &outcome, &origin)?;
            // The files of bundles that are held stay.
            let is_held = outcome.history.iter().any(|row| row.state == State::Held);
            out.finish(&outcome.summary, is_held)?;
        }
    }
    Ok(outcome)
}

/// A replay under way.
struct Replay {
    pipeline: Pipeline,
    /// None in a dry run.
    annotated: Option<Annotated>,
    quarantine: Quarantine,
    batch_bytes: usize,
    interrupted: Arc<AtomicBool>,
    failures: Vec<String>,
    activity: Activity,
}

// === impl Replay ===

impl Replay {
    fn read_all(&mut self, inputs: &Inputs) -> Result<(), Failure> {
        let progress = progress::Progress::new(inputs.total_bytes);
        for input in &inputs.inputs {
            progress.source(&input.source);
            if let Err(stop) = self.read(input, &progress) {
                match stop {
                    Stop::Source(why) => self
                        .failures
                        .push(format!("cannot read `{}` to its end: {why}", input.source)),
                    Stop::All(failure) => return Err(failure),
                }
            }
            progress.source_done(input.bytes_on_disk);
        }
        progress.finish();
        Ok(())
    }

    fn read(&mut self, input: &Input, progress: &progress::Progress) -> Result<(), Stop> {
        let mut opened = open(input).map_err(|error| Stop::Source(error.to_string()))?;
        let mut framer = Framer::of(input.format, FrameLimits::default());
        let mut batcher = Batcher::new(
            &input.source,
            BatchLimits {
                batch_bytes: self.batch_bytes,
            },
        );
        let mut buffer = vec![0; READ_BYTES];
        let broken = loop {
            let read = match opened.read(&mut buffer) {
                Ok(0) => break None,
                Ok(read) => read,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => 0,
                Err(error) => break Some(error.to_string()),
            };
            let mut ready = Vec::new();
            framer.push(buffer.get(..read).unwrap_or_default(), &mut |unit| {
                ready.extend(batcher.push(&unit))
            });
            self.process_all(ready)?;
            progress.read(opened.consumed());
        };
        let mut ready = Vec::new();
        framer.finish(&mut |unit| ready.extend(batcher.push(&unit)));
        ready.extend(batcher.flush());
        self.process_all(ready)?;
        broken.map_or(Ok(()), |why| Err(Stop::Source(why)))
    }

    fn process_all(&mut self, batches: Vec<Batch>) -> Result<(), Stop> {
        for batch in batches {
            if self.interrupted.load(Ordering::Relaxed) {
                let text = match self.annotated {
                    Some(_) => {
                        "interrupted: what was written so far is kept, run it again for the rest"
                    }
                    None => "interrupted: a dry run keeps nothing, run it again",
                };
                return Err(Stop::All(Failure::Interrupted(text.to_owned())));
            }
            self.process(&batch)
                .map_err(|error| Stop::All(error.into()))?;
        }
        Ok(())
    }

    fn process(&mut self, batch: &Batch) -> anyhow::Result<()> {
        match self.pipeline.process(batch, None)? {
            Processed::Judged(judged) => {
                if let Some(annotated) = &mut self.annotated {
                    annotated.write(&batch.lines, &judged.output)?;
                    let lines = batch.lines.split_inclusive(|byte| *byte == b'\n');
                    for (line, time) in lines.zip(&judged.output.times) {
                        self.activity.add_at(line, *time);
                    }
                }
                self.quarantine.write(batch, &judged.output)?;
                Ok(())
            }
            Processed::Duplicate => Ok(()),
            // A replay that leaves lines out is none.
            Processed::Unrecorded(error) => Err((*error).into()),
        }
    }
}

/// Why reading a source stopped.
enum Stop {
    /// Only this source cannot go on.
    Source(String),
    /// The replay cannot go on.
    All(Failure),
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::All(failure)
    }
}

/// The component in `file`, or the embedded one, and the engine to run it.
pub(crate) fn load_plugin(file: Option<&Path>) -> Result<(Engine, Component), Failure> {
    let engine = Engine::new(EngineOptions::default()).context("cannot run plugins here")?;
    let component = match file {
        Some(path) => Component::from_file(&engine, path).map_err(Failure::usage)?,
        None => Component::embedded(&engine).context("cannot load the embedded plugin")?,
    };
    Ok((engine, component))
}

/// A plugin that has the rules of `config` and no state.
pub(crate) fn start_plugin(
    engine: &Engine,
    component: &Component,
    config: &Config,
) -> Result<(Plugin, Info), Failure> {
    match Plugin::start(engine, component, &config.rules, Options::default()) {
        Ok(started) => Ok(started),
        Err(StartError::Problems(problems)) => Err(config.rejected(&problems)),
        Err(error) => Err(Failure::Runtime(error.into())),
    }
}

/// The folder of a dry run, which removes itself however the run ends.
fn make_scratch() -> Result<TempDir, Failure> {
    tempfile::Builder::new().prefix("tripline-dry-run-").tempdir().map_err(|error| {
        let folder = std::env::temp_dir();
        Failure::Environment(anyhow::anyhow!(
            "cannot make a temporary folder in `{}`: {error} (hint: set TMPDIR to a folder with as much room as the input has)",
            folder.display()
        ))
    })
}

fn read_expectation(path: &Path) -> Result<serde_json::Value, Failure> {
    let name = path.display();
    let text = std::fs::read_to_string(path).map_err(|error| {
        Failure::usage(format!("cannot read the expectation `{name}`: {error}"))
    })?;
    serde_json::from_str(&text)
        .map_err(|error| Failure::usage(format!("the expectation `{name}` is no JSON: {error}")))
}

pub(crate) fn read_time(text: &str) -> Result<i64, Failure> {
    tripline_core::time::parse_time(text).ok_or_else(|| {
        Failure::usage(format!(
            "`{text}` is no time (hint: write one such as 2026-03-02T10:00:00Z)"
        ))
    })
}

/// A flag that Ctrl-C sets; a second Ctrl-C ends the process at once.
pub(crate) fn watch_for_interrupt() -> Arc<AtomicBool> {
    let flag = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&flag);
    let handler = ctrlc::set_handler(move || {
        if seen.swap(true, Ordering::Relaxed) {
            #[expect(clippy::exit, reason = "the user insists")]
            std::process::exit(130);
        }
        // Whoever interrupts a process that waits there wants to see what it does then.
        failpoint::release();
    });
    if let Err(error) = handler {
        tracing::warn!(%error, "Ctrl-C ends the replay at once");
    }
    flag
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
