//! Every error of the service: the state it leads to, and the words that an operator reads.

use std::sync::Arc;
use std::time::Duration;

use tripline_bundle::azure::SasCredentials;
use tripline_bundle::azure::sas::{Sas, SasError, SasSource};
use tripline_bundle::deliver::{AzureTarget, Settled, Target};
use tripline_bundle::spool::State;

use crate::azure::fault_server::{Fault, FaultServer};
use crate::azure::store::{Answer, Op};
use crate::azure::{ACCOUNT, CONTAINER, SasOf};
use crate::scene::{Scene, azure, options};

/// A key that no account has.
const OTHER_KEY: &str = "b3RoZXIga2V5";

struct NoSas;

impl std::fmt::Debug for NoSas {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("NoSas")
    }
}

impl SasSource for NoSas {
    fn sas(&self) -> Result<Arc<Sas>, SasError> {
        Err(SasError::Unreadable {
            place: "/etc/tripline/sas".into(),
            why: "no such file".into(),
        })
    }
}

/// One delivery, which must lead to `state` with this cause and these words.
pub(crate) fn expect(
    scene: &Scene,
    target: &Target,
    number: u64,
    state: State,
    cause: &str,
    words: &[&str],
) {
    let id = scene.sealed(number, 100);
    let settled = scene.deliver(&id, target);
    let row = scene.row(&id);
    assert_eq!(row.state, state, "{cause}: {settled:?}");
    assert_eq!(row.cause.as_deref(), Some(cause), "{settled:?}");
    let error = row.error.unwrap();
    for word in words {
        assert!(error.contains(word), "{cause}: `{word}` is not in: {error}");
    }
    assert!(
        !error.contains("sig=") && !error.contains("sig%3D"),
        "{error}"
    );
    // It is kept.
    assert!(scene.left().contains(&format!("{id}.tar.zst")), "{cause}");
}

