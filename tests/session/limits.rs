//! Limits are data, and a limit of 0 is none that a session can live with.

use outlive::ids::ClientId;
use outlive::session::{Machine, Session};
use outlive::{Limits, State, Timer};
use strum::VariantArray;

use crate::kit::*;

#[test]
fn a_limit_of_0_is_refused_by_its_name() {
    let json = serde_json::to_value(Limits { turn_ms: Some(1), ..Limits::default() }).unwrap();
    for name in json.as_object().unwrap().keys() {
        let mut damaged = json.clone();
        damaged[name] = 0.into();
        let limits: Limits = serde_json::from_value(damaged).unwrap();
        let refused = Machine::new(limits).unwrap_err();
        assert_eq!(refused.to_string(), format!("the limit `{name}` is 0, and must be at least 1"));
    }
}

#[test]
fn the_default_limits_are_limits_that_a_session_can_live_with() {
    assert_eq!(Limits::default().check(), Ok(()));
    assert_eq!(*Machine::new(Limits::default()).unwrap().limits(), Limits::default());
}

#[test]
fn only_a_turn_may_run_for_ever() {
    for timer in Timer::VARIANTS {
        let endless = Limits::default().duration(*timer).is_none();
        assert_eq!(endless, *timer == Timer::Turn, "{timer}");
    }
}

#[test]
fn with_other_limits_after_a_restart_nothing_is_lost_only_no_more_is_taken() {
    let play = active().after([lost(1), output(1, 30), prompt(1, 2), prompt(1, 3)]);
    let snapshot = play.session.snapshot();
    let wide = Limits { retention: 1000, ..small() };
    let tight = Limits { queued: 1, clients: 1, connections: 1, retention: 1, ..small() };
    for limits in [wide, tight] {
        let session = Session::restore(snapshot.clone()).unwrap();
        let mut play = Play::restored(Machine::new(limits).unwrap(), session);
        play = play.after([RESTARTED, attach(9, 1)]);
        assert_eq!((play.state(), play.session.queue().len()), (State::Starting, 2));
        let taken = play.feed(prompt(1, 4)).refusal().is_none();
        assert_eq!(taken, limits.queued > 2, "the queue is as long as it was");
        play = play.after([started(2), aside(2, 3), lost(9)]);
        assert!(play.session.log().base >= snapshot.log.base);
    }
}

fn shared() -> Limits {
    let wide = Limits { connections: 4, clients: 4, queued: 9, ..small() };
    Limits { connections_per_principal: 2, clients_per_principal: 2, ..wide }
}

#[test]
fn a_principal_has_its_share_of_the_connections_and_what_one_leaves_another_of_its_own_may_take() {
    let mut play = Play::with(shared());
    play = play.after([of(7, attach(1, 1)), of(7, attach(2, 2))]);
    assert_eq!(rows(&play.feed(of(7, attach(3, 3)))), ["W3"], "its share is used");
    assert_eq!(rows(&play.feed(of(7, attach(4, 2)))), ["W2"], "which adds none");
    assert_eq!(rows(&play.feed(of(8, attach(5, 4)))), ["W1"], "and is no one else's");
    play = play.after([lost(1)]);
    assert_eq!(rows(&play.feed(of(7, attach(6, 3)))), ["W1"]);
}

#[test]
fn a_principal_has_its_share_of_the_clients_and_those_it_has_prompt_on() {
    let mut play = Play::with(shared());
    play = play.after([of(7, prompt(1, 1)), of(7, prompt(2, 1))]);
    assert_eq!(rows(&play.feed(of(7, prompt(3, 1)))), ["P6"], "its share is used");
    assert_eq!(play.feed(of(7, prompt(1, 2))).refusal(), None, "a known client adds none");
    assert_eq!(play.feed(of(8, prompt(4, 1))).refusal(), None, "and it is no one else's");
    // Whose a client is outlives the process.
    let session = Session::restore(play.session.snapshot()).unwrap();
    let mut play = Play::restored(Machine::new(shared()).unwrap(), session).after([RESTARTED]);
    assert_eq!(rows(&play.feed(of(7, prompt(3, 1)))), ["P6"]);
    assert_eq!(play.feed(of(8, prompt(5, 1))).refusal(), None);
    assert_eq!(play.session.last_accepted(ClientId(1)).unwrap().get(), 2, "none is forgotten");
}

/// Two of principal 7 wait, and none of principal 8.
fn used_up() -> Play {
    let limits = Limits { queued: 3, queued_per_principal: 2, clients: 4, ..small() };
    Play::with(limits).after([of(7, prompt(1, 1)), of(7, prompt(1, 2))])
}

#[test]
fn a_principal_has_its_share_of_the_queue_and_a_place_again_when_one_of_its_own_begins() {
    let mut play = used_up();
    assert_eq!(rows(&play.feed(of(7, prompt(1, 3)))), ["P5"], "its share is used");
    assert_eq!(rows(&play.feed(of(7, prompt(2, 1)))), ["P5"], "by whichever client");
    assert_eq!(rows(&play.feed(of(8, prompt(3, 1)))), ["P1"], "and is no one else's");
    assert_eq!(rows(&play.feed(of(9, prompt(4, 1)))), ["P5"], "nobody has what is full");
    play = play.after([started(1)]);
    assert_eq!(rows(&play.feed(of(7, prompt(1, 3)))), ["P1"], "under the number that was refused");
}

#[test]
fn whose_a_waiting_prompt_is_outlives_the_process() {
    let session = Session::restore(used_up().session.snapshot()).unwrap();
    let mut play = Play::restored(used_up().machine, session).after([RESTARTED]);
    assert_eq!(rows(&play.feed(of(7, prompt(1, 3)))), ["P5"]);
    assert_eq!(rows(&play.feed(of(8, prompt(3, 1)))), ["P1"]);
}

#[test]
fn what_a_record_of_before_holds_in_its_queue_is_of_no_principals_share() {
    let mut record = serde_json::to_value(used_up().session).unwrap();
    assert_eq!(record["queued_by"], serde_json::json!([7, 7]));
    record.as_object_mut().unwrap().remove("queued_by");
    let session: Session = serde_json::from_value(record).unwrap();
    let mut play = Play::restored(used_up().machine, session).after([RESTARTED]);
    assert_eq!(rows(&play.feed(of(7, prompt(1, 3)))), ["P1"]);
    assert_eq!(rows(&play.feed(of(8, prompt(3, 1)))), ["P5"], "all that wait are counted");
}

#[test]
fn an_answer_that_waits_counts_for_whoever_gave_it() {
    let limits = Limits { queued: 3, queued_per_principal: 1, asks: 2, ..small() };
    let mut play = Play::with(limits);
    play = play.after([of(7, prompt(1, 1)), started(1), waiting(1, 1, 2), of(8, prompt(3, 1))]);
    assert_eq!(rows(&play.feed(of(7, answer(1, 2)))), ["P9"]);
    assert_eq!(rows(&play.feed(of(7, answer(1, 3)))), ["P5"], "its share is used");
    assert_eq!(rows(&play.feed(of(7, prompt(1, 2)))), ["P5"]);
    assert_eq!(rows(&play.feed(of(8, answer(3, 3)))), ["P9"], "and is no one else's");
}
