use std::fs;

use super::*;
use tripline_core::time::{SECOND, parse_time};

mod places;

/// 44 characters, as Azure's signatures have.
const SIG: &str = "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0czE%3D";
const NOW: &str = "2026-11-24T12:00:00Z";
const DAY: i64 = 86_400 * SECOND;

fn now() -> i64 {
    parse_time(NOW).unwrap()
}

/// A SAS that nothing is to be said of.
fn text(permissions: &str) -> String {
    format!(
        "https://acme0logs.blob.core.windows.net/bundles?sp={permissions}&st=2026-11-01T00:00:00Z\
         &se=2028-11-01T00:00:00Z&spr=https&sv=2024-11-04&sr=c&sig={SIG}"
    )
}

fn assessed(text: &str, needs: &Needs) -> Assessment {
    assess(&Sas::parse(text).unwrap(), now(), needs)
}

/// The codes found in a SAS, the gravest first; `!` before those that make it unusable.
fn codes_for(text: &str, needs: &Needs) -> Vec<String> {
    let found = assessed(text, needs);
    let is_usable = !found
        .findings
        .iter()
        .any(|finding| finding.gravity == Gravity::Unusable);
    assert_eq!(found.is_usable(), is_usable);
    let codes = found.findings.iter().map(|finding| {
        assert!(!finding.to_string().contains("c2VjcmV0"), "{finding}");
        let mark = match finding.gravity {
            Gravity::Unusable => "!",
            Gravity::Warning => "",
            Gravity::Note => "~",
        };
        format!("{mark}{}", finding.code)
    });
    codes.collect()
}

fn codes(text: &str) -> Vec<String> {
    codes_for(text, &Needs::default())
}

#[test]
fn a_sas_as_it_should_be_has_no_findings() {
    assert_eq!(codes(&text("rcw")), [""; 0]);
    let found = assessed(&text("rcw"), &Needs::default());
    assert_eq!(found.days_left, Some(707));
    assert_eq!(found.permissions.as_deref(), Some("rcw"));
    assert_eq!(
        found.container,
        "https://acme0logs.blob.core.windows.net/bundles"
    );
    // The emulator's and Stack Hub's forms.
    for base in [
        "http://127.0.0.1:10000/devstoreaccount1/bundles",
        "http://localhost:10000/devstoreaccount1/bundles",
    ] {
        let text = text("rcw")
            .replace("https://acme0logs.blob.core.windows.net/bundles", base)
            .replace("&spr=https&", "&");
        assert_eq!(codes(&text), [""; 0], "{text}");
    }
    for host in [
        "acme0logs.blob.east.azurestack.example",
        "logs.acme.example",
    ] {
        let text = text("rcw").replace("acme0logs.blob.core.windows.net", host);
        assert_eq!(codes(&text), [""; 0], "{text}");
    }
}

