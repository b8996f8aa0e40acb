//! A list of alerts, read again and again.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::sources::Start;
use crate::sources::alerts::{self, AlertsSettings};

const POLLS: usize = 30;

/// How many polls there were, and who waits for more.
#[derive(Default)]
struct Hub {
    polls: AtomicUsize,
    lines: Mutex<Vec<String>>,
}

/// An active alert, as the list has it at one poll: the time of its last update moves on.
fn active(created: i64, poll: usize) -> String {
    let time = |micros| {
        let time = DateTime::from_timestamp_micros(micros).unwrap();
        time.to_rfc3339_opts(SecondsFormat::Micros, true)
    };
    let (created, updated) = (time(created), time(created + poll as i64 * 1_000_000));
    format!(
        r#"{{"name":"east/71dbd379","type":"Microsoft.InfrastructureInsights.Admin/regionHealths/alerts","properties":{{"alertId":"71dbd379","faultTypeId":"Urp.UpdateFailure","title":"Update failed","severity":"Critical","state":"Active","createdTimestamp":"{created}","lastUpdatedTimestamp":"{updated}","closedTimestamp":"","impactedResourceId":"/subscriptions/s/resourceGroups/system.east/providers/Microsoft.Update.Admin/updateLocations/east"}}}}"#
    )
}

/// Serves the list on a loopback port; answers its address.
async fn serve(hub: Arc<Hub>, created: i64) -> std::net::SocketAddr {
    let answer = move || {
        let hub = Arc::clone(&hub);
        async move {
            let alert = active(created, hub.polls.fetch_add(1, Ordering::SeqCst));
            hub.lines.lock().unwrap().push(alert.clone());
            format!(r#"{{"value":[{alert}],"nextLink":""}}"#)
        }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await });
    address
}

/// Polls until the hub was asked so often, in all.
fn poll(scene: &Scene, live: &Live, hub: &Arc<Hub>, address: std::net::SocketAddr, until: usize) {
    let token_file = scene.folder.path().join("token");
    std::fs::write(&token_file, "first\n").unwrap();
    let settings = AlertsSettings {
        name: "stack".to_owned(),
        url: format!("http://{address}/alerts").parse().unwrap(),
        token_file,
        ca_file: None,
        every: Duration::from_millis(1),
    };
    let start = Start {
        feed: live.feed.clone(),
        cursors: BTreeMap::new(),
        state: scene.folder.path().join("state"),
        shutdown: CancellationToken::new(),
    };
    let shutdown = start.shutdown.clone();
    scene.runtime.block_on(async {
        let polling = tokio::spawn(alerts::run(settings, start));
        let begun = Instant::now();
        while hub.polls.load(Ordering::SeqCst) < until {
            assert!(begun.elapsed() < PATIENCE);
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        shutdown.cancel();
        polling.await.unwrap().unwrap();
    });
}

#[test]
fn thirty_polls_of_one_active_alert_make_one_bundle() {
    let scene = Scene::new("");
    let hub = Arc::new(Hub::default());
    let created = now().unwrap() - 11 * MINUTE;
    let address = scene.runtime.block_on(serve(Arc::clone(&hub), created));
    let live = scene.start();
    poll(&scene, &live, &hub, address, POLLS / 2);
    scene.stop(live);
    // A start knows nothing of the lists before, but the rules know the alert.
    let live = scene.start();
    poll(&scene, &live, &hub, address, POLLS);
    scene.wait_for(&[State::Delivered]);
    scene.stop(live);

    let spool = Spool::open_read_only(&scene.folder.path().join("state")).unwrap();
    let rows = spool.requests().unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].request.rule, "stack-hub.update");
    assert_eq!(rows[0].request.at, created);
    let counters = spool.counters().unwrap();
    let most = hub.lines.lock().unwrap().len() as u64;
    // One poll may have been answered and cut off by either stop.
    let lines = counters["lines"];
    assert!((most - 2..=most).contains(&lines), "{lines} of {most}");
    assert_eq!(counters["flagged:stack-hub.update"], lines);
    assert_eq!(counters.get("suppressed"), None);
}
