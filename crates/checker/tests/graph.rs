//! Models which are nothing but small random graphs, for comparison with brute force.

use std::fmt;

use outlive_checker::{Encoding, Fairness, Model, Properties, ensure};
use proptest::collection::vec;
use proptest::prelude::*;

pub(crate) const CLASSES: [&str; 3] = ["red", "green", "blue"];

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Arrow {
    pub from: u8,
    pub to: u8,
    pub class: usize,
    /// Whether the step law forbids it.
    pub bad: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Graph {
    pub nodes: u8,
    pub initial: Vec<u8>,
    pub arrows: Vec<Arrow>,
    /// Forbidden by the state law.
    pub bad: Vec<bool>,
    pub terminal: Vec<bool>,
    pub from: Vec<bool>,
    pub to: Vec<bool>,
    pub fairness: Vec<Fairness>,
}

impl Graph {
    pub(crate) fn leaving(&self, node: u8) -> impl Iterator<Item = &Arrow> {
        self.arrows.iter().filter(move |arrow| arrow.from == node)
    }
}

/// Graphs in which something may be wrong with safety.
pub(crate) fn graphs(max_nodes: u8) -> impl Strategy<Value = Graph> {
    (2..=max_nodes).prop_flat_map(|nodes| {
        let size = usize::from(nodes);
        let arrow = (0..nodes, 0..nodes, 0..CLASSES.len(), prop::bool::weighted(0.1))
            .prop_map(|(from, to, class, bad)| Arrow { from, to, class, bad });
        let flags = move |odds| vec(prop::bool::weighted(odds), size);
        (
            vec(0..nodes, 1..3),
            vec(arrow, 0..3 * size),
            (flags(0.2), flags(0.8), flags(0.3), flags(0.3)),
            fairness(),
        )
            .prop_map(move |(initial, arrows, (bad, terminal, from, to), fairness)| {
                Graph { nodes, initial, arrows, bad, terminal, from, to, fairness }
            })
    })
}

/// Graphs in which nothing can be wrong but what must come to pass.
pub(crate) fn safe_graphs(max_nodes: u8) -> impl Strategy<Value = Graph> {
    graphs(max_nodes).prop_map(|mut graph| {
        graph.bad.fill(false);
        graph.terminal.fill(true);
        graph.arrows.iter_mut().for_each(|arrow| arrow.bad = false);
        graph
    })
}

fn fairness() -> impl Strategy<Value = Vec<Fairness>> {
    let one = (0..CLASSES.len(), any::<bool>()).prop_map(|(class, strong)| {
        if strong { Fairness::Strong(CLASSES[class]) } else { Fairness::Weak(CLASSES[class]) }
    });
    vec(one, 0..4)
}

#[derive(Clone)]
pub(crate) struct Follow {
    arrow: usize,
    to: u8,
}

impl fmt::Display for Follow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "arrow {} to {}", self.arrow, self.to)
    }
}

impl Model for Graph {
    type State = u8;
    type Action = Follow;
    type StepTrace = usize;

    fn initial(&self) -> Vec<u8> {
        self.initial.clone()
    }

    fn actions(&self, state: &u8, out: &mut Vec<Follow>) {
        let arrows = self.arrows.iter().enumerate().filter(|(_, arrow)| arrow.from == *state);
        out.extend(arrows.map(|(arrow, to)| Follow { arrow, to: to.to }));
    }

    fn step(&self, _: &u8, action: &Follow) -> Option<(u8, usize)> {
        Some((action.to, action.arrow))
    }

    fn properties(&self) -> Properties<Self> {
        Properties::<Self>::new()
            .always("good_states", "no state is bad", |graph, state| {
                ensure(!graph.bad[usize::from(*state)], "a bad state")
            })
            .every_step("good_steps", "no step is bad", |graph, step| {
                ensure(!graph.arrows[*step.evidence].bad, "a bad step")
            })
            // More than enough: every other step, and whatever is bad.
            .suspecting(|graph, step| step.evidence % 2 == 0 || graph.arrows[*step.evidence].bad)
            .leads_to(
                "arrives",
                "from leads to to",
                |graph, state| graph.from[usize::from(*state)],
                |graph, state| graph.to[usize::from(*state)],
                self.fairness.clone(),
            )
    }

    fn classes(&self) -> Vec<&'static str> {
        CLASSES.to_vec()
    }

    fn class(&self, action: &Follow) -> usize {
        self.arrows[action.arrow].class
    }

    fn terminal(&self, state: &u8) -> bool {
        self.terminal[usize::from(*state)]
    }
}

/// Spreads the nodes over the shards in another order than `Plain` does.
pub(crate) struct Boxed;

impl Encoding<Graph> for Boxed {
    type Key = Box<[u8]>;

    fn pack(&self, state: &u8) -> Box<[u8]> {
        std::vec![7; usize::from(*state)].into()
    }

    fn unpack(&self, key: &Box<[u8]>) -> u8 {
        u8::try_from(key.len()).expect("a node")
    }

    fn heap_bytes(&self, key: &Box<[u8]>) -> usize {
        key.len()
    }
}
