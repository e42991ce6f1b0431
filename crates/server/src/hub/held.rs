//! Large entries that viewers were given and have not taken yet.
//!
//! The viewers of a session share each of them, also one that each of them has read back from the store. What the viewers of
//! all sessions hold is bounded: beyond it the entry that is held longest is given up, and its viewers come back for it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use bytes::Bytes;
use outlive::ids::Seq;
use outlive::log::LogId;
use tokio_util::sync::CancellationToken;

/// What all viewers hold.
#[derive(Debug)]
pub(super) struct HeldEntries {
    most: usize,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    bytes: usize,
    /// How many were held before.
    count: u64,
    /// The size of each, and what gives it up; the oldest first.
    entries: BTreeMap<u64, (usize, CancellationToken)>,
}

impl HeldEntries {
    pub(super) fn new(most: usize) -> HeldEntries {
        HeldEntries { most, inner: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One more is held. The oldest ones are given up if it is too much; one that is alone never is.
    fn hold(self: &Arc<Self>, log: LogId, seq: Seq, frame: Bytes) -> HeldEntry {
        let given_up = CancellationToken::new();
        let mut inner = self.lock();
        let place = inner.count;
        inner.count += 1;
        inner.bytes += frame.len();
        inner.entries.insert(place, (frame.len(), given_up.clone()));
        while inner.bytes > self.most && inner.entries.len() > 1 {
            if let Some((_, (size, oldest))) = inner.entries.pop_first() {
                inner.bytes -= size;
                oldest.cancel();
            }
        }
        HeldEntry { of: Arc::clone(self), place, log, seq, frame, given_up }
    }
}

/// A large entry that a viewer was given, until all who share it have taken it.
#[derive(Debug)]
pub(super) struct HeldEntry {
    of: Arc<HeldEntries>,
    place: u64,
    log: LogId,
    seq: Seq,
    frame: Bytes,
    given_up: CancellationToken,
}

impl HeldEntry {
    /// Returns when it is given up: too much is held in all, and this for the longest time.
    pub(super) async fn given_up(&self) {
        self.given_up.cancelled().await;
    }
}

impl Drop for HeldEntry {
    fn drop(&mut self) {
        let mut inner = self.of.lock();
        if let Some((size, _)) = inner.entries.remove(&self.place) {
            inner.bytes -= size;
        }
    }
}

/// What the viewers of one session hold.
#[derive(Debug, Default)]
pub(super) struct SharedEntries(Mutex<Vec<Weak<HeldEntry>>>);

impl SharedEntries {
    /// Holds the first frame that is larger than a page, if there is one: in place of it comes the one that another viewer
    /// holds already.
    pub(super) fn share(
        &self,
        all: &Arc<HeldEntries>,
        log: LogId,
        from: Seq,
        frames: &mut [Bytes],
        page: usize,
    ) -> Option<Arc<HeldEntry>> {
        let (frame, seq) = frames.iter_mut().zip(from.0..).find(|(frame, _)| frame.len() > page)?;
        let mut shared = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        shared.retain(|entry| entry.strong_count() > 0);
        let same = |entry: &Arc<HeldEntry>| {
            (entry.log, entry.seq) == (log, Seq(seq)) && !entry.given_up.is_cancelled()
        };
        if let Some(held) = shared.iter().filter_map(Weak::upgrade).find(same) {
            frame.clone_from(&held.frame);
            return Some(held);
        }
        let held = Arc::new(all.hold(log, Seq(seq), frame.clone()));
        shared.push(Arc::downgrade(&held));
        Some(held)
    }
}
