use super::*;

fn problems(json: &str) -> Vec<(String, String)> {
    read_rules(json)
        .unwrap_err()
        .into_iter()
        .map(|p| (p.path, p.message))
        .collect()
}

#[test]
fn every_problem_is_reported_with_its_place() {
    let found = problems(
        r#"{"rule":[
            {"name":"a","kind":"frequency","treshold":3,"within":"5m"},
            {"name":"a","where":{"levle":"x","message":{"regex":"("}},"cooldown":"soon"},
            {"name":"b c","mode":"on","max_cooldown":"1m","group_by":["resource","hubb"]},
            7
        ],"rules":[]}"#,
    );
    let paths: Vec<_> = found.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(
        paths,
        [
            "/rule/0/kind",
            "/rule/0/treshold",
            "/rule/1/where/levle",
            "/rule/1/where/message/regex",
            "/rule/1/cooldown",
            "/rule/1/name",
            "/rule/2/name",
            "/rule/2/group_by/1",
            "/rule/2/max_cooldown",
            "/rule/2/mode",
            "/rule/3",
            "/rules",
        ]
    );
    let text = |i: usize| found[i].1.as_str();
    assert_eq!(
        text(1),
        "unknown key `treshold` (did you mean `threshold`?)"
    );
    assert!(
        text(2).starts_with("unknown field `levle` (did you mean `level`?)"),
        "{}",
        text(2)
    );
    assert!(
        text(3).starts_with("bad regular expression `(`: unclosed group"),
        "{}",
        text(3)
    );
    assert!(text(11).contains("did you mean `rule`?"), "{}", text(11));
}

#[test]
fn a_group_is_one_field_or_a_list_of_them() {
    for (group_by, path) in [
        ("\"hubb\"", "/rule/0/group_by"),
        ("[\"hub\",7]", "/rule/0/group_by/1"),
    ] {
        let json = format!(r#"{{"rule":[{{"name":"a","group_by":{group_by}}}]}}"#);
        assert_eq!(problems(&json)[0].0, path);
    }
    assert!(read_rules(r#"{"rule":[{"name":"a","group_by":"hub"}]}"#).is_ok());
}

#[test]
fn bounds_hold_at_the_bound() {
    for (threshold, fine) in [(1, true), (10_000, true), (0, false), (10_001, false)] {
        let json = format!(
            r#"{{"rule":[{{"name":"a","kind":"frequency","within":"1m","threshold":{threshold}}}]}}"#
        );
        assert_eq!(read_rules(&json).is_ok(), fine, "{threshold}");
    }
    for (length, fine) in [(100, true), (101, false)] {
        let json = format!(r#"{{"rule":[{{"name":"{}"}}]}}"#, "x".repeat(length));
        assert_eq!(read_rules(&json).is_ok(), fine, "{length}");
    }
    let big = |n: usize| {
        format!(r#"{{"rule":[{{"name":"a","where":{{"message":{{"regex":"a{{{n}}}"}}}}}}]}}"#)
    };
    assert!(read_rules(&big(100)).is_ok());
    assert!(read_rules(&big(100_000)).is_err());
}