#[test]
fn a_sas_that_is_not_accepted_holds_the_bundle_and_says_why() {
    let (server, scene) = (FaultServer::start(), Scene::new());
    let with = |sas: SasOf<'_>| azure(&sas.url(&server.endpoint()));
    let plain = SasOf::default;
    let cases: [(SasOf<'_>, &str, &[&str]); 6] = [
        (
            SasOf {
                expiry: "2026-01-01T00:00:00Z",
                ..plain()
            },
            "SAS expired",
            &[
                "the SAS expired at 2026-01-01T00:00:00.000000Z",
                "HTTP 403, AuthenticationFailed",
                "put a fresh SAS in its place",
                "without a restart",
            ],
        ),
        (
            SasOf {
                start: "2098-01-01T00:00:00Z",
                ..plain()
            },
            "SAS not yet valid",
            &[
                "valid only from 2098-01-01T00:00:00.000000Z on",
                "start lies back",
            ],
        ),
        (
            SasOf {
                key: OTHER_KEY,
                ..plain()
            },
            "SAS refused",
            &[
                "the SAS is not accepted",
                "its key was rotated",
                "network rules",
            ],
        ),
        (
            SasOf {
                permissions: "rl",
                ..plain()
            },
            "SAS lacks a permission",
            &[
                "the SAS does not permit it",
                "AuthorizationPermissionMismatch",
                "(`rcw`)",
            ],
        ),
        (
            SasOf {
                protocol: "https",
                ..plain()
            },
            "SAS is for https only",
            &["for https only", "write https:// in the URL"],
        ),
        (
            SasOf {
                ip: "10.1.2.3",
                ..plain()
            },
            "SAS is for other addresses",
            &[
                "other addresses than this machine's",
                "AuthorizationSourceIPMismatch",
            ],
        ),
    ];
    let asked = |server: &FaultServer| server.log().len();
    for (number, (sas, cause, words)) in cases.into_iter().enumerate() {
        let before = asked(&server);
        expect(&scene, &with(sas), number as u64, State::Held, cause, words);
        // Trying again is of no use.
        assert_eq!(asked(&server) - before, 1, "{cause}");
    }
    // The right address.
    server.set_client([10, 1, 2, 3]);
    let id = scene.sealed(90, 100);
    let settled = scene.deliver(
        &id,
        &with(SasOf {
            ip: "10.1.2.3",
            ..plain()
        }),
    );
    assert!(matches!(settled, Settled::Delivered(_)), "{settled:?}");
    // None at all.
    let credentials = Arc::new(SasCredentials::new(Arc::new(NoSas)));
    let target = Target::Azure(Arc::new(AzureTarget::new(credentials, options()).unwrap()));
    expect(
        &scene,
        &target,
        91,
        State::Held,
        "no SAS",
        &["cannot read the SAS from /etc/tripline/sas"],
    );
}

#[test]
fn a_clock_that_is_off_is_said() {
    let (server, scene) = (FaultServer::start(), Scene::new());
    // By the server's clock it is 20 years ago.
    server.set_clock_ahead(-20 * 365 * 86_400);
    let sas = SasOf {
        start: "2026-01-01T00:00:00Z",
        ..SasOf::default()
    };
    let words = [
        "valid only from 2026-01-01",
        "the clock of this machine is ",
        "minutes ahead of the server's",
    ];
    expect(
        &scene,
        &azure(&sas.url(&server.endpoint())),
        1,
        State::Held,
        "SAS not yet valid",
        &words,
    );
}

#[test]
fn what_the_account_or_the_container_refuses_holds_the_bundle() {
    let (server, scene) = (FaultServer::start(), Scene::new());
    let target = azure(&server.sas());
    let cases: [(u16, &str, &str, &[&str]); 9] = [
        (
            403,
            "AuthorizationFailure",
            "SAS refused",
            &["the SAS is not accepted"],
        ),
        (
            403,
            "KeyBasedAuthenticationNotPermitted",
            "account takes no key SAS",
            &["signed with its key", "allow shared key access"],
        ),
        (
            403,
            "AuthorizationServiceMismatch",
            "SAS is not for containers",
            &["not for a container of blobs"],
        ),
        (
            403,
            "AuthorizationResourceTypeMismatch",
            "SAS is not for containers",
            &["make a SAS for the container"],
        ),
        (
            403,
            "AccountIsDisabled",
            "account disabled",
            &["the account is disabled"],
        ),
        (
            404,
            "ContainerNotFound",
            "container missing",
            &["there is no such container", "make the container"],
        ),
        (
            409,
            "ContainerBeingDeleted",
            "container being deleted",
            &["is being deleted"],
        ),
        (
            400,
            "InvalidHeaderValue",
            "header refused",
            &["does not take the header `x-ms-version`"],
        ),
        (
            400,
            "OutOfRangeInput",
            "refused",
            &["the server refuses it (HTTP 400, OutOfRangeInput)"],
        ),
    ];
    for (number, (status, code, cause, words)) in cases.into_iter().enumerate() {
        let header = if code == "InvalidHeaderValue" {
            "x-ms-version"
        } else {
            ""
        };
        let answer = Answer::error_about(status, code, header);
        server.fail(Op::PutBlock, Fault::Answer(answer));
        expect(&scene, &target, number as u64, State::Held, cause, words);
    }
    assert_eq!(server.blobs().len(), 0);
}

#[test]
fn another_place_that_the_server_names_is_not_asked() {
    let (server, other, scene) = (FaultServer::start(), FaultServer::start(), Scene::new());
    let place = format!("{}/{CONTAINER}/x", other.endpoint());
    for (number, status) in [301, 302, 307, 308].into_iter().enumerate() {
        let answer = Answer::empty(status).with("location", &place);
        server.fail(Op::PutBlock, Fault::Answer(answer));
        let words = ["the server names another place", "would get the SAS"];
        expect(
            &scene,
            &azure(&server.sas()),
            number as u64,
            State::Held,
            "redirected",
            &words,
        );
    }
    assert_eq!(other.log(), []);
}

#[test]
fn a_busy_server_is_tried_again_and_then_left_for_later() {
    let scene = Scene::new();
    let cases = [
        (503, "ServerBusy", "server busy"),
        (500, "InternalError", "server busy"),
        (500, "OperationTimedOut", "server busy"),
        (429, "TooManyRequests", "throttled"),
    ];
    for (number, (status, code, cause)) in cases.into_iter().enumerate() {
        let server = FaultServer::start();
        server.fail_every(Op::PutBlock, 1, Fault::Answer(Answer::error(status, code)));
        let words = [code, "cannot send a block of"];
        expect(
            &scene,
            &azure(&server.sas()),
            number as u64,
            State::Delivering,
            cause,
            &words,
        );
        assert_eq!(
            server.count(Op::PutBlock),
            u64::from(options().tries),
            "{code}"
        );
    }
}

#[test]
fn a_wait_that_the_server_asks_for_is_waited() {
    let (server, scene) = (FaultServer::start(), Scene::new());
    let target = azure(&server.sas());
    for (number, (name, value, seconds)) in [
        ("retry-after", "75", 75),
        ("x-ms-retry-after-ms", "90000", 90),
        ("retry-after", "9999999", 3600),
    ]
    .into_iter()
    .enumerate()
    {
        let busy = Answer::error(503, "ServerBusy").with(name, value);
        server.fail(Op::PutBlock, Fault::Answer(busy));
        let before = server.count(Op::PutBlock);
        let id = scene.sealed(number as u64, 100);
        match scene.deliver(&id, &target) {
            Settled::Later { after, .. } => assert_eq!(after, Some(Duration::from_secs(seconds))),
            other => panic!("{other:?}"),
        }
        // Not at once.
        assert_eq!(server.count(Op::PutBlock) - before, 1);
    }
}

#[test]
fn without_a_network_bundles_wait() {
    let scene = Scene::new();
    let mut server = FaultServer::start();
    server.stop();
    expect(
        &scene,
        &azure(&server.sas()),
        1,
        State::Delivering,
        "offline",
        &["no connection: ", "refused"],
    );
    let unknown = SasOf::default().url(&format!("http://no-such-host.invalid/{ACCOUNT}"));
    expect(
        &scene,
        &azure(&unknown),
        2,
        State::Delivering,
        "offline",
        &["no connection: "],
    );
}
