//! What the engine should find, worked out by the definitions and in the simplest way.

use outlive_checker::Fairness;

use super::graph::{CLASSES, Graph};

/// By node: the length of a shortest way from the beginning.
pub(crate) fn distances(graph: &Graph) -> Vec<Option<usize>> {
    let mut distances = vec![None; usize::from(graph.nodes)];
    for &node in &graph.initial {
        distances[usize::from(node)] = Some(0);
    }
    // As often as there are nodes: no shortest way is longer.
    for _ in 0..graph.nodes {
        for arrow in &graph.arrows {
            let Some(distance) = distances[usize::from(arrow.from)] else {
                continue;
            };
            let to = &mut distances[usize::from(arrow.to)];
            *to = Some(to.map_or(distance + 1, |known: usize| known.min(distance + 1)));
        }
    }
    distances
}

/// By law: the length of its shortest counterexample.
pub(crate) fn shortest_counterexamples(graph: &Graph) -> Vec<(&'static str, usize)> {
    let distances = distances(graph);
    let distance = |node: u8| distances[usize::from(node)];
    let nodes = || 0..graph.nodes;
    let bad_state = nodes().filter(|&node| graph.bad[usize::from(node)]).filter_map(distance);
    let bad_steps = graph.arrows.iter().filter(|arrow| arrow.bad);
    let bad_step = bad_steps.filter_map(|arrow| Some(distance(arrow.from)? + 1));
    let stuck = nodes()
        .filter(|&node| graph.leaving(node).count() == 0 && !graph.terminal[usize::from(node)]);
    let found = [
        ("good_states", bad_state.min()),
        ("good_steps", bad_step.min()),
        ("deadlock", stuck.filter_map(distance).min()),
    ];
    found.into_iter().filter_map(|(law, length)| Some((law, length?))).collect()
}

/// The least of all ways of this length which end as `ends` says, by its first node and the index
/// of each arrow among those that leave its node.
pub(crate) fn least_way(
    graph: &Graph,
    length: usize,
    ends: &dyn Fn(&[u8], &[usize]) -> bool,
) -> Option<(usize, Vec<usize>)> {
    let begin = |(index, &node): (usize, &u8)| {
        let mut picks = Vec::new();
        complete(graph, length, &mut vec![node], &mut picks, ends).then_some((index, picks))
    };
    graph.initial.iter().enumerate().find_map(begin)
}

fn complete(
    graph: &Graph,
    length: usize,
    nodes: &mut Vec<u8>,
    picks: &mut Vec<usize>,
    ends: &dyn Fn(&[u8], &[usize]) -> bool,
) -> bool {
    if picks.len() == length {
        return ends(nodes, picks);
    }
    for (pick, arrow) in graph.leaving(nodes[nodes.len() - 1]).enumerate() {
        nodes.push(arrow.to);
        picks.push(pick);
        if complete(graph, length, nodes, picks, ends) {
            return true;
        }
        nodes.pop();
        picks.pop();
    }
    false
}

/// By node: the length of a shortest way on which there is an obligation in the end.
pub(crate) fn obliged_distances(graph: &Graph) -> Vec<Option<usize>> {
    let from = |node: u8| graph.from[usize::from(node)];
    let to = |node: u8| graph.to[usize::from(node)];
    let mut obliged: Vec<Option<usize>> = distances(graph)
        .into_iter()
        .zip(0..)
        .map(|(distance, node)| distance.filter(|_| from(node) && !to(node)))
        .collect();
    for _ in 0..graph.nodes {
        for arrow in graph.arrows.iter().filter(|arrow| !to(arrow.to)) {
            let Some(distance) = obliged[usize::from(arrow.from)] else {
                continue;
            };
            let after = &mut obliged[usize::from(arrow.to)];
            *after = Some(after.map_or(distance + 1, |known| known.min(distance + 1)));
        }
    }
    obliged
}

/// The length of a shortest way with an obligation to a set of nodes in which a fair behaviour can
/// stay for ever without meeting it: every set of nodes is tried.
pub(crate) fn shortest_stem(graph: &Graph) -> Option<usize> {
    let obliged = obliged_distances(graph);
    let sets = (1..1_u32 << graph.nodes).map(|set| members(graph, set));
    let candidates = sets.filter(|set| {
        set.iter().all(|&node| obliged[usize::from(node)].is_some())
            && strongly_connected(graph, set)
            && can_stay(graph, set)
    });
    candidates.flat_map(|set| set.into_iter().filter_map(|node| obliged[usize::from(node)])).min()
}

fn members(graph: &Graph, set: u32) -> Vec<u8> {
    (0..graph.nodes).filter(|node| set >> node & 1 == 1).collect()
}

fn strongly_connected(graph: &Graph, set: &[u8]) -> bool {
    set.iter().all(|&start| {
        let mut reached = vec![start];
        for _ in set {
            for arrow in &graph.arrows {
                let inside = set.contains(&arrow.to) && reached.contains(&arrow.from);
                if inside && !reached.contains(&arrow.to) {
                    reached.push(arrow.to);
                }
            }
        }
        reached.len() == set.len()
    })
}

/// Whether a behaviour which visits all of `set`, and takes all steps in it, again and again is
/// fair. (To take fewer steps would be less fair; fewer nodes are another set.)
fn can_stay(graph: &Graph, set: &[u8]) -> bool {
    graph.fairness.iter().all(|&fairness| {
        let class = CLASSES.iter().position(|name| *name == fairness.class());
        let steps = || {
            graph.arrows.iter().filter(|arrow| {
                Some(arrow.class) == class && arrow.from != arrow.to && set.contains(&arrow.from)
            })
        };
        let taken = steps().any(|arrow| set.contains(&arrow.to));
        let enabled_in = |node: &&u8| steps().any(|arrow| arrow.from == **node);
        let enabled = set.iter().filter(enabled_in).count();
        match fairness {
            Fairness::Weak(_) => taken || enabled < set.len(),
            Fairness::Strong(_) => taken || enabled == 0,
        }
    })
}
