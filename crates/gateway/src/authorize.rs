//! A backend that says who may do what.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Limited};
use hyper::header::{AUTHORIZATION, COOKIE, HeaderName, HeaderValue, RETRY_AFTER};
use hyper::{HeaderMap, Response, StatusCode};
use outlive_server::http::{AuthError, AuthRequest, Authorize, Grant};
use outlive_server::hub::{Hub, Role};
use outlive_server::store::SessionId;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tokio::time::{Instant, timeout};

use super::backend_url::BackendUrl;
use super::client::{Target, root};
use super::gateway::GatewayError;

/// Asks a backend who may do what: one `POST` for each connection and each request. The backend is shown the headers
/// `Authorization` and `Cookie`, and is told the session; a token of an attach frame is shown as a bearer token. A request
/// that shows nothing is refused without a question. `docs/gateway.md` in the repository describes what is asked, and what
/// may be answered.
///
/// An answer may say for how long it counts. Meanwhile it is kept, up to 10 000 of them, for the same headers and the same session. A
/// backend that cannot be reached, takes too long or answers anything else refuses *for now*: 503, or a close with 1013.
///
/// ```
/// use outlive_gateway::BackendAuthorize;
/// use outlive_server::http::endpoints;
/// use outlive_server::hub::Hub;
///
/// # fn endpoints_of(hub: Hub) -> Result<(), Box<dyn std::error::Error>> {
/// let authorize = BackendAuthorize::new("http://127.0.0.1:8000/may".parse()?)?.hub(hub.clone());
/// let endpoints = endpoints(hub).authorize(authorize); // and `.router()`, as ever
/// # drop(endpoints);
/// # Ok(())
/// # }
/// ```
pub struct BackendAuthorize {
    target: Target,
    hub: Option<Hub>,
    headers: Vec<HeaderName>,
    timeout: Duration,
    answers: Mutex<Answers>,
    /// The last question had no answer.
    is_away: AtomicBool,
}

/// Answers that are kept.
const ANSWERS: usize = 10_000;

/// The largest answer, in bytes.
const ANSWER_BYTES: usize = 64 << 10;

/// What an answer was about: a session, and what was shown. Only its digest is kept.
type Question = [u8; 32];

#[derive(Default)]
struct Answers {
    kept: HashMap<Question, (Grant, Instant)>,
    /// An answer that was asked for before is not kept.
    revocations: u64,
}

#[derive(Serialize)]
struct Asked<'a> {
    session: Option<&'a SessionId>,
    created_by: Option<&'a str>,
}

#[derive(Deserialize)]
struct Answer {
    principal: String,
    #[serde(default = "all")]
    role: Role,
    expires_in: Option<f64>,
    cache_seconds: Option<f64>,
}

fn all() -> Role {
    Role::Admin
}

impl BackendAuthorize {
    /// Asks at this URL. Nothing is connected yet.
    ///
    /// # Errors
    /// What the URL needs is not there.
    pub fn new(url: BackendUrl) -> Result<BackendAuthorize, GatewayError> {
        Ok(BackendAuthorize {
            target: Target::new(url)?,
            hub: None,
            headers: vec![AUTHORIZATION, COOKIE],
            timeout: Duration::from_secs(5),
            answers: Mutex::default(),
            is_away: AtomicBool::new(false),
        })
    }

    /// Tells the backend who has created the session, as this hub knows it.
    #[must_use]
    pub fn hub(self, hub: Hub) -> BackendAuthorize {
        BackendAuthorize { hub: Some(hub), ..self }
    }

    /// Shows the backend this header too.
    #[must_use]
    pub fn header(mut self, name: HeaderName) -> BackendAuthorize {
        self.headers.push(name);
        self
    }

    /// How long an answer may take. Default: 5 seconds.
    #[must_use]
    pub fn timeout(self, timeout: Duration) -> BackendAuthorize {
        BackendAuthorize { timeout, ..self }
    }

    fn answers(&self) -> MutexGuard<'_, Answers> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the backend is shown.
    fn shown(&self, request: &AuthRequest<'_>) -> Result<HeaderMap, AuthError> {
        let mut shown = HeaderMap::new();
        for name in &self.headers {
            for value in request.parts().headers.get_all(name) {
                shown.append(name, value.clone());
            }
        }
        if let Some(token) = request.token() {
            let bearer = HeaderValue::try_from(format!("Bearer {token}"));
            shown.insert(AUTHORIZATION, bearer.map_err(|_| AuthError::InvalidCredentials)?);
        }
        if shown.is_empty() { Err(AuthError::MissingCredentials) } else { Ok(shown) }
    }

