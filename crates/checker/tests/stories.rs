//! Counterexamples as text.

use outlive_checker::{Path, Search, Violation, replay};

use super::lock::{CAREFUL, CARELESS, Lock};

fn careless() -> Violation {
    let report = Search::new(&CARELESS).run();
    report.violation("one_holder").expect("a violation").clone()
}

const LIVELY: Lock = Lock { lively: true, ..CAREFUL };

fn starved() -> Violation {
    let report = Search::new(&LIVELY).run();
    report.violation("served").expect("a violation").clone()
}

#[test]
fn a_story_tells_every_step_and_what_is_wrong() {
    assert_eq!(
        careless().story(&CARELESS),
        "\
one_holder: at most one client holds the lock
0. in the beginning
   = [Idle, Idle]
1. 0 looks; it is SawItFree
   = [SawItFree, Idle]
2. 1 looks; it is SawItFree
   = [SawItFree, SawItFree]
3. 0 takes; it is Holds
   = [Holds, SawItFree]
4. 1 takes; it is Holds
   = [Holds, Holds]
violated: 2 hold it
"
    );
}

#[test]
fn a_story_without_end_says_where_it_stands_still() {
    assert_eq!(
        starved().story(&LIVELY),
        "\
served: a client which wants the lock; then somebody holds it
0. in the beginning
   = [Idle, Idle]
1. 0 looks; it is SawItFree
   = [SawItFree, Idle]
2. 1 looks; it is SawItFree
   = [SawItFree, SawItFree]
from here on nothing happens any more
violated: everything stands still, which is fair under weak(look)
"
    );
}

#[test]
fn a_sequence_diagram_escapes_what_mermaid_would_read() {
    assert_eq!(
        careless().sequence_diagram(&CARELESS),
        "\
sequenceDiagram
    participant p0 as client #35;0
    participant p1 as lock
    participant p2 as client #35;1
    p0->>p1: 0 looks#59; it is SawItFree
    p2->>p1: 1 looks#59; it is SawItFree
    p0->>p1: 0 takes#59; it is Holds
    p2->>p1: 1 takes#59; it is Holds
    Note over p0,p2: one_holder: 2 hold it
"
    );
}

#[test]
fn json_lines_are_one_object_per_step() {
    let lines = careless().json_lines(&CARELESS);
    let steps: Vec<serde_json::Value> =
        lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(steps.len(), 4);
    assert_eq!(steps[3]["step"], 4);
    assert_eq!(steps[3]["action"], "1 takes");
    assert_eq!(steps[3]["state"], "[Holds, Holds]");
}

#[test]
fn the_printed_test_is_the_one_which_is_compiled_here() {
    let printed = careless().test_code(&CARELESS);
    let kept = include_str!("printed.rs");
    assert!(kept.ends_with(&printed), "printed:\n{printed}");
}

#[test]
fn the_printed_test_of_a_lasso_forbids_its_end() {
    let printed = starved().test_code(&LIVELY);
    assert!(printed.contains("assert!(!replay.returns_to(2));"), "{printed}");
}

#[test]
fn a_replay_finds_the_violation_again() {
    let actions = careless().path.expect("a path").actions;
    let actions: Vec<&str> = actions.iter().map(String::as_str).collect();
    let found = replay(&CARELESS, 0, &actions);
    assert_eq!(found.violation, Some(careless()));
    let repaired = replay(&CAREFUL, 0, &actions);
    assert_eq!((repaired.violation, repaired.missing), (None, None));
    let misspelt = replay(&CARELESS, 0, &["0 looks", "2 looks"]);
    assert_eq!(misspelt.missing, Some(1));
}

#[test]
fn a_path_survives_serialization() {
    let path = careless().path.expect("a path");
    let text = serde_json::to_string(&path).expect("paths are data");
    let back: Path = serde_json::from_str(&text).expect("paths are data");
    assert_eq!(back, path);
    assert!(back.follow(&CARELESS).is_some());
    assert!(Path { initial: 1, ..back }.follow(&CARELESS).is_none());
}
