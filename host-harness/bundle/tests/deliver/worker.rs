//! The worker: order, waits, waking, and a server that comes and goes.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tripline_bundle::azure::SasCredentials;
use tripline_bundle::azure::sas::{Sas, SasError, SasSource};
use tripline_bundle::deliver::{AzureTarget, LocalTarget, Routes, Target, Worker};
use tripline_bundle::spool::{Kind, RequestRow, Spool, State};
use tripline_bundle::watch::{Unwatched, Watch};

use crate::azure::fault_server::FaultServer;
use crate::azure::store::Op;
use crate::azure::{CONTAINER, SasOf};
use crate::scene::{Scene, azure, azure_with, eventually, name_of, options, quick, worker_options};

/// A SAS that somebody replaces.
#[derive(Debug)]
struct Replaceable(Mutex<(u64, Arc<Sas>)>);

impl Replaceable {
    fn new(sas: &str) -> Arc<Self> {
        Arc::new(Self(Mutex::new((0, Arc::new(Sas::parse(sas).unwrap())))))
    }

    fn replace(&self, sas: &str) {
        let mut kept = self.0.lock().unwrap();
        *kept = (kept.0 + 1, Arc::new(Sas::parse(sas).unwrap()));
    }
}

impl SasSource for Replaceable {
    fn sas(&self) -> Result<Arc<Sas>, SasError> {
        Ok(Arc::clone(&self.0.lock().unwrap().1))
    }

    fn generation(&self) -> u64 {
        self.0.lock().unwrap().0
    }
}

fn target_of(sas: &Arc<Replaceable>) -> Target {
    let source: Arc<dyn SasSource> = Arc::clone(sas) as _;
    let credentials = Arc::new(SasCredentials::new(source));
    Target::Azure(Arc::new(AzureTarget::new(credentials, options()).unwrap()))
}

pub(crate) fn states(spool: &Spool) -> Vec<State> {
    spool
        .requests()
        .unwrap()
        .iter()
        .map(|row| row.state)
        .collect()
}

pub(crate) fn deliver(worker: &mut Worker, spool: &mut Spool) -> Duration {
    worker.deliver_due(spool, &Unwatched).unwrap()
}

#[test]
fn a_fresh_sas_wakes_what_an_expired_one_held() {
    let (server, scene) = (FaultServer::start(), Scene::new());
    let expired = SasOf {
        expiry: "2026-01-01T00:00:00Z",
        ..SasOf::default()
    };
    let sas = Replaceable::new(&expired.url(&server.endpoint()));
    let mut spool = scene.spool();
    for number in 0..5 {
        scene.sealed(number, 100);
    }
    let mut worker = scene.worker(target_of(&sas));
    let wait = deliver(&mut worker, &mut spool);
    assert_eq!(states(&spool), [State::Held; 5]);
    assert!(wait > Duration::ZERO);
    // Two were under way when the first one was refused; nobody asked for the others.
    assert!(server.log().len() <= 2, "{:?}", server.log());
    for row in spool.requests().unwrap() {
        assert_eq!(row.cause.as_deref(), Some("SAS expired"));
        assert!(row.error.unwrap().contains("fresh SAS"));
    }
    // Nothing changes while nothing changes, and nobody asks.
    let before = server.log().len();
    for _ in 0..3 {
        assert!(deliver(&mut worker, &mut spool) > Duration::ZERO);
    }
    // A new bundle waits with the others.
    scene.sealed(5, 100);
    deliver(&mut worker, &mut spool);
    assert_eq!(server.log().len(), before);
    assert_eq!(states(&spool), [State::Held; 6]);
    sas.replace(&server.sas());
    // The first one tells that it works, the others follow.
    assert_eq!(deliver(&mut worker, &mut spool), Duration::ZERO);
    assert_eq!(
        states(&spool)
            .iter()
            .filter(|state| **state == State::Delivered)
            .count(),
        1
    );
    deliver(&mut worker, &mut spool);
    assert_eq!(states(&spool), [State::Delivered; 6]);
    assert_eq!(server.bundles().len(), 6);
}

#[test]
fn after_a_restart_one_bundle_is_tried_and_not_all() {
    let (server, scene) = (FaultServer::start(), Scene::new());
    let mut spool = scene.spool();
    for number in 0..5 {
        scene.sealed(number, 100);
    }
    server.rotate_key("b3RoZXIga2V5");
    deliver(&mut scene.worker(azure(&server.sas())), &mut spool);
    assert_eq!(states(&spool), [State::Held; 5]);
    let before = server.log().len();
    deliver(&mut scene.worker(azure(&server.sas())), &mut spool);
    assert_eq!(server.log().len() - before, 1);
    assert_eq!(states(&spool), [State::Held; 5]);
}

