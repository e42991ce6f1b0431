//! A session and what is around it, small enough to be told three times: here for our engine and for
//! stateright, and in `session.pml` for SPIN. The three must count the same states.

use std::fmt;

use outlive::check::{Encoding, Judgement, Model, Properties, ensure};

/// Entries that the log can hold.
const HEAD: u8 = 7;
const QUEUE: u8 = 3;
const PROMPTS: u8 = 3;
const CRASHES: u8 = 2;

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Phase {
    Created,
    Starting,
    Active,
    Detached,
    Suspended,
    Closing,
    Ended,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Turn {
    Idle,
    Running,
    Interrupting,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Worker {
    None,
    Starting,
    Idle,
    Busy,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Link {
    Away,
    Dialing,
    Open,
    Suspended,
}

/// A client, and its connection.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Viewer {
    pub link: Link,
    /// The last entry it has applied.
    pub applied: u8,
    pub in_flight: bool,
    /// Prompts it may still send.
    pub prompts: u8,
}

/// One state of everything.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Moment {
    pub phase: Phase,
    pub turn: Turn,
    pub worker: Worker,
    pub queue: u8,
    pub head: u8,
    pub detach_timer: bool,
    pub crashes: u8,
    pub viewers: [Viewer; 2],
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Action {
    Dial(usize),
    Accept(usize),
    Lose(usize),
    Suspend(usize),
    Resume(usize),
    Prompt(usize),
    Interrupt(usize),
    Stop(usize),
    Send(usize),
    Deliver(usize),
    Ready,
    Dispatch,
    Output,
    TurnEnd,
    Expire,
    Exit,
    Crash,
}

use Action::*;

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl Moment {
    pub fn first() -> Moment {
        let viewer = Viewer { link: Link::Away, applied: 0, in_flight: false, prompts: PROMPTS };
        Moment {
            phase: Phase::Created,
            turn: Turn::Idle,
            worker: Worker::None,
            queue: 0,
            head: 0,
            detach_timer: false,
            crashes: CRASHES,
            viewers: [viewer; 2],
        }
    }

    fn is_up(&self) -> bool {
        matches!(self.phase, Phase::Active | Phase::Detached | Phase::Suspended)
    }

    /// The phase of a session that is up, with the viewers it has.
    fn watched(&self) -> Phase {
        if self.viewers.iter().any(|viewer| viewer.link == Link::Open) {
            Phase::Active
        } else if self.viewers.iter().any(|viewer| viewer.link == Link::Suspended) {
            Phase::Suspended
        } else {
            Phase::Detached
        }
    }

    /// The viewers have changed.
    fn rewatch(&mut self) {
        if self.is_up() {
            self.phase = self.watched();
            self.detach_timer = self.phase == Phase::Detached;
        }
    }

    /// Appends what can happen here.
    pub fn actions(&self, out: &mut Vec<Action>) {
        let room = self.head < HEAD;
        for (v, viewer) in self.viewers.iter().enumerate() {
            match viewer.link {
                Link::Away => out.push(Dial(v)),
                Link::Dialing => out.extend([Accept(v), Lose(v)]),
                Link::Suspended => out.extend([Resume(v), Lose(v)]),
                Link::Open => {
                    out.extend([Lose(v), Suspend(v)]);
                    let takes = self.phase != Phase::Closing && self.queue < QUEUE;
                    if viewer.prompts > 0 && room && takes {
                        out.push(Prompt(v));
                    }
                    if self.turn == Turn::Running {
                        out.push(Interrupt(v));
                    }
                    if self.is_up() || self.phase == Phase::Starting {
                        out.push(Stop(v));
                    }
                    if !viewer.in_flight && viewer.applied < self.head {
                        out.push(Send(v));
                    }
                    if viewer.in_flight {
                        out.push(Deliver(v));
                    }
                }
            }
        }
        if self.worker == Worker::Starting && self.phase == Phase::Starting {
            out.push(Ready);
        }
        if self.is_up() && self.worker == Worker::Idle && self.queue > 0 {
            out.push(Dispatch);
        }
        if self.worker == Worker::Busy {
            if room {
                out.push(Output);
            }
            out.push(TurnEnd);
        }
        if self.detach_timer {
            out.push(Expire);
        }
        if self.phase == Phase::Closing {
            out.push(Exit);
        }
        if self.crashes > 0 {
            out.push(Crash);
        }
    }

    /// What becomes of this by an action that can happen here.
    pub fn after(&self, action: Action) -> Moment {
        let mut next = self.clone();
        match action {
            Dial(v) => next.viewers[v].link = Link::Dialing,
            Accept(v) | Resume(v) => {
                next.viewers[v].link = Link::Open;
                next.rewatch();
            }
            Lose(v) => {
                next.viewers[v].link = Link::Away;
                next.viewers[v].in_flight = false;
                next.rewatch();
            }
            Suspend(v) => {
                next.viewers[v].link = Link::Suspended;
                next.viewers[v].in_flight = false;
                next.rewatch();
            }
            Prompt(v) => {
                next.viewers[v].prompts -= 1;
                next.queue += 1;
                next.head += 1;
                if matches!(next.phase, Phase::Created | Phase::Ended) {
                    next.phase = Phase::Starting;
                    next.worker = Worker::Starting;
                }
            }
            Interrupt(_) => next.turn = Turn::Interrupting,
            Stop(_) => {
                next.phase = Phase::Closing;
                next.detach_timer = false;
            }
            Send(v) => next.viewers[v].in_flight = true,
            Deliver(v) => {
                next.viewers[v].in_flight = false;
                next.viewers[v].applied += 1;
            }
            Ready => {
                next.worker = Worker::Idle;
                next.phase = next.watched();
                next.detach_timer = next.phase == Phase::Detached;
            }
            Dispatch => {
                next.queue -= 1;
                next.turn = Turn::Running;
                next.worker = Worker::Busy;
            }
            Output => next.head += 1,
            TurnEnd => {
                next.turn = Turn::Idle;
                next.worker = Worker::Idle;
            }
            Expire => {
                next.detach_timer = false;
                next.phase = Phase::Closing;
            }
            Exit => next.end(),
            Crash => {
                next.crashes -= 1;
                for viewer in &mut next.viewers {
                    viewer.link = Link::Away;
                    viewer.in_flight = false;
                }
                next.end();
            }
        }
        next
    }

    fn end(&mut self) {
        self.phase = Phase::Ended;
        self.worker = Worker::None;
        self.turn = Turn::Idle;
        self.queue = 0;
        self.detach_timer = false;
    }

    /// The first law: nobody is ahead of the log.
    pub fn nobody_is_ahead(&self) -> bool {
        self.viewers.iter().all(|viewer| viewer.applied <= self.head)
    }

    /// The second: a turn runs while the worker is at it.
    pub fn turns_have_a_worker(&self) -> bool {
        (self.turn == Turn::Idle) == (self.worker != Worker::Busy)
    }
}

/// The model for our engine.
pub struct World;

impl Model for World {
    type State = Moment;
    type Action = Action;
    type StepTrace = ();

    fn initial(&self) -> Vec<Moment> {
        vec![Moment::first()]
    }

    fn actions(&self, state: &Moment, out: &mut Vec<Action>) {
        state.actions(out);
    }

    fn step(&self, state: &Moment, action: &Action) -> Option<(Moment, ())> {
        Some((state.after(*action), ()))
    }

    fn properties(&self) -> Properties<World> {
        Properties::<World>::new()
            .always("nobody_is_ahead", "nobody is ahead of the log", |_, state| -> Judgement {
                ensure(state.nobody_is_ahead(), "somebody is")
            })
            .always("turns_have_a_worker", "a turn runs while its worker is at it", |_, state| {
                ensure(state.turns_have_a_worker(), "one without the other")
            })
    }
}

/// Moments as 64 bits.
pub struct Packed;

impl Encoding<World> for Packed {
    type Key = u64;

    fn pack(&self, m: &Moment) -> u64 {
        let mut key = m.phase as u64
            | (m.turn as u64) << 3
            | (m.worker as u64) << 5
            | u64::from(m.queue) << 7
            | u64::from(m.head) << 9
            | u64::from(m.detach_timer) << 12
            | u64::from(m.crashes) << 13;
        for (v, viewer) in m.viewers.iter().enumerate() {
            let bits = viewer.link as u64
                | u64::from(viewer.applied) << 2
                | u64::from(viewer.in_flight) << 5
                | u64::from(viewer.prompts) << 6;
            key |= bits << (16 + 8 * v);
        }
        key
    }

    fn unpack(&self, key: &u64) -> Moment {
        use Phase::*;
        let bits = |at: u32, width: u32| (*key >> at & ((1 << width) - 1)) as u8;
        let viewer = |at: u32| Viewer {
            link: [Link::Away, Link::Dialing, Link::Open, Link::Suspended]
                [usize::from(bits(at, 2))],
            applied: bits(at + 2, 3),
            in_flight: bits(at + 5, 1) == 1,
            prompts: bits(at + 6, 2),
        };
        Moment {
            phase: [Created, Starting, Active, Detached, Phase::Suspended, Closing, Ended]
                [usize::from(bits(0, 3))],
            turn: [Turn::Idle, Turn::Running, Turn::Interrupting][usize::from(bits(3, 2))],
            worker: [Worker::None, Worker::Starting, Worker::Idle, Worker::Busy]
                [usize::from(bits(5, 2))],
            queue: bits(7, 2),
            head: bits(9, 3),
            detach_timer: bits(12, 1) == 1,
            crashes: bits(13, 2),
            viewers: [viewer(16), viewer(24)],
        }
    }
}
