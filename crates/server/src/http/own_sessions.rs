//! Each principal has the sessions that it created.

use super::authorize::{AuthError, AuthRequest, Authorize, Grant};
use crate::hub::Hub;
use crate::store::SessionId;

/// Lets a principal see the sessions that were [created for it](Hub::create_for), and no others: for an authoriser that
/// knows who somebody is, but not whose a session is. The store knows it, also after a restart.
///
/// ```
/// use outlive_server::http::{AuthError, AuthRequest, Grant, OwnSessions, endpoints};
/// use outlive_server::hub::{Hub, Role};
///
/// fn by_proxy(request: &AuthRequest<'_>) -> Result<Grant, AuthError> {
///     let user = request.parts().headers.get("x-user").ok_or(AuthError::MissingCredentials)?;
///     let user = user.to_str().map_err(|_| AuthError::InvalidCredentials)?;
///     Ok(Grant::new(user, Role::Admin))
/// }
/// # fn routes(hub: Hub) -> axum::Router {
/// endpoints(hub.clone()).authorize(OwnSessions::new(hub, by_proxy)).router()
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct OwnSessions<A> {
    hub: Hub,
    inner: A,
}

impl<A: Authorize> OwnSessions<A> {
    /// `inner` says who somebody is, and in which role.
    pub fn new(hub: Hub, inner: A) -> OwnSessions<A> {
        OwnSessions { hub, inner }
    }
}

impl<A: Authorize> Authorize for OwnSessions<A> {
    async fn authorize(&self, request: &AuthRequest<'_>) -> Result<Grant, AuthError> {
        let grant = self.inner.authorize(request).await?;
        let Some(session) = request.session() else { return Ok(grant) };
        match self.hub.principal(session).await {
            Ok(Some(principal)) if principal == grant.principal => Ok(grant),
            Ok(_) => Err(AuthError::Forbidden),
            Err(why) => {
                tracing::warn!(%session, %why, "it is not known whose a session is");
                Err(AuthError::Unavailable)
            }
        }
    }

    async fn created(
        &self,
        request: &AuthRequest<'_>,
        grant: &Grant,
        session: &SessionId,
    ) -> Result<(), AuthError> {
        self.inner.created(request, grant, session).await
    }

    fn revoked(&self, principal: &str) {
        self.inner.revoked(principal);
    }
}
