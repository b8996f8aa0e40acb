//! `[azure]`, `[[route]]` and `[proactive]`.

use std::path::Path;

use tripline_core::contract::Request;

use super::*;

fn one(text: &str) -> String {
    let shown = shown(text);
    assert_eq!(shown.len(), 1, "{text}\n{shown:#?}");
    shown[0].clone()
}

#[test]
fn the_bounds_of_azure_hold_at_the_bound() {
    for (key, fine, wrong) in [
        ("block_bytes", ["64KiB", "64MiB"], ["65535B", "65MiB"]),
        ("rate", ["16KiB", "16GiB"], ["16383B", "17GiB"]),
        ("start_jitter", ["0s", "6h"], ["6h1s", "7h"]),
        ("expiry_warning", ["1d", "366d"], ["23h", "367d"]),
    ] {
        for value in fine {
            settings(&format!("[azure]\n{key} = '{value}'\n"));
        }
        for value in wrong {
            let shown = one(&format!("[azure]\n{key} = '{value}'\n"));
            assert!(shown.starts_with("my.toml:2:1: "), "{shown}");
        }
    }
    let share = "[share]\npath = '/s'\n[azure]\nfall_back_after = ";
    for (value, is_fine) in [
        ("59s", false),
        ("1m", true),
        ("366d", true),
        ("367d", false),
    ] {
        assert_eq!(
            shown(&format!("{share}'{value}'\n")).is_empty(),
            is_fine,
            "{value}"
        );
    }
    for (value, is_fine) in [("0", false), ("1", true), ("16", true), ("17", false)] {
        let text = format!("[azure]\nconcurrency = {value}\n");
        assert_eq!(shown(&text).is_empty(), is_fine, "{value}");
    }
    let name = |chars: usize| format!("[azure]\ndeployment = '{}'\n", "a".repeat(chars));
    assert_eq!(settings(&name(MOST_NAME_CHARS)).azure.deployment.len(), 63);
    one(&name(MOST_NAME_CHARS + 1));
}

#[test]
fn a_sas_in_the_configuration_is_refused_and_not_repeated() {
    for text in [
        "[azure]\nsas_env = 'https://a.blob.core.windows.net/c?sig=abcsecret'\n",
        "[azure]\nproxy = 'http://me:abcsecret@p:3128'\n",
    ] {
        let shown = one(text);
        assert!(!shown.contains("abcsecret"), "{shown}");
    }
    let both = one("[azure]\nsas_file = '/a'\nsas_env = 'B'\n");
    assert!(
        both.ends_with("a SAS is in one place: `sas_file` or `sas_env`, not both"),
        "{both}"
    );
    let azure = settings("[azure]\nsas_file = '/a'\n").azure;
    assert_eq!(azure.sas, Some(SasPlace::File("/a".into())));
    assert_eq!(azure.sas.unwrap().to_string(), "the file `/a`");
}

#[test]
fn what_needs_the_share_says_so() {
    for key in ["copy_to_share = true", "fall_back_after = '1d'"] {
        let shown = one(&format!("[azure]\n{key}\n"));
        assert_eq!(
            shown,
            "my.toml:2:1: it needs a folder: set `path` of `[share]`"
        );
        settings(&format!("[azure]\n{key}\n[share]\npath = '/s'\n"));
    }
}

const ROUTES: &str = "
[[route]]
name = 'a-east'
subscription = 'AAAA'
source = ['east', 'tail:*']
share_path = '/east'
[[route]]
name = 'a'
resource = ['/Subscriptions/AAAA/resourceGroups/One/', '/subscriptions/AAAA/resourceGroups/Two']
sas_file = '/a.sas'
profile = 'raw'
[[route]]
name = 'b'
subscription = ['bbbb', 'cccc']
sas_env = 'B_SAS'
share_path = '/b'
";

/// The name of the route for a request; `-` for none.
fn route_for<'a>(routes: &'a [Route], resource: &str, source: &str) -> &'a str {
    let facts = RouteFacts {
        resource: Some(resource).filter(|text| !text.is_empty()),
        source: Some(source).filter(|text| !text.is_empty()),
    };
    match choose_route(routes, facts) {
        RouteChoice::Route(route) => &route.name,
        RouteChoice::Nowhere => "-",
        RouteChoice::Default => "default",
    }
}

#[test]
fn the_first_route_that_fits_is_chosen_and_never_that_of_another() {
    let routes = settings(ROUTES).routes;
    for (resource, source, expected) in [
        (
            "/subscriptions/aaaa/resourcegroups/one/providers/x/y/z",
            "west",
            "a",
        ),
        ("/SUBSCRIPTIONS/AAAA/RESOURCEGROUPS/ONE", "west", "a"),
        ("/subscriptions/aaaa/resourcegroups/two", "", "a"),
        // The first that fits, by both of its keys.
        ("/subscriptions/aaaa/resourcegroups/one", "east", "a-east"),
        (
            "/subscriptions/aaaa/resourcegroups/other",
            "tail:x.log",
            "a-east",
        ),
        ("/subscriptions/aaaa/resourcegroups/other", "west", "-"),
        ("/subscriptions/aaaa", "eastern", "-"),
        // A name that begins alike is another one.
        ("/subscriptions/aaaa/resourcegroups/onerous", "west", "-"),
        ("/subscriptions/aaaaa/resourcegroups/one", "west", "-"),
        ("/subscriptions/CCCC/resourceGroups/x", "west", "b"),
        ("/subscriptions/dddd", "west", "-"),
        // What is not known fits nothing.
        ("", "east", "-"),
        ("", "", "-"),
        ("/providers/x/subscriptions/bbbb", "west", "-"),
    ] {
        let found = route_for(&routes, resource, source);
        assert_eq!(found, expected, "{resource} from {source}");
    }
    assert_eq!(route_for(&[], "/subscriptions/aaaa", "east"), "default");
    assert_eq!(routes[1].profile.as_deref(), Some("raw"));
    assert_eq!(routes[2].sas, Some(SasPlace::Env("B_SAS".to_owned())));
    assert_eq!(routes[2].share.as_deref(), Some(Path::new("/b")));
}

