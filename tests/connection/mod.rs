//! One connection, through every sequence of what can happen to it.

use outlive::connection::table::{ROWS, Row, TABLE};
use outlive::connection::{Connection, Op, Phase, Trigger};
use outlive::table::Verdict;
use outlive::{CloseCode, Reason};
use strum::VariantArray;

/// Each sequence of so many triggers, or fewer.
const DEPTH: usize = 5;

/// What a sequence came to.
#[derive(Clone, Copy)]
struct Lived {
    connection: Connection,
    opened: bool,
    gone: u32,
    released: u32,
    first_code: Option<CloseCode>,
}

/// Closes are asked for with another code each time.
const CODES: [CloseCode; DEPTH] = [
    CloseCode::Replaced,
    CloseCode::Restart,
    CloseCode::Ended,
    CloseCode::Overloaded,
    CloseCode::Moved,
];

fn count(row: &Row, op: Op) -> u32 {
    u32::try_from(row.ops.iter().filter(|one| **one == op).count()).unwrap()
}

/// Takes every trigger in turn and judges each step; returns how many sequences there were.
fn explore(before: Lived, depth: usize, judge: &dyn Fn(&Lived, Trigger, &Row, &Lived)) -> u64 {
    if depth == DEPTH {
        return 1;
    }
    let mut sequences = 1;
    for trigger in Trigger::VARIANTS {
        let mut after = before;
        let row = after.connection.step(*trigger, CODES[depth]);
        if matches!(row.verdict, Verdict::Ignore(Reason::Impossible)) {
            continue;
        }
        after.opened |= after.connection.phase() == Phase::Open;
        after.gone += count(row, Op::Gone);
        after.released += count(row, Op::Release);
        after.first_code = before.first_code.or(after.connection.code());
        judge(&before, *trigger, row, &after);
        sequences += explore(after, depth + 1, judge);
    }
    sequences
}

fn every_sequence(judge: impl Fn(&Lived, Trigger, &Row, &Lived)) {
    let connection = Connection::new();
    let born = Lived { connection, opened: false, gone: 0, released: 0, first_code: None };
    let sequences = explore(born, 0, &judge);
    assert!(sequences > 50_000, "only {sequences} sequences");
}

#[test]
fn each_connection_that_was_open_is_reported_gone_once_and_no_other() {
    every_sequence(|_, trigger, _, after| {
        let still = after.connection.phase() == Phase::Open;
        let due = u32::from(after.opened && !still);
        assert_eq!(after.gone, due, "{trigger} in {:?}", after.connection);
    });
}

#[test]
fn each_transport_is_released_once_and_exactly_when_it_is_over() {
    every_sequence(|_, _, _, after| {
        assert_eq!(after.released, u32::from(after.connection.phase() == Phase::Closed));
    });
}

#[test]
fn nothing_is_written_and_nothing_heard_unless_it_is_open() {
    every_sequence(|before, trigger, row, _| {
        let open = before.connection.phase() == Phase::Open;
        let uses = count(row, Op::Write) + count(row, Op::Pass);
        assert!(open || uses == 0, "{trigger} in {:?}", before.connection);
    });
}

#[test]
fn the_first_close_code_wins_and_a_close_is_sent_once() {
    every_sequence(|before, trigger, row, after| {
        assert_eq!(after.connection.code(), after.first_code, "{trigger}");
        let closes = count(row, Op::SendClose) == 1;
        let newly = before.first_code.is_none() && after.first_code.is_some();
        assert_eq!(closes, newly, "{trigger} in {:?}", before.connection);
    });
}

#[test]
fn the_phases_go_forward_only() {
    every_sequence(|before, trigger, _, after| {
        assert!(before.connection.phase() <= after.connection.phase(), "{trigger}");
    });
}

#[test]
fn the_timers_of_hello_and_close_are_armed_exactly_while_they_are_awaited() {
    every_sequence(|before, _, row, after| {
        let (was, is) = (before.connection.phase(), after.connection.phase());
        let left_connecting = was == Phase::Connecting && is != Phase::Connecting;
        assert_eq!(count(row, Op::DisarmHello) == 1, left_connecting, "{}", row.id);
        let enters = was != Phase::Closing && is == Phase::Closing;
        assert_eq!(count(row, Op::ArmClose) == 1, enters, "{}", row.id);
        let leaves = was == Phase::Closing && is == Phase::Closed;
        assert_eq!(count(row, Op::DisarmClose) == 1, leaves, "{}", row.id);
    });
}

#[test]
fn what_is_ignored_changes_nothing() {
    every_sequence(|before, _, row, after| {
        if !row.verdict.acts() {
            assert_eq!(before.connection, after.connection, "{}", row.id);
        }
    });
}

#[test]
fn a_socket_that_is_closing_is_sent_nothing_whoever_still_holds_it() {
    let mut connection = Connection::new();
    for trigger in [Trigger::Hello, Trigger::Close] {
        connection.step(trigger, CloseCode::Replaced);
    }
    for _ in 0..1000 {
        assert!(connection.step(Trigger::Send, CloseCode::Normal).ops.is_empty());
    }
    assert_eq!(connection.code(), Some(CloseCode::Replaced));
}

#[test]
fn a_hello_after_its_time_is_not_heard() {
    let mut connection = Connection::new();
    connection.step(Trigger::HelloTimeout, CloseCode::Normal);
    assert_eq!(connection.code(), Some(CloseCode::IdleTimeout));
    assert!(connection.step(Trigger::Hello, CloseCode::Normal).ops.is_empty());
    assert_eq!(connection.phase(), Phase::Closing);
}

#[test]
fn every_cell_has_a_row_and_every_row_a_cell() {
    let mut taken = vec![0; ROWS.len()];
    for phase in Phase::VARIANTS {
        for trigger in Trigger::VARIANTS {
            let row = TABLE.rule(*phase, *trigger);
            assert!(row.from.contains(phase) && row.on.contains(trigger));
            taken[ROWS.iter().position(|other| other.id == row.id).unwrap()] += 1;
        }
    }
    assert!(taken.iter().all(|cells| *cells > 0), "{taken:?}");
}

#[test]
fn a_row_that_writes_while_closing_would_break_a_law() {
    let writes = Row {
        from: &[Phase::Closing],
        verdict: Verdict::Stay,
        ..*TABLE.rule(Phase::Open, Trigger::Send)
    };
    let broken = outlive::connection::table::violated_law(&writes);
    assert_eq!(broken, Some(outlive::laws::Law::NoSendAfterClose));
}
