//! Viewers, over sockets and streams of events.

use outlive_testkit::cluster::Cluster;
use outlive_testkit::endpoints::outputs;

use super::{SECRET, passed_on};

#[tokio::test]
async fn whoever_is_dialled_all_see_the_same_in_order_and_nothing_twice() {
    let cluster = Cluster::new();
    let owner = cluster.node("owner", SECRET).await;
    let edge = cluster.node("edge", SECRET).await;
    let session = owner.session().await;
    let (mut direct, _) = owner.attach(&session, "direct", None).await;
    let (mut socket, welcome) = edge.attach(&session, "laptop", None).await;
    let (mut reader, _) = edge.attach(&session, "reader", welcome["cursor"].as_str()).await;
    let mut events = edge.events(&format!("{session}/events?client=sse"), &[]).await;
    for n in 1..=9 {
        socket.prompt(n, &format!("word{n} of {n}")).await;
    }
    // Larger than any buffer of ours.
    socket.prompt(10, "long 300").await;
    socket.prompt(11, "the end").await;
    let last = |frame: &serde_json::Value| frame["d"] == "end" && frame["entry"] == "output";
    let entries = |frames: Vec<serde_json::Value>| {
        let entries = frames.into_iter().filter(|frame| frame["t"] == "ev");
        entries.map(|frame| (frame["id"].clone(), frame["entry"].clone(), frame["d"].clone()))
    };
    let seen: Vec<_> = entries(direct.until(last).await).collect();
    for socket in [&mut socket, &mut reader] {
        let through: Vec<_> = entries(socket.until(last).await).collect();
        let common = seen.len().min(through.len());
        assert!(through[through.len() - common..] == seen[seen.len() - common..]);
        assert!(common > 340);
    }
    let (mut of_stream, mut ids) = (Vec::new(), Vec::new());
    while of_stream.last().is_none_or(|data| !last(data)) {
        let event = events.until("ev").await;
        ids.push(event.id.unwrap());
        of_stream.push(event.data);
    }
    assert_eq!(outputs(&of_stream).len(), 27 + 300 + 2);
    let unique: std::collections::HashSet<_> = ids.iter().collect();
    assert_eq!(unique.len(), ids.len(), "an entry came twice");
    assert_eq!((edge.relay.counts().open, edge.hub.loaded_sessions()), (3, 0));
    drop((socket, reader, events));
    passed_on(&edge, 0).await;
}

#[tokio::test]
async fn why_the_owner_closes_comes_through() {
    let cluster = Cluster::new();
    let owner = cluster.node("owner", SECRET).await;
    let edge = cluster.node("edge", SECRET).await;
    let session = owner.session().await;
    let (mut older, _) = edge.attach(&session, "laptop", None).await;
    let (mut newer, _) = owner.attach(&session, "laptop", None).await;
    assert_eq!(older.code().await, 4009);
    let (mut wrong, _) = edge.dial(&session, &[]).await.unwrap();
    wrong.prompt(1, "too early").await;
    let (code, why) = wrong.closed().await;
    assert_eq!((code, why.as_str()), (4002, "the first frame must be `attach`"));
    let (mut watching, _) = edge.attach(&session, "watching", None).await;
    let mut events = edge.events(&format!("{session}/events"), &[]).await;
    let refused = edge.dial(&session, &[("sec-websocket-protocol", "another.v9")]).await;
    assert_eq!(refused.err().unwrap().0, 426);
    assert_eq!(owner.request("DELETE", &session, &[], "").await.status, 204);
    assert_eq!((watching.code().await, newer.code().await), (4004, 4004));
    assert_eq!(events.until("close").await.data["code"], 4004);
    assert_eq!(events.next().await, None);
}
