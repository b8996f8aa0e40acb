//! TLS in front of a server, with a certificate of an authority that is made for the test.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::io::copy_bidirectional;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use super::ACCOUNT;
use super::way::Way;

/// An authority that nobody knows.
pub(crate) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// TLS that ends here; what is inside goes on to a server. It stops when it is dropped.
pub(crate) struct TlsFront {
    way: Way,
    host: String,
}

// === impl Authority ===

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap());
        Self {
            issuer: issuer.unwrap(),
        }
    }

    /// Its certificate, as a file in PEM.
    pub(crate) fn write(&self, path: &Path) {
        std::fs::write(path, self.issuer.pem()).unwrap();
    }

    /// TLS for `host` in front of the server at `address`.
    pub(crate) fn front(&self, address: SocketAddr, host: &str) -> TlsFront {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![host.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let provider = Arc::new(aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let way = Way::start(move |stream| serve(acceptor.clone(), stream, address));
        TlsFront {
            way,
            host: host.to_owned(),
        }
    }
}

// === impl TlsFront ===

impl TlsFront {
    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.way.address()
    }

    /// The URL that a SAS is made for. The account is in the path of an address, and in a name.
    pub(crate) fn endpoint(&self) -> String {
        let (host, port) = (&self.host, self.address().port());
        match host.parse::<IpAddr>() {
            Ok(_) => format!("https://{host}:{port}/{ACCOUNT}"),
            Err(_) => format!("https://{host}:{port}"),
        }
    }
}

async fn serve(acceptor: TlsAcceptor, stream: TcpStream, address: SocketAddr) {
    let Ok(mut inside) = acceptor.accept(stream).await else {
        return;
    };
    if let Ok(mut server) = TcpStream::connect(address).await {
        copy_bidirectional(&mut inside, &mut server)
            .await
            .unwrap_or_default();
    }
}
