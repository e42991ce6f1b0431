//! A session among events of every kind: valid, stale, hostile and said twice.

use std::num::{NonZeroU16, NonZeroU32, NonZeroU64};

use outlive::ids::{ClientId, ConnectionId, Digest, Generation, Incarnation, PrincipalId, Seq};
use outlive::laws::{Breach, Witness, of_step};
use outlive::log::{Cursor, LogId, ResumeFrom};
use outlive::session::{Event, Machine, Session, Step, WorkerOutcome};
use outlive::{Limits, Timer};
use proptest::prelude::*;
use strum::VariantArray;

use crate::kit::{LOG, small};

/// A driver that keeps its contract, and nobody else who does: a fence is never used twice.
#[derive(Clone)]
pub(super) struct Walker {
    pub(super) machine: Machine,
    pub(super) session: Session,
    pub(super) witness: Witness,
    /// The next fence.
    pub(super) fresh: u64,
}

/// What may come, by kind: what moves a session on comes more often than what ends it.
const KINDS: &[fn(&Walker) -> Vec<Event>] = &[
    attaches, attaches, written, written, suspends, resumes, lost, prompts, prompts, prompts,
    interrupts, answers, started, started, outputs, outputs, asks, asks, turn_ends, turn_ends,
    exits, timers, timers, stops, restarts, missed,
];

impl Walker {
    pub(super) fn new(machine: Machine) -> Walker {
        let session = machine.create(LOG).next;
        Walker::of(machine, session)
    }

    pub(super) fn of(machine: Machine, session: Session) -> Walker {
        let witness = Witness::of(&session, machine.limits());
        Walker { machine, session, witness, fresh: 1 }
    }

    /// The event that a number picks.
    pub(super) fn pick(&self, pick: u32) -> Event {
        let (kind, which) = (pick as usize % KINDS.len(), pick as usize / KINDS.len());
        let events = KINDS[kind](self);
        events[which % events.len()]
    }

    /// Everything that may come now.
    pub(super) fn everything(&self) -> Vec<Event> {
        KINDS.iter().flat_map(|kind| kind(self)).collect()
    }

    /// What the event does, held against every law; nothing is adopted.
    pub(super) fn judge(&self, event: Event) -> Result<(Step, Witness), Breach> {
        let limits = self.machine.limits();
        let step = self.machine.step(&self.session, &event);
        let mut witness = self.witness;
        of_step(limits, &self.session, &event, &step)?;
        witness.observe(limits, &self.session, &event, &step)?;
        Ok((step, witness))
    }

    pub(super) fn adopt(&mut self, event: Event, step: &Step, witness: Witness) {
        if let Event::Attach { connection, .. } = event {
            self.fresh = self.fresh.max(connection.0 + 1);
        }
        self.session.clone_from(&step.next);
        self.witness = witness;
    }

    /// Walks on by one pick.
    pub(super) fn walk(&mut self, pick: u32) -> Result<Event, Breach> {
        let event = self.pick(pick);
        let (step, witness) = self.judge(event)?;
        self.adopt(event, &step, witness);
        Ok(event)
    }

    /// The listed connections, one that is gone and one that never was.
    fn connections(&self) -> Vec<ConnectionId> {
        let listed = self.session.connections().iter().map(|one| one.id);
        let gone = self.fresh.saturating_sub(2);
        listed.chain([self.fresh - 1, gone, self.fresh + 5].map(ConnectionId)).collect()
    }

    /// Places of every kind, in and beyond the log.
    fn places(&self) -> Vec<Seq> {
        let log = self.session.log();
        let edges = [log.base.previous(), log.base, log.base.next(), log.head.previous(), log.head];
        let known = self
            .session
            .queue()
            .iter()
            .map(|one| one.seq)
            .chain(self.session.asks().iter().copied());
        known
            .chain(self.session.turn().id())
            .chain(edges)
            .chain([0, log.head.0 + 1, u64::MAX].map(Seq))
            .collect()
    }

