//! Tests for the ACTIVE state.

use outlive::session::{TurnState, WorkerOutcome};
use outlive::{State, Timer};

use crate::kit::*;

#[test]
fn the_last_viewer_is_lost_and_the_work_goes_on() {
    let mut play = active();
    let step = play.feed(lost(1));
    assert_eq!((rows(&step), told(&step)), (vec!["A1"], "commit, arm detach 1".into()));
    assert_eq!(play.state(), State::Detached);
    assert_eq!(rows(&play.feed(output(1, 3))), ["T2"]);
}

#[test]
fn one_of_two_viewers_is_lost_and_nothing_is_committed() {
    let mut play = active().after([attach(2, 2)]);
    let step = play.feed(lost(1));
    assert_eq!((rows(&step), told(&step)), (vec!["W7"], String::new()));
    assert_eq!(play.state(), State::Active);
}

#[test]
fn the_last_that_watches_is_lost_and_those_that_remain_are_in_the_background() {
    let mut play = active().after([attach(2, 2), written(2, 1), suspend(2, 1)]);
    let step = play.feed(lost(1));
    assert_eq!((rows(&step), told(&step)), (vec!["A2"], "commit, arm grace 2".into()));
    assert_eq!((play.state(), play.session.pin().unwrap().0), (State::Suspended, 1));
}

#[test]
fn the_phone_goes_into_the_pocket_and_its_place_is_kept() {
    let mut play = active();
    let step = play.feed(suspend(1, 0));
    assert_eq!((rows(&step), told(&step)), (vec!["A4"], "commit, arm grace 1".into()));
    assert_eq!((play.state(), play.session.pin().unwrap().0), (State::Suspended, 0));
}

#[test]
fn one_of_two_viewers_hides_and_is_sent_nothing_until_it_is_back() {
    let mut play = active().after([attach(2, 2), written(2, 1)]);
    let step = play.feed(suspend(1, 1));
    assert_eq!((rows(&step), told(&step)), (vec!["A3"], "arm grace 1".into()));
    assert_eq!(play.session.pin().unwrap().0, 1);
    assert_eq!(told(&play.feed(output(1, 1))), "commit, send 2: 2..=2");
    assert_eq!(told(&play.feed(resume(1))), "send 1: 2..=2");
}

#[test]
fn output_is_committed_before_it_is_sent_and_a_viewer_without_credit_waits() {
    let mut play = active();
    let step = play.feed(output(1, 2));
    assert_eq!(
        (logged(&step), told(&step)),
        ("2: 2 of output".into(), "commit, send 1: 2..=3".into())
    );
    assert_eq!(told(&play.feed(output(1, 5))), "commit");
    assert_eq!(told(&play.feed(written(1, 3))), "send 1: 4..=7");
    assert_eq!(told(&play.feed(written(1, 7))), "send 1: 8..=8");
    assert_eq!(told(&play.feed(written(1, 8))), "");
}

#[test]
fn a_turn_ends_once_and_as_the_worker_says() {
    let mut play = active();
    let step = play.feed(turn_ended(1, 1));
    assert_eq!(logged(&step), "2: turn 1 completed");
    assert_eq!(told(&step), "commit, disarm turn, disarm interrupt, send 1: 2..=2");
    assert_eq!(play.nothing(turn_ended(1, 1)), "X2");
}

#[test]
fn every_word_of_the_worker_for_an_outcome_is_logged_as_such() {
    use outlive::ids::{Incarnation, Seq};
    use outlive::session::Event;
    let outcomes = [
        (WorkerOutcome::Completed, "2: turn 1 completed"),
        (WorkerOutcome::Empty, "2: turn 1 empty"),
        (WorkerOutcome::Interrupted, "2: turn 1 interrupted"),
        (WorkerOutcome::Failed, "2: turn 1 failed"),
    ];
    for (outcome, expected) in outcomes {
        let event = Event::TurnEnded { incarnation: Incarnation(1), turn: Seq(1), outcome };
        assert_eq!(logged(&active().feed(event)), expected);
    }
}

