//! Bundles that go over TLS, to a server whose certificate nobody knows unless it is named.

use std::path::PathBuf;

use tripline_bundle::azure::OpenError;
use tripline_bundle::azure::SasCredentials;
use tripline_bundle::azure::sas::Sas;
use tripline_bundle::deliver::{AzureOptions, AzureTarget, Settled, Target};
use tripline_bundle::spool::State;

use crate::azure::SasOf;
use crate::azure::fault_server::FaultServer;
use crate::azure::proxy::{HOST, HttpProxy};
use crate::azure::tls::Authority;
use crate::blocks::THREE_BLOCKS;
use crate::errors::expect;
use crate::proxy::through;
use crate::scene::{Scene, azure, azure_with, name_of, options};

/// The same, with the authority's certificate.
fn trusting(options: AzureOptions, ca_file: PathBuf) -> AzureOptions {
    let mut options = options;
    options.transport.ca_file = Some(ca_file);
    options
}

#[test]
fn a_certificate_is_trusted_once_its_authority_is_named() {
    let (server, scene, authority) = (FaultServer::start(), Scene::new(), Authority::new());
    let front = authority.front(server.address(), "127.0.0.1");
    let sas = SasOf::default().url(&front.endpoint());
    let words = [
        "the certificate of the server is not trusted: ",
        "name a file with the certificates (PEM) of who signed it: `ca_file` of `[azure]`",
    ];
    let cause = "certificate not trusted";
    expect(&scene, &azure(&sas), 1, State::Held, cause, &words);
    // The certificate of another authority is of no use.
    let (ca, other) = (scene.path("ca.pem"), scene.path("other.pem"));
    authority.write(&ca);
    Authority::new().write(&other);
    let wrong = Target::Azure(azure_with(&sas, trusting(options(), other)));
    expect(&scene, &wrong, 2, State::Held, cause, &words);
    assert_eq!(server.log(), []);
    let id = scene.sealed(3, THREE_BLOCKS);
    let bytes = scene.bytes(&id);
    let trusted = Target::Azure(azure_with(&sas, trusting(options(), ca.clone())));
    let settled = scene.deliver(&id, &trusted);
    assert!(matches!(settled, Settled::Delivered(_)), "{settled:?}");
    assert!(server.blobs()[&name_of(&id)].content == bytes);
    let place = scene.row(&id).target.unwrap();
    assert!(place.starts_with(&front.endpoint()), "{place}");
    // It is for its own name, too.
    let misnamed = authority.front(server.address(), "elsewhere.invalid");
    let endpoint = format!("https://{}", misnamed.address());
    let sas = SasOf::default().url(&endpoint);
    let misnamed = Target::Azure(azure_with(&sas, trusting(options(), ca)));
    expect(&scene, &misnamed, 4, State::Held, cause, &words[..1]);
}

#[test]
fn a_file_without_a_certificate_is_refused_at_once() {
    let (server, scene) = (FaultServer::start(), Scene::new());
    let path = scene.path("ca.pem");
    let open = || {
        let credentials = SasCredentials::fixed(Sas::parse(&server.sas()).unwrap());
        let options = trusting(options(), path.clone());
        AzureTarget::new(std::sync::Arc::new(credentials), options)
    };
    for content in [None, Some(""), Some("no certificate\n")] {
        if let Some(content) = content {
            std::fs::write(&path, content).unwrap();
        }
        let error = open().unwrap_err();
        assert!(matches!(error, OpenError::Certificates { .. }), "{error}");
        assert!(error.to_string().contains("ca.pem"), "{error}");
    }
}

#[test]
fn tls_goes_through_a_tunnel_of_the_proxy() {
    let (server, scene, authority) = (FaultServer::start(), Scene::new(), Authority::new());
    let ca = scene.path("ca.pem");
    authority.write(&ca);
    let front = authority.front(server.address(), HOST);
    let proxy = HttpProxy::with_password(front.address(), "me:pa55-w0rd");
    let sas = SasOf::default().url(&front.endpoint());
    let target = |proxy: &str| {
        let options = trusting(through(proxy), ca.clone());
        Target::Azure(azure_with(&sas, options))
    };
    let id = scene.sealed(1, THREE_BLOCKS);
    let bytes = scene.bytes(&id);
    let settled = scene.deliver(&id, &target(&proxy.url_with("me:pa55-w0rd")));
    assert!(matches!(settled, Settled::Delivered(_)), "{settled:?}");
    assert!(server.blobs()[&name_of(&id)].content == bytes);
    // The proxy sees where to, and nothing else.
    let tunnel = format!("CONNECT {HOST}:{}", front.address().port());
    assert!(
        proxy.log().iter().all(|line| *line == tunnel),
        "{:?}",
        proxy.log()
    );
    assert!(proxy.count("CONNECT") > 0);
    let before = server.log().len();
    // Without the password, and where it opens no way.
    let words = ["the proxy wants a name and a password", "HTTPS_PROXY="];
    let bare = target(&proxy.url());
    expect(&scene, &bare, 2, State::Held, "proxy refuses", &words);
    proxy.answer(Some(502));
    let closed = target(&proxy.url_with("me:pa55-w0rd"));
    let through = format!("(through the proxy {})", proxy.url());
    let words = ["no connection: the proxy opens no way to it", &through];
    expect(&scene, &closed, 3, State::Delivering, "offline", &words);
    // And through the tunnel a certificate counts as much as without.
    proxy.answer(None);
    let unknown = azure_with(&sas, crate::proxy::through(&proxy.url_with("me:pa55-w0rd")));
    let cause = "certificate not trusted";
    expect(
        &scene,
        &Target::Azure(unknown),
        4,
        State::Held,
        cause,
        &["`ca_file`"],
    );
    let rows = format!("{:?}{closed:?}", scene.spool().requests().unwrap());
    assert!(!rows.contains("pa55-w0rd"), "{rows}");
    assert_eq!(server.log().len(), before);
}
