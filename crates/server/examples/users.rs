//! Two users. Each has a token, and sees the sessions that it made, and no others.
//!
//! `cargo run --example users`, then:
//!
//! ```sh
//! curl -X POST -H 'Authorization: Bearer anns' localhost:7878/sessions
//! curl -H 'Authorization: Bearer bobs' localhost:7878/sessions/s_…   # 404: it is not his
//! ```

use std::collections::HashMap;
use std::error::Error;
use std::sync::{Mutex, PoisonError};

use outlive_server::http::{AuthError, AuthRequest, Authorize, Grant, endpoints};
use outlive_server::hub::{Failure, Hub, Role, Turn};
use outlive_server::store::SessionId;
use tokio::net::TcpListener;

/// Who is known by which token, and whose a session is. A server that is to be restarted keeps the owners in
/// a database of its own, beside the file of the sessions: that is also the list of a user's sessions.
struct Users {
    tokens: HashMap<&'static str, &'static str>,
    owners: Mutex<HashMap<SessionId, String>>,
}

impl Authorize for Users {
    async fn authorize(&self, request: &AuthRequest<'_>) -> Result<Grant, AuthError> {
        let token = request.token().ok_or(AuthError::MissingCredentials)?;
        let user = *self.tokens.get(token).ok_or(AuthError::InvalidCredentials)?;
        if let Some(session) = request.session() {
            let owners = self.owners.lock().unwrap_or_else(PoisonError::into_inner);
            if owners.get(session).is_none_or(|owner| owner != user) {
                return Err(AuthError::Forbidden); // looks like a session that does not exist
            }
        }
        Ok(Grant::new(user, Role::Admin))
    }

    async fn created(&self, grant: &Grant, session: &SessionId) -> Result<(), AuthError> {
        // With a database: `Err(AuthError::Unavailable)` if it fails, and there is no such session.
        let mut owners = self.owners.lock().unwrap_or_else(PoisonError::into_inner);
        owners.insert(session.clone(), grant.principal.clone());
        Ok(())
    }
}

async fn answer(turn: Turn) -> Result<(), Failure> {
    let prompt: String = turn.prompt().deserialize()?;
    turn.emit(&format!("{} said {prompt}", turn.client())).await?;
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let tokens = HashMap::from([("anns", "ann"), ("bobs", "bob")]);
    let users = Users { tokens, owners: Mutex::default() };
    let listener = TcpListener::bind("127.0.0.1:7878").await?;
    println!("http://{}", listener.local_addr()?);
    let hub = Hub::builder().build(answer).await?;
    let app = endpoints(hub).authorize(users).router();
    axum::serve(listener, app).await?;
    Ok(())
}
