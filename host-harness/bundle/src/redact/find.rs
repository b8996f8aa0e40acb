//! Finding what a profile replaces, in a line and in everything encoded inside it.

mod members;

use super::{
    address, base64,
    fields::Field,
    json,
    profile::{Profile, Rule},
    tokens::is_marked,
    view::View,
};
use members::Members;

/// How deep encodings are followed when redacting: JSON in strings, escapes, percent-encoding, HTML,
/// base64, in any order.
pub(super) const REDACTION_DEPTH: usize = 3;

/// The same for the scan afterwards, which so sees more than was redacted.
pub(super) const SCAN_DEPTH: usize = 5;

/// The shortest text in which a redactor can find something.
const MIN_TEXT: usize = 3;

/// Something to be replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hit {
    /// Place in the line.
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) rule: Rule,
    /// Removed as a secret: goes before all others.
    pub(super) is_secret: bool,
    /// What its token stands for, where another value than the text there.
    pub(super) value: Vec<u8>,
    /// The token needs quotes, inside so many JSON strings.
    pub(super) quotes: Option<usize>,
}

/// Looks for hits.
pub(super) struct Finder<'p> {
    profile: &'p Profile,
    /// Only for secrets.
    only_secrets: bool,
    depth: usize,
    pub(super) hits: Vec<Hit>,
    /// Whether something was encoded too deep to be followed.
    pub(super) is_cut: bool,
}

/// How a text was come by.
#[derive(Debug, Clone, Copy, Default)]
struct Way {
    /// Encodings taken off.
    depth: usize,
    /// JSON strings it lies in.
    quotes: usize,
    /// Four numbers in it are a version.
    is_version: bool,
}

// === impl Finder ===

impl<'p> Finder<'p> {
    pub(super) fn new(profile: &'p Profile, only_secrets: bool, depth: usize) -> Self {
        Self {
            profile,
            only_secrets,
            depth,
            hits: Vec::new(),
            is_cut: false,
        }
    }

    /// Looks at a whole line, without its end.
    pub(super) fn line(&mut self, line: &[u8]) {
        self.any(&View::of(line), Way::default());
    }

    /// Looks at a text, which may be JSON.
    fn any(&mut self, view: &View<'_>, way: Way) {
        let first = view.text.trim_ascii_start().first();
        let looks_like_json = matches!(first, Some(b'{' | b'[' | b'"'));
        if !(looks_like_json && self.json(view, way)) {
            self.text(view, way);
        }
    }

    /// Looks at a JSON text; false if it is none.
    fn json(&mut self, view: &View<'_>, way: Way) -> bool {
        let before = self.hits.len();
        let was_cut = self.is_cut;
        let is_json = json::walk(view, &mut Members::new(self, view, way));
        if !is_json {
            self.hits.truncate(before);
            self.is_cut = was_cut;
        }
        is_json
    }

    /// Looks at a text that is no JSON.
    fn text(&mut self, view: &View<'_>, way: Way) {
        if view.text.len() < MIN_TEXT {
            return;
        }
        let percent = view.percent_decoded();
        let html = view.dereferenced();
        let escapes = view.unescaped();
        let has_more = percent.is_some() || html.is_some() || escapes.is_some();
        let goes_deeper = way.depth < self.depth;
        self.is_cut |= has_more && !goes_deeper;
        // What is no secret is looked for where it can be read, so that the same value has one token.
        let reads_here = !goes_deeper || percent.is_none() && html.is_none();
        self.patterns(view, way, reads_here);
        self.runs(view, way);
        if goes_deeper {
            let way = Way {
                depth: way.depth + 1,
                ..way
            };
            for inner in [percent, html, escapes].into_iter().flatten() {
                self.text(&inner, way);
            }
        }
    }

    fn patterns(&mut self, view: &View<'_>, way: Way, reads_here: bool) {
        let text = &view.text[..];
        let profile = self.profile;
        profile.each_match(text, self.only_secrets, &mut |rule, start, end| {
            let is_secret = profile.is_secret(rule);
            if is_secret || reads_here {
                self.hit(view, rule, start, end, None);
            }
        });
        if self.only_secrets || !reads_here || way.is_version {
            return;
        }
        if let Some(rule) = profile.field_rule(Field::Address) {
            address::find(text, &mut |found| {
                let value = found.address.to_canonical().to_string().into_bytes();
                self.push(view, rule, found.start, found.end, value, None);
            });
        }
    }

    /// Looks into runs of base64; one that holds something goes as a whole.
    fn runs(&mut self, view: &View<'_>, way: Way) {
        if view.text.len() < base64::MIN_RUN {
            return;
        }
        base64::find(&view.text, &mut |(start, end), readable| {
            if way.depth >= self.depth {
                self.is_cut = true;
                return true;
            }
            let mut inner = Finder::new(self.profile, self.only_secrets, self.depth);
            inner.any(
                &View::of(readable),
                Way {
                    depth: way.depth + 1,
                    ..Way::default()
                },
            );
            self.is_cut |= inner.is_cut;
            // A secret first, lest a mail beside it keeps the run from the scan.
            let hits = &inner.hits;
            let Some(hit) = hits.iter().find(|hit| hit.is_secret).or(hits.first()) else {
                return false;
            };
            let (place, rule, is_secret) = (view.place(start, end), hit.rule, hit.is_secret);
            let value = view.text.get(start..end).unwrap_or_default().to_vec();
            self.hits.push(Hit {
                start: place.0,
                end: place.1,
                rule,
                is_secret,
                value,
                quotes: None,
            });
            true
        });
    }

    /// A hit of a pattern in a text, or all of a member.
    fn hit(
        &mut self,
        view: &View<'_>,
        rule: Rule,
        start: usize,
        end: usize,
        quotes: Option<usize>,
    ) {
        let value = view.text.get(start..end).unwrap_or_default();
        if value.is_empty() || is_marked(value) {
            return;
        }
        let value = value.to_vec();
        self.push(view, rule, start, end, value, quotes);
    }

    fn push(
        &mut self,
        view: &View<'_>,
        rule: Rule,
        start: usize,
        end: usize,
        value: Vec<u8>,
        quotes: Option<usize>,
    ) {
        let (start, end) = view.place(start, end);
        let is_secret = self.profile.is_secret(rule);
        self.hits.push(Hit {
            start,
            end,
            rule,
            is_secret,
            value,
            quotes,
        });
    }
}
