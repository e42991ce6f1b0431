//! All that a real chat needs: two users with tokens, streaming, an approval, a closeout, a history over restarts, a
//! list of sessions per user, and SIGTERM.
//!
//! `cargo run --example assistant -- FOLDER`, then:
//!
//! ```sh
//! curl -X POST -H 'Authorization: Bearer anns' localhost:7878/sessions          # {"session":"s_…"}
//! curl -H 'Authorization: Bearer anns' localhost:7878/sessions                  # {"sessions":[{"session":"s_…"}],…}
//! curl -H 'Authorization: Bearer bobs' localhost:7878/sessions/s_…              # 404: it is not his
//! curl -N -H 'Authorization: Bearer anns' localhost:7878/sessions/s_…/events    # in a window of its own
//! curl -d '"delete it all"' -H 'Idempotency-Key: laptop.1' -H 'Authorization: Bearer anns' \
//!     localhost:7878/sessions/s_…/prompts                                       # the log has an ask: its "seq" …
//! curl -d '{"client":"laptop","d":true}' -H 'Authorization: Bearer anns' \
//!     localhost:7878/sessions/s_…/asks/2                                        # … goes here
//! curl -X POST -H 'Authorization: Bearer anns' localhost:7878/sessions/s_…/stop # the worker closes out
//! curl -X DELETE -H 'Authorization: Bearer anns' localhost:7878/sessions/s_…    # and its log is gone
//! ```

use std::error::Error;
use std::path::PathBuf;
use std::time::Duration;

use axum::serve::ListenerExt as _;
use outlive::TurnOutcome;
use outlive::wire::Entry;
use outlive_server::http::{AuthError, AuthRequest, Grant, OwnSessions, endpoints, serve};
use outlive_server::hub::{
    CloseoutContext, Drain, Failure, Hub, Role, Turn, Worker, WorkerContext,
};
use outlive_server::store::Sqlite;
use tokio::net::TcpListener;
use tokio::time::sleep;

/// Who is known by which token.
fn user(request: &AuthRequest<'_>) -> Result<Grant, AuthError> {
    match request.token().ok_or(AuthError::MissingCredentials)? {
        "anns" => Ok(Grant::new("ann", Role::Admin)),
        "bobs" => Ok(Grant::new("bob", Role::Admin)),
        _ => Err(AuthError::InvalidCredentials),
    }
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
        Ok(entries.iter().filter(|said| answered(&said.entry)).count())
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
    let store = Sqlite::open(folder.join("sessions.db"))?;
    let hub = Hub::builder().store(store).build(Assistant).await?;
    let app = endpoints(hub.clone()).authorize(OwnSessions::new(hub.clone(), user)).router();
    // Until a signal comes, or until a newer process has the store; slow peers are not waited for.
    let drain = Drain { window: Duration::from_secs(1), deadline: Duration::from_secs(10) };
    serve(listener, app, hub, drain, asked_to_leave()).await;
    Ok(())
}
