//! Every kind of secret in every encoding.

use proptest::prelude::*;

use super::*;

/// A text with a secret, and the part of it that must not survive.
fn planted() -> Vec<(String, &'static str)> {
    let jwt = "eyJhbGciOiJIUzI1NiJ9.eyJhdWQiOiJodHRwczovL2MifQ.c2lnbmF0dXJlLW9mLWl0";
    let key = format!("{}zQ==", "Ab3/".repeat(21));
    let text = |text: &str, secret| (text.to_owned(), secret);
    vec![
        text(
            "https://contoso.example/c?se=2030-01-01&sp=rw&sig=PLANTEDsig0%2Bab%3D",
            "PLANTEDsig0",
        ),
        text("https://a/?SIG=PLANTEDsig1", "PLANTEDsig1"),
        text(
            "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=PLANTEDkey2==;EndpointSuffix=x",
            "PLANTEDkey2",
        ),
        text(
            "Endpoint=https://a.contoso.example;AccessKey=PLANTEDkey3=;Version=1.0;",
            "PLANTEDkey3",
        ),
        text(
            "Endpoint=sb://a/;SharedAccessKeyName=Root;SHAREDACCESSKEY=PLANTEDkey4=",
            "PLANTEDkey4",
        ),
        text(
            "Server=tcp:a;User ID=sa;Password=PLANTEDpw5!;Encrypt=True",
            "PLANTEDpw5",
        ),
        text("uid: sa, pwd: PLANTEDpw6", "PLANTEDpw6"),
        text("{\"password\":\"PLANTED pw7\"}", "PLANTED pw7"),
        text("{'client_secret': 'PLANTED8'}", "PLANTED8"),
        text("Authorization: Bearer PLANTEDbearer9", "PLANTEDbearer9"),
        text(
            "Authorization: SharedKey account:PLANTEDshared10=",
            "PLANTEDshared10",
        ),
        text("authorization=Basic UExBTlRFRDEx", "UExBTlRFRDEx"),
        text("got bearer PLANTED12abc", "PLANTED12abc"),
        (
            format!("token {jwt} was refused"),
            "eyJhdWQiOiJodHRwczovL2MifQ",
        ),
        text(
            "amqps://user:PLANTEDurl13@contoso.example:5671/q",
            "PLANTEDurl13",
        ),
        text("redis://:PLANTEDurl14@192.0.2.1", "PLANTEDurl14"),
        text("run --password PLANTED15 now", "PLANTED15"),
        text("access_token=PLANTED16", "PLANTED16"),
        text("x-api-key: PLANTED17", "PLANTED17"),
        text(
            "https://contoso.example/api/f?code=PLANTED18abcdefghijkl",
            "PLANTED18",
        ),
        text("Cookie: a=b; s=PLANTED19", "PLANTED19"),
        text("Ocp-Apim-Subscription-Key: PLANTED20", "PLANTED20"),
        text(
            "-----BEGIN RSA PRIVATE KEY-----\nPLANTED21\n-----END RSA PRIVATE KEY-----",
            "PLANTED21",
        ),
        text("-----begin private key-----\nPLANTED22", "PLANTED22"),
        (format!("key is {key}"), "Ab3/Ab3/Ab3/Ab3/"),
        text(
            "secret abc8Q~PLANTED23abcdefghijklmnopqrstuvwxyz",
            "PLANTED23",
        ),
        text("my_db_password=PLANTED24", "PLANTED24"),
    ]
}

#[test]
fn no_secret_survives_in_any_encoding() {
    for (text, secret) in planted() {
        for (encoding, line) in encodings(&text) {
            assert!(
                decoded(&line).contains(secret),
                "the test sees it: {encoding}: {line}"
            );
            let after = shared(&line);
            assert!(
                !decoded(&after).contains(secret),
                "{encoding}: {line}\n{after}"
            );
            assert_eq!(shared(&after), after, "{encoding}: redacted twice: {line}");
            if serde_json::from_str::<Value>(&line).is_ok() {
                let is_json = serde_json::from_str::<Value>(&after).is_ok();
                assert!(is_json, "{encoding}: {after}");
            }
            assert_eq!(
                Redaction::secret_in(&Profile::share().unwrap(), after.as_bytes()),
                None,
                "{after}"
            );
        }
    }
}

