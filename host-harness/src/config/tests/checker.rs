//! As much of JSON Schema as our schema uses; any other keyword is an error, so that none goes unseen.

use serde_json::{Map, Value};

/// Checks values against one schema document.
pub(super) struct Checker {
    root: Value,
}

impl Checker {
    pub(super) fn new(schema: &str) -> Self {
        Self {
            root: serde_json::from_str(schema).unwrap(),
        }
    }

    /// Part of the schema.
    pub(super) fn part(&self, pointer: &str) -> &Value {
        self.root.pointer(pointer).unwrap()
    }

    /// Whether the schema allows a value.
    pub(super) fn allows(&self, value: &Value) -> bool {
        self.fits(&self.root, value)
    }

    fn fits(&self, schema: &Value, value: &Value) -> bool {
        match schema {
            Value::Bool(allowed) => *allowed,
            Value::Object(schema) => schema
                .iter()
                .all(|(keyword, wanted)| self.holds(schema, keyword, wanted, value)),
            other => panic!("no schema: {other}"),
        }
    }

    fn holds(
        &self,
        schema: &Map<String, Value>,
        keyword: &str,
        wanted: &Value,
        value: &Value,
    ) -> bool {
        let list = || wanted.as_array().unwrap();
        let number = || wanted.as_f64().unwrap();
        let object =
            |check: &dyn Fn(&Map<String, Value>) -> bool| value.as_object().is_none_or(check);
        let array = |check: &dyn Fn(&Vec<Value>) -> bool| value.as_array().is_none_or(check);
        let count = |len: usize| len as f64;
        match keyword {
            "$schema" | "$defs" | "title" | "description" | "default" | "then" | "else" => true,
            "$ref" => {
                let pointer = wanted.as_str().unwrap().strip_prefix('#').unwrap();
                self.fits(self.part(pointer), value)
            }
            "type" => match wanted {
                Value::Array(types) => types.iter().any(|name| is_a(value, name)),
                name => is_a(value, name),
            },
            "enum" => list().contains(value),
            "const" => value == wanted,
            "pattern" => value.as_str().is_none_or(|text| {
                let pattern = wanted.as_str().unwrap();
                regex::Regex::new(pattern).unwrap().is_match(text)
            }),
            "minimum" => value.as_f64().is_none_or(|value| value >= number()),
            "maximum" => value.as_f64().is_none_or(|value| value <= number()),
            "exclusiveMinimum" => value.as_f64().is_none_or(|value| value > number()),
            "minItems" => array(&|items| count(items.len()) >= number()),
            "maxItems" => array(&|items| count(items.len()) <= number()),
            "items" => array(&|items| items.iter().all(|item| self.fits(wanted, item))),
            "required" => object(&|map| {
                list()
                    .iter()
                    .all(|key| map.contains_key(key.as_str().unwrap()))
            }),
            "minProperties" => object(&|map| count(map.len()) >= number()),
            "propertyNames" => object(&|map| {
                map.keys()
                    .all(|key| self.fits(wanted, &Value::from(key.as_str())))
            }),
            "properties" => object(&|map| {
                let known = |(key, value)| {
                    wanted
                        .get(key)
                        .is_none_or(|schema| self.fits(schema, value))
                };
                map.iter().all(known)
            }),
            "additionalProperties" => object(&|map| {
                let named = schema.get("properties");
                map.iter()
                    .filter(|(key, _)| named.is_none_or(|named| named.get(key.as_str()).is_none()))
                    .all(|(_, value)| self.fits(wanted, value))
            }),
            "allOf" => list().iter().all(|schema| self.fits(schema, value)),
            "anyOf" => list().iter().any(|schema| self.fits(schema, value)),
            "if" => {
                let branch = if self.fits(wanted, value) {
                    "then"
                } else {
                    "else"
                };
                schema
                    .get(branch)
                    .is_none_or(|schema| self.fits(schema, value))
            }
            other => panic!("the checker does not know `{other}`"),
        }
    }
}

fn is_a(value: &Value, name: &Value) -> bool {
    match name.as_str().unwrap() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "number" => value.is_number(),
        "integer" => value.is_i64() || value.is_u64(),
        other => panic!("the checker does not know the type `{other}`"),
    }
}
