//! What a search may use, and what it must have seen.

use std::time::{Duration, Instant};

/// The least time between two reports of progress.
pub(super) const PROGRESS_INTERVAL: Duration = Duration::from_millis(500);

/// How far a search has come.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Progress {
    /// Distinct states so far.
    pub states: u64,
    /// The level being expanded.
    pub depth: u32,
    /// Time since the beginning.
    pub elapsed: Duration,
}

type Callback<'a> = Box<dyn Fn(&Progress) + 'a>;

pub(super) struct Limits<'a> {
    pub(super) started: Instant,
    pub(super) threads: usize,
    pub(super) max_states: Option<u64>,
    pub(super) max_memory: Option<u64>,
    pub(super) max_time: Option<Duration>,
    pub(super) stop_at_first: bool,
    pub(super) demand_classes: bool,
    pub(super) demand_counters: bool,
    pub(super) progress: Option<Callback<'a>>,
}

impl Limits<'_> {
    /// The bound that was reached, in words, if one was.
    pub(super) fn reached(&self, states: u64, bytes: u64) -> Option<String> {
        if let Some(max) = self.max_states.filter(|&max| states >= max) {
            return Some(format!("the bound of {max} states was reached"));
        }
        if let Some(max) = self.max_memory.filter(|&max| bytes >= max) {
            return Some(format!("the bound of {max} bytes was reached"));
        }
        self.out_of_time()
    }

    pub(super) fn out_of_time(&self) -> Option<String> {
        let max = self.max_time.filter(|&max| self.started.elapsed() >= max)?;
        Some(format!("the bound of {} s was reached", max.as_secs_f64()))
    }
}
