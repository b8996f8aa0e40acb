//! The known fields of one JSON object.

use std::borrow::Cow;

use super::Key;
use super::keys::COMMON_KEYS;

/// Room for the rarer keys when the first of them comes: those of an alert.
const RARE_KEYS: usize = 16;

/// The known fields of one JSON object, or of what stands in its place.
#[derive(Debug, Default)]
pub struct Object<'a> {
    common: [Option<Cow<'a, str>>; COMMON_KEYS],
    rare: Vec<(Key, Cow<'a, str>)>,
}

impl<'a> Object<'a> {
    /// The text of `key`; `None` when absent, null, an object or an array.
    #[must_use]
    pub fn get(&self, key: Key) -> Option<&str> {
        match self.common.get(key as usize) {
            Some(slot) => slot.as_deref(),
            None => self
                .rare
                .iter()
                .find(|(known, _)| *known == key)
                .map(|(_, text)| text.as_ref()),
        }
    }

    /// As [`Object::get`], but empty and blank texts count as absent.
    #[must_use]
    pub fn filled(&self, key: Key) -> Option<&str> {
        self.get(key).filter(|text| !text.trim().is_empty())
    }

    /// Puts `text` in the place of what `key` had.
    pub(crate) fn set(&mut self, key: Key, text: Option<Cow<'a, str>>) {
        if let Some(slot) = self.common.get_mut(key as usize) {
            *slot = text;
            return;
        }
        let place = self.rare.iter().position(|(known, _)| *known == key);
        match (place, text) {
            (Some(at), Some(text)) => {
                if let Some(known) = self.rare.get_mut(at) {
                    known.1 = text;
                }
            }
            (Some(at), None) => {
                self.rare.swap_remove(at);
            }
            (None, Some(text)) => {
                if self.rare.is_empty() {
                    self.rare.reserve(RARE_KEYS);
                }
                self.rare.push((key, text));
            }
            (None, None) => {}
        }
    }

    /// Takes the text of `key` out.
    pub(crate) fn take(&mut self, key: Key) -> Option<Cow<'a, str>> {
        if let Some(slot) = self.common.get_mut(key as usize) {
            return slot.take();
        }
        let at = self.rare.iter().position(|(known, _)| *known == key)?;
        Some(self.rare.swap_remove(at).1)
    }

    /// The same fields, borrowing nothing.
    pub(super) fn into_owned<'b>(self) -> Object<'b> {
        let owned = |text: Cow<'a, str>| Cow::Owned(text.into_owned());
        Object {
            common: self.common.map(|slot| slot.map(owned)),
            rare: self
                .rare
                .into_iter()
                .map(|(key, text)| (key, owned(text)))
                .collect(),
        }
    }
}
