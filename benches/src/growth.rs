//! How the cost of a step grows with what a session holds.

use outlive::ids::Incarnation;
use outlive::log::LogId;
use outlive::session::Event;

use crate::Effort;
use crate::document::table;
use crate::harness::{peer, side_by_side};
use crate::step::{Driver, attach, prompt, roomy};

const SIZES: [u64; 4] = [1, 10, 100, 1_000];

/// A session and an event.
type Case = fn(u64) -> (Driver, Event);

const CASES: [(&str, Case); 8] = [
    ("viewers: Output", |size| {
        let driver = Driver::running(size);
        let event = driver.output();
        (driver, event)
    }),
    ("viewers: Written", |size| {
        let mut driver = Driver::running(size);
        let event = driver.output();
        driver.feed(&event);
        let last = *driver.session.connections().last().expect("a viewer");
        let event = Event::Written { connection: last.id, through: last.next.previous() };
        (driver, event)
    }),
    ("viewers: Attach", |size| {
        let driver = Driver::running(size);
        (driver, attach(size + 1, size + 1))
    }),
    ("queue: Output", |size| {
        let mut driver = Driver::running(1);
        (2..=size + 1).for_each(|n| _ = driver.feed(&prompt(1, n)));
        let event = driver.output();
        (driver, event)
    }),
    ("queue: Prompt", |size| {
        let mut driver = Driver::running(1);
        (2..=size + 1).for_each(|n| _ = driver.feed(&prompt(1, n)));
        (driver, prompt(1, size + 2))
    }),
    ("queue: Restarted, the log's end lost", |size| {
        let mut driver = Driver::running(1);
        (2..=size + 1).for_each(|n| _ = driver.feed(&prompt(1, n)));
        (driver, Event::Restarted { renew: Some(LogId(2)) })
    }),
    ("clients: Output", |size| {
        let driver = prompted_by(size);
        let event = driver.output();
        (driver, event)
    }),
    ("clients: Prompt of the last one", |size| (prompted_by(size), prompt(size, 2))),
];

fn prompted_by(clients: u64) -> Driver {
    let mut driver = Driver::new(roomy());
    driver.feed(&prompt(1, 1));
    driver.feed(&Event::Started { incarnation: Incarnation(1) });
    (2..=clients).for_each(|client| _ = driver.feed(&prompt(client, 1)));
    driver
}

pub fn section(effort: Effort) -> String {
    let steps = effort.events / 100;
    let rows = CASES.map(|(name, case)| {
        let peers = SIZES.map(|size| {
            let (mut driver, event) = case(size);
            let work = move || (0..steps).map(|_| driver.try_out(&event) as u64).sum();
            peer(name, work)
        });
        let taken = side_by_side(effort, steps, peers.into());
        let cell = |taken: &crate::harness::Taken| {
            format!("{:.0} ({:.1})", taken.nanoseconds, taken.ratio)
        };
        let mut cells = vec![name.to_owned()];
        cells.extend(taken.iter().map(cell));
        cells
    });
    table(&["ns a step (× the first)", "1", "10", "100", "1 000"], &rows)
}
