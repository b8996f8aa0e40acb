//! The schema and the readers stay in step.

use std::collections::BTreeSet;

use tripline_bundle::recorder::{MAX_PERCENT, MIN_FREE_PERCENT};
use tripline_core::record::Field;

use super::{checker::Checker, *};

/// A key and a word that no reader knows and that is near to none.
const UNKNOWN: &str = "qqqqqqqqqqqqqqqq";

fn checker() -> Checker {
    Checker::new(SCHEMA)
}

/// What a reader says it knows when it meets something unknown: `…; one of a, b`.
fn known(text: &str) -> BTreeSet<String> {
    let shown = shown(text);
    let said = shown
        .iter()
        .find(|line| line.contains(UNKNOWN))
        .unwrap_or_else(|| panic!("{text}\n{shown:#?}"));
    let (_, names) = said.split_once("; one of ").unwrap();
    let names = names.split(" or a JSON pointer").next().unwrap();
    names.split(", ").map(str::to_owned).collect()
}

fn keys(schema: &Value) -> BTreeSet<String> {
    let properties = schema["properties"].as_object().unwrap();
    properties.keys().cloned().collect()
}

fn words(schema: &Value) -> BTreeSet<String> {
    let words = schema["enum"].as_array().unwrap().iter();
    words
        .map(|word| word.as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn the_schema_has_the_keys_of_the_readers_and_no_others() {
    let checker = checker();
    let tests = "/$defs/test/anyOf/1";
    for (text, part) in [
        (format!("{UNKNOWN} = 1\n"), ""),
        (format!("[storm]\n{UNKNOWN} = 1\n"), "/properties/storm"),
        (format!("[share]\n{UNKNOWN} = 1\n"), "/properties/share"),
        (format!("[collect]\n{UNKNOWN} = 1\n"), "/properties/collect"),
        (
            format!("[[output]]\n{UNKNOWN} = 1\n"),
            "/properties/output/items",
        ),
        (
            format!("[[collect.files]]\n{UNKNOWN} = 1\n"),
            "/properties/collect/properties/files/items",
        ),
        (
            format!("[[collect.roles]]\n{UNKNOWN} = 1\n"),
            "/properties/collect/properties/roles/items",
        ),
        (
            format!("[recorder]\n{UNKNOWN} = 1\n"),
            "/properties/recorder",
        ),
        (format!("[bundle]\n{UNKNOWN} = 1\n"), "/properties/bundle"),
        (format!("[run]\n{UNKNOWN} = 1\n"), "/properties/run"),
        (format!("[azure]\n{UNKNOWN} = 1\n"), "/properties/azure"),
        (
            format!("[[route]]\n{UNKNOWN} = 1\n"),
            "/properties/route/items",
        ),
        (
            format!("[proactive]\n{UNKNOWN} = 1\n"),
            "/properties/proactive",
        ),
        (
            format!("[proactive]\nconsent.{UNKNOWN} = 1\n"),
            "/properties/proactive/properties/consent",
        ),
        (format!("[http]\n{UNKNOWN} = 1\n"), "/properties/http"),
        (format!("[log]\n{UNKNOWN} = 1\n"), "/properties/log"),
        (format!("[canary]\n{UNKNOWN} = 1\n"), "/properties/canary"),
        (
            format!("[[notify]]\n{UNKNOWN} = 1\n"),
            "/properties/notify/items",
        ),
        (
            format!("[[rule]]\nname = 'a'\nwindow.{UNKNOWN} = 1\n"),
            "/$defs/window",
        ),
        (
            format!("[[rule]]\nname = 'a'\nwhere.hub.{UNKNOWN} = 1\n"),
            tests,
        ),
    ] {
        assert_eq!(keys(checker.part(part)), known(&text), "{part}");
    }
    let source = checker.part("/properties/source/items");
    let of_kind = |kind: String| {
        known(&format!(
            "[[source]]\nkind = '{kind}'\nname = 'a'\n{UNKNOWN} = 1\n"
        ))
    };
    let kinds = words(&source["properties"]["kind"]);
    assert_eq!(keys(source), kinds.into_iter().flat_map(of_kind).collect());
    let kinds = words(checker.part("/$defs/rule/properties/kind"));
    let of_kind = |kind: &String| {
        known(&format!(
            "[[rule]]\nname = 'a'\nkind = '{kind}'\n{UNKNOWN} = 1\n"
        ))
    };
    let rule: BTreeSet<_> = kinds.iter().flat_map(of_kind).collect();
    let with_override = known(&format!(
        "[[rule]]\nname = 'a'\noverride = [{{ {UNKNOWN} = 1 }}]\n"
    ));
    for (in_schema, in_reader) in [
        (keys(checker.part("/$defs/rule")), rule),
        (keys(checker.part("/$defs/override")), with_override),
        (
            kinds,
            known(&format!("[[rule]]\nname = 'a'\nkind = '{UNKNOWN}'\n")),
        ),
    ] {
        let missing: Vec<_> = in_reader.difference(&in_schema).collect();
        assert!(missing.is_empty(), "the schema lacks {missing:?}");
        let unknown: Vec<_> = in_schema.difference(&in_reader).collect();
        assert!(unknown.is_empty(), "no reader knows {unknown:?}");
    }
}

#[test]
fn the_schema_has_the_words_of_the_readers_and_no_others() {
    let checker = checker();
    for key in ["severity", "mode", "scope"] {
        let of_schema = words(checker.part(&format!("/$defs/rule/properties/{key}")));
        let text = format!("[[rule]]\nname = 'a'\n{key} = '{UNKNOWN}'\n");
        assert_eq!(of_schema, known(&text), "{key}");
    }
    assert_eq!(
        checker.part("/$defs/override/properties/mode/enum"),
        checker.part("/$defs/rule/properties/mode/enum")
    );
    assert_eq!(
        words(checker.part("/properties/output/items/properties/kind")),
        known(&format!("[[output]]\nname = 'a'\nkind = '{UNKNOWN}'\n"))
    );
    let notify = checker.part("/properties/notify/items/properties");
    assert_eq!(
        words(&notify["format"]),
        known(&format!("[[notify]]\nname = 'a'\nformat = '{UNKNOWN}'\n"))
    );
    let events = NotifyEvent::ALL.iter().map(|event| event.name().to_owned());
    assert_eq!(words(&notify["on"]["items"]), events.collect());
    let fields: BTreeSet<_> = Field::NAMES
        .iter()
        .map(|(name, _)| (*name).to_owned())
        .chain(["source".to_owned()])
        .collect();
    assert_eq!(words(checker.part("/$defs/field/anyOf/0")), fields);
    assert_eq!(
        words(checker.part("/properties/bundle/properties/format")),
        known(&format!("[bundle]\nformat = '{UNKNOWN}'\n"))
    );
}

#[test]
fn the_defaults_and_bounds_of_the_schema_are_those_of_the_readers() {
    let checker = checker();
    let storm = checker.part("/properties/storm/properties");
    let mut text = String::from("[storm]\n");
    for (key, schema) in storm.as_object().unwrap() {
        text = format!("{text}{key} = {}\n", schema["default"]);
    }
    assert_eq!(settings(&text), Settings::default());
    assert_eq!(text.lines().count(), 6);
    for (key, range) in [
        ("bundles_per_hour", BUNDLES_PER_HOUR),
        ("bundles_per_day", BUNDLES_PER_DAY),
    ] {
        let bound = |end: &str| storm[key][end].as_u64().unwrap();
        assert_eq!((bound("minimum"), bound("maximum")), range.into_inner());
    }
    let azure = checker.part("/properties/azure/properties");
    let mut text = String::from("[azure]\n");
    for (key, schema) in azure.as_object().unwrap() {
        if let Some(default) = schema.get("default") {
            text = format!("{text}{key} = {default}\n");
        }
    }
    assert_eq!(settings(&text), Settings::default());
    assert_eq!(text.lines().count(), 10);
    let bound = |end: &str| azure["concurrency"][end].as_u64().unwrap();
    assert_eq!((bound("minimum"), bound("maximum")), UPLOADS.into_inner());
    assert_eq!(
        checker.part("/properties/proactive/properties/consent/properties/text_version/const"),
        crate::proactive::CONSENT_VERSION
    );
    let recorder = checker.part("/properties/recorder/properties");
    let mut text = String::from("[recorder]\n");
    for (key, schema) in recorder.as_object().unwrap() {
        text = format!("{text}{key} = {}\n", schema["default"]);
    }
    assert_eq!(settings(&text), Settings::default());
    assert_eq!(text.lines().count(), 7);
    for (key, range) in [
        ("max_percent", MAX_PERCENT),
        ("min_free_percent", MIN_FREE_PERCENT),
    ] {
        let bound = |end: &str| recorder[key][end].as_u64().unwrap();
        assert_eq!((bound("minimum"), bound("maximum")), range.into_inner());
    }
}

#[test]
fn the_defaults_and_bounds_of_http_and_log_are_those_of_the_readers() {
    let checker = checker();
    for (section, keys) in [("http", 14), ("log", 2)] {
        let schema = checker.part(&format!("/properties/{section}/properties"));
        let mut text = format!("[{section}]\n");
        for (key, schema) in schema.as_object().unwrap() {
            text = format!("{text}{key} = {}\n", schema["default"]);
        }
        assert_eq!(settings(&text), Settings::default());
        assert_eq!(text.lines().count(), keys + 1);
    }
    let http = checker.part("/properties/http/properties");
    for (key, range) in [("max_connections", CONNECTIONS), ("max_requests", REQUESTS)] {
        let bound = |end: &str| http[key][end].as_u64().unwrap();
        assert_eq!((bound("minimum"), bound("maximum")), range.into_inner());
    }
    for key in ["format", "level"] {
        let of_schema = words(checker.part(&format!("/properties/log/properties/{key}")));
        assert_eq!(of_schema, known(&format!("[log]\n{key} = '{UNKNOWN}'\n")));
    }
}

#[test]
fn the_defaults_and_bounds_of_canaries_and_webhooks_are_those_of_the_readers() {
    let checker = checker();
    let with_defaults = |begin: &str, properties: &str| {
        let schema = checker.part(properties).as_object().unwrap();
        let lines = schema
            .iter()
            .filter_map(|(key, schema)| Some(format!("{key} = {}\n", schema.get("default")?)));
        format!("{begin}{}", lines.collect::<String>())
    };
    let text = with_defaults("[canary]\n", "/properties/canary/properties");
    assert_eq!(settings(&text), Settings::default());
    assert_eq!(text.lines().count(), 3);
    let begin = "[[notify]]\nname = 'a'\nurl = 'https://h'\n";
    let text = with_defaults(begin, "/properties/notify/items/properties");
    assert_eq!(settings(&text), settings(begin));
    assert_eq!(text.lines().count(), 9);
    let per_hour = checker.part("/properties/notify/items/properties/per_hour");
    let bound = |end: &str| per_hour[end].as_u64().unwrap();
    let bounds = (bound("minimum"), bound("maximum"));
    assert_eq!(bounds, MESSAGES_PER_HOUR.into_inner());
    assert_eq!(checker.part("/properties/notify/maxItems"), MOST_WEBHOOKS);
}

#[test]
fn what_is_shipped_fits_the_schema() {
    let checker = checker();
    assert_eq!(
        checker.part("/$schema"),
        "https://json-schema.org/draft/2020-12/schema"
    );
    for text in [
        DEFAULT_RULES,
        DEFAULT_CONFIG,
        &uncommented(DEFAULT_CONFIG),
        "",
    ] {
        let document = Document::parse("x", text);
        assert_eq!(document.syntax, []);
        assert!(checker.allows(&document.value), "{text}");
    }
    let printed: Value = serde_json::from_str(SCHEMA).unwrap();
    assert!(SCHEMA.ends_with("}\n") && SCHEMA.starts_with("{\n  \"$schema\""));
    assert!(printed["properties"]["rule"].is_object());
}

#[test]
fn schema_and_reader_refuse_alike() {
    let checker = checker();
    let rule = |text: &str| format!("[[rule]]\nname = 'a'\n{text}\n");
    let storm = |text: &str| format!("[storm]\n{text}\n");
    let recorder = |text: &str| format!("[recorder]\n{text}\n");
    let fine = [
        rule("where = { hub = 'x', '/a/b' = 5, expected = false }"),
        rule(
            "where = [{ hub = ['x'] }, { message = { prefix = 'a', regex = 'b', present = true } }]",
        ),
        rule("group_by = 'hub'"),
        rule("kind = 'frequency'\nthreshold = 10000\nwithin = '1h30m'"),
        rule("for = '30m'\ncooldown = '1h'\nmax_cooldown = '1d'\nmode = 'shadow'\nscope = 'all'"),
        rule("window = { before = '1m', after = '0s' }\nadvice = 'x'\nseverity = 'debug'"),
        rule("override = [{ for = '1m', where = { hub = 'x' } }]"),
        storm("bundles_per_hour = 1000\nmax_bundle_bytes = '64 KiB'\nmax_trigger_age = '1m'"),
        recorder("max_age = '1h'\nmax_bytes = '16MiB'\nmax_percent = 95\nmin_free_bytes = '0 B'"),
        recorder("max_age = '366d'\nmin_free_percent = 0\nsegment_bytes = '1 GiB'"),
        "default_rules = true".to_owned(),
        "[[output]]\nname = 'a'\nkind = 'stdout'\nbuffer_bytes = '1 GiB'".to_owned(),
        "[[output]]\nname = 'a-1'\nkind = 'file'\npath = 'x'\nmax_bytes = '64KiB'\nmax_files = 1000"
            .to_owned(),
        "[[output]]\nname = 'a'\nkind = 'http'\nurl = 'https://a/b'\ngzip = true\ntoken_file = 't'\nca_file = 'c'\nbatch_bytes = '1KiB'\ntimeout = '10m'"
            .to_owned(),
        "[http]\nlisten = ''\nunix_socket = '/run/a'\nmax_requests = 4\nidle_timeout = '1h'".to_owned(),
        "[http]\nlisten = '[::]:9100'\ntoken_file = '/a'\nmax_body_bytes = '1GiB'".to_owned(),
        "[log]\nformat = 'json'\nlevel = 'debug'".to_owned(),
        "[canary]\nevery = '1m'\ndeliver = true\ntimeout = '1h'".to_owned(),
        "[[notify]]\nname = 'a'\nurl = 'https://h/x?y=z'\non = ['sealed']\nfold = '24h'\nper_hour = 3600".to_owned(),
        "[[notify]]\nname = 'a'\nformat = 'alertmanager'\nurl = 'http://am:9093'\nplain_http = true\ntimeout = '1m'".to_owned(),
        "[[notify]]\nname = 'a'\nurl_env = 'U'\ntoken_env = 'T'\nca_file = 'c'".to_owned(),
        "[[notify]]\nname = 'a'\nurl_file = '/u'\ntoken_file = '/t'".to_owned(),
        "[share]\npath = '/a'\nmax_age = '30d'\nmax_bytes = '1MiB'".to_owned(),
        "[azure]\nsas_file = '/a'\ntier = 'account'\nrate = '16KiB'\nproxy = 'http://p:3128'\nhost = 'a.b'".to_owned(),
        "[azure]\nsas_env = 'SAS_1'\nstart_jitter = '0s'\nfold = 'fleet'\nconcurrency = 16".to_owned(),
        "[[route]]\nname = 'a'\nsubscription = 's'\nsource = ['x', 'y*']\nshare_path = '/a'\nprofile = 'raw'".to_owned(),
        "[proactive]\nenabled = true\nconsent = { by = 'A', date = '2026-11-24', text_version = 1 }".to_owned(),
        "[collect]\nhost_facts = false\n[[collect.files]]\nrole = 'app-1'\npaths = ['/a/*']\nmax_bytes = '64KiB'"
            .to_owned(),
    ];
    for text in fine {
        assert_eq!(shown(&text), [""; 0], "{text}");
        assert!(checker.allows(&Document::parse("x", &text).value), "{text}");
    }
    let broken = [
        "azure = 3".to_owned(),
        "[azure]\nsas = 'https://x'".to_owned(),
        "[azure]\nsas_file = ''".to_owned(),
        "[azure]\nsas_env = 'https://x?sig=y'".to_owned(),
        "[azure]\ntier = 'warm'".to_owned(),
        "[azure]\nconcurrency = 17".to_owned(),
        "[azure]\nproxy = 'http://me:word@p:3128'".to_owned(),
        "[azure]\nproxy = 'socks5://p:3128'".to_owned(),
        "[azure]\ndeployment = 'a/b'".to_owned(),
        "[azure]\nhost = 'a.'".to_owned(),
        "[azure]\nfold = true".to_owned(),
        "[[route]]\nname = 'a'".to_owned(),
        "[[route]]\nshare_path = '/a'".to_owned(),
        "[[route]]\nname = 'a b'\nshare_path = '/a'".to_owned(),
        "[[route]]\nname = 'a'\nshare_path = ''".to_owned(),
        "[[route]]\nname = 'a'\nshare_path = '/a'\nsource = 3".to_owned(),
        "[proactive]\nenabled = true".to_owned(),
        "[proactive]\nconsent = { by = '', date = '2026-11-24', text_version = 1 }".to_owned(),
        "[proactive]\nconsent = { by = 'A', date = '2026-11-24', text_version = 2 }".to_owned(),
        "[proactive]\nconsent = { by = 'A' }".to_owned(),
        "rules = []".to_owned(),
        "rule = 3".to_owned(),
        "rule = [3]".to_owned(),
        "default_rules = 'yes'".to_owned(),
        "default_rules = false".to_owned(),
        "default_rules = false\nrule = []".to_owned(),
        "storm = 3".to_owned(),
        "[[rule]]".to_owned(),
        "[[rule]]\nname = 3".to_owned(),
        "[[rule]]\nname = 'a b'".to_owned(),
        format!("[[rule]]\nname = '{}'", "x".repeat(101)),
        "[[rule]]\nname = 'a'\n".repeat(501),
        storm("bundles_per_hour = 0"),
        storm("bundles_per_hour = 1001"),
        storm("bundles_per_day = 1.5"),
        storm("bundles_per_day = 10001"),
        storm("max_bundle_bytes = 268435456"),
        storm("max_bundle_bytes = '256'"),
        storm("max_bytes_per_day = '1.5GiB'"),
        storm("max_bytes_per_day = '5 TB'"),
        storm("max_trigger_age = '1w'"),
        storm("max_trigger_age = 60"),
        storm("max_age = '1h'"),
        recorder("max_percent = 0"),
        recorder("max_percent = 96"),
        recorder("min_free_percent = 91"),
        recorder("max_bytes = 4"),
        recorder("max_age = '7'"),
        recorder("keep = '7d'"),
        "[output]\nname = 'a'".to_owned(),
        "output = [3]".to_owned(),
        "[[output]]\nkind = 'stdout'".to_owned(),
        "[[output]]\nname = 'a'".to_owned(),
        "[[output]]\nname = 'A'\nkind = 'stdout'".to_owned(),
        format!("[[output]]\nname = '{}'\nkind = 'stdout'", "a".repeat(65)),
        "[[output]]\nname = 'a'\nkind = 'tcp'".to_owned(),
        "[[output]]\nname = 'a'\nkind = 'stdout'\npath = 'x'".to_owned(),
        "[[output]]\nname = 'a'\nkind = 'file'".to_owned(),
        "[[output]]\nname = 'a'\nkind = 'file'\npath = ''".to_owned(),
        "[[output]]\nname = 'a'\nkind = 'file'\npath = 'x'\nmax_files = 0".to_owned(),
        "[[output]]\nname = 'a'\nkind = 'file'\npath = 'x'\ngzip = true".to_owned(),
        "[[output]]\nname = 'a'\nkind = 'http'".to_owned(),
        "[[output]]\nname = 'a'\nkind = 'http'\nurl = 'ftp://a'".to_owned(),
        "[[output]]\nname = 'a'\nkind = 'http'\nurl = 'http://a'\nmax_files = 2".to_owned(),
        "canary = 3".to_owned(),
        "[canary]\nevery = 24".to_owned(),
        "[canary]\ndeliver = 'yes'".to_owned(),
        "notify = {}".to_owned(),
        "notify = [3]".to_owned(),
        "[[notify]]\nname = 'a'\nurl = 'https://h'\n".repeat(9),
        "[[notify]]\nurl = 'https://h'".to_owned(),
        "[[notify]]\nname = 'a'".to_owned(),
        "[[notify]]\nname = 'A'\nurl = 'https://h'".to_owned(),
        "[[notify]]\nname = 'a'\nurl = 'ftp://h'".to_owned(),
        "[[notify]]\nname = 'a'\nurl = 'https://h'\nurl_env = 'U'".to_owned(),
        "[[notify]]\nname = 'a'\nurl_file = ''".to_owned(),
        "[[notify]]\nname = 'a'\nurl_env = 'https://h'".to_owned(),
        "[[notify]]\nname = 'a'\nurl = 'https://h'\ntoken_file = '/t'\ntoken_env = 'T'".to_owned(),
        "[[notify]]\nname = 'a'\nurl = 'https://h'\ntoken = 'geheim'".to_owned(),
        "[[notify]]\nname = 'a'\nurl = 'https://h'\nformat = 'slack'".to_owned(),
        "[[notify]]\nname = 'a'\nurl = 'https://h'\non = []".to_owned(),
        "[[notify]]\nname = 'a'\nurl = 'https://h'\non = 'held'".to_owned(),
        "[[notify]]\nname = 'a'\nurl = 'https://h'\non = ['hold']".to_owned(),
        "[[notify]]\nname = 'a'\nurl = 'https://h'\nper_hour = 0".to_owned(),
        "[[notify]]\nname = 'a'\nurl = 'https://h'\nper_hour = 3601".to_owned(),
        "[[notify]]\nname = 'a'\nurl = 'https://h'\nfold = 5".to_owned(),
        "http = 3".to_owned(),
        "[http]\nlisten = '127.0.0.1'".to_owned(),
        "[http]\nlisten = 9100".to_owned(),
        "[http]\nmax_connections = 0".to_owned(),
        "[http]\nmax_connections = 10001".to_owned(),
        "[http]\nmax_requests = 3".to_owned(),
        "[http]\nmax_body_bytes = 5".to_owned(),
        "[http]\nrequest_timeout = 20".to_owned(),
        "[http]\ntoken = 'x'".to_owned(),
        "log = 'json'".to_owned(),
        "[log]\nlevel = 'trace'".to_owned(),
        "[log]\nformat = 'logfmt'".to_owned(),
        "share = 3".to_owned(),
        "[share]\npath = ''".to_owned(),
        "[share]\nmax_age = 30".to_owned(),
        "[share]\nmax_bytes = 'all'".to_owned(),
        "collect = []".to_owned(),
        "[collect]\nhost_facts = 'yes'".to_owned(),
        "[collect]\nfiles = {}".to_owned(),
        "[collect]\nfiles = [3]".to_owned(),
        "[[collect.files]]\npaths = ['/a']".to_owned(),
        "[[collect.files]]\nrole = 'a'".to_owned(),
        "[[collect.files]]\nrole = 'A b'\npaths = ['/a']".to_owned(),
        format!(
            "[[collect.files]]\nrole = '{}'\npaths = ['/a']",
            "a".repeat(25)
        ),
        "[[collect.files]]\nrole = 'a'\npaths = []".to_owned(),
        "[[collect.files]]\nrole = 'a'\npaths = ['']".to_owned(),
        "[[collect.files]]\nrole = 'a'\npaths = [3]".to_owned(),
        "[[collect.files]]\nrole = 'a'\npaths = ['/a']\n".repeat(101),
        rule("treshold = 3"),
        rule("kind = 'frequenzy'"),
        rule("kind = 'frequency'\nwithin = '5m'"),
        rule("kind = 'frequency'\nthreshold = 5"),
        rule("kind = 'frequency'\nthreshold = 10001\nwithin = '5m'"),
        rule("kind = 'absence'\nwithin = '5m'\nfor = '5m'"),
        rule("kind = 'absence'\nwithin = '5m'\nthreshold = 5"),
        rule("kind = 'absence'"),
        rule("kind = 'spike'\nthreshold = 5\nwithin = '5m'"),
        rule("kind = 'spike'\nthreshold = 5\nwithin = '5m'\nfactor = 0.5"),
        rule("kind = 'spike'\nthreshold = 5\nwithin = '5m'\nfactor = 1001"),
        rule("kind = 'spike'\nthreshold = 5\nwithin = '5m'\nfactor = 2\nmin_reference = -1"),
        rule("kind = 'spike'\nthreshold = 5\nwithin = '5m'\nfactor = 2\nfield = 'user'"),
        rule("kind = 'cardinality'\nthreshold = 5\nwithin = '5m'"),
        rule("kind = 'cardinality'\nthreshold = 5\nwithin = '5m'\nfield = 'usr'"),
        rule("kind = 'cardinality'\nthreshold = 5\nwithin = '5m'\nfield = 'user'\nends = 3"),
        rule("kind = 'cardinality'\nthreshold = 5\nwithin = '5m'\nfield = 'user'\nfactor = 2"),
        rule("override = [{ mode = 'on' }]"),
        rule("threshold = 5"),
        rule("kind = 'match'\nwithin = '5m'"),
        rule("description = 3"),
        rule("where = 'x'"),
        rule("where = {}"),
        rule("where = { levle = 'x' }"),
        rule("where = { hub = [] }"),
        rule("where = { hub = [['x']] }"),
        rule("where = { hub = { regexp = 'x' } }"),
        rule("where = { hub = { present = 'yes' } }"),
        rule("where = [{ hub = 'x' }, 3]"),
        rule("group_by = ['hubb']"),
        rule("group_by = 3"),
        rule("for = '5'"),
        rule("cooldown = 5"),
        rule("max_cooldown = 'soon'"),
        rule("severity = 'bad'"),
        rule("window = { befor = '1m' }"),
        rule("window = '1m'"),
        rule("scope = 'some'"),
        rule("mode = 'on'"),
        rule("advice = ['x']"),
        rule("override = { for = '1m' }"),
        rule("override = [{ threshold = 3 }]"),
        rule("override = [{ where = { hubb = 'x' } }]"),
    ];
    for text in broken {
        assert!(!shown(&text).is_empty(), "the reader lets it pass: {text}");
        let document = Document::parse("x", &text);
        assert_eq!(document.syntax, [], "{text}");
        assert!(
            !checker.allows(&document.value),
            "the schema lets it pass: {text}"
        );
    }
}
