//! A server behind TLS. Which certificates a machine trusts is said by its environment, which only a process of its own may
//! change.

use std::net::TcpListener;

use outlive_postgres::Postgres;
use outlive_server::store::Store as _;
use outlive_testkit::place::{commit, name};
use outlive_testkit::postgres::{Server, folder, programs};
use rcgen::generate_simple_self_signed;

use crate::place::Place;

/// Tells a test that it runs in a process of its own, and where the server is: its URL.
const CHILD: &str = "OUTLIVE_POSTGRES_URL";

/// A server with a certificate, which sends away whoever comes over TCP unencrypted.
struct Encrypted {
    _server: Server,
    port: u16,
    certificate: String,
}

impl Encrypted {
    /// With the certificate of a host of this name; `None` if there is no server to start, which is said.
    fn new(host: &str) -> Option<Encrypted> {
        if programs().is_none() {
            outlive_testkit::skip::skip("PostgreSQL");
            return None;
        }
        let made = generate_simple_self_signed([host.into()]).unwrap();
        let (folder, certificate) = (folder(), made.cert.pem());
        std::fs::write(folder.join("certificate"), &certificate).unwrap();
        std::fs::write(folder.join("key"), made.signing_key.serialize_pem()).unwrap();
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let steps = "\"$BIN/initdb\" -D data -A trust -U postgres --no-sync -E UTF8 --locale=C \
             && install -m 600 certificate data/server.crt && install -m 600 key data/server.key \
             && echo 'hostssl all all 127.0.0.1/32 trust' >data/pg_hba.conf \
             && echo 'local all all trust' >>data/pg_hba.conf";
        let settings = format!("-p {port} -c listen_addresses=127.0.0.1 -c ssl=on");
        let server = Server::start(folder, steps, &settings);
        Some(Encrypted { _server: server, port, certificate })
    }

    fn url(&self, parameters: &str) -> String {
        format!("postgres://postgres@localhost:{}/postgres{parameters}", self.port)
    }
}

/// What the test below says on a machine that trusts this certificate alone.
async fn said(url: &str, trusted: &str) -> String {
    let place = outlive_testkit::place::Place::new();
    let file = place.folder().join("roots.pem");
    std::fs::write(&file, trusted).unwrap();
    let mut child = tokio::process::Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "tls::with_the_roots_that_the_machine_has", "--nocapture"]);
    child.env("SSL_CERT_FILE", &file).env_remove("SSL_CERT_DIR").env(CHILD, url);
    let output = child.kill_on_drop(true).output().await.unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let said = text.lines().find_map(|line| line.split_once("said: ").map(|(_, said)| said));
    said.unwrap_or_else(|| panic!("it says nothing: {text}")).to_owned()
}

#[tokio::test]
async fn with_the_roots_that_the_machine_has() {
    let Ok(url) = std::env::var(CHILD) else { return };
    let store = match Postgres::connect(&url).await {
        Ok(store) => store,
        Err(error) => return println!("said: {error}"),
    };
    store.open().await.unwrap();
    store.commit(commit("kept", 0, 0, 1)).await.unwrap();
    assert!(store.load(&name("kept")).await.unwrap().is_some());
    println!("said: kept");
}

#[tokio::test]
async fn a_server_that_the_machine_trusts_is_spoken_to_over_tls_and_no_other_way_if_told_so() {
    let Some(place) = Encrypted::new("localhost") else { return };
    for mode in ["require", "verify-ca", "verify-full"] {
        let url = place.url(&format!("?schema={mode}&sslmode={mode}"));
        assert_eq!(said(&url, &place.certificate).await, "kept", "{mode}");
    }
    for plain in ["", "?sslmode=disable", "?sslmode=prefer"] {
        let said = said(&place.url(plain), &place.certificate).await;
        assert!(said.contains("no encryption"), "{plain}: {said}");
    }
}

#[tokio::test]
async fn a_certificate_of_another_name_or_of_nobody_that_is_trusted_is_refused() {
    let Some(place) = Encrypted::new("db.example.org") else { return };
    let another = generate_simple_self_signed(["localhost".into()]).unwrap().cert.pem();
    for mode in ["require", "verify-ca", "verify-full"] {
        let url = place.url(&format!("?sslmode={mode}"));
        let said_of_name = said(&url, &place.certificate).await;
        assert!(
            said_of_name.contains("localhost") && said_of_name.contains("db.example.org"),
            "{mode}: {said_of_name}"
        );
        let said_of_issuer = said(&url, &another).await;
        assert!(said_of_issuer.contains("invalid peer certificate"), "{mode}: {said_of_issuer}");
    }
}

#[tokio::test]
async fn a_server_without_tls_is_refused_if_it_is_asked_for() {
    let Some(place) = Place::new().await else { return };
    let trusted = generate_simple_self_signed(["localhost".into()]).unwrap().cert.pem();
    let said = said(&format!("{}?sslmode=require", place.url()), &trusted).await;
    assert!(said.contains("TLS"), "{said}");
}
