//! A WebSocket that has not attached yet.

use std::sync::Arc;
use std::time::Duration;

use axum::http::request::Parts;
use tokio::time::Instant;

use super::authorize::{AuthError, AuthRequest, Grant};
use super::endpoints::Endpoints;
use super::throttle::{Arrival, ConnectionPermit, LimitExceeded};
use crate::hub::Hub;
use crate::store::SessionId;
use outlive::CloseCode;

/// What is known of a peer until it attaches.
#[derive(Debug)]
pub(super) struct PendingAttach {
    pub(super) parts: Arc<Parts>,
    pub(super) session: SessionId,
    /// What the request is allowed without a token in the attach frame.
    pub(super) admitted: Result<(Grant, Arrival), Turned>,
}

/// Why a WebSocket is closed before it has attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Turned {
    pub(super) code: CloseCode,
    /// Between which two times to come back, in milliseconds.
    pub(super) come_back_ms: Option<[u32; 2]>,
}

impl Turned {
    /// By a server that has left.
    pub(super) fn left(hub: &Hub) -> Turned {
        Turned { code: CloseCode::Restart, come_back_ms: Some(hub.come_back_ms()) }
    }

    fn for_now(code: CloseCode, wait: Duration) -> Turned {
        let least = u32::try_from(wait.as_millis()).unwrap_or(u32::MAX);
        let come_back_ms = Some([least, least.saturating_mul(2)]);
        Turned { code, come_back_ms }
    }
}

impl From<LimitExceeded> for Turned {
    fn from(limit: LimitExceeded) -> Turned {
        Turned::for_now(limit.code(), limit.retry_after())
    }
}

impl From<AuthError> for Turned {
    fn from(error: AuthError) -> Turned {
        let code = match error {
            AuthError::MissingCredentials | AuthError::InvalidCredentials => {
                CloseCode::Unauthenticated
            }
            AuthError::Expired => CloseCode::Expired,
            AuthError::Forbidden => CloseCode::NotFound,
            AuthError::Unavailable => CloseCode::Overloaded,
            AuthError::RateLimited { retry_after } => {
                return Turned::for_now(CloseCode::RateLimited, retry_after);
            }
        };
        Turned { code, come_back_ms: None }
    }
}

impl PendingAttach {
    /// What the attach frame, with its token, is allowed.
    pub(super) async fn admit(
        self,
        endpoints: &Endpoints,
        client: &str,
        token: Option<&str>,
    ) -> Result<(Grant, ConnectionPermit), Turned> {
        let PendingAttach { parts, session, admitted } = self;
        let (grant, arrival) = if token.is_none() {
            admitted?
        } else {
            drop(admitted);
            let request = AuthRequest { parts: &parts, session: Some(&session), token };
            let (grant, arrival) = endpoints.arrive(&request).await?;
            (grant, arrival?)
        };
        // The end of the grant, and a revocation, while no attach frame came.
        let over = grant.until.is_some_and(|until| until <= Instant::now());
        let permit = arrival.seat(&session, client)?;
        if over || permit.is_revoked() {
            return Err(AuthError::Expired.into());
        }
        Ok((grant, permit))
    }
}
