//! The bare look-up: state and trigger in, next state out, on the same small machine in every library.

mod by_finny;
mod by_match;
mod by_rust_fsm;
mod by_smlang;
mod by_statig;
mod by_table;

use strum::{EnumCount, VariantArray};

use crate::document::{grouped, table};
use crate::harness::{Random, Taken, compare, peer};
use crate::{Effort, instructions};

#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumCount, VariantArray, strum::VariantNames)]
pub enum State {
    Created,
    Starting,
    Active,
    Detached,
    Suspended,
    Closing,
    Ended,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumCount, VariantArray, strum::VariantNames)]
pub enum Trigger {
    Attach,
    Lost,
    Suspend,
    Prompt,
    Written,
    Output,
    Started,
    TurnEnded,
    Stop,
    Exited,
    Expired,
    Restarted,
}

/// A machine of one of the libraries.
pub trait Small: Sized {
    const NAME: &'static str;
    /// The library's own word for a trigger. Streams are made of these beforehand.
    type Event: Copy;

    fn new() -> Self;
    fn event(trigger: Trigger) -> Self::Event;
    fn handle(&mut self, event: Self::Event);
    /// The state's number.
    fn state(&self) -> u8;
}

/// A machine among the data of its session.
struct Slot<M> {
    machine: M,
    written: u64,
    _rest: [u64; 6],
}

/// A worker that talks, and now and then something else.
pub fn tokens(events: usize) -> Vec<Trigger> {
    use Trigger::*;
    let mut random = Random(1);
    let mut stream = vec![Prompt, Started];
    while stream.len() < events {
        stream.extend([Output, Written].repeat(50));
        stream.extend(match random.below(6) {
            0 => &[Lost, Output, Attach][..],
            1 => &[TurnEnded, Suspend, Output, Attach, Prompt],
            2 => &[TurnEnded, Lost, Expired, Exited, Prompt, Prompt, Started, Attach],
            3 => &[TurnEnded, Stop, Exited, Prompt, Attach, Prompt, Started],
            _ => &[TurnEnded, Prompt],
        });
    }
    stream.truncate(events);
    stream
}

fn uniform(events: usize) -> Vec<Trigger> {
    let mut random = Random(2);
    (0..events).map(|_| Trigger::VARIANTS[random.below(Trigger::COUNT)]).collect()
}

fn one<M: Small>(stream: &[M::Event]) -> u64 {
    let mut machine = M::new();
    let mut sum = 0u64;
    for event in stream {
        machine.handle(*event);
        sum += u64::from(machine.state());
    }
    sum
}

fn many<M: Small>(slots: &mut [Slot<M>], stream: &[M::Event], order: &[u32]) -> u64 {
    let mut sum = 0u64;
    for (event, place) in stream.iter().zip(order) {
        let slot = &mut slots[*place as usize];
        slot.machine.handle(*event);
        slot.written += 1;
        sum += u64::from(slot.machine.state());
    }
    sum
}

fn slots<M: Small>(sessions: usize) -> Vec<Slot<M>> {
    (0..sessions).map(|_| Slot { machine: M::new(), written: 0, _rest: [0; 6] }).collect()
}

fn stream<M: Small>(triggers: &[Trigger]) -> Vec<M::Event> {
    triggers.iter().map(|trigger| M::event(*trigger)).collect()
}

/// Calls a macro with each of the machines, the hand-written one first.
macro_rules! each {
    ($with:ident) => {
        $with!(by_match::Machine);
        $with!(by_table::Machine);
        $with!(by_statig::Machine);
        $with!(by_smlang::Machine);
        $with!(by_rust_fsm::Machine);
        $with!(by_finny::Machine);
    };
}

pub fn section(effort: Effort) -> String {
    let of_one = |triggers: &[Trigger]| {
        let mut peers = Vec::new();
        macro_rules! add {
            ($M:ty) => {
                let events = stream::<$M>(triggers);
                peers.push(peer(<$M>::NAME, move || one::<$M>(&events)));
            };
        }
        each!(add);
        compare(effort, triggers.len(), peers)
    };
    let columns =
        [of_one(&tokens(effort.events)), of_one(&uniform(effort.events)), at_random(effort)];
    let rows = (0..columns[0].len()).map(|row| {
        let mut cells = vec![columns[0][row].name.clone()];
        cells.extend(columns.iter().map(|column| {
            let Taken { nanoseconds, ratio, .. } = column[row];
            format!("{nanoseconds:.1} ({ratio:.2})")
        }));
        cells.push(instructions::cell(instructions::of("machine", &columns[0][row].name)));
        cells
    });
    let rows: Vec<_> = rows.collect();
    let sessions = format!("{} sessions at random", grouped(effort.sessions));
    let heads =
        ["ns an event (× match)", "token stream", "uniform", &sessions, "instructions, uniform"];
    table(&heads, &rows)
}

/// The hand-written match, for those who do more.
pub fn by_hand(triggers: &[Trigger]) -> u64 {
    one::<by_match::Machine>(triggers)
}

fn at_random(effort: Effort) -> Vec<Taken> {
    let triggers = uniform(effort.events);
    let mut random = Random(3);
    let order: Vec<u32> =
        (0..effort.events).map(|_| random.below(effort.sessions) as u32).collect();
    let mut peers = Vec::new();
    macro_rules! add {
        ($M:ty) => {
            let events = stream::<$M>(&triggers);
            let mut sessions = slots::<$M>(effort.sessions);
            let order = &order;
            peers.push(peer(<$M>::NAME, move || many::<$M>(&mut sessions, &events, order)));
        };
    }
    each!(add);
    compare(effort, triggers.len(), peers)
}

/// One machine by name, over a uniform stream of a fixed length, again and again.
pub fn perform(name: &str, events: usize) -> u64 {
    let triggers = uniform(10_000);
    let mut result = None;
    macro_rules! run {
        ($M:ty) => {
            if <$M>::NAME == name {
                let events_of = stream::<$M>(&triggers);
                result = Some((0..events / 10_000).map(|_| one::<$M>(&events_of)).sum());
            }
        };
    }
    each!(run);
    result.expect("a machine of that name")
}
