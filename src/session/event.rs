//! What goes into a session, and what comes out.

use core::num::{NonZeroU16, NonZeroU32};

use serde::{Deserialize, Deserializer, Serialize};

use crate::ids::{
    ClientId, ConnectionId, Digest, Generation, Incarnation, PrincipalId, PromptNumber, Seq,
};
use crate::log::{AttachOutcome, LogId, ResumeFrom};
use crate::words::{CloseCode, EndReason, Timer, TurnOutcome};

/// Everything that can happen to a session. Time, I/O and randomness are the driver's: they come as
/// events and as their fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case", deny_unknown_fields)]
pub enum Event {
    /// A connection said hello and names this session.
    Attach {
        /// A fence that was never used in this session.
        connection: ConnectionId,
        /// Who is watching. A newer connection of the same client replaces the older one at once.
        client: ClientId,
        /// Whose client that is; 0 if it is left out.
        #[serde(default, skip_serializing_if = "crate::ids::is_default")]
        principal: PrincipalId,
        /// How far the client has applied the log.
        cursor: ResumeFrom,
    },
    /// A connection has written the range it was given, or as much of it as it took at once: the rest is
    /// given to it again.
    Written {
        /// The connection.
        connection: ConnectionId,
        /// The last entry of the range that was written.
        through: Seq,
    },
    /// The range that a connection was given could not be read: it was trimmed before. Nothing of it was
    /// written; the viewer is sent the gap.
    Missed {
        /// The connection.
        connection: ConnectionId,
        /// The first entry of the range.
        from: Seq,
    },
    /// A client goes to the background and will be back. The notice may arrive after the connection's
    /// loss. One that went its own way (a request) might also overtake, or be overtaken by, what its
    /// connection carries: a client that posted it comes back on a new connection, not by
    /// [`Event::Resume`].
    Suspend {
        /// The connection.
        connection: ConnectionId,
        /// The last entry the client has applied: it is pinned against trimming.
        seen: Seq,
    },
    /// A suspended client is in the foreground again, on the same connection.
    Resume {
        /// The connection.
        connection: ConnectionId,
    },
    /// A connection is gone, however it went. A close code never ends a session.
    Lost {
        /// The connection.
        connection: ConnectionId,
    },
    /// A client's prompt. `(client, n)` is its key.
    Prompt {
        /// Who prompts.
        client: ClientId,
        /// Whose client that is; 0 if it is left out.
        #[serde(default, skip_serializing_if = "crate::ids::is_default")]
        principal: PrincipalId,
        /// Counted from 1 per client.
        n: PromptNumber,
        /// Stands for the body.
        digest: Digest,
    },
    /// Stop this turn and keep the session; a turn that still waits is taken back.
    Interrupt {
        /// The turn that is meant, so that a late interrupt cannot hit the next one.
        turn: Seq,
    },
    /// End the session.
    Stop {
        /// The incarnation that is meant, so that a late stop cannot end the next one.
        incarnation: Incarnation,
    },
    /// Answer to an ask. The first one wins: it is given to the worker that waits for it, or, where the ask outlived
    /// its turn, queued as a turn of its own.
    Answer {
        /// Who answers.
        client: ClientId,
        /// Whose client that is; 0 if it is left out.
        #[serde(default, skip_serializing_if = "crate::ids::is_default")]
        principal: PrincipalId,
        /// The ask's entry.
        ask: Seq,
    },
    /// The worker is up.
    Started {
        /// Its incarnation.
        incarnation: Incarnation,
    },
    /// The worker could not be started.
    StartFailed {
        /// Its incarnation.
        incarnation: Incarnation,
    },
    /// The worker produced entries. A driver drains what is there into one batch: one step, one commit.
    Output {
        /// The worker's incarnation.
        incarnation: Incarnation,
        /// The turn it belongs to; none for what is said outside a turn, such as a closeout's summary.
        turn: Option<Seq>,
        /// How many entries.
        count: NonZeroU32,
    },
    /// The worker asks for an approval.
    Asked {
        /// The worker's incarnation.
        incarnation: Incarnation,
        /// The running turn.
        turn: Seq,
    },
    /// The worker gave up an ask: it does not wait for the answer any more, though its turn may go on.
    Withdrawn {
        /// The worker's incarnation.
        incarnation: Incarnation,
        /// The ask's entry.
        ask: Seq,
    },
    /// The worker finished the turn.
    TurnEnded {
        /// The worker's incarnation.
        incarnation: Incarnation,
        /// The running turn.
        turn: Seq,
        /// How it says it went.
        outcome: WorkerOutcome,
    },
    /// The worker finished the turn with asks that outlive it. It need not be there for the answers: each is a turn of
    /// its own, queued like a prompt, for whichever worker is up by then.
    TurnWaiting {
        /// The worker's incarnation.
        incarnation: Incarnation,
        /// The running turn.
        turn: Seq,
        /// How many asks.
        asks: NonZeroU16,
    },
    /// The worker is gone: its closeout is done, it crashed, or it left.
    Exited {
        /// Its incarnation.
        incarnation: Incarnation,
    },
    /// A timer fired.
    Expired {
        /// Which.
        timer: Timer,
        /// The generation it was armed with.
        generation: Generation,
    },
    /// The process that held the worker and the connections is gone. Fed to every session by the process
    /// that opens the store, before anything else.
    Restarted {
        /// A new log id if the store may have lost a suffix of the log; none if it cannot have.
        renew: Option<LogId>,
    },
    /// The process is about to leave. From here on the session starts no worker and dispatches no prompt:
    /// what runs may end, what is accepted waits in the record, and the next process answers it. It is not
    /// in the snapshot: it is about this process, and for good.
    #[serde(deserialize_with = "no_fields")]
    Drain,
}

