//! What a line of JSON is read as.

use super::*;

#[test]
fn keys_compare_without_case_and_later_ones_win() {
    let fields = read_fields(r#"{"Level":"Warning","LEVEL":4,"x":{"level":"no"}}"#).unwrap();
    assert_eq!(fields.top.get(Key::Level), Some("4"));
}

#[test]
fn properties_may_be_an_object_a_string_or_anything() {
    for (line, message) in [
        (r#"{"properties":{"message":"a\/b"}}"#, Some("a/b")),
        (r#"{"Properties":"{\"message\":\"a\\/b\"}"}"#, Some("a/b")),
        (r#"{"properties":"{'message':'x'}"}"#, Some("x")),
        (r#"{"properties":"{'message':'it's'}"}"#, None),
        (r#"{"properties":"{\"message\":\"x\"} and more"}"#, None),
        (r#"{"properties":["message"]}"#, None),
        (r#"{"properties":null}"#, None),
        (r#"{"properties":true}"#, None),
        (r#"{"properties":-1.5}"#, None),
    ] {
        let fields = read_fields(line).unwrap();
        assert_eq!(fields.properties.get(Key::Message), message, "{line}");
    }
}

#[test]
fn null_empty_and_nested_values_are_absent() {
    let fields = read_fields(r#"{"level":null,"time":" ","type":{"a":[1]}}"#).unwrap();
    assert_eq!(fields.top.filled(Key::Level), None);
    assert_eq!(fields.top.filled(Key::Time), None);
    assert_eq!(fields.top.filled(Key::Type), None);
}

#[test]
fn half_a_surrogate_pair_does_not_lose_the_record() {
    let fields = read_fields(r#"{"message":"x\\ud83d \ud83d","level":"Error"}"#).unwrap();
    assert_eq!(fields.top.get(Key::Message), Some("x\\ud83d \u{fffd}"));
    assert_eq!(fields.top.get(Key::Level), Some("Error"));
}

#[test]
fn what_is_not_one_object_is_refused() {
    for line in [
        "",
        "{",
        "{'a':1}",
        r#"{"a":1,}"#,
        r#"{"a":1}{"b":2}"#,
        "{\"a\":\"\u{1}\"}",
        "text",
    ] {
        assert_eq!(read_fields(line).err(), Some(Unreadable::NotJson), "{line}");
    }
    for line in ["1", "\"a\"", "[{}]", "null"] {
        assert_eq!(
            read_fields(line).err(),
            Some(Unreadable::NotAnObject),
            "{line}"
        );
    }
}

#[test]
fn deep_nesting_in_a_field_nobody_reads_is_no_fault() {
    let line = format!("{{\"x\":{}{}}}", "[".repeat(10_000), "]".repeat(10_000));
    assert!(read_fields(&line).is_ok());
}

#[test]
fn the_longest_key_fits() {
    let fields = read_fields(r#"{"ImpactedResourceDisplayName":"n"}"#).unwrap();
    assert_eq!(fields.top.get(Key::ImpactedResourceName), Some("n"));
}
