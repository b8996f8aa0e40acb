//! `[http]` and `[log]`.

use std::time::Duration;

use super::*;

#[test]
fn all_of_it_is_read() {
    let text = "[http]\nlisten = '0.0.0.0:80'\nunix_socket = '/run/tripline.sock'\ntoken_file = '/t'\nevidence_source = 'signalr.raw'\n\
        tls_certificate_file = '/c'\ntls_key_file = '/k'\ntls_client_ca_file = '/ca'\n\
        max_body_bytes = '1MiB'\nmax_decoded_bytes = '16GiB'\nmax_connections = 10000\nmax_requests = 256\n\
        request_timeout = '10m'\nheader_timeout = '1m'\nidle_timeout = '1h'\n\
        [log]\nformat = 'json'\nlevel = 'warn'\n";
    let settings = settings(text);
    let expected = Http {
        listen: Some("0.0.0.0:80".parse().unwrap()),
        unix_socket: Some("/run/tripline.sock".into()),
        token_file: Some("/t".into()),
        tls: Some(TlsFiles {
            certificate: "/c".into(),
            key: "/k".into(),
            client_ca: Some("/ca".into()),
        }),
        evidence_source: Some("signalr.raw".to_owned()),
        limits: HttpLimits {
            max_body_bytes: 1 << 20,
            max_decoded_bytes: 16 << 30,
            max_connections: 10_000,
            max_requests: 256,
            request_timeout: Duration::from_secs(600),
            header_timeout: Duration::from_secs(60),
            idle_timeout: Duration::from_secs(3_600),
        },
    };
    assert_eq!(settings.http, expected);
    assert_eq!(
        (settings.log.format, settings.log.level),
        (LogFormat::Json, LogLevel::Warn)
    );
}

#[test]
fn a_source_of_evidence_is_one_that_can_be_and_that_somebody_may_ask_for() {
    let longest = "s".repeat(64);
    for name in ["fluent-bit/app_1:x.y", &longest] {
        let http = settings(&format!(
            "[http]\ntoken_file = '/t'\nevidence_source = '{name}'\n"
        ))
        .http;
        assert_eq!(http.evidence_source.as_deref(), Some(name));
    }
    assert_eq!(
        settings("[http]\nevidence_source = ''\n")
            .http
            .evidence_source,
        None
    );
    for name in ["a b", "signalr.*", &format!("{longest}s")] {
        let shown = shown(&format!(
            "[http]\ntoken_file = '/t'\nevidence_source = '{name}'\n"
        ));
        let expected = format!("my.toml:3:1: `{name}` is no name that a sender can give a source");
        assert!(shown[0].starts_with(&expected), "{shown:?}");
        assert_eq!(shown.len(), 1);
    }
    let shown = shown("[http]\nevidence_source = 'a'\n");
    assert_eq!(
        shown,
        [
            "my.toml:2:1: nobody may ask for bundles at `/v1/bundles`: set `token_file`, `unix_socket` or `tls_client_ca_file` beside it"
        ]
    );
    settings("[http]\nunix_socket = '/s'\nevidence_source = 'a'\n");
}

#[test]
fn listening_beyond_loopback_is_refused_unless_something_guards_it() {
    for address in ["0.0.0.0:9100", "[::]:9100", "192.0.2.7:80"] {
        let tls = "tls_certificate_file = '/c'\ntls_key_file = '/k'\n";
        for open in ["", tls] {
            let shown = shown(&format!("[http]\nlisten = '{address}'\n{open}"));
            let expected = format!(
                "my.toml:2:1: `{address}` can be reached from other machines, and anybody there could send lines; set `token_file`"
            );
            assert!(shown[0].starts_with(&expected), "{shown:?}");
            assert_eq!(shown.len(), 1);
        }
        for guard in [
            "token_file = '/t'\n",
            &format!("{tls}tls_client_ca_file = '/a'\n"),
        ] {
            settings(&format!("[http]\nlisten = '{address}'\n{guard}"));
        }
    }
    for address in ["127.0.0.1:1", "127.3.0.1:1", "[::1]:1", ""] {
        assert!(
            settings(&format!("[http]\nlisten = '{address}'\n"))
                .http
                .is_local()
        );
    }
}

#[test]
fn what_does_not_go_together_is_said() {
    for (text, expected) in [
        (
            "tls_certificate_file = '/c'",
            "it needs `tls_key_file` beside it",
        ),
        (
            "tls_key_file = '/k'",
            "it needs `tls_certificate_file` beside it",
        ),
        (
            "tls_client_ca_file = '/a'",
            "it needs `tls_certificate_file` and `tls_key_file` beside it",
        ),
        (
            "idle_timeout = '5s'\nheader_timeout = '6s'",
            "it is less than `header_timeout`; make it as long at least",
        ),
        (
            "request_timeout = '601s'",
            "`10m1s` is out of bounds: from 1s to 10m are possible",
        ),
        (
            "max_body_bytes = '1023KiB'",
            "`1023 KiB` is out of bounds: from 1 MiB to 1 GiB are possible",
        ),
        (
            "max_requests = 257",
            "expected a whole number from 4 to 256, found 257",
        ),
        (
            "listen = 'localhost:9100'",
            "`localhost:9100` is no address",
        ),
    ] {
        let shown = shown(&format!("[http]\n{text}\n"));
        assert_eq!(shown.len(), 1, "{shown:?}");
        let expected = format!("my.toml:2:1: {expected}");
        assert!(
            shown[0].starts_with(&expected),
            "{shown:?}\nis not\n{expected}"
        );
    }
}
