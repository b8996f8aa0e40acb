//! Inputs that break careless programs: none may panic, be changed twice, or lose a planted secret.

use super::*;

fn naughty() -> Vec<String> {
    let fixed = [
        "",
        " ",
        "\t",
        "\u{0}",
        "\u{feff}",
        "\u{200b}",
        "\u{202e}abc",
        "\u{1f600}",
        "e\u{301}",
        "\u{fffd}",
        "ß",
        "İ",
        "null",
        "undefined",
        "NaN",
        "-0",
        "1e999",
        "0x10",
        "{}",
        "[]",
        "{\"\":\"\"}",
        "{\"a\":}",
        "[1,]",
        "{'a':1}",
        "\"\\ud800\"",
        "\"\\ud800\\u0041\"",
        "\"\\udc00\\ud800\"",
        "\"\\u\"",
        "\"\\x41\"",
        "\\",
        "\\\\\\",
        "\\u",
        "\\u00",
        "%",
        "%2",
        "%%",
        "%zz",
        "%00",
        "%25%32%35",
        "&#x110000;",
        "&#0;",
        "&#99999999999;",
        "&amp;amp;",
        "&;",
        "=",
        "==",
        "=====",
        "sig=",
        "sig=&sig=",
        "sig=[redacted]",
        "password=",
        "password=\"",
        "password='",
        "Authorization:",
        "Bearer ",
        "://:@",
        "a://b:c@",
        "@",
        "@@@",
        "a@b",
        "a@b.",
        "[",
        "[mail-1]",
        "[mail-1",
        "[[mail-1]]",
        "[redacted]x@y.example",
        "1.2.3",
        "1.2.3.4.",
        "::::::::",
        ":::",
        "-----BEGIN PRIVATE KEY-----",
        "-----END PRIVATE KEY-----",
        "eyJ.eyJ.",
        "<script>alert(1)</script>",
        "'; DROP TABLE x;--",
        "$(reboot)",
        "../../etc/passwd",
        "%s%n%d",
        "\r\r\n",
        "a\u{0}b",
        "\u{7f}",
    ];
    let mut all: Vec<String> = fixed.map(str::to_owned).into();
    all.push("[".repeat(5_000));
    all.push("{\"a\":".repeat(5_000));
    all.push(format!("{}1{}", "[".repeat(100), "]".repeat(100)));
    all.push(format!("{}\"x\"{}", "[".repeat(200), "]".repeat(200)));
    all.push("\\".repeat(4_001));
    all.push("%25".repeat(3_000));
    all.push("&amp;".repeat(3_000));
    all.push("A".repeat(10_000));
    all.push("a@b.co ".repeat(1_000));
    all.push("1.2.3.4:".repeat(1_000));
    all.push("password=".repeat(1_000));
    all
}

#[test]
fn naughty_lines_are_taken_and_twice_is_once() {
    let profile = Profile::share().unwrap();
    for line in naughty() {
        let once = redacted(&profile, &line);
        assert_eq!(redacted(&profile, &once), once, "{:.80}", line);
        for (encoding, line) in encodings(&format!("x{line}")) {
            let once = redacted(&profile, &line);
            assert_eq!(redacted(&profile, &once), once, "{encoding} {:.80}", line);
        }
    }
}

#[test]
fn a_secret_beside_naughty_text_does_not_survive() {
    let profile = Profile::share().unwrap();
    for text in naughty() {
        let line = format!("{text} ?sig=PLANTEDsecret {text}");
        assert!(
            !redacted(&profile, &line).contains("PLANTED"),
            "{:.80}",
            text
        );
        let json =
            serde_json::json!({ "a": text, "m": line, "password": format!("PLANTED{text}") })
                .to_string();
        let after = redacted(&profile, &json);
        assert!(!after.contains("PLANTED"), "{:.80}", text);
        assert!(
            serde_json::from_str::<Value>(&after).is_ok(),
            "{:.80}",
            text
        );
    }
}
