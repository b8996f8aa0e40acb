//! What must not be touched.

use proptest::prelude::*;

use super::*;

const KEPT: &[&str] = &[
    r#"{"resourceId":"/SUBSCRIPTIONS/11111111-2222-3333-4444-555555555555/RESOURCEGROUPS/RG-A/PROVIDERS/MICROSOFT.SIGNALRSERVICE/SIGNALR/HUB-ONE"}"#,
    r#"{"properties":{"connectionId":"K-ZQAbcd9xE-7EI36ao52Jxeg03a0342","hub":"chat","userId":null,"type":"ConnectivityLogs","collection":"Authorization"}}"#,
    r#"{"alertId":"0a1b2c3d-1111-2222-3333-444455556666","name":"region-one/0a1b2c3d-1111-2222-3333-444455556666"}"#,
    r#"{"time":"2026-03-02T10:00:00.1234567Z","TimeGenerated":"3/2/2026 10:00 AM","duration":0.25e-3,"n":-12.50}"#,
    r#"{"operationVersion":"1.2.3.4","buildNumber":"10.0.19041.1","schemaVersion":"2.1"}"#,
    r#"{"message":"Connection ended. Reason: Application server closed the connection."}"#,
    r#"{"message":"Failed to validate audience. Expected Audiences: <https://hub.contoso.example/client/?hub=chat>."}"#,
    r#"{"faultTypeId":"Microsoft.Health.FaultType.StorageSvc.SecretExpired","title":"Pending external certificate expiration"}"#,
    r#"{"closedByUserAlias":"?api-version=1.0.0"}"#,
    r#"{"closedByUserAlias":"","callerIpAddress":null,"callerIpAddress":"","EventIpAddress":"-"}"#,
    r#"{ "a" : [ 1 , 2.0 , true , null ] , "b" : "\u00e4\/\ud83d\ude00" }  "#,
    r#"{"sha256":"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08","thumbprint":"0123456789ABCDEF0123456789ABCDEF01234567"}"#,
    r#"{"identity":{"type":"DelegationSAS"},"accountName":"contosostore"}"#,
    r#"{"routeTemplate":"/api/v1/hubs/{hub}/users/{user}","httpMethod":"POST"}"#,
    r#"{"message":"the password was changed; a new key is needed, tokens: none, bearer authentication failed"}"#,
    "<14>1 2026-03-02T10:00:00Z node CEF:0|Contoso|Product|1.2206.2.52|id|name|5|cat=Authorization act=close",
    "std::vector<a::b> at 10:00:00 took 1.5s, version 1.2.3.4, v10.0.0.1, AppleWebKit/537.36 Chrome/120.0.0.0",
    "loopback 127.0.0.1 and ::1, any 0.0.0.0",
    "pkg@1.2.3 and a @mention and git rev-parse HEAD@{1}",
    "100% of 50%ab and \\u00zz and \\ and &nosuch; &#; &",
    "",
    "   ",
    "{",
    "[[[[",
    "\"",
];

#[test]
fn what_holds_nothing_keeps_its_bytes() {
    let profile = Profile::share().unwrap();
    let mut redaction = Redaction::new(&profile);
    for line in KEPT {
        let after = redaction.line(line.as_bytes());
        assert_eq!(String::from_utf8_lossy(&after), *line);
        assert!(matches!(after, Cow::Borrowed(_)));
    }
    let report = redaction.report();
    assert_eq!((report.counts.len(), report.changed_lines), (0, 0));
}

#[test]
fn raw_replaces_nothing() {
    let profile = Profile::raw().unwrap();
    let line = "ada@contoso.example sig=abc\n";
    assert_eq!(redacted(&profile, line), line);
    assert_eq!(Redaction::secret_in(&profile, line.as_bytes()), None);
    let report = Redaction::new(&profile).report();
    assert_eq!(
        serde_json::to_value(&report).unwrap(),
        serde_json::json!({"profile": "raw", "changed_lines": 0, "withheld_lines": 0})
    );
}

/// Any JSON, with a chance of names and texts that redactors know.
fn any_json() -> impl Strategy<Value = Value> {
    let text = prop_oneof![
        "\\PC{0,12}",
        Just("ada@contoso.example".to_owned()),
        Just("u?sig=abc%2B&x=%41".to_owned()),
        Just("from 192.0.2.7:80 and 2001:db8::7".to_owned()),
        Just("{\"userId\":\"ada\",\"password\":7}".to_owned()),
        Just("AccountKey=abc;\u{e4}".to_owned()),
    ];
    let key = prop_oneof![
        "[a-z\"\\\\ ]{1,6}",
        Just("userId".to_owned()),
        Just("password".to_owned()),
        Just("ip".to_owned()),
        Just("ada@contoso.example".to_owned())
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        text.prop_map(Value::from)
    ];
    leaf.prop_recursive(4, 24, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(key.clone(), inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// What kind of value lies where.
fn shape(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(shape).collect(),
        Value::Object(members) => Value::Array(
            members
                .values()
                .map(shape)
                .chain([Value::from(members.len())])
                .collect(),
        ),
        Value::Bool(_) | Value::Null => value.clone(),
        // A number that is a user or a secret becomes a text.
        Value::String(_) | Value::Number(_) => Value::from("scalar"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn json_stays_json_of_the_same_structure(value in any_json()) {
        let line = value.to_string();
        let after = shared(&line);
        let Ok(parsed) = serde_json::from_str::<Value>(&after) else {
            return Err(TestCaseError::fail(format!("{line}\n{after}")));
        };
        // Members are sorted by key, and keys may have changed.
        let mut before: Vec<String> = shape(&value).to_string().split(',').map(str::to_owned).collect();
        let mut now: Vec<String> = shape(&parsed).to_string().split(',').map(str::to_owned).collect();
        let clean = |parts: &mut Vec<String>| {
            parts.iter_mut().for_each(|part| part.retain(|c| !"[]".contains(c)));
            parts.sort();
        };
        clean(&mut before);
        clean(&mut now);
        prop_assert_eq!(before, now, "{}\n{}", line, after);
        prop_assert_eq!(shared(&after), after.clone(), "{}", line);
    }

    #[test]
    fn any_bytes_are_taken_and_twice_is_once(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let profile = Profile::share().unwrap();
        let once = Redaction::new(&profile).line(&bytes).into_owned();
        let twice = Redaction::new(&profile).line(&once).into_owned();
        prop_assert_eq!(&twice, &once);
    }
}
