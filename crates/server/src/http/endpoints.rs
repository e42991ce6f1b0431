//! The state of the handlers, and how it is configured.

use std::fmt;
use std::sync::Arc;

use axum::http::request::Parts;
use tokio::time::Instant;

use super::authorize::{AuthError, AuthRequest, Authorize, DynAuthorize, Grant};
use super::bodies::Bodies;
use super::limits::EndpointLimits;
use super::origins::{ForeignPage, ForeignPages, Hosts, Origins};
use super::problem::Problem;
use super::relay::{Relay, Relayed};
use super::throttle::{Arrival, LimitExceeded, Throttle};
use crate::hub::{Hub, Role};
use crate::store::SessionId;

/// Begins the endpoints of a hub: [`EndpointsBuilder::authorize`] comes next.
pub fn endpoints(hub: Hub) -> EndpointsBuilder {
    EndpointsBuilder { hub }
}

/// Endpoints without a decision who may use them. [`authorize`](EndpointsBuilder::authorize) makes the
/// [`Endpoints`], which have `router`, `origins`, `hosts` and `limits`:
///
/// ```
/// # use outlive_server::http::{Anyone, endpoints};
/// # fn routes(hub: outlive_server::hub::Hub) -> axum::Router {
/// endpoints(hub).authorize(Anyone).router()
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct EndpointsBuilder {
    hub: Hub,
}

impl EndpointsBuilder {
    /// Sets what decides which principal may do what.
    pub fn authorize(self, authorize: impl Authorize) -> Endpoints {
        let limits = EndpointLimits::default();
        let authorizer: Arc<dyn DynAuthorize> = Arc::new(authorize);
        Endpoints {
            hub: self.hub,
            hosts: Arc::new(if authorizer.is_anyone() { Hosts::local() } else { Hosts::any() }),
            authorizer,
            origins: Arc::new(Origins::same_host()),
            foreign_pages: Arc::default(),
            throttle: Arc::new(Throttle::new(&limits)),
            bodies: Arc::new(Bodies::new(&limits)),
            limits: Arc::new(limits),
            relay: None,
        }
    }
}

/// The endpoints of a hub, and the state of their handlers. Clones are the same endpoints.
#[derive(Clone)]
#[must_use]
pub struct Endpoints {
    pub(super) hub: Hub,
    pub(super) authorizer: Arc<dyn DynAuthorize>,
    pub(super) origins: Arc<Origins>,
    pub(super) hosts: Arc<Hosts>,
    pub(super) foreign_pages: Arc<ForeignPages>,
    pub(super) limits: Arc<EndpointLimits>,
    pub(super) throttle: Arc<Throttle>,
    pub(super) bodies: Arc<Bodies>,
    pub(super) relay: Option<Relay>,
}

impl fmt::Debug for Endpoints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Endpoints");
        debug.field("hub", &self.hub).field("origins", &self.origins);
        debug.field("limits", &self.limits).finish_non_exhaustive()
    }
}

impl Endpoints {
    /// Which pages may connect. Default: [`Origins::same_host`].
    pub fn origins(mut self, origins: Origins) -> Endpoints {
        self.origins = Arc::new(origins);
        self
    }

    /// By which names of the server a request may come. Default: [`Hosts::local`] with [`Anyone`](super::Anyone),
    /// whom a page of any site could be otherwise, and else [`Hosts::any`].
    pub fn hosts(mut self, hosts: Hosts) -> Endpoints {
        self.hosts = Arc::new(hosts);
        self
    }

    /// What one principal, and one connection, may use. All counts start at zero again, so set the limits
    /// before the endpoints are cloned. Default: [`EndpointLimits::default`].
    pub fn limits(mut self, limits: EndpointLimits) -> Endpoints {
        self.throttle = Arc::new(Throttle::new(&limits));
        self.bodies = Arc::new(Bodies::new(&limits));
        self.limits = Arc::new(limits);
        self
    }

    /// Passes requests for sessions that another node owns on to that node, if the hub's store has a
    /// [lease](crate::store::Store::lease): so any node may be dialled for any session. Each node serves the others by
    /// [`serve_internal`](super::serve_internal). See [the module](super#several-nodes).
    ///
    /// Default: such a request is refused for now, and a WebSocket closed with 4200.
    pub fn relay(mut self, relay: Relay) -> Endpoints {
        self.relay = Some(relay);
        self
    }

