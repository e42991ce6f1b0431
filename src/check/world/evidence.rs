//! What a step of the world did, for the laws, the counters and the stories.

use super::World;
use crate::laws::Breach;
use crate::session::table;
use crate::{connection, node, routing};

/// What a step did.
#[derive(Clone, Debug, Default)]
pub struct StepTrace {
    pub(super) rows: Vec<u16>,
    pub(super) breach: Option<Breach>,
    pub(super) events: Vec<(usize, crate::session::Event)>,
    /// Memory for the machine's next step.
    pub(super) room: crate::session::Step,
}

/// The place of a row in its table.
fn place<R>(rows: &'static [R], row: &'static R) -> usize {
    let distance = core::ptr::from_ref(row) as usize - rows.as_ptr() as usize;
    distance / size_of::<R>()
}

impl StepTrace {
    /// Nothing was done yet; the memory is used again.
    pub(super) fn begin(&mut self) {
        self.rows.clear();
        self.breach = None;
        self.events.clear();
    }

    fn take(&mut self, place: usize) {
        self.rows.extend(u16::try_from(place));
    }

    pub(super) fn take_session(&mut self, world: &World, row: &'static table::Row) {
        self.take(place(world.machine.table().rows, row));
    }

    pub(super) fn take_connection(&mut self, world: &World, row: &'static connection::table::Row) {
        let before = world.machine.table().rows.len();
        self.take(before + place(world.connections.rows, row));
    }

    pub(super) fn take_routing(&mut self, world: &World, row: &'static routing::Row) {
        let before = world.machine.table().rows.len() + world.connections.rows.len();
        self.take(before + place(world.routes.rows, row));
    }
    pub(super) fn take_member(&mut self, world: &World, row: &'static node::table::Row) {
        let before = world.machine.table().rows.len() + world.connections.rows.len();
        self.take(before + world.routes.rows.len() + place(world.members.rows, row));
    }
}
