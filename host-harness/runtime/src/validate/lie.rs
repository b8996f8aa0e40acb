//! The ways to break the contract. Messages never quote the plugin's text: it may hold a customer's.

/// What a plugin did against the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Lie {
    /// Not one time a line.
    #[error("it gave {times} times for {lines} lines")]
    Times {
        /// Times given.
        times: usize,
        /// Lines there were.
        lines: usize,
    },
    /// A time outside of the calendar.
    #[error("it gave the time {time} µs, which is not in the years 0 to 9999")]
    Time {
        /// The time.
        time: i64,
    },
    /// An edit of a line that is not there.
    #[error("edit {index} is in line {line} of {lines}")]
    EditLine {
        /// Which edit.
        index: usize,
        /// Its line.
        line: u32,
        /// Lines there were.
        lines: usize,
    },
    /// Edits out of order, at one place, or one in what another removes.
    #[error("edit {index} does not lie behind the one before")]
    EditOrder {
        /// Which edit.
        index: usize,
    },
    /// An edit at or beyond the ends of its line.
    #[error("edit {index} at offset {offset} is not strictly inside its line of {length} bytes")]
    EditOffset {
        /// Which edit.
        index: usize,
        /// Where.
        offset: u32,
        /// The line's length.
        length: usize,
    },
    /// An edit that would cut a character in two.
    #[error("edit {index} at offset {offset} is inside a UTF-8 character")]
    EditInsideCharacter {
        /// Which edit.
        index: usize,
        /// Where.
        offset: u32,
    },
    /// An edit that removes without the grant.
    #[error("edit {index} removes {remove} bytes without the grant `rewrite`")]
    NotGranted {
        /// Which edit.
        index: usize,
        /// How many bytes.
        remove: u32,
    },
    /// The texts of the edits are not the text given.
    #[error("the lengths of its edits do not add up to its {text} bytes of text")]
    TextLength {
        /// Text given.
        text: usize,
    },
    /// An edit whose text would break its line.
    #[error("the text of edit {index} holds a line break or is not UTF-8")]
    EditText {
        /// Which edit.
        index: usize,
    },
    /// A rejected line that is not there.
    #[error("it rejected line {line} of {lines}")]
    RejectedLine {
        /// The line.
        line: u32,
        /// Lines there were.
        lines: usize,
    },
    /// Rejected lines out of order or twice.
    #[error("it rejected line {line} out of order")]
    RejectedOrder {
        /// The line.
        line: u32,
    },
    /// A request whose id is not that of its rule, group and time.
    #[error("the id of request {index} is not that of its rule, group and time")]
    RequestId {
        /// Which request.
        index: usize,
    },
    /// A request whose window does not hold its trigger.
    #[error("the window of request {index} does not hold the time of its trigger")]
    RequestWindow {
        /// Which request.
        index: usize,
    },
    /// A request by a line that is not there.
    #[error("request {index} names line {line} of {lines}")]
    RequestLine {
        /// Which request.
        index: usize,
        /// The line.
        line: u32,
        /// Lines there were.
        lines: usize,
    },
    /// Evidence that is not JSON.
    #[error("the evidence of request {index} is not JSON")]
    Evidence {
        /// Which request.
        index: usize,
    },
    /// A fold into something that is no request id.
    #[error("fold {index} does not name a request id")]
    FoldId {
        /// Which fold.
        index: usize,
    },
    /// A refusal without a reason.
    #[error("it refused the rules and named no problem")]
    NoProblem,
    /// Too much text.
    #[error("{what} has {bytes} bytes, the limit is {limit}")]
    TooLong {
        /// What.
        what: &'static str,
        /// Its length.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// Too many of something.
    #[error("it gave {count} {what}, the limit is {limit}")]
    TooMany {
        /// What.
        what: &'static str,
        /// How many.
        count: usize,
        /// The limit.
        limit: usize,
    },
    /// A name that is none.
    #[error("{what} is empty or holds control characters")]
    NoName {
        /// What.
        what: &'static str,
    },
}
