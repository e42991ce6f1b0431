//! A request, taken apart: origin, path, who asks, body.

use std::future::Future;

use axum::body::Body;
use axum::extract::{FromRequestParts as _, RawPathParams, Request};
use axum::http::request::Parts;
use futures_util::StreamExt as _;
use serde::de::DeserializeOwned;

use super::Endpoints;
use super::authorize::{Ask, Denied, Grant};
use super::problem::Problem;
use crate::hub::Role;
use crate::store::SessionId;
use outlive::ids::Seq;

/// A request whose page may make it.
#[derive(Debug)]
pub(super) struct Inquiry {
    pub(super) parts: Parts,
    body: Body,
    session: Option<SessionId>,
    ask: Option<Seq>,
}

impl Inquiry {
    pub(super) async fn of(endpoints: &Endpoints, request: Request) -> Result<Inquiry, Problem> {
        let (mut parts, body) = request.into_parts();
        let admitted = endpoints.origins.admit(&parts.headers);
        admitted.map_err(|origin| Problem::origin(&origin))?;
        let (mut session, mut ask) = (None, None);
        // A path without parameters has none of these either.
        if let Ok(params) = RawPathParams::from_request_parts(&mut parts, &()).await {
            for (key, value) in &params {
                match key {
                    "id" => session = value.parse().ok(),
                    "seq" => ask = value.parse().ok().map(Seq),
                    _ => {}
                }
            }
        }
        Ok(Inquiry { parts, body, session, ask })
    }

    /// The session of the path. A name that is none is one that nobody has.
    pub(super) fn session(&self) -> Result<SessionId, Problem> {
        self.session.clone().ok_or_else(Problem::not_found)
    }

    /// The ask of the path.
    pub(super) fn ask(&self) -> Result<Seq, Problem> {
        let problem = || Problem::malformed("the path names no ask");
        self.ask
            .ok_or_else(|| problem().at("the path", "/sessions/{id}/asks/{seq}, a whole number"))
    }

    /// Who asks, if it may.
    pub(super) fn grant<'a>(
        &'a self,
        endpoints: &'a Endpoints,
        role: Role,
    ) -> impl Future<Output = Result<Grant, Problem>> + Send + 'a {
        // Without the body, which cannot be shared between threads.
        let ask = Ask { parts: &self.parts, session: self.session.as_ref(), token: None };
        async move {
            let grant = endpoints.authorizer.decide(&ask).await?;
            if grant.role < role {
                return Err(Problem::forbidden(match role {
                    Role::View => "view",
                    Role::Prompt => "prompt",
                    Role::Admin => "admin",
                }));
            }
            Ok(grant)
        }
    }

    /// The body, if it is not larger than `most`.
    pub(super) async fn body(&mut self, most: usize) -> Result<Vec<u8>, Problem> {
        let mut stream = core::mem::take(&mut self.body).into_data_stream();
        let mut body = Vec::new();
        while let Some(piece) = stream.next().await {
            let piece = piece.map_err(|why| Problem::malformed(std::format!("no body: {why}")))?;
            if body.len() + piece.len() > most {
                return Err(Problem::too_big(most));
            }
            body.extend_from_slice(&piece);
        }
        Ok(body)
    }

    /// A parameter of the query. Percent signs are taken apart; what is no text then is left as it came.
    pub(super) fn query(&self, name: &str) -> Option<String> {
        let mut pairs = self.parts.uri.query().unwrap_or_default().split('&');
        pairs.find_map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (key == name).then(|| unescaped(value))
        })
    }
}

/// A browser can read the status of no upgrade that is refused: it is let in, and told with a close code.
pub(super) fn is_browser(parts: &Parts) -> bool {
    parts.headers.contains_key(axum::http::header::ORIGIN)
}

/// Reads a body of a known form.
pub(super) fn parse<T: DeserializeOwned>(body: &[u8], form: &'static str) -> Result<T, Problem> {
    serde_json::from_slice(body)
        .map_err(|why| Problem::malformed(std::format!("{why}")).at("the body", form))
}

/// What a request is told that nobody has authorised, on a transport that has begun.
pub(super) fn close_code(denied: Denied) -> outlive::CloseCode {
    match denied {
        Denied::Missing | Denied::Unauthenticated => outlive::CloseCode::Unauthenticated,
        Denied::Forbidden => outlive::CloseCode::NotFound,
        Denied::Unavailable => outlive::CloseCode::Overloaded,
        Denied::TooOften { .. } => outlive::CloseCode::RateLimited,
    }
}

fn unescaped(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let hex = |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16));
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                let mut ahead = rest.clone();
                if let (Some(high), Some(low)) = (hex(ahead.next()), hex(ahead.next())) {
                    bytes.push(u8::try_from(high << 4 | low).unwrap_or(b'%'));
                    rest = ahead;
                } else {
                    bytes.push(byte);
                }
            }
            _ => bytes.push(byte),
        }
    }
    String::from_utf8(bytes).unwrap_or_else(|_| text.into())
}
