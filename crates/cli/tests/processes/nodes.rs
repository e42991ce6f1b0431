//! Several processes share a `PostgreSQL`, and any of them is dialled for any session.

use std::net::TcpListener;
use std::path::Path;

use outlive_testkit::endpoints::entry;
use outlive_testkit::postgres::server;
use serde_json::Value;

use super::child::{Folder, Serving, outcome};
use super::kill::guard;
use super::stage::{cursor, ends, place};

/// What the nodes of a test share.
struct Cluster {
    folder: Folder,
    store: String,
}

impl Cluster {
    /// None if there is no `PostgreSQL` to start, which is said.
    fn new(name: &str) -> Option<Cluster> {
        let store = format!("{}?schema={name}", server()?.url("postgres"));
        let folder = Folder::new(name);
        std::fs::write(folder.file("secret"), "known to all of them\n").unwrap();
        Some(Cluster { folder, store })
    }

    /// A process that the others reach at an address of its own, `127.0.1.host`.
    async fn node(&self, host: u8) -> Serving {
        let free = TcpListener::bind((format!("127.0.1.{host}"), 0)).unwrap();
        let address = free.local_addr().unwrap().to_string();
        drop(free);
        let secret = self.folder.file("secret");
        let flags = ["--advertise", &address, "--cluster-secret-file", secret.to_str().unwrap()];
        Serving::start("127.0.0.1:0", Path::new(&self.store), &flags).await
    }
}

/// Each entry once and in order.
fn is_gapless(frames: &[Value]) -> bool {
    let places: Vec<u64> = frames.iter().filter(|frame| frame["t"] == "ev").map(place).collect();
    places.windows(2).all(|two| two[1] == two[0] + 1)
}

#[tokio::test]
async fn a_session_outlives_the_node_that_owns_it() {
    let Some(cluster) = Cluster::new("outlives") else { return };
    let (east, west) = (cluster.node(1).await, cluster.node(2).await);
    let session = east.site.session().await;
    // Through the other one: its owner streams.
    let (mut socket, _) = west.site.attach(&session, "laptop", None).await;
    socket.prompt(1, "/long 500").await;
    let mut frames = socket.until(|frame| frame["entry"] == "output").await;
    east.kill().await;
    let code = loop {
        match guard("the close", socket.hear()).await {
            Ok(frame) => frames.push(frame),
            Err(code) => break code,
        }
    };
    assert_eq!(code, 4200);
    // It waits until the lease of the dead one is over.
    let seen = cursor(&frames);
    let again = west.site.attach(&session, "laptop", Some(&seen));
    let (mut socket, _) = guard("a welcome", again).await;
    socket.prompt(2, "/fast 3").await;
    for _ in 0..2 {
        frames.extend(guard("an end", socket.until(entry("turn_end"))).await);
    }
    assert!(is_gapless(&frames), "{frames:?}");
    // What waited for nothing ends with a restart; a prompt begins anew.
    assert_eq!(ends(&frames), ["ambiguous", "end", "completed"]);
}

#[tokio::test]
async fn a_session_moves_at_once_when_its_node_is_asked_to_leave() {
    let Some(cluster) = Cluster::new("moves") else { return };
    let (east, west) = (cluster.node(3).await, cluster.node(4).await);
    let session = east.site.session().await;
    let (mut socket, _) = west.site.attach(&session, "laptop", None).await;
    socket.prompt(1, "/fast 3").await;
    let mut frames = socket.until(entry("turn_end")).await;
    east.terminate().await;
    let (code, said) = guard("the node", east.left()).await;
    assert_eq!(code, Some(0), "{said}");
    let (mut socket, _) = west.site.attach(&session, "laptop", Some(&cursor(&frames))).await;
    socket.prompt(2, "/fast 3").await;
    frames.extend(guard("the answer", socket.until(entry("turn_end"))).await);
    assert!(is_gapless(&frames), "{frames:?}");
    assert_eq!(ends(&frames), ["completed", "end", "completed"]);
}

#[tokio::test]
async fn a_url_that_leads_nowhere_is_told_without_its_password() {
    for url in [
        "postgres://",
        "postgres://ann:geheim@127.0.0.1:1/chats",
        "postgresql://ann:geheim@/x?port=x",
    ] {
        let (code, said) = outcome(&["serve", "--listen", "127.0.0.1:0", "--store", url]).await;
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains("--store") && !said.contains("geheim"), "{said}");
    }
    let (code, said) = outcome(&["serve", "--store", "postgres://x", "--durability", "fast"]).await;
    assert_eq!(code, Some(2));
    assert!(said.contains("synchronous_commit"), "{said}");
}
