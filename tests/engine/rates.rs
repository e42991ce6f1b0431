//! Rates, to be looked at:
//! `cargo test --release --features check -- --ignored --nocapture rates`

use std::collections::{HashSet, VecDeque};
use std::hint::black_box;
use std::time::Instant;

use outlive::check::{Encoding, Model, Report, Search};

use super::ring::{Packed, Ring};

#[test]
#[ignore = "prints rates and judges nothing"]
fn rates_of_the_search() {
    let model = Ring::of(11);
    show("the model alone", || (model_alone(&model), 0.0));
    show("std HashSet, no traces", || (naive(&model), 0.0));
    let packed = |threads| result(&Search::packed(&model, Packed).threads(threads).run());
    let plain = |threads| result(&Search::new(&model).threads(threads).run());
    show("u64, 1 thread", || packed(1));
    show("u64, 2 threads", || packed(2));
    show("plain, 1 thread", || plain(1));
    show("plain, 2 threads", || plain(2));
}

fn result(report: &Report) -> (u64, f64) {
    assert!(report.is_verified(), "{report}");
    (report.states, report.bytes_per_state)
}

/// Every step from every state, packed, and forgotten: what no search can do without.
fn model_alone(model: &Ring) -> u64 {
    let mut actions = Vec::new();
    let mut states = 0;
    for key in 0..(1 << 22) - 1 {
        let state = Packed.unpack(&key);
        states += 1;
        actions.clear();
        model.actions(&state, &mut actions);
        for action in &actions {
            if let Some((after, ())) = model.step(&state, action) {
                black_box(Packed.pack(&after));
            }
        }
    }
    states
}

fn naive(model: &Ring) -> u64 {
    let initial = model.initial().remove(0);
    let mut known = HashSet::from([initial.clone()]);
    let mut queue = VecDeque::from([initial]);
    let mut actions = Vec::new();
    while let Some(state) = queue.pop_front() {
        actions.clear();
        model.actions(&state, &mut actions);
        for action in &actions {
            let Some((after, ())) = model.step(&state, action) else {
                continue;
            };
            if known.insert(after.clone()) {
                queue.push_back(after);
            }
        }
    }
    known.len() as u64
}

#[expect(clippy::cast_precision_loss, reason = "a rate for people to read")]
fn show(name: &str, search: impl FnOnce() -> (u64, f64)) {
    let (clock, cpu) = (Instant::now(), cpu_seconds());
    let (states, bytes) = search();
    let (clock, cpu) = (clock.elapsed().as_secs_f64(), cpu_seconds() - cpu);
    let rate = states as f64 / cpu / 1e6;
    println!(
        "{name}: {clock:.2} s, {cpu:.2} CPU s, {rate:.2} M states/CPU s, {bytes:.1} bytes/state"
    );
}

/// Of this process so far, where the system says so as Linux does.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks: f64 = fields.skip(11).take(2).filter_map(|field| field.parse::<f64>().ok()).sum();
    ticks / 100.0
}
