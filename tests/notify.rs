//! `[[notify]]`: what webhooks are told of a real `tripline run`, through refusals, crashes and restarts.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "scenarios fail by panicking"
)]
#![cfg(unix)]

#[expect(dead_code, reason = "the scenarios here use a part of it")]
#[path = "http/service.rs"]
mod service;
#[path = "support/mod.rs"]
mod support;
#[path = "support/webhook.rs"]
mod webhook;

use std::fs;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use service::{SOON, Service, history};
use support::{run, signalr, text};
use tempfile::TempDir;
use webhook::{Answer, Webhook};

/// Somebody agreed to collecting.
const CONSENT: &str = "[proactive]\nenabled = true\n\
     consent = { by = 'Anna', date = '2026-11-24', text_version = 1 }\n";

/// Busy for longer than any test takes.
const BUSY: Answer = Answer::Say("503 Service Unavailable", "retry-after: 3000\r\n");

/// 2026-03-02T10:00:00Z in seconds, which [`signalr`] counts from.
const TEN: i64 = 1_772_445_600;

/// Twelve lines, so many minutes ago, of which the tenth asks for a bundle whose window is complete.
fn pings(resource: &str, minutes_ago: i64) -> String {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let from = i64::try_from(since.unwrap().as_secs()).unwrap() - 60 * minutes_ago - TEN;
    let reason = "Connection ended. Reason: Connection ping timeout.";
    let lines = (0..12).map(|second| signalr(from + second, resource, "ConnectionEnded", reason));
    lines.collect::<Vec<_>>().join("\n")
}

async fn send(service: &Service, body: String) {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = client.post(format!("{}/v1/ingest", service.url)).body(body);
    let response = tokio::time::timeout(SOON, request.send()).await.unwrap();
    assert_eq!(response.unwrap().status().as_u16(), 200);
}

async fn metrics(service: &Service) -> String {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let response = client.get(format!("{}/metrics", service.url)).send().await;
    response.unwrap().text().await.unwrap()
}