#[test]
fn every_finding_has_its_case() {
    for (from, to, expected) in [
        // What it opens.
        ("sr=c", "sr=b", &["!not-a-container"][..]),
        ("sr=c", "sr=d", &["!not-a-container"]),
        ("sr=c", "ss=b&srt=sco", &["!account-sas"]),
        // Names.
        (
            "/bundles?",
            "/bundles/a.tar.zst?",
            &["!below-the-container"],
        ),
        ("/bundles?", "/B?", &["!container-name"]),
        ("/bundles?", "/ab?", &["!container-name"]),
        ("/bundles?", "/-bundles?", &["!container-name"]),
        ("/bundles?", "/bun--dles?", &["!container-name"]),
        ("acme0logs.", "ac.", &["!account-name"]),
        ("acme0logs.", "acme-logs.", &["!account-name"]),
        ("acme0logs.", "acme0logs-secondary.", &["!secondary"]),
        (".blob.", ".dfs.", &["!not-the-blob-service"]),
        // The signature.
        ("c2VjcmV0c2", "c2+jcmV0c2", &["!signature-decoded"]),
        ("c2VjcmV0c2", "c2", &["!signature-length"]),
        ("sv=2024-11-04", "sv=latest", &["!version"]),
        // Permissions.
        ("sp=rcw", "sp=rc", &["!no-write"]),
        ("sp=rcw", "sp=rl", &["!no-write", "~list"]),
        ("sp=rcw", "sp=cw", &["no-read"]),
        ("sp=rcw", "sp=rcwl", &["~list"]),
        ("sp=rcw", "sp=rcwd", &["delete"]),
        ("sp=rcw", "sp=", &["!no-permissions"]),
        ("sp=rcw&", "si=upload&", &["~policy"]),
        // Times; the bounds of the skew are tested below.
        ("st=2026-11-01T00:00:00Z", "st=2026-12-01", &["!not-yet"]),
        ("se=2028-11-01T00:00:00Z", "se=2026-11-23", &["!expired"]),
        (
            "se=2028-11-01T00:00:00Z",
            "se=2026-12-01T00:00Z",
            &["expires-soon"],
        ),
        ("se=2028-11-01T00:00:00Z", "se=soon", &["!time"]),
        ("&se=2028-11-01T00:00:00Z", "", &["!no-expiry"]),
        ("&se=2028-11-01T00:00:00Z", "&si=upload", &["~policy-dates"]),
        ("&spr", "&ske=2026-11-23T00:00:00Z&spr", &["!expired"]),
        // How it travels.
        ("https://", "http://", &["!protocol"]),
        ("spr=https", "spr=https,http", &["allows-http"]),
        ("&spr=https", "", &["allows-http"]),
        ("&sr=c", "&sr=c&sip=203.0.113.7", &["~addresses"]),
    ] {
        let text = text("rcw");
        assert!(text.contains(from), "{from}");
        assert_eq!(codes(&text.replace(from, to)), expected, "{from} → {to}");
    }
    let clear = text("rcw").replace("https", "http");
    assert_eq!(codes(&clear), ["!clear-text"]);
}

#[test]
fn what_is_needed_decides_what_is_missing_or_too_much() {
    let fleet = Needs {
        is_fleet: true,
        ..Needs::default()
    };
    assert_eq!(
        codes_for(
            &text("cw"),
            &Needs {
                resume: false,
                ..fleet
            }
        ),
        [""; 0]
    );
    assert_eq!(codes_for(&text("rcw"), &fleet), ["fleet-read"]);
    assert_eq!(
        codes_for(&text("rcwdl"), &fleet),
        ["fleet-read", "fleet-list", "delete"]
    );
    let tags = Needs {
        tags: true,
        ..Needs::default()
    };
    assert_eq!(codes_for(&text("rcw"), &tags), ["no-tags"]);
    assert_eq!(codes_for(&text("rcwt"), &tags), [""; 0]);
}

#[test]
fn clocks_may_differ_by_five_minutes() {
    let at = |key: &str, old: &str, micros: i64| {
        let time = tripline_core::time::format_time(micros).replace(".000000Z", "Z");
        codes(&text("rcw").replace(&format!("{key}={old}"), &format!("{key}={time}")))
    };
    let start = |ahead: i64| at("st", "2026-11-01T00:00:00Z", now() + ahead * SECOND);
    assert_eq!(start(0), [""; 0]);
    assert_eq!(start(1), ["about-to-begin"]);
    assert_eq!(start(300), ["about-to-begin"]);
    assert_eq!(start(301), ["!not-yet"]);
    let end = |ahead: i64| at("se", "2028-11-01T00:00:00Z", now() + ahead * SECOND);
    assert_eq!(end(-301), ["!expired"]);
    assert_eq!(end(-300), ["about-to-expire"]);
    assert_eq!(end(300), ["about-to-expire"]);
    assert_eq!(end(301), ["expires-soon"]);
    assert_eq!(end(14 * 86_400), ["expires-soon"]);
    assert_eq!(end(14 * 86_400 + 1), [""; 0]);
}

