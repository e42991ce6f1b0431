//! Random walks through a model: for property tests, and for what is too large to explore.

use super::model::{Model, Taken, Trace};
use super::report::Violation;

/// Where a walk went.
#[must_use]
pub struct Walk<M: Model> {
    /// The way.
    pub trace: Trace<M>,
    /// The first law broken on the way; the walk ends there.
    pub violation: Option<Violation>,
}

impl<M: Model> Walk<M> {
    /// Panics with the story if a law was broken.
    pub fn assert_lawful(&self, model: &M) {
        if let Some(violation) = &self.violation {
            std::panic!("{}", violation.story(model));
        }
    }
}

/// Walks through a model, judging every state and every step. Each pick chooses among the enabled
/// actions (its remainder by their number); the first chooses the initial state if there are
/// several. Ends with the picks, with a violation, or where nothing is enabled.
pub fn walk<M: Model>(model: &M, picks: impl IntoIterator<Item = u32>) -> Walk<M> {
    walk_weighted(model, picks, |_| 1)
}

/// As [`walk`], but an action is chosen in proportion to its weight. An action of weight 0 is never
/// taken. Uniform walks seldom get far where one action is always enabled and ends everything.
///
/// # Panics
/// If the model has no initial state.
pub fn walk_weighted<M: Model>(
    model: &M,
    picks: impl IntoIterator<Item = u32>,
    weight: impl Fn(&M::Action) -> u32,
) -> Walk<M> {
    let laws = model.properties();
    let mut picks = picks.into_iter();
    let initials = model.initial().len();
    let first = if initials > 1 { picks.next().unwrap_or_default() as usize % initials } else { 0 };
    let mut trace = Trace::begin(model, first).expect("a model has an initial state");
    let mut violation = trace.judge_state(model, &laws);
    while violation.is_none() {
        let Some(pick) = picks.next() else { break };
        if !choose(model, &mut trace, pick, &weight) {
            violation = stuck(model, &trace);
            break;
        }
        violation = trace.judge_step(model, &laws).or_else(|| trace.judge_state(model, &laws));
    }
    Walk { trace, violation }
}

/// Takes the enabled action that `pick` falls on; whether there was any to take.
fn choose<M: Model>(
    model: &M,
    trace: &mut Trace<M>,
    pick: u32,
    weight: &impl Fn(&M::Action) -> u32,
) -> bool {
    let mut actions = Vec::new();
    model.actions(trace.last(), &mut actions);
    let mut total = 0;
    let mut options = Vec::new();
    for (index, action) in actions.into_iter().enumerate() {
        let Some((after, evidence)) = model.step(trace.last(), &action) else {
            continue;
        };
        total += u64::from(weight(&action));
        // An action has the picks from the total before it up to the total with it.
        options.push((total, Taken { index, action, evidence, after }));
    }
    let Some(fallen_on) = u64::from(pick).checked_rem(total) else {
        return false;
    };
    let chosen = options.into_iter().find(|&(upper, _)| fallen_on < upper);
    trace.steps.extend(chosen.map(|(_, taken)| taken));
    true
}

/// The violation, if a walk ended where something should be able to happen.
fn stuck<M: Model>(model: &M, trace: &Trace<M>) -> Option<Violation> {
    let mut actions = Vec::new();
    model.actions(trace.last(), &mut actions);
    let able = actions.iter().any(|action| model.step(trace.last(), action).is_some());
    (!able && !model.terminal(trace.last())).then(|| Violation::deadlock(trace))
}
