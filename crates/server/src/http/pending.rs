//! A WebSocket that has not attached yet.

use axum::http::request::Parts;

use super::authorize::{AuthError, AuthRequest, Grant};
use super::endpoints::Endpoints;
use super::throttle::{ConnectionPermit, LimitExceeded};
use crate::store::SessionId;
use outlive::CloseCode;

/// What is known of a peer until it attaches.
#[derive(Debug)]
pub(super) struct PendingAttach {
    pub(super) parts: Parts,
    pub(super) session: SessionId,
    /// What the request is allowed without a token in the attach frame.
    pub(super) admitted: Result<(Grant, ConnectionPermit), CloseCode>,
}

impl PendingAttach {
    /// What the attach frame, with its token, is allowed.
    pub(super) async fn admit(
        self,
        endpoints: &Endpoints,
        token: Option<&str>,
    ) -> Result<(Grant, ConnectionPermit), CloseCode> {
        if token.is_none() {
            return self.admitted;
        }
        drop(self.admitted);
        let request = AuthRequest { parts: &self.parts, session: Some(&self.session), token };
        let grant = endpoints.authorizer.authorize(&request).await.map_err(close_code)?;
        let permit = endpoints.throttle.attach(&grant.principal).map_err(LimitExceeded::code)?;
        Ok((grant, permit))
    }
}

/// How a WebSocket is closed that is not authorised.
pub(super) fn close_code(error: AuthError) -> CloseCode {
    match error {
        AuthError::MissingCredentials | AuthError::InvalidCredentials => CloseCode::Unauthenticated,
        AuthError::Forbidden => CloseCode::NotFound,
        AuthError::Unavailable => CloseCode::Overloaded,
        AuthError::RateLimited { .. } => CloseCode::RateLimited,
    }
}