#[test]
fn a_container_that_is_made_later_is_found() {
    let (server, scene) = (FaultServer::start(), Scene::new());
    server.store().trouble = Some((404, "ContainerNotFound"));
    let mut spool = scene.spool();
    scene.sealed(1, 100);
    let mut options = worker_options();
    options.look = Duration::from_millis(30);
    let target = azure(&server.sas());
    let mut worker = Worker::new(Box::new(target), scene.path("work"), None, options);
    deliver(&mut worker, &mut spool);
    assert_eq!(states(&spool), [State::Held]);
    server.store().trouble = None;
    eventually("the container is found", || {
        deliver(&mut worker, &mut spool);
        states(&spool) == [State::Delivered]
    });
}

#[test]
fn without_a_network_one_asks_and_then_they_go_in_order() {
    let (mut server, scene) = (FaultServer::start(), Scene::new());
    server.stop();
    let mut spool = scene.spool();
    let ids: Vec<_> = (0..6).map(|number| scene.sealed(number, 100)).collect();
    let mut options = worker_options();
    options.bundles_at_once = 1.try_into().unwrap();
    options.offline.first = Duration::from_secs(40);
    options.offline.most = Duration::from_secs(40);
    let target = azure(&server.sas());
    let mut worker = Worker::new(
        Box::new(target.clone()),
        scene.path("work"),
        None,
        options.clone(),
    );
    let wait = deliver(&mut worker, &mut spool);
    assert!(wait > Duration::from_secs(4), "{wait:?}");
    let waiting = spool.requests().unwrap();
    assert_eq!(waiting[0].cause.as_deref(), Some("offline"));
    // The others were not even tried.
    assert!(waiting[1..].iter().all(|row| row.cause.is_none()));
    server.go_on();
    // It is not time yet.
    deliver(&mut worker, &mut spool);
    assert_eq!(server.log(), []);
    options.offline = quick();
    let mut worker = Worker::new(Box::new(target), scene.path("work"), None, options);
    deliver(&mut worker, &mut spool);
    assert_eq!(states(&spool), [State::Delivered; 6]);
    let log = server.log();
    let order = log
        .iter()
        .filter(|(op, name)| *op == Op::PutBlockList && name.ends_with(".zst"));
    let names: Vec<_> = ids.iter().map(|id| name_of(id)).collect();
    assert_eq!(
        order.map(|(_, name)| name).collect::<Vec<_>>(),
        names.iter().collect::<Vec<_>>()
    );
}

#[test]
fn a_bundle_with_a_reason_of_its_own_does_not_hold_the_others() {
    let (server, scene) = (FaultServer::start(), Scene::new());
    let mut spool = scene.spool();
    let ids: Vec<_> = (0..3).map(|number| scene.sealed(number, 100)).collect();
    let foreign = crate::azure::store::StoredBlob::default();
    server.store().blobs.insert(name_of(&ids[1]), foreign);
    let mut worker = scene.worker(azure(&server.sas()));
    for _ in 0..4 {
        deliver(&mut worker, &mut spool);
    }
    assert_eq!(
        states(&spool),
        [State::Delivered, State::Held, State::Delivered]
    );
    // It was looked at once.
    assert_eq!(server.count(Op::Head), 1);
    server.store().blobs.remove(&name_of(&ids[1]));
    deliver(&mut scene.worker(azure(&server.sas())), &mut spool);
    assert_eq!(states(&spool), [State::Delivered; 3]);
}

#[test]
fn a_bundle_without_a_route_is_held_and_never_goes_elsewhere() {
    struct Only(Target);
    impl Routes for Only {
        fn target(&self, row: &RequestRow) -> Option<(&str, &Target)> {
            (row.request.group == "1").then_some(("one", &self.0))
        }
    }
    let (server, scene) = (FaultServer::start(), Scene::new());
    let mut spool = scene.spool();
    let ids = [1, 2].map(|number| scene.sealed(number, 100));
    let mut worker = scene.worker(Only(azure(&server.sas())));
    for _ in 0..3 {
        deliver(&mut worker, &mut spool);
    }
    assert_eq!(states(&spool), [State::Delivered, State::Held]);
    let row = scene.row(&ids[1]);
    assert_eq!(row.cause.as_deref(), Some("no route is for it"));
    assert!(row.error.unwrap().contains("add a [[route]]"));
    assert_eq!(server.bundles().len(), 1);
    worker.set_routes(Box::new(azure(&server.sas())), None);
    deliver(&mut worker, &mut spool);
    assert_eq!(states(&spool), [State::Delivered; 2]);
}

