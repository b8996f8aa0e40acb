//! Bundles that go through a proxy, which alone knows where the container is.

use secrecy::SecretString;
use tripline_bundle::azure::Proxy;
use tripline_bundle::deliver::{AzureOptions, Settled, Target};
use tripline_bundle::spool::State;

use crate::azure::fault_server::FaultServer;
use crate::azure::proxy::{HOST, HttpProxy};
use crate::azure::{CONTAINER, SasOf};
use crate::blocks::THREE_BLOCKS;
use crate::errors::expect;
use crate::scene::{Scene, azure, azure_with, name_of, options};

/// What opens the container by the name that only the proxy knows.
fn sas() -> String {
    SasOf::default().url(&format!("http://{HOST}"))
}

pub(crate) fn through(proxy: &str) -> AzureOptions {
    let mut options = options();
    options.transport.proxy = Proxy::Url(SecretString::from(proxy));
    options
}

fn target(proxy: &str) -> Target {
    Target::Azure(azure_with(&sas(), through(proxy)))
}

#[test]
fn a_bundle_goes_through_the_proxy_and_no_other_way() {
    let (server, scene) = (FaultServer::start(), Scene::new());
    let proxy = HttpProxy::start(server.address());
    let id = scene.sealed(1, THREE_BLOCKS);
    let bytes = scene.bytes(&id);
    let settled = scene.deliver(&id, &target(&proxy.url()));
    assert!(matches!(settled, Settled::Delivered(_)), "{settled:?}");
    assert!(server.blobs()[&name_of(&id)].content == bytes);
    // Each request of the server came by way of the proxy, in absolute form.
    let asked = proxy.log();
    assert_eq!(asked.len(), server.log().len(), "{asked:#?}");
    let place = format!("PUT http://{HOST}/{CONTAINER}/");
    assert!(
        asked.iter().all(|line| line.starts_with(&place)),
        "{asked:#?}"
    );
    // Without it the name leads nowhere.
    let direct = azure(&sas());
    expect(
        &scene,
        &direct,
        2,
        State::Delivering,
        "offline",
        &["no connection: "],
    );
    assert_eq!(proxy.log().len(), asked.len());
}

#[test]
fn a_proxy_that_wants_a_password_gets_it_and_nobody_else() {
    let (server, scene) = (FaultServer::start(), Scene::new());
    let proxy = HttpProxy::with_password(server.address(), "me:pa55-w0rd");
    // Who has none waits for somebody.
    let words = [
        "the proxy wants a name and a password (HTTP 407, no code)",
        "leave `proxy` of `[azure]` out",
    ];
    let bare = target(&proxy.url());
    expect(&scene, &bare, 1, State::Held, "proxy refuses", &words);
    // So does who has another one, and it is in no message.
    let wrong = target(&proxy.url_with("me:0ther-pa55"));
    expect(&scene, &wrong, 2, State::Held, "proxy refuses", &words);
    let rows = format!("{:?}{:?}", scene.spool().requests().unwrap(), wrong);
    assert!(!rows.contains("0ther-pa55"), "{rows}");
    assert_eq!(server.log(), []);
    let id = scene.sealed(3, 100);
    let settled = scene.deliver(&id, &target(&proxy.url_with("me:pa55-w0rd")));
    assert!(matches!(settled, Settled::Delivered(_)), "{settled:?}");
    // It is for the proxy: the server sees nothing of it.
    assert_eq!(server.headers("proxy-authorization"), [""; 0]);
}

#[test]
fn a_proxy_that_gets_no_answer_or_is_away_keeps_bundles_waiting() {
    let (server, scene) = (FaultServer::start(), Scene::new());
    let proxy = HttpProxy::start(server.address());
    for (number, status) in [502, 504].into_iter().enumerate() {
        proxy.answer(Some(status));
        let words = [
            "a proxy or gateway on the way gets no answer from the server",
            &format!("(HTTP {status}, no code)"),
        ];
        let (number, cause) = (number as u64, "no way to the server");
        let target = target(&proxy.url());
        expect(&scene, &target, number, State::Delivering, cause, &words);
    }
    let url = proxy.url();
    drop(proxy);
    let through = format!("(through the proxy {url})");
    let words = ["no connection: ", "refused", &through];
    let away = target(&url.replace("http://", "http://me:pa55-w0rd@"));
    expect(&scene, &away, 9, State::Delivering, "offline", &words);
    let rows = format!("{:?}", scene.spool().requests().unwrap());
    assert!(!rows.contains("pa55-w0rd"), "{rows}");
    assert_eq!(server.log(), []);
}
