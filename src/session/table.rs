//! Every rule of a session stands in [`ROWS`], and nowhere else.

use strum::{EnumCount, VariantArray};

use crate::table::{self, Verdict};
use crate::words::Timer::{Closeout, Detach, Grace, Idle, Interrupt as Reaction, Start as Startup};
use crate::words::{CloseCode, EndReason, Reason, State, Timer, Trigger, TurnOutcome};

use State::*;
use Trigger::*;
use Verdict::{Go, Ignore, Refuse, Stay};

/// What a row does. The ops stand in a row in the order in which they are declared here, which is the
/// order in which they must be performed: commit first, abort before start, log before send.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Op {
    /// Commit the step's records and the next session's snapshot.
    Commit,
    /// Abort the worker.
    Abort,
    /// Close and forget the same client's older connection.
    Replace,
    /// List the connection.
    Admit,
    /// Forget the connection.
    Drop,
    /// Mark the connection as suspended: nothing is sent to it.
    Suspend,
    /// The connection watches again.
    Unsuspend,
    /// Pin the log at what the suspended viewers have seen.
    Pin,
    /// Release the pin, if there is one.
    Unpin,
    /// The connection may be sent what comes after what it has written.
    Credit,
    /// The connection is where it was before the range in flight.
    Rewind,
    /// Take over the new log id, if the event brings one.
    RenewLog,
    /// End the running turn, if there is one, and its asks.
    EndTurn(TurnOutcome),
    /// End the running turn and its asks as the worker says.
    EndTurnAsReported,
    /// End every queued prompt.
    EndQueue(TurnOutcome),
    /// Cancel the queued prompt that the event names.
    TakeBack,
    /// Log that the end was asked for.
    LogClosing(EndReason),
    /// Log the incarnation's end.
    LogEnd(EndReason),
    /// The next incarnation begins.
    NextIncarnation,
    /// Log the prompt, queue it and remember the client's number, as one.
    Accept,
    /// Log the worker's output.
    LogOutput,
    /// Log the ask: it is pending.
    LogAsk,
    /// Log the answer: the ask is settled.
    LogAnswer,
    /// Begin nothing new from here on: no worker is started, no prompt dispatched.
    Hold,
    /// Close and forget every connection.
    CloseAll(CloseCode),
    /// Disarm every timer.
    DisarmAll,
    /// Disarm a timer.
    Disarm(Timer),
    /// Arm a timer with a new generation, if the limits give it a duration.
    Arm(Timer),
    /// Start the worker.
    Start,
    /// Ask the worker to close out.
    CloseOut,
    /// Give the worker the next queued prompt.
    Dispatch,
    /// Ask the worker to stop its turn.
    Interrupt,
    /// Give the worker the answer.
    Deliver,
    /// Tell the sender that the prompt is accepted.
    Reply,
    /// Tell the sender again that the prompt was accepted.
    ReplyAgain,
    /// Tell the new connection where it goes on.
    Welcome,
    /// Send each watching connection that has credit what it lacks.
    Fill,
}

/// A row of the session's table.
pub type Row = table::Row<State, Trigger, Op, Reason>;

const fn row(
    id: &'static str,
    from: &'static [State],
    on: &'static [Trigger],
    verdict: Verdict<State, Reason>,
    ops: &'static [Op],
    because: &'static str,
) -> Row {
    Row::new(id, from, on, verdict, ops, because)
}

const ALL: &[State] = State::VARIANTS;

