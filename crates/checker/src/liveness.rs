//! Properties about what must come to pass, judged on the graph of all states.
//!
//! A counterexample to "`from` leads to `to`" is a behaviour which comes to a state where `from`
//! holds, never again to one where `to` holds, and is fair. Where such a behaviour ends up is a
//! strongly connected set of states without `to` that fairness does not drive out of. Standing
//! still is a behaviour like any other: it is fair where no fair class is enabled.

use std::collections::HashSet;

use super::components::{Components, SetNumber};
use super::encoding::Encoding;
use super::graph::{Assumed, ClassSet, FairClasses, Graph, Node};
use super::lasso::{Lasso, behaviour};
use super::limits::Limits;
use super::model::{Fairness, LeadsTo, Model};
use super::obligation::Obliged;
use super::report::{Kind, Violation};
use super::steps::Steps;
use super::store::Store;
use super::worker::Context;

/// Why the laws about what must come to pass cannot be judged for this model, if they cannot.
pub(super) fn refusal<M: Model, E: Encoding<M>>(context: &Context<'_, M, E>) -> Option<String> {
    if context.symmetric && !context.laws.leads_to.is_empty() {
        return Some("laws of the form leads-to cannot be judged under symmetry".to_owned());
    }
    FairClasses::of(context.model, context.laws).err()
}

/// The violations of all such laws; why not all could be judged, if so.
pub(super) fn judge<M: Model, E: Encoding<M>>(
    context: Context<'_, M, E>,
    store: &Store<E::Key>,
    steps: Vec<Steps>,
    limits: &Limits<'_>,
) -> Result<Vec<Violation>, String> {
    if context.laws.leads_to.is_empty() {
        return Ok(Vec::new());
    }
    let bytes = store.bytes() as u64 + bytes_needed(store.len() as u64, &steps);
    if let Some(max) = limits.max_memory.filter(|&max| bytes >= max) {
        return Err(format!("leads-to needs {bytes} bytes, the bound is {max}"));
    }
    if store.len() as u64 >= u64::from(Node::MAX / 2) {
        return Err("there are too many states for leads-to".to_owned());
    }
    let classes = FairClasses::of(context.model, context.laws)?;
    let graph = Graph::build(store, steps);
    let mut violations = Vec::new();
    for law in &context.laws.leads_to {
        if let Some(why) = limits.out_of_time() {
            return Err(why);
        }
        let assumed = Assumed::by(law, context.model, &classes);
        let obliged = Obliged::explore(context, store, &graph, law);
        let Some(lasso) = counterexample(&graph, &obliged, assumed) else {
            continue;
        };
        let trace = behaviour(context, store, &graph, &classes, &lasso)?;
        let detail = detail(law, lasso.cycle.is_empty());
        violations.push(Violation::new(Kind::LeadsTo, law.name, law.sentence, detail, &trace));
    }
    Ok(violations)
}

fn bytes_needed(states: u64, steps: &[Steps]) -> u64 {
    // What the search noted, and the same sorted; offsets, two parents and a queue, flags, and what components need.
    let noted: u64 = steps.iter().map(|steps| steps.bytes() as u64).sum();
    2 * noted + (8 + 16 + 1 + 24) * states
}

fn detail<M: Model>(law: &LeadsTo<M>, standstill: bool) -> String {
    let end = if standstill { "everything stands still" } else { "the same repeats for ever" };
    if law.fairness.is_empty() {
        return format!("{end}, and nothing is assumed that would prevent it");
    }
    let fairness: Vec<_> = law.fairness.iter().map(Fairness::to_string).collect();
    format!("{end}, which is fair under {}", fairness.join(", "))
}

/// A fair behaviour which never meets its obligation, with the shortest way to where it repeats.
fn counterexample(graph: &Graph, obliged: &Obliged, assumed: Assumed) -> Option<Lasso> {
    let mut components = Components::new(graph);
    let mut fair = HashSet::new();
    let mut regions = Vec::from([obliged.nodes().collect::<Vec<_>>()]);
    while let Some(region) = regions.pop() {
        components.decompose(&region, |component, sets| {
            match examine(graph, component, sets, assumed) {
                Finding::Fair => {
                    fair.insert(sets[component[0] as usize]);
                }
                Finding::Unfair => {}
                Finding::Perhaps(smaller) => regions.push(smaller),
            }
        });
    }
    let set_of = |node: Node| components.sets()[node as usize];
    let entry = obliged.nodes().find(|&node| fair.contains(&set_of(node)))?;
    let inside = |node| set_of(node) == set_of(entry);
    Some(Lasso::through(graph, obliged.way_to(entry), inside, assumed))
}

/// What is known about a strongly connected set of nodes.
enum Finding {
    /// A behaviour that visits all of it again and again is fair.
    Fair,
    /// No behaviour that stays inside is fair.
    Unfair,
    /// Only behaviours which stay inside this part can be fair.
    Perhaps(Vec<Node>),
}

fn examine(graph: &Graph, component: &[Node], sets: &[SetNumber], assumed: Assumed) -> Finding {
    let inside = sets[component[0] as usize];
    let (mut always, mut ever, mut taken) = (ClassSet::MAX, 0, 0);
    for &node in component {
        let mut enabled = 0;
        for edge in graph.edges(node) {
            enabled |= edge.class;
            if sets[edge.to as usize] == inside {
                taken |= edge.class;
            }
        }
        always &= enabled;
        ever |= enabled;
    }
    if assumed.weak & always & !taken != 0 {
        return Finding::Unfair;
    }
    let starved = assumed.strong & ever & !taken;
    if starved == 0 {
        return Finding::Fair;
    }
    let mut rest = component.to_vec();
    rest.retain(|&node| graph.enabled(node) & starved == 0);
    if rest.is_empty() { Finding::Unfair } else { Finding::Perhaps(rest) }
}
