//! One worker of the search: expands states, judges laws, hands on what it reached.

use std::mem;

use super::encoding::Encoding;
use super::graph::FairClasses;
use super::merge::{Candidate, Known};
use super::model::{Model, Properties, Step};
use super::steps::Steps;
use super::store::{BATCH, HashSlot, Id, NO_STATE, SHARDS};

/// The bytes in which a worker remembers keys that it reached: what the first cache holds.
const RECENT_BYTES: usize = 1 << 15;

/// What all workers share.
pub(super) struct Context<'a, M: Model, E: Encoding<M>> {
    pub(super) model: &'a M,
    pub(super) encoding: &'a E,
    pub(super) laws: &'a Properties<M>,
    pub(super) verify_encoding: bool,
    pub(super) symmetric: bool,
}

impl<M: Model, E: Encoding<M>> Clone for Context<'_, M, E> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<M: Model, E: Encoding<M>> Copy for Context<'_, M, E> {}

impl<M: Model, E: Encoding<M>> Context<'_, M, E> {
    pub(super) fn representative(&self, state: M::State) -> M::State {
        if self.symmetric { self.model.canonical(state) } else { state }
    }

    /// Why the encoding cannot be trusted with `state`, if it cannot.
    pub(super) fn encoding_fault(&self, state: &M::State) -> Option<String> {
        let back = self.encoding.unpack(&self.encoding.pack(state));
        (back != *state).then(|| {
            format!("the encoding is not exact: unpack(pack(s)) gave {back:?} for s = {state:?}")
        })
    }
}

/// The safety laws by index: state laws, then step laws, then the deadlock.
#[derive(Clone, Copy)]
pub(super) struct LawIndex {
    pub(super) state: usize,
    pub(super) step: usize,
}

impl LawIndex {
    pub(super) fn of<M: Model>(laws: &Properties<M>) -> Self {
        Self { state: laws.state.len(), step: laws.step.len() }
    }

    pub(super) fn deadlock(self) -> usize {
        self.state + self.step
    }

    pub(super) fn count(self) -> usize {
        self.deadlock() + 1
    }

    /// Whether the law speaks about steps, so that its counterexamples end one step later.
    pub(super) fn is_step(self, law: usize) -> bool {
        (self.state..self.deadlock()).contains(&law)
    }
}

/// Whether states are expanded, or only judged (the last level before a search stops).
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Expand,
    Judge,
}

pub(super) struct Worker<M: Model, K> {
    /// What was reached and is not known, by shard.
    pub(super) reached: Vec<Vec<Candidate<K>>>,
    pub(super) reached_count: u32,
    /// By law: the state in which it was first found violated.
    pub(super) found: Vec<Option<Id>>,
    pub(super) tally: Counts,
    pub(super) fault: Option<String>,
    /// The steps taken, if a law asks for them.
    pub(super) steps: Option<Steps>,
    /// By class of actions: the label of its steps.
    labels: Vec<u8>,
    actions: Vec<M::Action>,
    /// What was reached, before it is looked up.
    batch: Vec<Candidate<K>>,
    /// Of what was reached, the label of the step.
    batch_labels: Vec<u8>,
    /// By hash: a key that is known or handed on already. What is reached is often reached again soon,
    /// and this is nearer than the store. Empty if keys own memory, for then a copy is dear; and if steps are
    /// noted, for then it matters which state it is.
    recent: Vec<K>,
}

/// Counts, which add up over workers.
#[derive(Clone)]
pub(super) struct Counts {
    pub(super) transitions: u64,
    pub(super) classes: Vec<u64>,
    pub(super) counters: Vec<u64>,
    pub(super) sometimes: Vec<u64>,
}

impl Counts {
    pub(super) fn new<M: Model>(model: &M, laws: &Properties<M>) -> Self {
        Self {
            transitions: 0,
            classes: vec![0; model.classes().len()],
            counters: vec![0; model.counters().len()],
            sometimes: vec![0; laws.sometimes.len()],
        }
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.transitions += other.transitions;
        let pairs = [
            (&mut self.classes, &other.classes),
            (&mut self.counters, &other.counters),
            (&mut self.sometimes, &other.sometimes),
        ];
        for (mine, theirs) in pairs {
            for (sum, count) in mine.iter_mut().zip(theirs) {
                *sum += count;
            }
        }
    }
}

