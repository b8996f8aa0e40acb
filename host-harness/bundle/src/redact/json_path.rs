//! Paths to JSON members.

use super::json::Step;

/// A path such as `/properties/*/owner`: `*` is any one step, `**` any number of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct JsonPath(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Key(String),
    Any,
    Deep,
}

/// The most steps of a path.
const MAX_PARTS: usize = 32;

// === impl JsonPath ===

impl JsonPath {
    pub(super) fn parse(path: &str) -> Result<Self, String> {
        let problem = |why| Err(format!("`{path}` is no path: {why}"));
        let Some(rest) = path.strip_prefix('/') else {
            return problem("it begins with `/`, such as `/properties/owner` or `/**/owner`");
        };
        let parts: Vec<_> = rest
            .split('/')
            .map(|part| match part {
                "*" => Part::Any,
                "**" => Part::Deep,
                key => Part::Key(key.replace("~1", "/").replace("~0", "~")),
            })
            .collect();
        if parts.len() > MAX_PARTS {
            return problem("it has more than 32 steps");
        }
        if parts.last() == Some(&Part::Deep) {
            return problem("it ends with `**`, which would be everything");
        }
        Ok(Self(parts))
    }

    /// Whether it leads to a place; `keys` are those around it, the nearest first. Case of letters
    /// does not count: sources spell the same key differently.
    pub(super) fn leads_to(&self, path: &[Step], keys: &[Vec<u8>]) -> bool {
        let mut keys = keys.iter().rev();
        let steps: Vec<String> = path
            .iter()
            .map(|step| match step {
                Step::Member(..) => keys
                    .next()
                    .map(|key| String::from_utf8_lossy(key).into_owned()),
                Step::Item(i) => Some(i.to_string()),
            })
            .map(Option::unwrap_or_default)
            .collect();
        fits(&self.0, &steps)
    }
}

fn fits(parts: &[Part], steps: &[String]) -> bool {
    match (parts.split_first(), steps.split_first()) {
        (None, None) => true,
        (Some((Part::Deep, rest)), _) => {
            (0..=steps.len()).any(|skip| steps.get(skip..).is_some_and(|steps| fits(rest, steps)))
        }
        (Some((part, parts)), Some((step, steps))) => {
            let is_it = match part {
                Part::Key(key) => key.eq_ignore_ascii_case(step),
                _ => true,
            };
            is_it && fits(parts, steps)
        }
        _ => false,
    }
}
