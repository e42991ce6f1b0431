//! What ends a search, what it demands, and what it refuses.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::time::Duration;

use outlive_checker::{Fairness, Kind, Model, Outcome, Properties, Search, Standing, ensure};

use super::lock::{CAREFUL, CARELESS, Lock, Lossy};
use super::ring::{Packed, Ring};

const RING: Ring = Ring { cells: 8, forbidden_sum: None, forbidden: None };

fn why(outcome: &Outcome) -> &str {
    match outcome {
        Outcome::Incomplete { why } => why,
        Outcome::Verified | Outcome::Violated => "",
    }
}

#[test]
fn a_bound_on_states_is_no_pass() {
    let report = Search::packed(&RING, Packed).max_states(1000).run();
    assert_eq!(why(&report.outcome), "the bound of 1000 states was reached");
    assert!(!report.complete && (1000..2000).contains(&report.states), "{}", report.states);
    let open = report.laws.iter().all(|law| law.standing == Standing::Open);
    assert!(open, "{report}");
    assert_eq!(report.outcome.exit_code(), 3);
}

#[test]
fn a_bound_on_states_does_not_show_the_number_of_threads() {
    let [one, two] =
        [1, 2].map(|threads| Search::packed(&RING, Packed).threads(threads).max_states(9000).run());
    assert_eq!((one.states, one.transitions), (two.states, two.transitions));
    assert!((9000..9100).contains(&one.states), "{}", one.states);
}

#[test]
fn a_bound_just_above_the_number_of_states_is_none() {
    assert!(Search::packed(&RING, Packed).max_states(1 << 16).run().is_verified());
}

#[test]
fn a_bound_on_memory_is_no_pass() {
    let report = Search::packed(&RING, Packed).max_memory(100_000).run();
    assert_eq!(why(&report.outcome), "the bound of 100000 bytes was reached");
}

#[test]
fn a_bound_on_time_is_no_pass() {
    let report = Search::packed(&RING, Packed).max_time(Duration::ZERO).run();
    assert_eq!(why(&report.outcome), "the bound of 0 s was reached");
}

#[test]
fn leads_to_obeys_the_bound_on_memory() {
    /// Counts to 5000.
    struct Count;
    impl Model for Count {
        type State = u16;
        type Action = &'static str;
        type StepTrace = ();
        fn initial(&self) -> Vec<u16> {
            vec![0]
        }
        fn actions(&self, _: &u16, out: &mut Vec<&'static str>) {
            out.push("count");
        }
        fn step(&self, state: &u16, _: &&'static str) -> Option<(u16, ())> {
            (*state < 5000).then(|| (state + 1, ()))
        }
        fn properties(&self) -> Properties<Self> {
            let fairness = [Fairness::Weak("step")];
            let laws = Properties::<Self>::new();
            laws.leads_to("ends", "it ends", |_, at| *at == 0, |_, at| *at == 5000, fairness)
        }
        fn terminal(&self, state: &u16) -> bool {
            *state == 5000
        }
    }
    // About twice what the search for safety needs.
    let report = Search::new(&Count).max_memory(200_000).run();
    assert!(why(&report.outcome).starts_with("leads-to needs "), "{report}");
    assert!(report.complete && report.bytes_per_state < 40.0, "{}", report.bytes_per_state);
    assert_eq!(report.laws[1].standing, Standing::Open);
    assert!(Search::new(&Count).max_memory(2_000_000).run().is_verified());
}

#[test]
fn what_is_never_seen_is_an_error_unless_allowed() {
    struct Timid(Lock);
    impl Model for Timid {
        type State = u8;
        type Action = &'static str;
        type StepTrace = ();
        fn initial(&self) -> Vec<u8> {
            vec![0]
        }
        fn actions(&self, _: &u8, out: &mut Vec<&'static str>) {
            out.push("never");
        }
        fn step(&self, _: &u8, _: &&'static str) -> Option<(u8, ())> {
            None
        }
        fn properties(&self) -> Properties<Self> {
            Properties::<Self>::new().sometimes("moved", "it moves", |_, at| *at > 0)
        }
        fn counters(&self) -> Vec<String> {
            self.0.counters()
        }
        fn terminal(&self, _: &u8) -> bool {
            true
        }
    }
    let report = Search::new(&Timid(CAREFUL)).run();
    let details: Vec<_> =
        report.violations.iter().map(|violation| violation.detail.as_str()).collect();
    assert_eq!(
        details,
        [
            "no reachable state is like that",
            "step was never seen",
            "to idle was never seen",
            "to saw it free was never seen",
            "to holds was never seen",
        ]
    );
    let report = Search::new(&Timid(CAREFUL)).allow_idle_classes().allow_idle_counters().run();
    assert_eq!(report.violations.len(), 1);
    assert_eq!(report.violations[0].kind, Kind::Sometimes);
    assert_eq!(report.outcome, Outcome::Violated);
}

