//! Breadth-first search over exact states, level by level.
//!
//! A round takes a piece of the frontier. A worker that is alone expands it and adds what is new at once.
//! Of several each expands a contiguous part, and sorts the unknown states that it reaches by shard; then
//! every shard takes in what is still new, of the workers in order; last the new states are put in the
//! order in which a single thread would have found them. So neither the number of threads nor the hash shows in any result, and the first path
//! found to a state is the least of the shortest ones.

use std::time::Instant;
use std::{mem, thread};

use super::encoding::Encoding;
use super::limits::{Limits, PROGRESS_INTERVAL, Progress};
use super::merge::{Arrival, Known, take_in};
use super::model::Model;
use super::steps::Steps;
use super::store::{HashSlot, Id, NO_STATE, SHARDS, Store};
use super::worker::{Context, Counts, LawIndex, Mode, Worker};

/// States expanded between two looks at the limits.
const ROUND: usize = 1 << 14;
/// States reached between two looks at the limits, roughly.
const REACHED_PER_ROUND: u64 = 1 << 16;
/// Fewer states than this are not worth another thread.
const WORTH_A_THREAD: usize = 512;

/// What the search found.
pub(super) struct Explored<K> {
    pub(super) store: Store<K>,
    /// By law: the state in which it was first found violated.
    pub(super) found: Vec<Option<Id>>,
    pub(super) tally: Counts,
    pub(super) depth: u32,
    /// Why the search ended before the last state, if it did.
    pub(super) stopped: Option<Stop>,
    pub(super) bytes: usize,
    /// By worker: the steps between different states, if a law asks for them.
    pub(super) steps: Vec<Steps>,
}

/// Why a search ended early.
pub(super) enum Stop {
    /// A law was violated, and that was enough.
    Violation,
    /// A bound was reached, or the model is at fault.
    Unfinished(String),
}

pub(super) struct Explorer<'a, M: Model, E: Encoding<M>> {
    context: Context<'a, M, E>,
    limits: &'a Limits<'a>,
    store: Store<E::Key>,
    workers: Vec<Worker<M, E::Key>>,
    /// The states of the current level, in the order in which they were found.
    frontier: Vec<Id>,
    next: Vec<Id>,
    /// By worker and candidate: what became of it.
    arrivals: Vec<Vec<Arrival>>,
    depth: u32,
    expanded: u64,
    peak_bytes: usize,
    reported: Instant,
}

impl<'a, M: Model, E: Encoding<M>> Explorer<'a, M, E> {
    pub(super) fn new(context: Context<'a, M, E>, limits: &'a Limits<'a>) -> Self {
        let workers: Vec<_> = (0..limits.threads).map(|_| Worker::new(context)).collect();
        Self {
            context,
            limits,
            store: Store::new(),
            arrivals: workers.iter().map(|_| Vec::new()).collect(),
            workers,
            frontier: Vec::new(),
            next: Vec::new(),
            depth: 0,
            expanded: 0,
            peak_bytes: 0,
            reported: limits.started,
        }
    }

    pub(super) fn run(mut self) -> Explored<E::Key> {
        let stopped = self.start().or_else(|| self.levels());
        let mut tally = Counts::new(self.context.model, self.context.laws);
        for worker in &self.workers {
            tally.add(&worker.tally);
        }
        Explored {
            found: mem::take(&mut self.workers[0].found),
            tally,
            depth: self.depth,
            stopped,
            bytes: self.peak_bytes.max(self.bytes()),
            steps: self.workers.iter_mut().filter_map(|worker| worker.steps.take()).collect(),
            store: self.store,
        }
    }

    fn start(&mut self) -> Option<Stop> {
        for state in self.context.model.initial() {
            let state = self.context.representative(state);
            if self.context.verify_encoding {
                if let Some(fault) = self.context.encoding_fault(&state) {
                    return Some(Stop::Unfinished(fault));
                }
            }
            let key = self.context.encoding.pack_owned(state);
            let spot = HashSlot::of(&key);
            let heap = |key: &E::Key| self.context.encoding.heap_bytes(key);
            let entered = self.store.insert(key, spot, NO_STATE, heap);
            self.frontier.extend(entered.filter(|one| one.is_new).map(|one| one.at));
        }
        self.frontier
            .is_empty()
            .then(|| Stop::Unfinished("the model has no initial state".to_owned()))
    }

    fn levels(&mut self) -> Option<Stop> {
        loop {
            if let Some(why) = self.level() {
                return Some(Stop::Unfinished(why));
            }
            if self.limits.stop_at_first && self.workers[0].found.iter().any(Option::is_some) {
                self.settle();
                return Some(Stop::Violation);
            }
            if self.next.is_empty() {
                return None;
            }
            mem::swap(&mut self.frontier, &mut self.next);
            self.next.clear();
            self.depth += 1;
        }
    }

    /// Expands the whole frontier; why not, if a limit was reached.
    fn level(&mut self) -> Option<String> {
        let mut from = 0;
        while from < self.frontier.len() {
            if let Some(why) = self.out_of_bounds() {
                return Some(why);
            }
            let to = self.frontier.len().min(from + self.round_length());
            self.spread(from, to, Mode::Expand);
            self.agree_on_found();
            self.expanded += (to - from) as u64;
            from = to;
            if self.store.overflowed() {
                return Some("there are more states than can be numbered".to_owned());
            }
            if let Some(fault) = self.workers.iter().find_map(|worker| worker.fault.clone()) {
                return Some(fault);
            }
            self.report_progress();
        }
        None
    }

