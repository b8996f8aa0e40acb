//! What `/metrics` says of deliveries.

use crate::azure::fault_server::FaultServer;
use crate::azure::store::Op;
use crate::ground::{Ground, eventually, metric, pings, post, settled};

const BYTES: &str = "tripline_upload_bytes_total";

fn uploads(outcome: &str) -> String {
    format!("tripline_uploads_total{{outcome=\"{outcome}\"}}")
}

#[test]
fn deliveries_are_counted_by_what_became_of_them() {
    let (ground, mut server) = (Ground::new(), FaultServer::start());
    let sas = ground.keep("sas", &server.sas());
    let service = ground.run(&format!(
        "[azure]\nstart_jitter = '0s'\nsas_file = '{sas}'\n"
    ));
    for name in ["delivered", "held", "retried", "folded", "failed"] {
        assert_eq!(metric(&service, &uploads(name)), Some(0), "{name}");
    }
    let left = eventually("the SAS was looked at", || {
        metric(&service, "tripline_sas_expiry_seconds")
    });
    assert!(left > 365 * 86_400, "{left}");
    // The network is away, and comes back.
    server.stop();
    post(&service, "s", &pings("aaaa", "ONE", "anna", ""));
    eventually("it is tried", || {
        metric(&service, &uploads("retried")).filter(|count| *count > 0)
    });
    assert_eq!(metric(&service, BYTES), Some(0));
    server.go_on();
    eventually("it is counted", || {
        metric(&service, &uploads("delivered")).filter(|count| *count == 1)
    });
    let rows = settled(&service, 1);
    assert_eq!(rows[0]["status"], "Succeeded", "{rows:?}");
    let size = server.bundles().into_values().next().unwrap().content.len();
    assert_eq!(rows[0]["size"], size);
    let size = i64::try_from(size).unwrap();
    assert_eq!(metric(&service, BYTES), Some(size));
    // Somebody removes the container.
    server.store().trouble = Some((404, "ContainerNotFound"));
    post(&service, "s", &pings("aaaa", "TWO", "anna", ""));
    let rows = settled(&service, 2);
    let held = rows.iter().find(|row| row["cause"] == "container missing");
    assert!(held.is_some(), "{rows:?}");
    eventually("it is counted", || {
        metric(&service, &uploads("held")).filter(|count| *count == 1)
    });
    assert_eq!(metric(&service, BYTES), Some(size));
    assert_eq!(metric(&service, &uploads("delivered")), Some(1));
    assert!(server.count(Op::PutBlock) > 0);
}
