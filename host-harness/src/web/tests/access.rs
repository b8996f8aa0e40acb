//! Tokens, the unix socket and TLS, on the wire.

use super::*;
use crate::config::TlsFiles;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use std::path::{Path, PathBuf};

const TOKEN: &str = "0123456789abcdef-token";

fn token_file(folder: &Path) -> PathBuf {
    let file = folder.join("tokens");
    std::fs::write(&file, TOKEN).unwrap();
    file
}

#[tokio::test]
async fn without_a_token_loopback_may_send_and_look_but_not_ask() {
    let bench = Bench::new(|_| {}).await;
    for path in ["/health", "/health/live", "/metrics"] {
        assert_eq!(bench.get(path).await.status, 200, "{path}");
    }
    assert_eq!(send(bench.post("/v1/ingest", "{}")).await.status, 200);
    let back = send(bench.post("/v1/bundles", "{}")).await;
    assert_eq!(back.status, 401);
    let error = back.json()["error"].as_str().unwrap().to_owned();
    assert!(error.contains("`http.token_file`"), "{error}");
    let page = bench
        .post("/v1/ingest", "{}")
        .header("origin", "http://evil.example");
    assert_eq!(send(page).await.status, 403);
}

#[tokio::test]
async fn with_tokens_all_but_health_needs_one() {
    let folder = tempfile::tempdir().unwrap();
    let file = token_file(folder.path());
    let bench = Bench::new(|http| {
        http.token_file = Some(file.clone());
        http.evidence_source = Some("a".to_owned());
    })
    .await;
    for path in ["/v1/ingest", "/v1/logs", "/v1/bundles"] {
        let post = |token: &str| {
            let request = bench
                .post(path, "{}")
                .header("content-type", "application/json");
            send(request.bearer_auth(token))
        };
        assert_eq!(post("0123456789abcdef-tokem").await.status, 401, "{path}");
        assert_eq!(post(TOKEN).await.status, 200, "{path}");
        assert_eq!(send(bench.post(path, "{}")).await.status, 401, "{path}");
    }
    assert_eq!(bench.get("/health/live").await.status, 200);
    assert_eq!(bench.get("/metrics").await.status, 401);
    assert_eq!(bench.pipeline.lines(), ["{}"]);
    // The file is read again while it runs.
    std::fs::write(&file, "another-token-is-there-now").unwrap();
    let deadline = std::time::Instant::now() + SOON;
    while send(bench.post("/v1/ingest", "").bearer_auth(TOKEN))
        .await
        .status
        == 200
    {
        assert!(std::time::Instant::now() < deadline);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let request = bench
        .post("/v1/ingest", "")
        .bearer_auth("another-token-is-there-now");
    assert_eq!(send(request).await.status, 200);
}

#[cfg(unix)]
#[tokio::test]
async fn the_unix_socket_needs_no_token_and_goes_with_the_server() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tripline.sock");
    let tokens = token_file(folder.path());
    let bench = Bench::new(|http| {
        http.listen = None;
        http.unix_socket = Some(path.clone());
        http.token_file = Some(tokens);
        http.evidence_source = Some("a".to_owned());
    })
    .await;
    assert_eq!(bench.server.address(), None);
    for path_of in ["/v1/ingest", "/v1/bundles"] {
        let mut stream = tokio::net::UnixStream::connect(&path).await.unwrap();
        let request = format!(
            "POST {path_of} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 3\r\n\r\n{{}}\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let said = until_closed(&mut stream).await;
        assert!(said.starts_with("HTTP/1.1 200 OK\r\n"), "{said}");
    }
    assert_eq!(bench.pipeline.lines(), ["{}"]);
    assert!(bench.server.drain(SOON).await);
    assert!(!path.exists());
}

/// The files of a server and a client, each with a certificate of one authority.
struct Certificates {
    folder: tempfile::TempDir,
    root: String,
    client: String,
}

impl Certificates {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let signed = |name: &str| {
            let key = KeyPair::generate().unwrap();
            let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
            let certificate = params.signed_by(&key, &issuer).unwrap();
            (certificate.pem(), key.serialize_pem())
        };
        let (certificate, key) = signed("localhost");
        std::fs::write(folder.path().join("cert.pem"), certificate).unwrap();
        std::fs::write(folder.path().join("key.pem"), key).unwrap();
        std::fs::write(folder.path().join("ca.pem"), issuer.pem()).unwrap();
        let (certificate, key) = signed("client");
        Self {
            folder,
            root: issuer.pem(),
            client: format!("{certificate}{key}"),
        }
    }

    fn files(&self, with_clients: bool) -> TlsFiles {
        let file = |name: &str| self.folder.path().join(name);
        TlsFiles {
            certificate: file("cert.pem"),
            key: file("key.pem"),
            client_ca: with_clients.then(|| file("ca.pem")),
        }
    }

    fn client(&self, with_certificate: bool) -> reqwest::Client {
        let root = reqwest::Certificate::from_pem(self.root.as_bytes()).unwrap();
        let mut builder = reqwest::Client::builder().no_proxy().tls_certs_only([root]);
        if with_certificate {
            builder =
                builder.identity(reqwest::Identity::from_pem(self.client.as_bytes()).unwrap());
        }
        builder.build().unwrap()
    }
}

