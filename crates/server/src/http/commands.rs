//! Plain requests: one command each.

use axum::Json;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::value::RawValue;

use super::context::{RequestContext, parse, parse_object};
use super::endpoints::Endpoints;
use super::problem::Problem;
use crate::hub::{Accepted, Author, Body, CommandError, Hub, Outcome, Role};
use crate::store::PageToken;
use outlive::CloseCode;
use outlive::ids::{ConnectionId, PromptNumber};
use outlive::wire::Refusable;
use outlive::wire::http::{
    AnswerRequest, Ignored, InterruptRequest, PromptAccepted, PromptRequest, SessionList,
    SessionName, SessionRecord, StopRequest, SuspendRequest, Taken,
};

/// The largest size of what stands around the body of a prompt, in bytes.
const ENVELOPE_BYTES: usize = 1_024;

type Answered = Result<Response, Problem>;

fn json(status: StatusCode, value: impl Serialize) -> Response {
    (status, Json(value)).into_response()
}

/// `POST /sessions`: creates a session.
///
/// # Errors
/// The [`Problem`] as JSON.
pub async fn create(State(endpoints): State<Endpoints>, request: Request) -> Answered {
    let context = RequestContext::of(&endpoints, request).await?;
    let grant = context.grant(&endpoints, Role::Prompt).await?;
    let made = endpoints.hub.create_for(&grant.principal).await;
    let session = made.map_err(|why| Problem::of(&endpoints.hub, Refusable::Prompt, &why))?;
    if let Err(denied) = context.created(&endpoints, &grant, &session).await {
        // It would have no owner.
        if let Err(why) = endpoints.hub.forget(&session).await {
            tracing::error!(%session, %why, "a session without an owner could not be forgotten");
        }
        return Err(denied.into());
    }
    Ok(json(StatusCode::CREATED, SessionName { session: session.to_string() }))
}

/// `GET /sessions`: the sessions that the principal has created, the newest first. `?limit=` is the size of the page, up to
/// 1 000 (100 without it), and `?cursor=` the `next` of the page before.
///
/// # Errors
/// The [`Problem`] as JSON.
pub async fn list(State(endpoints): State<Endpoints>, request: Request) -> Answered {
    let context = RequestContext::of(&endpoints, request).await?;
    let grant = context.grant(&endpoints, Role::View).await?;
    let limit = context.query("limit").map_or(Some(LIST), |limit| limit.parse().ok());
    let limit = limit.filter(|limit| (1..=LIST_AT_MOST).contains(limit)).ok_or_else(|| {
        Problem::malformed("so many sessions cannot be listed").at("parameter limit", "1 to 1000")
    })?;
    let from = context.query("cursor").map(|cursor| PageToken(cursor.to_owned()));
    let page = endpoints.hub.sessions_of(&grant.principal, from.as_ref(), limit).await;
    let page = page.map_err(|why| {
        let problem = Problem::of(&endpoints.hub, Refusable::Prompt, &why);
        if matches!(why, CommandError::Invalid(_)) {
            return problem.at("parameter cursor", "the `next` of the page before, or nothing");
        }
        problem
    })?;
    let sessions = page.sessions.iter().map(|session| SessionName { session: session.to_string() });
    let next = page.next.map(|PageToken(next)| next);
    Ok(json(StatusCode::OK, SessionList { next, sessions: sessions.collect() }))
}

/// Sessions of a page.
const LIST: usize = 100;

/// Sessions of the largest page.
const LIST_AT_MOST: usize = 1_000;

