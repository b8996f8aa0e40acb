//! `sas check`, `collect`, `run` and its archive by way of a proxy, over TLS that an authority of one's own
//! vouches for.

use std::fmt::Write as _;
use std::fs;
use std::process::Output;

use crate::azure::SasOf;
use crate::azure::fault_server::FaultServer;
use crate::azure::proxy::{HOST, HttpProxy};
use crate::azure::tls::{Authority, TlsFront};
use crate::ground::{Ground, eventually, pings, post, settled, sha256};
use crate::scene::{Scene, WINDOW, ok};
use crate::support::{text, tripline};

/// A container that only the proxy knows, behind TLS that only `ca.pem` vouches for.
struct Far {
    server: FaultServer,
    front: TlsFront,
    proxy: HttpProxy,
    ground: Ground,
    sas: String,
}

impl Far {
    fn new() -> Self {
        let (server, ground) = (FaultServer::start(), Ground::new());
        let authority = Authority::new();
        authority.write(&ground.path("ca.pem"));
        let front = authority.front(server.address(), HOST);
        let proxy = HttpProxy::start(front.address());
        let sas = SasOf {
            permissions: "rcwl",
            ..SasOf::default()
        };
        let sas = ground.keep("sas", &sas.url(&front.endpoint()));
        Self {
            server,
            front,
            proxy,
            ground,
            sas,
        }
    }

    /// `[azure]` with a part of what it takes.
    fn azure(&self, with_proxy: bool, with_ca: bool) -> String {
        let mut text = format!("[azure]\nstart_jitter = '0s'\nsas_file = '{}'\n", self.sas);
        if with_proxy {
            writeln!(text, "proxy = '{}'", self.proxy.url()).unwrap();
        }
        if with_ca {
            let path = self.ground.path("ca.pem");
            writeln!(text, "ca_file = '{}'", path.display()).unwrap();
        }
        text
    }

    /// All that was asked came through the proxy.
    fn is_only_way(&self) {
        let tunnel = format!("CONNECT {HOST}:{}", self.front.address().port());
        let log = self.proxy.log();
        assert!(
            !log.is_empty() && log.iter().all(|line| *line == tunnel),
            "{log:?}"
        );
    }
}

fn says(output: &Output, code: i32, words: &[&str]) {
    let shown = text(output);
    assert_eq!(output.status.code(), Some(code), "{shown}");
    for word in words {
        assert!(shown.contains(word), "`{word}` is not in\n{shown}");
    }
    assert!(!shown.contains("sig="), "{shown}");
}

#[test]
fn sas_check_goes_through_the_proxy_and_trusts_the_authority() {
    let far = Far::new();
    let config = far.ground.path("tripline.toml");
    let check = |with_proxy, with_ca| {
        fs::write(&config, far.azure(with_proxy, with_ca)).unwrap();
        let mut command = tripline();
        command.args(["sas", "check", "--config"]).arg(&config);
        command.env("RUST_LOG", "trace").output().unwrap()
    };
    says(&check(true, true), 0, &["the container takes it"]);
    assert_eq!(far.server.log().len(), 1);
    far.is_only_way();
    let words = [
        "the certificate of the server is not trusted",
        "`ca_file` of `[azure]`",
    ];
    says(&check(true, false), 3, &words);
    says(
        &check(false, true),
        3,
        &["no connection: ", "check name, network and proxy"],
    );
    far.proxy.answer(Some(407));
    says(
        &check(true, true),
        3,
        &["the proxy wants a name and a password"],
    );
    assert_eq!(far.server.log().len(), 1);
}

#[test]
fn the_environment_names_a_proxy_with_a_password_that_is_shown_nowhere() {
    let far = Far::new();
    let password = "me:pa55-w0rd";
    let proxy = HttpProxy::with_password(far.front.address(), password);
    let config = far.ground.path("tripline.toml");
    fs::write(&config, far.azure(false, true)).unwrap();
    let check = |url: &str| {
        let mut command = tripline();
        command.args(["sas", "check", "--config"]).arg(&config);
        command
            .env("HTTPS_PROXY", url)
            .env("RUST_LOG", "trace")
            .env("TRIPLINE_LOG", "trace");
        let output = command.output().unwrap();
        for secret in ["pa55-w0rd", "bWU6cGE1NS13MHJk"] {
            assert!(!text(&output).contains(secret), "{}", text(&output));
        }
        output
    };
    says(
        &check(&proxy.url_with(password)),
        0,
        &["the container takes it"],
    );
    assert_eq!((proxy.count("CONNECT"), far.server.log().len()), (1, 1));
    let words = [
        "the proxy wants a name and a password",
        "HTTPS_PROXY=http://NAME:PASSWORD@HOST:PORT",
    ];
    says(&check(&proxy.url()), 3, &words);
}

#[test]
fn collect_goes_through_the_proxy_and_trusts_the_authority() {
    let (far, scene) = (Far::new(), Scene::new());
    let send = |with_proxy, with_ca, arguments: &[&str]| {
        let config = far.azure(with_proxy, with_ca) + "[collect]\nhost_facts = false\n";
        fs::write(scene.path("tripline.toml"), config).unwrap();
        let mut command = scene.command(arguments);
        command.arg("--json").env("RUST_LOG", "trace");
        command.output().unwrap()
    };
    let window = [&WINDOW[..], &["--output-sas-file", &far.sas]].concat();
    says(&send(true, false, &window), 3, &["`ca_file` of `[azure]`"]);
    let held = scene.history().remove(0);
    assert_eq!(held["cause"], "certificate not trusted", "{held}");
    says(&send(false, true, &["--resume"]), 3, &["no connection: "]);
    assert_eq!(far.server.log(), []);
    let answer = ok(&send(true, true, &["--resume"]));
    assert_eq!(answer["resumed"][0]["state"], "delivered", "{answer}");
    let bundles = far.server.bundles();
    assert_eq!(bundles.len(), 1);
    let (_, blob) = bundles.first_key_value().unwrap();
    let row = scene.history().remove(0);
    assert_eq!(row["sha256"], sha256(&blob.content), "{row}");
    far.is_only_way();
}

#[test]
fn run_delivers_and_reads_an_archive_through_the_proxy() {
    let far = Far::new();
    // A record of this hour lies in the same container.
    let hour = chrono::Utc::now().format("y=%Y/m=%m/d=%d/h=%H/m=00");
    let record = &pings("aaaa", "ARCHIVED", "anna", "")[0];
    let blob = crate::azure::store::StoredBlob {
        content: format!("{record}\n").into_bytes(),
        ..crate::azure::store::StoredBlob::default()
    };
    let name = format!("resourceId=/SUBSCRIPTIONS/AAAA/{hour}/PT1H.json");
    far.server.store().blobs.insert(name, blob);
    let service = far.ground.run(&format!(
        "{}[[source]]\nkind = 'archive'\nname = 'hubs'\nsas_file = '{}'\nbackfill = true\nevery = '10s'\n",
        far.azure(true, true),
        far.sas
    ));
    post(&service, "s", &pings("aaaa", "HUB", "anna", ""));
    let rows = settled(&service, 1);
    assert_eq!(rows[0]["status"], "Succeeded", "{rows:?}");
    assert_eq!(far.server.bundles().len(), 1);
    eventually("the archive is read", || {
        let recorded = crate::archive::recorded(&service.state);
        recorded.iter().any(|line| line == record).then_some(())
    });
    far.is_only_way();
}
