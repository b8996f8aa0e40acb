//! The detector: configuration and state in, verdicts out, line by line.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::contract::{Context, Info, Output, Problem};
use crate::explain::{describe_record, explain_state};
use crate::judge::Judge;
use crate::prefilter::may_matter;
use crate::record::{Kind, read_record};
use crate::rules::{Rule, read_rules};
use crate::source::{MOST_SOURCES, Source};
use crate::state::{Group, Groups};
use crate::tally::Tally;

/// The version of [`Detector::checkpoint`]'s bytes.
const STATE_FORMAT: u32 = 2;

/// Everything a plugin decides: a function of configuration, state and input.
#[derive(Debug)]
pub struct Detector {
    rules: Vec<Rule>,
    groups: Groups,
    sources: BTreeMap<String, Source>,
    batches: u64,
    /// Whether some rule concerns records of no known kind.
    concerns_all: bool,
}

impl Detector {
    /// Reads the rules; the state is empty.
    ///
    /// # Errors
    /// All problems of the configuration.
    pub fn configure(rules: &str) -> Result<Self, Vec<Problem>> {
        let rules = read_rules(rules)?;
        let groups = Groups::new(rules.len());
        let concerns_all = rules
            .iter()
            .any(|rule| !rule.is_off() && rule.concerns(Kind::Other));
        Ok(Self {
            concerns_all,
            rules,
            groups,
            sources: BTreeMap::new(),
            batches: 0,
        })
    }

    /// What the plugin says of itself.
    #[must_use]
    pub fn info(&self) -> Info {
        Info {
            name: "tripline".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            attributes: vec![("rules".to_owned(), self.rules.len().to_string())],
        }
    }

    /// Whether `record`, one JSON object, can be flagged or change what is remembered. When not,
    /// [`Detector::process`] may be spared: it would find nothing. Only the bytes are looked at.
    #[must_use]
    pub fn may_matter(&self, record: &[u8]) -> bool {
        self.concerns_all || may_matter(record)
    }

    /// Judges a batch of lines, each ended by `\n`.
    pub fn process(&mut self, batch: &[u8], context: &Context) -> Output {
        let mut tally = Tally::for_lines(memchr::memchr_iter(b'\n', batch).count() + 1);
        let mut source = self.take_source(&context.source);
        let mut judge = Judge {
            rules: &self.rules,
            groups: &mut self.groups,
            name: &context.source,
            source: &mut source,
            tally: &mut tally,
            accounts: None,
            key: String::new(),
        };
        let mut rest = batch;
        while !rest.is_empty() {
            let end = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
            let line = rest.get(..end).unwrap_or_default();
            rest = rest.get(end + 1..).unwrap_or_default();
            match read_record(line) {
                Ok(record) => judge.line(line, &record, context.arrived),
                Err(reason) => judge.reject(reason, context.arrived),
            }
        }
        self.end_call(&context.source, source, tally)
    }

    /// Moves a source's clock to `context.arrived`; due holds fire.
    pub fn advance(&mut self, context: &Context) -> Output {
        let mut tally = Tally::default();
        let mut source = self.take_source(&context.source);
        if let Some(time) = context.arrived {
            source.clock.set(time);
        }
        Judge {
            rules: &self.rules,
            groups: &mut self.groups,
            name: &context.source,
            source: &mut source,
            tally: &mut tally,
            accounts: None,
            key: String::new(),
        }
        .fire_due();
        self.end_call(&context.source, source, tally)
    }

    /// Answers a question, as JSON.
    ///
    /// `{"line": "…", "source": "…"}`: what every rule would make of that line if it came next, and
    /// why, and which timers its time would set off; nothing changes. Anything else: what is remembered, every rule with its groups, holds and
    /// watches; `{"rule": "…", "group": "…"}` narrows that to one rule or group,
    /// `group_contains` to the groups whose key holds a text.
    #[must_use]
    pub fn explain(&self, query: &str) -> String {
        let query: Value = serde_json::from_str(query).unwrap_or_default();
        let answer = match query.get("line").and_then(Value::as_str) {
            Some(line) => {
                let source = query.get("source").and_then(Value::as_str);
                self.explain_line(line, source.unwrap_or_default())
            }
            None => explain_state(&self.rules, &self.groups, &self.sources, &query),
        };
        answer.to_string()
    }

