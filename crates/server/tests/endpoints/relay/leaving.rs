//! The node that was dialled leaves, or the owner does.

use outlive_testkit::cluster::Cluster;
use outlive_testkit::endpoints::outputs;
use tokio::io::AsyncWriteExt as _;

use super::{SECRET, passed_on, site};

#[tokio::test]
async fn what_it_passes_on_is_closed_and_the_session_goes_on() {
    let cluster = Cluster::new();
    let owner = cluster.node("owner", SECRET).await;
    let edge = cluster.node("edge", SECRET).await;
    let session = owner.session().await;
    let (mut direct, _) = owner.attach(&session, "direct", None).await;
    let (mut socket, _) = edge.attach(&session, "laptop", None).await;
    let mut events = edge.events(&format!("{session}/events"), &[]).await;
    events.until("welcome").await;
    edge.leave();
    assert_eq!(socket.code().await, 1012);
    while events.next().await.is_some() {}
    passed_on(&edge, 0).await;
    direct.prompt(1, "still here").await;
    let seen = direct.until(|frame| frame["d"] == "here").await;
    assert_eq!(outputs(&seen), ["still", "here"]);
}

#[tokio::test]
async fn a_frame_that_is_under_way_is_whole_before_the_close() {
    let cluster = Cluster::new();
    let (owner, edge) = (cluster.puppet("owner").await, cluster.node("edge", SECRET).await);
    let session = owner.session().await;
    let (dialled, mut inside) = tokio::join!(edge.dial(&session, &[]), owner.upgrade());
    let (mut socket, _) = dialled.unwrap();
    let said = r#"{"t":"ping"}"#;
    let frame = [&[0x81, u8::try_from(said.len()).unwrap()], said.as_bytes()].concat();
    inside.write_all(&frame).await.unwrap();
    inside.write_all(&frame[..7]).await.unwrap();
    assert_eq!(socket.hear().await.unwrap()["t"], "ping");
    edge.leave();
    while !edge.hub.is_draining() {
        tokio::task::yield_now().await;
    }
    inside.write_all(&frame[7..]).await.unwrap();
    assert_eq!(socket.hear().await.unwrap()["t"], "ping");
    assert_eq!(socket.code().await, 1012);
}

#[tokio::test]
async fn an_owner_that_leaves_hands_its_sessions_on() {
    let cluster = Cluster::new();
    let owner = cluster.node("owner", SECRET).await;
    let edge = cluster.node("edge", SECRET).await;
    let session = owner.session().await;
    let (mut socket, _) = edge.attach(&session, "laptop", None).await;
    owner.leave();
    assert_eq!(socket.until(|frame| frame["t"] == "goaway").await.len(), 1);
    assert_eq!(socket.code().await, 1012);
    owner
        .hub
        .drain(outlive_server::hub::Drain {
            window: std::time::Duration::ZERO,
            deadline: std::time::Duration::ZERO,
        })
        .await;
    let (mut socket, _) = edge.attach(&session, "laptop", None).await;
    socket.prompt(1, "here now").await;
    let seen = socket.until(|frame| frame["d"] == "now").await;
    assert_eq!(outputs(&seen), ["here", "now"]);
    assert_eq!(edge.hub.loaded_sessions(), 1);
}

#[tokio::test]
async fn who_waits_for_an_owner_is_told_that_this_node_leaves() {
    let cluster = Cluster::new();
    let (owner, edge) = (cluster.puppet("owner").await, cluster.node("edge", SECRET).await);
    let session = owner.session().await;
    drop(owner.listener);
    let at = site(&edge);
    let asked = tokio::spawn(async move { at.get(&session).await });
    passed_on(&edge, 1).await;
    edge.leave();
    let told = asked.await.unwrap();
    assert_eq!((told.status, told.json()["error"].as_str()), (503, Some("draining")));
}
