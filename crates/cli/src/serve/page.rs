//! The routes of `serve`: the endpoints, the page, the steps, the numbers.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, HOST};
use axum::http::request::Parts;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures_util::{StreamExt as _, stream};
use outlive::docs::{SESSION_SVG, javascript};
use outlive_server::http::Endpoints;
use outlive_server::hub::Role;
use outlive_server::store::SessionId;
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;

use super::numbers;
use super::watch::Watch;

const SCRIPT: &str = "text/javascript; charset=utf-8";

/// What is served as it is: a path, a type, a text.
const FILES: &[(&str, &str, &str)] = &[
    ("/", "text/html; charset=utf-8", include_str!("page.html")),
    ("/page.js", SCRIPT, include_str!("page.js")),
    ("/client/outlive.js", SCRIPT, javascript::OUTLIVE),
    ("/client/frames.js", SCRIPT, javascript::FRAMES),
    ("/client/machine.js", SCRIPT, javascript::MACHINE),
    ("/client/options.js", SCRIPT, javascript::OPTIONS),
    ("/client/seat.js", SCRIPT, javascript::SEAT),
    ("/client/table.js", SCRIPT, javascript::TABLE),
    ("/session.svg", "image/svg+xml", SESSION_SVG),
];

/// What the page's own routes need.
#[derive(Clone)]
struct Own {
    watch: Arc<Watch>,
    endpoints: Endpoints,
    stop: CancellationToken,
}

pub(super) fn app(
    endpoints: Endpoints,
    watch: &Arc<Watch>,
    open: bool,
    at: SocketAddr,
    stop: &CancellationToken,
) -> Router {
    let ready = get(outlive_server::http::ready).with_state(endpoints.clone());
    let local = open.then_some(at.port());
    let own = Own { watch: Arc::clone(watch), endpoints: endpoints.clone(), stop: stop.clone() };
    let relay = middleware::from_fn_with_state(endpoints.clone(), outlive_server::http::relay);
    let debug = Router::new()
        .route("/debug/sessions/{id}/steps", get(steps))
        .route_layer(relay)
        .route("/metrics", get(metrics))
        .with_state(own);
    let alive = get(async || "alive\n");
    let mut app = endpoints.router().merge(debug).route("/healthz", alive).route("/readyz", ready);
    for (path, kind, text) in FILES {
        let headers = [(CONTENT_TYPE, *kind), (CACHE_CONTROL, "no-cache")];
        app = app.route(path, get(move || async move { (headers, *text) }));
    }
    match local {
        None => app,
        Some(port) => {
            app.layer(middleware::from_fn(move |request, next| host(port, request, next)))
        }
    }
}

/// Without a token every client that reaches this server may do everything. A page of another site reaches it too if
/// its name is made to lead here; but then that name is what the browser asks for.
async fn host(port: u16, request: Request, next: Next) -> Response {
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let name = host.strip_suffix(&format!(":{port}")).unwrap_or(host);
    let local = name == "localhost"
        || name.trim_matches(['[', ']']).parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback());
    if local {
        return next.run(request).await;
    }
    let text =
        "this server is for 127.0.0.1 and localhost only; with --token it has other names too\n";
    (StatusCode::MISDIRECTED_REQUEST, text).into_response()
}

async fn metrics(State(own): State<Own>, parts: Parts) -> Response {
    if let Err(problem) = own.endpoints.authorize(&parts, None, Role::Admin).await {
        return problem.into_response();
    }
    ([(CONTENT_TYPE, numbers::CONTENT_TYPE)], own.watch.numbers()).into_response()
}

/// What happens to a session, as events: the state that it is in, then a step each.
async fn steps(State(own): State<Own>, Path(id): Path<String>, parts: Parts) -> Response {
    let Ok(session) = id.parse::<SessionId>() else { return StatusCode::NOT_FOUND.into_response() };
    if let Err(problem) = own.endpoints.authorize(&parts, Some(&session), Role::View).await {
        return problem.into_response();
    }
    let (steps, stop) = (own.watch.steps(), own.stop);
    // Asked for only after the steps are heard: nothing is missed between them.
    let state = own.watch.state(&session);
    let state = state.map(|state| format!("event: state\ndata: \"{}\"\n\n", state.into_str()));
    let first = stream::iter(state.map(Ok::<_, Infallible>));
    let texts = stream::unfold((steps, stop, session), |(mut steps, stop, session)| async move {
        loop {
            let seen = tokio::select! {
                seen = steps.recv() => seen,
                () = stop.cancelled() => return None,
            };
            let text = match seen {
                Ok(seen) if seen.session == session => {
                    format!("event: step\ndata: {}\n\n", seen.json)
                }
                Ok(_) => continue,
                Err(RecvError::Lagged(lost)) => format!("event: lost\ndata: {lost}\n\n"),
                Err(RecvError::Closed) => return None,
            };
            return Some((Ok(text), (steps, stop, session)));
        }
    });
    let headers = [(CONTENT_TYPE, "text/event-stream"), (CACHE_CONTROL, "no-store, no-transform")];
    (headers, Body::from_stream(first.chain(texts))).into_response()
}
