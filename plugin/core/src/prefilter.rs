//! Tells by its bytes alone that a record cannot matter, before anything is parsed.
//!
//! A record matters when it is of a kind that rules concern, carries such a record, or has a time, which
//! moves its source's clock. All of that needs one of a few words somewhere in its bytes, whatever its
//! form: as a key, in a resource id, or in a text that holds another record. JSON can hide a letter only
//! in a `\u` escape, so a record with one may matter.
//!
//! Worth it where the parser is slow: in Fluent Bit's interpreter. Most records there are lines of text
//! without a time of their own.

/// The words, in lower case. All spellings of times contain `time`; alerts and faults have a fault type;
/// CEF matters when it is of Azure Stack; `event name` is a column of the live trace tool.
const WORDS: [&[u8]; 8] = [
    b"time",
    b"signalr",
    b"webpubsub",
    b"alllogs",
    b"faulttype",
    b"commonalert",
    b"azure stack",
    b"event name",
];

/// The shortest word, in bytes.
const SHORTEST: usize = 4;

/// So far apart are the pairs of bytes that are looked at: every word holds one of them among its first
/// [`SHORTEST`] bytes.
const STRIDE: usize = SHORTEST - 1;

/// For every pair of bytes that a word may begin with, or have one or two bytes in, the words as bits.
const PAIRS: [u8; 1_024] = pairs();

const fn pairs() -> [u8; 1_024] {
    let mut pairs = [0; 1_024];
    let mut word = 0;
    while word < WORDS.len() {
        let mut at = 0;
        while at < STRIDE {
            pairs[pair(WORDS[word][at], WORDS[word][at + 1])] |= 1 << word;
            at += 1;
        }
        word += 1;
    }
    pairs
}

/// Two bytes without their case, as a number below 1,024.
const fn pair(first: u8, second: u8) -> usize {
    ((first as usize & 31) << 5) | (second as usize & 31)
}

/// Whether a record, one JSON object, may matter to rules that concern known kinds only.
pub(crate) fn may_matter(record: &[u8]) -> bool {
    has_escaped_letters(record) || has_word(record)
}

fn has_escaped_letters(record: &[u8]) -> bool {
    memchr::memchr_iter(b'\\', record).any(|at| record.get(at + 1) == Some(&b'u'))
}

fn has_word(record: &[u8]) -> bool {
    let mut at = 0;
    while let Some(&[first, second]) = record.get(at..at + 2) {
        let mut words = PAIRS.get(pair(first, second)).copied().unwrap_or(0);
        while words != 0 {
            let number = words.trailing_zeros() as usize;
            if WORDS
                .get(number)
                .is_some_and(|word| is_around(record, at, word))
            {
                return true;
            }
            words &= words - 1;
        }
        at += STRIDE;
    }
    false
}

/// Whether `word` stands so that one of its first bytes is at `at`.
fn is_around(record: &[u8], at: usize, word: &[u8]) -> bool {
    (0..STRIDE).any(|before| {
        let start = at.checked_sub(before);
        let found = start.and_then(|start| record.get(start..start + word.len()));
        found.is_some_and(|found| found.eq_ignore_ascii_case(word))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_at_every_place_and_in_any_case() {
        for word in WORDS {
            assert!(word.len() >= SHORTEST);
            for before in 0..7 {
                for word in [word.to_ascii_lowercase(), word.to_ascii_uppercase()] {
                    let text = [&b"{x,y,z,"[..before], &word, b"!"].concat();
                    assert!(may_matter(&text), "{}", String::from_utf8_lossy(&text));
                    let text = &text[..text.len() - 2];
                    assert!(!may_matter(text), "{}", String::from_utf8_lossy(text));
                }
            }
        }
    }

    #[test]
    fn escaped_letters_may_hide_a_word() {
        assert!(may_matter(br#"{"log":"\u0074ime"}"#));
        assert!(may_matter(br#"{"log":"{\"\\u0074ime\":1}"}"#));
        assert!(!may_matter(br#"{"log":"a \"b\" \\ \n /u/","n":1}"#));
        assert!(!may_matter(b"{}"));
        assert!(!may_matter(b""));
        assert!(!may_matter(b"\\"));
    }
}
