//! Bundles that wait: for another SAS, for somebody's consent, and behind another host of the fleet.

use std::process::Output;
use std::time::Duration;

use serde_json::Value;

use crate::azure::SasOf;
use crate::azure::fault_server::FaultServer;
use crate::ground::{Ground, eventually, metric, pings, post, settled};
use crate::service::Service;
use crate::support::{text, tripline};

const EXPIRY: &str = "tripline_sas_expiry_seconds";

fn expired(server: &FaultServer) -> String {
    let expired = SasOf {
        expiry: "2026-01-01T00:00:00Z",
        ..SasOf::default()
    };
    expired.url(&server.endpoint())
}

/// The only request, once it waits for this.
fn waits_for(service: &Service, cause: &str) -> Value {
    eventually(cause, || {
        let row = service.history().pop()?;
        (row["cause"] == cause).then_some(row)
    })
}

fn arrives(service: &Service, server: &FaultServer) {
    eventually("it is delivered", || {
        (service.history()[0]["status"] == "Succeeded").then_some(())
    });
    assert_eq!(server.bundles().len(), 1);
}

#[test]
fn a_fresh_sas_is_used_without_a_restart() {
    let (ground, server) = (Ground::new(), FaultServer::start());
    let sas = ground.keep("sas", &expired(&server));
    let service = ground.run(&format!(
        "[azure]\nstart_jitter = '0s'\nsas_file = '{sas}'\n"
    ));
    eventually("the end of the SAS is known", || {
        metric(&service, EXPIRY).filter(|left| *left < 0)
    });
    post(&service, "s", &pings("aaaa", "HUB", "anna", ""));
    waits_for(&service, "SAS expired");
    assert!(server.blobs().is_empty());
    ground.keep("sas", &server.sas());
    arrives(&service, &server);
    eventually("the end of the new one is known", || {
        metric(&service, EXPIRY).filter(|left| *left > 365 * 86_400)
    });
}

#[test]
fn the_end_of_the_sas_of_a_source_is_told_in_time() {
    let (ground, server) = (Ground::new(), FaultServer::start());
    let soon = chrono::Utc::now() + chrono::Duration::hours(5 * 24 + 1);
    let expiry = soon.format("%Y-%m-%dT%H:%M:%SZ").to_string();
    let ends = SasOf {
        permissions: "rl",
        expiry: &expiry,
        ..SasOf::default()
    };
    let azure = ground.keep("sas", &server.sas());
    let archive = ground.keep("archive", &ends.url(&server.endpoint()));
    let service = ground.run(&format!(
        "[azure]\nsas_file = '{azure}'\n\
         [[source]]\nkind = 'archive'\nname = 'hubs'\nsas_file = '{archive}'\nevery = '10s'\n"
    ));
    // It is the one that ends first.
    eventually("its end is known", || {
        metric(&service, EXPIRY).filter(|left| (5 * 86_400..=122 * 3_600).contains(left))
    });
    let (_, _, said) = service.terminate();
    let told = said
        .iter()
        .find(|line| line.contains("the SAS of a source ends soon"));
    let told: Value = serde_json::from_str(told.unwrap()).unwrap();
    assert_eq!(
        (&told["source.name"], &told["days"]),
        (&"hubs".into(), &5.into()),
        "{told}"
    );
}

fn proactive(service: &Service, arguments: &[&str]) {
    let mut command = tripline();
    command.arg("proactive").args(arguments);
    let output: Output = command.arg("--state").arg(&service.state).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
}

#[test]
fn while_it_is_off_nothing_is_delivered_whatever_it_waited_for() {
    let (ground, server) = (Ground::new(), FaultServer::start());
    let sas = ground.keep("sas", &expired(&server));
    let service = ground.run(&format!(
        "[azure]\nstart_jitter = '0s'\nsas_file = '{sas}'\n"
    ));
    post(&service, "s", &pings("aaaa", "HUB", "anna", ""));
    waits_for(&service, "SAS expired");
    proactive(&service, &["disable"]);
    let asked = server.log().len();
    ground.keep("sas", &server.sas());
    // Long enough for whoever delivers to have looked at the new SAS, twice.
    std::thread::sleep(Duration::from_secs(12));
    assert_eq!(server.log().len(), asked, "{:?}", server.log());
    assert_eq!(service.history()[0]["status"], "Queued");
    proactive(&service, &["enable", "--consent", "1", "--sas-file", &sas]);
    arrives(&service, &server);
}

#[test]
fn of_a_fleet_the_first_host_delivers_and_the_others_find_it_there() {
    let server = FaultServer::start();
    let hosts = [Ground::new(), Ground::new()];
    let lines = pings("aaaa", "HUB", "anna", "");
    let mut services = Vec::new();
    for (host, name) in hosts.iter().zip(["one", "two"]) {
        let sas = host.keep("sas", &server.sas());
        let service = host.run(&format!(
            "[azure]\nstart_jitter = '0s'\nsas_file = '{sas}'\nhost = '{name}'\nfold = 'fleet'\n"
        ));
        // Both saw the same trouble; the second one saw more besides.
        let count = if name == "one" { 10 } else { 12 };
        post(&service, "s", &lines[..count]);
        settled(&service, 1);
        services.push(service);
    }
    assert_eq!(server.bundles().len(), 1);
    let rows: Vec<Value> = services
        .iter()
        .map(|service| service.history().remove(0))
        .collect();
    assert_eq!(rows[0]["id"], rows[1]["id"]);
    assert_eq!(rows[0]["target"], rows[1]["target"], "{rows:#?}");
    assert!(
        !rows[0]["target"].as_str().unwrap().contains("one"),
        "{rows:#?}"
    );
    assert_eq!(rows[1]["cause"], "delivered by peer");
    let folded = "tripline_uploads_total{outcome=\"folded\"}";
    eventually("it is counted", || {
        metric(&services[1], folded).filter(|count| *count == 1)
    });
    assert_eq!(metric(&services[1], "tripline_upload_bytes_total"), Some(0));
}
