//! Which brackets are open, for values of any depth.

/// The open containers, a bit each (1 = object): 64 in a word, the words below in a stack, so that
/// a value of any depth costs at most an eighth of its size.
#[derive(Debug, Default)]
pub(super) struct Nest {
    word: u64,
    below: Vec<u64>,
    depth: usize,
}

// === impl Nest ===

impl Nest {
    /// Forgets all containers.
    pub(super) fn clear(&mut self) {
        self.word = 0;
        self.below.clear();
        self.depth = 0;
    }

    /// A container opens.
    pub(super) fn push(&mut self, object: bool) {
        if self.depth > 0 && self.depth.is_multiple_of(64) {
            self.below.push(self.word);
            self.word = 0;
        }
        self.word = (self.word << 1) | u64::from(object);
        self.depth += 1;
    }

    /// The innermost container closes.
    pub(super) fn pop(&mut self) {
        self.depth = self.depth.saturating_sub(1);
        self.word >>= 1;
        if self.depth > 0 && self.depth.is_multiple_of(64) {
            self.word = self.below.pop().unwrap_or(0);
        }
    }

    /// How many containers are open.
    pub(super) fn depth(&self) -> usize {
        self.depth
    }

    /// Whether no container is open.
    pub(super) fn is_empty(&self) -> bool {
        self.depth == 0
    }

    /// Whether the innermost container is an object.
    pub(super) fn in_object(&self) -> bool {
        self.word & 1 == 1
    }

    /// Whether this byte closes the innermost container.
    pub(super) fn closes(&self, byte: u8) -> bool {
        byte == if self.in_object() { b'}' } else { b']' }
    }
}
