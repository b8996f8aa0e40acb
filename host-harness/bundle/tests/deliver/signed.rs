//! The signature that lies beside a bundle.

use std::fs;

use tripline_bundle::deliver::Worker;
use tripline_bundle::signature::{BundleSigner, BundleVerifier, signature_of};
use tripline_bundle::spool::State;
use tripline_bundle::verify::manifest_bytes;

use crate::azure::fault_server::{Fault, FaultServer};
use crate::azure::store::{Answer, Op};
use crate::scene::{Scene, azure, name_of, worker_options};
use crate::worker::{deliver, states};

/// Test vector 1 of RFC 8032, section 7.1, as PEM.
const PRIVATE: &str = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n-----END PRIVATE KEY-----\n";
const PUBLIC: &str = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n-----END PUBLIC KEY-----\n";

#[test]
fn a_signature_goes_beside_the_bundle_and_is_its_own() {
    let (server, scene) = (FaultServer::start(), Scene::new());
    let mut spool = scene.spool();
    let ids = [1, 2].map(|number| scene.sealed(number, 100));
    let (private, public) = (scene.path("key.pem"), scene.path("public.pem"));
    fs::write(&private, PRIVATE).unwrap();
    fs::write(&public, PUBLIC).unwrap();
    let worker = || {
        let signer = BundleSigner::read(&private).unwrap();
        let mut options = worker_options();
        options.bundles_at_once = 1.try_into().unwrap();
        let target = Box::new(azure(&server.sas()));
        Worker::new(target, scene.path("work"), Some(signer), options)
    };
    // The first attempt gets no further than the bundle itself.
    let refused = Answer::error(403, "AuthorizationFailure");
    server.fail_every(Op::PutBlock, 2, Fault::Answer(refused));
    deliver(&mut worker(), &mut spool);
    assert_eq!(states(&spool), [State::Held; 2]);
    let there: Vec<_> = server.blobs().into_keys().collect();
    assert_eq!(there, [name_of(&ids[0])]);
    server.heal();
    let mut after_a_restart = worker();
    deliver(&mut after_a_restart, &mut spool);
    deliver(&mut after_a_restart, &mut spool);
    assert_eq!(states(&spool), [State::Delivered; 2]);
    // Whoever takes both blobs can prove where they are from.
    let verifier = BundleVerifier::read(&public).unwrap();
    let blobs = server.blobs();
    assert_eq!(blobs.len(), 6, "{:?}", blobs.keys());
    let check = |bundle: &str, signature: &str| {
        let file = scene.path(&format!("{bundle}.tar.zst"));
        fs::write(&file, &blobs[&name_of(bundle)].content).unwrap();
        let blob = &blobs[&name_of(signature).replace(".tar.zst", ".sig")];
        assert_eq!(blob.content_type, "text/plain");
        fs::write(signature_of(&file), &blob.content).unwrap();
        verifier.check(&manifest_bytes(&file).unwrap(), &file)
    };
    let [one, two] = &ids;
    assert_eq!(check(one, one), Ok(()));
    assert_eq!(check(two, two), Ok(()));
    assert!(check(one, two).is_err());
}
