//! Tests for the SUSPENDED state.

use outlive::session::Machine;
use outlive::{Limits, State, Timer};

use crate::kit::*;

#[test]
fn the_phone_comes_out_of_the_pocket_on_the_same_connection() {
    let mut play = suspended().after([output(1, 2)]);
    let step = play.feed(resume(1));
    assert_eq!((rows(&step), play.state()), (vec!["U3"], State::Active));
    assert_eq!(told(&step), "commit, send 1: 2..=3");
    assert_eq!(play.session.pin().unwrap().0, 1, "another phone may need it");
    assert_eq!(rows(&play.feed(play.fire(Timer::Grace))), ["U8"]);
    assert_eq!((play.state(), play.session.pin()), (State::Active, None));
}

#[test]
fn the_phone_comes_back_on_another_connection_and_the_old_one_never_closes() {
    let mut play = suspended().after([output(1, 2)]);
    let step = play.feed(back(2, 1, 1));
    assert_eq!((rows(&step), play.state()), (vec!["U2"], State::Active));
    let expected = "commit, close 1 (replaced), welcome 2 Resumed { from: Seq(2) }, send 2: 2..=3";
    assert_eq!(told(&step), expected);
}

#[test]
fn somebody_else_comes_and_watches() {
    let mut play = suspended();
    let step = play.feed(attach(2, 2));
    assert_eq!((rows(&step), play.state()), (vec!["U1"], State::Active));
}

#[test]
fn nothing_is_sent_and_nothing_that_was_not_seen_is_trimmed() {
    let mut play = suspended();
    for _ in 0..10 {
        assert_eq!(told(&play.feed(output(1, 5))), "commit");
    }
    assert_eq!(play.session.log().base.0, 1);
    let step = play.feed(resume(1));
    assert!(told(&step).ends_with("send 1: 2..=5"), "{}", told(&step));
}

#[test]
fn what_was_not_seen_is_kept_whoever_else_watches() {
    let mut play = suspended().after([attach(2, 2), output(1, 5)]);
    for through in [1, 6, 11, 16] {
        play = play.after([written(2, through), output(1, 5)]);
    }
    assert_eq!(play.session.log().base.0, 1);
    _ = play.feed(play.fire(Timer::Grace));
    _ = play.feed(output(1, 1));
    assert!(play.session.log().base.0 > 1);
}

#[test]
fn a_place_is_kept_within_bounds() {
    let mut play = suspended();
    let limits = Limits { pinned: 7, ..*play.machine.limits() };
    play.machine = Machine::new(limits).unwrap();
    for _ in 0..10 {
        _ = play.feed(output(1, 5));
    }
    let kept = limits.retention + limits.pinned;
    assert_eq!(play.session.log().base.0, play.session.log().head.0 - kept);
}

#[test]
fn its_transport_closes_as_expected_and_nothing_changes() {
    let mut play = suspended();
    let step = play.feed(lost(1));
    assert_eq!((rows(&step), told(&step)), (vec!["W8"], String::new()));
    assert_eq!((play.state(), play.session.pin().unwrap().0), (State::Suspended, 1));
}

#[test]
fn the_promise_is_not_kept_so_the_pin_goes_and_the_work_goes_on() {
    let mut play = suspended();
    let step = play.feed(play.fire(Timer::Grace));
    assert_eq!((rows(&step), play.state()), (vec!["U5"], State::Detached));
    assert_eq!(told(&step), "commit, close 1 (idle_timeout), arm detach 1");
    assert_eq!(play.session.pin(), None);
}

#[test]
fn said_again_the_grace_period_starts_again_and_the_older_timer_is_stale() {
    let mut play = suspended();
    let old = play.fire(Timer::Grace);
    let step = play.feed(suspend(1, 1));
    assert_eq!((rows(&step), told(&step)), (vec!["U4"], "arm grace 2".into()));
    assert_eq!(play.nothing(old), "X3");
}

#[test]
fn a_notice_that_came_after_the_loss_pins_for_this_viewer_too() {
    let mut play = active().after([attach(2, 2), written(2, 1), suspend(2, 1), lost(1)]);
    let step = play.feed(suspend(1, 0));
    assert_eq!((rows(&step), told(&step)), (vec!["U7"], "arm grace 3".into()));
    assert_eq!(play.session.pin().unwrap().0, 0);
}

#[test]
fn a_viewer_cannot_pin_what_is_beyond_what_it_was_sent() {
    let play = active().after([suspend(1, u64::MAX)]);
    assert_eq!(play.session.pin().unwrap().0, 1);
}

#[test]
fn a_pin_holds_while_others_are_still_in_the_background() {
    let mut play = active().after([output(1, 3), attach(2, 2), suspend(2, 0)]);
    play = play.after([written(1, 4), suspend(1, 4)]);
    assert_eq!(play.session.pin().unwrap().0, 0);
    play = play.after([lost(2)]);
    assert_eq!(play.session.pin().unwrap().0, 0, "the one that is gone will be back as well");
}

#[test]
fn a_stop_needs_no_watcher() {
    let mut play = suspended();
    let step = play.feed(stop(1));
    assert_eq!((rows(&step), play.state()), (vec!["A5"], State::Closing));
    assert_eq!(play.session.pin(), None);
}

#[test]
fn the_worker_exits_or_the_process_does_and_the_pin_goes_with_it() {
    for event in [exited(1), RESTARTED, lossy(7)] {
        let play = suspended().after([event]);
        assert_eq!((play.state(), play.session.pin()), (State::Ended, None));
    }
}

#[test]
fn a_turn_ends_while_nobody_looks_and_the_next_one_begins() {
    let mut play = suspended().after([prompt(1, 2)]);
    assert_eq!(rows(&play.feed(turn_ended(1, 1))), ["T6", "T1"]);
    assert_eq!(play.state(), State::Suspended);
}
