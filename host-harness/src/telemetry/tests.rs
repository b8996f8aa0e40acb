use std::time::{Duration, Instant};

use tracing::Callsite as _;
use tracing::callsite::Identifier;

use super::limit::{Places, write_with};
use super::*;

/// A place in the code that is nobody else's.
fn place() -> Identifier {
    static PLACE: tracing::callsite::DefaultCallsite = {
        static META: tracing::Metadata<'static> = tracing::metadata! {
            name: "test",
            target: "tripline",
            level: tracing::Level::WARN,
            fields: &[],
            callsite: &PLACE,
            kind: tracing::metadata::Kind::EVENT,
        };
        tracing::callsite::DefaultCallsite::new(&META)
    };
    PLACE.metadata().callsite()
}

#[test]
fn the_same_is_written_so_often_a_minute_and_the_rest_is_counted() {
    let mut places = Places::default();
    let start = Instant::now();
    for _ in 0..MOST_A_MINUTE {
        assert!(places.may(place(), start));
    }
    for second in [0, 30, 59] {
        assert!(!places.may(place(), start + Duration::from_secs(second)));
    }
    assert!(places.may(place(), start + Duration::from_secs(60)));
    assert_eq!((places.take(&place()), places.take(&place())), (3, 0));
}

#[test]
fn the_count_is_in_the_form_of_the_line() {
    let with = |line: &str| {
        let mut text = String::new();
        write_with(&mut text, line, 7).unwrap();
        text
    };
    assert_eq!(with("WARN x: a"), "WARN x: a suppressed_before=7\n");
    assert_eq!(with(r#"{"a":1}"#), "{\"a\":1,\"suppressed_before\":7}\n");
}

#[test]
fn libraries_say_no_more_than_warnings_unless_they_are_named() {
    for (text, shown) in [
        ("info", "tripline=info,plugin=info,warn"),
        ("trace", "tripline=trace,plugin=trace,warn"),
        ("error", "tripline=error,plugin=error,error"),
    ] {
        assert_eq!(filter(text).unwrap().to_string(), shown);
    }
    let named = filter("info,hyper=debug").unwrap().to_string();
    assert_eq!(named, "hyper=debug,info");
    assert!(filter("tripline=loud").is_err());
}
