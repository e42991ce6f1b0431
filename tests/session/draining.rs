//! Tests for a session that is draining: its process is about to leave.

use outlive::session::{Session, TurnState};
use outlive::{State, Timer};
use strum::VariantArray;

use crate::kit::*;

/// The next process: what is in the record, and nothing else.
fn next_process(play: &Play) -> Play {
    let session = Session::restore(play.session.snapshot()).unwrap();
    assert!(!session.is_draining(), "a drain goes with the process");
    Play::restored(play.machine.clone(), session)
}

#[test]
fn a_drain_changes_no_state_and_no_record_and_says_nothing_to_anybody() {
    for state in State::VARIANTS {
        let mut play = in_state(*state);
        let before = play.session.snapshot();
        let step = play.feed(DRAIN);
        let created = *state == State::Created;
        let (row, said) = if created { ("B5", "disarm idle") } else { ("B6", "") };
        assert_eq!((rows(&step), told(&step).as_str()), (vec![row], said), "{state}");
        assert!(play.session.is_draining() && step.records.is_empty(), "{state}");
        assert_eq!(play.session.snapshot(), before, "{state}");
    }
}

#[test]
fn a_turn_that_runs_may_end_and_the_prompt_that_waits_is_the_next_process_s() {
    let mut play = active().after([prompt(1, 2), DRAIN]);
    let step = play.feed(turn_ended(1, 1));
    assert_eq!(logged(&step), "3: turn 1 completed");
    assert!(!told(&step).contains("dispatch"), "{}", told(&step));
    assert_eq!((play.state(), play.session.turn()), (State::Active, TurnState::Idle));
    assert_eq!(play.session.queue().len(), 1);
    let mut next = next_process(&play);
    let step = next.feed(RESTARTED);
    assert_eq!(rows(&step), ["B1", "G2", "G1"]);
    assert_eq!(logged(&step), "4: end (restarted)");
    let step = next.feed(started(2));
    assert!(told(&step).contains("dispatch 2"), "{}", told(&step));
}

#[test]
fn a_prompt_that_still_comes_is_accepted_and_kept() {
    let mut play = idle().after([DRAIN]);
    let step = play.feed(prompt(1, 2));
    assert_eq!((rows(&step), logged(&step)), (vec!["P1"], "3: prompt 1/2".into()));
    assert!(told(&step).starts_with("commit, accepted 1/2 at 3"), "{}", told(&step));
    assert!(!told(&step).contains("dispatch"), "{}", told(&step));
    let step = play.feed(prompt(1, 2));
    assert_eq!(told(&step), "accepted 1/2 at 3 again", "it is the same prompt");
}

#[test]
fn the_first_prompt_starts_no_worker_and_waits_in_created() {
    let mut play = created().after([DRAIN]);
    let step = play.feed(prompt(1, 1));
    assert_eq!((rows(&step), told(&step).as_str()), (vec!["P1"], "commit, accepted 1/1 at 1"));
    assert_eq!((play.state(), play.session.queue().len()), (State::Created, 1));
    let mut next = next_process(&play);
    assert_eq!(rows(&next.feed(RESTARTED)), ["B1", "G2", "G1"]);
    assert_eq!(next.state(), State::Starting);
}

#[test]
fn a_prompt_to_an_ended_session_waits_in_created_for_the_next_incarnation() {
    let mut play = ended().after([DRAIN]);
    let step = play.feed(prompt(1, 2));
    assert_eq!(rows(&step), ["P1", "G2"]);
    assert!(!told(&step).contains("worker"), "{}", told(&step));
    assert_eq!((play.state(), play.session.incarnation().0), (State::Created, 2));
}

#[test]
fn a_start_that_comes_up_is_given_no_prompt() {
    let mut play = starting().after([DRAIN]);
    let step = play.feed(started(1));
    assert!(!told(&step).contains("dispatch"), "{}", told(&step));
    assert_eq!((play.state(), play.session.queue().len()), (State::Active, 1));
}

#[test]
fn what_waits_in_created_is_cancelled_by_a_stop_or_taken_back_and_never_runs() {
    let draining = created().after([DRAIN, prompt(1, 1)]);
    let mut play = draining.clone();
    let step = play.feed(stop(1));
    assert_eq!(
        (rows(&step), logged(&step)),
        (vec!["C1"], "2: turn 1 cancelled, 3: end (stopped)".into())
    );
    assert_eq!((play.state(), play.session.queue().len()), (State::Ended, 0));
    let mut play = draining;
    let step = play.feed(interrupt(1));
    assert_eq!((rows(&step), logged(&step)), (vec!["T9"], "2: turn 1 cancelled".into()));
    assert_eq!(play.state(), State::Created);
}

#[test]
fn a_prompt_that_waits_keeps_a_detached_session_from_expiring() {
    let mut play = active().after([prompt(1, 2), DRAIN, turn_ended(1, 1), lost(1)]);
    let step = play.feed(play.fire(Timer::Detach));
    assert_eq!((rows(&step), play.state()), (vec!["D4"], State::Detached));
    assert_eq!(play.session.queue().len(), 1);
}
