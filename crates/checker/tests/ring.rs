//! A ring of cells which count on as long as their neighbour lets them: as many states as wanted.

use std::fmt;

use outlive_checker::{Encoding, Model, Properties, ensure};

pub(crate) struct Ring {
    pub cells: u8,
    /// A sum of all counts which the laws forbid.
    pub forbidden_sum: Option<u32>,
    /// A state which the laws forbid.
    pub forbidden: Option<u32>,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Cells {
    /// Two bits for each.
    pub counts: u32,
    /// Real states are wider than what changes in this one.
    pub still: [u32; 7],
}

impl Cells {
    fn count(&self, cell: u8) -> u32 {
        self.counts >> (2 * cell) & 3
    }
}

#[derive(Clone)]
pub(crate) struct CountOn(pub u8);

impl fmt::Display for CountOn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cell {} counts on", self.0)
    }
}

impl Ring {
    pub(crate) fn of(cells: u8) -> Self {
        Self { cells, forbidden_sum: None, forbidden: None }
    }

    fn sum(&self, state: &Cells) -> u32 {
        (0..self.cells).map(|cell| state.count(cell)).sum()
    }
}

impl Model for Ring {
    type State = Cells;
    type Action = CountOn;
    type StepTrace = ();

    fn initial(&self) -> Vec<Cells> {
        vec![Cells { counts: 0, still: [0; 7] }]
    }

    fn actions(&self, _: &Cells, out: &mut Vec<CountOn>) {
        out.extend((0..self.cells).map(CountOn));
    }

    fn step(&self, state: &Cells, action: &CountOn) -> Option<(Cells, ())> {
        let neighbour = if action.0 + 1 == self.cells { 0 } else { action.0 + 1 };
        if state.count(neighbour) == 3 {
            return None;
        }
        let count = state.count(action.0);
        let counted = (count ^ (count + 1) & 3) << (2 * action.0);
        Some((Cells { counts: state.counts ^ counted, still: state.still }, ()))
    }

    fn properties(&self) -> Properties<Self> {
        Properties::<Self>::new()
            .always("still", "what should not change does not", |_, state| {
                ensure(state.still == [0; 7], "something changed")
            })
            .always("allowed", "the forbidden sum is never reached", |ring, state| {
                ensure(Some(ring.sum(state)) != ring.forbidden_sum, "it is")
            })
            .always("not_there", "the forbidden state is never reached", |ring, state| {
                ensure(Some(state.counts) != ring.forbidden, "it is")
            })
            .every_step("gradual", "the forbidden sum is never left by cell 1", |ring, step| {
                ensure(
                    Some(ring.sum(step.before)) != ring.forbidden_sum || step.action.0 != 1,
                    "it is",
                )
            })
    }

    fn terminal(&self, state: &Cells) -> bool {
        state.counts + 1 == 1 << (2 * self.cells)
    }
}

/// The counts alone.
pub(crate) struct Packed;

impl Encoding<Ring> for Packed {
    type Key = u64;

    fn pack(&self, state: &Cells) -> u64 {
        u64::from(state.counts)
    }

    fn unpack(&self, key: &u64) -> Cells {
        Cells { counts: u32::try_from(*key).expect("a key"), still: [0; 7] }
    }
}
