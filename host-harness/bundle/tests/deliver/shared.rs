//! Several containers behind one line: what caps it holds for all of them together.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tripline_bundle::azure::SasCredentials;
use tripline_bundle::azure::sas::Sas;
use tripline_bundle::deliver::{AzureOptions, Routes, Target};
use tripline_bundle::spool::{RequestRow, State};

use crate::azure::fault_server::{Fault, FaultServer};
use crate::azure::store::Op;
use crate::scene::{Scene, azure_with, name_of, options};
use crate::worker::{deliver, states};

/// A container for each of two tenants.
struct Tenants([Target; 2]);

impl Tenants {
    fn new(servers: &[FaultServer; 2], options: AzureOptions) -> Self {
        let first = azure_with(&servers[0].sas(), options);
        let sas = Sas::parse(&servers[1].sas()).unwrap();
        let second = first.beside(Arc::new(SasCredentials::fixed(sas)));
        Self([Target::Azure(first), Target::Azure(Arc::new(second))])
    }
}

impl Routes for Tenants {
    fn target(&self, row: &RequestRow) -> Option<(&str, &Target)> {
        let [first, second] = &self.0;
        Some(match row.request.group.as_str() {
            "0" => ("first", first),
            _ => ("second", second),
        })
    }
}

/// Delivers a bundle to each, both at once; answers how long it took.
fn took(servers: &[FaultServer; 2], bytes: usize, options: AzureOptions) -> Duration {
    let scene = Scene::new();
    let ids = [0, 1].map(|number| scene.sealed(number, bytes));
    let mut worker = scene.worker(Tenants::new(servers, options));
    let began = Instant::now();
    deliver(&mut worker, &mut scene.spool());
    let took = began.elapsed();
    assert_eq!(states(&scene.spool()), [State::Delivered; 2]);
    // Each has its own, and no other.
    for (server, id) in servers.iter().zip(&ids) {
        let names: Vec<_> = server.bundles().into_keys().collect();
        assert_eq!(names, [name_of(id)]);
    }
    took
}

#[test]
fn two_containers_get_no_more_bytes_a_second_than_one() {
    let mut options = options();
    options.transport.bytes_per_second = Some(1 << 20);
    let servers = [FaultServer::start(), FaultServer::start()];
    // Two MiB at one MiB a second; each container for itself would have its own after one.
    let took = took(&servers, 1 << 20, options);
    assert!(took >= Duration::from_millis(1700), "{took:?}");
}

#[test]
fn two_containers_have_no_more_blocks_under_way_than_one() {
    let mut options = options();
    options.blocks_at_once = 1.try_into().unwrap();
    let servers = [FaultServer::start(), FaultServer::start()];
    for server in &servers {
        server.fail(Op::PutBlock, Fault::Slow(Duration::from_secs(2)));
    }
    // One after the other.
    let took = took(&servers, 100, options);
    assert!(took >= Duration::from_millis(3500), "{took:?}");
}
