//! What is in a container: listed in parts, looked at, read in pieces.

use tripline_bundle::azure::sas::Sas;
use tripline_bundle::azure::{Container, FaultKind, Proxy, SasCredentials, TransportOptions};

use crate::azure::SasOf;
use crate::azure::fault_server::FaultServer;
use crate::azure::store::StoredBlob;

fn container(server: &FaultServer, permissions: &str) -> Container {
    let sas = SasOf {
        permissions,
        ..SasOf::default()
    };
    let sas = Sas::parse(&sas.url(&server.endpoint())).unwrap();
    let options = TransportOptions {
        proxy: Proxy::Direct,
        ..TransportOptions::default()
    };
    Container::open(std::sync::Arc::new(SasCredentials::fixed(sas)), &options).unwrap()
}

#[tokio::test]
async fn blobs_are_listed_in_parts_looked_at_and_read() {
    let server = FaultServer::start();
    for name in ["a/1", "a/2 %+", "a/3", "a/4", "a/5", "b/1"] {
        let blob = StoredBlob {
            content: format!("content of {name}").into_bytes(),
            etag: 7,
            ..StoredBlob::default()
        };
        server.store().blobs.insert(name.to_owned(), blob);
    }
    let container = container(&server, "rl");
    let (mut names, mut next, mut parts) = (Vec::new(), None, 0);
    loop {
        let page = container.list("a/", next.as_deref()).await.unwrap();
        names.extend(page.blobs.iter().map(|blob| blob.name.clone()));
        assert!(
            page.blobs
                .iter()
                .all(|blob| blob.length > 0 && !blob.is_append)
        );
        parts += 1;
        next = page.next;
        if next.is_none() {
            break;
        }
    }
    assert_eq!(names, ["a/1", "a/2 %+", "a/3", "a/4", "a/5"]);
    assert_eq!(parts, 3);
    let properties = container.properties("a/2 %+").await.unwrap();
    assert_eq!(
        (properties.length, properties.etag.as_deref()),
        (17, Some("\"7\""))
    );
    assert_eq!(
        properties.modified.unwrap().to_string(),
        "2026-03-02T10:00:00.000000Z"
    );
    assert_eq!(&container.read("a/2 %+", 8, 4).await.unwrap()[..], b"of a");
    // Fewer at the end.
    assert_eq!(&container.read("a/1", 11, 400).await.unwrap()[..], b"a/1");
    let missing = container.properties("a/9").await.unwrap_err();
    assert_eq!(missing.kind, FaultKind::NoBlob, "{missing}");
    let missing = container.read("a/9", 0, 1).await.unwrap_err();
    assert_eq!(missing.kind, FaultKind::NoBlob, "{missing}");
}

#[tokio::test]
async fn what_a_sas_may_not_is_said() {
    let server = FaultServer::start();
    let container = container(&server, "cw");
    let faults = [
        container.list("", None).await.unwrap_err(),
        container.properties("a").await.unwrap_err(),
        container.read("a", 0, 1).await.unwrap_err(),
    ];
    for (fault, during) in faults.iter().zip(["list", "look at", "read"]) {
        assert_eq!(fault.kind, FaultKind::Permission);
        let text = fault.to_string();
        assert!(
            text.starts_with(&format!("cannot {during} `http://127.0.0.1")),
            "{text}"
        );
        assert!(text.contains("`rcw`"), "{text}");
    }
}
