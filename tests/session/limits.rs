//! Limits are data, and a limit of 0 is none that a session can live with.

use outlive::session::Machine;
use outlive::{Limits, Timer};
use strum::VariantArray;

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
