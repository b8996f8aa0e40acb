//! Nothing ever shows a signature: every failing path is walked with all logging on.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[expect(dead_code, reason = "other tests use the rest of it")]
#[path = "../../../tests/support/azure/mod.rs"]
mod azure;
#[expect(dead_code, reason = "other tests use the rest of it")]
#[path = "support/scene.rs"]
mod scene;

use std::error::Error;
use std::fmt::Write as _;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use azure::fault_server::{Fault, FaultServer};
use azure::proxy::{HOST, HttpProxy};
use azure::store::{Answer, Op, StoredBlob};
use azure::tls::Authority;
use azure::{ACCOUNT, SasOf};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use scene::{Scene, azure_with, name_of, options};
use secrecy::SecretString;
use tracing_subscriber::filter::LevelFilter;
use tripline_bundle::azure::Proxy;
use tripline_bundle::deliver::{AzureOptions, Target};
use tripline_bundle::spool::Kind;

/// Everything that is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(buf);
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A SAS, what must not be seen of it, and all that was seen.
struct Walk {
    sas: String,
    seen: String,
}

/// A signature in every form that it may be seen in, and a part of it that no encoding changes.
fn forms(sas: &str) -> Vec<String> {
    let (_, query) = sas.split_once('?').unwrap();
    let pairs = url::form_urlencoded::parse(query.as_bytes());
    let raw = pairs
        .into_owned()
        .find(|(name, _)| name == "sig")
        .unwrap()
        .1;
    let encoded: String = url::form_urlencoded::byte_serialize(raw.as_bytes()).collect();
    let parts = raw.split(|c: char| !c.is_ascii_alphanumeric());
    let plain = parts.max_by_key(|part| part.len()).unwrap().to_owned();
    assert!(plain.len() >= 8, "{raw}");
    vec![
        raw.clone(),
        encoded.clone(),
        encoded.to_lowercase(),
        encoded.replace('%', "%25"),
        plain,
    ]
}

impl Walk {
    /// An error with all that it says of itself.
    fn see(&mut self, error: &dyn Error) {
        let mut next = Some(error);
        while let Some(error) = next {
            writeln!(self.seen, "{error}\n{error:?}\n{error:#?}").unwrap();
            next = error.source();
        }
    }

    /// One delivery that fails, and all other requests of a container.
    fn walk(&mut self, scene: &Scene, number: u64, options: AzureOptions) {
        let azure = azure_with(&self.sas, options);
        let id = scene.sealed_as(&mut scene.spool(), number, 300 << 10, Kind::Manual);
        let settled = scene.deliver(&id, &Target::Azure(Arc::clone(&azure)));
        writeln!(self.seen, "{settled:?} {azure:?} {:?}", scene.row(&id)).unwrap();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let container = azure.container();
            writeln!(self.seen, "{container:?}").unwrap();
            if let Err(fault) = container.list("", None).await {
                self.see(&fault);
            }
            if let Err(fault) = container.properties("x").await {
                self.see(&fault);
            }
            if let Err(fault) = container.read("x", 0, 1).await {
                self.see(&fault);
            }
            match container.block_blob("x") {
                Err(fault) => self.see(&fault),
                Ok(blob) => {
                    writeln!(self.seen, "{blob:?}").unwrap();
                    if let Err(fault) = blob.staged().await {
                        self.see(&fault);
                    }
                }
            }
        });
        let journal = scene.path("work/sealed").join(format!("{id}.upload"));
        self.seen += &std::fs::read_to_string(journal).unwrap_or_default();
    }
}

