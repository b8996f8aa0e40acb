#![expect(clippy::string_slice, reason = "a test fails by panicking")]

mod keeps;
mod naughty;
mod own;
mod secrets;
mod tokens;

use super::*;

/// A line redacted with a profile.
fn redacted(profile: &Profile, line: &str) -> String {
    let mut redaction = Redaction::new(profile);
    String::from_utf8_lossy(&redaction.line(line.as_bytes())).into_owned()
}

/// A line as a bundle to be shared has it.
fn shared(line: &str) -> String {
    redacted(&Profile::share().unwrap(), line)
}

/// The same text in encodings that logs hold: with a name for messages.
fn encodings(text: &str) -> Vec<(&'static str, String)> {
    let json = |value: &str| serde_json::to_string(value).unwrap();
    let escaped: String = text
        .encode_utf16()
        .map(|unit| format!("\\u{unit:04x}"))
        .collect();
    let first_escaped = {
        let mut chars = text.chars();
        let first = chars.next().unwrap();
        let rest = json(chars.as_str());
        format!("\\u{:04X}{}", u32::from(first), &rest[1..rest.len() - 1])
    };
    let percent: String = text
        .bytes()
        .map(|byte| {
            if byte.is_ascii_alphanumeric() {
                char::from(byte).to_string()
            } else {
                format!("%{byte:02X}")
            }
        })
        .collect();
    let all_percent: String = text.bytes().map(|byte| format!("%{byte:02x}")).collect();
    let html: String = text
        .chars()
        .map(|c| format!("&#{};", u32::from(c)))
        .collect();
    let inner = format!("{{\"note\":{}}}", json(text));
    let nested = json(&inner);
    let twice = json(&format!("{{\"inner\":{nested}}}"));
    let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    vec![
        ("raw text", text.to_owned()),
        ("in a sentence", format!("it said ({text}) and went")),
        ("json", format!("{{\"m\":{}}}", json(text))),
        ("json key", format!("{{{}:1}}", json(text))),
        ("json, escaped", format!("{{\"m\":\"{escaped}\"}}")),
        (
            "json, first escaped",
            format!("{{\"m\":\"{first_escaped}\"}}"),
        ),
        ("text, escaped", format!("m={escaped}")),
        ("percent", percent.clone()),
        ("percent in json", format!("{{\"m\":{}}}", json(&percent))),
        ("all percent", format!("q={all_percent}")),
        ("twice percent", percent.replace('%', "%25")),
        ("html", format!("<p>{html}</p>")),
        ("nested json", format!("{{\"properties\":{nested}}}")),
        ("nested twice", format!("{{\"properties\":{twice}}}")),
        ("list", format!("[1,[{}]]", json(text))),
        ("base64", format!("blob {}", base64(text.as_bytes()))),
        (
            "base64 of json",
            format!("{{\"b\":\"{}\"}}", base64(inner.as_bytes())),
        ),
        (
            "base64 in a path",
            format!("/a/b/{}", base64(inner.as_bytes())),
        ),
        ("base64 of utf-16", format!("-enc {}", base64(&wide))),
        (
            "base64 twice",
            base64(format!("see {}", base64(inner.as_bytes())).as_bytes()),
        ),
        ("broken json", format!("{{\"m\":{}", json(text))),
    ]
}

/// Every text that a line holds, decoded by other means than those that redact.
fn decoded(line: &str) -> String {
    let mut all = String::new();
    let mut texts = vec![line.to_owned()];
    for _ in 0..4 {
        let mut next = Vec::new();
        for text in &texts {
            all.push_str(text);
            all.push('\n');
            if let Ok(value) = serde_json::from_str::<Value>(text) {
                strings(&value, &mut next);
            }
            next.push(percent_decode(text));
            next.push(unescape(text));
            next.push(dereference(text));
            let run = |c: char| c.is_ascii_alphanumeric() || "+/-_".contains(c);
            for run in text.split(|c| !run(c)).filter(|run| run.len() >= 20) {
                next.extend((0..4).map(|skip| decode64(&run[skip..])));
            }
        }
        next.retain(|text| !texts.contains(text));
        texts = next;
    }
    all
}

fn strings(value: &Value, into: &mut Vec<String>) {
    match value {
        Value::String(text) => into.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| strings(item, into)),
        Value::Object(members) => {
            for (key, value) in members {
                into.push(key.clone());
                strings(value, into);
            }
        }
        _ => {}
    }
}

fn percent_decode(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let hex = rest.get(1..3).filter(|_| first == '%');
        if let Some(byte) = hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            bytes.push(byte);
            rest = &rest[3..];
        } else {
            bytes.extend(first.to_string().bytes());
            rest = &rest[first.len_utf8()..];
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn dereference(text: &str) -> String {
    let mut parts = text.split("&#");
    let mut all = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (number, rest) = part.split_once(';').unwrap_or((part, ""));
        let char = number.parse().ok().and_then(char::from_u32);
        all.extend(char);
        all.push_str(rest);
    }
    all
}

fn unescape(text: &str) -> String {
    let quoted = format!("\"{}\"", text.replace('"', "\\\""));
    serde_json::from_str(&quoted).unwrap_or_default()
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

fn base64(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let bits = chunk
            .iter()
            .fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte))
            << (8 * (3 - chunk.len()));
        for i in 0..4 {
            let value = (bits >> (18 - 6 * i)) & 63;
            text.push(if i <= chunk.len() {
                char::from(ALPHABET[value as usize])
            } else {
                '='
            });
        }
    }
    text
}

fn decode64(text: &str) -> String {
    let mut bytes = Vec::new();
    let (mut bits, mut count) = (0_u32, 0);
    for byte in text.bytes() {
        let byte = if byte == b'-' {
            b'+'
        } else if byte == b'_' {
            b'/'
        } else {
            byte
        };
        let Some(value) = ALPHABET.iter().position(|known| *known == byte) else {
            break;
        };
        bits = bits << 6 | value as u32;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
        }
    }
    bytes.retain(|byte| *byte != 0);
    String::from_utf8_lossy(&bytes).into_owned()
}