    /// After the level in which a law was found violated: keeps what has the shortest trace, and
    /// lets the states just reached be judged if their traces are no longer than that.
    fn settle(&mut self) {
        let index = LawIndex::of(self.context.laws);
        let found = &self.workers[0].found;
        let in_a_state = (0..index.count()).any(|law| !index.is_step(law) && found[law].is_some());
        if in_a_state {
            for worker in &mut self.workers {
                worker.found[index.state..index.deadlock()].fill(None);
            }
        } else if !self.next.is_empty() {
            mem::swap(&mut self.frontier, &mut self.next);
            self.depth += 1;
            self.spread(0, self.frontier.len(), Mode::Judge);
            self.agree_on_found();
        }
    }

    /// How many states to expand before the next look at the limits. Depends on counts only.
    fn round_length(&self) -> usize {
        let transitions: u64 = self.workers.iter().map(|worker| worker.tally.transitions).sum();
        let branching = transitions / self.expanded.max(1) + 1;
        let mut length = REACHED_PER_ROUND / branching;
        if let Some(max) = self.limits.max_states {
            length = length.min(max.saturating_sub(self.store.len() as u64) / branching + 1);
        }
        usize::try_from(length).map_or(ROUND, |length| length.clamp(1, ROUND))
    }

    /// Lets the workers go through a piece of the frontier, each through a part of it.
    fn spread(&mut self, from: usize, to: usize, mode: Mode) {
        let active = ((to - from) / WORTH_A_THREAD).clamp(1, self.workers.len());
        let (context, piece) = (self.context, &self.frontier[from..to]);
        if active == 1 {
            let mut known = Known::Own { store: &mut self.store, next: &mut self.next };
            return self.workers[0].run(context, &mut known, piece, mode);
        }
        let mut parts = piece.chunks(piece.len().div_ceil(active));
        for worker in &mut self.workers {
            worker.reached_count = 0;
        }
        let store = &self.store;
        let (first, rest) = self.workers.split_at_mut(1);
        thread::scope(|scope| {
            let own = parts.next().unwrap_or_default();
            for (worker, part) in rest.iter_mut().zip(parts) {
                scope.spawn(move || worker.run(context, &mut Known::Shared(store), part, mode));
            }
            first[0].run(context, &mut Known::Shared(store), own, mode);
        });
        self.deduplicate();
        self.number();
    }

    /// Lets every shard take in what was reached. Shards are shared out among the threads.
    fn deduplicate(&mut self) {
        let mut reached = 0;
        for (worker, arrivals) in self.workers.iter().zip(&mut self.arrivals) {
            arrivals.clear();
            arrivals.resize_with(worker.reached_count as usize, Arrival::awaited);
            reached += arrivals.len();
        }
        let mut columns: Vec<Vec<_>> = (0..SHARDS)
            .map(|shard| {
                self.workers
                    .iter_mut()
                    .map(|worker| mem::take(&mut worker.reached[shard]))
                    .collect()
            })
            .collect();
        let active = (reached / (4 * WORTH_A_THREAD)).clamp(1, self.workers.len());
        let part_length = SHARDS.div_ceil(active);
        let (encoding, arrivals) = (self.context.encoding, &self.arrivals);
        let mut parts = self
            .store
            .shards
            .chunks_mut(part_length)
            .zip(columns.chunks_mut(part_length))
            .enumerate()
            .map(|(part, (shards, columns))| (part * part_length, shards, columns));
        thread::scope(|scope| {
            let own = parts.next();
            for (first, shards, columns) in parts {
                scope.spawn(move || take_in(encoding, arrivals, first, shards, columns));
            }
            if let Some((first, shards, columns)) = own {
                take_in(encoding, arrivals, first, shards, columns);
            }
        });
        for (shard, column) in columns.into_iter().enumerate() {
            for (worker, emptied) in self.workers.iter_mut().zip(column) {
                worker.reached[shard] = emptied;
            }
        }
    }

    /// Appends the new states to the next level in the order in which they were reached, and tells the
    /// noted steps where they lead.
    fn number(&mut self) {
        self.next.extend(self.arrivals.iter().flatten().filter_map(Arrival::new_id));
        for (worker, arrivals) in self.workers.iter_mut().zip(&self.arrivals) {
            if let Some(steps) = &mut worker.steps {
                steps.settle(arrivals);
            }
        }
    }

    /// The first worker had the earlier part of the frontier: what it found goes first.
    fn agree_on_found(&mut self) {
        for law in 0..LawIndex::of(self.context.laws).count() {
            let first = self.workers.iter().find_map(|worker| worker.found[law]);
            for worker in &mut self.workers {
                worker.found[law] = first;
            }
        }
    }

    fn out_of_bounds(&mut self) -> Option<String> {
        let bytes = self.bytes();
        self.peak_bytes = self.peak_bytes.max(bytes);
        self.limits.reached(self.store.len() as u64, bytes as u64)
    }

    fn bytes(&self) -> usize {
        let workers: usize = self.workers.iter().map(Worker::bytes).sum();
        let arrivals: usize = self.arrivals.iter().map(Vec::capacity).sum();
        let levels = self.frontier.capacity() + self.next.capacity();
        self.store.bytes() + workers + arrivals * size_of::<Arrival>() + levels * size_of::<Id>()
    }

    fn report_progress(&mut self) {
        let Some(callback) = &self.limits.progress else {
            return;
        };
        let now = Instant::now();
        if now - self.reported < PROGRESS_INTERVAL {
            return;
        }
        self.reported = now;
        let states = self.store.len() as u64;
        let elapsed = now - self.limits.started;
        callback(&Progress { states, depth: self.depth, elapsed });
    }
}
