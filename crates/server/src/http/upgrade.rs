//! The request that becomes a WebSocket.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;

use super::authorize::{AuthError, AuthRequest};
use super::context::{RequestContext, is_browser};
use super::endpoints::Endpoints;
use super::handshake::Handshake;
use super::pending::PendingAttach;
use super::problem::Problem;
use super::socket::{refuse, serve};
use outlive::CloseCode;

/// `GET /sessions/{id}/ws`: a WebSocket. Its first frame attaches, and may carry a token.
///
/// A browser hides the reason for a refused upgrade from its page, so a page's request is upgraded, and
/// closed with a code that tells the reason; with 4003 if it is of an origin that is not [admitted](super::Origins).
/// So is a request for a session that does not exist, or that the principal may not see.
///
/// # Errors
/// The [`Problem`] as JSON.
pub async fn socket(
    State(endpoints): State<Endpoints>,
    request: Request,
) -> Result<Response, Problem> {
    let mut context = RequestContext::unchecked(request).await;
    let session = context.session()?;
    let handshake = Handshake::of(&mut context.parts, &endpoints.limits)?;
    if let Err(page) = context.admit(&endpoints) {
        if !is_browser(&context.parts) {
            return Err(Problem::foreign(&page));
        }
        let code = CloseCode::Forbidden;
        return Ok(handshake.accept(move |socket| refuse(socket, endpoints, code, Some(page))));
    }
    let request = AuthRequest { parts: &context.parts, session: Some(&session), token: None };
    let browser = is_browser(&context.parts);
    let admitted = match endpoints.arrive(&request).await {
        Ok((grant, Ok(arrival))) => Ok((grant, arrival)),
        Ok((_, Err(limit))) if !browser => return Err(limit.into()),
        Ok((_, Err(limit))) => Err(limit.into()),
        Err(
            error @ (AuthError::InvalidCredentials
            | AuthError::Unavailable
            | AuthError::RateLimited { .. }),
        ) if !browser => return Err(error.into()),
        // The attach frame may carry a token.
        Err(error) => Err(error.into()),
    };
    let pending = Box::new(PendingAttach { parts: Arc::new(context.parts), session, admitted });
    Ok(handshake.accept(move |socket| serve(socket, endpoints, pending)))
}
