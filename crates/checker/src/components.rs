//! Strongly connected components, by Tarjan's algorithm without recursion.

use std::ops::Range;

use super::graph::{Graph, Node};

const UNSEEN: u32 = u32::MAX;

/// The number of a set of nodes: of a region to decompose, or of a component found in one. A node
/// is in one set at a time; 0 is that of the nodes which were never in a region.
pub(super) type SetNumber = u32;

/// Decomposes regions of a graph, one after the other.
pub(super) struct Components<'a> {
    graph: &'a Graph,
    /// By node: the set it is in.
    sets: Vec<SetNumber>,
    last_number: SetNumber,
    /// The region being decomposed.
    region: SetNumber,
    /// By node: when it was first seen.
    seen: Vec<u32>,
    /// By node: the earliest node which is known to be in the same component.
    low: Vec<u32>,
    clock: u32,
}

/// A node being looked at, and the steps not looked at yet.
struct Visit {
    node: Node,
    rest: Range<usize>,
}

impl<'a> Components<'a> {
    pub(super) fn new(graph: &'a Graph) -> Self {
        Self {
            graph,
            sets: vec![0; graph.len()],
            last_number: 0,
            region: 0,
            seen: vec![UNSEEN; graph.len()],
            low: vec![UNSEEN; graph.len()],
            clock: 0,
        }
    }

    /// By node: the set it is in.
    pub(super) fn sets(&self) -> &[SetNumber] {
        &self.sets
    }

    /// Calls back with every component of the graph restricted to `nodes`, and with the set that
    /// each node is in, as far as that is known.
    pub(super) fn decompose(
        &mut self,
        nodes: &[Node],
        mut found: impl FnMut(&[Node], &[SetNumber]),
    ) {
        self.region = self.new_number();
        self.clock = 0;
        for &node in nodes {
            self.sets[node as usize] = self.region;
            self.seen[node as usize] = UNSEEN;
        }
        let mut open = Vec::new();
        for &node in nodes {
            // A node whose component is known has left the region.
            if self.inside(node) {
                self.explore(node, &mut open, &mut found);
            }
        }
    }

    fn explore(
        &mut self,
        root: Node,
        open: &mut Vec<Node>,
        found: &mut impl FnMut(&[Node], &[SetNumber]),
    ) {
        let mut visits = Vec::from([self.enter(root, open)]);
        while let Some(visit) = visits.last_mut() {
            let node = visit.node;
            if let Some(at) = visit.rest.next() {
                let to = self.graph.edge(at).to;
                if !self.inside(to) {
                    continue;
                }
                if self.seen[to as usize] == UNSEEN {
                    visits.push(self.enter(to, open));
                } else {
                    self.lower(node, self.seen[to as usize]);
                }
                continue;
            }
            visits.pop();
            if let Some(parent) = visits.last() {
                self.lower(parent.node, self.low[node as usize]);
            }
            if self.low[node as usize] == self.seen[node as usize] {
                self.close(node, open, found);
            }
        }
    }

    fn enter(&mut self, node: Node, open: &mut Vec<Node>) -> Visit {
        self.seen[node as usize] = self.clock;
        self.low[node as usize] = self.clock;
        self.clock += 1;
        open.push(node);
        Visit { node, rest: self.graph.span(node) }
    }

    /// `node` is the first of its component: everything opened since belongs to it.
    fn close(
        &mut self,
        node: Node,
        open: &mut Vec<Node>,
        found: &mut impl FnMut(&[Node], &[SetNumber]),
    ) {
        let start = open.iter().rposition(|&other| other == node).unwrap_or_default();
        let number = self.new_number();
        for &member in &open[start..] {
            self.sets[member as usize] = number;
        }
        found(&open[start..], &self.sets);
        open.truncate(start);
    }

    fn inside(&self, node: Node) -> bool {
        self.sets[node as usize] == self.region
    }

    fn new_number(&mut self) -> SetNumber {
        self.last_number = self.last_number.checked_add(1).expect("sets can be numbered");
        self.last_number
    }

    fn lower(&mut self, node: Node, low: u32) {
        let own = &mut self.low[node as usize];
        *own = low.min(*own);
    }
}
