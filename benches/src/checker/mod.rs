//! The same exhaustive search by our engine, by stateright and by SPIN.

mod model;
mod spin;

use std::time::Instant;

use cpu_time::ProcessTime;
use outlive::check::{Report, Search};
use stateright::{Checker, Model as _, Property};

use crate::Effort;
use crate::allocations::peak;
use crate::document::grouped;
use crate::document::table;
use crate::harness::median;
use model::{Action, Moment, Packed, World};

/// The model for stateright.
struct Other;

impl stateright::Model for Other {
    type State = Moment;
    type Action = Action;

    fn init_states(&self) -> Vec<Moment> {
        vec![Moment::first()]
    }

    fn actions(&self, state: &Moment, actions: &mut Vec<Action>) {
        state.actions(actions);
    }

    fn next_state(&self, state: &Moment, action: Action) -> Option<Moment> {
        Some(state.after(action))
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("nobody_is_ahead", |_, state: &Moment| state.nobody_is_ahead()),
            Property::always("turns_have_a_worker", |_, state: &Moment| {
                state.turns_have_a_worker()
            }),
        ]
    }
}

/// What a search came to.
struct Searched {
    states: u64,
    /// As far as the checker counts them.
    transitions: Option<u64>,
    bytes_per_state: f64,
    cpu: f64,
    wall: f64,
}

fn timed(search: impl FnOnce() -> (u64, Option<u64>, f64)) -> Searched {
    let (before, clock) = (ProcessTime::now(), Instant::now());
    let (states, transitions, bytes_per_state) = search();
    let (cpu, wall) = (before.elapsed().as_secs_f64(), clock.elapsed().as_secs_f64());
    Searched { states, transitions, bytes_per_state, cpu, wall }
}

fn ours(run: impl FnOnce() -> Report) -> Searched {
    timed(|| {
        let (report, bytes) = peak(run);
        assert!(report.is_verified(), "{report}");
        (report.states, Some(report.transitions), bytes as f64 / report.states as f64)
    })
}

fn stateright(threads: usize) -> Searched {
    timed(|| {
        let ((states, all), bytes) = peak(|| {
            let done = Other.checker().threads(threads).spawn_bfs().join();
            done.assert_properties();
            (done.unique_state_count() as u64, done.state_count() as u64)
        });
        // It counts the first state as if a transition led to it.
        (states, Some(all - 1), bytes as f64 / states as f64)
    })
}

type Run = fn() -> Option<Searched>;

const RUNS: [(&str, Run); 6] = [
    ("outlive, packed into 64 bits", || Some(ours(|| Search::packed(&World, Packed).run()))),
    ("outlive, packed, 2 threads", || {
        Some(ours(|| Search::packed(&World, Packed).threads(2).run()))
    }),
    ("outlive, states as they are", || Some(ours(|| Search::new(&World).run()))),
    ("outlive, as they are, 2 threads", || Some(ours(|| Search::new(&World).threads(2).run()))),
    ("stateright, breadth first", || Some(stateright(1))),
    ("SPIN, exact", spin::search),
];

pub fn section(effort: Effort) -> String {
    let rounds = if effort.short { 1 } else { 3 };
    let mut searched: Vec<Vec<Searched>> = RUNS.iter().map(|_| Vec::new()).collect();
    for _ in 0..rounds {
        for ((_, run), searched) in RUNS.iter().zip(&mut searched) {
            searched.extend(run());
        }
    }
    let first = &searched[0][0];
    let (states, transitions) = (first.states, first.transitions);
    for ((name, _), one) in
        RUNS.iter().zip(&searched).flat_map(|(run, all)| all.iter().map(move |one| (run, one)))
    {
        assert_eq!(one.states, states, "{name} counts other states");
        assert_eq!(one.transitions, transitions, "{name} counts other transitions");
    }
    let base: Vec<f64> = searched[0].iter().map(|one| one.cpu).collect();
    let rows: Vec<_> = RUNS
        .iter()
        .zip(&searched)
        .filter(|(_, all)| !all.is_empty())
        .map(|((name, _), all)| {
            let rate = median(all.iter().map(|one| one.states as f64 / one.cpu / 1e6));
            let ratio = median(all.iter().zip(&base).map(|(one, base)| one.cpu / base));
            let least = all.iter().map(|one| one.wall).fold(f64::MAX, f64::min);
            vec![
                (*name).to_owned(),
                format!("{rate:.2} M"),
                format!("{ratio:.2}"),
                format!("{least:.2} s"),
                format!("{:.1}", all[0].bytes_per_state),
            ]
        })
        .collect();
    let heads = [
        "search",
        "states a CPU second",
        "CPU time, × the first",
        "least wall time",
        "bytes a state",
    ];
    let counts = format!(
        "\n{} states and {} transitions, counted by all of them.\n",
        grouped(states as usize),
        grouped(transitions.unwrap_or_default() as usize),
    );
    table(&heads, &rows) + &counts
}
