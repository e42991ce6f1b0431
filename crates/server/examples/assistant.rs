//! All that a real chat needs: two users with tokens, streaming, an approval, a closeout, a history over restarts, a
//! list of sessions per user, and SIGTERM.
//!
//! `cargo run --example assistant -- FOLDER`, then:
//!
//! ```sh
//! curl -X POST -H 'Authorization: Bearer anns' localhost:7878/sessions          # {"session":"s_…"}
//! curl -H 'Authorization: Bearer anns' localhost:7878/my/sessions               # ["s_…"]
//! curl -H 'Authorization: Bearer bobs' localhost:7878/sessions/s_…              # 404: it is not his
//! curl -N -H 'Authorization: Bearer anns' localhost:7878/sessions/s_…/events    # in a window of its own
//! curl -d '"delete it all"' -H 'Idempotency-Key: laptop.1' -H 'Authorization: Bearer anns' \
//!     localhost:7878/sessions/s_…/prompts                                       # the log has an ask: its "seq" …
//! curl -d '{"client":"laptop","d":true}' -H 'Authorization: Bearer anns' \
//!     localhost:7878/sessions/s_…/asks/2                                        # … goes here
//! curl -X POST -H 'Authorization: Bearer anns' localhost:7878/sessions/s_…/stop # the worker closes out
//! ```

use std::collections::HashMap;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::serve::ListenerExt as _;
use axum::{Json, Router, routing::get};
use outlive::TurnOutcome;
use outlive::wire::Entry;
use outlive_server::http::{AuthError, AuthRequest, Authorize, Grant, endpoints, serve};
use outlive_server::hub::{
    CloseoutContext, Drain, Failure, Hub, Role, Turn, Worker, WorkerContext,
};
use outlive_server::store::{SessionId, Sqlite};
use rusqlite::{Connection, OptionalExtension as _};
use tokio::net::TcpListener;
use tokio::time::sleep;

/// Who is known by which token, and whose a session is: in a database beside the file of the sessions.
#[derive(Clone)]
struct Users {
    tokens: Arc<HashMap<&'static str, &'static str>>,
    owners: Arc<Mutex<Connection>>,
}

impl Users {
    fn open(file: &Path) -> rusqlite::Result<Users> {
        let owners = Connection::open(file)?;
        owners.execute_batch(
            "CREATE TABLE IF NOT EXISTS owner (session TEXT PRIMARY KEY, user TEXT)",
        )?;
        let tokens = HashMap::from([("anns", "ann"), ("bobs", "bob")]);
        Ok(Users { tokens: Arc::new(tokens), owners: Arc::new(Mutex::new(owners)) })
    }

    fn owners(&self) -> MutexGuard<'_, Connection> {
        self.owners.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn owner(&self, session: &SessionId) -> rusqlite::Result<Option<String>> {
        let owners = self.owners();
        let mut rows = owners.prepare_cached("SELECT user FROM owner WHERE session = ?1")?;
        rows.query_row([session.as_str()], |row| row.get(0)).optional()
    }

    fn sessions(&self, user: &str) -> rusqlite::Result<Vec<String>> {
        let owners = self.owners();
        let mut rows = owners.prepare_cached("SELECT session FROM owner WHERE user = ?1")?;
        rows.query_map([user], |row| row.get(0))?.collect()
    }

    fn user(&self, token: Option<&str>) -> Result<&'static str, AuthError> {
        let token = token.ok_or(AuthError::MissingCredentials)?;
        self.tokens.get(token).copied().ok_or(AuthError::InvalidCredentials)
    }
}

impl Authorize for Users {
    async fn authorize(&self, request: &AuthRequest<'_>) -> Result<Grant, AuthError> {
        let user = self.user(request.token())?;
        if let Some(session) = request.session() {
            let owner = self.owner(session).map_err(|_| AuthError::Unavailable)?;
            if owner.as_deref() != Some(user) {
                return Err(AuthError::Forbidden); // looks like a session that does not exist
            }
        }
        Ok(Grant::new(user, Role::Admin))
    }

