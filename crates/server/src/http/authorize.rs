//! Which principal may do what.

use std::any::TypeId;
use std::fmt;
use std::future::Future;
use std::time::Duration;

use axum::http::header::{AUTHORIZATION, COOKIE};
use axum::http::request::Parts;
use sha2::{Digest as _, Sha256};
use tokio::time::Instant;

use crate::hub::Role;
use crate::store::{BoxFuture, SessionId};

/// A request that is to be authorised. A session's name is no secret: decide by what the request carries.
#[derive(Clone, Copy, Debug)]
pub struct AuthRequest<'a> {
    pub(super) parts: &'a Parts,
    pub(super) session: Option<&'a SessionId>,
    pub(super) token: Option<&'a str>,
}

impl<'a> AuthRequest<'a> {
    /// The request without its body: its headers, and what middleware put into its extensions.
    pub fn parts(&self) -> &'a Parts {
        self.parts
    }

    /// The session that the request names; `None` when it creates one, or lists those of the principal.
    pub fn session(&self) -> Option<&'a SessionId> {
        self.session
    }

    /// The token of the attach frame, for browsers, which cannot send headers with a WebSocket; without it
    /// the bearer token of the request.
    pub fn token(&self) -> Option<&'a str> {
        self.token.or_else(|| {
            let (scheme, token) =
                self.parts.headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
        })
    }

    /// The value of a cookie.
    pub fn cookie(&self, name: &str) -> Option<&'a str> {
        let cookies = self.parts.headers.get_all(COOKIE).iter();
        let cookies = cookies.filter_map(|header| header.to_str().ok());
        let mut pairs = cookies.flat_map(|header| header.split(';'));
        pairs.find_map(|pair| {
            let (key, value) = pair.trim().split_once('=')?;
            (key == name).then_some(value)
        })
    }
}

/// Who made a request, and what this principal may do in the session.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Grant {
    /// The user, or another unit of ownership. Each principal has client names of its own: the prompt
    /// numbers and connections of another principal's client of the same name cannot be touched.
    pub principal: String,
    /// What the principal may do. Creating a session takes [`Role::Prompt`].
    pub role: Role,
    /// When the grant ends, by tokio's clock; `None`: it lasts as long as the connection. A grant that is over is
    /// refused as [`AuthError::Expired`]. A connection whose grant ends is closed with
    /// [`Reauthenticate`](outlive::CloseCode::Reauthenticate), unless a fresh token has
    /// [kept it](super#grants-that-end).
    pub until: Option<Instant>,
}

impl Grant {
    /// Grants `role` to `principal`, without an end.
    pub fn new(principal: impl Into<String>, role: Role) -> Grant {
        Grant { principal: principal.into(), role, until: None }
    }

    /// Ends the grant at this time.
    #[must_use]
    pub fn until(self, end: Instant) -> Grant {
        Grant { until: Some(end), ..self }
    }
}

/// Why a request is not authorised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AuthError {
    /// The request carries no credentials: 401. A WebSocket may still send a token in its attach frame.
    #[error("the request does not say who you are")]
    MissingCredentials,
    /// The credentials are wrong: 401.
    #[error("you are not known as who you say you are")]
    InvalidCredentials,
    /// The credentials were good, and are not any more: 401, or a close with [`Expired`](outlive::CloseCode::Expired),
    /// after which a client waits for fresh ones.
    #[error("your authorisation has expired")]
    Expired,
    /// The principal may not see this session: 404, as if it did not exist.
    #[error("there is no such session for you")]
    Forbidden,
    /// The credentials cannot be checked at the moment: 503.
    #[error("your credentials cannot be checked at the moment")]
    Unavailable,
    /// The principal makes more requests than it may: 429, or a close with
    /// [`RateLimited`](outlive::CloseCode::RateLimited).
    #[error("you ask more often than you may")]
    RateLimited {
        /// When it may try again; `Retry-After` rounds it up to seconds.
        retry_after: Duration,
    },
}