#[test]
fn an_interrupt_stops_the_turn_and_keeps_the_session_and_waits_for_no_store() {
    let mut play = active();
    let step = play.feed(interrupt(1));
    assert_eq!(told(&step), "disarm turn, arm interrupt 1, interrupt 1");
    assert!(matches!(play.session.turn(), TurnState::Interrupting(_)));
    assert_eq!(play.nothing(interrupt(1)), "T8");
    let _ = play.feed(turn_ended(1, 1));
    assert_eq!((play.state(), play.session.turn()), (State::Active, TurnState::Idle));
}

#[test]
fn a_late_interrupt_does_not_hit_the_next_turn() {
    let mut play = active().after([prompt(1, 2), turn_ended(1, 1)]);
    assert_eq!(play.session.turn().id().unwrap().0, 2);
    assert_eq!(play.nothing(interrupt(1)), "X4");
}

#[test]
fn a_worker_that_does_not_react_to_an_interrupt_is_aborted() {
    let mut play = active().after([interrupt(1)]);
    let step = play.feed(play.fire(Timer::Interrupt));
    assert_eq!(logged(&step), "2: turn 1 interrupted, 3: end (unresponsive)");
    assert_eq!(told(&step), "commit, abort worker 1, disarm all, send 1: 2..=3");
}

#[test]
fn a_worker_that_is_aborted_does_not_take_the_next_prompt_with_it() {
    let mut play = active().after([prompt(1, 2), interrupt(1)]);
    let step = play.feed(play.fire(Timer::Interrupt));
    assert_eq!(rows(&step), ["T10", "G2", "G1"]);
    assert_eq!((play.state(), play.session.incarnation().0), (State::Starting, 2));
    assert_eq!(play.session.queue().len(), 1);
}

#[test]
fn a_turn_that_hangs_is_ended_by_its_limit() {
    let mut play = active();
    let step = play.feed(play.fire(Timer::Turn));
    assert_eq!((rows(&step), play.state()), (vec!["T11"], State::Ended));
    assert_eq!(logged(&step), "2: turn 1 failed, 3: end (turn_timeout)");
}

#[test]
fn a_turn_without_a_limit_arms_no_timer() {
    let limits = outlive::Limits { turn_ms: None, ..small() };
    let mut play = Play::with(limits).after([attach(1, 1), prompt(1, 1)]);
    assert_eq!(told(&play.feed(started(1))), "commit, disarm start, dispatch 1");
}

#[test]
fn the_timer_of_the_last_turn_does_not_end_this_one() {
    let mut play = active();
    let old = play.fire(Timer::Turn);
    play = play.after([prompt(1, 2), turn_ended(1, 1)]);
    assert_eq!(play.nothing(old), "X3");
}

#[test]
fn the_worker_exits_and_its_turn_with_it() {
    let mut play = active();
    let step = play.feed(exited(1));
    assert_eq!((rows(&step), play.state()), (vec!["T12"], State::Ended));
    assert_eq!(logged(&step), "2: turn 1 failed, 3: end (exited)");
    assert_eq!(told(&step), "commit, disarm all, send 1: 2..=3");
}

#[test]
fn a_stop_ends_the_turn_cancels_the_queue_and_closes_out() {
    let mut play = active().after([prompt(1, 2)]);
    let step = play.feed(stop(1));
    let expected = "3: turn 1 interrupted, 4: turn 2 cancelled, 5: closing (stopped)";
    assert_eq!(logged(&step), expected);
    let expected = "commit, disarm all, arm closeout 1, close out worker 1";
    assert_eq!(told(&step), expected);
    assert_eq!(play.state(), State::Closing);
}

#[test]
fn a_stop_of_another_incarnation_changes_nothing() {
    assert_eq!(active().nothing(stop(0)), "X4");
    assert_eq!(active().nothing(stop(2)), "X4");
}