/// Waits until the metrics have a line.
async fn measures(service: &Service, line: &str) {
    let deadline = Instant::now() + SOON;
    loop {
        let text = metrics(service).await;
        if text.lines().any(|found| found == line) {
            return;
        }
        assert!(Instant::now() < deadline, "{line}\n{text}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn notify(webhook: &Webhook, more: &str) -> String {
    format!(
        "[[notify]]\nname = 'ops'\nurl = '{}/hook'\n{more}\n",
        webhook.url
    )
}

/// Waits until the history says so of a request.
fn until_state(service: &Service, state: &str) -> Vec<Value> {
    let deadline = Instant::now() + SOON;
    loop {
        let rows = service.history();
        if rows.iter().any(|row| row["state"] == state) {
            return rows;
        }
        assert!(Instant::now() < deadline, "{rows:#?}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_before_is_not_told_and_what_comes_is_without_a_word_of_the_customer() {
    let folder = TempDir::new().unwrap();
    let service = Service::start(folder.path(), CONSENT);
    send(&service, pings("OLD", 50)).await;
    until_state(&service, "delivered");
    service.terminate();

    let webhook = Webhook::start(&[]);
    let key = folder.path().join("deployment.key");
    fs::write(&key, "0123456789abcdef0123456789abcdef").unwrap();
    let more = format!(
        "{CONSENT}{}[redact]\ndeployment_key_file = '{}'\n[azure]\nhost = 'node-1'\n",
        notify(
            &webhook,
            "on = ['sealed', 'delivered', 'held']\nfold = '2s'"
        ),
        key.display()
    );
    let service = Service::start(folder.path(), &more);
    send(&service, pings("HUB", 40)).await;
    let rows = until_state(&service, "delivered");
    let row = rows.last().unwrap();
    assert!(row["group"].as_str().unwrap().contains("/hub"), "{row}");
    let told = webhook.wait_taken(2);
    // How long a delivery takes decides whether it is a message of its own.
    let (first, last) = (&told[0], &told[1]);
    assert_eq!(first["event"], "sealed");
    assert_eq!(first["version"], 1);
    assert_eq!(
        (&first["host"], &first["deployment"]),
        (&json!("node-1"), &json!("tripline"))
    );
    assert_eq!(first["rule"], "signalr.ping-timeout");
    assert_eq!(first["bundle"]["id"], row["id"]);
    assert_eq!(first["bundle"]["type"], "proactive");
    assert_eq!(first["bundle"]["trigger"], row["at"]);
    assert!(first["bundle"]["size"].as_u64().unwrap() > 0);
    assert!(
        first["group"].as_str().unwrap().starts_with("[group-"),
        "{first}"
    );
    let incident = match last["event"].as_str().unwrap() {
        "folded" => &last["incidents"][0],
        _ => last,
    };
    assert_eq!(incident["incident"], first["incident"]);
    assert!(last.to_string().contains("delivered"), "{last}");
    for message in webhook.messages() {
        assert!(
            message.head.starts_with("POST /hook HTTP/1.1\r\n"),
            "{}",
            message.head
        );
        let body = message.body.to_string().to_lowercase();
        for word in ["subscriptions", "11111111", "/hub", "resourcegroups", "old"] {
            assert!(!body.contains(word), "{word}: {body}");
        }
    }
    let two = r#"tripline_notifications_total{outcome="sent"} 2"#;
    measures(&service, two).await;
    let state = service.state.clone();
    let (code, _, said) = service.terminate();
    assert_eq!(code, Some(0), "{said:#?}");
    // A restart tells nothing again.
    let service = Service::start(folder.path(), &more);
    assert_eq!(history(&state).len(), 2);
    send(&service, pings("NEXT", 30)).await;
    let told = webhook.wait_taken(3);
    assert_eq!(told[2]["event"], "sealed", "{told:#?}");
    assert_ne!(told[2]["incident"], told[0]["incident"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_before_it_was_told_it_is_told_after_the_start_under_the_same_id_and_once() {
    let folder = TempDir::new().unwrap();
    let webhook = Webhook::start(&[BUSY]);
    // Nobody agreed: requests are suppressed, which is a step like any other.
    let more = notify(&webhook, "on = ['suppressed']\nfold = '1h'");
    let service = Service::start(folder.path(), &more);
    send(&service, pings("A", 30)).await;
    let tried = webhook.wait(1);
    service.kill();
    // The reply is lost, and the process dies before it knows: at least once.
    webhook.answer(&[Answer::Hang]);
    let service = Service::start(folder.path(), &more);
    let again = webhook.wait(2);
    service.kill();
    let service = Service::start(folder.path(), &more);
    let told = webhook.wait_taken(1);
    assert_eq!(told[0]["event"], "suppressed");
    assert_eq!(told[0]["bundle"]["cause"], "proactive collection is off");
    assert_eq!(told[0]["id"], tried[0].body["id"]);
    assert_eq!(told[0], tried[0].body);
    assert_eq!(told[0], again[1].body);
    measures(
        &service,
        r#"tripline_notifications_total{outcome="sent"} 1"#,
    )
    .await;
    service.kill();
    // It is written down that it was told: another incident is the next message.
    let service = Service::start(folder.path(), &more);
    send(&service, pings("B", 30)).await;
    let told = webhook.wait_taken(2);
    assert_ne!(told[1]["incident"], told[0]["incident"]);
    assert_eq!(webhook.messages().len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_is_given_up_and_what_may_pass_is_sent_again() {
    let folder = TempDir::new().unwrap();
    let script = [
        Answer::Say("400 Bad Request", ""),
        Answer::Say("429 Too Many Requests", "retry-after: 1\r\n"),
        Answer::Say("408 Request Timeout", ""),
        Answer::LoseReply,
    ];
    let webhook = Webhook::start(&script);
    let more = notify(&webhook, "on = ['suppressed']");
    let service = Service::start(folder.path(), &more);
    send(&service, pings("A", 30)).await;
    measures(
        &service,
        r#"tripline_notifications_total{outcome="failed"} 1"#,
    )
    .await;
    send(&service, pings("B", 30)).await;
    let messages = webhook.wait(5);
    measures(
        &service,
        r#"tripline_notifications_total{outcome="sent"} 1"#,
    )
    .await;
    let ids: Vec<_> = messages.iter().map(|message| &message.body["id"]).collect();
    assert_ne!(ids[0], ids[1]);
    assert!(ids[1..].iter().all(|id| *id == ids[1]), "{ids:?}");
    let (_, _, said) = service.terminate();
    let said = said.join("\n");
    assert!(
        said.contains("it answered 400 Bad Request (hint: "),
        "{said}"
    );
    assert!(said.contains("a notification is given up"), "{said}");
    assert!(!said.contains("secret"), "answers are not repeated: {said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_a_day_old_is_tried_once_more_and_given_up() {
    let folder = TempDir::new().unwrap();
    let webhook = Webhook::start(&[BUSY, BUSY]);
    let more = notify(&webhook, "on = ['suppressed']");
    let service = Service::start(folder.path(), &more);
    send(&service, pings("A", 30)).await;
    webhook.wait(1);
    let state = service.state.clone();
    service.kill();
    let spool = rusqlite::Connection::open(state.join("spool.sqlite")).unwrap();
    let day = 86_400_000_000_i64;
    spool
        .execute("UPDATE steps SET at = at - ?1", [day])
        .unwrap();
    drop(spool);
    let service = Service::start(folder.path(), &more);
    measures(
        &service,
        r#"tripline_notifications_total{outcome="failed"} 1"#,
    )
    .await;
    send(&service, pings("B", 30)).await;
    let told = webhook.wait_taken(1);
    assert_eq!(webhook.messages().len(), 3);
    assert_ne!(told[0]["incident"], webhook.messages()[0].body["incident"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn more_of_an_incident_is_gathered() {
    let folder = TempDir::new().unwrap();
    let webhook = Webhook::start(&[]);
    let more = notify(&webhook, "on = ['suppressed']\nfold = '10s'");
    let service = Service::start(folder.path(), &more);
    // The second is behind the cooldown of the first.
    send(&service, format!("{}\n{}", pings("A", 55), pings("A", 20))).await;
    let told = webhook.wait_taken(2);
    assert_eq!(service.history().len(), 2);
    assert_eq!(told[0]["event"], "suppressed");
    let (event, count) = (&told[1]["event"], &told[1]["count"]);
    assert_eq!((event, count), (&json!("folded"), &json!(1)));
    let incident = &told[1]["incidents"][0];
    assert_eq!(incident["incident"], told[0]["incident"]);
    assert_eq!(incident["events"], json!({"suppressed": 1}));
    assert_eq!(incident["last_event"], "suppressed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_storm_is_a_few_messages() {
    let folder = TempDir::new().unwrap();
    let webhook = Webhook::start(&[]);
    let more = notify(&webhook, "on = ['suppressed']\nper_hour = 2\nfold = '2s'");
    let service = Service::start(folder.path(), &more);
    let storm: Vec<_> = (0..30)
        .map(|number| pings(&format!("R{number}"), 30))
        .collect();
    send(&service, storm.join("\n")).await;
    let told = webhook.wait_taken(3);
    assert_eq!(service.history().len(), 30);
    assert_eq!(
        (&told[0]["event"], &told[1]["event"]),
        (&json!("suppressed"), &json!("suppressed"))
    );
    assert_eq!(
        (&told[2]["event"], &told[2]["count"]),
        (&json!("folded"), &json!(28))
    );
    assert_eq!(told[2]["incidents"].as_array().unwrap().len(), 28);
    assert_eq!(webhook.messages().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn neither_url_nor_token_is_ever_shown() {
    let folder = TempDir::new().unwrap();
    let webhook = Webhook::start(&[
        Answer::Say("500 Internal Server Error", ""),
        Answer::Say("403 Forbidden", ""),
    ]);
    let token = folder.path().join("token");
    fs::write(&token, "geheim-token-0123456789\n").unwrap();
    let more = format!(
        "[[notify]]\nname = 'ops'\nurl = '{0}/geheim-path?key=geheim-query'\ntoken_file = '{1}'\non = ['suppressed']\n\
         [[notify]]\nname = 'env'\nurl_env = 'HOOK_URL'\ntoken_env = 'HOOK_TOKEN'\non = ['suppressed']\n\
         [[notify]]\nname = 'nobody'\nurl = 'http://127.0.0.1:1/geheim-path'\non = ['suppressed']\n",
        webhook.url,
        token.display()
    );
    let url = format!("{}/geheim-env", webhook.url);
    let variables = [
        // Libraries too say all that they can.
        (
            "TRIPLINE_LOG",
            "trace,tripline=trace,reqwest=trace,hyper=trace,hyper_util=trace",
        ),
        ("HOOK_URL", url.as_str()),
        ("HOOK_TOKEN", "geheim-token-env"),
    ];
    let service = Service::start_with(folder.path(), &more, &variables);
    send(&service, pings("A", 30)).await;
    // One of the two is given up, and the other sent, whoever comes first.
    let messages = webhook.wait(3);
    measures(
        &service,
        r#"tripline_notifications_total{outcome="failed"} 1"#,
    )
    .await;
    measures(
        &service,
        r#"tripline_notifications_total{outcome="sent"} 1"#,
    )
    .await;
    let heads: String = messages
        .iter()
        .map(|message| message.head.as_str())
        .collect();
    for part in [
        "POST /geheim-path?key=geheim-query HTTP/1.1",
        "authorization: Bearer geheim-token-0123456789",
        "POST /geheim-env HTTP/1.1",
        "authorization: Bearer geheim-token-env",
    ] {
        assert!(heads.contains(part), "{part}\n{heads}");
    }
    let shown = metrics(&service).await;
    let rows = service.history();
    let state = service.state.clone();
    let (_, _, said) = service.terminate();
    let said = said.join("\n");
    assert!(
        said.contains("a notification is sent again later"),
        "{said}"
    );
    for (what, text) in [
        ("log", said),
        ("metrics", shown),
        ("history", json!(rows).to_string()),
    ] {
        assert!(!text.contains("geheim"), "{what}: {text}");
    }
    for file in fs::read_dir(&state)
        .unwrap()
        .flatten()
        .filter(|file| file.path().is_file())
    {
        let bytes = fs::read(file.path()).unwrap();
        let has = bytes.windows(6).any(|window| window == b"geheim");
        assert!(!has, "{:?}", file.path());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn alertmanager_gets_alerts_that_end_when_the_bundle_arrives() {
    let folder = TempDir::new().unwrap();
    let webhook = Webhook::start(&[]);
    let alerts = format!(
        "[[notify]]\nname = 'am'\nformat = 'alertmanager'\nurl = '{}'\non = ['held', 'delivered']\nfold = '1s'\n",
        webhook.url
    );
    // No route is for it, so it is held.
    let route = "[[route]]\nname = 'other'\nsubscription = ['other']\nshare_path = '/nowhere'\n";
    let service = Service::start(folder.path(), &format!("{CONSENT}{alerts}{route}"));
    send(&service, pings("HUB", 30)).await;
    let told = webhook.wait(1);
    assert!(
        told[0].head.starts_with("POST /api/v2/alerts HTTP/1.1\r\n"),
        "{}",
        told[0].head
    );
    let held = &told[0].body[0];
    let labels = held["labels"].as_object().unwrap();
    assert_eq!(labels["alertname"], "TriplineBundle");
    assert_eq!(labels["rule"], "signalr.ping-timeout");
    assert!(
        labels
            .values()
            .all(|value| value.as_str().is_some_and(|text| !text.is_empty()))
    );
    assert_eq!(held["annotations"]["event"], "held");
    assert_eq!(held["annotations"]["cause"], "no route is for it");
    let time = |value: &Value| tripline_core::time::parse_time(value.as_str().unwrap()).unwrap();
    assert_eq!(
        time(&held["endsAt"]) - time(&held["startsAt"]),
        7 * 86_400_000_000
    );
    service.terminate();
    // With a route for all it is delivered, which ends the alert.
    let service = Service::start(folder.path(), &format!("{CONSENT}{alerts}"));
    until_state(&service, "delivered");
    let told = webhook.wait(2);
    let delivered = &told[1].body[0];
    assert_eq!(delivered["labels"], held["labels"]);
    assert_eq!(delivered["annotations"]["event"], "delivered");
    assert!(
        time(&delivered["endsAt"]) - time(&delivered["startsAt"]) < 60_000_000,
        "{delivered}"
    );
}

#[test]
fn check_says_who_is_told_what_and_which_secrets_are_missing() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("tripline.toml");
    fs::write(
        &file,
        "[[notify]]\nname = 'ops'\nurl = 'https://hooks.example.com/geheim'\n\
         [[notify]]\nname = 'am'\nformat = 'alertmanager'\nurl = 'http://am:9093'\nplain_http = true\non = ['held']\n\
         [canary]\nevery = '24h'\n",
    )
    .unwrap();
    let output = run(&["check", "--config", file.to_str().unwrap()]);
    let shown = text(&output);
    assert_eq!(output.status.code(), Some(0), "{shown}");
    assert!(
        shown.contains("notify: ops (json: delivered, held, failed, canary-failed); am (alertmanager: held)\ncanary: every 1d, not delivered\n"),
        "{shown}"
    );
    assert!(!shown.contains("geheim"), "{shown}");
    fs::write(
        &file,
        "[[notify]]\nname = 'ops'\nurl_file = '/nowhere/url'\ntoken_env = 'NO_SUCH_TOKEN'\nca_file = '/nowhere/ca'\n",
    )
    .unwrap();
    let output = run(&["check", "--config", file.to_str().unwrap()]);
    let shown = text(&output);
    assert_eq!(output.status.code(), Some(2), "{shown}");
    for part in [
        "the webhook `ops`: cannot read the file `/nowhere/url`",
        "the webhook `ops`: the environment variable `NO_SUCH_TOKEN` is not set",
        "the webhook `ops`: cannot read the certificates in `/nowhere/ca`",
    ] {
        assert!(shown.contains(part), "{shown}");
    }
}