#[test]
fn what_waited_long_enough_goes_to_the_folder_also_when_it_is_held() {
    let (server, scene) = (FaultServer::start(), Scene::new());
    server.rotate_key("b3RoZXIga2V5");
    let local = LocalTarget {
        folder: scene.path("share"),
        limits: None,
    };
    let fallback = |after| Target::Fallback {
        azure: azure_with(&server.sas(), options()),
        local: local.clone(),
        after,
    };
    let mut spool = scene.spool();
    let ids = [1, 2, 3].map(|number| scene.sealed(number, 100));
    deliver(
        &mut scene.worker(fallback(Duration::from_secs(3600))),
        &mut spool,
    );
    assert_eq!(states(&spool), [State::Held; 3]);
    deliver(&mut scene.worker(fallback(Duration::ZERO)), &mut spool);
    assert_eq!(states(&spool), [State::Delivered; 3]);
    for id in &ids {
        let row = scene.row(id);
        assert!(row.cause.unwrap().contains("the SAS is not accepted"));
        assert!(scene.path("share").join(format!("{id}.tar.zst")).is_file());
    }
    assert_eq!(server.bundles().len(), 0);
}

#[test]
fn a_fleet_does_not_begin_at_once_and_people_do_not_wait() {
    let (server, scene) = (FaultServer::start(), Scene::new());
    let mut spool = scene.spool();
    scene.sealed(1, 100);
    scene.sealed_as(&mut spool, 2, 100, Kind::Manual);
    let mut options = worker_options();
    options.start_jitter = Duration::from_secs(300_000);
    let target = azure(&server.sas());
    let mut worker = Worker::new(Box::new(target), scene.path("work"), None, options);
    deliver(&mut worker, &mut spool);
    assert_eq!(states(&spool), [State::Delivering, State::Delivered]);
}

/// Stops when it is told to.
struct Flag(Arc<AtomicBool>);

impl Watch for Flag {
    fn is_canceled(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

#[test]
fn a_thousand_bundles_drain_while_the_server_comes_and_goes() {
    const BUNDLES: u64 = 1_000;
    let (mut server, scene) = (FaultServer::start(), Scene::new());
    let mut spool = scene.spool();
    let ids: Vec<_> = (0..BUNDLES)
        .map(|number| scene.sealed_as(&mut spool, number, 200, Kind::Proactive))
        .collect();
    let expected: std::collections::BTreeMap<_, _> = ids
        .iter()
        .map(|id| (name_of(id), scene.bytes(id)))
        .collect();
    let stop = Arc::new(AtomicBool::new(false));
    let flag = Flag(Arc::clone(&stop));
    let mut worker = scene.worker(azure(&server.sas()));
    let mut own_spool = scene.spool();
    let (wake, woken) = std::sync::mpsc::channel();
    let mut restarts = 0;
    std::thread::scope(|scope| {
        scope.spawn(move || worker.run(&mut own_spool, &woken, &flag));
        eventually("all are delivered", || {
            // Every sixty bundles or so it goes away in the middle of whatever is under way.
            let arrived = server.bundles().len() as u64;
            if arrived / 60 > restarts {
                restarts += 1;
                server.stop();
                std::thread::sleep(Duration::from_millis(30));
                server.go_on();
            }
            wake.send(()).unwrap();
            states(&spool)
                .iter()
                .all(|state| *state == State::Delivered)
        });
        stop.store(true, Ordering::SeqCst);
        wake.send(()).unwrap();
    });
    assert!(restarts >= 10, "{restarts}");
    let bundles = server.bundles();
    assert_eq!(bundles.len(), expected.len());
    for (name, bytes) in &expected {
        assert!(bundles[name].content == *bytes, "{name}");
    }
    // One summary each, and no other blob.
    assert_eq!(server.blobs().len(), 2 * expected.len());
    assert_eq!(scene.left(), [""; 0]);
    assert!(!CONTAINER.is_empty());
}