    /// Judges a line on a copy of the state.
    fn explain_line(&self, line: &str, name: &str) -> Value {
        let record = match read_record(line.as_bytes()) {
            Ok(record) => record,
            Err(reason) => return json!({ "rejected": reason }),
        };
        let mut accounts = Vec::new();
        let mut source = self.sources.get(name).cloned().unwrap_or_default();
        let mut tally = Tally::default();
        Judge {
            rules: &self.rules,
            groups: &mut self.groups.clone(),
            name,
            source: &mut source,
            tally: &mut tally,
            accounts: Some(&mut accounts),
            key: String::new(),
        }
        .line(line.as_bytes(), &record, None);
        let by_timer = tally.finish().requests.into_iter();
        let by_timer = by_timer.filter(|request| request.line.is_none());
        let timers: Vec<Value> = by_timer
            .map(|request| json!({ "rule": request.rule, "group": request.group, "request": request.id }))
            .collect();
        json!({ "record": describe_record(&record), "timers": timers, "rules": accounts })
    }

    /// The whole state.
    #[must_use]
    pub fn checkpoint(&self) -> Vec<u8> {
        let state = SavedRef {
            format: STATE_FORMAT,
            rules: self
                .rules
                .iter()
                .map(|rule| (rule.name.as_str(), rule.fingerprint.as_str()))
                .collect(),
            groups: self.groups.by_idleness().collect(),
            sources: &self.sources,
            batches: self.batches,
        };
        serde_json::to_vec(&state).unwrap_or_default()
    }

    /// Takes a state back; answers the rules whose state does not fit them and starts cold.
    ///
    /// # Errors
    /// When it is no state, or one of another format.
    pub fn restore(&mut self, state: &[u8]) -> Result<Vec<String>, String> {
        let saved: Saved = serde_json::from_slice(state)
            .map_err(|error| format!("not a state of this plugin: {error}"))?;
        if saved.format != STATE_FORMAT {
            return Err(format!(
                "state of format {}, this plugin reads format {STATE_FORMAT}",
                saved.format
            ));
        }
        let number = |old: usize| {
            let (name, fingerprint) = saved.rules.get(old)?;
            self.rules
                .iter()
                .position(|rule| rule.name == *name && rule.fingerprint == *fingerprint)
        };
        let warm: Vec<Option<usize>> = (0..saved.rules.len()).map(number).collect();
        let number = |old: usize| warm.get(old).copied().flatten();
        self.groups = Groups::new(self.rules.len());
        for (rule, key, group) in saved.groups {
            if let Some(rule) = number(rule) {
                self.groups.restore(rule, &key, group);
            }
        }
        self.sources = saved.sources;
        self.sources
            .values_mut()
            .for_each(|source| source.renumber(number));
        self.batches = saved.batches;
        let cold = |i: &usize| !warm.contains(&Some(*i));
        Ok((0..self.rules.len())
            .filter(cold)
            .filter_map(|i| Some(self.rules.get(i)?.name.clone()))
            .collect())
    }

    fn take_source(&mut self, name: &str) -> Source {
        self.batches += 1;
        let mut source = self.sources.remove(name).unwrap_or_default();
        source.touched = self.batches;
        source
    }

    fn end_call(&mut self, name: &str, source: Source, mut tally: Tally) -> Output {
        self.sources.insert(name.to_owned(), source);
        if self.sources.len() > MOST_SOURCES {
            let free = self.sources.iter().filter(|(_, source)| source.is_free());
            if let Some(idlest) = free
                .min_by_key(|(_, source)| source.touched)
                .map(|(name, _)| name.clone())
            {
                self.sources.remove(&idlest);
                tally.count("sources-evicted", "", 1);
            }
        }
        tally.count("groups-evicted", "", self.groups.take_evicted());
        tally.finish()
    }
}

#[derive(Serialize)]
struct SavedRef<'a> {
    format: u32,
    rules: Vec<(&'a str, &'a str)>,
    /// In the order of their last touch, so that idleness survives.
    groups: Vec<(usize, &'a str, &'a Group)>,
    sources: &'a BTreeMap<String, Source>,
    batches: u64,
}

#[derive(Deserialize)]
struct Saved {
    format: u32,
    rules: Vec<(String, String)>,
    groups: Vec<(usize, String, Group)>,
    sources: BTreeMap<String, Source>,
    batches: u64,
}
