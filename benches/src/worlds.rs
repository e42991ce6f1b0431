//! The worlds that `outlive check` searches: real states, wide ones, with every law.

use cpu_time::ProcessTime;
use outlive::check::Search;
use outlive::check::world::{Bytes, Scope, World, scopes};

use crate::Effort;
use crate::document::grouped;
use crate::document::table;
use crate::harness::median;

const NAMED: [&str; 4] = ["crashes", "two_clients", "takeovers", "turns"];

pub fn section(effort: Effort) -> String {
    let named = if effort.short { &NAMED[..1] } else { &NAMED[..] };
    let rounds = if effort.short { 1 } else { 3 };
    let rows: Vec<_> = named
        .iter()
        .map(|name| {
            // Safety alone: what must come to pass is judged after the search, and is other work.
            let scope = Scope { live: false, ..scopes::named(name).expect("a world of that name") };
            let world = World::new(scope).expect("no limit is 0");
            let mut rates = Vec::new();
            let mut cells = Vec::new();
            for _ in 0..rounds {
                let before = ProcessTime::now();
                let search = Search::packed(&world, Bytes).allow_idle_counters();
                let report = search.allow_idle_classes().run();
                assert!(report.is_verified(), "{report}");
                rates.push(report.states as f64 / before.elapsed().as_secs_f64() / 1e3);
                cells = vec![
                    (*name).to_owned(),
                    grouped(report.states as usize),
                    grouped(report.transitions as usize),
                    format!("{:.0}", report.bytes_per_state),
                ];
            }
            cells.push(format!("{:.0} k", median(rates.into_iter())));
            cells
        })
        .collect();
    table(&["world", "states", "steps", "bytes a state", "states a CPU second"], &rows)
}
