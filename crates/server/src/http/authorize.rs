//! Who may do what.

use std::future::Future;
use std::pin::Pin;
use std::string::{String, ToString};

use axum::http::header::{AUTHORIZATION, COOKIE};
use axum::http::request::Parts;
use sha2::{Digest as _, Sha256};

use crate::hub::Role;
use crate::store::SessionId;

/// Who asks, and for what. A session's name is no secret: judge by what the request brings.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    pub(super) parts: &'a Parts,
    pub(super) session: Option<&'a SessionId>,
    pub(super) token: Option<&'a str>,
}

impl<'a> Ask<'a> {
    /// The request, without its body: headers, and what middleware has put into its extensions.
    pub fn parts(&self) -> &'a Parts {
        self.parts
    }

    /// Which session; none for a new one.
    pub fn session(&self) -> Option<&'a SessionId> {
        self.session
    }

    /// The token of the attach frame, for browsers, which cannot send headers with a WebSocket; or else
    /// the bearer token of the request.
    pub fn token(&self) -> Option<&'a str> {
        self.token.or_else(|| {
            let (scheme, token) = self.header(&AUTHORIZATION)?.split_once(' ')?;
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

    fn header(&self, name: &axum::http::HeaderName) -> Option<&'a str> {
        self.parts.headers.get(name)?.to_str().ok()
    }
}

/// What somebody may do in a session, and who it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Who. Clients of one principal have numbers and connections of their own, which no other principal
    /// can touch by saying their names.
    pub principal: String,
    /// What. A new session takes [`Role::Prompt`].
    pub role: Role,
}

/// Why not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denied {
    /// Nothing says who it is. A WebSocket may say it in its attach frame.
    Missing,
    /// What it says is not so.
    Unauthenticated,
    /// It may not see this session. It is told that there is none.
    Forbidden,
    /// Nobody can say at the moment.
    Unavailable,
    /// It has asked too often, in the judgement of whoever authorises: 429, or a close with
    /// [`RateLimited`](outlive::CloseCode::RateLimited).
    TooOften {
        /// When it may ask again, in milliseconds.
        after_ms: u32,
    },
}

/// Decides who may do what.
///
/// A function from [`Ask`] is enough, if it need not wait:
///
/// ```
/// use outlive_server::http::{Ask, Denied, Grant};
/// use outlive_server::hub::Role;
///
/// fn by_proxy(ask: &Ask<'_>) -> Result<Grant, Denied> {
///     let user = ask.parts().headers.get("x-user").ok_or(Denied::Missing)?;
///     let principal = user.to_str().map_err(|_| Denied::Unauthenticated)?.to_owned();
///     Ok(Grant { principal, role: Role::Admin })
/// }
/// # fn decides(_: impl outlive_server::http::Authorize) {}
/// # decides(by_proxy);
/// ```
///
/// A closure says what it takes, and is not `async`:
///
/// ```
/// # use outlive_server::http::{Ask, Denied, Grant, Unauthorized};
/// # use outlive_server::hub::Role;
/// # fn of(endpoints: Unauthorized) -> axum::Router {
/// let authorize = |ask: &Ask<'_>| match ask.token() {
///     Some("let me in") => Ok(Grant { principal: "friend".into(), role: Role::Prompt }),
///     Some(_) => Err(Denied::Unauthenticated),
///     None => Err(Denied::Missing),
/// };
/// endpoints.authorize(authorize).router()
/// # }
/// ```
///
/// Who must wait, for a database for instance, implements the trait: its methods may be `async fn`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say who may do what",
    note = "a closure is `|ask: &Ask<'_>| -> Result<Grant, Denied>`, with its types, and not `async`",
    note = "what must wait implements `Authorize` for a type of its own, with `async fn authorize`"
)]
pub trait Authorize: Send + Sync + 'static {
    /// Decides, before anything is looked up. It is asked for every request, and for every attach.
    ///
    /// # Errors
    /// Why not.
    fn authorize(&self, ask: &Ask<'_>) -> impl Future<Output = Result<Grant, Denied>> + Send;

    /// A session was made for somebody. Time to remember whose it is: nobody has heard of it before this
    /// returns. If the request is cut off meanwhile, the session ends by itself when its time for a first
    /// prompt is over.
    ///
    /// # Errors
    /// It could not be remembered, or the principal has enough of them. The session is forgotten, and the request
    /// answered with this.
    fn created(
        &self,
        grant: &Grant,
        session: &SessionId,
    ) -> impl Future<Output = Result<(), Denied>> + Send {
        _ = (grant, session);
        async { Ok(()) }
    }
}

impl<F> Authorize for F
where
    F: Fn(&Ask<'_>) -> Result<Grant, Denied> + Send + Sync + 'static,
{
    fn authorize(&self, ask: &Ask<'_>) -> impl Future<Output = Result<Grant, Denied>> + Send {
        std::future::ready(self(ask))
    }
}

/// Everybody may do everything, and all are one principal. For demonstrations on a loopback address.
#[derive(Clone, Copy, Debug, Default)]
pub struct Anyone;

impl Authorize for Anyone {
    async fn authorize(&self, _: &Ask<'_>) -> Result<Grant, Denied> {
        Ok(Grant { principal: "anyone".to_string(), role: Role::Admin })
    }
}

/// Whoever knows the token may do everything, and all who do are one principal.
#[derive(Clone)]
pub struct Bearer(Sha256Of);

type Sha256Of = [u8; 32];

impl Bearer {
    /// The token; it is not kept as it is.
    pub fn new(token: &str) -> Bearer {
        Bearer(digest(token))
    }
}

impl core::fmt::Debug for Bearer {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Bearer(…)")
    }
}

impl Authorize for Bearer {
    async fn authorize(&self, ask: &Ask<'_>) -> Result<Grant, Denied> {
        let token = ask.token().ok_or(Denied::Missing)?;
        // Of digests: how long it takes says nothing of the token, whatever is compared how.
        let differs = self.0.iter().zip(digest(token)).fold(0, |differs, (a, b)| differs | (a ^ b));
        if differs != 0 {
            return Err(Denied::Unauthenticated);
        }
        Ok(Grant { principal: "bearer".to_string(), role: Role::Admin })
    }
}

fn digest(token: &str) -> Sha256Of {
    Sha256::digest(token.as_bytes()).into()
}

/// [`Authorize`], whatever its type.
pub(super) trait Authorizer: Send + Sync {
    fn decide<'a>(&'a self, ask: &'a Ask<'a>) -> Deciding<'a, Result<Grant, Denied>>;
    fn created<'a>(
        &'a self,
        grant: &'a Grant,
        session: &'a SessionId,
    ) -> Deciding<'a, Result<(), Denied>>;
}

type Deciding<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

impl<A: Authorize> Authorizer for A {
    fn decide<'a>(&'a self, ask: &'a Ask<'a>) -> Deciding<'a, Result<Grant, Denied>> {
        Box::pin(self.authorize(ask))
    }

    fn created<'a>(
        &'a self,
        grant: &'a Grant,
        session: &'a SessionId,
    ) -> Deciding<'a, Result<(), Denied>> {
        Box::pin(Authorize::created(self, grant, session))
    }
}
