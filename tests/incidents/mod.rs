//! What went wrong elsewhere, and what happens here: the traces beside this file, and what no trace
//! of one session can show. `README.md` says which scenario stands where.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use outlive::check::trace::{self, Line, Rules, Trace};
use outlive::connection::{Connection, Op as ConnectionOp, Phase, Trigger};
use outlive::ids::Incarnation;
use outlive::routing::{self, Durable, Op, Owner, Runtime};
use outlive::{CloseCode, State};

/// The scenarios that were collected from five systems.
const NUMBERS: &[u32] = &[
    1, 2, 3, 5, 6, 7, 8, 9, 10, 12, 13, 15, 17, 18, 20, 21, 23, 24, 25, 26, 28, 29, 30, 32, 33, 35,
    36, 38, 39, 40, 42, 43, 44, 45, 46, 48, 49, 51, 52, 53, 54, 55, 58, 60, 61, 62, 63, 64, 65, 66,
    69, 70, 72, 73, 75, 76, 79, 80, 81, 83, 85, 86, 89, 90, 95,
];

/// Each system that stands behind the collection, and each letter of what was measured of another
/// one.
const NAMED: &[&str] =
    &["d-", "m-", "a-", "p-", "s-", "rmcp-a-", "rmcp-b-", "rmcp-c-", "rmcp-d-", "rmcp-e-"];

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/incidents")
}

/// The traces by name, in order.
pub(crate) fn traces() -> Vec<(String, Trace)> {
    let mut traces: Vec<_> = fs::read_dir(folder())
        .expect("the folder is there")
        .map(|entry| entry.expect("it can be listed").file_name())
        .filter_map(|name| name.into_string().ok())
        .filter(|name| Path::new(name).extension().is_some_and(|end| end == "jsonl"))
        .map(|name| (name.clone(), read(&name)))
        .collect();
    traces.sort_by(|(one, _), (other, _)| one.cmp(other));
    traces
}

