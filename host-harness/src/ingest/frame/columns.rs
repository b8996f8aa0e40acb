//! The columns of a table, and rows made into JSON objects.
//!
//! A table names its columns once, a record names them in every line. So that a row of a few bytes
//! cannot become a line of any size, both the number of columns and their names are bounded.

/// A table has no more columns than these. A Log Analytics table has at most 500.
pub const MAX_COLUMNS: usize = 1_024;

/// The longest name of a column, in bytes of JSON text without the quotes.
pub const MAX_NAME_BYTES: usize = 256;

/// What of a key is not its name: the bracket or comma, the quotes and the colon.
const PUNCTUATION_BYTES: usize = 4;

/// The columns of a table, in order, as the keys of JSON objects.
#[derive(Debug)]
pub(super) struct Columns {
    /// What stands before each value: the bracket or a comma, the name and a colon.
    keys: Vec<Vec<u8>>,
}

// === impl Columns ===

impl Columns {
    /// The columns of these names. None when a bound is exceeded. Names may repeat; the plugin takes
    /// the last.
    pub(super) fn new<'a>(names: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        let mut keys = Vec::new();
        for name in names {
            let mut key = vec![if keys.is_empty() { b'{' } else { b',' }];
            serde_json::to_writer(&mut key, name).ok()?;
            key.push(b':');
            if keys.len() == MAX_COLUMNS || key.len() > MAX_NAME_BYTES + PUNCTUATION_BYTES {
                return None;
            }
            keys.push(key);
        }
        Some(Self { keys })
    }

    /// How many they are.
    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }

    /// Writes an object; `write_value` writes the value of the column of that number.
    pub(super) fn write(
        &self,
        object: &mut Vec<u8>,
        mut write_value: impl FnMut(usize, &mut Vec<u8>),
    ) {
        object.clear();
        if self.keys.is_empty() {
            object.push(b'{');
        }
        for (number, key) in self.keys.iter().enumerate() {
            object.extend_from_slice(key);
            write_value(number, object);
        }
        object.push(b'}');
    }
}
