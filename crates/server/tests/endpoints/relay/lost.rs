//! The owner of a session is lost while somebody watches through another node.

use outlive_testkit::cluster::Cluster;
use outlive_testkit::endpoints::{entry, freeze, outputs};
use serde_json::json;
use tokio::io::AsyncWriteExt as _;

use super::{SECRET, passed_on, site};

#[tokio::test]
async fn its_viewers_move_and_another_node_goes_on() {
    let cluster = Cluster::new();
    let mut owner = cluster.mortal("owner", SECRET).await;
    let edge = cluster.node("edge", SECRET).await;
    let session = owner.session().await;
    let (mut socket, _) = edge.attach(&session, "laptop", None).await;
    let mut events = edge.events(&format!("{session}/events?client=sse"), &[]).await;
    socket.prompt(1, "hold").await;
    socket.until(|frame| frame["d"] == "holding").await;
    socket.prompt(2, "it goes on").await;
    socket.until(|frame| frame["t"] == "accepted").await;
    let cursor = events.until("ev").await.id.unwrap();
    owner.kill();
    assert_eq!(socket.code().await, 4200);
    while events.next().await.is_some() {}
    // The store does not know yet that the owner is dead: whoever comes back waits.
    let (waiting, at) = (session.clone(), site(&edge));
    let back = tokio::spawn(async move { at.attach(&waiting, "laptop", None).await });
    let (waiting, at) = (session.clone(), site(&edge));
    let posted = tokio::spawn(async move {
        at.post(&format!("{waiting}/prompts"), &json!({ "client": "post", "n": 1, "d": "late" }))
            .await
    });
    passed_on(&edge, 2).await;
    owner.judged().await;
    let (mut socket, _) = back.await.unwrap();
    assert_eq!(posted.await.unwrap().status, 202, "it had not been sent");
    let seen = socket.until(|frame| frame["d"] == "late" && frame["entry"] == "output").await;
    let ends: Vec<_> = seen.iter().filter(|frame| entry("turn_end")(frame)).collect();
    assert_eq!(ends[0]["outcome"], "ambiguous", "{ends:?}");
    assert_eq!(outputs(&seen), ["holding", "it", "goes", "on", "late"]);
    let path = format!("{session}/events?client=sse");
    let mut events = edge.events(&path, &[("last-event-id", &cursor)]).await;
    assert_eq!(events.until("welcome").await.data["outcome"]["t"], json!(null));
    passed_on(&edge, 0).await;
}

/// A frame of a server, as short as this.
fn text(said: &str) -> Vec<u8> {
    [&[0x81, u8::try_from(said.len()).unwrap()], said.as_bytes()].concat()
}

#[tokio::test]
async fn a_close_is_written_between_two_frames_only() {
    let cluster = Cluster::new();
    let (owner, edge) = (cluster.puppet("owner").await, cluster.node("edge", SECRET).await);
    let session = owner.session().await;
    let ping = text(r#"{"t":"ping"}"#);
    let mut close_of_owner = vec![0x88, 7, 0x0f, 0xa9];
    close_of_owner.extend(b"other");
    for (written, code) in [
        (ping.clone(), 4200),
        (ping[..5].to_vec(), 1006),
        ([&ping[..], &ping[..1]].concat(), 1006),
        ([&ping[..], &close_of_owner].concat(), 4009),
    ] {
        let (dialled, mut inside) = tokio::join!(edge.dial(&session, &[]), owner.upgrade());
        let (mut socket, _) = dialled.unwrap();
        inside.write_all(&written).await.unwrap();
        inside.shutdown().await.unwrap();
        assert_eq!(socket.code().await, code, "behind {written:?}");
    }
    passed_on(&edge, 0).await;
}

#[tokio::test]
async fn an_owner_that_hangs_is_noticed_when_the_store_has_judged_it() {
    let cluster = Cluster::new();
    let (owner, edge) = (cluster.puppet("owner").await, cluster.node("edge", SECRET).await);
    let session = owner.session().await;
    let (dialled, _inside) = tokio::join!(edge.dial(&session, &[]), owner.upgrade());
    let (mut socket, _) = dialled.unwrap();
    let get = async || {
        let (path, site) = (session.clone(), site(&edge));
        let asked = tokio::spawn(async move { site.get(&path).await });
        (asked, owner.request().await)
    };
    let (asked, _hung) = get().await;
    let (path, site) = (session.clone(), site(&edge));
    let posted = tokio::spawn(async move { site.post(&format!("{path}/stop"), &json!({})).await });
    let _posted = owner.request().await;
    let frozen = freeze();
    owner.judged().await;
    assert_eq!(super::outwait(tokio::spawn(async move { socket.code().await })).await, 4200);
    assert_eq!(super::outwait(asked).await.status, 200, "this node owns it now");
    assert_eq!(super::outwait(posted).await.status, 503, "it may have had its effect");
    drop(frozen);
}