#[test]
fn an_ask_is_an_entry_and_the_first_answer_wins() {
    let mut play = active();
    let step = play.feed(asked(1, 1));
    assert_eq!(
        (logged(&step), told(&step)),
        ("2: ask of 1".into(), "commit, send 1: 2..=2".into())
    );
    let step = play.feed(answer(2, 2));
    assert_eq!(logged(&step), "3: answer of 2 to 2");
    assert_eq!(told(&step), "commit, deliver answer to 2");
    assert_eq!(play.nothing(answer(1, 2)), "P7");
}

#[test]
fn an_ask_ends_with_its_turn() {
    let mut play = active().after([asked(1, 1), turn_ended(1, 1)]);
    assert_eq!(play.session.asks(), []);
    assert_eq!(play.nothing(answer(1, 2)), "P7");
}

#[test]
fn an_ask_that_is_given_up_is_settled_and_makes_room() {
    let mut play = active().after([asked(1, 1), written(1, 2)]);
    let step = play.feed(withdrawn(1, 2));
    assert_eq!(
        (rows(&step), logged(&step), told(&step)),
        (vec!["T17"], "3: withdrawn 2".into(), "commit, send 1: 3..=3".into())
    );
    assert_eq!(play.nothing(answer(1, 2)), "P7");
    assert_eq!(rows(&play.feed(asked(1, 1))), ["T3"]);
}

#[test]
fn an_ask_that_was_answered_first_is_not_given_up() {
    let mut play = active().after([asked(1, 1), answer(2, 2)]);
    assert_eq!(play.nothing(withdrawn(1, 2)), "X2");
    assert_eq!(active().after([asked(1, 1)]).nothing(withdrawn(2, 2)), "X2");
}

#[test]
fn one_ask_too_many_is_refused() {
    assert_eq!(active().after([asked(1, 1)]).nothing(asked(1, 1)), "T4");
}

#[test]
fn an_ask_that_is_pending_is_not_trimmed() {
    let mut play = active().after([lost(1), asked(1, 1)]);
    for _ in 0..30 {
        let _ = play.feed(output(1, 5));
    }
    assert!(play.session.log().base.0 < 2);
    let _ = play.feed(answer(1, 2));
    assert_eq!(play.session.log().head.0 - play.session.log().base.0, 8);
}

#[test]
fn words_of_another_worker_or_turn_are_nobodys_answer() {
    let mut play = active();
    for event in
        [turn_ended(2, 1), turn_ended(1, 7), output(7, 1), aside(2, 1), exited(2), asked(1, 9)]
    {
        assert_eq!(play.nothing(event), "X2", "{event:?}");
    }
    assert_eq!(play.nothing(started(1)), "T13");
}

#[test]
fn after_a_restart_the_turn_is_ambiguous_and_never_runs_again() {
    let mut play = active();
    let step = play.feed(RESTARTED);
    assert_eq!(logged(&step), "2: turn 1 ambiguous, 3: end (restarted)");
    assert_eq!(told(&step), "commit, close 1 (restart), disarm all");
    assert_eq!((play.state(), play.session.queue().len()), (State::Ended, 0));
}

#[test]
fn after_a_restart_the_prompt_that_waited_runs_in_the_next_incarnation() {
    let mut play = active().after([prompt(1, 2)]);
    let step = play.feed(RESTARTED);
    assert_eq!((rows(&step), play.state()), (vec!["B1", "G2", "G1"], State::Starting));
    assert!(told(&play.feed(started(2))).ends_with("dispatch 2"));
}

#[test]
fn after_a_restart_that_lost_entries_nothing_runs_again_and_the_log_has_another_id() {
    let mut play = active().after([prompt(1, 2)]);
    let step = play.feed(lossy(7));
    assert_eq!((rows(&step), play.state()), (vec!["B2"], State::Ended));
    assert_eq!(logged(&step), "3: turn 1 ambiguous, 4: turn 2 ambiguous, 5: end (restarted)");
    assert_eq!(play.session.log().id.0, 7);
}