    async fn created(&self, grant: &Grant, session: &SessionId) -> Result<(), AuthError> {
        let row = [session.as_str(), &grant.principal];
        let kept = self.owners().execute("INSERT INTO owner (session, user) VALUES (?1, ?2)", row);
        kept.map(drop).map_err(|_| AuthError::Unavailable) // the session is forgotten
    }
}

/// `GET /my/sessions`: a route of our own beside those of the endpoints.
async fn my_sessions(
    State(users): State<Users>,
    headers: HeaderMap,
) -> Result<Json<Vec<String>>, StatusCode> {
    let header = headers.get("authorization").and_then(|value| value.to_str().ok());
    let token = header.and_then(|value| value.strip_prefix("Bearer "));
    let user = users.user(token).map_err(|_| StatusCode::UNAUTHORIZED)?;
    users.sessions(user).map(Json).map_err(|_| StatusCode::SERVICE_UNAVAILABLE)
}

/// The work. It knows nothing of connections.
struct Assistant;

impl Worker for Assistant {
    /// How many prompts were answered before: what a model would be given as its context.
    type Run = usize;

    async fn start(&self, context: WorkerContext) -> Result<usize, Failure> {
        let entries = context.history().entries().await?;
        let answered =
            |entry: &Entry| matches!(entry, Entry::TurnEnd { outcome: TurnOutcome::Completed, .. });
        Ok(entries.iter().filter(|(_, entry)| answered(entry)).count())
    }

    async fn answer(&self, answered: &mut usize, turn: Turn) -> Result<(), Failure> {
        let prompt: String = turn.prompt().deserialize()?;
        if prompt.contains("delete") {
            let answer = turn.ask(&"Really?").await?; // every viewer sees it; the first answer counts
            if !answer.deserialize::<bool>()? {
                turn.emit(&"Nothing was deleted.").await?;
                return Ok(());
            }
        }
        for word in format!("Answer {} to {prompt}", *answered + 1).split_inclusive(' ') {
            turn.emit(&word).await?; // fails when a user interrupts, which ends the turn
            sleep(Duration::from_millis(200)).await;
        }
        *answered += 1;
        Ok(())
    }

    async fn close_out(&self, answered: usize, context: CloseoutContext) {
        _ = context.emit(&format!("Goodbye after {answered} answers.")).await;
    }
}

/// Returns when the process is asked to leave.
#[cfg(unix)]
async fn asked_to_leave() {
    use tokio::signal::unix::{SignalKind, signal};
    let mut term = signal(SignalKind::terminate()).expect("signals can be awaited");
    tokio::select! { _ = term.recv() => {}, _ = tokio::signal::ctrl_c() => {} }
}

/// Returns when the process is asked to leave.
#[cfg(not(unix))]
async fn asked_to_leave() {
    _ = tokio::signal::ctrl_c().await;
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args_os().nth(1).map_or_else(|| PathBuf::from("."), PathBuf::from);
    let listener = TcpListener::bind("127.0.0.1:7878").await?; // before the store changes hands
    println!("http://{}", listener.local_addr()?);
    let listener = listener.tap_io(|tcp| _ = tcp.set_nodelay(true)); // or small frames wait
    let users = Users::open(&folder.join("users.db"))?;
    let store = Sqlite::open(folder.join("sessions.db"))?;
    let hub = Hub::builder().store(store).build(Assistant).await?;
    let mine = Router::new().route("/my/sessions", get(my_sessions)).with_state(users.clone());
    let app = endpoints(hub.clone()).authorize(users).router().merge(mine);
    // Until a signal comes, or until a newer process has the store; slow peers are not waited for.
    let drain = Drain { window: Duration::from_secs(1), deadline: Duration::from_secs(10) };
    serve(listener, app, hub, drain, asked_to_leave()).await;
    Ok(())
}
