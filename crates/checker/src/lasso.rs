//! From a set of states in which a fair behaviour can stay to one such behaviour.

use std::collections::{HashMap, VecDeque};

use super::encoding::Encoding;
use super::graph::{Assumed, ClassSet, Edge, FairClasses, Graph, Node};
use super::model::{Model, Trace};
use super::retrace;
use super::store::Store;
use super::worker::Context;

/// A way in, and what repeats for ever after it.
pub(super) struct Lasso {
    /// From the beginning to the state to which the cycle returns.
    pub(super) stem: Vec<Node>,
    /// The steps of the cycle. None: everything stands still.
    pub(super) cycle: Vec<Edge>,
}

impl Lasso {
    /// Goes from the end of `stem` through a strongly connected, fair set of nodes and back, as far
    /// as fairness demands.
    pub(super) fn through(
        graph: &Graph,
        stem: Vec<Node>,
        inside: impl Fn(Node) -> bool,
        assumed: Assumed,
    ) -> Self {
        let entry = stem[stem.len() - 1];
        let mut round = Round::begin(graph, inside, entry);
        loop {
            let wanted = round.unmet(assumed);
            if wanted == 0 {
                if round.at() == entry {
                    break;
                }
                // What is passed on the way back may demand more.
                round.go(|_, to, _| to == entry);
            } else {
                round.satisfy(wanted, assumed);
            }
        }
        Self { stem, cycle: round.steps }
    }
}

/// A round through a component, being made.
struct Round<'a, I> {
    graph: &'a Graph,
    inside: I,
    entry: Node,
    steps: Vec<Edge>,
    /// Classes enabled in every state visited so far, in any of them, and taken.
    always: ClassSet,
    ever: ClassSet,
    taken: ClassSet,
}

impl<'a, I: Fn(Node) -> bool> Round<'a, I> {
    fn begin(graph: &'a Graph, inside: I, entry: Node) -> Self {
        let enabled = graph.enabled(entry);
        Self { graph, inside, entry, steps: Vec::new(), always: enabled, ever: enabled, taken: 0 }
    }

    fn at(&self) -> Node {
        self.steps.last().map_or(self.entry, |edge| edge.to)
    }

    /// The classes to which repeating this round would be unfair.
    fn unmet(&self, assumed: Assumed) -> ClassSet {
        (assumed.weak & self.always | assumed.strong & self.ever) & !self.taken
    }

    /// Goes on until one of the classes is taken, or is only weakly fair and not enabled.
    fn satisfy(&mut self, wanted: ClassSet, assumed: Assumed) {
        let weak_only = wanted & !(assumed.strong & self.ever);
        self.go(|graph, to, class| class & wanted != 0 || weak_only & !graph.enabled(to) != 0);
    }

    /// Takes the shortest way on whose last step `arrived` accepts.
    fn go(&mut self, arrived: impl Fn(&Graph, Node, ClassSet) -> bool) {
        let start = self.at();
        let mut via: HashMap<Node, (Node, Edge)> = HashMap::new();
        let mut queue = VecDeque::from([start]);
        while let Some(node) = queue.pop_front() {
            for edge in self.graph.edges(node) {
                if !(self.inside)(edge.to) {
                    continue;
                }
                if arrived(self.graph, edge.to, edge.class) {
                    let mut way = Vec::from([edge]);
                    let mut back = node;
                    while back != start {
                        let (before, edge) = via[&back];
                        way.push(edge);
                        back = before;
                    }
                    way.into_iter().rev().for_each(|edge| self.pass(edge));
                    return;
                }
                if edge.to != start && !via.contains_key(&edge.to) {
                    via.insert(edge.to, (node, edge));
                    queue.push_back(edge.to);
                }
            }
        }
        unreachable!("a fair component offers every step that fairness demands inside it")
    }

    fn pass(&mut self, edge: Edge) {
        let enabled = self.graph.enabled(edge.to);
        self.always &= enabled;
        self.ever |= enabled;
        self.taken |= edge.class;
        self.steps.push(edge);
    }
}

/// The lasso as a behaviour of real steps.
pub(super) fn behaviour<M: Model, E: Encoding<M>>(
    context: Context<'_, M, E>,
    store: &Store<E::Key>,
    graph: &Graph,
    classes: &FairClasses,
    lasso: &Lasso,
) -> Result<Trace<M>, String> {
    let key = |node| store.key(graph.id(node));
    let mut trace = retrace::begin_at(context, key(lasso.stem[0]))?;
    let mut whole = lasso.stem[1..].iter().all(|&node| {
        trace.extend(context.model, |step| retrace::is(context, key(node), step.after))
    });
    trace.cycle = Some(trace.steps.len());
    whole &= lasso.cycle.iter().all(|edge| {
        trace.extend(context.model, |step| {
            classes.set_of(context.model.class(step.action)) == edge.class
                && retrace::is(context, key(edge.to), step.after)
        })
    });
    if whole { Ok(trace) } else { Err(retrace::NO_SYMMETRY.to_owned()) }
}
