//! Bundles of several tenants of one host.

use crate::azure::fault_server::FaultServer;
use crate::ground::{Ground, bundles, logs, pings, post, settled};
use crate::support::{run, text};

/// The subscriptions of the tenants; the last one has no route.
const ONE: &str = "aaaaaaaa-0000-4000-8000-000000000001";
const TWO: &str = "bbbbbbbb-0000-4000-8000-000000000002";
const THREE: &str = "cccccccc-0000-4000-8000-000000000003";
const FOUR: &str = "dddddddd-0000-4000-8000-000000000004";

/// The logs of the only bundle there.
fn only(bundles: Vec<Vec<u8>>) -> String {
    assert_eq!(bundles.len(), 1);
    logs(&bundles[0])
}

fn of(server: &FaultServer) -> String {
    only(
        server
            .bundles()
            .into_values()
            .map(|blob| blob.content)
            .collect(),
    )
}

#[test]
fn bundles_go_by_their_route_each_redacted_its_own_way_and_what_fits_none_is_held() {
    let ground = Ground::new();
    let (one, two) = (FaultServer::start(), FaultServer::start());
    let (sas_one, sas_two) = (
        ground.keep("one", &one.sas()),
        ground.keep("two", &two.sas()),
    );
    let folder = ground.path("three");
    let service = ground.run(&format!(
        "[azure]\nstart_jitter = '0s'\n\
         [[route]]\nname = 'one'\nsource = 'tenant-one'\nsas_file = '{sas_one}'\nprofile = 'raw'\n\
         [[route]]\nname = 'two'\nsource = 'tenant-t*'\nsas_file = '{sas_two}'\nprofile = 'share'\n\
         [[route]]\nname = 'three'\nsubscription = '{THREE}'\nshare_path = '{}'\nprofile = 'hidden'\n\
         [[redact.profiles]]\nname = 'hidden'\npresets = ['secrets', 'users', 'mails', 'subscriptions']\n",
        folder.display()
    ));
    for (source, subscription, hub) in [
        ("tenant-one", ONE, "HUB1"),
        ("tenant-two", TWO, "HUB2"),
        ("elsewhere", THREE, "HUB3"),
        ("elsewhere", FOUR, "HUB4"),
    ] {
        let user = format!("anna.{hub}@example.com");
        post(&service, source, &pings(subscription, hub, &user, ""));
    }
    let rows = settled(&service, 4);
    // Each tenant has its own, and none of the others.
    let folder = only(bundles(&folder));
    let all = [of(&one), of(&two), folder];
    for (logs, own) in all.iter().zip(["HUB1", "HUB2", "HUB3"]) {
        for hub in ["HUB1", "HUB2", "HUB3", "HUB4"] {
            assert_eq!(
                logs.contains(&format!("SIGNALR/{hub}")),
                hub == own,
                "{own}: {logs}"
            );
        }
        assert_eq!(logs.lines().count(), 12, "{logs}");
    }
    // Each by its own profile.
    let [raw, share, hidden] = &all;
    assert!(raw.contains("anna.HUB1@example.com"), "{raw}");
    assert!(raw.contains(ONE), "{raw}");
    assert!(!share.contains("anna"), "{share}");
    assert!(share.contains(TWO), "{share}");
    assert!(
        !hidden.contains("anna") && !hidden.contains(THREE),
        "{hidden}"
    );
    // The history says where each is; what fits no route is kept, and says so.
    let held: Vec<_> = rows.iter().filter(|row| row["target"].is_null()).collect();
    assert_eq!(held.len(), 1, "{rows:#?}");
    assert_eq!(held[0]["cause"], "no route is for it");
    assert!(
        held[0]["group"].as_str().unwrap().contains(FOUR),
        "{held:?}"
    );
    let id = held[0]["id"].as_str().unwrap();
    let sealed = service.state.join("work/sealed");
    assert!(sealed.join(format!("{id}.tar.zst")).is_file());
    let shown = run(&["history", service.state.to_str().unwrap()]);
    let shown = text(&shown);
    let line = shown
        .lines()
        .find(|line| line.contains("no route is for it"));
    assert!(line.is_some(), "{shown}");
}