#[test]
fn findings_say_what_is_the_matter_and_what_to_do() {
    for (from, to, expected) in [
        (
            "se=2028-11-01T00:00:00Z",
            "se=2026-11-14T12:00:00Z",
            "it expired at 2026-11-14T12:00:00.000000Z, 10 days ago (hint: make a new one, two years long, \
             and put it in the place of this one: it is used without a restart)",
        ),
        (
            "st=2026-11-01T00:00:00Z",
            "st=2026-11-24T14:30:00Z",
            "it begins only at 2026-11-24T14:30:00.000000Z, in 2h (hint: wait, check this machine's clock, \
             or make a new one that begins a day ago)",
        ),
        (
            "sp=rcw",
            "sp=c",
            "`w` (write) is missing: `c` alone does not upload in blocks (hint: make a new one with `sp=rcw`)",
        ),
        (
            "&spr",
            "&ske=2026-11-23T00:00:00Z&spr",
            "the user delegation key it is made with expired at 2026-11-23T00:00:00.000000Z, 1 day ago \
             (hint: make a new one, two years long, and put it in the place of this one: it is used without \
             a restart)",
        ),
    ] {
        let found = assessed(&text("rcw").replace(from, to), &Needs::default());
        assert_eq!(found.unusable().unwrap().to_string(), expected);
    }
    // Nothing to be done: no hint.
    let finding = SasFinding {
        gravity: Gravity::Note,
        code: "x",
        what: "so it is".to_owned(),
        remedy: String::new(),
    };
    assert_eq!(finding.to_string(), "so it is");
}

#[test]
fn the_end_is_the_earlier_of_its_own_and_its_keys() {
    let own = parse_time("2028-11-01T00:00:00Z");
    assert_eq!(Sas::parse(&text("rcw")).unwrap().expires(), own);
    let with_key = |end: &str| {
        Sas::parse(&format!("{}&ske={end}", text("rcw")))
            .unwrap()
            .expires()
    };
    assert_eq!(with_key("2029-01-01"), own);
    assert_eq!(with_key("2026-11-30"), Some(now() + 5 * DAY + DAY / 2));
}

#[test]
fn what_is_no_sas_is_refused_without_a_word_of_it() {
    let fine = text("rcw");
    let cases = [
        ("not a url".to_owned(), SasError::NoUrl),
        (fine.replace("https://", "ftp://"), SasError::NoUrl),
        (
            fine.replace("https://", "https://me:secretpass@"),
            SasError::NoUrl,
        ),
        (fine.replace("&sr=c", " &sr=c"), SasError::NoUrl),
        (format!("{fine}\n{fine}"), SasError::NoUrl),
        (fine.replace("/bundles", "/"), SasError::NoContainer),
        (fine.replace("sig=", "gis="), SasError::Missing("sig")),
        (fine.replace(SIG, ""), SasError::Missing("sig")),
        (fine.replace("sv=", "vs="), SasError::Missing("sv")),
        (fine.replace("sr=c", "x=c"), SasError::Missing("sr")),
        (fine.replace("sr=c", "ss=b"), SasError::Missing("srt")),
        (format!("{fine}&sp=r"), SasError::Twice("sp")),
    ];
    for (text, expected) in cases {
        let error = Sas::parse(&text).unwrap_err();
        assert_eq!(error, expected, "{text}");
        for shown in [error.to_string(), format!("{error:?}")] {
            assert!(
                !shown.contains("c2Vjc") && !shown.contains("secretpass"),
                "{shown}"
            );
        }
    }
    let long = |bytes: usize| fine.replace(SIG, &"x".repeat(bytes - fine.len() + SIG.len()));
    assert_eq!(long(MAX_SAS_BYTES).len(), MAX_SAS_BYTES);
    assert!(Sas::parse(&long(MAX_SAS_BYTES)).is_ok());
    assert_eq!(
        Sas::parse(&long(MAX_SAS_BYTES + 1)).unwrap_err(),
        SasError::TooLong
    );
}

#[test]
fn it_signs_and_shows_nothing_of_the_signature() {
    let sas = Sas::parse(&format!("  {}#part\n", text("rcw"))).unwrap();
    let mut url = sas.container().join("bundles/a?comp=block").unwrap();
    sas.sign(&mut url);
    let query = url.query().unwrap();
    assert!(
        query.starts_with("comp=block&sp=rcw&st=") && query.ends_with(SIG),
        "{query}"
    );
    assert_eq!(sas.container().query(), None);
    let shown = format!("{sas:?}{:?}", sas.fields());
    assert!(
        shown.contains("acme0logs") && !shown.contains("c2Vjc"),
        "{shown}"
    );
}