    /// The hub.
    pub fn hub(&self) -> &Hub {
        &self.hub
    }
    /// Authorises a request to a route of your own, as the endpoints would: its host and its origin are admitted, the
    /// authoriser grants it at least `role` in the session, or without one, and what the [`Problem`] becomes is the
    /// response that they would give.
    ///
    /// ```
    /// use axum::extract::{Path, State};
    /// use axum::http::request::Parts;
    /// use outlive_server::http::{Endpoints, Problem};
    /// use outlive_server::hub::Role;
    /// use outlive_server::store::SessionId;
    ///
    /// /// `POST /sessions/{id}/title`: a route beside those of the endpoints.
    /// async fn title(
    ///     State(endpoints): State<Endpoints>,
    ///     Path(session): Path<SessionId>,
    ///     parts: Parts,
    ///     title: String,
    /// ) -> Result<String, Problem> {
    ///     let grant = endpoints.authorize(&parts, Some(&session), Role::Prompt).await?;
    ///     Ok(format!("{} calls it {title}", grant.principal))
    /// }
    ///
    /// # fn app(endpoints: Endpoints) -> axum::Router {
    /// let mine = axum::Router::new().route("/sessions/{id}/title", axum::routing::post(title));
    /// mine.with_state(endpoints.clone()).merge(endpoints.router())
    /// # }
    /// ```
    ///
    /// # Errors
    /// The [`Problem`], which is a response.
    pub async fn authorize(
        &self,
        parts: &Parts,
        session: Option<&SessionId>,
        role: Role,
    ) -> Result<Grant, Problem> {
        self.admit(parts).map_err(|page| Problem::foreign(&page))?;
        self.grant(&AuthRequest { parts, session, token: None }, role).await
    }

    /// Whether the page that made a request may connect. What another node has passed on, that one has admitted: it is
    /// the one that the page knows the name of.
    pub(super) fn admit(&self, parts: &Parts) -> Result<(), ForeignPage> {
        if parts.extensions.get::<Relayed>().is_some() {
            return Ok(());
        }
        let headers = &parts.headers;
        let admitted = self.hosts.admit(headers).and_then(|()| self.origins.admit(headers));
        admitted.inspect_err(|page| self.foreign_pages.refused(page))
    }

    /// Authorises a request, which takes at least `role`.
    pub(super) async fn grant(
        &self,
        request: &AuthRequest<'_>,
        role: Role,
    ) -> Result<Grant, Problem> {
        let grant = self.decide(request).await?;
        if grant.role < role {
            return Err(Problem::forbidden(match role {
                Role::View => "view",
                Role::Prompt => "prompt",
                Role::Admin => "admin",
            }));
        }
        Ok(grant)
    }

    /// Takes back what a principal was granted: its connections are closed with
    /// [`Expired`](outlive::CloseCode::Expired), its streams of events end, and the authoriser
    /// [forgets](Authorize::revoked) what it knows of it. Whether the principal may come back is the authoriser's to say:
    /// change what it decides by first. Requests that are under way may still be carried out.
    pub fn revoke(&self, principal: &str) {
        self.authorizer.revoked(principal);
        self.throttle.revoke(principal);
    }

    /// Asks the authoriser. A grant that is over is none.
    pub(super) async fn decide(&self, request: &AuthRequest<'_>) -> Result<Grant, AuthError> {
        let grant = self.authorizer.authorize(request).await?;
        if grant.until.is_some_and(|until| until <= Instant::now()) {
            return Err(AuthError::Expired);
        }
        Ok(grant)
    }

    /// As [`decide`](Endpoints::decide), for a connection, which counts from now on. A revocation meanwhile is not
    /// overtaken.
    pub(super) async fn arrive(
        &self,
        request: &AuthRequest<'_>,
    ) -> Result<(Grant, Result<Arrival, LimitExceeded>), AuthError> {
        loop {
            let seen = self.throttle.revocations();
            let grant = self.decide(request).await?;
            if let Some(arrival) = self.throttle.arrive(&grant.principal, seen) {
                return Ok((grant, arrival));
            }
        }
    }
}
