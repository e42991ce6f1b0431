//! A world's steps in words, for stories, diagrams and tests.

use super::{Action, World};
use crate::check::trace::Recorder;
use crate::check::{Model, Step, Violation};
use crate::ids::Generation;
use crate::session::{Event, Session, table};
use crate::table::Row;
use crate::{connection, node, routing};

/// The action, and the rows that were taken.
pub(super) fn narrate(world: &World, step: &Step<'_, World>) -> String {
    let names = world.counters();
    let rows: Vec<&str> = step
        .evidence
        .rows
        .iter()
        .filter_map(|row| names.get(usize::from(*row)))
        .map(String::as_str)
        .collect();
    if rows.is_empty() {
        step.action.to_string()
    } else {
        format!("{} ({})", step.action, rows.join(", "))
    }
}

/// Who acts on whom.
pub(super) fn lane(action: &Action) -> (String, String) {
    let client = |who: usize| format!("client {who}");
    let connection = |id: u8| format!("connection {id}");
    let server = || "server".to_owned();
    match *action {
        Action::Dial { client: who, .. }
        | Action::Prompt(who)
        | Action::Forge(who, ..)
        | Action::Hide { client: who, .. }
        | Action::Show(who) => (client(who), server()),
        Action::Hear(id)
        | Action::Unavailable(id)
        | Action::Unknown(id)
        | Action::Written(id)
        | Action::TellGone(id)
        | Action::Bye(id)
        | Action::LateCall(id, _) => (connection(id), server()),
        Action::Receive(id)
        | Action::Flush(id)
        | Action::FlushPart(id)
        | Action::Notice(id)
        | Action::Silent(id)
        | Action::CloseTimeout(id)
        | Action::HelloTimeout(id)
        | Action::Stray(id)
        | Action::Drain(id) => (server(), connection(id)),
        Action::Land => (server(), "store".to_owned()),
        Action::Part | Action::Meet => ("network".to_owned(), server()),
        Action::FailOver { .. } => ("standby".to_owned(), "store".to_owned()),
        Action::Cut(id) => ("network".to_owned(), connection(id)),
        Action::Send(_) | Action::Arrive(_) => ("a request".to_owned(), server()),
        Action::Obey(_) => (server(), "worker".to_owned()),
        Action::Say(..) | Action::Listen(_) => ("worker".to_owned(), server()),
        Action::Fire(..) | Action::FireLate(..) | Action::Late(..) => {
            ("timer".to_owned(), server())
        }
        Action::Crash { .. }
        | Action::Open { .. }
        | Action::TakeOver
        | Action::TakeBack(_)
        | Action::Fenced(_)
        | Action::Hold(_)
        | Action::Purge => ("process".to_owned(), server()),
        Action::Register(node)
        | Action::Renew(node)
        | Action::Expire(node)
        | Action::ExpireEarly(node)
        | Action::Overdue(node)
        | Action::Abandon(node)
        | Action::AbandonLate(node)
        | Action::Pause(node)
        | Action::Continue(node)
        | Action::CutOff(node)
        | Action::Heal(node)
        | Action::Arrived(node)
        | Action::Answered(node)
        | Action::LoseReply(node)
        | Action::Settle(node)
        | Action::Leave(node)
        | Action::Die(node)
        | Action::Release(node) => (format!("node {node}"), "store".to_owned()),
    }
}

/// The Rust expression that makes the world again. A table that is not the shipped one is not written
/// out: the expression names the changed rows, and a function that the reader has to give.
pub(super) fn expression(world: &World) -> String {
    let scope = world.scope.name;
    let path = "outlive::check::world";
    let made = format!("{path}::World::new({path}::scopes::named(\"{scope}\").unwrap()).unwrap()");
    let bug = world.bug.map(|bug| format!(".with_bug({path}::Bug::{bug:?})"));
    let session = changed(world.machine.table().rows, table::ROWS);
    let connection = changed(world.connections.rows, connection::table::ROWS);
    let routing = changed(world.routes.rows, routing::ROWS);
    let node = changed(world.members.rows, node::table::ROWS);
    let tables =
        [("table", session), ("connections", connection), ("routes", routing), ("members", node)];
    let tables = tables.iter().filter(|(_, rows)| !rows.is_empty()).map(|(name, rows)| {
        let rows = rows.join(", ");
        format!(
            "\n        // Not the shipped rows: {rows}.\n        .with_{name}(changed_{name}())"
        )
    });
    [made].into_iter().chain(bug).chain(tables).collect()
}

/// The ids of the rows that are not the shipped ones.
fn changed<S, T, O, R>(rows: &[Row<S, T, O, R>], shipped: &[Row<S, T, O, R>]) -> Vec<&'static str>
where
    Row<S, T, O, R>: PartialEq,
{
    rows.iter().filter(|row| !shipped.contains(row)).map(|row| row.id).collect()
}

/// What the first node's session was fed, with the generations that its timers really had.
pub(super) fn recorded(world: &World, violation: &Violation) -> String {
    let Some(trace) = violation.trace(world) else { return String::new() };
    let limits = world.machine.limits();
    let mut recorder = Recorder::new(Vec::new());
    let mut session = world.machine.create(super::play::log_id(0)).next;
    let written = (|| {
        recorder.text(&format!("# {}: {}\n", violation.law, violation.detail))?;
        recorder.created(limits, super::play::log_id(0))?;
        for number in 0..trace.steps.len() {
            let step = trace.step(number);
            for (_, event) in step.evidence.events.iter().filter(|(node, _)| *node == 0) {
                let event = with_generation(*event, &session);
                let taken = world.machine.step(&session, &event);
                recorder.text(&format!("# {}\n", step.action))?;
                recorder.step(&event, &taken)?;
                session = taken.next;
            }
        }
        Ok::<(), std::io::Error>(())
    })();
    let bytes = recorder.into_inner();
    debug_assert!(written.is_ok(), "writing to memory cannot fail");
    String::from_utf8(bytes).unwrap_or_default()
}

/// A world forgets how often a timer was armed; a session does not.
fn with_generation(event: Event, session: &Session) -> Event {
    let Event::Expired { timer, generation } = event else { return event };
    let current = session.generation(timer);
    let before = Generation(current.0.saturating_sub(1));
    Event::Expired {
        timer,
        generation: if generation == super::CURRENT { current } else { before },
    }
}
