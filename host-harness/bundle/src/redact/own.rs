//! Redactors of one's own, and compiled patterns.

use aho_corasick::AhoCorasick;
use regex::bytes::{Regex, RegexBuilder};

use super::{
    json_path::JsonPath,
    spec::{Find, RedactorSpec},
};

/// The most values of one literal redactor.
pub const MAX_VALUES: usize = 10_000;

/// What a regular expression may take, compiled.
pub const MAX_REGEX_BYTES: usize = 1 << 20;

#[derive(Debug)]
pub(super) struct Compiled {
    pub(super) regex: Regex,
    /// The groups of which one is replaced.
    pub(super) groups: Vec<usize>,
}

#[derive(Debug)]
pub(super) struct Own {
    pub(super) spec: RedactorSpec,
    pub(super) find: OwnFind,
}

#[derive(Debug)]
pub(super) enum OwnFind {
    Literal(AhoCorasick),
    Regex(Compiled),
    Json(Vec<JsonPath>),
}

// === impl Compiled ===

impl Compiled {
    pub(super) fn new(regex: &str) -> Result<Self, String> {
        let regex = RegexBuilder::new(regex)
            .unicode(false)
            .size_limit(MAX_REGEX_BYTES)
            .build()
            .map_err(|error| format!("`{regex}` is no regular expression: {error}"))?;
        let named = regex.capture_names().enumerate();
        let mut groups: Vec<_> = named.filter_map(|(i, name)| name.map(|_| i)).collect();
        if groups.is_empty() {
            groups.push(0);
        }
        Ok(Self { regex, groups })
    }

    /// The next match is looked for from the end of what is replaced: what follows it may belong to
    /// the next one.
    pub(super) fn each_match(&self, text: &[u8], each: &mut dyn FnMut(usize, usize)) {
        let mut locations = self.regex.capture_locations();
        let mut at = 0;
        while at <= text.len() {
            let Some(whole) = self.regex.captures_read_at(&mut locations, text, at) else {
                return;
            };
            let group = self.groups.iter().find_map(|group| locations.get(*group));
            let next = group.map_or(whole.end(), |(_, end)| end);
            if let Some((start, end)) = group.filter(|(start, end)| start < end) {
                each(start, end);
            }
            at = next.max(at + 1);
        }
    }
}

// === impl Own ===

impl Own {
    pub(super) fn compile(spec: RedactorSpec) -> Result<Self, String> {
        let find = match &spec.find {
            Find::Literal(values) => {
                if values.is_empty() || values.len() > MAX_VALUES {
                    return Err(format!(
                        "1 to {MAX_VALUES} values are possible, not {}",
                        values.len()
                    ));
                }
                if values.iter().any(|value| value.trim().len() < 3) {
                    return Err(
                        "a value has less than 3 bytes, which would be found everywhere".to_owned(),
                    );
                }
                let built = AhoCorasick::builder()
                    .ascii_case_insensitive(true)
                    .match_kind(aho_corasick::MatchKind::LeftmostLongest)
                    .build(values);
                OwnFind::Literal(built.map_err(|error| error.to_string())?)
            }
            Find::Regex(regex) => OwnFind::Regex(Compiled::new(regex)?),
            Find::Json(paths) => {
                let paths: Result<Vec<_>, String> =
                    paths.iter().map(|path| JsonPath::parse(path)).collect();
                OwnFind::Json(paths?)
            }
        };
        Ok(Self { spec, find })
    }

    pub(super) fn each_match(&self, text: &[u8], each: &mut dyn FnMut(usize, usize)) {
        match &self.find {
            OwnFind::Literal(values) => {
                for found in values.find_iter(text) {
                    each(found.start(), found.end());
                }
            }
            OwnFind::Regex(regex) => regex.each_match(text, each),
            OwnFind::Json(_) => {}
        }
    }
}
