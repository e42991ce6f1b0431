//! One connection: its phases, and the table that rules them.
//!
//! The driver holds one [`Connection`] per socket or stream and asks it before every write. What the
//! session is fed about a connection goes through here, so it is fed once. The phase lives here and
//! nowhere else: a session lists a connection exactly while it is OPEN.

pub mod table;

use crate::table::Verdict;
use crate::vocabulary::{ops, vocabulary};
use crate::words::CloseCode;
use table::{Row, TABLE, Table};

vocabulary! {
    /// The phase of a connection.
    Phase as "SCREAMING_SNAKE_CASE" {
        Connecting = "The transport is there; no hello yet, so it belongs to no client.",
        Open = "It said hello and is listed in a session.",
        Closing = "A close was sent; nothing is written any more, the peer's close is awaited.",
        Closed = "Over.",
    }
}

vocabulary! {
    /// A column of the connection's table: what can happen to one.
    Trigger as "SCREAMING_SNAKE_CASE" {
        Hello = "The peer says who it is and which session it wants.",
        HelloTimeout = "No hello came in time.",
        Prompt = "A prompt or an answer arrived: something that wants a reply.",
        Control = "An interrupt or a stop arrived: something that wants none.",
        Send = "The session wants to write.",
        Written = "What was to be written is written.",
        Close = "This side wants to close, with a code.",
        PeerClosed = "The peer's close arrived.",
        Lost = "The transport failed.",
        Silent = "Nothing was heard for too long.",
        CloseTimeout = "The peer did not answer the close in time.",
    }
}

ops! {
    /// What a row does, in the order in which it must be done.
    Op on Trigger {
        Admit                                = "Ask the session to attach this connection.",
        Pass                                 = "Hand on to the session.",
        Write                                = "Write it.",
        Code(code: CloseCode)                = "Keep this close code.",
        CodeAsAsked                          = "Keep the close code that was asked for.",
        SendClose                            = "Send the close with the kept code.",
        DisarmHello                          = "Disarm the hello timer.",
        DisarmClose                          = "Disarm the close timer.",
        ArmClose                             = "Arm the close timer.",
        Gone                                 = "Tell the session that the connection is lost.",
        Release                              = "Drop the transport.",
    }
}

/// One connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Connection {
    pub(crate) phase: Phase,
    pub(crate) code: Option<CloseCode>,
}

impl Default for Connection {
    fn default() -> Connection {
        Connection::new()
    }
}

impl Connection {
    /// A transport that was just accepted: CONNECTING. Arm its hello timer.
    pub const fn new() -> Connection {
        Connection { phase: Phase::Connecting, code: None }
    }

    /// Its phase.
    pub const fn phase(&self) -> Phase {
        self.phase
    }

    /// The code it was closed with by this side; the first one that was given.
    pub const fn code(&self) -> Option<CloseCode> {
        self.code
    }

    /// What happens: the row whose ops the driver performs, in order. `asked` is the code of a
    /// [`Trigger::Close`] and is not looked at otherwise.
    ///
    /// ```
    /// use outlive::CloseCode;
    /// use outlive::connection::{Connection, Op, Trigger};
    ///
    /// let mut connection = Connection::new();
    /// connection.step(Trigger::Hello, CloseCode::Normal);
    /// assert_eq!(connection.step(Trigger::Send, CloseCode::Normal).ops, [Op::Write]);
    /// connection.step(Trigger::Close, CloseCode::Replaced);
    /// // A task that still holds it may try: nothing is written.
    /// assert!(connection.step(Trigger::Send, CloseCode::Normal).ops.is_empty());
    /// ```
    pub fn step(&mut self, trigger: Trigger, asked: CloseCode) -> &'static Row {
        self.step_by(&TABLE, trigger, asked)
    }

    /// As [`step`](Connection::step), by another table: for checkers that change a row.
    pub fn step_by(&mut self, by: &Table, trigger: Trigger, asked: CloseCode) -> &'static Row {
        let row = by.rule(self.phase, trigger);
        for op in row.ops {
            match op {
                Op::Code(code) => self.code = Some(*code),
                Op::CodeAsAsked => self.code = Some(asked),
                Op::Admit
                | Op::Pass
                | Op::Write
                | Op::SendClose
                | Op::DisarmHello
                | Op::DisarmClose
                | Op::ArmClose
                | Op::Gone
                | Op::Release => {}
            }
        }
        match row.verdict {
            Verdict::Go(phase) => self.phase = phase,
            Verdict::Stay | Verdict::Ignore(_) | Verdict::Refuse(_) => {}
        }
        row
    }
}
