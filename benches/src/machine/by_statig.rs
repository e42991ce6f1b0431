//! By statig.

use statig::prelude::*;

use super::{Small, Trigger};

#[derive(Default)]
pub struct Inner;

#[state_machine(initial = "State::created()", state(derive(Debug)))]
impl Inner {
    #[state]
    fn created(event: &Trigger) -> Outcome<State> {
        match event {
            Trigger::Prompt => Transition(State::starting()),
            Trigger::Stop | Trigger::Expired | Trigger::Restarted => Transition(State::ended()),
            _ => Handled,
        }
    }

    #[state]
    fn starting(event: &Trigger) -> Outcome<State> {
        match event {
            Trigger::Started => Transition(State::active()),
            Trigger::Stop => Transition(State::closing()),
            Trigger::Exited | Trigger::Expired | Trigger::Restarted => Transition(State::ended()),
            _ => Handled,
        }
    }

    #[state(superstate = "up")]
    fn active(event: &Trigger) -> Outcome<State> {
        match event {
            Trigger::Lost => Transition(State::detached()),
            Trigger::Suspend => Transition(State::suspended()),
            _ => Super,
        }
    }

    #[state(superstate = "up")]
    fn detached(event: &Trigger) -> Outcome<State> {
        match event {
            Trigger::Suspend => Transition(State::suspended()),
            Trigger::Attach => Transition(State::active()),
            Trigger::Expired => Transition(State::closing()),
            _ => Super,
        }
    }

    #[state(superstate = "up")]
    fn suspended(event: &Trigger) -> Outcome<State> {
        match event {
            Trigger::Attach => Transition(State::active()),
            Trigger::Expired => Transition(State::detached()),
            _ => Super,
        }
    }

    #[superstate]
    fn up(event: &Trigger) -> Outcome<State> {
        match event {
            Trigger::Stop => Transition(State::closing()),
            Trigger::Exited | Trigger::Restarted => Transition(State::ended()),
            _ => Handled,
        }
    }

    #[state]
    fn closing(event: &Trigger) -> Outcome<State> {
        match event {
            Trigger::Exited | Trigger::Expired | Trigger::Prompt | Trigger::Restarted => {
                Transition(State::ended())
            }
            _ => Handled,
        }
    }

    #[state]
    fn ended(event: &Trigger) -> Outcome<State> {
        match event {
            Trigger::Prompt => Transition(State::created()),
            _ => Handled,
        }
    }
}

pub struct Machine(statig::blocking::StateMachine<Inner>);

impl Small for Machine {
    const NAME: &'static str = "statig";
    type Event = Trigger;

    fn new() -> Self {
        Machine(Inner.state_machine())
    }

    fn event(trigger: Trigger) -> Trigger {
        trigger
    }

    #[inline]
    fn handle(&mut self, event: Trigger) {
        self.0.handle(&event);
    }

    #[inline]
    fn state(&self) -> u8 {
        match self.0.state() {
            State::Created { .. } => 0,
            State::Starting { .. } => 1,
            State::Active { .. } => 2,
            State::Detached { .. } => 3,
            State::Suspended { .. } => 4,
            State::Closing { .. } => 5,
            State::Ended { .. } => 6,
        }
    }
}
