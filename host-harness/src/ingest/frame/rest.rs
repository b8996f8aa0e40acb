//! Where framing can begin again after a restart.

use super::{Format, FrameLimits, Framer, Mode};

/// A place in a stream of [`Format::Lines`] from which a new framer finds the same units as the one
/// that came there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rest {
    /// Where it lies in the stream, in bytes.
    pub offset: u64,
    /// Whether a comma there is a separator: only a JSON unit came before.
    pub after_unit: bool,
    /// Whether it is text up to the end of the line, whatever it looks like: the rest of a value that
    /// broke.
    pub in_text: bool,
}

// === impl Framer ===

impl Framer {
    /// A framer that goes on at this place of a stream of text lines and JSON.
    #[must_use]
    pub fn at(rest: Rest, limits: FrameLimits) -> Self {
        let mut framer = Self::of(Format::Lines, limits);
        if rest != Rest::default() {
            framer.base = rest.offset;
            framer.after_unit = rest.after_unit;
            framer.mode = if rest.in_text { Mode::Text } else { Mode::Gap };
        }
        framer
    }

    /// The place behind which no byte was handed over, if framing can begin again there: not inside an
    /// array, an envelope, a table or a line over the limit.
    #[must_use]
    pub fn rest(&self) -> Option<Rest> {
        let is_top = self.array.is_none() && self.outer.is_none() && self.table.is_none();
        let after_unit = match self.mode {
            Mode::Mark => false,
            Mode::Gap => self.after_unit,
            Mode::Comma => true,
            Mode::Text | Mode::Object(_) | Mode::Value if is_top => false,
            _ => return None,
        };
        Some(Rest {
            offset: self.offset(self.start),
            after_unit,
            in_text: self.mode == Mode::Text,
        })
    }
}
