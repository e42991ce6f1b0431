//! The explored states as a graph: numbered densely, with every step that changes something.

use std::hash::Hash;
use std::ops::Range;

use super::model::{Fairness, LeadsTo, Model, Properties};
use super::steps::Steps;
use super::store::{Id, Store, id_of, place_of_id, shard_of_id};

/// A state of a [`Graph`].
pub(super) type Node = u32;

/// A set of fair classes, by their number in [`FairClasses`].
pub(super) type ClassSet = u64;

/// The classes of actions which fairness speaks about, numbered from 0.
pub(super) struct FairClasses {
    /// By class of the model.
    numbers: Vec<Option<u8>>,
}

impl FairClasses {
    /// Why the assumptions make no sense, if they make none.
    pub(super) fn of<M: Model>(model: &M, laws: &Properties<M>) -> Result<Self, String> {
        let classes = model.classes();
        let mut numbers = vec![None; classes.len()];
        let mut next = 0;
        for fairness in laws.leads_to.iter().flat_map(|law| &law.fairness) {
            let name = fairness.class();
            let Some(class) = classes.iter().position(|class| *class == name) else {
                return Err(format!("fairness speaks of {name}, which is no class of actions"));
            };
            if numbers[class].is_none() {
                numbers[class] = Some(next);
                next += 1;
            }
        }
        if u32::from(next) > ClassSet::BITS {
            return Err("fairness speaks of more than 64 classes".to_owned());
        }
        Ok(Self { numbers })
    }

    /// The class as a set, empty if fairness does not speak about it.
    pub(super) fn set_of(&self, class: usize) -> ClassSet {
        self.numbers[class].map_or(0, |number| 1 << number)
    }

    /// The class as the label of a step: 0 if fairness does not speak about it.
    pub(super) fn label_of(&self, class: usize) -> u8 {
        self.numbers[class].map_or(0, |number| number + 1)
    }
}

/// A step to another state.
#[derive(Clone, Copy)]
pub(super) struct Edge {
    pub(super) to: Node,
    /// The fair class of the action as a set, or the empty set.
    pub(super) class: ClassSet,
}

/// All states and the steps between different ones.
pub(super) struct Graph {
    /// By shard: the node of its first state; and at the end the number of nodes.
    firsts: Vec<Node>,
    /// By node: where its steps begin; and at the end the number of steps.
    offsets: Vec<usize>,
    targets: Vec<Node>,
    /// By step: 0, or the number of its fair class plus one.
    labels: Vec<u8>,
}

impl Graph {
    /// Sorts the steps of the search by the state they begin in.
    pub(super) fn build<K: Eq + Hash>(store: &Store<K>, steps: Vec<Steps>) -> Self {
        let firsts = number_shards(store);
        let nodes = firsts[firsts.len() - 1] as usize;
        let runs = || steps.iter().flat_map(|steps| &steps.runs);
        let mut offsets = vec![0; nodes + 1];
        for &(id, count) in runs() {
            offsets[node_of(&firsts, id) as usize + 1] = count as usize;
        }
        for node in 0..nodes {
            offsets[node + 1] += offsets[node];
        }
        let mut targets = vec![0; offsets[nodes]];
        let mut labels = vec![0; offsets[nodes]];
        for steps in steps {
            let mut taken = 0;
            for (id, count) in steps.runs {
                let at = offsets[node_of(&firsts, id) as usize];
                let (from, to) = (taken..taken + count as usize, at..at + count as usize);
                labels[to.clone()].copy_from_slice(&steps.labels[from.clone()]);
                for (target, id) in targets[to].iter_mut().zip(&steps.targets[from]) {
                    *target = node_of(&firsts, *id);
                }
                taken += count as usize;
            }
        }
        Self { firsts, offsets, targets, labels }
    }

    pub(super) fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    /// The place of a node's steps among all.
    pub(super) fn span(&self, node: Node) -> Range<usize> {
        self.offsets[node as usize]..self.offsets[node as usize + 1]
    }

    pub(super) fn edge(&self, at: usize) -> Edge {
        let class = self.labels[at].checked_sub(1).map_or(0, |number| 1 << number);
        Edge { to: self.targets[at], class }
    }

    pub(super) fn edges(&self, node: Node) -> impl Iterator<Item = Edge> {
        self.span(node).map(|at| self.edge(at))
    }

    /// The fair classes with a step from here to another state.
    pub(super) fn enabled(&self, node: Node) -> ClassSet {
        self.edges(node).fold(0, |set, edge| set | edge.class)
    }

    pub(super) fn node(&self, id: Id) -> Node {
        node_of(&self.firsts, id)
    }

    pub(super) fn id(&self, node: Node) -> Id {
        let shard = self.firsts.partition_point(|&first| first <= node) - 1;
        id_of(shard, (node - self.firsts[shard]) as usize)
    }
}

fn number_shards<K: Eq + Hash>(store: &Store<K>) -> Vec<Node> {
    let mut firsts = Vec::from([0]);
    for shard in &store.shards {
        let states = Node::try_from(shard.keys().len()).expect("states of one shard");
        firsts.push(firsts[firsts.len() - 1] + states);
    }
    firsts
}

#[expect(clippy::cast_possible_truncation, reason = "places in a shard fit")]
fn node_of(firsts: &[Node], id: Id) -> Node {
    firsts[shard_of_id(id)] + place_of_id(id) as Node
}

/// What a law assumes, as sets of classes.
#[derive(Clone, Copy)]
pub(super) struct Assumed {
    pub(super) weak: ClassSet,
    pub(super) strong: ClassSet,
}

impl Assumed {
    pub(super) fn by<M: Model>(law: &LeadsTo<M>, model: &M, classes: &FairClasses) -> Self {
        let names = model.classes();
        let mut assumed = Self { weak: 0, strong: 0 };
        for fairness in &law.fairness {
            let class = names.iter().position(|name| *name == fairness.class());
            let set = class.map_or(0, |class| classes.set_of(class));
            match fairness {
                Fairness::Weak(_) => assumed.weak |= set,
                Fairness::Strong(_) => assumed.strong |= set,
            }
        }
        assumed
    }
}
