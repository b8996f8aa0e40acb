//! What the URL and headers of a request say of its lines.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use axum::extract::Query;
use axum::http::{HeaderMap, Uri};
use tripline_core::canary::CANARY_SOURCE;

use super::answer::Refusal;
use crate::config::is_source;

/// The source of lines whose sender names none.
pub const DEFAULT_SOURCE: &str = "http";

/// The header that names the source where the URL does not.
pub const SOURCE_HEADER: &str = "x-tripline-source";

/// The most sources that senders may name while the process runs: each has clocks of its own.
pub const MOST_SOURCES: usize = 100;

/// What a request asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Asked {
    /// The name of the source.
    pub(super) source: String,
    /// Whether its lines are judged.
    pub(super) is_judged: bool,
}

/// The sources that were named so far.
#[derive(Debug, Default)]
pub(super) struct Sources {
    known: Mutex<BTreeSet<String>>,
}

// === impl Asked ===

impl Asked {
    /// Reads the query and headers.
    pub(super) fn of(uri: &Uri, headers: &HeaderMap) -> Result<Self, Refusal> {
        let query = Query::<Vec<(String, String)>>::try_from_uri(uri);
        let Query(query) =
            query.map_err(|_| Refusal::Malformed("the query of the URL cannot be read"))?;
        let named = headers.get(SOURCE_HEADER);
        let named = named.map(|name| name.to_str().unwrap_or_default());
        let mut asked = Self {
            source: named.unwrap_or(DEFAULT_SOURCE).to_owned(),
            is_judged: true,
        };
        for (key, value) in query {
            match (key.as_str(), value.as_str()) {
                ("source", _) => asked.source = value,
                ("detect", "on") => asked.is_judged = true,
                ("detect", "off") => asked.is_judged = false,
                ("detect", _) => {
                    return Err(Refusal::Malformed("`detect` is `on` or `off` in the URL"));
                }
                _ => {
                    return Err(Refusal::Malformed(
                        "the URL may have `source` and `detect` behind its `?`, and nothing else",
                    ));
                }
            }
        }
        if !is_source(&asked.source) {
            return Err(Refusal::Malformed(
                "the name of the source has 1 to 64 of the characters a-z A-Z 0-9 - _ . : /",
            ));
        }
        Ok(asked)
    }
}

// === impl Sources ===

impl Sources {
    /// Notes a source, unless it is one too many.
    pub(super) fn admit(&self, source: &str) -> Result<(), Refusal> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        // The canary's own is none of the senders'.
        if source == CANARY_SOURCE || known.contains(source) {
            return Ok(());
        }
        if known.len() >= MOST_SOURCES {
            return Err(Refusal::Malformed(
                "100 sources were named already (hint: name sources by kind, not by machine or request)",
            ));
        }
        known.insert(source.to_owned());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::MOST_SOURCE_BYTES;

    fn asked(uri: &str, header: Option<&str>) -> Result<(String, bool), Refusal> {
        let mut headers = HeaderMap::new();
        if let Some(name) = header {
            headers.insert(SOURCE_HEADER, name.parse().unwrap());
        }
        let asked = Asked::of(&uri.parse().unwrap(), &headers)?;
        Ok((asked.source, asked.is_judged))
    }

    #[test]
    fn the_url_goes_before_the_header_and_the_header_before_the_default() {
        let is = |source: &str, is_judged| Ok((source.to_owned(), is_judged));
        assert_eq!(asked("/v1/ingest", None), is("http", true));
        assert_eq!(asked("/v1/ingest", Some("app")), is("app", true));
        assert_eq!(
            asked("/?source=vector:a/b", Some("app")),
            is("vector:a/b", true)
        );
        assert_eq!(asked("/?detect=off&source=x", None), is("x", false));
        assert_eq!(asked("/?detect=on", None), is("http", true));
        let longest = "s".repeat(MOST_SOURCE_BYTES);
        assert_eq!(
            asked(&format!("/?source={longest}"), None),
            is(&longest, true)
        );
    }

    #[test]
    fn other_names_and_keys_are_refused() {
        let long = format!("/?source={}", "s".repeat(MOST_SOURCE_BYTES + 1));
        for uri in [
            &long,
            "/?source=",
            "/?source=a%20b",
            "/?source=%ff",
            "/?detect=of",
            "/?x=1",
        ] {
            assert!(
                matches!(asked(uri, None), Err(Refusal::Malformed(_))),
                "{uri}"
            );
        }
        assert!(asked("/", Some("a b")).is_err());
    }

    #[test]
    fn so_many_sources_and_no_more() {
        let sources = Sources::default();
        for number in 0..MOST_SOURCES {
            sources.admit(&format!("s{number}")).unwrap();
        }
        assert!(sources.admit("one-more").is_err());
        sources.admit("s0").unwrap();
        sources.admit(CANARY_SOURCE).unwrap();
    }
}
