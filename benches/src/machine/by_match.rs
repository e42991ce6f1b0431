//! By hand.

use super::{Small, State, Trigger};

pub struct Machine(State);

impl Small for Machine {
    const NAME: &'static str = "match, by hand";
    type Event = Trigger;

    fn new() -> Self {
        Machine(State::Created)
    }

    fn event(trigger: Trigger) -> Trigger {
        trigger
    }

    #[inline]
    fn handle(&mut self, event: Trigger) {
        use State::*;
        use Trigger::*;
        let state = self.0;
        self.0 = match state {
            Created => match event {
                Prompt => Starting,
                Stop | Expired | Restarted => Ended,
                _ => state,
            },
            Starting => match event {
                Started => Active,
                Stop => Closing,
                Exited | Expired | Restarted => Ended,
                _ => state,
            },
            Active => match event {
                Lost => Detached,
                Suspend => Suspended,
                Stop => Closing,
                Exited | Restarted => Ended,
                _ => state,
            },
            Detached => match event {
                Suspend => Suspended,
                Attach => Active,
                Expired | Stop => Closing,
                Exited | Restarted => Ended,
                _ => state,
            },
            Suspended => match event {
                Attach => Active,
                Expired => Detached,
                Stop => Closing,
                Exited | Restarted => Ended,
                _ => state,
            },
            Closing => match event {
                Exited | Expired | Prompt | Restarted => Ended,
                _ => state,
            },
            Ended => match event {
                Prompt => Created,
                _ => state,
            },
        };
    }

    #[inline]
    fn state(&self) -> u8 {
        self.0 as u8
    }
}
