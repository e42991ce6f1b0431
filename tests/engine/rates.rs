//! Rates, to be looked at:
//! `cargo test --release --features check -- --ignored --nocapture rates`

use std::collections::{HashSet, VecDeque};
use std::hint::black_box;
use std::time::Instant;

use outlive::check::{Encoding, Model, Search};

use super::ring::{Packed, Ring};

#[test]
#[ignore = "prints rates and judges nothing"]
fn rates_of_the_search() {
    let model = Ring::of(11);
    let started = Instant::now();
    let states = model_alone(&model);
    show(
        "the model alone",
        states,
        started.elapsed().as_secs_f64(),
        0.0,
    );
    let started = Instant::now();
    let states = naive(&model);
    show(
        "std HashSet, states only",
        states,
        started.elapsed().as_secs_f64(),
        0.0,
    );
    let runs = [
        ("u64, 1 thread", Search::packed(&model, Packed).run()),
        (
            "u64, 2 threads",
            Search::packed(&model, Packed).threads(2).run(),
        ),
        ("plain, 1 thread", Search::new(&model).run()),
        ("plain, 2 threads", Search::new(&model).threads(2).run()),
    ];
    for (name, report) in runs {
        assert_eq!(report.states, states);
        show(name, report.states, report.seconds, report.bytes_per_state);
    }
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
fn show(name: &str, states: u64, seconds: f64, bytes_per_state: f64) {
    let rate = states as f64 / seconds / 1e6;
    println!("{name}: {seconds:.2} s, {rate:.2} M states/s, {bytes_per_state:.1} bytes/state");
}
