//! A grant that ends while its connection is open, and the fresh token that moves its end.

use std::future::pending;
use std::sync::Arc;

use axum::http::request::Parts;
use tokio::time::Instant;

use super::authorize::{AuthError, AuthRequest, Grant};
use super::endpoints::Endpoints;
use crate::store::{BoxFuture, SessionId};

/// A grant that ends.
pub(super) struct Expiry {
    pub(super) until: Instant,
    /// What a fresh token is authorised with.
    parts: Arc<Parts>,
    session: SessionId,
    /// A fresh token is being looked at.
    renewal: Option<BoxFuture<'static, Grant, AuthError>>,
}

impl Expiry {
    /// None if the grant has no end.
    pub(super) fn of(
        grant: &Grant,
        parts: &Arc<Parts>,
        session: &SessionId,
    ) -> Option<Box<Expiry>> {
        let until = grant.until?;
        let (parts, session) = (Arc::clone(parts), session.clone());
        Some(Box::new(Expiry { until, parts, session, renewal: None }))
    }

    /// Authorises the connection's request anew, with a fresh token.
    pub(super) fn renew(&mut self, endpoints: &Endpoints, token: String) {
        let (endpoints, parts) = (endpoints.clone(), Arc::clone(&self.parts));
        let session = self.session.clone();
        self.renewal = Some(Box::pin(async move {
            let (session, token) = (Some(&session), Some(&*token));
            endpoints.decide(&AuthRequest { parts: &parts, session, token }).await
        }));
    }

    /// Whether a fresh token is being looked at.
    pub(super) fn is_renewing(&self) -> bool {
        self.renewal.is_some()
    }
}

/// What the fresh token is granted; never returns if none is being looked at.
pub(super) async fn renewed(expiry: &mut Option<Box<Expiry>>) -> Result<Grant, AuthError> {
    let Some(expiry) = expiry else { return pending().await };
    let Some(renewal) = &mut expiry.renewal else { return pending().await };
    let granted = renewal.await;
    expiry.renewal = None;
    granted
}
