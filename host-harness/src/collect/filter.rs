//! `--filter key=value`: which lines a person asks for.

use std::collections::BTreeMap;

use tripline_bundle::collect::Roles;
use tripline_bundle::recorder::WindowLine;
use tripline_bundle::spool::{Kind, RequestRow};
use tripline_core::record::{Field, Record, read_record};

use crate::replay::belongs;

/// The most filters of one request.
pub const MOST_FILTERS: usize = 100;
/// The most bytes of one filter.
pub const MOST_FILTER_BYTES: usize = 1_024;

/// Keys that are no field of a record.
const OWN_KEYS: [&str; 3] = ["role", "rule", "source"];

/// Filters: a line must have one of the values of every key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filters {
    by_key: BTreeMap<String, Vec<String>>,
}

/// What filters need to know besides the line.
#[derive(Clone, Copy)]
pub struct Knowledge<'a> {
    /// The roles of sources.
    pub roles: &'a Roles,
    /// What rules asked for; see `asked_by_rules`.
    pub asked: &'a [Asked],
}

/// The lines that a rule asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The rule.
    pub(super) rule: String,
    from: i64,
    to: i64,
    resource: Option<String>,
}

/// What the requests of rules asked for.
pub(super) fn asked_by_rules(rows: &[RequestRow]) -> Vec<Asked> {
    let rows = rows.iter().filter(|row| row.kind == Kind::Proactive);
    rows.map(|row| Asked {
        rule: row.request.rule.clone(),
        from: row.request.from,
        to: row.request.to,
        resource: match row.request.attribute("scope") {
            Some("resource") => row.request.attribute("resource").map(str::to_owned),
            _ => None,
        },
    })
    .collect()
}

// === impl Filters ===

impl Filters {
    /// Reads `key=value` each.
    ///
    /// # Errors
    /// What is wrong, for the command line.
    pub fn read<S: AsRef<str>>(texts: &[S]) -> Result<Self, String> {
        if texts.len() > MOST_FILTERS {
            return Err(format!(
                "{} filters; {MOST_FILTERS} are possible",
                texts.len()
            ));
        }
        let mut filters = Self::default();
        for text in texts {
            let text = text.as_ref();
            let refuse = |why: String| Err(format!("cannot filter by `{text}`: {why}"));
            if text.len() > MOST_FILTER_BYTES {
                return refuse(format!("it is longer than {MOST_FILTER_BYTES} bytes"));
            }
            let Some((key, value)) = text.split_once('=') else {
                return refuse("write key=value, such as level=Error".to_owned());
            };
            let (key, value) = (key.trim().to_ascii_lowercase(), value.trim());
            if Field::named(&key).is_none() && !OWN_KEYS.contains(&key.as_str()) {
                let keys = "resource, rule, level, role, reason, source";
                return refuse(format!(
                    "there is no field `{key}`; use {keys} or one that `tripline rules fields` lists"
                ));
            }
            if value.is_empty() {
                return refuse("it has no value".to_owned());
            }
            let value = match key.as_str() {
                "resource" => value.trim_end_matches('/').to_lowercase(),
                _ => value.to_owned(),
            };
            let values = filters.by_key.entry(key).or_default();
            if !values.contains(&value) {
                values.push(value);
                values.sort();
            }
        }
        Ok(filters)
    }

    /// Whether every line passes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_key.is_empty()
    }

    /// The filters as texts, in an order of their own: the same filters are the same texts.
    #[must_use]
    pub fn texts(&self) -> Vec<String> {
        let by_key = self.by_key.iter();
        by_key
            .flat_map(|(key, values)| values.iter().map(move |value| format!("{key}={value}")))
            .collect()
    }

    /// The rules that are filtered by.
    #[must_use]
    pub fn rules(&self) -> &[String] {
        self.by_key.get("rule").map_or(&[], Vec::as_slice)
    }

    /// Whether collectors of this role are asked for.
    #[must_use]
    pub fn wants_role(&self, role: &str) -> bool {
        let roles = self.by_key.get("role");
        roles.is_none_or(|roles| roles.iter().any(|wanted| wanted.eq_ignore_ascii_case(role)))
    }

    /// Whether filters are about records, which files of the machine do not hold.
    #[must_use]
    pub fn is_about_records(&self) -> bool {
        self.by_key.keys().any(|key| key != "role")
    }

    /// Whether a line passes.
    #[must_use]
    pub fn keep(&self, line: &WindowLine<'_>, knowledge: &Knowledge<'_>) -> bool {
        let record = read_record(line.bytes.trim_ascii_end()).ok();
        self.by_key.iter().all(|(key, values)| {
            values.iter().any(|value| match key.as_str() {
                "role" => knowledge.roles.of(line.source).eq_ignore_ascii_case(value),
                "source" => **line.source == **value,
                "rule" => knowledge
                    .asked
                    .iter()
                    .any(|asked| asked.covers(value, line)),
                "resource" => has_resource(line.bytes, record.as_ref(), value),
                key => record
                    .as_ref()
                    .and_then(|record| record.field(Field::named(key)?))
                    .is_some_and(|text| text.eq_ignore_ascii_case(value)),
            })
        })
    }
}