impl<M: Model, K> Worker<M, K> {
    pub(super) fn new<E: Encoding<M, Key = K>>(context: Context<'_, M, E>) -> Self {
        let (model, laws) = (context.model, context.laws);
        let fair = FairClasses::of(model, laws).ok().filter(|_| !laws.leads_to.is_empty());
        let label = |fair: FairClasses| {
            (0..model.classes().len()).map(|class| fair.label_of(class)).collect()
        };
        Self {
            reached: (0..SHARDS).map(|_| Vec::new()).collect(),
            reached_count: 0,
            found: vec![None; LawIndex::of(laws).count()],
            tally: Counts::new(model, laws),
            fault: None,
            steps: fair.is_some().then(Steps::default),
            labels: fair.map_or_else(Vec::new, label),
            actions: Vec::new(),
            batch: Vec::with_capacity(BATCH),
            batch_labels: Vec::new(),
            recent: Vec::new(),
        }
    }

    /// Goes through a part of the frontier, in its order.
    pub(super) fn run<E: Encoding<M, Key = K>>(
        &mut self,
        context: Context<'_, M, E>,
        known: &mut Known<'_, K>,
        part: &[Id],
        mode: Mode,
    ) where
        K: Clone + Eq + std::hash::Hash,
    {
        self.reached_count = 0;
        if let Some(&id) = part.first() {
            self.remember(known.store().key(id));
        }
        // What the last step led to: memory for the next.
        let mut taken = None;
        for &id in part {
            let state = context.encoding.unpack(known.store().key(id));
            self.judge(&context, id, &state);
            let stuck = match mode {
                Mode::Expand => !self.expand(&context, known, (id, &state), &mut taken),
                Mode::Judge => !self.can_step(&context, &state),
            };
            if stuck && !context.model.terminal(&state) {
                let deadlock = LawIndex::of(context.laws).deadlock();
                self.found[deadlock].get_or_insert(id);
            }
        }
        self.dedup(&context, known);
    }

    fn judge<E: Encoding<M, Key = K>>(
        &mut self,
        context: &Context<'_, M, E>,
        id: Id,
        state: &M::State,
    ) {
        for (law, found) in context.laws.state.iter().zip(&mut self.found) {
            if found.is_none() && (law.check)(context.model, state).is_err() {
                *found = Some(id);
            }
        }
        for (law, count) in context.laws.sometimes.iter().zip(&mut self.tally.sometimes) {
            *count += u64::from((law.holds)(context.model, state));
        }
    }

    /// Takes every step from a state; whether there was any.
    fn expand<E: Encoding<M, Key = K>>(
        &mut self,
        context: &Context<'_, M, E>,
        known: &mut Known<'_, K>,
        (id, state): (Id, &M::State),
        taken: &mut Option<(M::State, M::StepTrace)>,
    ) -> bool
    where
        K: Clone + Eq + std::hash::Hash,
    {
        let model = context.model;
        let mut actions = mem::take(&mut self.actions);
        actions.clear();
        model.actions(state, &mut actions);
        let mut stepped = false;
        for action in &actions {
            if !model.step_into(state, action, taken) {
                continue;
            }
            // Borrowed: to move a state that was just written is to wait until it is written.
            let Some((after, evidence)) = &*taken else {
                continue;
            };
            stepped = true;
            let class = model.class(action);
            self.tally.transitions += 1;
            self.tally.classes[class] += 1;
            if self.steps.is_some() {
                self.batch_labels.push(self.labels[class]);
            }
            let counters = &mut self.tally.counters;
            model.count(evidence, &mut |counter| counters[counter] += 1);
            let step = Step { before: state, action, evidence, after };
            self.judge_step(context, id, &step);
            if !context.symmetric && !E::KEEPS_STATES {
                self.verify(context, after);
                self.reach(context, known, id, context.encoding.pack(after));
            } else if let Some((after, _)) = taken.take() {
                let after = context.representative(after);
                self.verify(context, &after);
                self.reach(context, known, id, context.encoding.pack_owned(after));
            }
        }
        self.actions = actions;
        stepped
    }