    /// Asks. Returns for how long the answer counts, too.
    async fn ask(
        &self,
        shown: HeaderMap,
        session: Option<&SessionId>,
    ) -> Result<(Grant, Duration), AuthError> {
        let created_by = match (&self.hub, session) {
            (Some(hub), Some(session)) => {
                let known = hub.principal(session).await;
                known.map_err(|why| self.unavailable(&why))?
            }
            (None, _) | (_, None) => None,
        };
        let asked = Asked { session, created_by: created_by.as_deref() };
        let json = serde_json::to_vec(&asked).map_err(|why| self.unavailable(&why))?;
        let answer = self.target.ask(shown, json.into()).await;
        let answer = answer.map_err(|why| self.unavailable(&root(&why)))?;
        match answer.status() {
            StatusCode::OK => {}
            StatusCode::UNAUTHORIZED => return Err(AuthError::InvalidCredentials),
            StatusCode::FORBIDDEN | StatusCode::NOT_FOUND => return Err(AuthError::Forbidden),
            StatusCode::TOO_MANY_REQUESTS => {
                return Err(AuthError::RateLimited { retry_after: retry_after(&answer) });
            }
            other => return Err(self.unavailable(&format_args!("it answers {other}"))),
        }
        let body = Limited::new(answer.into_body(), ANSWER_BYTES).collect().await;
        let body = body.map_err(|why| self.unavailable(&root(&*why)))?.to_bytes();
        self.read(&body)
    }

    fn read(&self, body: &Bytes) -> Result<(Grant, Duration), AuthError> {
        let answer: Answer = serde_json::from_slice(body).map_err(|why| self.unavailable(&why))?;
        let Answer { principal, role, expires_in, cache_seconds } = answer;
        if principal.is_empty() {
            return Err(self.unavailable(&"it names no principal"));
        }
        let seconds = |seconds: Option<f64>| {
            let time = seconds.map(Duration::try_from_secs_f64).transpose();
            time.map_err(|why| self.unavailable(&why))
        };
        let (left, kept) = (seconds(expires_in)?, seconds(cache_seconds)?.unwrap_or_default());
        let grant = Grant::new(principal, role);
        let until = left.and_then(|left| Instant::now().checked_add(left));
        let grant = until.map_or(grant.clone(), |until| grant.until(until));
        Ok((grant, left.map_or(kept, |left| kept.min(left))))
    }

    /// What is wrong is for the log, and not for the client: once until the backend answers again, since each client that
    /// comes back asks anew.
    fn unavailable(&self, why: &dyn fmt::Display) -> AuthError {
        let url = &self.target.url;
        if self.is_away.swap(true, Ordering::Relaxed) {
            tracing::debug!(%url, %why, "it is not known who may do what");
        } else {
            tracing::warn!(%url, %why, "it is not known who may do what");
        }
        AuthError::Unavailable
    }

    fn answered(&self) {
        if self.is_away.swap(false, Ordering::Relaxed) {
            tracing::info!(url = %self.target.url, "it is known again who may do what");
        }
    }
}

/// How long a backend that is asked too often wants to be left alone.
fn retry_after<B>(answer: &Response<B>) -> Duration {
    let seconds =
        answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    Duration::from_secs(seconds.unwrap_or(1))
}

fn question(session: Option<&SessionId>, shown: &HeaderMap) -> Question {
    let mut digest = Sha256::new();
    let mut part = |bytes: &[u8]| {
        digest.update(bytes.len().to_be_bytes());
        digest.update(bytes);
    };
    part(session.map_or("", SessionId::as_str).as_bytes());
    for (name, value) in shown {
        part(name.as_str().as_bytes());
        part(value.as_bytes());
    }
    digest.finalize().into()
}

impl Answers {
    fn keep(&mut self, question: Question, grant: Grant, time: Duration) {
        let now = Instant::now();
        let Some(until) = now.checked_add(time).filter(|until| *until > now) else { return };
        if self.kept.len() >= ANSWERS {
            self.kept.retain(|_, (_, until)| *until > now);
        }
        if self.kept.len() >= ANSWERS {
            // Each is asked for again.
            self.kept.clear();
        }
        self.kept.insert(question, (grant, until));
    }
}

impl Authorize for BackendAuthorize {
    async fn authorize(&self, request: &AuthRequest<'_>) -> Result<Grant, AuthError> {
        let shown = self.shown(request)?;
        let question = question(request.session(), &shown);
        let revocations = {
            let answers = self.answers();
            match answers.kept.get(&question) {
                Some((grant, until)) if *until > Instant::now() => return Ok(grant.clone()),
                Some(_) | None => answers.revocations,
            }
        };
        let answer = timeout(self.timeout, self.ask(shown, request.session())).await;
        let (grant, time) = answer.map_err(|_| self.unavailable(&"it takes too long"))??;
        self.answered();
        let mut answers = self.answers();
        if answers.revocations == revocations {
            answers.keep(question, grant.clone(), time);
        }
        Ok(grant)
    }

    fn revoked(&self, principal: &str) {
        let mut answers = self.answers();
        answers.revocations += 1;
        answers.kept.retain(|_, (grant, _)| grant.principal != principal);
    }
}

impl fmt::Debug for BackendAuthorize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("BackendAuthorize");
        debug.field("url", &self.target.url).field("timeout", &self.timeout);
        debug.finish_non_exhaustive()
    }
}