#[test]
fn an_encoding_which_forgets_is_found_out() {
    let report = Search::packed(&CAREFUL, Lossy).verify_encoding().run();
    assert!(why(&report.outcome).starts_with("the encoding is not exact: unpack(pack(s)) gave"));
}

#[test]
fn liveness_is_refused_under_symmetry() {
    let lock = Lock { symmetric: true, lively: true, ..CAREFUL };
    let report = Search::new(&lock).run();
    assert_eq!(why(&report.outcome), "laws of the form leads-to cannot be judged under symmetry");
}

#[test]
fn symmetry_keeps_one_state_of_each_kind() {
    let lock = Lock { clients: 5, ..CAREFUL };
    let mut known = BTreeSet::from([lock.initial().remove(0)]);
    let mut queue: Vec<_> = known.iter().cloned().collect();
    while let Some(state) = queue.pop() {
        let mut actions = Vec::new();
        lock.actions(&state, &mut actions);
        for (after, _) in actions.iter().filter_map(|action| lock.step(&state, action)) {
            if known.insert(after.clone()) {
                queue.push(after);
            }
        }
    }
    let kinds: BTreeSet<_> = known.iter().cloned().map(|state| lock.canonical(state)).collect();
    assert_eq!(Search::new(&lock).run().states, known.len() as u64);
    let symmetric = Lock { symmetric: true, ..lock };
    let report = Search::new(&symmetric).run();
    report.assert_verified(&symmetric);
    assert_eq!(report.states, kinds.len() as u64);
}

#[test]
fn under_symmetry_a_counterexample_is_still_a_behaviour_of_the_model() {
    let lock = Lock { clients: 5, symmetric: true, ..CARELESS };
    let report = Search::new(&lock).run();
    let violation = report.violation("one_holder").expect("a violation");
    let trace = violation.trace(&Lock { symmetric: false, ..lock }).expect("a behaviour");
    assert_eq!(trace.steps.len(), 4);
    assert_eq!(violation.detail, "2 hold it");
}

#[test]
fn a_symmetry_which_is_none_is_no_pass() {
    /// Counts up to 3, and takes all numbers for one.
    struct Confused;
    impl Model for Confused {
        type State = u8;
        type Action = u8;
        type StepTrace = ();
        fn initial(&self) -> Vec<u8> {
            vec![0]
        }
        fn actions(&self, _: &u8, out: &mut Vec<u8>) {
            out.extend([1, 2]);
        }
        fn step(&self, state: &u8, more: &u8) -> Option<(u8, ())> {
            (state + more <= 4).then(|| (state + more, ()))
        }
        fn properties(&self) -> Properties<Self> {
            Properties::<Self>::new()
                .always("small", "it is small", |_, state| ensure(*state < 4, "it is large"))
        }
        fn symmetric(&self) -> bool {
            true
        }
        fn canonical(&self, state: u8) -> u8 {
            // 1 stands for 2, but 2 does not reach what 1 reaches in as many steps.
            if state == 1 { 2 } else { state }
        }
    }
    let report = Search::new(&Confused).run();
    assert!(!report.is_verified(), "{report}");
}

#[test]
fn progress_is_not_reported_more_often_than_every_half_second() {
    let calls = Cell::new(0);
    let report =
        Search::packed(&Ring::of(4), Packed).progress(|_| calls.set(calls.get() + 1)).run();
    assert!(f64::from(calls.get()) <= report.seconds * 2.0);
}

#[test]
fn a_model_without_an_initial_state_is_no_pass() {
    struct Nothing;
    impl Model for Nothing {
        type State = ();
        type Action = u8;
        type StepTrace = ();
        fn initial(&self) -> Vec<()> {
            vec![]
        }
        fn actions(&self, (): &(), _: &mut Vec<u8>) {}
        fn step(&self, (): &(), _: &u8) -> Option<((), ())> {
            None
        }
        fn properties(&self) -> Properties<Self> {
            Properties::new()
        }
    }
    assert_eq!(why(&Search::new(&Nothing).run().outcome), "the model has no initial state");
}
