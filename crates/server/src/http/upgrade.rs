//! The request that becomes a WebSocket.

use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{FromRequestParts as _, Request, State};
use axum::http::request::Parts;
use axum::response::Response;

use super::Endpoints;
use super::authorize::{Ask, Denied, Grant};
use super::problem::Problem;
use super::request::{Inquiry, close_code, is_browser};
use super::socket::serve;
use super::throttle::{Seat, TooMany};
use crate::store::SessionId;
use outlive::CloseCode;
use outlive::wire::SUBPROTOCOL;

/// What is known of a peer that has not attached yet. It is forgotten when it has.
#[derive(Debug)]
pub(super) struct Visitor {
    pub(super) parts: Parts,
    pub(super) session: SessionId,
    /// What the request alone was good for.
    pub(super) admitted: Result<(Grant, Seat), CloseCode>,
}

impl Visitor {
    /// What the attach frame, with its token, is good for.
    pub(super) async fn admit(
        self,
        endpoints: &Endpoints,
        token: Option<&str>,
    ) -> Result<(Grant, Seat), CloseCode> {
        if token.is_none() {
            return self.admitted;
        }
        drop(self.admitted);
        let ask = Ask { parts: &self.parts, session: Some(&self.session), token };
        let grant = endpoints.authorizer.decide(&ask).await.map_err(close_code)?;
        let seat = endpoints.throttle.attach(&grant.principal).map_err(TooMany::code)?;
        Ok((grant, seat))
    }
}

/// `GET /sessions/{id}/ws`: a WebSocket. Its first frame attaches, and may bring a token.
///
/// A browser cannot read why an upgrade was refused, so that one is let in and closed with a code that
/// says it. So is whoever asks for a session that is not there, or not for it.
///
/// # Errors
/// As JSON.
pub async fn socket(
    State(endpoints): State<Endpoints>,
    request: Request,
) -> Result<Response, Problem> {
    let mut inquiry = Inquiry::of(&endpoints, request).await?;
    let session = inquiry.session()?;
    let upgrade = WebSocketUpgrade::from_request_parts(&mut inquiry.parts, &()).await;
    let upgrade = upgrade.map_err(|why| Problem::upgrade(why.body_text()))?;
    let upgrade = upgrade.protocols([SUBPROTOCOL]);
    if upgrade.selected_protocol().is_none() && upgrade.requested_protocols().next().is_some() {
        return Err(Problem::version());
    }
    let ask = Ask { parts: &inquiry.parts, session: Some(&session), token: None };
    let browser = is_browser(&inquiry.parts);
    let admitted =
        match endpoints.authorizer.decide(&ask).await {
            Ok(grant) => match endpoints.throttle.attach(&grant.principal) {
                Ok(seat) => Ok((grant, seat)),
                Err(much) if !browser => return Err(much.into()),
                Err(much) => Err(much.code()),
            },
            Err(
                denied @ (Denied::Unauthenticated | Denied::Unavailable | Denied::TooOften { .. }),
            ) if !browser => return Err(denied.into()),
            // The frame may say more.
            Err(denied) => Err(close_code(denied)),
        };
    let visitor = Box::new(Visitor { parts: inquiry.parts, session, admitted });
    // Somewhat larger than what is allowed: whoever sends a frame a little too large is told so by a close
    // that it has the time to read.
    let most = endpoints.limits.frame_bytes.saturating_mul(2);
    Ok(upgrade
        .read_buffer_size(4 << 10)
        // What is larger is kept until the connection ends.
        .write_buffer_size(16 << 10)
        .max_message_size(most)
        .max_frame_size(most)
        .on_upgrade(move |socket| serve(socket, endpoints, visitor)))
}
