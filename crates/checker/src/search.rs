//! A search and its options.

use std::time::{Duration, Instant};

use super::encoding::{Encoding, Plain};
use super::limits::{Limits, Progress};
use super::model::Model;
use super::report::Report;
use super::verdict;
use super::worker::Context;

/// An exhaustive search through the states of a model.
///
/// The result does not depend on the number of threads or on the encoding, apart from times and
/// bytes. A counterexample is a shortest one, and of those the first in the order of the model's
/// actions.
#[must_use = "a search does nothing until it is run"]
pub struct Search<'a, M: Model, E: Encoding<M> = Plain> {
    model: &'a M,
    encoding: E,
    limits: Limits<'a>,
    verify_encoding: bool,
}

impl<'a, M: Model> Search<'a, M> {
    /// A search which keeps the states as they are.
    pub fn new(model: &'a M) -> Self {
        Self::packed(model, Plain)
    }
}

impl<'a, M: Model, E: Encoding<M>> Search<'a, M, E> {
    /// A search which keeps the keys of the states.
    pub fn packed(model: &'a M, encoding: E) -> Self {
        Self {
            model,
            encoding,
            limits: Limits {
                started: Instant::now(),
                threads: 1,
                max_states: None,
                max_memory: None,
                max_time: None,
                stop_at_first: true,
                demand_classes: true,
                demand_counters: true,
                progress: None,
            },
            verify_encoding: cfg!(debug_assertions),
        }
    }

    /// The number of threads: 1 unless set.
    pub fn threads(mut self, threads: usize) -> Self {
        self.limits.threads = threads.max(1);
        self
    }

    /// Ends the search as incomplete once about so many states are found.
    pub fn max_states(mut self, states: u64) -> Self {
        self.limits.max_states = Some(states);
        self
    }

    /// Ends the search as incomplete once about so many bytes are in use.
    pub fn max_memory(mut self, bytes: u64) -> Self {
        self.limits.max_memory = Some(bytes);
        self
    }

    /// Ends the search as incomplete after about this time.
    pub fn max_time(mut self, time: Duration) -> Self {
        self.limits.max_time = Some(time);
        self
    }

    /// Goes on after a violation and finds a shortest trace for every law. Without this the search
    /// stops as soon as every law is known which has a counterexample as short as the first.
    pub fn every_violation(mut self) -> Self {
        self.limits.stop_at_first = false;
        self
    }

    /// Verifies on every reached state that the encoding is exact. Debug builds always do.
    pub fn verify_encoding(mut self) -> Self {
        self.verify_encoding = true;
        self
    }

    /// Does not take it for an error that a class of actions is never seen.
    pub fn allow_idle_classes(mut self) -> Self {
        self.limits.demand_classes = false;
        self
    }

    /// Does not take it for an error that a counter stays at zero: several models may exercise
    /// everything together.
    pub fn allow_idle_counters(mut self) -> Self {
        self.limits.demand_counters = false;
        self
    }

    /// Calls back now and then, at most every half second.
    pub fn progress(mut self, callback: impl Fn(&Progress) + 'a) -> Self {
        self.limits.progress = Some(Box::new(callback));
        self
    }

    /// Runs the search.
    pub fn run(mut self) -> Report {
        self.limits.started = Instant::now();
        let laws = self.model.properties();
        let context = Context {
            model: self.model,
            encoding: &self.encoding,
            laws: &laws,
            verify_encoding: self.verify_encoding,
            symmetric: self.model.symmetric(),
        };
        verdict::judge(context, &self.limits)
    }
}
