//! What one principal may take of a session's limits, beside another.

use outlive_server::http::{AuthError, AuthRequest, Grant, endpoints};
use outlive_server::hub::{Hub, Role};
use serde_json::{Value, json};

use outlive_testkit::endpoints::{Server, Socket, Words};

/// A server where a header says who asks.
async fn server() -> Server {
    let hub = Hub::builder().build(Words).await.unwrap();
    let by_name = |request: &AuthRequest<'_>| match request.parts().headers.get("x-user") {
        Some(user) => Ok(Grant::new(user.to_str().unwrap(), Role::Admin)),
        None => Err(AuthError::MissingCredentials),
    };
    Server::of(hub.clone(), endpoints(hub).authorize(by_name)).await
}

/// A session of the owner's.
async fn session(server: &Server) -> String {
    let made = server.request("POST", "/sessions", &[("x-user", "owner")], "{}").await;
    format!("/sessions/{}", made.json()["session"].as_str().unwrap())
}

/// An attach, and what comes first.
async fn attach(server: &Server, path: &str, user: &str, client: &str) -> (Socket, Value) {
    let (mut socket, _) = server.dial(path, &[("x-user", user)]).await.unwrap();
    socket.say(&json!({ "t": "attach", "client": client })).await;
    let first = socket.hear().await.unwrap();
    (socket, first)
}

#[tokio::test]
async fn a_viewer_with_its_share_of_the_connections_leaves_room_for_the_owner_and_comes_back() {
    let server = server().await;
    let path = session(&server).await;
    let mut theirs = Vec::new();
    for number in 0..server.hub.limits().connections_per_principal {
        let (socket, first) = attach(&server, &path, "viewer", &format!("tab{number}")).await;
        assert_eq!(first["t"], "welcome", "{first}");
        theirs.push(socket);
    }
    // What time mends is told to come back, by a socket and by a request.
    let (mut more, first) = attach(&server, &path, "viewer", "more").await;
    assert_eq!(first, json!({ "t": "goaway", "retry_after_ms": [5_000, 10_000] }));
    assert_eq!(more.code().await, 1013);
    let events = format!("{path}/events?client=more&until=head");
    let by_request = || server.request("GET", &events, &[("x-user", "viewer")], "");
    assert_eq!(by_request().await.status, 429);
    // Another principal, with the same name of a client, has its own share.
    let (_owner, first) = attach(&server, &path, "owner", "tab0").await;
    assert_eq!(first["t"], "welcome", "{first}");
    // A place that is left is the viewer's again.
    let mut gone = theirs.remove(0);
    gone.say(&json!({ "t": "detach" })).await;
    assert_eq!(gone.code().await, 1000);
    let mut back = attach(&server, &path, "viewer", "more").await;
    while back.1["t"] != "welcome" {
        back = attach(&server, &path, "viewer", "more").await;
    }
}

#[tokio::test]
async fn names_of_one_principal_do_not_lock_out_another_for_ever() {
    let server = server().await;
    let path = session(&server).await;
    let prompts = format!("{path}/prompts");
    let prompt = async |user: &str, client: &str, n: u64| {
        let body = json!({ "client": client, "n": n, "d": "" }).to_string();
        loop {
            let told = server.request("POST", &prompts, &[("x-user", user)], &body).await;
            let reason = told.json()["reason"].clone();
            // The queue has room when the turns before have ended.
            if reason != "queue_full" {
                return (told.status, reason);
            }
        }
    };
    for number in 0..server.hub.limits().clients_per_principal {
        assert_eq!(prompt("guest", &format!("name{number}"), 1).await.0, 202);
    }
    let (_, reason) = prompt("guest", "one more", 1).await;
    assert_eq!(reason, "too_many_clients");
    assert_eq!(prompt("owner", "laptop", 1).await.0, 202);
    // Those that it has are heard.
    assert_eq!(prompt("guest", "name0", 2).await.0, 202);
}
