//! Tests for the DETACHED state.

use outlive::{State, Timer};

use crate::kit::*;

#[test]
fn somebody_comes_back_and_nothing_was_lost() {
    let mut play = detached().after([output(1, 2)]);
    let step = play.feed(back(2, 1, 1));
    assert_eq!((rows(&step), play.state()), (vec!["D1"], State::Active));
    assert_eq!(
        told(&step),
        "commit, disarm detach, welcome 2 Resumed { from: Seq(2) }, send 2: 2..=3"
    );
}

#[test]
fn nobody_comes_back_but_a_turn_runs_so_the_work_goes_on() {
    let mut play = detached();
    let step = play.feed(play.fire(Timer::Detach));
    assert_eq!((rows(&step), told(&step)), (vec!["D4"], "arm detach 2".into()));
    assert_eq!(play.state(), State::Detached);
}

#[test]
fn nobody_comes_back_and_no_turn_runs_so_the_session_is_closed_out() {
    let mut play = idle().after([lost(1)]);
    let step = play.feed(play.fire(Timer::Detach));
    assert_eq!((rows(&step), play.state()), (vec!["D3"], State::Closing));
    assert_eq!(logged(&step), "3: closing (expired)");
    assert_eq!(told(&step), "commit, disarm all, arm closeout 1, close out worker 1");
}

#[test]
fn an_old_timer_does_not_end_a_session_that_is_in_use() {
    let mut play = detached();
    let old = play.fire(Timer::Detach);
    play = play.after([attach(2, 1)]);
    assert_eq!(play.nothing(old), "X8");
    play = play.after([lost(2)]);
    assert_eq!(play.nothing(old), "X3");
}

#[test]
fn the_suspend_notice_came_after_the_loss_and_means_the_same() {
    let mut play = detached();
    let step = play.feed(suspend(1, 0));
    assert_eq!((rows(&step), play.state()), (vec!["D2"], State::Suspended));
    assert_eq!(told(&step), "commit, disarm detach, arm grace 1");
    assert_eq!(play.session.pin().unwrap().0, 0);
}

#[test]
fn a_notice_of_a_connection_that_was_not_the_last_one_lost_is_late_news() {
    assert_eq!(detached().nothing(suspend(9, 0)), "X1");
}

#[test]
fn prompts_interrupts_answers_and_stops_need_no_connection() {
    let mut play = detached();
    assert_eq!(told(&play.feed(prompt(1, 2))), "commit, accepted 1/2 at 2");
    assert_eq!(told(&play.feed(asked(1, 1))), "commit");
    assert_eq!(told(&play.feed(answer(1, 3))), "commit, deliver answer to 3");
    assert_eq!(told(&play.feed(interrupt(1))), "disarm turn, arm interrupt 1, interrupt 1");
    let step = play.feed(stop(1));
    assert_eq!((rows(&step), play.state()), (vec!["A5"], State::Closing));
    let expected = "commit, disarm all, arm closeout 1, close out worker 1";
    assert_eq!(told(&step), expected);
}

#[test]
fn the_worker_exits_or_the_process_does() {
    assert_eq!(detached().after([exited(1)]).state(), State::Ended);
    assert_eq!(detached().after([RESTARTED]).state(), State::Ended);
}

#[test]
fn a_prompt_to_a_free_worker_runs_at_once_and_before_its_answer_it_is_durable() {
    let mut play = idle().after([lost(1)]);
    let step = play.feed(prompt(1, 2));
    assert_eq!(rows(&step), ["P1", "T1"]);
    assert_eq!(told(&step), "commit, accepted 1/2 at 3, arm turn 2, dispatch 3");
}
