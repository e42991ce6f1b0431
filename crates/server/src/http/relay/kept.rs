//! Connections to other nodes, kept for the next request.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::Body;
use hyper::client::conn::http1::SendRequest;
use tokio::time::Instant;

/// So long a connection is kept without a request: far less than a node waits for the head of one.
const IDLE: Duration = Duration::from_secs(15);

/// So many connections to one node are kept.
const MOST: usize = 64;

/// Connections to each node, the one that was used last behind the others.
type Connections = HashMap<String, Vec<(SendRequest<Body>, Instant)>>;

/// Connections without a request. Clones are the same ones.
#[derive(Clone, Debug, Default)]
pub(super) struct Kept(Arc<Mutex<Connections>>);

impl Kept {
    fn lock(&self) -> MutexGuard<'_, Connections> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection to this node that takes a request.
    pub(super) fn take(&self, address: &str) -> Option<SendRequest<Body>> {
        let mut kept = self.lock();
        let connections = kept.get_mut(address)?;
        while let Some((connection, since)) = connections.pop() {
            // One whose response was not read to its end is not ready, and is closed here.
            if connection.is_ready() && since.elapsed() < IDLE {
                return Some(connection);
            }
        }
        kept.remove(address);
        None
    }

    /// Keeps a connection when the guard is dropped, with the body of the response.
    pub(super) fn guard(&self, address: &str, connection: SendRequest<Body>) -> KeptGuard {
        let (kept, address) = (self.clone(), address.to_owned());
        KeptGuard { kept, address, connection: Some(connection) }
    }

    /// Keeps a connection. Others that were not used for long are closed.
    fn keep(&self, address: &str, connection: SendRequest<Body>) {
        let mut kept = self.lock();
        kept.retain(|_, connections| {
            connections.retain(|(other, since)| !other.is_closed() && since.elapsed() < IDLE);
            !connections.is_empty()
        });
        let connections = kept.entry(address.to_owned()).or_default();
        if connections.len() < MOST {
            connections.push((connection, Instant::now()));
        }
    }
}

/// A connection whose response is being read.
#[derive(Debug)]
pub(super) struct KeptGuard {
    kept: Kept,
    address: String,
    connection: Option<SendRequest<Body>>,
}

impl Drop for KeptGuard {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take().filter(|one| !one.is_closed()) {
            self.kept.keep(&self.address, connection);
        }
    }
}