fn read(name: &str) -> Trace {
    let bytes = fs::read(folder().join(name)).expect("the file is there");
    trace::parse(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[test]
fn what_happens_here_is_what_the_traces_of_the_incidents_say() {
    let mut wrong = Vec::new();
    for (name, trace) in traces() {
        if let Err(divergence) = trace::replay(&trace) {
            wrong.push(format!("{name}: {divergence}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn each_system_and_each_letter_has_its_trace_and_each_trace_its_story() {
    let traces = traces();
    for start in NAMED {
        let named = traces.iter().any(|(name, _)| name.starts_with(start));
        assert!(named, "no trace {start}*.jsonl");
    }
    for (name, trace) in traces {
        let text = fs::read_to_string(folder().join(&name)).expect("it was read before");
        assert!(text.starts_with("# "), "{name} does not say what it shows");
        let expects = |line: &Line| matches!(line, Line::Fed(fed) if fed.expect.is_some());
        let minded = trace.lines.iter().any(|(_, line)| expects(line));
        assert!(minded, "{name} expects nothing");
    }
}

/// Otherwise all of the above could hold for nothing.
#[test]
fn a_trace_with_one_wrong_expectation_diverges_at_its_line() {
    for (name, trace) in traces() {
        for place in 0..trace.lines.len() {
            let mut other = trace.clone();
            let (number, Line::Fed(fed)) = &mut other.lines[place] else {
                continue;
            };
            let Some(expect) = &mut fed.expect else {
                continue;
            };
            match (&mut expect.effects, &mut expect.state) {
                (Some(effects), _) if effects.len() > 1 => effects.swap(0, 1),
                (_, Some(state)) if *state == State::Created => *state = State::Ended,
                (_, Some(state)) => *state = State::Created,
                _ => expect.rule = Some(Rules::First("none".into())),
            }
            let number = *number;
            let divergence = trace::replay(&other).expect_err("it was changed");
            assert_eq!(divergence.line, number, "{name}: {divergence}");
        }
    }
}

#[test]
fn every_scenario_has_its_place() {
    let readme = fs::read_to_string(folder().join("README.md")).expect("it is there");
    let mut found = BTreeSet::new();
    for row in readme.lines().filter(|line| line.starts_with("| ")) {
        let mut cells = row.trim_matches('|').split('|').map(str::trim);
        let Some(number) = cells.next().and_then(|cell| cell.parse::<u32>().ok()) else {
            continue;
        };
        let shown = cells.next().expect("a row says where");
        assert!(found.insert(number), "{number} stands twice");
        for place in shown.split('`').skip(1).step_by(2) {
            let path = folder().join(place);
            let text = fs::read_to_string(&path)
                .unwrap_or_else(|error| panic!("{number}: {place}: {error}"));
            let cited = if place == "mod.rs" {
                text.contains(&format!("Scenario {number}:"))
                    || text.contains(&format!("Scenario {number},"))
            } else {
                text.contains(&format!("\"note\": \"{number}: "))
            };
            assert!(cited, "{place} does not cite {number}");
        }
        let reason = cells.next().unwrap_or_default();
        assert!(shown.contains('`') || !reason.is_empty(), "{number} is nowhere, without a reason");
    }
    assert_eq!(found, NUMBERS.iter().copied().collect());
}

/// What routing says first, in order.
fn first(durable: Option<State>, running: Option<u32>) -> &'static [Op] {
    let runtime = Runtime::of(Owner::Ours, Incarnation(2), running.map(Incarnation));
    routing::rule(Durable::of(durable), runtime).ops
}

/// Scenario 5: the record says ENDED, and something runs. It is aborted before the prompt reopens.
/// Scenario 6, as far as the process is concerned: the closing worker is the session's own, and the
/// session aborts it.
#[test]
fn a_zombie_is_aborted_before_the_prompt() {
    assert_eq!(first(Some(State::Ended), Some(2)), [Op::Abort, Op::Proceed]);
    assert_eq!(first(Some(State::Ended), Some(1)), [Op::Abort, Op::Recover, Op::Proceed]);
    assert_eq!(first(Some(State::Closing), Some(2)), [Op::Proceed]);
}

/// Scenario 7: something runs for a session that nobody knows. It is aborted; but where that system
/// then made a session of it, ours says that there is none: ids are ours to give.
#[test]
fn what_runs_for_no_session_is_aborted() {
    assert_eq!(first(None, Some(2)), [Op::Abort, Op::NotFound]);
}

/// Scenario 8: nothing runs, whatever the record says: what it counts on is recovered, then the
/// prompt.
#[test]
fn nothing_runs_and_the_record_counts_on_it() {
    for state in [State::Starting, State::Active, State::Detached, State::Suspended, State::Closing]
    {
        assert_eq!(first(Some(state), None), [Op::Recover, Op::Proceed]);
    }
    assert_eq!(first(Some(State::Ended), None), [Op::Proceed]);
    assert_eq!(first(Some(State::Created), None), [Op::Proceed]);
}

/// Scenario 9: the route does not depend on the command: there is no way to say which it is.
/// Scenario 10: an interrupt for a session that nobody knows starts nothing and watches nothing.
/// Scenario 83: a stop for one is answered, and no state is made.
#[test]
fn a_command_for_no_session_is_answered_and_nothing_else() {
    assert_eq!(first(None, None), [Op::NotFound]);
}

/// Scenario 15, Scenario 23: the record says that the session is over, memory says that it runs.
/// Memory is not asked: the zombie is aborted, and the viewer sees the record.
#[test]
fn whether_something_runs_is_in_the_record() {
    assert_eq!(first(Some(State::Ended), Some(2))[0], Op::Abort);
    assert_eq!(first(Some(State::Closing), Some(1)), [Op::Abort, Op::Recover, Op::Proceed]);
}

/// Scenario 33: the second hello of one connection is not heard, so that there is one place.
#[test]
fn a_second_hello_is_not_heard() {
    let mut connection = Connection::new();
    let row = connection.step(Trigger::Hello, CloseCode::Normal);
    assert_eq!(row.ops, [ConnectionOp::Admit, ConnectionOp::DisarmHello]);
    assert_eq!(connection.step(Trigger::Hello, CloseCode::Normal).ops, []);
}

/// Scenario 69: no hello in time is a close with its code, and no other protocol; a hello that
/// comes afterwards is not heard.
#[test]
fn a_connection_that_says_nothing_is_closed() {
    let mut connection = Connection::new();
    let row = connection.step(Trigger::HelloTimeout, CloseCode::Normal);
    assert!(row.ops.contains(&ConnectionOp::SendClose));
    assert_eq!(connection.code(), Some(CloseCode::IdleTimeout));
    assert_eq!(connection.step(Trigger::Hello, CloseCode::Normal).ops, []);
    assert_eq!(connection.phase(), Phase::Closing);
}

/// Scenario 89: whoever still holds the connection may try to send; nothing is written, however
/// often. Scenario 90: the same when the peer closed it.
#[test]
fn thousands_of_sends_after_the_close_write_nothing() {
    for close in [Trigger::Close, Trigger::PeerClosed, Trigger::Lost] {
        let mut connection = Connection::new();
        connection.step(Trigger::Hello, CloseCode::Normal);
        connection.step(close, CloseCode::Normal);
        for _ in 0..8_700 {
            assert_eq!(connection.step(Trigger::Send, CloseCode::Normal).ops, []);
        }
    }
}
