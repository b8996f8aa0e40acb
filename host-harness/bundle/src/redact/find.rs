//! Finding what a profile replaces, in a line and in everything encoded inside it.

use super::{
    address, base64,
    fields::{self, Field},
    json::{self, MAX_NESTING, Scalar, Step, Visitor},
    profile::{Profile, Rule},
    tokens::is_marked,
    view::View,
};

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

struct Members<'f, 'p, 'v> {
    finder: &'f mut Finder<'p>,
    view: &'v View<'v>,
    way: Way,
    pairs: Vec<Pair>,
}

/// An object such as `{"name":"Authorization","value":"…"}`.
struct Pair {
    level: usize,
    names_secret: bool,
    value: Option<(Scalar, usize, usize)>,
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
        let mut members = Members {
            finder: self,
            view,
            way,
            pairs: Vec::new(),
        };
        let is_json = json::walk(view, &mut members);
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

// === impl Members ===

impl Members<'_, '_, '_> {
    fn bytes(&self, start: usize, end: usize) -> &[u8] {
        self.view.text.get(start..end).unwrap_or_default()
    }

    /// The keys around a place, the nearest first.
    fn keys<'s>(&'s self, path: &'s [Step]) -> impl Iterator<Item = &'s [u8]> {
        path.iter().rev().filter_map(|step| match step {
            Step::Member(start, end) => Some(self.bytes(*start, *end)),
            Step::Item(_) => None,
        })
    }

    fn field(&self, path: &[Step]) -> Option<Field> {
        let mut keys = self.keys(path);
        let key = keys.next()?;
        if memchr::memchr(b'\\', key).is_some() {
            let key = View::of(key).unescaped()?;
            return fields::field(&key.text, keys);
        }
        fields::field(key, keys)
    }

    /// All of a member goes.
    fn member(&mut self, rule: Rule, kind: Scalar, start: usize, end: usize, is_user: bool) {
        let quotes = (kind == Scalar::Number).then_some(self.way.quotes);
        let part = self.view.part(start, end);
        let decoded = if kind == Scalar::String {
            part.unescaped()
        } else {
            None
        };
        let view = decoded.as_ref().unwrap_or(&part);
        let text = &view.text[..];
        if text.trim_ascii().is_empty() || is_marked(text.trim_ascii()) {
            return;
        }
        let mut end = text.len();
        let mut rule = rule;
        let mut value = text.to_vec();
        if is_user {
            // Alerts are closed by `ada@contoso.example?api-version=1.0.0`, or by that tail alone.
            if let Some(tail) = memchr::memmem::find(text, b"?api-version=") {
                end = tail;
                value.truncate(tail);
            }
            if value.is_empty() || is_marked(&value) {
                return;
            }
            // The same token as where the same value stands in a text.
            if let Some(other) = self.finder.profile.known_whole(&value) {
                rule = other;
            }
        }
        if let Some(address) = address::whole(&value) {
            value = address.to_canonical().to_string().into_bytes();
        }
        self.finder.push(view, rule, 0, end, value, quotes);
    }

    fn level(path: &[Step]) -> usize {
        path.len()
    }

    fn pair(&mut self, kind: Scalar, start: usize, end: usize, path: &[Step]) {
        let Some(Step::Member(from, to)) = path.last() else {
            return;
        };
        let key = self.bytes(*from, *to);
        let is = |names: &[&[u8]]| names.iter().any(|name| key.eq_ignore_ascii_case(name));
        let is_value = is(&[b"value"]);
        if !is_value && (kind != Scalar::String || !is(&[b"name", b"key", b"header"])) {
            return;
        }
        let level = Self::level(path);
        if self.pairs.last().is_none_or(|pair| pair.level != level) {
            self.pairs.push(Pair {
                level,
                names_secret: false,
                value: None,
            });
        }
        let names_secret = !is_value
            && fields::field(self.bytes(start, end), [].into_iter()) == Some(Field::Secret);
        if let Some(pair) = self.pairs.last_mut() {
            pair.names_secret |= names_secret;
            if is_value {
                pair.value = Some((kind, start, end));
            }
        }
    }
}

impl Visitor for Members<'_, '_, '_> {
    fn key(&mut self, start: usize, end: usize) {
        // Short keys hold nothing.
        if end - start >= 8 {
            let part = self.view.part(start, end);
            let decoded = part.unescaped();
            self.finder
                .text(decoded.as_ref().unwrap_or(&part), self.way);
        }
    }

    fn scalar(&mut self, kind: Scalar, start: usize, end: usize, path: &[Step]) {
        if kind == Scalar::Word {
            return;
        }
        self.pair(kind, start, end, path);
        let field = self.field(path);
        let profile = self.finder.profile;
        let rule = field.and_then(|field| profile.field_rule(field));
        if let (Some(field), Some(rule)) = (field, rule) {
            let is_text = kind == Scalar::String;
            match field {
                Field::Secret => self.member(rule, kind, start, end, false),
                Field::User if !self.finder.only_secrets => {
                    self.member(rule, kind, start, end, true)
                }
                Field::Host if is_text && !self.finder.only_secrets => {
                    self.member(rule, kind, start, end, false);
                }
                Field::Address if is_text && !self.finder.only_secrets => {
                    // Also where it is masked, as in 192.0.2.xxx; with a port the text is looked at.
                    let value = self.bytes(start, end);
                    let is_address = value.iter().any(u8::is_ascii_digit);
                    let has_other = address::whole(value).is_some()
                        || memchr::memchr3(b',', b' ', b'[', value).is_some();
                    if is_address && !has_other {
                        self.member(rule, kind, start, end, false);
                    }
                }
                _ => {}
            }
        }
        if !self.finder.only_secrets {
            let keys: Vec<_> = if profile.has_paths() {
                self.keys(path).map(<[u8]>::to_vec).collect()
            } else {
                Vec::new()
            };
            let rules: Vec<_> = profile.path_rules(path, &keys).collect();
            for rule in rules {
                self.member(rule, kind, start, end, false);
            }
        }
        if kind == Scalar::Number || end - start < MIN_TEXT {
            return;
        }
        let part = self.view.part(start, end);
        let decoded = part.unescaped();
        let view = decoded.as_ref().unwrap_or(&part);
        let way = Way {
            depth: self.way.depth,
            quotes: self.way.quotes,
            is_version: field == Some(Field::Version),
        };
        let first = view.text.trim_ascii_start().first();
        if matches!(first, Some(b'{' | b'[' | b'"'))
            && way.quotes < MAX_NESTING.min(self.finder.depth)
        {
            let inner = Way {
                depth: way.depth + 1,
                quotes: way.quotes + 1,
                is_version: false,
            };
            if way.depth < self.finder.depth && self.finder.json(view, inner) {
                return;
            }
        }
        self.finder.text(view, way);
    }

    fn end_object(&mut self, path: &[Step]) {
        let level = Self::level(path) + 1;
        let is_here = |pair: &mut Pair| pair.level == level;
        let Some(pair) = self.pairs.pop_if(is_here) else {
            return;
        };
        let rule = self.finder.profile.field_rule(Field::Secret);
        if let (true, Some((kind, start, end)), Some(rule)) = (pair.names_secret, pair.value, rule)
            && kind != Scalar::Word
        {
            self.member(rule, kind, start, end, false);
        }
    }
}
