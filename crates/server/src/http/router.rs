//! The routes.

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};

use super::commands::{answer, create, delete, interrupt, list, prompt, snapshot, stop, suspend};
use super::endpoints::Endpoints;
use super::events::events;
use super::problem::method;
use super::relay::relay;
use super::upgrade::socket;

impl Endpoints {
    /// All routes of [the module](super), to be merged or nested. Serve the router with [`serve`](super::serve()): it bounds the
    /// time of a request's head and of a drain, which no route can.
    pub fn router<S: Clone + Send + Sync + 'static>(self) -> Router<S> {
        let sessions = Router::new()
            .route("/sessions/{id}", get(snapshot).delete(delete))
            .route("/sessions/{id}/ws", get(socket))
            .route("/sessions/{id}/events", get(events))
            .route("/sessions/{id}/prompts", post(prompt))
            .route("/sessions/{id}/interrupt", post(interrupt))
            .route("/sessions/{id}/stop", post(stop))
            .route("/sessions/{id}/suspend", post(suspend))
            .route("/sessions/{id}/asks/{seq}", post(answer));
        let sessions = match self.relay {
            Some(_) => sessions.route_layer(from_fn_with_state(self.clone(), relay)),
            None => sessions,
        };
        sessions
            .route("/sessions", get(list).post(create))
            .method_not_allowed_fallback(method)
            .with_state(self)
    }
}