/// A variant without fields would take any, though the others refuse those that they do not know.
fn no_fields<'de, D: Deserializer<'de>>(from: D) -> Result<(), D::Error> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Nothing {}
    Nothing::deserialize(from).map(|Nothing {}| ())
}

/// How a worker says a turn went. The other outcomes are the machine's to give.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkerOutcome {
    /// It answered.
    Completed,
    /// It finished without an answer.
    Empty,
    /// It was interrupted.
    Interrupted,
    /// It failed.
    Failed,
}

impl From<WorkerOutcome> for TurnOutcome {
    fn from(outcome: WorkerOutcome) -> TurnOutcome {
        match outcome {
            WorkerOutcome::Completed => TurnOutcome::Completed,
            WorkerOutcome::Empty => TurnOutcome::Empty,
            WorkerOutcome::Interrupted => TurnOutcome::Interrupted,
            WorkerOutcome::Failed => TurnOutcome::Failed,
        }
    }
}

/// A log entry, as the machine knows it: the body is the driver's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "entry", rename_all = "snake_case", deny_unknown_fields)]
pub enum EntryMeta {
    /// An accepted prompt. Its place names the turn.
    Prompt {
        /// Who prompted.
        client: ClientId,
        /// The client's number for it.
        n: PromptNumber,
    },
    /// A batch of output: `count` entries, the first at the record's place.
    Output {
        /// How many.
        count: NonZeroU32,
    },
    /// The worker asks. Its place names the ask.
    Ask {
        /// The turn that asks, and with which the ask ends, if it does not stand.
        turn: Seq,
        /// It outlives the turn; false if it is left out.
        #[serde(default, skip_serializing_if = "crate::ids::is_default")]
        stands: bool,
    },
    /// The answer that won. To an ask that stood it is a turn, which its place names.
    Answer {
        /// Who answered.
        client: ClientId,
        /// Which ask.
        ask: Seq,
    },
    /// The worker gave up an ask: nobody can answer it any more.
    Withdrawn {
        /// Which ask.
        ask: Seq,
    },
    /// The one end of a turn.
    TurnEnd {
        /// Which turn.
        turn: Seq,
        /// How it ended.
        outcome: TurnOutcome,
    },
    /// The end was asked for.
    Closing {
        /// Why.
        why: EndReason,
    },
    /// The incarnation's end.
    End {
        /// Why.
        why: EndReason,
    },
}

/// An entry and its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Record {
    /// The place of the entry; of the first one, if it is a batch.
    pub seq: Seq,
    /// The entry.
    #[serde(flatten)]
    pub entry: EntryMeta,
}

/// What the driver does after a step, in order. Exhaustive on purpose: a driver that overlooks a new
/// effect loses data, so it must not compile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "effect", rename_all = "snake_case", deny_unknown_fields)]
pub enum Effect {
    /// Commit the step's records and the snapshot of its next session, atomically. Always the first
    /// effect if there is one. If it fails, the step did not happen; see
    /// [`Machine`](crate::session::Machine).
    Commit,
    /// Abort the worker and return when it can do nothing any more. Nothing it says afterwards counts.
    Abort {
        /// The worker.
        incarnation: Incarnation,
    },
    /// Arm a timer, replacing an armed one of its kind.
    Arm {
        /// Which.
        timer: Timer,
        /// Comes back in [`Event::Expired`].
        generation: Generation,
        /// When, in milliseconds from now.
        after_ms: u32,
    },
    /// Forget a timer; it may not be armed.
    Disarm {
        /// Which.
        timer: Timer,
    },
    /// Forget every timer.
    DisarmAll,
    /// Start the worker.
    Start {
        /// It carries this in all it says.
        incarnation: Incarnation,
        /// Whether the conversation had an incarnation before: the log tells it so far.
        resume: bool,
    },
    /// Ask the worker to abort its turn, close out and leave.
    CloseOut {
        /// The worker.
        incarnation: Incarnation,
    },
    /// Give the worker what is in the log at `turn`: a prompt, or the answer to an ask that outlived its turn.
    Dispatch {
        /// The worker.
        incarnation: Incarnation,
        /// Its entry.
        turn: Seq,
    },
    /// Ask the worker to stop its turn.
    Interrupt {
        /// The worker.
        incarnation: Incarnation,
        /// The turn.
        turn: Seq,
    },
    /// Give the worker the answer to its ask.
    Deliver {
        /// The worker.
        incarnation: Incarnation,
        /// The ask's entry.
        ask: Seq,
    },
    /// Tell the sender of the prompt that it is accepted.
    Accepted {
        /// Who.
        client: ClientId,
        /// The client's number for it.
        n: PromptNumber,
        /// Its entry.
        seq: Seq,
        /// Whether this is the answer of before, given again.
        again: bool,
    },
    /// Close the connection with this code. The session has forgotten it already.
    Close {
        /// The connection.
        connection: ConnectionId,
        /// Why.
        code: CloseCode,
    },
    /// The answer to a connection's hello: this outcome, and from the step's next session its head, state,
    /// turn, pending asks and the client's own highest prompt number.
    Welcome {
        /// The connection.
        connection: ConnectionId,
        /// Where it goes on.
        outcome: AttachOutcome,
    },
    /// Tell the viewer that these entries are lost to it: they were trimmed before it read them.
    Gap {
        /// The connection.
        connection: ConnectionId,
        /// The first one.
        lost_from: Seq,
        /// The last one.
        lost_to: Seq,
    },
    /// Write these entries to the connection, then report [`Event::Written`]; or, if they were trimmed in
    /// the meantime because the viewer is slow, write none of them and report [`Event::Missed`].
    Send {
        /// The connection.
        connection: ConnectionId,
        /// The first one.
        from: Seq,
        /// The last one.
        to: Seq,
    },
}
