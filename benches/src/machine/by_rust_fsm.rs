//! By rust-fsm.

use rust_fsm::state_machine;

use super::{Small, Trigger};

state_machine! {
    #[derive(Clone, Copy, Debug)]
    small(Created)

    Created => { Prompt => Starting, Stop => Ended, Expired => Ended, Restarted => Ended },
    Starting => {
        Started => Active, Stop => Closing, Exited => Ended, Expired => Ended, Restarted => Ended
    },
    Active => {
        Lost => Detached, Suspend => Suspended, Stop => Closing, Exited => Ended,
        Restarted => Ended, Attach => Active, Written => Active, Output => Active,
        TurnEnded => Active
    },
    Detached => {
        Suspend => Suspended, Attach => Active, Expired => Closing, Stop => Closing,
        Exited => Ended, Restarted => Ended
    },
    Suspended => {
        Attach => Active, Expired => Detached, Stop => Closing, Exited => Ended,
        Restarted => Ended
    },
    Closing => { Exited => Ended, Expired => Ended, Prompt => Ended, Restarted => Ended },
    Ended(Prompt) => Created
}

pub struct Machine(small::StateMachine);

impl Small for Machine {
    const NAME: &'static str = "rust-fsm";
    type Event = small::Input;

    fn new() -> Self {
        Machine(small::StateMachine::new())
    }

    fn event(trigger: Trigger) -> small::Input {
        match trigger {
            Trigger::Attach => small::Input::Attach,
            Trigger::Lost => small::Input::Lost,
            Trigger::Suspend => small::Input::Suspend,
            Trigger::Prompt => small::Input::Prompt,
            Trigger::Written => small::Input::Written,
            Trigger::Output => small::Input::Output,
            Trigger::Started => small::Input::Started,
            Trigger::TurnEnded => small::Input::TurnEnded,
            Trigger::Stop => small::Input::Stop,
            Trigger::Exited => small::Input::Exited,
            Trigger::Expired => small::Input::Expired,
            Trigger::Restarted => small::Input::Restarted,
        }
    }

    #[inline]
    fn handle(&mut self, event: small::Input) {
        // What has no transition is an error to rust-fsm; here it is ignored.
        _ = self.0.consume(&event);
    }

    #[inline]
    fn state(&self) -> u8 {
        match self.0.state() {
            small::State::Created => 0,
            small::State::Starting => 1,
            small::State::Active => 2,
            small::State::Detached => 3,
            small::State::Suspended => 4,
            small::State::Closing => 5,
            small::State::Ended => 6,
        }
    }
}
