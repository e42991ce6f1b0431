//! Plain requests: one command each.

use std::borrow::ToOwned as _;
use std::string::{String, ToString};

use axum::Json;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use super::Endpoints;
use super::problem::Problem;
use super::request::{Inquiry, parse};
use crate::hub::{Body, Done, NotDone, Role};
use outlive::ids::{ConnectionId, Incarnation, PromptNumber, Seq};
use outlive::wire::Refusable;

/// What stands around the body of a prompt, in bytes, at most.
const AROUND: usize = 1_024;

type Answered = Result<Response, Problem>;

fn say(status: StatusCode, value: serde_json::Value) -> Response {
    (status, Json(value)).into_response()
}

/// `POST /sessions`: makes a session.
///
/// # Errors
/// As JSON.
pub async fn create(State(endpoints): State<Endpoints>, request: Request) -> Answered {
    let inquiry = Inquiry::of(&endpoints, request).await?;
    let grant = inquiry.grant(&endpoints, Role::Prompt).await?;
    let made = endpoints.hub.create().await;
    let session = made.map_err(|why| Problem::of(Refusable::Prompt, &why))?;
    if let Err(denied) = endpoints.authorizer.created(&grant, &session).await {
        // Nobody would own it.
        if let Err(why) = endpoints.hub.forget(&session).await {
            tracing::error!(%session, %why, "a session that nobody owns could not be forgotten");
        }
        return Err(denied.into());
    }
    Ok(say(StatusCode::CREATED, json!({ "session": session })))
}

/// `GET /sessions/{id}`: the session's record.
///
/// # Errors
/// As JSON.
pub async fn look(State(endpoints): State<Endpoints>, request: Request) -> Answered {
    let inquiry = Inquiry::of(&endpoints, request).await?;
    inquiry.grant(&endpoints, Role::View).await?;
    let session = inquiry.session()?;
    let record = endpoints.hub.look(&session).await;
    let record = record.map_err(|why| Problem::of(Refusable::Prompt, &why))?;
    let said = json!({
        "session": session,
        "state": record.state,
        "incarnation": record.incarnation,
        "turn": record.turn,
        "queue": record.queue,
        "asks": record.asks,
        "log": record.log.id,
        "base": record.log.base,
        "head": record.log.head,
    });
    Ok(say(StatusCode::OK, said))
}

/// Whether this server takes sessions: 200, or 503 while it drains. For a load balancer; it is not among
/// the routes of [`router`](Endpoints::router).
pub async fn ready(State(endpoints): State<Endpoints>) -> Response {
    if endpoints.hub.is_draining() {
        return Problem::draining().into_response();
    }
    (StatusCode::OK, Json(json!({ "ready": true, "sessions": endpoints.hub.live() })))
        .into_response()
}

#[derive(Deserialize)]
struct Prompt {
    client: String,
    n: PromptNumber,
    d: Box<RawValue>,
}

const PROMPT: &str = r#"{"client":"laptop","n":1,"d":…}, or a header `Idempotency-Key: laptop.1`"#;

/// `POST /sessions/{id}/prompts`: a prompt.
///
/// # Errors
/// As JSON.
pub async fn prompt(State(endpoints): State<Endpoints>, request: Request) -> Answered {
    let mut inquiry = Inquiry::of(&endpoints, request).await?;
    let grant = inquiry.grant(&endpoints, Role::Prompt).await?;
    let session = inquiry.session()?;
    let most = endpoints.hub.options().body_bytes;
    let body = inquiry.body(most.saturating_add(AROUND)).await?;
    let Prompt { client, n, d } = match inquiry.parts.headers.get("idempotency-key") {
        None => parse(&body, PROMPT)?,
        Some(key) => {
            let (client, n) = key.to_str().ok().and_then(read_key).ok_or_else(|| {
                Problem::malformed(std::format!("{key:?} is no key"))
                    .at("header Idempotency-Key", "<client>.<n>, as in laptop.1")
            })?;
            Prompt { client, n, d: parse(&body, "any JSON")? }
        }
    };
    let d = one_line(&d, most)?;
    let done = endpoints.hub.prompt(&session, &grant.principal, &client, n, &d).await;
    let done = done.map_err(|why| Problem::of(Refusable::Prompt, &why).prompt(n))?;
    let Done::Accepted { n, seq, again } = done else { return Ok(taken(&done)) };
    let status = if again { StatusCode::OK } else { StatusCode::ACCEPTED };
    Ok(say(status, json!({ "n": n, "seq": seq, "again": again })))
}

/// `<client>.<n>`, in quotes or not.
fn read_key(key: &str) -> Option<(String, PromptNumber)> {
    let key = key.trim();
    let bare = key.strip_prefix('"').and_then(|key| key.strip_suffix('"')).unwrap_or(key);
    let (client, n) = bare.rsplit_once('.')?;
    Some((client.to_string(), n.parse().ok()?))
}

