//! Which node is to answer for a session.

use std::time::Duration;

use super::handle::Hub;
use crate::store::{Owner, SessionId, StoreError};
use outlive::routing::{self, Durable, Op, Runtime};

/// Who is to answer a request for a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Destination {
    /// This node: the session is its own, or nobody's, or there is none.
    Here,
    /// The node that other nodes reach at this address.
    Node(String),
}

impl Hub {
    /// Who is to answer a request for a session. It is no more than a hint: the session may be another's by the time the
    /// request is there.
    ///
    /// # Errors
    /// The store does not say.
    pub(crate) async fn destination(&self, session: &SessionId) -> Result<Destination, StoreError> {
        let shared = &self.shared;
        // Without a lease each session is this node's. One in memory is, until its driver hears otherwise: it asks the
        // store before each answer.
        if shared.store.lease().is_none() || shared.registry.contains(session) {
            return Ok(Destination::Here);
        }
        let found = tokio::select! {
            biased;
            () = shared.shut_down() => return Ok(Destination::Here),
            found = shared.store.owner(session) => found?,
        };
        let Some((state, owner)) = found else { return Ok(Destination::Here) };
        let durable = Durable::of(Some(state));
        let row = routing::rule(durable, Runtime::unloaded(owner.kind(), None));
        Ok(match owner {
            Owner::Another { address } if row.ops.contains(&Op::Forward) => {
                Destination::Node(address)
            }
            Owner::Ours | Owner::Another { .. } | Owner::Nobody => Destination::Here,
        })
    }

    /// How long a node may be silent before its sessions are another's: see [`Store::lease`](crate::store::Store::lease).
    pub(crate) fn lease(&self) -> Option<Duration> {
        self.shared.store.lease()
    }

    /// Returns when the hub drains, at a time within the drain's window at random: connections that it only passes on
    /// are closed then, and not all at once.
    pub(crate) async fn departs(&self) {
        let shared = &self.shared;
        shared.draining.cancelled().await;
        let now = tokio::time::Instant::now();
        let window = shared.leaves.get().map_or(Duration::ZERO, |[window, _]| *window - now);
        let share = u32::try_from(shared.random() >> 32).unwrap_or(0);
        tokio::time::sleep(window.mul_f64(f64::from(share) / f64::from(u32::MAX))).await;
    }
}
