//! A session that the store gives back, at any moment of its life.

use outlive::log::LogId;
use outlive::session::{Event, Machine, Session};
use proptest::prelude::*;

use super::walker::{Walker, limits, picks};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn after_every_step_the_record_comes_back_as_it_was(limits in limits(), picks in picks(100)) {
        let machine = Machine::new(limits).unwrap();
        let mut walker = Walker::new(machine.clone());
        for pick in picks {
            walker.walk(pick).unwrap();
            let json = serde_json::to_string(&walker.session).unwrap();
            let restored: Session = serde_json::from_str(&json).unwrap();
            prop_assert_eq!(restored.snapshot(), walker.session.snapshot());
            prop_assert_eq!(&Session::restore(walker.session.snapshot()).unwrap(), &restored);
            prop_assert!(restored.connections().is_empty() && restored.pin().is_none());
            for renew in [None, Some(LogId(5))] {
                let recovering = Walker::of(machine.clone(), restored.clone());
                let recovered = recovering.judge(Event::Restarted { renew });
                prop_assert!(recovered.is_ok(), "{recovered:?} of {json}");
            }
        }
    }

    #[test]
    fn a_session_that_is_restored_on_the_way_goes_on_by_the_laws(
        limits in limits(), before in picks(60), after in picks(60),
    ) {
        let machine = Machine::new(limits).unwrap();
        let mut walker = Walker::new(machine.clone());
        for pick in before {
            walker.walk(pick).unwrap();
        }
        let restored = Session::restore(walker.session.snapshot()).unwrap();
        let fresh = walker.fresh;
        let mut walker = Walker { fresh, ..Walker::of(machine, restored) };
        let event = Event::Restarted { renew: None };
        let (step, witness) = walker.judge(event).unwrap();
        walker.adopt(event, &step, witness);
        for pick in after {
            let walked = walker.walk(pick);
            prop_assert!(walked.is_ok(), "{walked:?} in {:?}", walker.session);
        }
    }

    #[test]
    fn the_record_changes_only_in_steps_that_commit(limits in limits(), picks in picks(100)) {
        let mut walker = Walker::new(Machine::new(limits).unwrap());
        for pick in picks {
            let before = walker.session.snapshot();
            let event = walker.pick(pick);
            let (step, witness) = walker.judge(event).unwrap();
            let changed = step.next.snapshot() != before;
            prop_assert!(step.commits() || !changed, "{event:?}");
            walker.adopt(event, &step, witness);
        }
    }
}