#[tokio::test]
async fn tls_with_client_certificates_lets_nobody_else_in() {
    let certificates = Certificates::new();
    let bench = Bench::new(|http| {
        http.tls = Some(certificates.files(true));
        http.evidence_source = Some("a".to_owned());
    })
    .await;
    let url = |path: &str| format!("https://localhost:{}{path}", bench.address().port());
    let known = certificates.client(true);
    for path in ["/v1/ingest", "/v1/bundles"] {
        let back = send(known.post(url(path)).body("")).await;
        assert_eq!(back.status, 200, "{path}");
    }
    let unknown = certificates.client(false);
    assert!(unknown.get(url("/health")).send().await.is_err());
    let mut plain = bench.connect().await;
    plain
        .write_all(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
        .await
        .unwrap();
    let said = until_closed(&mut plain).await;
    assert!(!said.contains("HTTP/1.1"), "{said}");
}

#[tokio::test]
async fn tls_alone_asks_for_no_certificate_and_gives_no_rights() {
    let certificates = Certificates::new();
    let bench = Bench::new(|http| http.tls = Some(certificates.files(false))).await;
    let client = certificates.client(false);
    let url = |path: &str| format!("https://localhost:{}{path}", bench.address().port());
    assert_eq!(
        send(client.post(url("/v1/ingest")).body("{}")).await.status,
        200
    );
    assert_eq!(
        send(client.post(url("/v1/bundles")).body("{}"))
            .await
            .status,
        401
    );
}

#[tokio::test]
async fn files_that_cannot_be_used_are_named_before_anything_runs() {
    let certificates = Certificates::new();
    let folder = certificates.folder.path();
    std::fs::write(folder.join("empty.pem"), "").unwrap();
    let files = certificates.files(true);
    let with = |change: &dyn Fn(&mut TlsFiles)| {
        let mut files = files.clone();
        change(&mut files);
        let http = Http {
            tls: Some(files),
            ..Http::default()
        };
        check(&http).map_err(|error| error.to_string())
    };
    assert_eq!(with(&|_| {}), Ok(()));
    for (key, change) in [
        (
            "`http.tls_certificate_file`",
            &(|files: &mut TlsFiles| files.certificate = folder.join("empty.pem"))
                as &dyn Fn(&mut TlsFiles),
        ),
        ("`http.tls_certificate_file`", &|files| {
            files.certificate = folder.join("nowhere")
        }),
        ("`http.tls_key_file`", &|files| {
            files.key = folder.join("ca.pem")
        }),
        ("`http.tls_client_ca_file`", &|files| {
            files.client_ca = Some(folder.join("empty.pem"))
        }),
    ] {
        let error = with(change).unwrap_err();
        assert!(error.contains(key), "{error}");
    }
    // A key that is not that of the certificate.
    std::fs::write(
        folder.join("key.pem"),
        KeyPair::generate().unwrap().serialize_pem(),
    )
    .unwrap();
    assert!(with(&|_| {}).unwrap_err().contains("`http.tls_key_file`"));
    let tokens = Http {
        token_file: Some(folder.join("nowhere")),
        ..Http::default()
    };
    let error = check(&tokens).unwrap_err();
    assert_eq!(crate::exit::Failure::from(error).code(), 2);
}
