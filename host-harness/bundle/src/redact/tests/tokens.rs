//! People and addresses.

use super::*;

#[test]
fn people_and_addresses_become_tokens() {
    for (line, expected) in [
        (
            r#"{"properties":{"userId":"ada","callerIpAddress":"192.0.2.9:50123","message":"ada@contoso.example came"}}"#,
            r#"{"properties":{"userId":"[user-1]","callerIpAddress":"[address-1]:50123","message":"[mail-1] came"}}"#,
        ),
        (
            r#"{"UserId":"Ada@Contoso.example","m":"by ada@contoso.example"}"#,
            r#"{"UserId":"[mail-1]","m":"by [mail-1]"}"#,
        ),
        (
            r#"{"closedByUserAlias":"ada@contoso.example?api-version=1.0.0"}"#,
            r#"{"closedByUserAlias":"[mail-1]?api-version=1.0.0"}"#,
        ),
        (r#"{"userId":4711}"#, r#"{"userId":"[user-1]"}"#),
        (
            r#"{"properties":"{\"userId\":4711}"}"#,
            r#"{"properties":"{\"userId\":\"[user-1]\"}"}"#,
        ),
        (
            r#"{"EventIpAddress":"192.0.2.xxx"}"#,
            r#"{"EventIpAddress":"[address-1]"}"#,
        ),
        (
            r#"{"ip":"2001:db8:0:0::1","m":"2001:DB8::1"}"#,
            r#"{"ip":"[address-1]","m":"[address-1]"}"#,
        ),
        (
            r#"{"claims":{"name":"Ada L","aud":"x"},"name":"n"}"#,
            r#"{"claims":{"name":"[user-1]","aud":"x"},"name":"n"}"#,
        ),
        (
            r#"{"http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn":"a"}"#,
            r#"{"http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn":"[user-1]"}"#,
        ),
        (
            r#"{"ada@contoso.example":{"bob@contoso.example":1}}"#,
            r#"{"[mail-1]":{"[mail-2]":1}}"#,
        ),
        (
            "x|suser=Ada L. duser=bob src=192.0.2.1 msg=hi",
            "x|suser=[user-1] duser=[user-2] src=[address-1] msg=hi",
        ),
        (
            r#"{"url":"/api/v1/hubs/chat/users/ada?api-version=1"}"#,
            r#"{"url":"/api/v1/hubs/chat/users/[user-1]?api-version=1"}"#,
        ),
        ("q?user=ada%40contoso.example&x", "q?user=[mail-1]&x"),
        (
            "{'userId': 'ada', 'n': 1}",
            "{'userId': '[user-1]', 'n': 1}",
        ),
    ] {
        assert_eq!(shared(line), expected, "{line}");
        assert_eq!(shared(expected), expected, "twice: {line}");
    }
}

#[test]
fn a_key_makes_tokens_that_last_and_can_be_found_again() {
    let key = DeploymentKey::new(b"not a secret, only a test").unwrap();
    let profile = Profile::compile(ProfileSpec::share(), Some(key.clone())).unwrap();
    let line = r#"{"m":"x ada@contoso.example","userId":"ada"}"#;
    let (mail, user) = (
        key.token("mail", b"ADA@contoso.example"),
        key.token("user", b"ada"),
    );
    assert_eq!(
        redacted(&profile, line),
        format!(r#"{{"m":"x {mail}","userId":"{user}"}}"#)
    );
    assert_eq!(
        redacted(&profile, &redacted(&profile, line)),
        redacted(&profile, line)
    );
    assert!(!format!("{profile:?}").contains("not a secret"));
}

#[test]
fn opt_in_presets_take_subscriptions_and_hosts() {
    let mut spec = ProfileSpec::share();
    spec.presets.extend([Preset::Subscriptions, Preset::Hosts]);
    let profile = Profile::compile(spec, None).unwrap();
    let line = r#"{"id":"/SUBSCRIPTIONS/11111111-2222-3333-4444-555555555555/x","host":"node-7","u":"https://hub.contoso.example/x"}"#;
    let expected =
        r#"{"id":"/SUBSCRIPTIONS/[subscription-1]/x","host":"[host-1]","u":"https://[host-2]/x"}"#;
    assert_eq!(redacted(&profile, line), expected);
    assert_eq!(redacted(&profile, expected), expected);
}

#[test]
fn counts_say_how_much_and_never_what() {
    let profile = Profile::share().unwrap();
    let mut redaction = Redaction::new(&profile);
    for line in [
        "ada@contoso.example\n",
        "192.0.2.1 ADA@contoso.example\n",
        "sig=abc\n",
        "nothing\n",
    ] {
        redaction.line(line.as_bytes());
    }
    let report = redaction.report();
    assert_eq!(
        serde_json::to_value(&report).unwrap(),
        serde_json::json!({
            "profile": "share", "redactors": profile.sha256(), "tokens": "ordinals",
            "counts": {"addresses": 1, "mails": 2, "secrets.sas-signatures": 1},
            "values": {"address": 1, "mail": 1}, "changed_lines": 3, "withheld_lines": 0,
        })
    );
    let mut later = Redaction::after(&profile, &report.values);
    assert_eq!(&*later.line(b"bob@contoso.example"), b"[mail-2]");
}

#[test]
fn texts_and_members_outside_of_logs_are_redacted_alike() {
    let profile = Profile::share().unwrap();
    let mut redaction = Redaction::new(&profile);
    assert_eq!(redaction.member("userId", "ada"), "[user-1]");
    assert_eq!(
        redaction.text("ada@contoso.example is gone"),
        "[mail-1] is gone"
    );
    let mut value = serde_json::json!({"userId": "ada", "why": "sig=abc", "n": 3});
    redaction.value(&mut value);
    assert_eq!(
        value,
        serde_json::json!({"userId": "[user-1]", "why": "sig=[redacted]", "n": 3})
    );
}