/// `DELETE /sessions/{id}`: [ends](crate::hub::SessionHandle::delete) a session, lets its worker close out, and forgets it and its log.
/// Answered with 204 when it is gone.
///
/// # Errors
/// The [`Problem`] as JSON.
pub async fn delete(State(endpoints): State<Endpoints>, request: Request) -> Answered {
    let context = RequestContext::of(&endpoints, request).await?;
    let grant = context.grant(&endpoints, Role::Admin).await?;
    let session = context.session()?;
    let gone = endpoints.hub.session(&session).by(&grant.principal).delete().await;
    gone.map_err(|why| Problem::of(&endpoints.hub, Refusable::Prompt, &why))?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// `GET /sessions/{id}`: the session's record.
///
/// # Errors
/// The [`Problem`] as JSON.
pub async fn snapshot(State(endpoints): State<Endpoints>, request: Request) -> Answered {
    let context = RequestContext::of(&endpoints, request).await?;
    context.grant(&endpoints, Role::View).await?;
    let session = context.session()?;
    let record = endpoints.hub.snapshot(&session).await;
    let record = record.map_err(|why| Problem::of(&endpoints.hub, Refusable::Prompt, &why))?;
    let said = SessionRecord {
        asks: record.asks,
        base: record.log.base,
        head: record.log.head,
        incarnation: record.incarnation,
        log: record.log.id,
        queue: record.queue,
        session: session.to_string(),
        state: record.state,
        turn: record.turn,
    };
    Ok(json(StatusCode::OK, said))
}

/// Whether this server accepts sessions: 200, or 503 while it drains, or its store
/// [does not answer](crate::hub::Hub::is_ready). For a load balancer; the [`router`](Endpoints::router) has no route to it.
pub async fn ready(State(endpoints): State<Endpoints>) -> Response {
    let ready = endpoints.hub.is_ready().await;
    if endpoints.hub.is_draining() {
        return Problem::draining(endpoints.hub.come_back_ms()).into_response();
    }
    if !ready {
        let message = "the store does not answer, or another process owns it";
        return Problem::unavailable(message, CloseCode::Error).into_response();
    }
    json(
        StatusCode::OK,
        serde_json::json!({ "ready": true, "sessions": endpoints.hub.loaded_sessions() }),
    )
}

const PROMPT: &str = r#"{"client":"laptop","n":1,"d":…}, or a header `Idempotency-Key: laptop.1`"#;

/// `POST /sessions/{id}/prompts`: a prompt.
///
/// # Errors
/// The [`Problem`] as JSON.
pub async fn prompt(State(endpoints): State<Endpoints>, request: Request) -> Answered {
    let mut context = RequestContext::of(&endpoints, request).await?;
    let grant = context.grant(&endpoints, Role::Prompt).await?;
    let session = context.session()?;
    let most = endpoints.hub.options().body_bytes;
    let body = context.body(&endpoints, &grant, most.saturating_add(ENVELOPE_BYTES)).await?;
    let PromptRequest { client, n, d } = match context.parts.headers.get("idempotency-key") {
        None => parse_object(&body, PROMPT)?,
        Some(key) => {
            let (client, n) = key.to_str().ok().and_then(read_key).ok_or_else(|| {
                Problem::malformed(format!("{key:?} is no key"))
                    .at("header Idempotency-Key", "<client>.<n>, as in laptop.1")
            })?;
            PromptRequest { client, n, d: parse(&body, "any JSON")? }
        }
    };
    let d = one_line(&d, most)?;
    let author = Author { principal: &grant.principal, client: &client };
    let accepted = endpoints.hub.session(&session).prompt(author, n, &d).await;
    let Accepted { n, seq, again } =
        accepted.map_err(|why| Problem::of(&endpoints.hub, Refusable::Prompt, &why).prompt(n))?;
    let status = if again { StatusCode::OK } else { StatusCode::ACCEPTED };
    Ok(json(status, PromptAccepted { again, n, seq }))
}

/// Reads `<client>.<n>`, in quotes or not.
fn read_key(key: &str) -> Option<(String, PromptNumber)> {
    let key = key.trim();
    let bare = key.strip_prefix('"').and_then(|key| key.strip_suffix('"')).unwrap_or(key);
    let (client, n) = bare.rsplit_once('.')?;
    Some((client.to_string(), n.parse().ok()?))
}

/// A body as a link passes it on: on one line.
fn one_line(d: &RawValue, most: usize) -> Result<Box<RawValue>, Problem> {
    if d.get().len() > most {
        return Err(Problem::too_big(most));
    }
    Ok(RawValue::from_string(Body::raw(d).as_str().to_owned()).unwrap_or_else(|_| d.to_owned()))
}

/// `POST /sessions/{id}/interrupt`: interrupts a turn, or takes a waiting prompt back.
///
/// # Errors
/// The [`Problem`] as JSON.
pub async fn interrupt(State(endpoints): State<Endpoints>, request: Request) -> Answered {
    let mut context = RequestContext::of(&endpoints, request).await?;
    let grant = context.grant(&endpoints, Role::Prompt).await?;
    let session = context.session()?;
    let body = context.body(&endpoints, &grant, ENVELOPE_BYTES).await?;
    let InterruptRequest { turn } = parse_object(&body, r#"{"turn":5}"#)?;
    let session = endpoints.hub.session(&session).by(&grant.principal);
    finish(&endpoints.hub, session.interrupt(turn).await)
}

/// `POST /sessions/{id}/stop`: ends a session.
///
/// # Errors
/// The [`Problem`] as JSON.
pub async fn stop(State(endpoints): State<Endpoints>, request: Request) -> Answered {
    let mut context = RequestContext::of(&endpoints, request).await?;
    let grant = context.grant(&endpoints, Role::Admin).await?;
    let session = context.session()?;
    let body = context.body(&endpoints, &grant, ENVELOPE_BYTES).await?;
    let StopRequest { incarnation } = match body.trim_ascii() {
        [] => StopRequest::default(),
        body => parse_object(body, r#"{"incarnation":1}, or nothing"#)?,
    };
    let session = endpoints.hub.session(&session).by(&grant.principal);
    finish(&endpoints.hub, session.stop(incarnation).await)
}

/// `POST /sessions/{id}/suspend`: a viewer goes to the background. Its connection may be lost already.
///
/// # Errors
/// The [`Problem`] as JSON.
pub async fn suspend(State(endpoints): State<Endpoints>, request: Request) -> Answered {
    let mut context = RequestContext::of(&endpoints, request).await?;
    let grant = context.grant(&endpoints, Role::View).await?;
    let session = context.session()?;
    let body = context.body(&endpoints, &grant, ENVELOPE_BYTES).await?;
    let form = r#"{"client":"laptop","connection":"1f","seen":5}"#;
    let SuspendRequest { client, connection, seen } = parse_object(&body, form)?;
    let connection = u64::from_str_radix(&connection, 16)
        .map_err(|why| Problem::malformed(why.to_string()).at("connection", "as in the welcome"))?;
    let connection = ConnectionId(connection);
    let author = Author { principal: &grant.principal, client: &client };
    let told = endpoints.hub.session(&session).suspend(author, connection, seen);
    finish(&endpoints.hub, told.map(|()| Outcome::Taken))
}

/// `POST /sessions/{id}/asks/{seq}`: an answer to an ask.
///
/// # Errors
/// The [`Problem`] as JSON.
pub async fn answer(State(endpoints): State<Endpoints>, request: Request) -> Answered {
    let mut context = RequestContext::of(&endpoints, request).await?;
    let grant = context.grant(&endpoints, Role::Prompt).await?;
    let (session, ask) = (context.session()?, context.ask()?);
    let most = endpoints.hub.options().body_bytes;
    let body = context.body(&endpoints, &grant, most.saturating_add(ENVELOPE_BYTES)).await?;
    let AnswerRequest { client, d } = parse_object(&body, r#"{"client":"laptop","d":…}"#)?;
    let d = one_line(&d, most)?;
    let author = Author { principal: &grant.principal, client: &client };
    let answered = endpoints.hub.session(&session).answer(author, ask, &d).await;
    answered.map_err(|why| Problem::of(&endpoints.hub, Refusable::Answer, &why).ask(ask))?;
    Ok(taken(Outcome::Taken))
}

fn finish(hub: &Hub, outcome: Result<Outcome, CommandError>) -> Answered {
    outcome.map(taken).map_err(|why| Problem::of(hub, Refusable::Prompt, &why))
}

/// The effect of a command is in the log; a command that came too late has none.
fn taken(outcome: Outcome) -> Response {
    match outcome {
        Outcome::Ignored(reason) => json(StatusCode::OK, Ignored::new(reason)),
        Outcome::Taken => json(StatusCode::ACCEPTED, Taken {}),
    }
}
