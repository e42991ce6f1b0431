//! Turns that end with an ask: it stands until it is answered or withdrawn, and the answer is a turn.

use outlive::ids::Seq;
use outlive::session::Session;
use outlive::{Limits, Reason, State};

use crate::kit::*;

/// Turn 1 has ended with an ask at 2.
fn waits() -> Play {
    active().after([waiting(1, 1, 1)])
}

#[test]
fn a_turn_ends_with_asks_that_outlive_it() {
    let limits = Limits { asks: 2, ..small() };
    let mut play = Play::with(limits).after([attach(1, 1), prompt(1, 1), started(1)]);
    let step = play.feed(waiting(1, 1, 2));
    assert_eq!(
        (rows(&step), logged(&step)),
        (vec!["T18"], "2: ask of 1 that stands, 3: ask of 1 that stands, 4: turn 1 waiting".into())
    );
    assert_eq!(play.session.standing_asks(), [Seq(2), Seq(3)]);
}

#[test]
fn the_turns_own_asks_end_with_it_all_the_same() {
    let mut play = active().after([asked(1, 1), waiting(1, 1, 1)]);
    assert_eq!(play.session.asks(), [Seq(3)]);
    assert_eq!(play.nothing(answer(1, 2)), "P7");
}

#[test]
fn an_answer_is_a_turn_of_its_own_and_only_the_first_one_is() {
    let mut play = waits();
    let step = play.feed(answer(2, 2));
    assert_eq!((rows(&step), logged(&step)), (vec!["P9", "T1"], "4: answer of 2 to 2".into()));
    assert!(told(&step).contains("dispatch 4"), "{}", told(&step));
    assert_eq!(play.nothing(answer(1, 2)), "P7");
    assert_eq!(logged(&play.feed(turn_ended(1, 4))), "5: turn 4 completed");
}

#[test]
fn an_answer_waits_its_turn_like_a_prompt() {
    let mut play = waits().after([prompt(1, 2)]);
    let step = play.feed(answer(2, 2));
    assert_eq!(rows(&step), ["P9"]);
    assert!(play.session.is_queued(Seq(5)));
    assert!(told(&play.feed(turn_ended(1, 4))).contains("dispatch 5"));
}

#[test]
fn an_answer_is_refused_while_no_more_may_wait_and_its_ask_stands() {
    let limits = Limits { queued: 1, ..small() };
    let events = [attach(1, 1), prompt(1, 1), started(1), waiting(1, 1, 1), prompt(1, 2)];
    let mut play = Play::with(limits).after(events).after([prompt(1, 3)]);
    let step = play.feed(answer(2, 2));
    assert_eq!(step.refusal().map(|no| (no.reason, no.rule)), Some((Reason::QueueFull, "P5")));
    assert_eq!(play.session.standing_asks(), [Seq(2)]);
}

#[test]
fn it_is_answered_after_a_restart_and_starts_the_next_worker() {
    let mut play = waits().after([RESTARTED]);
    assert_eq!((play.state(), play.session.standing_asks()), (State::Ended, &[Seq(2)][..]));
    let step = play.feed(answer(2, 2));
    assert_eq!(rows(&step), ["P9", "G2", "G1"]);
    assert!(told(&step).contains("resume as worker 2"), "{}", told(&step));
    assert!(told(&play.feed(started(2))).contains("dispatch 5"));
}

#[test]
fn it_is_answered_in_mid_closeout_by_the_next_worker() {
    let mut play = waits().after([stop(1)]);
    assert_eq!(play.state(), State::Closing);
    let step = play.feed(answer(2, 2));
    assert_eq!(rows(&step), ["L5", "G2", "G1"]);
    assert_eq!(logged(&step), "5: end (superseded), 6: answer of 2 to 2");
    assert!(told(&step).starts_with("commit, abort worker 1"), "{}", told(&step));
}

#[test]
fn a_drain_does_not_wait_and_the_next_process_has_the_answer() {
    let mut play = waits().after([DRAIN]);
    assert_eq!(rows(&play.feed(answer(2, 2))), ["P9"]);
    assert!(play.session.is_queued(Seq(4)));
    let session = Session::restore(play.session.snapshot()).unwrap();
    let mut next = Play::restored(play.machine.clone(), session);
    assert_eq!(rows(&next.feed(RESTARTED)), ["B1", "G2", "G1"]);
}

#[test]
fn where_the_answer_may_be_in_what_was_lost_the_ask_is_withdrawn() {
    let mut play = waits();
    assert_eq!(logged(&play.feed(lossy(7))), "4: withdrawn 2, 5: end (restarted)");
    assert_eq!(play.nothing(answer(1, 2)), "P7");
    let mut play = waits().after([RESTARTED]);
    let step = play.feed(lossy(8));
    assert_eq!((rows(&step), logged(&step)), (vec!["B4"], "5: withdrawn 2".into()));
}

#[test]
fn its_worker_or_the_next_one_gives_it_up() {
    assert_eq!(logged(&waits().feed(withdrawn(1, 2))), "4: withdrawn 2");
    let mut play = waits().after([RESTARTED, prompt(1, 2), started(2)]);
    assert_eq!(play.nothing(withdrawn(1, 2)), "X2");
    assert_eq!(logged(&play.feed(withdrawn(2, 2))), "6: withdrawn 2");
}

#[test]
fn more_asks_than_the_limits_allow_fail_the_turn() {
    let limits = Limits { asks: 2, ..small() };
    let events = [attach(1, 1), prompt(1, 1), started(1), waiting(1, 1, 1), prompt(1, 2)];
    let mut play = Play::with(limits).after(events);
    let step = play.feed(waiting(1, 4, 2));
    assert_eq!((rows(&step), logged(&step)), (vec!["T19"], "5: turn 4 failed".into()));
    // Those that stand count for those that a turn waits for, too.
    let events = [attach(1, 1), prompt(1, 1), started(1), waiting(1, 1, 2), prompt(1, 2)];
    let mut play = Play::with(limits).after(events);
    assert_eq!(rows(&play.feed(asked(1, 5))), ["T4"]);
}

#[test]
fn an_answer_that_waits_is_taken_back_or_cancelled_with_what_waits() {
    let mut play = waits().after([prompt(1, 2), answer(2, 2)]);
    assert_eq!(logged(&play.feed(interrupt(5))), "6: turn 5 cancelled");
    let mut play = waits().after([prompt(1, 2), answer(2, 2)]);
    let expected = "6: turn 4 interrupted, 7: turn 5 cancelled, 8: closing (stopped)";
    assert_eq!(logged(&play.feed(stop(1))), expected);
}

/// It may stand for weeks, and the conversation goes on: its entry is kept within bounds, and then only its name.
#[test]
fn the_log_waits_for_an_ask_that_stands_within_bounds() {
    let limits = Limits { retention: 2, pinned: 2, ..Limits::default() };
    let events = [attach(1, 1), prompt(1, 1), started(1), waiting(1, 1, 1), prompt(1, 2)];
    let mut play = Play::with(limits).after(events).after([written(1, 1)]);
    let bases = [1, 1, 1].map(|count| {
        _ = play.feed(output(4, count));
        play.session.log().base.0
    });
    assert_eq!(bases, [1, 2, 3]);
    assert_eq!(play.session.standing_asks(), [Seq(2)]);
    assert_eq!(rows(&play.feed(answer(2, 2))), ["P9"]);
}
