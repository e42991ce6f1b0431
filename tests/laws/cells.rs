//! Every cell of the table, met by a real session: refused and ignored change nothing, and what is
//! called impossible does not happen.

use std::collections::{BTreeSet, VecDeque};

use outlive::ids::ConnectionId;
use outlive::session::table::TABLE;
use outlive::session::{Event, Machine, Session, Step, TurnState};
use outlive::table::Verdict;
use outlive::{Limits, Reason, State, Timer, Trigger};
use strum::VariantArray;

use super::walker::Walker;
use crate::kit::small;

/// What makes a difference to which column an event comes to. Sessions that are alike in it count as
/// one, so that the search comes to an end.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Shape {
    state: State,
    turn: u8,
    queue: usize,
    asks: usize,
    clients: usize,
    watching: usize,
    hidden: usize,
    writing: bool,
    held: bool,
    /// Whether a suspend notice may still come of the connection lost last.
    left: bool,
    /// Which timers were ever armed.
    armed: [bool; Timer::VARIANTS.len()],
}

fn shape(walker: &Walker) -> Shape {
    let session = &walker.session;
    let turn = match session.turn() {
        TurnState::Idle => 0,
        TurnState::Running(_) => 1,
        TurnState::Interrupting(_) => 2,
    };
    let late = |id| {
        let notice = Event::Suspend { connection: ConnectionId(id), seen: session.log().head };
        walker.machine.classify(session, &notice) == Trigger::SuspendLate
    };
    let watching = session.connections().iter().filter(|one| one.watches()).count();
    Shape {
        state: session.state(),
        turn,
        queue: session.queue().len(),
        asks: session.asks().len(),
        clients: session.clients().len(),
        watching,
        hidden: session.connections().len() - watching,
        writing: session.connections().iter().any(|one| one.in_flight.is_some()),
        held: session.is_draining(),
        left: (1..walker.fresh).any(late),
        armed: std::array::from_fn(|t| session.generation(Timer::VARIANTS[t]).0 > 0),
    }
}

/// One event for each column it may come to, and for each client.
fn one_of_each(walker: &Walker) -> Vec<Event> {
    let mut seen = BTreeSet::new();
    let mut events = walker.everything();
    events.retain(|event| {
        let (Event::Prompt { client, .. } | Event::Attach { client, .. }) = *event else {
            return seen.insert((walker.machine.classify(&walker.session, event), None));
        };
        seen.insert((walker.machine.classify(&walker.session, event), Some(client)))
    });
    events
}

/// Feeds everything that may come to a session of every shape, and returns how many there are.
fn everywhere(mut judge: impl FnMut(&Session, Event, &Step)) -> usize {
    let limits = Limits { queued: 1, ..small() };
    let first = Walker::new(Machine::new(limits).unwrap());
    let mut shapes = BTreeSet::from([shape(&first)]);
    let mut waiting = VecDeque::from([first]);
    while let Some(walker) = waiting.pop_front() {
        for event in one_of_each(&walker) {
            let (step, witness) = walker.judge(event).unwrap();
            judge(&walker.session, event, &step);
            let mut next = walker.clone();
            next.adopt(event, &step, witness);
            if shapes.insert(shape(&next)) {
                waiting.push_back(next);
            }
        }
    }
    shapes.len()
}

/// The cells that a step went through: its own, and those of what was due.
fn cells(before: &Session, step: &Step) -> Vec<(State, Trigger)> {
    let mut state = before.state();
    let mut cells = Vec::new();
    for (place, row) in step.rules().enumerate() {
        let trigger = if place == 0 { step.trigger() } else { row.on[0] };
        cells.push((state, trigger));
        if let Verdict::Go(to) = row.verdict {
            state = to;
        }
    }
    cells
}

fn possible() -> BTreeSet<(State, Trigger)> {
    let all = State::VARIANTS.iter().flat_map(|s| Trigger::VARIANTS.iter().map(move |t| (*s, *t)));
    all.filter(|(s, t)| TABLE.rule(*s, *t).verdict != Verdict::Ignore(Reason::Impossible)).collect()
}

#[test]
fn every_cell_that_is_not_called_impossible_is_met_and_no_other_and_refused_changes_nothing() {
    let mut met = BTreeSet::new();
    let shapes = everywhere(|before, event, step| {
        met.extend(cells(before, step));
        if !step.verdict().acts() {
            assert_eq!(&step.next, before, "{event:?}");
            assert!(step.effects.is_empty() && step.records.is_empty(), "{event:?}");
            assert_eq!(step.rules().count(), 1, "{event:?}");
        }
    });
    assert!(shapes > 200, "only {shapes} shapes of sessions");
    let possible = possible();
    let wrong: Vec<_> = met.difference(&possible).collect();
    assert!(wrong.is_empty(), "called impossible, and met: {wrong:?}");
    let missed: Vec<_> = possible.difference(&met).copied().collect();
    assert!(missed.is_empty(), "not called impossible, and never met: {missed:?}");
}