#[test]
fn routes_go_by_the_attributes_of_a_request() {
    let request = Request {
        id: String::new(),
        rule: "r".to_owned(),
        group: "g".to_owned(),
        at: 0,
        from: 0,
        to: 0,
        line: None,
        severity: "info".to_owned(),
        evidence: "{}".to_owned(),
        attributes: vec![("resource".to_owned(), "/subscriptions/bbbb".to_owned())],
    };
    let facts = RouteFacts::of(&request);
    assert_eq!(facts.resource, Some("/subscriptions/bbbb"));
    assert_eq!(facts.source, None);
}

#[test]
fn routes_that_are_wrong_are_shown_at_their_place() {
    for (text, expected) in [
        (
            "[[route]]\nname = 'a'\n",
            "my.toml:1:1: it leads nowhere: set `sas_file`, ",
        ),
        (
            "[[route]]\nname = 'a'\nshare_path = '/a'\nresource = 'mine'\n",
            "my.toml:4:1: a resource is an id such as ",
        ),
        (
            "[[route]]\nname = 'a'\nshare_path = '/a'\nprofile = 'none'\n",
            "my.toml:4:1: no profile `none` (hint: there are share, raw)",
        ),
        (
            "[[route]]\nname = 'a'\nshare_path = '/a'\n[[route]]\nname = 'a'\nshare_path = '/b'\n",
            "my.toml:5:1: there is a route `a` already",
        ),
        (
            "[[route]]\nname = 'a'\nshare_path = '/a'\nsource = []\n",
            "my.toml:4:1: expected a text or a list of 1 to 100 texts, 1024 bytes each",
        ),
    ] {
        let shown = one(text);
        assert!(shown.starts_with(expected), "{shown}");
    }
    let many = |count: usize| -> String {
        (0..count)
            .map(|n| format!("[[route]]\nname = 'r{n}'\nshare_path = '/a'\n"))
            .collect()
    };
    assert_eq!(settings(&many(MOST_ROUTES)).routes.len(), MOST_ROUTES);
    assert!(one(&many(MOST_ROUTES + 1)).ends_with("101 of them; 100 are possible"));
    let values = |count: usize, bytes: usize| {
        let list = vec![format!("'{}'", "s".repeat(bytes)); count].join(",");
        shown(&format!(
            "[[route]]\nname = 'a'\nshare_path = '/a'\nsource = [{list}]\n"
        ))
    };
    assert!(values(MOST_ROUTE_VALUES, MOST_ROUTE_BYTES).is_empty());
    assert_eq!(values(MOST_ROUTE_VALUES + 1, 1).len(), 1);
    assert_eq!(values(1, MOST_ROUTE_BYTES + 1).len(), 1);
}

#[test]
fn proactive_collection_is_on_only_by_a_consent_to_the_text_of_this_release() {
    let with = |consent: &str| format!("[proactive]\nenabled = true\nconsent = {{ {consent} }}\n");
    let found = settings(&with(
        "by = ' Anna ', date = '2026-11-24', text_version = 1",
    ))
    .proactive;
    assert!(found.enabled);
    let consent = found.consent.unwrap();
    assert_eq!((consent.by.as_str(), consent.text_version), ("Anna", 1));
    assert_eq!(
        consent.at,
        tripline_core::time::parse_time("2026-11-24T00:00:00Z").unwrap()
    );
    for (text, expected) in [
        (
            "[proactive]\nenabled = true\n".to_owned(),
            "it takes a consent: read `tripline proactive consent`, then set ",
        ),
        (
            with("by = 'A', date = '2026-11-24', text_version = 2"),
            "the consent is to text 2, and this release has text 1: read ",
        ),
        (
            with("by = 'A', date = '2026-11-24'"),
            "it says to which text: 1, printed by ",
        ),
        (
            with("by = 'A', date = 'today', text_version = 1"),
            "it says when, such as ",
        ),
        (
            with("date = '2026-11-24', text_version = 1"),
            "it says who agreed, in up to 200 ",
        ),
    ] {
        let shown = one(&text);
        assert!(shown.contains(expected), "{shown}");
        assert!(!Config::parse("x", &text).settings.proactive.enabled);
    }
    let by = |chars: usize| {
        shown(&with(&format!(
            "by = '{}', date = '2026-11-24', text_version = 1",
            "a".repeat(chars)
        )))
    };
    assert!(by(MOST_BY_CHARS).is_empty());
    assert_eq!(by(MOST_BY_CHARS + 1).len(), 1);
    assert!(!settings("").proactive.enabled);
}
