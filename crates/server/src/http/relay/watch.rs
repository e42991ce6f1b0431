//! Whether a node that answers for a session is still the one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};

use crate::hub::{Destination, Hub};
use crate::store::SessionId;

/// So often within a lease the store is asked about a node that is silent.
const LOOKS: u32 = 4;

/// When a node was heard of last, over any connection.
#[derive(Debug)]
pub(super) struct Heard(Mutex<Instant>);

impl Heard {
    pub(super) fn now(&self) {
        *self.lock() = Instant::now();
    }

    fn at(&self) -> Instant {
        *self.lock()
    }

    fn lock(&self) -> MutexGuard<'_, Instant> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The nodes that something is passed on to now.
#[derive(Debug, Default)]
pub(super) struct Nodes(Mutex<HashMap<String, Weak<Heard>>>);

impl Nodes {
    pub(super) fn heard(&self, address: &str) -> Arc<Heard> {
        let mut nodes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(heard) = nodes.get(address).and_then(Weak::upgrade) {
            return heard;
        }
        let heard = Arc::new(Heard(Mutex::new(Instant::now())));
        nodes.retain(|_, heard| heard.strong_count() > 0);
        nodes.insert(address.to_owned(), Arc::downgrade(&heard));
        heard
    }
}

/// Returns when the node at this address does not own the session any more. The store is asked only while nothing comes
/// from that node, over any connection: a process that ends closes its connections, but one that hangs does not, and
/// neither does a network.
pub(super) async fn lost(hub: Hub, session: SessionId, address: String, heard: Arc<Heard>) {
    let silence = hub.lease().map_or(Duration::MAX, |lease| lease / LOOKS);
    loop {
        let due = heard.at().checked_add(silence);
        match due {
            None => return std::future::pending().await,
            Some(due) if due > Instant::now() => sleep_until(due).await,
            Some(_) => match hub.destination(&session).await {
                // A store that does not answer says nothing of it.
                Err(_) => sleep(silence).await,
                Ok(Destination::Node(owner)) if owner == address => sleep(silence).await,
                Ok(Destination::Node(_) | Destination::Here) => return,
            },
        }
    }
}
