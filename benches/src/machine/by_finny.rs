//! By finny: states and events are types of their own.

use finny::decl::{BuiltFsm, FsmBuilder};
use finny::inspect::null::InspectNull;
use finny::{FsmEventQueueNull, FsmFactory, FsmFrontend, FsmTimersNull, finny_fsm};

use super::{Small, Trigger};

#[derive(Default)]
pub struct Context;

macro_rules! states { ($($name:ident)*) => { $(#[derive(Default)] pub struct $name;)* } }
macro_rules! events { ($($name:ident)*) => { $(#[derive(Clone, Copy)] pub struct $name;)* } }

states!(Created Starting Active Detached Suspended Closing Ended);
events!(Attach Lost Suspend Prompt Written Output Started TurnEnded Stop Exited Expired Restarted);

#[finny_fsm]
fn small(mut fsm: FsmBuilder<Fsm, Context>) -> BuiltFsm {
    fsm.initial_state::<Created>();
    fsm.state::<Created>().on_event::<Prompt>().transition_to::<Starting>();
    fsm.state::<Created>().on_event::<Stop>().transition_to::<Ended>();
    fsm.state::<Created>().on_event::<Expired>().transition_to::<Ended>();
    fsm.state::<Created>().on_event::<Restarted>().transition_to::<Ended>();
    fsm.state::<Starting>().on_event::<Started>().transition_to::<Active>();
    fsm.state::<Starting>().on_event::<Stop>().transition_to::<Closing>();
    fsm.state::<Starting>().on_event::<Exited>().transition_to::<Ended>();
    fsm.state::<Starting>().on_event::<Expired>().transition_to::<Ended>();
    fsm.state::<Starting>().on_event::<Restarted>().transition_to::<Ended>();
    fsm.state::<Active>().on_event::<Lost>().transition_to::<Detached>();
    fsm.state::<Active>().on_event::<Suspend>().transition_to::<Suspended>();
    fsm.state::<Active>().on_event::<Attach>().internal_transition();
    fsm.state::<Active>().on_event::<Written>().internal_transition();
    fsm.state::<Active>().on_event::<Output>().internal_transition();
    fsm.state::<Active>().on_event::<TurnEnded>().internal_transition();
    fsm.state::<Active>().on_event::<Stop>().transition_to::<Closing>();
    fsm.state::<Active>().on_event::<Exited>().transition_to::<Ended>();
    fsm.state::<Active>().on_event::<Restarted>().transition_to::<Ended>();
    fsm.state::<Detached>().on_event::<Suspend>().transition_to::<Suspended>();
    fsm.state::<Detached>().on_event::<Attach>().transition_to::<Active>();
    fsm.state::<Detached>().on_event::<Expired>().transition_to::<Closing>();
    fsm.state::<Detached>().on_event::<Stop>().transition_to::<Closing>();
    fsm.state::<Detached>().on_event::<Exited>().transition_to::<Ended>();
    fsm.state::<Detached>().on_event::<Restarted>().transition_to::<Ended>();
    fsm.state::<Suspended>().on_event::<Attach>().transition_to::<Active>();
    fsm.state::<Suspended>().on_event::<Expired>().transition_to::<Detached>();
    fsm.state::<Suspended>().on_event::<Stop>().transition_to::<Closing>();
    fsm.state::<Suspended>().on_event::<Exited>().transition_to::<Ended>();
    fsm.state::<Suspended>().on_event::<Restarted>().transition_to::<Ended>();
    fsm.state::<Closing>().on_event::<Exited>().transition_to::<Ended>();
    fsm.state::<Closing>().on_event::<Expired>().transition_to::<Ended>();
    fsm.state::<Closing>().on_event::<Prompt>().transition_to::<Ended>();
    fsm.state::<Closing>().on_event::<Restarted>().transition_to::<Ended>();
    fsm.state::<Ended>().on_event::<Prompt>().transition_to::<Created>();
    fsm.build()
}

/// With the least around it: no queue, no inspector, no timers.
pub struct Machine(FsmFrontend<Fsm, FsmEventQueueNull<Fsm>, InspectNull, FsmTimersNull>);

impl Small for Machine {
    const NAME: &'static str = "finny";
    type Event = Trigger;

    fn new() -> Self {
        let (queue, inspect) = (FsmEventQueueNull::new(), InspectNull::new());
        let fsm = Fsm::new_with(Context, queue, inspect, FsmTimersNull);
        let mut fsm = fsm.expect("a machine");
        fsm.start().expect("it starts");
        Machine(fsm)
    }

    fn event(trigger: Trigger) -> Trigger {
        trigger
    }

    #[inline]
    fn handle(&mut self, event: Trigger) {
        // What has no transition is an error to finny; here it is ignored.
        _ = match event {
            Trigger::Attach => self.0.dispatch(Attach),
            Trigger::Lost => self.0.dispatch(Lost),
            Trigger::Suspend => self.0.dispatch(Suspend),
            Trigger::Prompt => self.0.dispatch(Prompt),
            Trigger::Written => self.0.dispatch(Written),
            Trigger::Output => self.0.dispatch(Output),
            Trigger::Started => self.0.dispatch(Started),
            Trigger::TurnEnded => self.0.dispatch(TurnEnded),
            Trigger::Stop => self.0.dispatch(Stop),
            Trigger::Exited => self.0.dispatch(Exited),
            Trigger::Expired => self.0.dispatch(Expired),
            Trigger::Restarted => self.0.dispatch(Restarted),
        };
    }

    #[inline]
    fn state(&self) -> u8 {
        match self.0.get_current_states()[0] {
            finny::FsmCurrentState::State(state) => state as u8,
            finny::FsmCurrentState::Stopped => unreachable!("it was started"),
        }
    }
}