#[test]
fn no_log_no_error_and_no_file_holds_a_signature() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(LevelFilter::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    tracing::subscriber::set_global_default(subscriber).unwrap();

    let (mut server, scene) = (FaultServer::start(), Scene::new());
    let mut hasty = options();
    hasty.transport.read_timeout = Duration::from_millis(300);
    hasty.tries = 2;
    let mut walk = Walk {
        sas: SasOf {
            permissions: "rlcwt",
            ..SasOf::default()
        }
        .url(&server.endpoint()),
        seen: String::new(),
    };
    let mut secrets = forms(&walk.sas);
    let mut number = 0;
    let ops = [
        Op::PutBlock,
        Op::PutBlockList,
        Op::GetBlockList,
        Op::Head,
        Op::Get,
        Op::List,
    ];
    let answers = [
        (301, "Moved"),
        (307, "Moved"),
        (400, "InvalidBlockList"),
        (400, "InvalidBlobOrBlock"),
        (400, "InvalidHeaderValue"),
        (400, "Crc64Mismatch"),
        (403, "AuthenticationFailed"),
        (403, "AuthorizationPermissionMismatch"),
        (404, "ContainerNotFound"),
        (404, "BlobNotFound"),
        (409, "BlobAlreadyExists"),
        (409, "ContainerBeingDeleted"),
        (412, "LeaseIdMissing"),
        (412, "ConditionNotMet"),
        (429, "TooManyRequests"),
        (500, "InternalError"),
        (503, "ServerBusy"),
    ];
    let elsewhere = format!("{}/other?sig=theirs", server.endpoint());
    let answers = answers.map(|(status, code)| {
        Fault::Answer(Answer::error(status, code).with("location", &elsewhere))
    });
    let others = [
        Fault::Break,
        Fault::LoseReply,
        Fault::Stall,
        Fault::Corrupt,
        Fault::LoseBlocks,
    ];
    for fault in answers.into_iter().chain(others) {
        for at_commit in [false, true] {
            for op in ops {
                if op != Op::PutBlock || !at_commit {
                    server.fail_every(op, 1, fault.clone());
                }
            }
            number += 1;
            walk.walk(&scene, number, hasty.clone());
            server.heal();
            server.store().blobs.clear();
        }
    }
    // Something else has the name.
    let id = scene.sealed(500, 10);
    server
        .store()
        .blobs
        .insert(name_of(&id), StoredBlob::default());
    let settled = format!("{:?}", scene.deliver(&id, &scene::azure(&walk.sas)));
    walk.seen += &settled;
    // All goes well.
    walk.walk(&scene, 501, options());
    // A refused port, a host that there is not, TLS where there is none, a proxy that is away.
    server.stop();
    walk.walk(&scene, 600, hasty.clone());
    let own = |walk: &mut Walk, secrets: &mut Vec<String>, endpoint: &str, number, options| {
        walk.sas = SasOf::default().url(endpoint);
        secrets.extend(forms(&walk.sas));
        walk.walk(&scene, number, options);
    };
    let unknown = format!("http://no-such-host.invalid/{ACCOUNT}");
    own(&mut walk, &mut secrets, &unknown, 601, hasty.clone());
    server.go_on();
    let tls = server.endpoint().replace("http://", "https://");
    own(&mut walk, &mut secrets, &tls, 602, hasty.clone());
    let mut proxied = hasty;
    proxied.transport.proxy = Proxy::Url(SecretString::from("http://me:pa55-w0rd@127.0.0.1:9"));
    let endpoint = server.endpoint();
    own(&mut walk, &mut secrets, &endpoint, 603, proxied.clone());
    // A proxy that is there: it takes the password, or wants another one, with TLS inside or without.
    let authority = Authority::new();
    let front = authority.front(server.address(), HOST);
    let takes = HttpProxy::with_password(server.address(), "me:pa55-w0rd");
    let tunnels = HttpProxy::with_password(front.address(), "me:pa55-w0rd");
    let refuses = HttpProxy::with_password(front.address(), "me:another");
    let (plain, tls) = (format!("http://{HOST}"), front.endpoint());
    let ways = [
        (&takes, &plain),
        (&refuses, &plain),
        (&tunnels, &tls),
        (&refuses, &tls),
    ];
    for (number, (proxy, endpoint)) in (604..).zip(ways) {
        let url = proxy.url_with("me:pa55-w0rd");
        proxied.transport.proxy = Proxy::Url(SecretString::from(url));
        own(&mut walk, &mut secrets, endpoint, number, proxied.clone());
        assert!(!proxy.log().is_empty());
    }
    // As it is, and as a header has it.
    secrets.push("pa55-w0rd".to_owned());
    secrets.push(STANDARD.encode("me:pa55-w0rd"));

    for file in ["spool.sqlite", "spool.sqlite-wal"] {
        let bytes = std::fs::read(scene.path("state").join(file)).unwrap_or_default();
        walk.seen += &String::from_utf8_lossy(&bytes);
    }
    let log = String::from_utf8_lossy(&log.0.lock().unwrap()).into_owned();
    // Both say a lot, and of the right things.
    for word in [
        "sending request",
        "TRACE",
        "DEBUG",
        "comp=block",
        "request moved",
    ] {
        assert!(log.contains(word), "`{word}` is not in the log");
    }
    for word in [
        "the SAS is not accepted",
        "no connection",
        "the server names another place",
        "the proxy wants a name and a password",
        "the certificate of the server is not trusted",
        "SQLite format",
    ] {
        assert!(walk.seen.contains(word), "`{word}` was not seen");
    }
    for secret in &secrets {
        for (place, text) in [("log", &log), ("errors or files", &walk.seen)] {
            if let Some(at) = text.find(secret.as_str()) {
                let around: String = text
                    .chars()
                    .skip(at.saturating_sub(200))
                    .take(400)
                    .collect();
                panic!("a secret is in the {place}: {around}");
            }
        }
    }
}
