//! Whose a session is, the list of a principal's sessions, and their deletion.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use outlive_server::http::{AuthError, AuthRequest, Grant, OwnSessions, endpoints};
use outlive_server::hub::{CloseoutContext, Failure, Hub, Role, Turn, Worker, WorkerContext};
use outlive_testkit::endpoints::{Server, Words, entry};
use serde_json::{Value, json};
use tokio::sync::Notify;

fn by_cookie(request: &AuthRequest<'_>) -> Result<Grant, AuthError> {
    let user = request.cookie("user").ok_or(AuthError::MissingCredentials)?;
    Ok(Grant::new(user, Role::Admin))
}

/// Answers at once, and saves something at its end, or takes for ever to.
#[derive(Clone, Default)]
struct Closes {
    closing: Arc<Notify>,
    lingers: bool,
    saved: Arc<AtomicBool>,
}

impl Worker for Closes {
    type Run = ();

    async fn start(&self, _: WorkerContext) -> Result<(), Failure> {
        Ok(())
    }

    async fn answer(&self, (): &mut (), turn: Turn) -> Result<(), Failure> {
        turn.emit(&"here").await?;
        Ok(())
    }

    async fn close_out(&self, (): (), _: CloseoutContext) {
        self.closing.notify_one();
        if self.lingers {
            std::future::pending::<()>().await;
        }
        tokio::task::yield_now().await;
        self.saved.store(true, Ordering::Release);
    }
}

const ANN: &[(&str, &str)] = &[("cookie", "user=ann")];
const BOB: &[(&str, &str)] = &[("cookie", "user=bob")];

async fn server(worker: impl Worker) -> Server {
    let hub = Hub::builder().build(worker).await.unwrap();
    let authorize = OwnSessions::new(hub.clone(), by_cookie);
    Server::of(hub.clone(), endpoints(hub).authorize(authorize)).await
}

async fn create(server: &Server, who: &[(&str, &str)]) -> String {
    let made = server.request("POST", "/sessions", who, "").await;
    made.json()["session"].as_str().unwrap().to_owned()
}

async fn list(server: &Server, who: &[(&str, &str)], query: &str) -> (Vec<String>, Value) {
    let told = server.request("GET", &format!("/sessions{query}"), who, "").await;
    assert_eq!(told.status, 200, "{}", told.body);
    let page = told.json();
    let names = page["sessions"].as_array().unwrap().iter();
    let names = names.map(|one| one["session"].as_str().unwrap().to_owned()).collect();
    (names, page["next"].clone())
}

#[tokio::test]
async fn a_principal_lists_its_sessions_the_newest_first_and_sees_no_others() {
    let server = server(Words).await;
    let mut anns = Vec::new();
    for _ in 0..5 {
        anns.insert(0, create(&server, ANN).await);
        create(&server, BOB).await;
    }
    assert_eq!(list(&server, ANN, "").await, (anns.clone(), Value::Null));
    let (mut found, mut query) = (Vec::new(), "?limit=2".to_owned());
    loop {
        let (page, next) = list(&server, ANN, &query).await;
        assert!(page.len() <= 2);
        found.extend(page);
        let Some(next) = next.as_str() else { break };
        query = format!("?limit=2&cursor={next}");
    }
    assert_eq!(found, anns);
    let path = format!("/sessions/{}", anns[0]);
    assert_eq!(server.request("GET", &path, ANN, "").await.status, 200);
    for method in ["GET", "DELETE"] {
        assert_eq!(server.request(method, &path, BOB, "").await.status, 404);
    }
    let unowned = format!("/sessions/{}", server.hub.create().await.unwrap());
    assert_eq!(server.request("GET", &unowned, ANN, "").await.status, 404);
    for (query, at) in [
        ("?limit=0", "parameter limit"),
        ("?limit=1001", "parameter limit"),
        ("?limit=all", "parameter limit"),
        ("?cursor=s_1", "parameter cursor"),
    ] {
        let told = server.request("GET", &format!("/sessions{query}"), ANN, "").await;
        assert_eq!((told.status, &told.json()["at"]), (400, &json!(at)), "{query}");
    }
    assert_eq!(server.request("GET", "/sessions", &[], "").await.status, 401);
}

#[tokio::test]
async fn a_session_that_is_deleted_closes_out_first_and_then_it_is_gone() {
    let closes = Closes::default();
    let server = server(closes.clone()).await;
    let path = format!("/sessions/{}", create(&server, ANN).await);
    let (mut socket, _) = server.dial(&path, &[("cookie", "user=ann")]).await.unwrap();
    socket.say(&json!({ "t": "attach", "client": "a" })).await;
    socket.prompt(1, "x").await;
    socket.until(entry("turn_end")).await;
    let deleted = server.request("DELETE", &path, ANN, "").await;
    assert_eq!((deleted.status, deleted.body.as_str()), (204, ""));
    assert!(closes.saved.load(Ordering::Acquire), "it was closed out");
    assert_eq!(socket.code().await, 4004);
    for method in ["GET", "DELETE"] {
        assert_eq!(server.request(method, &path, ANN, "").await.status, 404);
    }
    assert_eq!(list(&server, ANN, "").await.0, [""; 0]);
    // One that nobody has prompted has no worker.
    let path = format!("/sessions/{}", create(&server, ANN).await);
    assert_eq!(server.request("DELETE", &path, ANN, "").await.status, 204);
    assert_eq!(server.request("GET", &path, ANN, "").await.status, 404);
}

#[tokio::test]
async fn a_prompt_that_comes_while_a_session_is_deleted_does_not_save_it() {
    let closes = Closes { lingers: true, ..Closes::default() };
    let server = server(closes.clone()).await;
    let path = format!("/sessions/{}", create(&server, ANN).await);
    let prompt = |n: u32| {
        let (server, path) = (&server, format!("{path}/prompts"));
        let body = json!({ "client": "a", "n": n, "d": "x" }).to_string();
        async move { server.request("POST", &path, ANN, &body).await.status }
    };
    assert_eq!(prompt(1).await, 202);
    let prompting = async {
        closes.closing.notified().await;
        prompt(2).await
    };
    let (deleted, prompted) = tokio::join!(server.request("DELETE", &path, ANN, ""), prompting);
    assert_eq!((deleted.status, prompted), (204, 202));
    assert_eq!(server.request("GET", &path, ANN, "").await.status, 404);
}
