//! YAML as JSON values, with the place of every value, so that a problem is shown at its line.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use serde_saphyr::{Location, Spanned};
use tripline_core::contract::Problem;
use tripline_core::table::escape;

/// A YAML document.
#[derive(Debug)]
pub(super) struct Document {
    /// What it says.
    pub(super) value: Value,
    /// Where each value stands, by JSON pointer.
    places: BTreeMap<String, Place>,
}

/// Line and column, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) line: u64,
    pub(super) column: u64,
}

// === impl Document ===

impl Document {
    /// Reads one document. The words `yes`, `no`, `on` and `off` are text, as YAML 1.2 has it.
    ///
    /// # Errors
    /// Where and why the text is no YAML; this includes a key that is there twice.
    pub(super) fn parse(text: &str) -> Result<Self, (Place, String)> {
        let options = serde_saphyr::options! { strict_booleans: true };
        let node: Spanned<Node> =
            serde_saphyr::from_str_with_options(text, options).map_err(|error| {
                let place = error.location().map_or(Place::START, Place::of);
                (place, reason(&error))
            })?;
        let mut places = BTreeMap::new();
        let value = convert(node, "", &mut places);
        Ok(Self { value, places })
    }

    /// The line of the value at a JSON pointer, or of what holds it.
    pub(super) fn line(&self, pointer: &str) -> u64 {
        self.place(pointer).line
    }

    /// A problem with its place: `file:line:column: message`.
    pub(super) fn locate(&self, file: &str, problem: &Problem) -> String {
        let Place { line, column } = self.place(&problem.path);
        format!("{file}:{line}:{column}: {}", problem.message)
    }

    fn place(&self, pointer: &str) -> Place {
        let mut pointer = pointer;
        loop {
            if let Some(place) = self.places.get(pointer) {
                return *place;
            }
            match pointer.rfind('/').and_then(|at| pointer.get(..at)) {
                Some(parent) => pointer = parent,
                None => return Place::START,
            }
        }
    }
}

// === impl Place ===

impl Place {
    const START: Self = Self { line: 1, column: 1 };

    fn of(location: Location) -> Self {
        Self {
            line: location.line().max(1),
            column: location.column().max(1),
        }
    }
}

/// The parser's own words without the place, which is said before them, and without talk of its
/// programming interface.
fn reason(error: &serde_saphyr::Error) -> String {
    let text = error.without_snippet().to_string();
    let text = text.split(" at line ").next().unwrap_or_default();
    if text.starts_with("multiple YAML documents") {
        return "a second document begins: a file holds one".to_owned();
    }
    text.split(", set DuplicateKeyPolicy")
        .next()
        .unwrap_or_default()
        .to_owned()
}

/// A YAML value as it stands in its file.
enum Node {
    Scalar(Value),
    List(Vec<Spanned<Self>>),
    Table(Vec<(Spanned<String>, Spanned<Self>)>),
}

struct NodeVisitor;

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Scalar(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Scalar(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Scalar(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
        Ok(Node::Scalar(value.into()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Scalar(value.into()))
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Scalar(Value::Null))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Node::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Node, A::Error> {
        let mut table = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            table.push(entry);
        }
        Ok(Node::Table(table))
    }
}

/// A node as JSON; places are noted, a table's entry at its key.
fn convert(node: Spanned<Node>, path: &str, places: &mut BTreeMap<String, Place>) -> Value {
    places
        .entry(path.to_owned())
        .or_insert_with(|| Place::of(node.defined));
    match node.value {
        Node::Scalar(value) => value,
        Node::List(items) => {
            let items = items.into_iter().enumerate();
            let items = items.map(|(i, item)| convert(item, &format!("{path}/{i}"), places));
            Value::Array(items.collect())
        }
        Node::Table(entries) => {
            let mut map = Map::new();
            for (key, value) in entries {
                let path = format!("{path}/{}", escape(&key.value));
                places.insert(path.clone(), Place::of(key.defined));
                map.insert(key.value, convert(value, &path, places));
            }
            Value::Object(map)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_are_those_of_yaml_1_2_and_stand_where_they_are_written() {
        let text = "a: 2026-03-02T10:00:00Z\nb:\n  - {c: yes, d: 017, e: '1', f: ~}\n  - x: true\nbase: &base {k: 1}\nuse: {<<: *base, l: 2}\n";
        let document = Document::parse(text).unwrap();
        assert_eq!(
            document.value,
            json!({
                "a": "2026-03-02T10:00:00Z",
                "b": [{"c": "yes", "d": 17.0, "e": "1", "f": null}, {"x": true}],
                "base": {"k": 1},
                "use": {"k": 1, "l": 2},
            })
        );
        for (pointer, line) in [("/a", 1), ("/b/0/d", 3), ("/b/1", 4), ("/b/1/x/none", 4)] {
            assert_eq!(document.line(pointer), line, "{pointer}");
        }
    }

    #[test]
    fn what_is_no_yaml_is_shown_at_its_place() {
        for (text, line, why) in [
            ("a: 1\na: 2\n", 2, "duplicate mapping key: a"),
            ("a: [1\n", 1, "unclosed bracket '['"),
            (
                "a: 1\n---\nb: 1\n",
                3,
                "a second document begins: a file holds one",
            ),
            ("x:\n  y: *nope\n", 2, "alias references unknown anchor"),
        ] {
            let (place, reason) = Document::parse(text).unwrap_err();
            assert_eq!((place.line, reason.as_str()), (line, why), "{text}");
        }
    }
}
