//! Another checker, given the same model, finds the same states. Needs `spin` and `gcc`; where they
//! are missing the tests are reported as skipped.

use std::path::PathBuf;
use std::process::Command;
use std::{env, fs};

use outlive_checker::Search;

use super::lock::{CAREFUL, CARELESS, Lock};
use super::skip::skip;

/// What SPIN prints about `lock.pml`; `None` if it is not installed.
fn spin(name: &str, define: Option<&str>, options: &[&str]) -> Option<String> {
    let installed = |tool: &str| {
        Command::new(tool).arg(if tool == "spin" { "-V" } else { "-v" }).output().is_ok()
    };
    if !installed("spin") || !installed("gcc") {
        skip("spin and gcc");
        return None;
    }
    let place = env::temp_dir().join(format!("outlive-{name}-{}", std::process::id()));
    fs::create_dir_all(&place).expect("a place to work in");
    let model = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/lock.pml");
    fs::copy(model, place.join("lock.pml")).expect("the model");
    let run = |command: &mut Command| {
        let output = command.current_dir(&place).output().expect("it runs");
        assert!(output.status.success(), "{command:?}: {output:?}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    run(Command::new("spin")
        .args(define.map(|define| format!("-D{define}")))
        .args(["-a", "lock.pml"]));
    run(Command::new("gcc")
        .args(["-O1", "-w", "-DSAFETY", "-DNOREDUCE"])
        .args(options)
        .args(["-o", "pan", "pan.c"]));
    let printed = run(Command::new(place.join("pan")).args(["-m100000", "-w18"]));
    fs::remove_dir_all(&place).expect("the place is ours");
    Some(printed)
}

/// The number before `what`, or the last one before it on the same line.
fn number_before(printed: &str, what: &str) -> u64 {
    let before = printed.lines().find_map(|line| line.split_once(what)).expect(what).0;
    before.split_whitespace().last().and_then(|word| word.parse().ok()).expect(what)
}

#[test]
fn spin_counts_the_same_states_and_transitions() {
    let Some(printed) = spin("careful", None, &[]) else {
        return;
    };
    let lock = Lock { clients: 8, ..CAREFUL };
    let report = Search::new(&lock).run();
    report.assert_verified(&lock);
    assert!(printed.contains("errors: 0"), "{printed}");
    assert_eq!(number_before(&printed, " states, stored"), report.states);
    // SPIN also counts how the first state came to be.
    assert_eq!(number_before(&printed, " transitions (="), report.transitions + 1);
}

#[test]
fn spin_finds_a_counterexample_of_the_same_length() {
    let Some(printed) = spin("careless", Some("CARELESS"), &["-DBFS"]) else {
        return;
    };
    let report = Search::new(&Lock { clients: 8, ..CARELESS }).run();
    let violation = report.violation("one_holder").expect("a violation");
    let steps = violation.path.as_ref().expect("a path").picks.len() as u64;
    assert!(printed.contains("assertion violated (holders<=1)"), "{printed}");
    // SPIN's depth is that of the state before the step.
    let depth = printed.split("(at depth ").nth(1).and_then(|rest| rest.split(')').next());
    assert_eq!(depth.and_then(|depth| depth.parse().ok()), Some(steps - 1), "{printed}");
}
