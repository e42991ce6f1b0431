//! The end of a log, as frames, shared by all who watch: a range is encoded once.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use super::output_batch::cut;
use outlive::ids::Seq;
use outlive::log::LogId;

/// The newest frames of a session's log, up to a number of bytes. What is older is read from the store.
#[derive(Debug)]
pub(super) struct RecentFrames {
    inner: Mutex<Inner>,
    most: usize,
}

#[derive(Debug, Default)]
struct Inner {
    /// The place of the first frame.
    first: u64,
    frames: VecDeque<Bytes>,
    bytes: usize,
}

impl RecentFrames {
    pub(super) fn new(most: usize) -> RecentFrames {
        RecentFrames { inner: Mutex::default(), most }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets everything.
    pub(super) fn clear(&self) {
        *self.lock() = Inner::default();
    }

    /// Appends the frames of entries from `first` on.
    pub(super) fn extend(&self, first: Seq, frames: Vec<Bytes>) {
        let mut inner = self.lock();
        if inner.first + inner.frames.len() as u64 != first.0 {
            *inner = Inner { first: first.0, ..Inner::default() };
        }
        for frame in frames {
            inner.bytes += frame.len();
            inner.frames.push_back(frame);
        }
        while inner.bytes > self.most && inner.frames.len() > 1 {
            let gone = inner.frames.pop_front().map_or(0, |frame| frame.len());
            inner.bytes -= gone;
            inner.first += 1;
        }
    }

    /// The frames `from..=to`, if all of them are here.
    pub(super) fn range(&self, from: Seq, to: Seq) -> Option<Vec<Bytes>> {
        let inner = self.lock();
        let start = usize::try_from(from.0.checked_sub(inner.first)?).ok()?;
        let end = usize::try_from(to.0.checked_sub(inner.first)?).ok()? + 1;
        if end > inner.frames.len() || start >= end {
            return None;
        }
        Some(inner.frames.range(start..end).cloned().collect())
    }
}

/// The [frames](outlive::wire::frame) of entries from `first` on, in one piece of memory.
pub(super) fn frames(log: LogId, first: Seq, lines: &[Bytes]) -> Vec<Bytes> {
    let before = format!("{{\"t\":\"ev\",\"id\":\"{log}.");
    let behind = "\",";
    let size = |(line, seq): (&Bytes, u64)| {
        let digits = seq.checked_ilog10().unwrap_or_default() as usize + 1;
        before.len() + digits + behind.len() + line.len().saturating_sub(1)
    };
    let sizes = || lines.iter().zip(first.0..).map(size);
    let mut all = Vec::with_capacity(sizes().sum());
    for (line, seq) in lines.iter().zip(first.0..) {
        all.extend_from_slice(before.as_bytes());
        all.extend_from_slice(itoa::Buffer::new().format(seq).as_bytes());
        all.extend_from_slice(behind.as_bytes());
        all.extend_from_slice(line.get(1..).unwrap_or_default());
    }
    cut(all, sizes())
}