/// Decides who may do what.
///
/// A function from [`AuthRequest`] is enough, if it need not wait:
///
/// ```
/// use outlive_server::http::{AuthError, AuthRequest, Grant};
/// use outlive_server::hub::Role;
///
/// fn by_proxy(request: &AuthRequest<'_>) -> Result<Grant, AuthError> {
///     let user = request.parts().headers.get("x-user").ok_or(AuthError::MissingCredentials)?;
///     let user = user.to_str().map_err(|_| AuthError::InvalidCredentials)?;
///     Ok(Grant::new(user, Role::Admin))
/// }
/// # fn decides(_: impl outlive_server::http::Authorize) {}
/// # decides(by_proxy);
/// ```
///
/// A closure states the type of its argument, and is not `async`:
///
/// ```
/// # use outlive_server::http::{AuthError, AuthRequest, EndpointsBuilder, Grant};
/// # use outlive_server::hub::Role;
/// # fn of(endpoints: EndpointsBuilder) -> axum::Router {
/// let authorize = |request: &AuthRequest<'_>| match request.token() {
///     Some("let me in") => Ok(Grant::new("friend", Role::Prompt)),
///     Some(_) => Err(AuthError::InvalidCredentials),
///     None => Err(AuthError::MissingCredentials),
/// };
/// endpoints.authorize(authorize).router()
/// # }
/// ```
///
/// A check that must wait, for a database for instance, implements the trait: its methods may be `async fn`.
///
/// The futures of both methods are dropped when the request is cut off: write nothing that must not be
/// half done.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say who may do what",
    note = "a closure is `|request: &AuthRequest<'_>| -> Result<Grant, AuthError>`, with its types, and not `async`",
    note = "what must wait implements `Authorize` for a type of its own, with `async fn authorize`"
)]
pub trait Authorize: Send + Sync + 'static {
    /// Decides about a request, or about an attach, before the session is looked up.
    ///
    /// # Errors
    /// The request is refused with this error.
    fn authorize(
        &self,
        request: &AuthRequest<'_>,
    ) -> impl Future<Output = Result<Grant, AuthError>> + Send;

    /// A session was created for a principal, by this request. The store knows already [whose it
    /// is](crate::hub::Hub::principal); what else is to be recorded of it, or to be limited, is done here. The session's name is sent to the
    /// client only after this returns. If the request is cut off meanwhile, the session ends when its time
    /// for a first prompt is over.
    ///
    /// # Errors
    /// It could not be recorded, or the principal has too many sessions. The session is forgotten, and
    /// the request is refused with this error.
    fn created(
        &self,
        request: &AuthRequest<'_>,
        grant: &Grant,
        session: &SessionId,
    ) -> impl Future<Output = Result<(), AuthError>> + Send {
        _ = (request, grant, session);
        async { Ok(()) }
    }

    /// A principal was [revoked](super::Endpoints::revoke): forget the answers about it that are kept here. The
    /// connections of the principal are closed after this returns.
    fn revoked(&self, principal: &str) {
        _ = principal;
    }
}

impl<F> Authorize for F
where
    F: Fn(&AuthRequest<'_>) -> Result<Grant, AuthError> + Send + Sync + 'static,
{
    fn authorize(
        &self,
        request: &AuthRequest<'_>,
    ) -> impl Future<Output = Result<Grant, AuthError>> + Send {
        std::future::ready(self(request))
    }
}

/// Every request may do everything, and all are one principal. For demonstrations on a loopback address: by other names
/// than `localhost` and IP addresses such a server cannot be reached, unless [`Endpoints::hosts`](super::Endpoints::hosts)
/// admits them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Anyone;

impl Authorize for Anyone {
    async fn authorize(&self, _: &AuthRequest<'_>) -> Result<Grant, AuthError> {
        Ok(Grant::new("anyone", Role::Admin))
    }
}

/// Every request with the token may do everything, and all are one principal.
#[derive(Clone)]
pub struct Bearer {
    sha256: [u8; 32],
}

impl Bearer {
    /// The expected token. Only its digest is kept.
    pub fn new(token: &str) -> Bearer {
        Bearer { sha256: Sha256::digest(token).into() }
    }
}

impl fmt::Debug for Bearer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bearer(…)")
    }
}

impl Authorize for Bearer {
    async fn authorize(&self, request: &AuthRequest<'_>) -> Result<Grant, AuthError> {
        let token = Bearer::new(request.token().ok_or(AuthError::MissingCredentials)?);
        // The time this takes depends on digests, so it tells nothing about the token.
        let pairs = self.sha256.iter().zip(token.sha256);
        if pairs.fold(0, |differs, (a, b)| differs | (a ^ b)) != 0 {
            return Err(AuthError::InvalidCredentials);
        }
        Ok(Grant::new("bearer", Role::Admin))
    }
}

/// [`Authorize`] behind a pointer.
pub(super) trait DynAuthorize: Send + Sync {
    fn authorize<'a>(&'a self, request: &'a AuthRequest<'a>) -> BoxFuture<'a, Grant, AuthError>;
    fn created<'a>(
        &'a self,
        request: &'a AuthRequest<'a>,
        grant: &'a Grant,
        session: &'a SessionId,
    ) -> BoxFuture<'a, (), AuthError>;
    fn revoked(&self, principal: &str);
    /// Whether it is [`Anyone`].
    fn is_anyone(&self) -> bool;
}

impl<A: Authorize> DynAuthorize for A {
    fn authorize<'a>(&'a self, request: &'a AuthRequest<'a>) -> BoxFuture<'a, Grant, AuthError> {
        Box::pin(Authorize::authorize(self, request))
    }

    fn created<'a>(
        &'a self,
        request: &'a AuthRequest<'a>,
        grant: &'a Grant,
        session: &'a SessionId,
    ) -> BoxFuture<'a, (), AuthError> {
        Box::pin(Authorize::created(self, request, grant, session))
    }

    fn revoked(&self, principal: &str) {
        Authorize::revoked(self, principal);
    }

    fn is_anyone(&self) -> bool {
        TypeId::of::<A>() == TypeId::of::<Anyone>()
    }
}
