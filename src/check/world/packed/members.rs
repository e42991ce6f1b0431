//! Nodes, and what they have on their way, as bytes.

use strum::VariantArray as _;

use super::super::members::{Flight, Member};
use super::super::world_state::{Budget, Node};
use super::{Code, get_clocks, put_clocks};
use crate::laws::Witness;
use crate::node;
use crate::session::Event;
use crate::words::Timer;

fields! {
    Member { node, lease, steady, dead, paused, cut, unrecovered }
    Flight { node, via, event, then, expect, record, keys, landed, lost, denied }
    Budget {
        dials, outputs, asks, hides, cuts, posts, late, exits, crashes, losses, takeovers, purges,
        holds, pages, forgeries, pauses, expiries, partitions, unknowns, leaves,
        failovers,
    }
}

variants! {
    Event {
        0 => Attach { connection, client, principal, cursor }, 1 => Written { connection, through },
        2 => Missed { connection, from }, 3 => Suspend { connection, seen }, 4 => Resume { connection },
        5 => Lost { connection }, 6 => Prompt { client, principal, n, digest }, 7 => Interrupt { turn },
        8 => Stop { incarnation }, 9 => Answer { client, principal, ask }, 10 => Started { incarnation },
        11 => StartFailed { incarnation }, 12 => Output { incarnation, turn, count },
        13 => Asked { incarnation, turn }, 14 => Withdrawn { incarnation, ask },
        15 => TurnEnded { incarnation, turn, outcome }, 16 => TurnWaiting { incarnation, turn, asks },
        17 => Exited { incarnation }, 18 => Expired { timer, generation }, 19 => Restarted { renew },
        20 => Drain,
    }
}

small! {
    core::num::NonZeroU32: |it: &core::num::NonZeroU32| u64::from(it.get()),
        |byte| core::num::NonZeroU32::new(u32::from(byte)).expect("not 0");
    core::num::NonZeroU16: |it: &core::num::NonZeroU16| u64::from(it.get()),
        |byte| core::num::NonZeroU16::new(u16::from(byte)).expect("not 0");
    Timer: |it: &Timer| *it as u64, |byte| Timer::VARIANTS[usize::from(byte)];
    node::Node: |it: &node::Node| it.state() as u64,
        |byte| node::Node { state: node::State::VARIANTS[usize::from(byte)] };
}

impl Code for Node {
    fn put(&self, to: &mut Vec<u8>) {
        let Node { up, session, witness, timers } = self;
        up.put(to);
        if *up {
            session.put(to);
            witness.map(|witness| witness.packed()).put(to);
            put_clocks(timers, to);
        }
    }

    fn get(from: &mut &[u8]) -> Node {
        let up = bool::get(from);
        if !up {
            return Node::down();
        }
        let session = Code::get(from);
        let witness = Option::<[u8; 4]>::get(from).map(Witness::unpacked);
        Node { up, session, witness, timers: get_clocks(from) }
    }
}
