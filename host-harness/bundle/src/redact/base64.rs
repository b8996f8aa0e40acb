//! Readable text inside runs of base64, of either alphabet, at any alignment.

/// The shortest run that is decoded, in characters.
pub(super) const MIN_RUN: usize = 24;

/// The shortest stretch of readable text that counts: chance gives a stretch of random bytes this
/// long once in 150,000 places.
const MIN_STRETCH: usize = 10;

/// The value of each character, 64 for all others.
const VALUES: [u8; 256] = values();

/// Takes the place of a run and a readable text in it; answers whether to stop.
pub(super) type Each<'a> = dyn FnMut((usize, usize), &[u8]) -> bool + 'a;

/// Calls `each` with the place of every run and every readable text in it, until it answers true.
pub(super) fn find(text: &[u8], each: &mut Each<'_>) {
    let mut stretch = Vec::new();
    let mut at = 0;
    while at < text.len() {
        // The last character a run of the least length could have here.
        let probe = at + MIN_RUN - 1;
        let Some(window) = text.get(at..=probe) else {
            return;
        };
        if let Some(other) = window.iter().rposition(|byte| !is_alphabet(*byte)) {
            at += other + 1;
            continue;
        }
        let rest = text.get(probe..).unwrap_or_default();
        let length = rest
            .iter()
            .position(|byte| !is_alphabet(*byte))
            .unwrap_or(rest.len());
        let end = probe + length;
        let run = text.get(at..end).unwrap_or_default();
        let padding = text
            .get(end..)
            .unwrap_or_default()
            .iter()
            .take(2)
            .take_while(|b| **b == b'=')
            .count();
        for skip in 0..4 {
            let run = run.get(skip..).unwrap_or_default();
            if readable(run, &mut stretch, &mut |readable| {
                each((at, end + padding), readable)
            }) {
                break;
            }
        }
        at = end;
    }
}

/// Decodes a run; stretches of readable text go to `each` until it answers true.
fn readable(run: &[u8], stretch: &mut Vec<u8>, each: &mut dyn FnMut(&[u8]) -> bool) -> bool {
    stretch.clear();
    let mut ends = |stretch: &mut Vec<u8>| {
        let is_enough = stretch.len() >= MIN_STRETCH && each(stretch);
        stretch.clear();
        is_enough
    };
    for chunk in run.chunks(4) {
        let mut bits = 0_u32;
        for i in 0..4 {
            let value = chunk.get(i).map_or(0, |byte| VALUES[usize::from(*byte)]);
            bits = bits << 6 | u32::from(value);
        }
        let [_, bytes @ ..] = bits.to_be_bytes();
        for byte in bytes.iter().take(chunk.len() * 3 / 4) {
            match byte {
                b' '..=b'~' | b'\t' | b'\n' | b'\r' => stretch.push(*byte),
                // UTF-16 has one after each character of ASCII.
                0 if !stretch.is_empty() => {}
                _ if stretch.is_empty() => {}
                _ => {
                    if ends(stretch) {
                        return true;
                    }
                }
            }
        }
    }
    ends(stretch)
}

fn is_alphabet(byte: u8) -> bool {
    VALUES[usize::from(byte)] < 64
}

const fn values() -> [u8; 256] {
    let mut values = [64; 256];
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut i = 0;
    while i < 64 {
        values[alphabet[i] as usize] = i as u8;
        i += 1;
    }
    values[b'-' as usize] = 62;
    values[b'_' as usize] = 63;
    values
}

#[cfg(test)]
#[expect(clippy::string_slice, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn texts(text: &str) -> Vec<((usize, usize), String)> {
        let mut found = Vec::new();
        find(text.as_bytes(), &mut |place, text| {
            found.push((place, String::from_utf8_lossy(text).into_owned()));
            false
        });
        found
    }

    #[test]
    fn text_is_found_at_any_alignment() {
        // "password=correct-horse"
        let run = "cGFzc3dvcmQ9Y29ycmVjdC1ob3JzZQ==";
        for before in ["", " ", "/", "/a", "/ab", "abc/"] {
            let found = texts(&format!("{before}{run}"));
            let (place, _) = found
                .iter()
                .find(|(_, text)| text.contains("password=correct"))
                .unwrap();
            assert_eq!(place.1, before.len() + run.len(), "{before}");
        }
        // The same in UTF-16.
        let wide = "cABhAHMAcwB3AG8AcgBkAD0AYwBvAHIAcgBlAGMAdAA=";
        assert!(
            texts(wide)
                .iter()
                .any(|(_, text)| text == "password=correct")
        );
    }

    #[test]
    fn a_run_counts_from_its_least_length_on() {
        let run = "cGFzc3dvcmQ9Y29ycmVjdC1o";
        assert_eq!(run.len(), MIN_RUN);
        assert_eq!(
            texts(run)[0],
            ((0, MIN_RUN), "password=correct-h".to_owned())
        );
        assert_eq!(texts(&run[1..]), []);
    }
}
