//! By smlang.

use smlang::statemachine;

use super::{Small, Trigger};

statemachine! {
    derive_states: [Clone, Copy],
    derive_events: [Clone, Copy],
    transitions: {
        *Created + Prompt = Starting,
        Created + Stop = Ended,
        Created + Expired = Ended,
        Created + Restarted = Ended,
        Starting + Started = Active,
        Starting + Stop = Closing,
        Starting + Exited = Ended,
        Starting + Expired = Ended,
        Starting + Restarted = Ended,
        Active + Lost = Detached,
        Active | Detached + Suspend = Suspended,
        Active + Attach = Active,
        Active + Written = Active,
        Active + Output = Active,
        Active + TurnEnded = Active,
        Detached | Suspended + Attach = Active,
        Suspended + Expired = Detached,
        Detached + Expired = Closing,
        Active | Detached | Suspended + Stop = Closing,
        Active | Detached | Suspended + Exited = Ended,
        Active | Detached | Suspended + Restarted = Ended,
        Closing + Exited = Ended,
        Closing + Expired = Ended,
        Closing + Prompt = Ended,
        Closing + Restarted = Ended,
        Ended + Prompt = Created,
    }
}

pub struct Context;

impl StateMachineContext for Context {}

pub struct Machine(StateMachine<Context>);

impl Small for Machine {
    const NAME: &'static str = "smlang";
    type Event = Events;

    fn new() -> Self {
        Machine(StateMachine::new(Context))
    }

    fn event(trigger: Trigger) -> Events {
        match trigger {
            Trigger::Attach => Events::Attach,
            Trigger::Lost => Events::Lost,
            Trigger::Suspend => Events::Suspend,
            Trigger::Prompt => Events::Prompt,
            Trigger::Written => Events::Written,
            Trigger::Output => Events::Output,
            Trigger::Started => Events::Started,
            Trigger::TurnEnded => Events::TurnEnded,
            Trigger::Stop => Events::Stop,
            Trigger::Exited => Events::Exited,
            Trigger::Expired => Events::Expired,
            Trigger::Restarted => Events::Restarted,
        }
    }

    #[inline]
    fn handle(&mut self, event: Events) {
        // What has no transition is an error to smlang; here it is ignored.
        _ = self.0.process_event(event);
    }

    #[inline]
    fn state(&self) -> u8 {
        match self.0.state() {
            States::Created => 0,
            States::Starting => 1,
            States::Active => 2,
            States::Detached => 3,
            States::Suspended => 4,
            States::Closing => 5,
            States::Ended => 6,
        }
    }
}
