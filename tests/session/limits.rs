//! Limits are data, and a limit of 0 is none that a session can live with.

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