/// The session's table: a legend of its ops is [`Op`], of its columns [`Trigger`].
///
/// A row that holds in several states stands in the section of what it is about. The cells that cannot
/// arise are the last section, and the checker proves that they do not. Where a timer ends a state that
/// has no other one, nothing is left to disarm, and the row does not say so (C2, S5, L2).
#[rustfmt::skip]
pub const ROWS: &[Row] = {
    use Op::{
        Abort, Accept, Admit, Arm, CloseAll, CloseOut, Commit, Credit, Deliver, Disarm, DisarmAll, Dispatch, Drop,
        EndQueue, EndTurn, EndTurnAsReported, Fill, LogAnswer, LogAsk, LogClosing, LogEnd, LogOutput, NextIncarnation,
        Pin, RenewLog, Replace, Rewind, Reply, ReplyAgain, TakeBack, Unpin, Unsuspend, Welcome,
    };
    &[
    //   id    from                              on                                               verdict                     ops, in this order                                                                                                    because
    // everywhere: watching
    row("W1", &[Created, Starting, Active, Closing, Ended],            &[Attach],                                       Stay,                       &[Admit, Welcome, Fill],                                                                                              "everybody who may watch watches at once, also a session that is starting or has ended"),
    row("W2", &[Created, Starting, Active, Closing, Ended],            &[AttachAgain],                                  Stay,                       &[Replace, Admit, Welcome, Fill],                                                                                     "the newest connection of a client wins at once; nobody waits for a half-open predecessor"),
    row("W3", &[Created, Starting, Active, Suspended, Closing, Ended], &[AttachFull],                                   Refuse(Reason::TooManyConnections), &[],                                                                                                          "memory is bounded"),
    row("W4", &[Created, Starting, Active, Suspended, Closing, Ended],          &[Written],                                      Stay,                       &[Credit, Fill],                                                                                                      "replay and live are one path: a cursor that moves on credit"),
    row("W5", &[Created, Starting, Closing, Ended],            &[Suspend, SuspendLast],                         Stay,                       &[Op::Suspend],                                                                                                       "a viewer in the background is sent nothing, whatever the session does"),
    row("W6", &[Created, Starting, Active, Closing, Ended],            &[Resume],                                       Stay,                       &[Unsuspend, Fill],                                                                                                   "back in the foreground, it goes on where it was"),
    row("W7", &[Created, Starting, Active, Closing, Ended],            &[Lost],                                         Stay,                       &[Drop],                                                                                                              "a connection's end is not the work's end"),
    row("W8", &[Created, Starting, Suspended, Closing, Ended],         &[LostLast, LostToSuspended],                    Stay,                       &[Drop],                                                                                                              "these states do not depend on who is connected; a suspended viewer's loss is expected"),
    row("W9", &[Created, Starting, Active, Closing, Ended],            &[SuspendLate],                                  Ignore(Reason::Stale),      &[],                                                                                                                  "nothing waits for this viewer: somebody else watches, or the state does not depend on who is connected"),
    row("W10", &[Created, Starting, Active, Suspended, Closing, Ended],         &[Missed],                                       Stay,                       &[Rewind, Fill],                                                                                                      "the log waits for nobody: what a slow viewer cannot have is declared lost (race R4)"),

    // everywhere: prompts and answers
    row("P1", &[Created, Starting, Active, Detached, Suspended, Ended], &[Prompt],                                       Stay,                       &[Commit, Accept, Reply, Fill],                                                                                       "accepted means durable; what is due then follows in the same step (G1, G2, T1), unless the session is held"),
    row("P2", ALL, &[PromptAgain],                                  Stay,                       &[ReplyAgain],                                                                                                        "the answer was lost, not the prompt: the same answer again, and nothing runs"),
    row("P3", ALL, &[PromptConflict],                               Refuse(Reason::Conflict),   &[],                                                                                                                  "one number, one prompt: never silently the first one"),
    row("P4", ALL,                               &[PromptGap],                                    Refuse(Reason::Gap),        &[],                                                                                                                  "prompts run in the order in which their client sent them"),
    row("P5", &[Created, Starting, Active, Detached, Suspended], &[PromptFull],                                   Refuse(Reason::QueueFull),  &[],                                                                                                                  "memory is bounded; a refusal takes no number"),
    row("P6", ALL, &[PromptCrowded],                                Refuse(Reason::TooManyClients), &[],                                                                                                              "a client that is forgotten could run a prompt twice, so none is forgotten"),
    row("P7", ALL,                               &[AnswerLate],                                   Refuse(Reason::AskSettled), &[],                                                                                                                  "the first valid answer wins, and asks end with their turn"),

    // everywhere: late news
    row("X1", ALL,                               &[StaleConnection],                              Ignore(Reason::Stale),      &[],                                                                                                                  "an old connection's late close tears down nothing (race R1)"),
    row("X2", ALL,                               &[StaleWorker],                                  Ignore(Reason::Stale),      &[],                                                                                                                  "an old worker's late words are nobody's answer (race R8)"),
    row("X3", ALL,                               &[StaleTimer],                                   Ignore(Reason::Stale),      &[],                                                                                                                  "a timer that was armed again does not fire twice (race R10)"),
    row("X4", ALL,                               &[StaleCommand],                                 Ignore(Reason::Stale),      &[],                                                                                                                  "a late interrupt does not hit the next turn, a late stop not the next incarnation"),
    row("X5", &[Starting, Active, Detached, Suspended, Closing, Ended], &[IdleExpired],                                  Ignore(Reason::TooLate),    &[],                                                                                                                  "CREATED was left first"),
    row("X6", &[Created, Active, Detached, Suspended, Closing, Ended], &[StartTimeout],                                 Ignore(Reason::TooLate),    &[],                                                                                                                  "STARTING was left first"),
    row("X7", &[Created, Starting, Active, Suspended, Closing, Ended],          &[DetachExpired],                                Ignore(Reason::TooLate),    &[],                                                                                                                  "DETACHED was left first: somebody came back, or the session ended (race R10)"),
    row("X8", &[Created, Starting, Active, Suspended],                                    &[DetachExpiredBusy],                            Ignore(Reason::TooLate),    &[],                                                                                                                  "DETACHED was left first: somebody came back, or the session ended (race R10)"),
    row("X9", &[Created, Starting, Active, Detached, Closing, Ended],          &[GraceExpired],                                 Ignore(Reason::TooLate),    &[],                                                                                                                  "SUSPENDED was left first: somebody came back, or the session ended (race R10)"),
    row("X10", &[Created, Starting, Active, Detached, Suspended, Ended],          &[CloseoutTimeout],                              Ignore(Reason::TooLate),    &[],                                                                                                                  "CLOSING was left first"),

    // a worker is up: ACTIVE, DETACHED and SUSPENDED treat it alike, for the work does not depend on who watches
    row("T1", &[Active, Detached, Suspended],            &[Next],                                         Stay,                       &[Commit, Arm(Timer::Turn), Dispatch],                                                                                "one turn at a time, and dispatched only when that is durable (race R8)"),
    row("T2", &[Starting, Active, Detached, Suspended, Closing], &[Output],                                       Stay,                       &[Commit, LogOutput, Fill],                                                                                           "append first: what a viewer sees is the log"),
    row("T3", &[Active, Detached, Suspended],            &[Asked],                                        Stay,                       &[Commit, LogAsk, Fill],                                                                                              "an ask is a log entry, so every new connection sees it"),
    row("T4", &[Active, Detached, Suspended],            &[AskedFull],                                    Refuse(Reason::TooManyAsks), &[],                                                                                                                 "memory is bounded"),
    row("T5", &[Active, Detached, Suspended],            &[Answer],                                       Stay,                       &[Commit, LogAnswer, Deliver, Fill],                                                                                  "every viewer sees who answered"),
    row("T6", &[Active, Detached, Suspended],            &[TurnEnded],                                    Stay,                       &[Commit, EndTurnAsReported, Disarm(Timer::Turn), Disarm(Reaction), Fill],                                            "one turn end for each prompt; the next prompt follows in the same step (T1)"),
    row("T7", &[Active, Detached, Suspended],            &[Interrupt],                                    Stay,                       &[Disarm(Timer::Turn), Arm(Reaction), Op::Interrupt],                                                                 "an interrupt stops the turn and keeps the session; it waits for no store"),
    row("T8", &[Active, Detached, Suspended],            &[InterruptAgain],                               Ignore(Reason::AlreadyInterrupting), &[],                                                                                                         "an interrupt is idempotent"),
    row("T9", &[Created, Starting, Active, Detached, Suspended],  &[InterruptQueued],                              Stay,                       &[Commit, TakeBack, Fill],                                                                                            "what has not begun is taken back"),
    row("T10", &[Active, Detached, Suspended],           &[InterruptTimeout],                             Go(Ended),                  &[Commit, Abort, Unpin, EndTurn(TurnOutcome::Interrupted), LogEnd(EndReason::Unresponsive), DisarmAll, Fill],          "no session waits for ever for a worker that does not react"),
    row("T11", &[Active, Detached, Suspended],           &[TurnTimeout],                                  Go(Ended),                  &[Commit, Abort, Unpin, EndTurn(TurnOutcome::Failed), LogEnd(EndReason::TurnTimeout), DisarmAll, Fill],                "no session waits for ever for a turn that hangs"),
    row("T12", &[Active, Detached, Suspended],           &[Exited, StartFailed],                          Go(Ended),                  &[Commit, Unpin, EndTurn(TurnOutcome::Failed), LogEnd(EndReason::Exited), DisarmAll, Fill],                            "a turn cannot outlive its worker; prompts that wait reopen the session (G2, G1)"),
    row("T13", &[Active, Closing],                       &[Started],   Ignore(Reason::AlreadyStarted), &[],                                                                                                              "the start was reported, or is not wanted any more"),
    row("T14", &[Detached, Suspended, Closing],          &[StartedUnwatched],                             Ignore(Reason::AlreadyStarted), &[],                                                                                                              "the start was reported, or is not wanted any more"),
    row("T15", &[Suspended, Closing],                    &[StartedSuspended],                             Ignore(Reason::AlreadyStarted), &[],                                                                                                              "the start was reported, or is not wanted any more"),
    row("T16", &[Active, Detached, Suspended],           &[ExitedInterrupted],                            Go(Ended),                  &[Commit, Unpin, EndTurn(TurnOutcome::Interrupted), LogEnd(EndReason::Exited), DisarmAll, Fill],                       "a worker that leaves because it was interrupted is no failure (F-93)"),

    // CREATED
    row("C1", &[Created],                        &[Stop],                                         Go(Ended),                  &[Commit, EndQueue(TurnOutcome::Cancelled), LogEnd(EndReason::Stopped), DisarmAll, Fill],                                                               "there is no worker to close out; what waited, where the session is held, never runs"),
    row("C2", &[Created],                        &[IdleExpired],                                  Go(Ended),                  &[Commit, LogEnd(EndReason::Expired), Fill],                                                               "nobody prompted; a later prompt reopens"),
    // STARTING
    row("S1", &[Starting],                       &[Started],                                      Go(Active),                 &[Commit, Disarm(Startup)],                                                                                           "the worker is up and watched"),
    row("S2", &[Starting],                       &[StartedUnwatched],                             Go(Detached),               &[Commit, Disarm(Startup), Arm(Detach)],                                                                              "whoever prompted may have gone before the worker came; ACTIVE means watched"),
    row("S3", &[Starting],                       &[StartedSuspended],                             Go(Suspended),              &[Commit, Pin, Disarm(Startup), Arm(Grace)],                                                                          "whoever prompted put the phone away before the worker came; ACTIVE means watched"),
    row("S4", &[Starting],                       &[StartFailed, Exited],                          Go(Ended),                  &[Commit, EndQueue(TurnOutcome::Failed), LogEnd(EndReason::StartFailed), DisarmAll, Fill],                            "every accepted prompt gets its end; starting again by itself could go on for ever"),
    row("S5", &[Starting],                       &[StartTimeout],                                 Go(Ended),                  &[Commit, Abort, EndQueue(TurnOutcome::Failed), LogEnd(EndReason::StartTimeout), Fill],                     "a worker that is late must not come later (F-88)"),
    row("S6", &[Starting],                       &[Stop],                                         Go(Closing),                &[Commit, EndQueue(TurnOutcome::Cancelled), LogClosing(EndReason::Stopped), Disarm(Startup), Arm(Closeout), CloseOut, Fill], "a worker that may be half up has to be told, and waited for"),
    // ACTIVE
    row("A1", &[Active],                         &[LostLast],                                     Go(Detached),               &[Commit, Drop, Arm(Detach)],                                                                                         "outliving the connection is the point"),
    row("A2", &[Active],                         &[LostToSuspended],                              Go(Suspended),              &[Commit, Drop, Pin, Arm(Grace)],                                                                                     "those that remain announced that they will be back"),
    row("A3", &[Active],                         &[Suspend],                                      Stay,                       &[Op::Suspend],                                                                                                       "somebody else still watches"),
    row("A4", &[Active],                         &[SuspendLast],                                  Go(Suspended),              &[Commit, Op::Suspend, Pin, Arm(Grace)],                                                                              "the phone goes into the pocket; its place in the log is kept"),
    row("A5", &[Active],                         &[Stop],                                         Go(Closing),                &[Commit, EndTurn(TurnOutcome::Interrupted), EndQueue(TurnOutcome::Cancelled), LogClosing(EndReason::Stopped), Disarm(Timer::Turn), Disarm(Reaction), Arm(Closeout), CloseOut, Fill], "stop ends the work, and says so in the log"),
    // DETACHED
    row("D1", &[Detached],                       &[Attach],                                       Go(Active),                 &[Commit, Admit, Disarm(Detach), Welcome, Fill],                                                                      "back again, and nothing was lost"),
    row("D2", &[Detached],                       &[SuspendLate],                                  Go(Suspended),              &[Commit, Pin, Disarm(Detach), Arm(Grace)],                                                                           "the notice was slower than the loss; it means the same"),
    row("D3", &[Detached],                       &[DetachExpired],                                Go(Closing),                &[Commit, LogClosing(EndReason::Expired), Arm(Closeout), CloseOut],                                             "nobody owns this any more: a zombie is closed out, not forgotten"),
    row("D4", &[Detached],                       &[DetachExpiredBusy],                            Stay,                       &[Arm(Detach)],                                                                                                       "the work goes on, here or in the next process"),
    row("D5", &[Detached],                       &[Stop],                                         Go(Closing),                &[Commit, EndTurn(TurnOutcome::Interrupted), EndQueue(TurnOutcome::Cancelled), LogClosing(EndReason::Stopped), Disarm(Timer::Turn), Disarm(Reaction), Disarm(Detach), Arm(Closeout), CloseOut], "stop needs no connection"),
    // SUSPENDED
    row("U1", &[Suspended],                      &[Attach],                                       Go(Active),                 &[Commit, Admit, Unpin, Disarm(Grace), Welcome, Fill],                                                                "somebody watches again"),
    row("U2", &[Suspended],                      &[AttachAgain],                                  Go(Active),                 &[Commit, Replace, Admit, Unpin, Disarm(Grace), Welcome, Fill],                                                       "back on a new connection; the old one may never close"),
    row("U3", &[Suspended],                      &[Resume],                                       Go(Active),                 &[Commit, Unsuspend, Unpin, Disarm(Grace), Fill],                                                                     "back on the same connection"),
    row("U4", &[Suspended],                      &[SuspendLast],                                  Stay,                       &[Op::Suspend, Pin, Arm(Grace)],                                                                                      "said again: the grace period starts again"),
    row("U5", &[Suspended],                      &[GraceExpired],                                 Go(Detached),               &[Commit, Unpin, CloseAll(CloseCode::IdleTimeout), Arm(Detach)],                                                      "the promise was not kept; the work still goes on"),
    row("U6", &[Suspended],                      &[Stop],                                         Go(Closing),                &[Commit, Unpin, EndTurn(TurnOutcome::Interrupted), EndQueue(TurnOutcome::Cancelled), LogClosing(EndReason::Stopped), Disarm(Timer::Turn), Disarm(Reaction), Disarm(Grace), Arm(Closeout), CloseOut], "stop needs no watcher"),
    row("U7", &[Suspended],                      &[SuspendLate],                                  Stay,                       &[Pin, Arm(Grace)],                                                                                                   "one more viewer that will be back: its notice was slower than its loss"),
    // CLOSING: only to ENDED
    row("L1", &[Closing],                        &[Exited, StartFailed],                          Go(Ended),                  &[Commit, LogEnd(EndReason::ClosedOut), DisarmAll, Fill],                                                             "the closeout is done, or its worker is gone: either way it is over"),
    row("L2", &[Closing],                        &[CloseoutTimeout],                              Go(Ended),                  &[Commit, Abort, LogEnd(EndReason::CloseoutTimeout), Fill],                                                "no closeout takes for ever"),
    row("L3", &[Closing],                        &[Prompt],                                       Go(Ended),                  &[Commit, Abort, LogEnd(EndReason::Superseded), Accept, DisarmAll, Reply, Fill],                                      "neither swallowed nor given to the closing worker: the next incarnation has it (race R7)"),
    row("L4", &[Closing],                        &[Stop],                                         Ignore(Reason::AlreadyClosing), &[],                                                                                                              "a stop is idempotent"),
    // ENDED: only to CREATED
    row("E1", &[Ended],                          &[Stop],                                         Ignore(Reason::AlreadyEnded), &[],                                                                                                                "a stop is idempotent"),
    row("E2", &[Created, Ended],                 &[Started, StartedUnwatched, StartedSuspended, StartFailed, Output, Exited], Ignore(Reason::NoWorker), &[],                                                                                        "no worker of this incarnation is alive, and nothing from an aborted one is logged"),
    // the process
    row("B1", &[Created, Starting, Active, Detached, Suspended, Closing], &[Restarted],                                    Go(Ended),                  &[Commit, Unpin, EndTurn(TurnOutcome::Ambiguous), LogEnd(EndReason::Restarted), CloseAll(CloseCode::Restart), DisarmAll], "worker and connections went with the process; what ran may have had effects and is not run again"),
    row("B2", &[Created, Starting, Active, Detached, Suspended, Closing], &[RestartedLossy],                               Go(Ended),                  &[Commit, Unpin, RenewLog, EndTurn(TurnOutcome::Ambiguous), EndQueue(TurnOutcome::Ambiguous), LogEnd(EndReason::Restarted), CloseAll(CloseCode::Restart), DisarmAll], "what waits in the record may have run in what was lost: it is not run again either"),
    row("B3", &[Ended],                          &[Restarted],                                    Ignore(Reason::AlreadyEnded), &[],                                                                                                                "its worker is gone already, and a session that is read back from the store lists nobody"),
    row("B4", &[Ended],                          &[RestartedLossy],                               Stay,                       &[Commit, RenewLog, CloseAll(CloseCode::Restart)],                                                                    "a cursor of before could name what was lost (race R5)"),
    row("B5", &[Created],                        &[Hold],                                         Stay,                       &[Op::Hold, Disarm(Idle)],                                                                                            "the process is about to leave: the first prompt is the next one's to answer"),
    row("B6", &[Starting, Active, Detached, Suspended, Closing, Ended], &[Hold],                  Stay,                       &[Op::Hold],                                                                                                          "the process is about to leave: what runs may end, what waits stays in the record, and the next one has it (B1, G2, G1)"),

    // follow-ups: what is due after a step is done in the same step and the same commit
    row("G1", &[Created],                        &[Begin],                                        Go(Starting),               &[Commit, Disarm(Idle), Arm(Startup), Op::Start],                                                                     "the first prompt starts the worker"),
    row("G2", &[Ended],                          &[Reopen],                                       Go(Created),                &[Commit, NextIncarnation],                                                                                           "a prompt reopens the conversation, and nothing else does"),

    // cells that cannot arise
    row("N1", &[Detached],                       &[AttachAgain, AttachFull, Written, Missed, Suspend, SuspendLast, Resume, Lost, LostLast, LostToSuspended, Started, StartedSuspended], Ignore(Reason::Impossible), &[],                                      "nobody is connected"),
    row("N2", &[Created, Starting, Closing, Ended],            &[Interrupt, InterruptAgain, Answer, Asked, AskedFull, TurnEnded, InterruptTimeout, TurnTimeout, ExitedInterrupted, Next], Ignore(Reason::Impossible), &[],                                          "no turn runs"),
    row("N3", &[Closing, Ended],                 &[InterruptQueued, PromptFull, DetachExpiredBusy],                  Ignore(Reason::Impossible), &[],                                                                                                                  "no turn runs and no prompt waits"),
    row("N4", &[Starting, Active, Detached, Suspended, Closing, Ended], &[Begin],                                        Ignore(Reason::Impossible), &[],                                                                                                                  "only CREATED begins"),
    row("N5", &[Created, Starting, Active, Detached, Suspended, Closing], &[Reopen],                                       Ignore(Reason::Impossible), &[],                                                                                                                  "only ENDED reopens"),
    row("N7", &[Active],                         &[StartedUnwatched, StartedSuspended],           Ignore(Reason::Impossible), &[],                                                                                                                  "somebody watches"),
    row("N8", &[Suspended],                      &[Suspend, Lost, Started],                       Ignore(Reason::Impossible), &[],                                                                                                                  "nobody watches"),
    ]
};

/// `[state][trigger]` → place in [`ROWS`]. A cell without a row, or with two, does not compile.
pub const INDEX: [[u8; Trigger::COUNT]; State::COUNT] = crate::index!(ROWS, State, Trigger);

/// A table a machine can run on: the shipped one, or one that the checker changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// The rows.
    pub rows: &'static [Row],
    /// `[state][trigger]` → place in `rows`.
    pub index: [[u8; Trigger::COUNT]; State::COUNT],
}

/// The shipped table.
pub static TABLE: Table = Table { rows: ROWS, index: INDEX };

impl Table {
    /// The row for a cell.
    pub const fn rule(&self, state: State, trigger: Trigger) -> &'static Row {
        &self.rows[self.index[state as usize][trigger as usize] as usize]
    }
}
