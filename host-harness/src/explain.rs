//! `tripline rules explain`: why a rule asked for a bundle, or did not.
//!
//! The inputs are replayed into a state of their own, which is thrown away. The plugin answers from its
//! state what each rule makes of a line, or remembers of a group; what the host decided afterwards, a
//! storm cap above all, is added here.

mod target;
mod words;

use std::path::PathBuf;

use anyhow::Context as _;
use serde_json::{Value, json};
use tripline_bundle::recorder::Durability;
use tripline_bundle::spool::HistoryRow;
use tripline_core::contract::Context;

use crate::config::Config;
use crate::exit::Failure;
use crate::ingest::batch::{Batch, BatchLimits, Batcher};
use crate::ingest::frame::{FrameLimits, Framer, Unit};
use crate::ingest::input::{Input, discover};
use crate::pipeline::{Pipeline, PipelineOptions, Processed};
use crate::replay::{load_plugin, read_time, start_plugin};

pub use target::Target;
pub use words::describe;

/// What to explain.
#[derive(Debug)]
pub struct Question {
    /// The logs to replay.
    pub inputs: Vec<PathBuf>,
    /// The line or group asked about.
    pub target: Target,
    /// Only this rule.
    pub rule: Option<String>,
    /// Where every source's clock is moved to at the end, for a group.
    pub until: Option<String>,
    /// Another plugin than the embedded one.
    pub plugin: Option<PathBuf>,
}

/// Answers a question, as JSON: for a line `{line, record, timers, rules}`, for a group
/// `{group, rules}`. Each rule has its `outcome` and `why`; requests have what the host made of them.
///
/// # Errors
/// When an input cannot be read, or there is no such line, rule or group.
pub fn explain(question: &Question, config: &Config) -> Result<Value, Failure> {
    let names: Vec<String> = config
        .rule_texts()
        .into_iter()
        .map(|rule| rule.name)
        .collect();
    if let Some(rule) = question.rule.as_ref().filter(|rule| !names.contains(rule)) {
        return Err(Failure::usage(format!(
            "no rule `{rule}` (hint: there are {})",
            names.join(", ")
        )));
    }
    let until = question.until.as_deref().map(read_time).transpose()?;
    let inputs = discover(&question.inputs).map_err(Failure::usage)?.inputs;
    let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
    let (engine, component) = load_plugin(question.plugin.as_deref())?;
    let (plugin, _) = start_plugin(&engine, &component, config)?;
    let storm = config.accepted()?.storm;
    let options = PipelineOptions {
        durability: Durability::None,
        deduplicate: false,
        caps: storm.caps(),
        max_trigger_age: None,
        recorder: None,
        is_off: false,
        keeps_edits: false,
    };
    let (pipeline, _) = Pipeline::open(folder.path(), plugin, options)?;
    let mut run = Run { pipeline };
    let mut answer = match &question.target {
        Target::Group(group) => run.group(&inputs, group, question.rule.as_deref(), until)?,
        line => run.line(&inputs, line)?,
    };
    let rules = answer.get_mut("rules").and_then(Value::as_array_mut);
    if let (Some(only), Some(rules)) = (&question.rule, rules) {
        rules.retain(|account| account["rule"] == **only);
    }
    Ok(answer)
}

/// A replay for the sake of its state.
struct Run {
    pipeline: Pipeline,
}

// === impl Run ===

impl Run {
    /// Replays up to a line and asks what the rules make of it.
    fn line(&mut self, inputs: &[Input], target: &Target) -> Result<Value, Failure> {
        for input in inputs {
            let mut batcher = Batcher::new(&input.source, BatchLimits::default());
            let mut found: Option<(u64, Batch)> = None;
            let mut number = 0;
            let mut failed = None;
            read_units(input, &mut |unit| {
                if found.is_some() || failed.is_some() {
                    return;
                }
                number += 1;
                let is_it = target.is(input, number, &unit);
                let before = if is_it {
                    batcher.flush()
                } else {
                    batcher.push(&unit)
                };
                failed = self.process(before).err();
                if is_it {
                    batcher.push(&unit);
                    found = batcher.flush().map(|batch| (number, batch));
                }
            })?;
            failed.map_or(Ok(()), Err)?;
            if let Some((number, batch)) = found {
                return self.judge(number, batch);
            }
            self.process(batcher.flush())?;
        }
        match (target, inputs.last()) {
            // A line that is not there is judged as if it came next.
            (Target::Text(text), Some(input)) => {
                let mut batcher = Batcher::new(&input.source, BatchLimits::default());
                let mut framer = Framer::new(FrameLimits::default());
                let mut sink = |unit: Unit<'_>| drop(batcher.push(&unit));
                framer.push(text.as_bytes(), &mut sink);
                framer.finish(&mut sink);
                let batch = batcher.flush();
                self.judge(
                    0,
                    batch.ok_or_else(|| Failure::usage("an empty line explains nothing"))?,
                )
            }
            (other, _) => Err(Failure::usage(format!(
                "the input has no {other} (hint: lines count from 1 in each source, and so do the elements of an array or envelope)"
            ))),
        }
    }