    /// The current turn, and others.
    fn turns(&self) -> Vec<Seq> {
        let turn = self.session.turn().id();
        turn.into_iter().chain(turn).chain([Seq(0), self.session.log().head]).collect()
    }

    /// The current incarnation, and its neighbours.
    fn workers(&self) -> Vec<Incarnation> {
        let current = self.session.incarnation();
        let others = [Incarnation(current.0 - 1), Incarnation(current.0 + 1)];
        [current; 3].into_iter().chain(others).collect()
    }
}

fn attaches(walker: &Walker) -> Vec<Event> {
    let log = walker.session.log();
    let at = |log, seq| ResumeFrom::At(Cursor { log, seq });
    let places = walker.places().into_iter().map(|seq| at(log.id, seq));
    let strange = [ResumeFrom::Nothing, ResumeFrom::Malformed, at(LogId(log.id.0 ^ 1), log.head)];
    let cursors: Vec<_> = places.chain(strange).collect();
    let fences = [walker.fresh, walker.fresh].map(ConnectionId).into_iter();
    let listed = walker.session.connections().iter().map(|one| one.id);
    let fences: Vec<_> = fences.chain(listed).collect();
    let hello = |(connection, client): (ConnectionId, u64)| {
        let client = ClientId(client);
        cursors.iter().map(move |cursor| Event::Attach {
            connection,
            client,
            principal: PrincipalId(0),
            cursor: *cursor,
        })
    };
    let who = fences.iter().flat_map(|fence| (0..4).map(move |client| (*fence, client)));
    who.flat_map(hello).collect()
}

/// The whole range, or its first entry.
fn written(walker: &Walker) -> Vec<Event> {
    let listed = walker.session.connections().iter();
    let right = listed.flat_map(|one| {
        let throughs = one.in_flight.into_iter().chain([one.next.previous(); 3]);
        throughs.map(|through| Event::Written { connection: one.id, through })
    });
    let wrong = walker.connections().into_iter().flat_map(|connection| {
        walker.places().into_iter().map(move |through| Event::Written { connection, through })
    });
    let right: Vec<_> = right.collect();
    let many = right.iter().copied().cycle().take(right.len() * 6).collect::<Vec<_>>();
    many.into_iter().chain(wrong).collect()
}

fn missed(walker: &Walker) -> Vec<Event> {
    let listed = walker.session.connections().iter();
    let right = listed.filter_map(|one| Some((one.id, one.in_flight?)));
    let wrong = walker.connections().into_iter().map(|id| (id, walker.session.log().head));
    right.chain(wrong).map(|(connection, from)| Event::Missed { connection, from }).collect()
}

fn suspends(walker: &Walker) -> Vec<Event> {
    let each = walker.connections().into_iter();
    each.flat_map(|connection| {
        walker.places().into_iter().map(move |seen| Event::Suspend { connection, seen })
    })
    .collect()
}

fn resumes(walker: &Walker) -> Vec<Event> {
    walker.connections().into_iter().map(|connection| Event::Resume { connection }).collect()
}

fn lost(walker: &Walker) -> Vec<Event> {
    walker.connections().into_iter().map(|connection| Event::Lost { connection }).collect()
}

fn prompts(walker: &Walker) -> Vec<Event> {
    let of_client = |client| {
        let client = ClientId(client);
        let high = walker.session.last_accepted(client).map_or(0, NonZeroU64::get);
        let numbers = [high + 1, high + 1, high + 1, high, high + 2, 1].into_iter();
        let numbers = numbers.filter_map(NonZeroU64::new);
        numbers.flat_map(move |n| {
            [0, 1].map(|digest| Event::Prompt {
                client,
                principal: PrincipalId(0),
                n,
                digest: Digest(digest),
            })
        })
    };
    (0..4).flat_map(of_client).collect()
}

fn interrupts(walker: &Walker) -> Vec<Event> {
    walker.places().into_iter().map(|turn| Event::Interrupt { turn }).collect()
}