/// A body as a link would hand it on: on one line, however it was laid out.
fn one_line(d: &RawValue, most: usize) -> Result<Box<RawValue>, Problem> {
    if d.get().len() > most {
        return Err(Problem::too_big(most));
    }
    Ok(RawValue::from_string(Body::raw(d).as_str().to_owned()).unwrap_or_else(|_| d.to_owned()))
}

/// `POST /sessions/{id}/interrupt`: stops a turn, or takes a waiting prompt back.
///
/// # Errors
/// As JSON.
pub async fn interrupt(State(endpoints): State<Endpoints>, request: Request) -> Answered {
    #[derive(Deserialize)]
    struct Interrupt {
        turn: Seq,
    }
    let mut inquiry = Inquiry::of(&endpoints, request).await?;
    inquiry.grant(&endpoints, Role::Prompt).await?;
    let session = inquiry.session()?;
    let body = inquiry.body(AROUND).await?;
    let Interrupt { turn } = parse(&body, r#"{"turn":5}"#)?;
    finish(endpoints.hub.interrupt(&session, turn).await)
}

/// `POST /sessions/{id}/stop`: ends a session.
///
/// # Errors
/// As JSON.
pub async fn stop(State(endpoints): State<Endpoints>, request: Request) -> Answered {
    #[derive(Default, Deserialize)]
    struct Stop {
        incarnation: Option<Incarnation>,
    }
    let mut inquiry = Inquiry::of(&endpoints, request).await?;
    inquiry.grant(&endpoints, Role::Admin).await?;
    let session = inquiry.session()?;
    let body = inquiry.body(AROUND).await?;
    let Stop { incarnation } = match body.trim_ascii() {
        [] => Stop::default(),
        body => parse(body, r#"{"incarnation":1}, or nothing"#)?,
    };
    finish(endpoints.hub.stop(&session, incarnation).await)
}

/// `POST /sessions/{id}/suspend`: a viewer goes to the background. Its connection may be gone already.
///
/// # Errors
/// As JSON.
pub async fn suspend(State(endpoints): State<Endpoints>, request: Request) -> Answered {
    #[derive(Deserialize)]
    struct Suspend {
        client: String,
        connection: String,
        seen: Seq,
    }
    let mut inquiry = Inquiry::of(&endpoints, request).await?;
    let grant = inquiry.grant(&endpoints, Role::View).await?;
    let session = inquiry.session()?;
    let body = inquiry.body(AROUND).await?;
    let form = r#"{"client":"laptop","connection":"1f","seen":5}"#;
    let Suspend { client, connection, seen } = parse(&body, form)?;
    let connection = u64::from_str_radix(&connection, 16)
        .map_err(|why| Problem::malformed(why.to_string()).at("connection", "as in the welcome"))?;
    let connection = ConnectionId(connection);
    let told = endpoints.hub.suspend(&session, &grant.principal, &client, connection, seen);
    told.map_err(|why| Problem::of(Refusable::Prompt, &why))?;
    Ok(taken(&Done::Taken))
}

/// `POST /sessions/{id}/asks/{seq}`: an answer to an ask.
///
/// # Errors
/// As JSON.
pub async fn answer(State(endpoints): State<Endpoints>, request: Request) -> Answered {
    #[derive(Deserialize)]
    struct Answer {
        client: String,
        d: Box<RawValue>,
    }
    let mut inquiry = Inquiry::of(&endpoints, request).await?;
    let grant = inquiry.grant(&endpoints, Role::Prompt).await?;
    let (session, ask) = (inquiry.session()?, inquiry.ask()?);
    let most = endpoints.hub.options().body_bytes;
    let body = inquiry.body(most.saturating_add(AROUND)).await?;
    let Answer { client, d } = parse(&body, r#"{"client":"laptop","d":…}"#)?;
    let d = one_line(&d, most)?;
    let done = endpoints.hub.answer(&session, &grant.principal, &client, ask, &d).await;
    let done = done.map_err(|why| Problem::of(Refusable::Answer, &why).ask(ask))?;
    Ok(taken(&done))
}

fn finish(done: Result<Done, NotDone>) -> Answered {
    done.map(|done| taken(&done)).map_err(|why| Problem::of(Refusable::Prompt, &why))
}

/// What was taken has its effect in the log; what came too late has none.
fn taken(done: &Done) -> Response {
    match done {
        Done::Ignored(reason) => {
            say(StatusCode::OK, json!({ "ignored": reason, "message": reason.meaning() }))
        }
        Done::Taken | Done::Accepted { .. } => say(StatusCode::ACCEPTED, json!({})),
    }
}
