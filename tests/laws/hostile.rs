//! The machine among events of every kind.

use outlive::session::{Machine, Step};
use outlive::table::Verdict;
use proptest::prelude::*;

use super::walker::{Walker, limits, picks};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn whatever_comes_in_whatever_order_the_laws_hold(limits in limits(), picks in picks(160)) {
        let mut walker = Walker::new(Machine::new(limits).unwrap());
        for pick in picks {
            let walked = walker.walk(pick);
            prop_assert!(walked.is_ok(), "{walked:?} in {:?}", walker.session);
        }
    }

    #[test]
    fn what_is_said_twice_acts_once(limits in limits(), picks in picks(80)) {
        use outlive::session::Event::{Answer, Attach, Exited, Lost, StartFailed, Started, TurnEnded, Written};
        let mut walker = Walker::new(Machine::new(limits).unwrap());
        for pick in picks {
            let event = walker.walk(pick).unwrap();
            let once = matches!(event, Answer { .. } | Attach { .. } | Exited { .. } | Lost { .. }
                | StartFailed { .. } | Started { .. } | TurnEnded { .. } | Written { .. });
            if !once {
                continue;
            }
            let (again, _) = walker.judge(event).unwrap();
            prop_assert!(!again.verdict().acts(), "{event:?} acted twice in {:?}", walker.session);
        }
    }

    #[test]
    fn a_step_is_pure_and_a_step_that_is_used_again_is_the_same(limits in limits(), picks in picks(80)) {
        let mut walker = Walker::new(Machine::new(limits).unwrap());
        let mut used = Step::default();
        for pick in picks {
            let event = walker.pick(pick);
            let before = walker.session.clone();
            let step = walker.machine.step(&walker.session, &event);
            walker.machine.step_into(&walker.session, &event, &mut used);
            prop_assert_eq!(&walker.session, &before);
            prop_assert_eq!(format!("{step:?}"), format!("{used:?}"));
            let refused = matches!(step.verdict(), Verdict::Refuse(_));
            prop_assert_eq!(step.refusal().is_some(), refused);
            prop_assert_eq!(walker.machine.classify(&before, &event), step.trigger());
            walker.walk(pick).unwrap();
        }
    }
}