fn answers(walker: &Walker) -> Vec<Event> {
    walker
        .places()
        .into_iter()
        .map(|ask| Event::Answer { client: ClientId(1), principal: PrincipalId(0), ask })
        .collect()
}

fn stops(walker: &Walker) -> Vec<Event> {
    let current = walker.session.incarnation().0;
    [current - 1, current, current + 1]
        .map(|incarnation| Event::Stop { incarnation: Incarnation(incarnation) })
        .to_vec()
}

fn started(walker: &Walker) -> Vec<Event> {
    walker.workers().into_iter().map(|incarnation| Event::Started { incarnation }).collect()
}

fn exits(walker: &Walker) -> Vec<Event> {
    let each = walker.workers().into_iter();
    each.flat_map(|incarnation| [Event::Exited { incarnation }, Event::StartFailed { incarnation }])
        .collect()
}

fn outputs(walker: &Walker) -> Vec<Event> {
    let mut events = Vec::new();
    for incarnation in walker.workers() {
        for turn in walker.turns().into_iter().map(Some).chain([None]) {
            for count in [1, 3, 30].map(|count| NonZeroU32::new(count).unwrap()) {
                events.push(Event::Output { incarnation, turn, count });
            }
        }
    }
    events
}

fn asks(walker: &Walker) -> Vec<Event> {
    let each = walker.workers().into_iter();
    each.flat_map(|incarnation| {
        let asked = walker.turns().into_iter().map(move |turn| Event::Asked { incarnation, turn });
        let places = walker.places().into_iter();
        asked.chain(places.map(move |ask| Event::Withdrawn { incarnation, ask }))
    })
    .collect()
}

fn turn_ends(walker: &Walker) -> Vec<Event> {
    use WorkerOutcome::{Completed, Empty, Failed, Interrupted};
    let mut events = Vec::new();
    for incarnation in walker.workers() {
        for turn in walker.turns() {
            for outcome in [Completed, Empty, Interrupted, Failed] {
                events.push(Event::TurnEnded { incarnation, turn, outcome });
            }
            for asks in [1, 2] {
                let asks = NonZeroU16::new(asks).unwrap();
                events.push(Event::TurnWaiting { incarnation, turn, asks });
            }
        }
    }
    events
}

fn timers(walker: &Walker) -> Vec<Event> {
    let of = |timer: &Timer| {
        let timer = *timer;
        let current = walker.session.generation(timer).0;
        [current, current.saturating_sub(1), current + 1]
            .map(|generation| Event::Expired { timer, generation: Generation(generation) })
    };
    Timer::VARIANTS.iter().flat_map(of).collect()
}

fn restarts(walker: &Walker) -> Vec<Event> {
    let renew = Some(LogId(walker.session.log().id.0 + 1));
    let restarts = [Event::Restarted { renew: None }, Event::Restarted { renew }];
    // A hold is for good, and keeps much from happening.
    restarts.into_iter().cycle().take(6).chain([Event::Drain]).collect()
}

/// Limits of which each is met, limits that leave room, and the limits of every day.
pub(super) fn limits() -> impl Strategy<Value = Limits> {
    let tight = Limits { connections: 1, queued: 1, clients: 1, batch: 1, retention: 1, ..small() };
    let endless = Limits { turn_ms: None, connections: 3, asks: 3, clients: 4, ..small() };
    prop_oneof![Just(small()), Just(tight), Just(endless), Just(Limits::default())]
}

/// The picks of a walk.
pub(super) fn picks(length: usize) -> impl Strategy<Value = Vec<u32>> {
    prop::collection::vec(any::<u32>(), 0..length)
}

/// The same numbers every time: for walks that must reach something.
pub(super) fn numbers(seed: u64) -> impl Iterator<Item = u32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    std::iter::repeat_with(move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        u32::try_from(state >> 32).unwrap()
    })
}
