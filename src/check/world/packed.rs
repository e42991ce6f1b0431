//! Moments as bytes: exact, and small enough to keep many millions of them.
//!
//! Every number in a world is small, so each takes one byte. The search verifies `unpack(pack(m)) == m`
//! for every reached state in debug builds.

use core::cell::RefCell;
use core::num::NonZeroU64;
use std::thread_local;

use strum::{EnumCount, VariantArray};

use super::World;
use super::world_state::{
    Client, Clock, Frame, Gone, Key, LateCommit, Link, Message, Node, Order, Phase, Request, Word,
    Worker, WorldState,
};
use crate::check::Encoding;
use crate::connection;
use crate::ids::{ClientId, ConnectionId, Digest, Generation, Incarnation, PrincipalId, Seq};
use crate::log::{AttachOutcome, Cursor, Log, LogId, ResetReason, ResumeFrom};
use crate::session::{self, ClientRecord, Queued, Session, TurnState, WorkerOutcome};
use crate::words::{CloseCode, State, Timer};

thread_local! {
    /// Where a moment is written before its length is known: to shrink what was allocated is dear.
    static ROOM: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Moments as bytes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Bytes;

impl Encoding<World> for Bytes {
    type Key = Box<[u8]>;

    fn pack(&self, moment: &WorldState) -> Box<[u8]> {
        ROOM.with_borrow_mut(|room| {
            room.clear();
            moment.put(room);
            Box::from(room.as_slice())
        })
    }

    fn unpack(&self, key: &Box<[u8]>) -> WorldState {
        WorldState::get(&mut &key[..])
    }

    fn heap_bytes(&self, key: &Box<[u8]>) -> usize {
        // An allocator's least overhead.
        key.len() + 16
    }
}

/// A value as bytes.
pub(super) trait Code: Sized {
    fn put(&self, to: &mut Vec<u8>);
    fn get(from: &mut &[u8]) -> Self;
}

impl Code for u8 {
    fn put(&self, to: &mut Vec<u8>) {
        to.push(*self);
    }

    fn get(from: &mut &[u8]) -> u8 {
        let (first, rest) = from.split_first().expect("a packed moment ends too early");
        *from = rest;
        *first
    }
}

/// A number that is small in every world.
macro_rules! small {
    ($($of:ty: $to:expr, $from:expr;)+) => {$(
        impl Code for $of {
            fn put(&self, to: &mut Vec<u8>) {
                #[allow(clippy::redundant_closure_call)]
                let number: u64 = ($to)(self);
                to.push(u8::try_from(number).expect("a number in a world outgrew its byte"));
            }

            fn get(from: &mut &[u8]) -> $of {
                #[allow(clippy::redundant_closure_call)]
                ($from)(u8::get(from))
            }
        }
    )+};
}

small! {
    bool: |it: &bool| u64::from(*it), |byte| byte == 1;
    u16: |it: &u16| u64::from(*it), u16::from;
    u32: |it: &u32| u64::from(*it), u32::from;
    usize: |it: &usize| *it as u64, usize::from;
    Seq: |it: &Seq| it.0, |byte| Seq(u64::from(byte));
    LogId: |it: &LogId| it.0, |byte| LogId(u64::from(byte));
    ConnectionId: |it: &ConnectionId| it.0, |byte| ConnectionId(u64::from(byte));
    ClientId: |it: &ClientId| it.0, |byte| ClientId(u64::from(byte));
    PrincipalId: |it: &PrincipalId| it.0, |byte| PrincipalId(u64::from(byte));
    Digest: |it: &Digest| it.0, |byte| Digest(u64::from(byte));
    Incarnation: |it: &Incarnation| u64::from(it.0), |byte| Incarnation(u32::from(byte));
    Generation: |it: &Generation| u64::from(it.0), |byte| Generation(u32::from(byte));
    NonZeroU64: |it: &NonZeroU64| it.get(), |byte| NonZeroU64::new(u64::from(byte)).expect("not 0");
    State: |it: &State| *it as u64, |byte| State::VARIANTS[usize::from(byte)];
    CloseCode: |it: &CloseCode| *it as u64, |byte| CloseCode::VARIANTS[usize::from(byte)];
    ResetReason: |it: &ResetReason| *it as u64, |byte| ResetReason::VARIANTS[usize::from(byte)];
    connection::Phase: |it: &connection::Phase| *it as u64,
        |byte| connection::Phase::VARIANTS[usize::from(byte)];
}

impl<T: Code> Code for Option<T> {
    fn put(&self, to: &mut Vec<u8>) {
        self.is_some().put(to);
        if let Some(it) = self {
            it.put(to);
        }
    }

    fn get(from: &mut &[u8]) -> Option<T> {
        bool::get(from).then(|| T::get(from))
    }
}

impl<T: Code> Code for Vec<T> {
    fn put(&self, to: &mut Vec<u8>) {
        self.len().put(to);
        for it in self {
            it.put(to);
        }
    }

    fn get(from: &mut &[u8]) -> Vec<T> {
        let length = usize::get(from);
        (0..length).map(|_| T::get(from)).collect()
    }
}

impl<A: Code, B: Code> Code for (A, B) {
    fn put(&self, to: &mut Vec<u8>) {
        self.0.put(to);
        self.1.put(to);
    }

    fn get(from: &mut &[u8]) -> (A, B) {
        (A::get(from), B::get(from))
    }
}

/// A struct: its fields in order.
macro_rules! fields {
    ($($name:ident { $($field:ident),+ $(,)? })+) => {$(
        impl Code for $name {
            fn put(&self, to: &mut Vec<u8>) {
                let $name { $($field),+ } = self;
                $($field.put(to);)+
            }

            fn get(from: &mut &[u8]) -> $name {
                $(let $field = Code::get(from);)+
                $name { $($field),+ }
            }
        }
    )+};
}

/// An enum: a tag, then the fields of its variant.
macro_rules! variants {
    ($($name:ident { $($tag:literal => $variant:ident $(($($part:ident),+))? $({$($field:ident),+})?,)+ })+) => {$(
        impl Code for $name {
            fn put(&self, to: &mut Vec<u8>) {
                match self {
                    $($name::$variant $(($($part),+))? $({$($field),+})? => {
                        to.push($tag);
                        $($($part.put(to);)+)?
                        $($($field.put(to);)+)?
                    })+
                }
            }

            fn get(from: &mut &[u8]) -> $name {
                match u8::get(from) {
                    $($tag => {
                        $($(let $part = Code::get(from);)+)?
                        $($(let $field = Code::get(from);)+)?
                        $name::$variant $(($($part),+))? $({$($field),+})?
                    })+
                    tag => unreachable!("tag {tag} of {}", stringify!($name)),
                }
            }
        }
    )+};
}

mod members;

fields! {
    Link { id, client, node, edge, server, held, alive, writing, written, gone, down, up }
    Client { link, cursor, history, prompted, heard, asked, hidden, posted, away, resumed, fence }
    Worker { node, incarnation, phase, inbox, said, answered }
    Log { id, base, head }
    Cursor { log, seq }
    Queued { seq, principal }
    ClientRecord { client, principal, last_accepted, seq, digest }
    Key { client, n, turn, ran }
    LateCommit { expect, record, prompt }
}

type Listed = session::Connection;

fields! {
    Listed { id, client, principal, next, in_flight, suspended }
}

variants! {
    Gone { 0 => No, 1 => Untold, 2 => Told, }
    Frame {
        0 => Welcome { outcome, log, base }, 1 => Entries { from, to, history }, 2 => Gap { from, to },
        3 => Accepted { n }, 4 => Refused, 5 => Close(code),
    }
    Message {
        0 => Hello(claim), 1 => Subscribe, 2 => Prompt { n, digest }, 3 => Suspend { seen },
        4 => Resume, 5 => Bye,
    }
    Request {
        0 => Stop { incarnation }, 1 => Interrupt { turn }, 2 => Answer { client, ask },
        3 => Suspend { link, seen },
    }
    Phase { 0 => Booting, 1 => Idle, 2 => Busy { turn, interrupted }, 3 => Leaving, 4 => Dead, }
    Order { 0 => Turn(turn), 1 => Interrupt(turn), 2 => CloseOut, 3 => Answer(ask), }
    Word {
        0 => Started, 1 => StartFailed, 2 => Output { turn }, 3 => Asked { turn },
        4 => TurnEnded { turn, outcome }, 5 => Exited, 6 => Withdrawn { ask }, 7 => TurnWaiting { turn },
    }
    WorkerOutcome { 0 => Completed, 1 => Empty, 2 => Interrupted, 3 => Failed, }
    ResumeFrom { 0 => Nothing, 1 => At(cursor), 2 => Malformed, }
    AttachOutcome {
        0 => Fresh, 1 => Resumed { from }, 2 => Gap { lost_from, lost_to }, 3 => Reset { why },
    }
    TurnState { 0 => Idle, 1 => Running(turn), 2 => Interrupting(turn), }
}

impl Code for connection::Connection {
    fn put(&self, to: &mut Vec<u8>) {
        self.phase().put(to);
        self.code().put(to);
    }

    fn get(from: &mut &[u8]) -> connection::Connection {
        connection::Connection { phase: Code::get(from), code: Code::get(from) }
    }
}

impl Code for Clock {
    fn put(&self, to: &mut Vec<u8>) {
        to.push(u8::from(self.armed) | u8::from(self.late) << 1 | u8::from(self.stale) << 2);
    }

    fn get(from: &mut &[u8]) -> Clock {
        let bits = u8::get(from);
        Clock { armed: bits & 1 != 0, late: bits & 2 != 0, stale: bits & 4 != 0 }
    }
}

/// A byte has a bit for each timer, and one that says whether any is late.
const _: () = assert!(Timer::COUNT < 8);

/// All timers: a bit each, and what is late only where something is.
fn put_clocks(clocks: &[Clock; Timer::COUNT], to: &mut Vec<u8>) {
    let set = |of: fn(&Clock) -> bool| {
        clocks.iter().enumerate().fold(0u8, |set, (bit, c)| set | u8::from(of(c)) << bit)
    };
    let (late, stale) = (set(|c| c.late), set(|c| c.stale));
    to.push(set(|c| c.armed) | u8::from(late | stale != 0) << 7);
    if late | stale != 0 {
        to.extend([late, stale]);
    }
}

fn get_clocks(from: &mut &[u8]) -> [Clock; Timer::COUNT] {
    let armed = u8::get(from);
    let (late, stale) = if armed & 0x80 != 0 { (u8::get(from), u8::get(from)) } else { (0, 0) };
    let bit = |set: u8, place: usize| set & (1 << place) != 0;
    core::array::from_fn(|place| Clock {
        armed: bit(armed, place),
        late: bit(late, place),
        stale: bit(stale, place),
    })
}

impl Code for Session {
    fn put(&self, to: &mut Vec<u8>) {
        let Session { state, incarnation, turn, log, queue, asks, clients, connections, .. } = self;
        state.put(to);
        incarnation.put(to);
        turn.put(to);
        log.put(to);
        queue.put(to);
        asks.put(to);
        if !asks.is_empty() {
            self.standing.put(to);
        }
        clients.put(to);
        connections.put(to);
        let current = |bit: usize| u8::from(self.generations[bit].0 != 0) << bit;
        let generations: u8 = (0..self.generations.len()).map(current).sum();
        to.push(generations | u8::from(self.draining) << 7);
        self.pin.put(to);
        self.last_lost.put(to);
    }

    fn get(from: &mut &[u8]) -> Session {
        let state = Code::get(from);
        let incarnation = Code::get(from);
        let turn = Code::get(from);
        let log: Log = Code::get(from);
        let queue = Code::get(from);
        let asks: Vec<Seq> = Code::get(from);
        let standing = if asks.is_empty() { 0 } else { Code::get(from) };
        let clients = Code::get(from);
        let connections = Code::get(from);
        let current: u8 = Code::get(from);
        let generation =
            |bit: usize| if current & (1 << bit) != 0 { super::CURRENT } else { Generation(0) };
        let generations = core::array::from_fn(generation);
        let (pin, left) = (Code::get(from), Code::get(from));
        Session {
            state,
            incarnation,
            turn,
            log,
            queue,
            asks,
            standing,
            clients,
            connections,
            generations,
            pin,
            last_lost: left,
            draining: current & 0x80 != 0,
        }
    }
}

impl Code for [u8; 4] {
    fn put(&self, to: &mut Vec<u8>) {
        to.extend(self);
    }

    fn get(from: &mut &[u8]) -> [u8; 4] {
        core::array::from_fn(|_| u8::get(from))
    }
}

impl Code for WorldState {
    fn put(&self, to: &mut Vec<u8>) {
        let WorldState {
            store,
            older,
            on_its_way,
            aged,
            parted,
            history,
            owner,
            nodes,
            members,
            flights,
            links,
            clients,
            workers,
            posts,
            left,
            keys,
            rerun,
            alone,
        } = self;
        nodes.put(to);
        owner.put(to);
        // Nearly always the store holds what the owner's session is.
        let live = owner.and_then(|owner| nodes.get(owner)).and_then(|node| node.session.as_ref());
        let same = live.zip(store.as_ref()).is_some_and(|(live, store)| store.is_record_of(live));
        same.put(to);
        if !same {
            store.put(to);
        }
        members.put(to);
        flights.put(to);
        older.put(to);
        on_its_way.put(to);
        aged.put(to);
        parted.put(to);
        history.put(to);
        links.put(to);
        clients.put(to);
        workers.put(to);
        posts.put(to);
        left.put(to);
        keys.put(to);
        rerun.put(to);
        alone.put(to);
    }

    fn get(from: &mut &[u8]) -> WorldState {
        let nodes = Vec::<Node>::get(from);
        let owner: Option<usize> = Code::get(from);
        let store = if bool::get(from) {
            let live = owner.and_then(|owner| nodes.get(owner));
            live.and_then(|node| node.session.as_ref()).map(Session::record)
        } else {
            Code::get(from)
        };
        WorldState {
            nodes,
            owner,
            store,
            members: Code::get(from),
            flights: Code::get(from),
            older: Code::get(from),
            on_its_way: Code::get(from),
            aged: Code::get(from),
            parted: Code::get(from),
            history: Code::get(from),
            links: Code::get(from),
            clients: Code::get(from),
            workers: Code::get(from),
            posts: Code::get(from),
            left: Code::get(from),
            keys: Code::get(from),
            rerun: Code::get(from),
            alone: Code::get(from),
        }
    }
}
