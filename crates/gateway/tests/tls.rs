//! A backend behind TLS. Which certificates a machine trusts is said by its environment, which only a process of its own
//! may change.

use std::process::Output;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use outlive_gateway::{Gateway, GatewayOptions};
use outlive_server::hub::Hub;
use outlive_testkit::place::Place;
use rcgen::generate_simple_self_signed;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use super::backend::Backend;
use super::stage::{Stage, soon};

/// Tells a test that it runs in a process of its own, and where the backend is.
const CHILD: &str = "OUTLIVE_GATEWAY_BACKEND";

/// A backend, and its certificate.
async fn backend() -> (Backend, String) {
    let made = generate_simple_self_signed(["localhost".into()]).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    let listener = (listener, TlsAcceptor::from(Arc::new(config)));
    let accept: fn(&(TcpListener, TlsAcceptor)) -> BoxFuture<'_, TlsStream<TcpStream>> =
        |(tcp, tls)| {
            Box::pin(async move {
                loop {
                    let stream = tcp.accept().await.unwrap().0;
                    // Who does not trust the certificate hangs up.
                    if let Ok(stream) = tls.accept(stream).await {
                        return stream;
                    }
                }
            })
        };
    (Backend::accepting(base, listener, accept), made.cert.pem())
}

/// Runs the test below on a machine that trusts this certificate alone.
async fn run(url: &str, trusted: &str) -> Output {
    let place = Place::new();
    let file = place.folder().join("roots.pem");
    std::fs::write(&file, trusted).unwrap();
    let mut child = tokio::process::Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "tls::with_the_roots_that_the_machine_has", "--nocapture"]);
    child.env("SSL_CERT_FILE", &file).env_remove("SSL_CERT_DIR").env(CHILD, url);
    soon(child.kill_on_drop(true).output()).await.unwrap()
}

#[tokio::test]
async fn a_backend_that_the_machine_trusts_is_asked_over_tls() {
    let (mut backend, certificate) = backend().await;
    let url = backend.base.clone();
    let answer = async { backend.call().await.send(200, "text/plain", "well").await };
    let (ran, ()) = tokio::join!(run(&url, &certificate), answer);
    let said = String::from_utf8_lossy(&ran.stdout);
    assert!(said.contains("completed [String(\"well\")]"), "{said}");
}

#[tokio::test]
async fn a_backend_that_the_machine_does_not_trust_is_sent_nothing() {
    let (mut backend, _) = backend().await;
    let another = generate_simple_self_signed(["localhost".into()]).unwrap();
    let ran = run(&backend.base, &another.cert.pem()).await;
    let said = String::from_utf8_lossy(&ran.stdout);
    assert!(said.contains("failed []") && said.contains("certificate"), "{said}");
    assert!(backend.is_idle());
}

#[tokio::test]
async fn with_the_roots_that_the_machine_has() {
    let Ok(url) = std::env::var(CHILD) else { return };
    let options = GatewayOptions::default().start_timeout(Duration::ZERO);
    let gateway = Gateway::new(url.parse().unwrap(), options).unwrap();
    let mut stage = Stage::of(Hub::builder(), gateway).await;
    stage.prompt(1, &"hello").await;
    let ended = stage.ended(1).await;
    println!("{} {:?} {}", ended.outcome, ended.outputs, ended.error);
}
