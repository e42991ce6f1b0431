//! TLS, against the endpoints behind a certificate that they signed themselves.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use axum::serve::Listener;
use outlive_client::{Client, CreateError, Target, Update};
use outlive_server::http::{Anyone, endpoints};
use outlive_server::hub::Hub;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio_rustls::{TlsAcceptor, TlsConnector, client, server};

use super::driver::soon;
use outlive_testkit::endpoints::Words;
use outlive_testkit::place::Place;

/// Tells a test that it runs in a process of its own, and where the server is.
const CHILD: &str = "OUTLIVE_TLS_SERVER";

struct Tls {
    tcp: TcpListener,
    acceptor: TlsAcceptor,
}

impl Listener for Tls {
    type Io = server::TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, SocketAddr) {
        loop {
            let (stream, from) = self.tcp.accept().await.unwrap();
            // Who does not trust the certificate hangs up.
            if let Ok(stream) = self.acceptor.accept(stream).await {
                return (stream, from);
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.tcp.local_addr()
    }
}

struct Server {
    url: String,
    certificate: CertificateDer<'static>,
    pem: String,
}

impl Server {
    async fn new() -> Server {
        let made = rcgen::generate_simple_self_signed(["localhost".into()]).unwrap();
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let certificate = made.cert.der().clone();
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.clone()], key)
            .unwrap();
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("wss://localhost:{}/api", tcp.local_addr().unwrap().port());
        let hub = Hub::builder().build(Words).await.unwrap();
        let app = endpoints(hub).authorize(Anyone).router();
        let app = axum::Router::new().nest("/api", app);
        let listener = Tls { tcp, acceptor: TlsAcceptor::from(Arc::new(config)) };
        tokio::spawn(async move { axum::serve(listener, app).await });
        Server { url, certificate, pem: made.cert.pem() }
    }

    /// Goes there over TLS, and trusts this server alone.
    fn dialer(&self) -> impl Fn(Target) -> Dialling + Send + Sync + 'static {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let connector = TlsConnector::from(Arc::new(config));
        move |to: Target| {
            let connector = connector.clone();
            Box::pin(async move {
                assert!(to.secure, "the dialer is told that it is to speak TLS");
                let tcp = TcpStream::connect(("127.0.0.1", to.port)).await?;
                let name = ServerName::try_from(to.host).map_err(io::Error::other)?;
                connector.connect(name, tcp).await
            })
        }
    }
}

type Dialling = Pin<Box<dyn Future<Output = io::Result<client::TlsStream<TcpStream>>> + Send>>;

/// What a turn says, once a session was made and prompted.
async fn talk(mut client: Client) -> String {
    let accepted = client.prompt("hello");
    soon("an acceptance", accepted).await.unwrap();
    let mut said = String::new();
    while !said.contains("turn_end") {
        if let Some(Update::Entry(entry)) = soon("an update", client.next()).await {
            said.push_str(&entry.json);
        }
    }
    client.close().await;
    said
}

#[tokio::test]
async fn a_dialer_brings_certificates_of_its_own() {
    let server = Server::new().await;
    let client = Client::builder(&server.url).dialer(server.dialer());
    let client = soon("a session", client.create()).await.unwrap().start().unwrap();
    assert!(talk(client).await.contains("hello"));
}

#[tokio::test]
async fn a_certificate_that_the_machine_does_not_trust_is_told() {
    let server = Server::new().await;
    // A machine without any says so at once.
    let Err(made) = soon("an answer", Client::builder(&server.url).create()).await else {
        panic!("nobody signed it");
    };
    assert!(matches!(made, CreateError::Unreached(_) | CreateError::StartError(_)), "{made}");
    let Ok(mut client) = Client::builder(&server.url).session("s_1").start() else { return };
    loop {
        if let Some(Update::Unreached { why }) = soon("an update", client.next()).await {
            assert!(why.contains("certificate"), "{why}");
            break;
        }
    }
}

#[tokio::test]
async fn what_the_machine_trusts_is_trusted() {
    let server = Server::new().await;
    let place = Place::new();
    let file = place.folder().join("roots.pem");
    std::fs::write(&file, &server.pem).unwrap();
    let mut child = tokio::process::Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "tls::with_the_roots_that_the_machine_has", "--nocapture"]);
    child.env("SSL_CERT_FILE", &file).env_remove("SSL_CERT_DIR").env(CHILD, &server.url);
    let ran = soon("the other process", child.kill_on_drop(true).output()).await.unwrap();
    let said = String::from_utf8_lossy(&ran.stdout);
    assert!(ran.status.success() && said.contains("said hello"), "{said}");
}

/// The machine's roots are found by the environment, which only a process of its own may change.
#[tokio::test]
async fn with_the_roots_that_the_machine_has() {
    let Ok(url) = std::env::var(CHILD) else { return };
    let client = soon("a session", Client::builder(url).create()).await.unwrap();
    if talk(client.start().unwrap()).await.contains("hello") {
        println!("said hello");
    }
}
