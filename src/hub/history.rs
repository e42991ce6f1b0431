//! The log of a session, for its worker to read.

use std::fmt;
use std::string::ToString;
use std::sync::Arc;
use std::vec::Vec;

use crate::ids::Seq;
use crate::store::{SessionId, Store, StoreError};
use crate::wire::Said;

/// What is retained of a session's log: prompts, outputs, ends of turns.
#[derive(Clone)]
pub struct History {
    pub(super) store: Arc<dyn Store>,
    pub(super) session: SessionId,
}

impl fmt::Debug for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("History").field(&self.session).finish()
    }
}

/// How much is read at a time, in bytes.
const PAGE: usize = 256 << 10;

impl History {
    /// The last entry that was trimmed, or 0: then [`read`](History::read) gives the whole conversation. What
    /// is read begins with the entry after it, so a worker knows where its memory is cut off.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn base(&self) -> Result<Seq, StoreError> {
        let stored = self.store.load(&self.session).await?;
        Ok(stored.map_or(Seq(0), |stored| stored.snapshot.log.base))
    }

    /// All that is retained, in order, each entry with its place.
    ///
    /// Not the whole conversation if the log was trimmed: see [`base`](History::base).
    ///
    /// # Errors
    /// The store does not answer, or holds what is no entry.
    pub async fn read(&self) -> Result<Vec<(Seq, Said)>, StoreError> {
        let Some(stored) = self.store.load(&self.session).await? else { return Ok(Vec::new()) };
        let (mut from, head) = (stored.snapshot.log.base.next(), stored.snapshot.log.head);
        let mut all = Vec::new();
        while from <= head {
            let page = self.store.read(&self.session, from, head, PAGE).await?;
            if page.is_empty() {
                return Err(StoreError::Corrupt("a range is read as nothing".into()));
            }
            for line in page {
                all.push((from, parse(&line)?));
                from = from.next();
            }
        }
        Ok(all)
    }
}

/// The entry at a place.
pub(super) async fn entry(
    store: &dyn Store,
    session: &SessionId,
    seq: Seq,
) -> Result<Said, StoreError> {
    let lines = store.read(session, seq, seq, usize::MAX).await?;
    lines.first().ok_or(StoreError::Trimmed).and_then(|line| parse(line))
}

fn parse(line: &[u8]) -> Result<Said, StoreError> {
    serde_json::from_slice(line).map_err(|why| StoreError::Corrupt(why.to_string()))
}