/// Whether a line is of a resource, named by its id, or by its last part alone.
fn has_resource(line: &[u8], record: Option<&Record<'_>>, wanted: &str) -> bool {
    if wanted.contains('/') {
        return belongs(line, wanted);
    }
    let id = record.and_then(Record::resource);
    id.is_some_and(|id| {
        let id = id.split("/replicas/").next().unwrap_or(&id);
        id.rsplit('/').next() == Some(wanted)
    })
}

// === impl Asked ===

impl Asked {
    fn covers(&self, rule: &str, line: &WindowLine<'_>) -> bool {
        let Self {
            from, to, resource, ..
        } = self;
        self.rule == rule
            && (*from..=*to).contains(&line.time)
            && resource.as_deref().is_none_or(|id| belongs(line.bytes, id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    fn keeps(filters: &[&str], text: &str, time: i64) -> bool {
        let filters = Filters::read(filters).unwrap();
        let asked = [Asked {
            rule: "a.rule".to_owned(),
            from: 10,
            to: 20,
            resource: Some("/s/signalr/a".to_owned()),
        }];
        let mut roles = Roles::default();
        roles.add("src-*", "hub").unwrap();
        let knowledge = Knowledge {
            roles: &roles,
            asked: &asked,
        };
        let line = WindowLine {
            source: &Arc::from("src"),
            time,
            rejected: false,
            bytes: text.as_bytes(),
        };
        filters.keep(&line, &knowledge)
    }

    const LINE: &str = r#"{"category":"AllLogs","operationName":"ConnectionAborted","level":"Warning","resourceId":"/S/SIGNALR/A/REPLICAS/WEST","properties":{"message":"Connection ping timeout"}}"#;

    #[test]
    fn keys_must_all_hold_and_of_a_keys_values_one() {
        for (filters, expected) in [
            (&[][..], true),
            (&["level=warning"], true),
            (&["level=error"], false),
            (&["level=error", "level=Warning"], true),
            (&["level=warning", "operation=connectionaborted"], true),
            (&["level=warning", "operation=other"], false),
            (&["resource=/s/SignalR/a"], true),
            (&["resource=/s/signalr/a/"], true),
            (&["resource=A"], true),
            (&["resource=west"], false),
            (&["resource=b", "resource=a"], true),
            (&["role=default"], true),
            (&["role=iis"], false),
            (&["source=src"], true),
            (&["source=other"], false),
            (&["rule=a.rule"], true),
            (&["rule=b.rule"], false),
            (&["user=x"], false),
        ] {
            assert_eq!(keeps(filters, LINE, 15), expected, "{filters:?}");
        }
        assert!(!keeps(&["rule=a.rule"], LINE, 21), "past its window");
        let other = LINE.replace("/A/", "/B/");
        assert!(!keeps(&["rule=a.rule"], &other, 15), "another resource");
        assert!(!keeps(&["level=warning"], "junk", 15));
        assert!(keeps(&["role=default"], "junk", 15));
        assert!(!keeps(&["role=hub"], "junk", 15));
    }

    #[test]
    fn what_is_no_filter_is_refused_and_the_order_does_not_count() {
        for (text, expected) in [
            ("level", "write key=value"),
            ("levle=x", "no field `levle`"),
            ("level=", "has no value"),
        ] {
            let why = Filters::read(&[text]).unwrap_err();
            assert!(why.contains(expected), "{why}");
        }
        let long = |bytes: usize| format!("level={}", "x".repeat(bytes - 6));
        assert!(Filters::read(&[long(MOST_FILTER_BYTES)]).is_ok());
        assert!(Filters::read(&[long(MOST_FILTER_BYTES + 1)]).is_err());
        let many = |count| vec!["level=x"; count];
        assert!(Filters::read(&many(MOST_FILTERS)).is_ok());
        assert!(Filters::read(&many(MOST_FILTERS + 1)).is_err());
        let one = Filters::read(&["role=a", "level=b", "level=a"]).unwrap();
        let other = Filters::read(&["level=a", "level=b", "role=a", "role=a"]).unwrap();
        assert_eq!(one.texts(), ["level=a", "level=b", "role=a"]);
        assert_eq!(one, other);
    }
}
