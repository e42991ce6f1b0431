//! A request, taken apart: origin, path, query, principal, body.

use std::future::Future;

use axum::body::Body;
use axum::extract::{FromRequestParts as _, Query, RawPathParams, Request};
use axum::http::request::Parts;
use futures_util::StreamExt as _;
use serde::de::DeserializeOwned;

use super::authorize::{AuthError, AuthRequest, Grant};
use super::endpoints::Endpoints;
use super::origins::ForeignPage;
use super::problem::Problem;
use super::throttle::Arrival;
use crate::hub::Role;
use crate::store::SessionId;
use outlive::ids::Seq;

/// A request, taken apart.
#[derive(Debug)]
pub(super) struct RequestContext {
    pub(super) parts: Parts,
    body: Body,
    session: Option<SessionId>,
    ask: Option<Seq>,
    query: Vec<(String, String)>,
}

impl RequestContext {
    pub(super) async fn of(
        endpoints: &Endpoints,
        request: Request,
    ) -> Result<RequestContext, Problem> {
        let context = RequestContext::unchecked(request).await;
        context.admit(endpoints).map_err(|page| Problem::foreign(&page))?;
        Ok(context)
    }

    /// Whether the page that made the request may connect.
    pub(super) fn admit(&self, endpoints: &Endpoints) -> Result<(), ForeignPage> {
        endpoints.admit(&self.parts)
    }

    /// Takes a request apart, whoever made it: [`admit`](RequestContext::admit) comes next.
    pub(super) async fn unchecked(request: Request) -> RequestContext {
        let (mut parts, body) = request.into_parts();
        let (mut session, mut ask) = (None, None);
        // It fails for a path without parameters, which has neither.
        if let Ok(params) = RawPathParams::from_request_parts(&mut parts, &()).await {
            for (key, value) in &params {
                match key {
                    "id" => session = value.parse().ok(),
                    "seq" => ask = value.parse().ok().map(Seq),
                    _ => {}
                }
            }
        }
        let query = Query::try_from_uri(&parts.uri).map_or_else(|_| Vec::new(), |Query(all)| all);
        RequestContext { parts, body, session, ask, query }
    }

    /// The session of the path. A malformed name is the name of no session.
    pub(super) fn session(&self) -> Result<SessionId, Problem> {
        self.session.clone().ok_or_else(Problem::not_found)
    }

    /// The ask of the path.
    pub(super) fn ask(&self) -> Result<Seq, Problem> {
        self.ask.ok_or_else(|| {
            Problem::malformed("the path names no ask")
                .at("the path", "/sessions/{id}/asks/{seq}, a whole number")
        })
    }

    /// What is authorised of it.
    fn auth_request(&self) -> AuthRequest<'_> {
        AuthRequest { parts: &self.parts, session: self.session.as_ref(), token: None }
    }

    /// Authorises the request, which begins a stream.
    pub(super) fn arrive<'a>(
        &'a self,
        endpoints: &'a Endpoints,
    ) -> impl Future<Output = Result<(Grant, Arrival), Problem>> + Send + 'a {
        let request = self.auth_request();
        async move {
            let (grant, arrival) = endpoints.arrive(&request).await?;
            Ok((grant, arrival?))
        }
    }

    /// Authorises the request, which takes at least `role`.
    pub(super) fn grant<'a>(
        &'a self,
        endpoints: &'a Endpoints,
        role: Role,
    ) -> impl Future<Output = Result<Grant, Problem>> + Send + 'a {
        // Without the body, which cannot be shared between threads.
        let request = self.auth_request();
        async move { endpoints.grant(&request, role).await }
    }

    /// Tells the authoriser of a session that the request has created.
    pub(super) fn created<'a>(
        &'a self,
        endpoints: &'a Endpoints,
        grant: &'a Grant,
        session: &'a SessionId,
    ) -> impl Future<Output = Result<(), AuthError>> + Send + 'a {
        let request = self.auth_request();
        async move { endpoints.authorizer.created(&request, grant, session).await }
    }

    /// Reads the body, up to `most` bytes and for as long as the limits say.
    pub(super) async fn body(
        &mut self,
        endpoints: &Endpoints,
        grant: &Grant,
        most: usize,
    ) -> Result<Vec<u8>, Problem> {
        let mut permit = endpoints.bodies.begin(&grant.principal)?;
        let mut stream = core::mem::take(&mut self.body).into_data_stream();
        let read = async {
            let mut body = Vec::new();
            while let Some(piece) = stream.next().await {
                let piece = piece.map_err(|why| Problem::malformed(format!("no body: {why}")))?;
                if body.len() + piece.len() > most {
                    return Err(Problem::too_big(most));
                }
                permit.grow(piece.len())?;
                body.extend_from_slice(&piece);
            }
            Ok(body)
        };
        let timeout = tokio::time::timeout(endpoints.limits.body_timeout, read);
        timeout.await.unwrap_or_else(|_| Err(Problem::too_slow()))
    }

    /// A parameter of the query.
    pub(super) fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// Whether a page made the request. A browser hides the status of a refused upgrade from the page, so such a
/// request is upgraded, and closed with a code.
pub(super) fn is_browser(parts: &Parts) -> bool {
    parts.headers.contains_key(axum::http::header::ORIGIN)
}

/// Deserializes a body; `form` shows what would have been right.
pub(super) fn parse<T: DeserializeOwned>(body: &[u8], form: &'static str) -> Result<T, Problem> {
    serde_json::from_slice(body)
        .map_err(|why| Problem::malformed(why.to_string()).at("the body", form))
}

/// As [`parse`], for a body that is an object: what is derived for a struct takes a list too, and names a type of ours
/// where it is given a text.
pub(super) fn parse_object<T: DeserializeOwned>(
    body: &[u8],
    form: &'static str,
) -> Result<T, Problem> {
    let other = match body.trim_ascii_start().first() {
        Some(b'[') => "a list, and not an object",
        Some(b'"') => "a text, and not an object",
        Some(_) | None => return parse(body, form),
    };
    Err(Problem::malformed(other).at("the body", form))
}
