//! Bodies of requests that are being read, counted in all and for each principal.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::limits::EndpointLimits;

/// Bodies that are being read, and what of them is in memory.
#[derive(Clone, Copy, Debug, Default)]
struct InFlight {
    bodies: u32,
    bytes: usize,
}

impl InFlight {
    /// Whether it has room for one more body, or for more bytes. A body that is alone always has: it is bounded itself.
    fn has_room(self, most: InFlight) -> bool {
        self.bodies <= 1 || self.bodies <= most.bodies && self.bytes <= most.bytes
    }
}

#[derive(Debug, Default)]
struct Counts {
    all: InFlight,
    principals: HashMap<String, InFlight>,
}

/// Counts the bodies that are being read.
#[derive(Debug)]
pub(super) struct Bodies {
    counts: Mutex<Counts>,
    /// Of one principal.
    most: InFlight,
    most_in_all: InFlight,
}

/// Too many bodies are being read, or too much of them is in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooManyBodies;

impl Bodies {
    pub(super) fn new(limits: &EndpointLimits) -> Bodies {
        let (bodies, bytes) = (limits.bodies, limits.bodies_bytes);
        let most = InFlight { bodies, bytes };
        let (bodies, bytes) = (limits.bodies_in_all, limits.bodies_bytes_in_all);
        Bodies { counts: Mutex::default(), most, most_in_all: InFlight { bodies, bytes } }
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts one more body of a principal, until the permit is dropped.
    pub(super) fn begin(self: &Arc<Self>, principal: &str) -> Result<BodyPermit, TooManyBodies> {
        {
            let mut counts = self.lock();
            counts.all.bodies += 1;
            counts.principals.entry(principal.to_owned()).or_default().bodies += 1;
        }
        let permit =
            BodyPermit { bodies: Arc::clone(self), principal: principal.to_owned(), bytes: 0 };
        permit.check()?;
        Ok(permit)
    }
}

/// A body that is being read.
#[derive(Debug)]
pub(super) struct BodyPermit {
    bodies: Arc<Bodies>,
    principal: String,
    bytes: usize,
}

impl BodyPermit {
    /// So many bytes more are in memory.
    pub(super) fn grow(&mut self, bytes: usize) -> Result<(), TooManyBodies> {
        {
            let mut counts = self.bodies.lock();
            counts.all.bytes += bytes;
            counts.principals.entry(self.principal.clone()).or_default().bytes += bytes;
        }
        self.bytes += bytes;
        self.check()
    }

    fn check(&self) -> Result<(), TooManyBodies> {
        let counts = self.bodies.lock();
        let own = counts.principals.get(&self.principal).copied().unwrap_or_default();
        let room = own.has_room(self.bodies.most) && counts.all.has_room(self.bodies.most_in_all);
        if room { Ok(()) } else { Err(TooManyBodies) }
    }
}

impl Drop for BodyPermit {
    fn drop(&mut self) {
        let mut counts = self.bodies.lock();
        counts.all.bodies -= 1;
        counts.all.bytes -= self.bytes;
        if let Some(own) = counts.principals.get_mut(&self.principal) {
            own.bodies -= 1;
            own.bytes -= self.bytes;
            if own.bodies == 0 {
                counts.principals.remove(&self.principal);
            }
        }
    }
}
