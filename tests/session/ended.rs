//! Tests for the ENDED state.

use outlive::State;

use crate::kit::*;

#[test]
fn a_prompt_reopens_the_conversation_as_the_next_incarnation() {
    let mut play = ended();
    let step = play.feed(prompt(1, 2));
    assert_eq!(rows(&step), ["P1", "G2", "G1"]);
    let expected = "commit, accepted 1/2 at 5, disarm idle, arm start 2, resume as worker 2";
    assert_eq!(told(&step), expected);
    assert_eq!((play.state(), play.session.incarnation().0), (State::Starting, 2));
}

#[test]
fn nothing_else_reopens_it() {
    let mut play = ended();
    for event in [stop(1), started(1), start_failed(1), exited(1), aside(1, 1), RESTARTED] {
        let _ = play.nothing(event);
    }
    for event in [attach(2, 2), lost(1), suspend(2, 0), resume(2), prompt(1, 1), lossy(7)] {
        assert_eq!(play.clone().after([event]).state(), State::Ended, "{event:?}");
        let _ = play.feed(event);
    }
}

#[test]
fn the_log_stays_readable() {
    let mut play = ended().after([lost(1)]);
    assert_eq!(told(&play.feed(attach(2, 3))), "welcome 2 Fresh, send 2: 1..=4");
    assert_eq!(
        told(&play.feed(back(3, 4, 2))),
        "welcome 3 Resumed { from: Seq(3) }, send 3: 3..=4"
    );
}

#[test]
fn nothing_an_old_worker_says_is_logged_in_the_next_incarnation() {
    let mut play = ended().after([prompt(1, 2), started(2)]);
    for event in
        [started(1), aside(1, 1), turn_ended(1, 5), asked(1, 5), exited(1), start_failed(1)]
    {
        assert_eq!(play.nothing(event), "X2", "{event:?}");
    }
    assert_eq!(play.nothing(stop(1)), "X4", "a late stop does not end the next incarnation");
}

#[test]
fn a_store_that_lost_entries_renews_the_log_and_sends_every_viewer_away() {
    let mut play = ended();
    let step = play.feed(lossy(7));
    assert_eq!((rows(&step), told(&step)), (vec!["B4"], "commit, close 1 (restart)".into()));
    let step = play.feed(back(2, 1, 4));
    assert!(told(&step).starts_with("welcome 2 Reset { why: LogChanged }"), "{}", told(&step));
}

#[test]
fn a_session_lives_many_times() {
    let mut play = created();
    for life in 1..=5 {
        play = play.after([prompt(1, u64::from(life)), started(life), stop(life), exited(life)]);
        assert_eq!((play.state(), play.session.incarnation().0), (State::Ended, life));
    }
    assert_eq!(play.session.clients().len(), 1);
}