#[test]
fn secrets_go_and_what_is_around_them_stays() {
    for (line, expected) in [
        (
            r#"{"uri":"https://c.example/d.csv?se=2025-09-17T15%3A22%3A45Z&sp=rw&sig=abc%2Fdef%3D&sr=c","n":1.50}"#,
            r#"{"uri":"https://c.example/d.csv?se=2025-09-17T15%3A22%3A45Z&sp=rw&sig=[redacted]&sr=c","n":1.50}"#,
        ),
        (
            r#"{"u":"?\u0073ig=abc\u0026x"}"#,
            r#"{"u":"?\u0073ig=[redacted]\u0026x"}"#,
        ),
        (
            r#"{"u":"%3Fsig%3Dabc%26sr%3Dc"}"#,
            r#"{"u":"%3Fsig%3D[redacted]%26sr%3Dc"}"#,
        ),
        (
            r#"{"p":"{\"password\":\"a\\\"b\",\"x\":[1]}"}"#,
            r#"{"p":"{\"password\":\"[redacted]\",\"x\":[1]}"}"#,
        ),
        (
            r#"{"p":"{\"pin_secret\":42}"}"#,
            r#"{"p":"{\"pin_secret\":\"[redacted]\"}"}"#,
        ),
        (
            r#"{"password":42,"b":true}"#,
            r#"{"password":"[redacted]","b":true}"#,
        ),
        (
            r#"{"password":null,"secret":"","token":false}"#,
            r#"{"password":null,"secret":"","token":false}"#,
        ),
        (
            r#"{"h":[{"name":"X-Api-Key","value":"abc"},{"name":"Age","value":"7"}]}"#,
            r#"{"h":[{"name":"X-Api-Key","value":"[redacted]"},{"name":"Age","value":"7"}]}"#,
        ),
        (
            r#"{"headers":{"Authorization":["Bearer a","b"]}}"#,
            r#"{"headers":{"Authorization":["[redacted]","[redacted]"]}}"#,
        ),
        (
            "ftp://bob:hunter2@c.example/x",
            "ftp://bob:[redacted]@c.example/x",
        ),
        (
            "AccountName=a;AccountKey=b==;C=d\r\n",
            "AccountName=a;AccountKey=[redacted];C=d\r\n",
        ),
    ] {
        assert_eq!(shared(line), expected, "{line}");
    }
}

#[test]
fn what_is_nested_too_deep_is_withheld() {
    let mut line = "sig=PLANTEDSECRET0123".to_owned();
    for depth in 0..5 {
        line = base64(format!("see {line}").as_bytes());
        let after = shared(&line);
        assert!(!decoded(&after).contains("PLANTED"), "{depth}: {after}");
        let is_withheld = after == WITHHELD;
        assert_eq!(is_withheld, depth >= REDACTION_DEPTH, "{depth}: {after}");
        assert_eq!(shared(&after), after);
    }
}

#[test]
fn without_secrets_in_the_profile_their_lines_are_withheld_and_counted() {
    let spec = ProfileSpec {
        name: "mails-only".into(),
        presets: [Preset::Mails].into(),
        redactors: Vec::new(),
        is_scanned: true,
    };
    let profile = Profile::compile(spec, None).unwrap();
    let mut redaction = Redaction::new(&profile);
    assert_eq!(&*redaction.line(b"ada@contoso.example\n"), b"[mail-1]\n");
    assert_eq!(
        &*redaction.line(b"u?sig=abc\n"),
        format!("{WITHHELD}\n").as_bytes()
    );
    assert_eq!(
        &*redaction.line(b"{\"password\":\"abc\"}"),
        WITHHELD.as_bytes()
    );
    assert_eq!(
        redaction.line(b"{\"a\":\"abc\"}"),
        Cow::Borrowed(b"{\"a\":\"abc\"}")
    );
    let report = redaction.report();
    assert_eq!((report.withheld_lines, report.changed_lines), (2, 3));
    assert_eq!(report.counts["mails"], 1);
}

#[test]
fn a_private_key_over_lines_goes_line_by_line() {
    let profile = Profile::share().unwrap();
    let mut redaction = Redaction::new(&profile);
    let mut line =
        |line: &str| String::from_utf8_lossy(&redaction.line(line.as_bytes())).into_owned();
    assert_eq!(
        line("-----BEGIN PRIVATE KEY-----\n"),
        "-----BEGIN PRIVATE KEY-----\n"
    );
    let mut redaction = Redaction::new(&profile);
    let mut line =
        |line: &str| String::from_utf8_lossy(&redaction.line(line.as_bytes())).into_owned();
    line("x -----BEGIN PRIVATE KEY----- MIIB\n");
    assert_eq!(line("MIIEvQIBADANBg/+=\n"), "[redacted]\n");
    assert_eq!(
        line("-----END PRIVATE KEY-----\n"),
        "-----END PRIVATE KEY-----\n"
    );
    assert_eq!(line("MIIEvQIBADANBg\n"), "MIIEvQIBADANBg\n");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Any text with a secret somewhere inside, in any encoding.
    #[test]
    fn planted_secrets_never_survive(before in "\\PC{0,20}", after in "[ ,;&\"'\\\\)]\\PC{0,20}", which in 0_usize..27, encoding in 0_usize..21) {
        let (text, secret) = planted().swap_remove(which);
        // A dangling percent sign or escape before it would make another text of it.
        let before = before.replace(['%', '\\', '&'], " ");
        let text = format!("{before} {text}{after}");
        let (_, line) = encodings(&text).swap_remove(encoding);
        let result = shared(&line);
        prop_assert!(!decoded(&result).contains(secret), "{line}\n{result}");
        prop_assert_eq!(shared(&result), result.clone(), "{}", line);
    }
}
