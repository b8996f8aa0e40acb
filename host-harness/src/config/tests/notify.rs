//! `[[notify]]` and `[canary]`.

use std::path::PathBuf;
use std::time::Duration;

use super::*;

#[test]
fn a_webhook_has_its_defaults() {
    let text = "[[notify]]\nname = 'a'\nurl = 'https://h/x'\n\
         [[notify]]\nname = 'b'\nurl_env = 'U'\nformat = 'alertmanager'\ntoken_file = '/t'\non = ['held', 'sealed', 'held']\n";
    let read = settings(text).notify;
    let a = NotifySettings {
        name: "a".to_owned(),
        format: NotifyFormat::Json,
        url: UrlPlace::Written("https://h/x".parse().unwrap()),
        plain_http: false,
        token: None,
        ca_file: None,
        on: NotifyEvent::DEFAULT.to_vec(),
        fold: 300 * SECOND,
        per_hour: 60,
        timeout: Duration::from_secs(10),
    };
    assert_eq!(read[0], a);
    let b = NotifySettings {
        name: "b".to_owned(),
        format: NotifyFormat::Alertmanager,
        url: UrlPlace::Secret(SecretPlace::Env("U".to_owned())),
        token: Some(SecretPlace::File(PathBuf::from("/t"))),
        on: vec![NotifyEvent::Sealed, NotifyEvent::Held],
        ..a
    };
    assert_eq!(read[1], b);
    assert!(b.wants(NotifyEvent::Held) && !b.wants(NotifyEvent::Failed));
    assert_eq!(b.describe(), "b (alertmanager: sealed, held)");
}

#[test]
fn a_url_is_never_shown() {
    let read = settings("[[notify]]\nname = 'a'\nurl = 'https://h/geheim?x=geheim'\n");
    assert!(!format!("{read:?}").contains("geheim"), "{read:?}");
    for (url, said) in [
        ("geheim", "it is no URL"),
        ("ftp://h/geheim", "it is no URL"),
        ("https://geheim:geheim@h", "holds a name or password"),
        ("http://h/geheim", "readable on the way"),
    ] {
        let text = format!("[[notify]]\nname = 'a'\nurl = '{url}'\n");
        let said_all = shown(&text);
        assert!(
            said_all.iter().any(|line| line.contains(said)),
            "{said_all:?}"
        );
        assert!(!said_all.concat().contains("geheim"), "{said_all:?}");
    }
    let said = shown("[[notify]]\nname = 'a'\nurl = 'https://h'\ntoken_env = 'ge heim'\n");
    assert!(!said.concat().contains("heim"), "{said:?}");
    // On this machine nobody else reads it.
    settings("[[notify]]\nname = 'a'\nurl = 'http://127.0.0.1:9093'\n");
}

#[test]
fn all_that_is_wrong_is_said_at_once() {
    let text = "[[notify]]\nformat = 'slack'\nfold = '25h'\nper_hour = 0\ntimeout = '2m'\non = ['held', 'x']\n\
         [[notify]]\nname = 'a'\nurl_file = '/u'\n[[notify]]\nname = 'a'\nurl_file = '/u'\nurl_env = 'U'\n";
    let lines = shown(text);
    for said in [
        "it has no `name`",
        "unknown format `slack`",
        "`1d1h` is out of bounds: from 1s to 1d",
        "expected a whole number from 1 to 3600, found 0",
        "`2m` is out of bounds: from 1s to 1m",
        "it is a list of events: sealed, delivered, held, suppressed, failed, canary-failed",
        "it needs a `url`, or `url_file` or `url_env`",
        "another `[[notify]]` is called `a`",
        "`url_file` or `url_env`, not both",
    ] {
        assert!(
            lines.iter().any(|line| line.contains(said)),
            "{said}: {lines:#?}"
        );
    }
    assert_eq!(lines.len(), 9, "{lines:#?}");
    let most = "[[notify]]\nname = 'a'\nurl = 'https://h'\n".repeat(MOST_WEBHOOKS + 1);
    assert_eq!(shown(&most), ["my.toml:1:3: 9 of them; 8 are possible"]);
}

#[test]
fn a_canary_needs_a_way_in() {
    let canary = settings("[canary]\nevery = '24h'\ndeliver = true\n").canary;
    assert_eq!(canary.every, Some(86_400 * SECOND));
    assert!(canary.deliver);
    assert_eq!(canary.patience(), Duration::from_secs(300));
    let tls = "[http]\ntls_certificate_file = '/c'\ntls_key_file = '/k'\n";
    for (http, said) in [
        (tls, "the listener speaks TLS"),
        ("[http]\nlisten = ''\n", "it listens nowhere"),
    ] {
        let with = |more: &str| format!("{http}{more}[canary]\nevery = '24h'\n");
        let lines = shown(&with(""));
        assert!(lines.iter().any(|line| line.contains(said)), "{lines:?}");
        settings(&with("unix_socket = '/s'\n"));
    }
    let lines = shown("[canary]\nevery = '59s'\ntimeout = '4s'\n");
    assert_eq!(lines.len(), 2, "{lines:?}");
}
