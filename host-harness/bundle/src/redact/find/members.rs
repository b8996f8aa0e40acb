//! Finding by the names of members: what a JSON text says of itself.

use super::{
    super::{
        address,
        fields::{self, Field},
        json::{MAX_NESTING, Scalar, Step, Visitor},
        profile::Rule,
        tokens::is_marked,
        view::View,
    },
    Finder, MIN_TEXT, Way,
};

/// Looks at the members of a JSON text.
pub(super) struct Members<'f, 'p, 'v> {
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

// === impl Members ===

impl<'f, 'p, 'v> Members<'f, 'p, 'v> {
    pub(super) fn new(finder: &'f mut Finder<'p>, view: &'v View<'v>, way: Way) -> Self {
        Self {
            finder,
            view,
            way,
            pairs: Vec::new(),
        }
    }
}

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
