//! How much a plugin may say. All far above what an honest one needs, and low enough that a
//! dishonest one fills neither memory nor disk.

/// Codes: reasons, severities, names of attributes.
pub(super) const MAX_CODE_BYTES: usize = 64;

/// Names that users choose: rules, and counters made of them.
pub(super) const MAX_NAME_BYTES: usize = 256;

/// Groups, attributes, messages.
pub(super) const MAX_TEXT_BYTES: usize = 8 << 10;

/// The evidence of one request.
pub(super) const MAX_EVIDENCE_BYTES: usize = 64 << 10;

/// The answer to one question.
pub(super) const MAX_ANSWER_BYTES: usize = 4 << 20;

/// A state: the core keeps 16 MiB, in whatever form it saves them.
pub(super) const MAX_STATE_BYTES: usize = 32 << 20;

/// Requests, folds, problems of one call: every group of a rule at once, and some.
pub(super) const MAX_ITEMS: usize = 65_536;

/// Counters of one call.
pub(super) const MAX_COUNTERS: usize = 4_096;

/// Attributes of one thing.
pub(super) const MAX_ATTRIBUTES: usize = 64;

/// The years that have four digits, with a year to spare for windows around them: what every
/// calendar the host uses can hold. µs.
pub(super) const MIN_TIME: i64 = -62_200_000_000 * 1_000_000;

/// See [`MIN_TIME`].
pub(super) const MAX_TIME: i64 = 253_440_000_000 * 1_000_000;