    /// Asks about a line, then lets it pass to see what the host makes of its requests.
    fn judge(&mut self, number: u64, batch: Batch) -> Result<Value, Failure> {
        let source = batch.source.clone();
        let fault = batch.faults.first().map(|fault| fault.reason.clone());
        let mut answer = match fault {
            Some(reason) => json!({ "rejected": reason }),
            None => {
                let line = String::from_utf8_lossy(&batch.lines);
                self.ask(
                    &json!({ "line": line.trim_end_matches('\n'), "source": source }).to_string(),
                )?
            }
        };
        self.process(Some(batch))?;
        let history = self.history()?;
        for list in ["rules", "timers"] {
            for account in answer
                .get_mut(list)
                .and_then(Value::as_array_mut)
                .into_iter()
                .flatten()
            {
                add_fate(account, &history);
            }
        }
        answer["line"] = json!({ "source": source, "number": number });
        Ok(answer)
    }

    /// Replays everything and asks what is remembered of a group.
    fn group(
        &mut self,
        inputs: &[Input],
        group: &str,
        rule: Option<&str>,
        until: Option<i64>,
    ) -> Result<Value, Failure> {
        for input in inputs {
            let mut batcher = Batcher::new(&input.source, BatchLimits::default());
            let mut failed = None;
            read_units(input, &mut |unit| {
                if failed.is_none() {
                    failed = self.process(batcher.push(&unit)).err();
                }
            })?;
            failed.map_or(Ok(()), Err)?;
            self.process(batcher.flush())?;
        }
        for input in inputs.iter().filter(|_| until.is_some()) {
            self.pipeline.advance(&Context {
                source: input.source.clone(),
                arrived: until,
                ..Context::default()
            })?;
        }
        let group = group.to_lowercase();
        let mut answer = self.ask(&json!({ "group": group, "rule": rule }).to_string())?;
        if !knows_group(&answer) {
            let near = self.ask(&json!({ "group_contains": group, "rule": rule }).to_string())?;
            return Err(no_such_group(&group, &near));
        }
        answer["group"] = group.as_str().into();
        let history = self.history()?;
        for account in answer["rules"].as_array_mut().into_iter().flatten() {
            let rule = account["rule"].as_str().unwrap_or_default().to_owned();
            let made = history
                .iter()
                .filter(|row| row.rule == rule && row.group == group);
            account["made"] = made.map(fate).collect();
        }
        Ok(answer)
    }

    fn process(&mut self, batch: Option<Batch>) -> Result<(), Failure> {
        if let Some(batch) = batch
            && let Processed::Unrecorded(error) = self.pipeline.process(&batch, None)?
        {
            return Err(anyhow::Error::from(*error).into());
        }
        Ok(())
    }

    fn ask(&mut self, query: &str) -> Result<Value, Failure> {
        let answer = self.pipeline.explain(query)?;
        let answer = serde_json::from_str(&answer)
            .context("the plugin's explanation is no JSON: it cannot explain itself")?;
        Ok(answer)
    }

    fn history(&mut self) -> Result<Vec<HistoryRow>, Failure> {
        let (_, spool) = self.pipeline.parts();
        Ok(spool.history().context("cannot read the history")?)
    }
}

/// What the host made of a request.
fn fate(row: &HistoryRow) -> Value {
    json!({
        "request": row.id, "at": row.at, "state": row.state, "cause": row.cause, "folded": row.folded,
    })
}

/// Adds what the host made of the request that an account speaks of.
fn add_fate(account: &mut Value, history: &[HistoryRow]) {
    let asked = account["outcome"] == "asked" || account.get("outcome").is_none();
    let row = history.iter().find(|row| account["request"] == *row.id);
    if let (true, Some(row)) = (asked, row) {
        account["host"] = fate(row);
    }
}

fn knows_group(answer: &Value) -> bool {
    let rules = answer["rules"].as_array();
    rules.into_iter().flatten().any(|rule| {
        ["groups", "holds"]
            .iter()
            .any(|list| rule[*list].as_array().is_some_and(|list| !list.is_empty()))
    })
}

/// The failure that names the groups which come near.
fn no_such_group(group: &str, near: &Value) -> Failure {
    const MOST_NAMED: usize = 5;
    let rules = near["rules"].as_array().into_iter().flatten();
    let mut names: Vec<&str> = rules
        .flat_map(|rule| rule["groups"].as_array().into_iter().flatten())
        .filter_map(|group| group["group"].as_str())
        .collect();
    names.sort_unstable();
    names.dedup();
    names.truncate(MOST_NAMED);
    let hint = if names.is_empty() {
        "the groups of requests stand in `tripline history --json` and in manifests".to_owned()
    } else {
        format!("did you mean `{}`?", names.join("`, `"))
    };
    Failure::usage(format!(
        "no rule has seen the group `{group}` (hint: {hint})"
    ))
}

/// Reads the units of an input.
fn read_units(input: &Input, sink: &mut dyn FnMut(Unit<'_>)) -> Result<(), Failure> {
    crate::ingest::read_units(input, FrameLimits::default(), sink)
        .map_err(|why| Failure::Runtime(anyhow::anyhow!("cannot read `{}`: {why}", input.source)))
}
