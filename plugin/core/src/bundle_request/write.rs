//! From requests to the member.

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::{FORMAT, LONGEST_EVIDENCE, LONGEST_TEXT, MEMBER, MOST_ATTRIBUTES};
use crate::contract::{Attributes, Request};

/// What stands in the place of evidence that is too long.
const CUT: &str = r#"{"cut":"the evidence was too long"}"#;

/// The member that asks for `requests`, as `"bundle_request":{…}`; `None` without a request.
/// Attributes and evidence that are too long are cut, so that [`read`](super::read) takes them.
#[must_use]
pub fn write(source: &str, requests: &[Request]) -> Option<String> {
    let (first, more) = requests.split_first()?;
    let head = Head {
        reason: &first.rule,
        format: FORMAT,
        source: cut(source),
        id: &first.id,
        rule: &first.rule,
        group: cut(&first.group),
        at: first.at,
        from: first.from,
        to: first.to,
        severity: &first.severity,
        evidence: evidence(first),
        attributes: Pairs(&first.attributes),
        more: more.iter().map(One::of).collect(),
    };
    let text = serde_json::to_string(&head).ok()?;
    Some(format!("\"{MEMBER}\":{text}"))
}

#[derive(Serialize)]
struct Head<'a> {
    reason: &'a str,
    format: u32,
    source: &'a str,
    id: &'a str,
    rule: &'a str,
    group: &'a str,
    at: i64,
    from: i64,
    to: i64,
    severity: &'a str,
    evidence: &'a str,
    attributes: Pairs<'a>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    more: Vec<One<'a>>,
}

#[derive(Serialize)]
struct One<'a> {
    id: &'a str,
    rule: &'a str,
    group: &'a str,
    at: i64,
    from: i64,
    to: i64,
    severity: &'a str,
    evidence: &'a str,
    attributes: Pairs<'a>,
}

struct Pairs<'a>(&'a Attributes);

// === impl One ===

impl<'a> One<'a> {
    fn of(request: &'a Request) -> Self {
        Self {
            id: &request.id,
            rule: &request.rule,
            group: cut(&request.group),
            at: request.at,
            from: request.from,
            to: request.to,
            severity: &request.severity,
            evidence: evidence(request),
            attributes: Pairs(&request.attributes),
        }
    }
}

// === impl Pairs ===

impl Serialize for Pairs<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (key, value) in self.0.iter().take(MOST_ATTRIBUTES) {
            map.serialize_entry(key, cut(value))?;
        }
        map.end()
    }
}

fn evidence(request: &Request) -> &str {
    if request.evidence.len() <= LONGEST_EVIDENCE {
        &request.evidence
    } else {
        CUT
    }
}

/// The beginning of a text, of at most [`LONGEST_TEXT`] bytes.
fn cut(text: &str) -> &str {
    text.get(..text.floor_char_boundary(LONGEST_TEXT))
        .unwrap_or_default()
}