    fn judge_step<E: Encoding<M, Key = K>>(
        &mut self,
        context: &Context<'_, M, E>,
        id: Id,
        step: &Step<'_, M>,
    ) {
        if context.laws.suspect.is_some_and(|suspect| !suspect(context.model, step)) {
            debug_assert!(
                context.laws.step.iter().all(|law| (law.check)(context.model, step).is_ok()),
                "a step breaks a law over steps, and was not suspected"
            );
            return;
        }
        let found = &mut self.found[context.laws.state.len()..];
        for (law, found) in context.laws.step.iter().zip(found) {
            if found.is_none() && (law.check)(context.model, step).is_err() {
                *found = Some(id);
            }
        }
    }

    fn verify<E: Encoding<M, Key = K>>(&mut self, context: &Context<'_, M, E>, state: &M::State) {
        if context.verify_encoding && self.fault.is_none() {
            self.fault = context.encoding_fault(state);
        }
    }

    #[inline]
    fn reach<E: Encoding<M, Key = K>>(
        &mut self,
        context: &Context<'_, M, E>,
        known: &mut Known<'_, K>,
        parent: Id,
        key: K,
    ) where
        K: Clone + Eq + std::hash::Hash,
    {
        let spot = HashSlot::of(&key);
        if !self.recent.is_empty() {
            let place = spot.any(self.recent.len());
            if self.recent[place] == key {
                return;
            }
            self.recent[place].clone_from(&key);
        }
        self.batch.push(Candidate { key, spot, parent, order: 0 });
        if self.batch.len() == BATCH {
            self.dedup(context, known);
        }
    }

    /// Begins to remember keys, with one that is known.
    fn remember(&mut self, known: &K)
    where
        K: Clone,
    {
        if self.recent.is_empty() && self.steps.is_none() && !mem::needs_drop::<K>() {
            let fit = (RECENT_BYTES / size_of::<K>().max(1)).max(1);
            self.recent.resize(1 << fit.ilog2(), known.clone());
        }
    }

    /// Bytes in use, capacity included.
    pub(super) fn bytes(&self) -> usize {
        let reached: usize = self.reached.iter().map(Vec::capacity).sum();
        (reached + self.batch.capacity()) * size_of::<Candidate<K>>()
            + self.recent.capacity() * size_of::<K>()
            + self.steps.as_ref().map_or(0, Steps::bytes)
    }

    /// Adds those of the batch that are not known, or hands them on.
    fn dedup<E: Encoding<M, Key = K>>(
        &mut self,
        context: &Context<'_, M, E>,
        known: &mut Known<'_, K>,
    ) where
        K: Clone + Eq + std::hash::Hash,
    {
        let ids = known.store().known(self.batch.iter().map(|one| (&one.key, one.spot)));
        let mut labels = self.batch_labels.drain(..);
        for (mut one, id) in self.batch.drain(..).zip(ids) {
            let (from, label) = (one.parent, labels.next().unwrap_or_default());
            if id != NO_STATE {
                self.steps.iter_mut().for_each(|steps| steps.note(from, id, label));
                continue;
            }
            match known {
                Known::Own { store, next } => {
                    let heap = |key: &K| context.encoding.heap_bytes(key);
                    let Some(entered) = store.insert(one.key, one.spot, from, heap) else {
                        continue;
                    };
                    if entered.is_new {
                        next.push(entered.at);
                    }
                    self.steps.iter_mut().for_each(|steps| steps.note(from, entered.at, label));
                }
                Known::Shared(_) => {
                    one.order = self.reached_count;
                    self.reached_count += 1;
                    self.steps
                        .iter_mut()
                        .for_each(|steps| steps.note_awaited(from, one.order, label));
                    self.reached[one.spot.shard()].push(one);
                }
            }
        }
    }

    fn can_step<E: Encoding<M, Key = K>>(
        &mut self,
        context: &Context<'_, M, E>,
        state: &M::State,
    ) -> bool {
        self.actions.clear();
        context.model.actions(state, &mut self.actions);
        self.actions.iter().any(|action| context.model.step(state, action).is_some())
    }
}
