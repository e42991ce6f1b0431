//! Every rule of a session stands in [`STATES`], [`CELLS`] and [`RULES`], and nowhere else.

pub use super::op::Op;
use super::shape;
use crate::table::{Cells, Ops, Rule, StateOps, Verdict, cells, rule, state};
use crate::words::CloseCode::{IdleTimeout, Restart};
use crate::words::EndReason::{
    ClosedOut, CloseoutTimeout, Exited, Expired, Restarted, StartFailed, StartTimeout, Stopped,
    Superseded, TurnTimeout, Unresponsive,
};
use crate::words::Timer::{Closeout, Detach, Grace, Idle, Interrupt, Start, Turn};
use crate::words::TurnOutcome::{Ambiguous, Cancelled, Failed, Interrupted, Waiting};
use crate::words::{Reason, State, Trigger};

use Op::*;
use Reason::*;
use State::*;

/// What a state does when it is entered and when it is left, whichever rule leads there.
#[rustfmt::skip]
pub const STATES: &[StateOps<State, Op>] = &[
    //    state      on entry                                         on exit
    state(Created,   &[],                                             &[Disarm(Idle)]),
    state(Starting,  &[Arm(Start), StartWorker],                      &[Disarm(Start)]),
    state(Active,    &[],                                             &[]),
    state(Detached,  &[Arm(Detach)],                                  &[Disarm(Detach)]),
    state(Suspended, &[PinLog, Arm(Grace)],                           &[]),
    state(Closing,   &[UnpinLog, DisarmAll, Arm(Closeout), CloseOut], &[Disarm(Closeout)]),
    state(Ended,     &[UnpinLog, DisarmAll],                          &[]),
];

/// Which rule answers. `ACTIVE`, `DETACHED` and `SUSPENDED` treat the worker alike, for the work does not
/// depend on who watches.
#[rustfmt::skip]
pub const CELLS: Cells = cells! {
    State x Trigger:     Created   Starting  Active    Detached  Suspended Closing   Ended;
    "a connection"
    Attach:              W1        W1        W1        D1        U1        W1        W1;
    AttachAgain:         W2        W2        W2        N1        U2        W2        W2;
    AttachFull:          W3        W3        W3        N1        W3        W3        W3;
    Written:             W4        W4        W4        N1        W4        W4        W4;
    Missed:              W10       W10       W10       N1        W10       W10       W10;
    Suspend:             W5        W5        A3        N1        N8        W11       W11;
    SuspendLast:         W5        W5        A4        N1        U4        W11       W11;
    SuspendLate:         U7        U7        U7        D2        U7        W9        W9;
    Resume:              W6        W6        W6        N1        U3        W6        W6;
    Lost:                W7        W7        W7        N1        N8        W7        W7;
    LostLast:            W8        W8        A1        N1        W8        W8        W8;
    LostToSuspended:     W8        W8        A2        N1        W8        W8        W8;
    "a prompt, a command"
    Prompt:              P1        P1        P1        P1        P1        L3        P1;
    PromptAgain:         P2        P2        P2        P2        P2        P2        P2;
    PromptConflict:      P3        P3        P3        P3        P3        P3        P3;
    PromptTooOld:        P8        P8        P8        P8        P8        P8        P8;
    PromptGap:           P4        P4        P4        P4        P4        P4        P4;
    PromptFull:          P5        P5        P5        P5        P5        N3        N3;
    PromptCrowded:       P6        P6        P6        P6        P6        P6        P6;
    Interrupt:           N2        N2        T7        T7        T7        N2        N2;
    InterruptAgain:      N2        N2        T8        T8        T8        N2        N2;
    InterruptQueued:     T9        T9        T9        T9        T9        N3        N3;
    Stop:                C1        A5        A5        A5        A5        L4        E1;
    Answer:              N2        N2        T5        T5        T5        N2        N2;
    AnswerStanding:      P9        P9        P9        P9        P9        L5        P9;
    AnswerStandingFull:  P5        P5        P5        P5        P5        N3        N3;
    AnswerLate:          P7        P7        P7        P7        P7        P7        P7;
    "the worker"
    Started:             E2        S1        T13       N1        N8        T13       E2;
    StartedUnwatched:    E2        S2        N7        T14       T14       T14       E2;
    StartedSuspended:    E2        S3        N7        N1        T15       T15       E2;
    StartFailed:         E2        S4        T12       T12       T12       L1        E2;
    Output:              E2        T2        T2        T2        T2        T2        E2;
    Asked:               N2        N2        T3        T3        T3        N2        N2;
    AskedFull:           N2        N2        T4        T4        T4        N2        N2;
    Withdrawn:           E2        T17       T17       T17       T17       T17       E2;
    TurnEnded:           N2        N2        T6        T6        T6        N2        N2;
    TurnWaiting:         N2        N2        T18       T18       T18       N2        N2;
    TurnWaitingFull:     N2        N2        T19       T19       T19       N2        N2;
    Exited:              E2        S4        T12       T12       T12       L1        E2;
    ExitedInterrupted:   N2        N2        T16       T16       T16       N2        N2;
    "a timer"
    StartTimeout:        X6        S5        X6        X6        X6        X6        X6;
    InterruptTimeout:    N2        N2        T10       T10       T10       N2        N2;
    TurnTimeout:         N2        N2        T11       T11       T11       N2        N2;
    DetachExpired:       X7        X7        X7        D3        X7        X7        X7;
    DetachExpiredBusy:   X8        X8        X8        D4        X8        N3        N3;
    GraceExpired:        U8        U8        U8        U8        U5        X9        X9;
    CloseoutTimeout:     X10       X10       X10       X10       X10       L2        X10;
    IdleExpired:         C2        X5        X5        X5        X5        X5        X5;
    "the process"
    Restarted:           B1        B1        B1        B1        B1        B1        B3;
    RestartedLossy:      B2        B2        B2        B2        B2        B2        B4;
    Drain:               B5        B6        B6        B6        B6        B6        B6;
    "due in the same step"
    Begin:               G1        N4        N4        N4        N4        N4        N4;
    Next:                N2        N2        T1        T1        T1        N2        N2;
    Reopen:              N5        N5        N5        N5        N5        N5        G2;
    "stale: its fence is not current"
    StaleConnection:     X1        X1        X1        X1        X1        X1        X1;
    StaleWorker:         X2        X2        X2        X2        X2        X2        X2;
    StaleTimer:          X3        X3        X3        X3        X3        X3        X3;
    StaleCommand:        X4        X4        X4        X4        X4        X4        X4;
};

/// What each rule does, and why. The states add what they do on entry and on exit; what follows from all of
/// these is added by `entailed`.
#[rustfmt::skip]
pub const RULES: &[Rule<State, Op, Reason>] = &[
    // watching
    rule("W1").stay(&[List, Welcome])
        .because("everybody who may watch watches at once, also a session that is starting or has ended"),
    rule("W2").stay(&[Replace, List, Welcome])
        .because("the newest connection of a client wins at once; nobody waits for a half-open predecessor"),
    rule("W3").refuse(TooManyConnections)
        .because("memory is bounded, and nobody's connections shut out everybody else's"),
    rule("W4").stay(&[Credit]).because("replay and live are one path: a cursor that moves on credit"),
    rule("W5").stay(&[Suspend, PinLog, Arm(Grace)])
        .because("a viewer in the background is sent nothing, and its place in what is to come is kept"),
    rule("W6").stay(&[Unsuspend]).because("back in the foreground, it goes on where it was"),
    rule("W7").stay(&[Unlist]).because("a connection's end is not the work's end"),
    rule("W8").stay(&[Unlist])
        .because("these states do not depend on who is connected; a suspended viewer's loss is expected"),
    rule("W9").ignore(Stale)
        .because("what is over keeps nobody's place"),
    rule("W10").stay(&[Rewind])
        .because("the log waits for nobody: what a slow viewer cannot have is declared lost (race R4)"),
    rule("W11").stay(&[Suspend])
        .because("a viewer in the background is sent nothing; what is over keeps nobody's place"),
    // prompts and answers
    rule("P1").stay(&[Accept, Reply])
        .because("accepted means durable; what is due then follows in the same step (G1, G2, T1), unless the \
                  session is draining"),
    rule("P2").stay(&[ReplyAgain])
        .because("the answer was lost, not the prompt: the same answer again, and nothing runs"),
    rule("P3").refuse(Conflict).because("one number, one prompt: never silently the first one"),
    rule("P4").refuse(Gap).because("prompts run in the order in which their client sent them"),
    rule("P5").refuse(QueueFull)
        .because("memory is bounded, and nobody's prompts shut out everybody else's; a refusal takes no number"),
    rule("P6").refuse(TooManyClients)
        .because("a client that is forgotten could run a prompt twice, so none is forgotten; nobody's clients shut out \
                  everybody else's"),
    rule("P7").refuse(AskSettled)
        .because("the first valid answer wins; asks end with their turn, or when their worker gives them up"),
    rule("P9").stay(&[AcceptAnswer])
        .because("who asked need not be there any more: the answer is a turn of its own, and what is due follows in \
                  the same step (G1, G2, T1)"),
    rule("P8").refuse(TooOld)
        .because("a number alone settles nothing: another holder of the client's name may have used it"),
    // late news
    rule("X1").ignore(Stale).because("an old connection's late close tears down nothing (race R1)"),
    rule("X2").ignore(Stale).because("an old worker's late words are nobody's answer (race R8)"),
    rule("X3").ignore(Stale).because("a timer that was armed again does not fire twice (race R10)"),
    rule("X4").ignore(Stale)
        .because("a late interrupt does not hit the next turn, a late stop not the next incarnation"),
    rule("X5").ignore(TooLate).because("CREATED was left first"),
    rule("X6").ignore(TooLate).because("STARTING was left first"),
    rule("X7").ignore(TooLate)
        .because("DETACHED was left first: somebody came back, or the session ended (race R10)"),
    rule("X8").ignore(TooLate)
        .because("DETACHED was left first: somebody came back, or the session ended (race R10)"),
    rule("X9").ignore(TooLate)
        .because("the end has released the pin first (race R10)"),
    rule("X10").ignore(TooLate).because("CLOSING was left first"),
    // a worker is up
    rule("T1").stay(&[Arm(Turn), Dispatch])
        .because("one turn at a time, and dispatched only when that is durable (race R8)"),
    rule("T2").stay(&[LogOutput]).because("append first: what a viewer sees is the log"),
    rule("T3").stay(&[LogAsk]).because("an ask is a log entry, so every new connection sees it"),
    rule("T4").refuse(TooManyAsks).because("memory is bounded"),
    rule("T5").stay(&[LogAnswer, Deliver]).because("every viewer sees who answered"),
    rule("T6").stay(&[EndTurnAsReported, Disarm(Turn), Disarm(Interrupt)])
        .because("one turn end for each prompt; the next prompt follows in the same step (T1)"),
    rule("T7").stay(&[Disarm(Turn), Arm(Interrupt), Op::Interrupt])
        .because("an interrupt stops the turn and keeps the session; it waits for no store"),
    rule("T8").ignore(AlreadyInterrupting).because("an interrupt is idempotent"),
    rule("T9").stay(&[TakeBack]).because("what has not begun is taken back"),
    rule("T10").go(Ended, &[Abort, EndTurn(Interrupted), LogEnd(Unresponsive)])
        .because("no session waits for ever for a worker that does not react"),
    rule("T11").go(Ended, &[Abort, EndTurn(Failed), LogEnd(TurnTimeout)])
        .because("no session waits for ever for a turn that hangs"),
    rule("T12").go(Ended, &[EndTurn(Failed), LogEnd(Exited)])
        .because("a turn cannot outlive its worker; prompts that wait reopen the session (G2, G1)"),
    rule("T13").ignore(AlreadyStarted).because("the start was reported, or is not wanted any more"),
    rule("T14").ignore(AlreadyStarted).because("the start was reported, or is not wanted any more"),
    rule("T15").ignore(AlreadyStarted).because("the start was reported, or is not wanted any more"),
    rule("T16").go(Ended, &[EndTurn(Interrupted), LogEnd(Exited)])
        .because("a worker that leaves because it was interrupted is no failure"),
    rule("T17").stay(&[LogWithdrawn])
        .because("an answer that nobody waits for is refused (P7), and not accepted for nothing"),
    rule("T18").stay(&[LogStandingAsks, EndTurn(Waiting), Disarm(Turn), Disarm(Interrupt)])
        .because("people may take until tomorrow: no worker waits for them, and no drain"),
    rule("T19").stay(&[EndTurn(Failed), Disarm(Turn), Disarm(Interrupt)])
        .because("memory is bounded, and a turn that waits for an answer nobody can give has failed"),
    // CREATED
    rule("C1").go(Ended, &[EndQueue(Cancelled), LogEnd(Stopped)])
        .because("there is no worker to close out; what waited, where the session is draining, never runs"),
    rule("C2").go(Ended, &[LogEnd(Expired)]).because("nobody prompted; a later prompt reopens"),
    // STARTING
    rule("S1").go(Active, &[]).because("the worker is up and watched"),
    rule("S2").go(Detached, &[])
        .because("whoever prompted may have gone before the worker came; ACTIVE means watched"),
    rule("S3").go(Suspended, &[])
        .because("whoever prompted put the phone away before the worker came; ACTIVE means watched"),
    rule("S4").go(Ended, &[EndQueue(Failed), LogEnd(StartFailed)])
        .because("every accepted prompt gets its end; starting again by itself could go on for ever"),
    rule("S5").go(Ended, &[Abort, EndQueue(Failed), LogEnd(StartTimeout)])
        .because("a worker that is late must not come later"),
    // ACTIVE
    rule("A1").go(Detached, &[Unlist]).because("outliving the connection is the point"),
    rule("A2").go(Suspended, &[Unlist]).because("those that remain announced that they will be back"),
    rule("A3").stay(&[Suspend, PinLog, Arm(Grace)])
        .because("its place in the log is kept, whoever else watches"),
    rule("A4").go(Suspended, &[Suspend])
        .because("the phone goes into the pocket; its place in the log is kept"),
    rule("A5").go(Closing, &[EndTurn(Interrupted), EndQueue(Cancelled), LogClosing(Stopped)])
        .because("stop ends the work, whoever watches, and says so in the log; a worker that may be half up is \
                  told, and waited for"),
    // DETACHED
    rule("D1").go(Active, &[List, Welcome]).because("back again, and nothing was lost"),
    rule("D2").go(Suspended, &[]).because("the notice was slower than the loss; it means the same"),
    rule("D3").go(Closing, &[LogClosing(Expired)])
        .because("nobody owns this any more: a zombie is closed out, not forgotten"),
    rule("D4").stay(&[Arm(Detach)]).because("the work goes on, here or in the next process"),
    // SUSPENDED
    rule("U1").go(Active, &[List, Welcome]).because("somebody watches again"),
    rule("U2").go(Active, &[Replace, List, Welcome])
        .because("back on a new connection; the old one may never close"),
    rule("U3").go(Active, &[Unsuspend]).because("back on the same connection"),
    rule("U4").stay(&[Suspend, PinLog, Arm(Grace)]).because("said again: the grace period starts again"),
    rule("U5").go(Detached, &[UnpinLog, CloseAll(IdleTimeout)])
        .because("the promise was not kept; the work still goes on"),
    rule("U8").stay(&[UnpinLog])
        .because("whoever is back has gone on from its place; for whoever is not, the promise is over"),
    rule("U7").stay(&[PinLog, Arm(Grace)])
        .because("one more viewer that will be back: its notice was slower than its loss, and its place is kept \
                  all the same"),
    // CLOSING
    rule("L1").go(Ended, &[LogEnd(ClosedOut)])
        .because("the closeout is done, or its worker is gone: either way it is over"),
    rule("L2").go(Ended, &[Abort, LogEnd(CloseoutTimeout)]).because("no closeout takes for ever"),
    rule("L3").go(Ended, &[Abort, LogEnd(Superseded), Accept, Reply])
        .because("neither swallowed nor given to the closing worker: the next incarnation has it, in the same \
                  step (G2, G1; race R7)"),
    rule("L5").go(Ended, &[Abort, LogEnd(Superseded), AcceptAnswer])
        .because("neither swallowed nor given to the closing worker: the next incarnation has it, in the same \
                  step (G2, G1; race R7)"),
    rule("L4").ignore(AlreadyClosing).because("a stop is idempotent"),
    // ENDED
    rule("E1").ignore(AlreadyEnded).because("a stop is idempotent"),
    rule("E2").ignore(NoWorker)
        .because("no worker of this incarnation is alive, and nothing from an aborted one is logged"),
    // the process
    rule("B1").go(Ended, &[EndTurn(Ambiguous), LogEnd(Restarted), CloseAll(Restart)])
        .because("worker and connections went with the process; what ran may have had effects and is not run \
                  again"),
    rule("B2")
        .go(Ended, &[
            RenewLog, EndTurn(Ambiguous), EndQueue(Ambiguous), WithdrawAsks, LogEnd(Restarted), CloseAll(Restart),
        ])
        .because("what waits in the record may have run in what was lost, or been answered: it is not run again \
                  either"),
    rule("B3").ignore(AlreadyEnded)
        .because("its worker is gone already, and a session that is read back from the store lists nobody"),
    rule("B4").stay(&[RenewLog, WithdrawAsks, CloseAll(Restart)])
        .because("a cursor of before could name what was lost (race R5), and an ask may have been answered in it"),
    rule("B5").stay(&[Drain, Disarm(Idle)])
        .because("the process is about to leave: the first prompt is the next one's to answer"),
    rule("B6").stay(&[Drain])
        .because("the process is about to leave: what runs may end, what waits stays in the record, and the next \
                  one has it (B1, G2, G1)"),
    // due in the same step
    rule("G1").go(Starting, &[]).because("the first prompt starts the worker"),
    rule("G2").go(Created, &[NextIncarnation])
        .because("a prompt reopens the conversation, and nothing else does"),
    // cells that cannot arise
    rule("N1").ignore(Impossible).because("nobody is connected"),
    rule("N2").ignore(Impossible).because("no turn runs"),
    rule("N3").ignore(Impossible).because("no turn runs and no prompt waits"),
    rule("N4").ignore(Impossible).because("only CREATED begins"),
    rule("N5").ignore(Impossible).because("only ENDED reopens"),
    rule("N7").ignore(Impossible).because("somebody watches"),
    rule("N8").ignore(Impossible).because("nobody watches"),
];

/// What no rule has to say, since it follows: a commit first, if the state changes or an op is durable;
/// at the end what is due to the viewers, if an op logs or gives credit and a connection is left;
/// and no single timer is disarmed where all are.
const fn entailed(verdict: Verdict<State, Reason>, ops: &mut Ops<Op>) {
    let mut commits = matches!(verdict, Verdict::Go(_));
    let (mut sends, mut listed, mut disarms) = (false, true, false);
    let mut o = 0;
    while let Some(op) = ops.get(o) {
        commits |= op.is_durable();
        sends |= op.makes_due();
        listed &= !matches!(op, CloseAll(_));
        disarms |= matches!(op, DisarmAll);
        o += 1;
    }
    while o > 0 {
        o -= 1;
        if disarms && matches!(ops.get(o), Some(Disarm(_))) {
            ops.remove(o);
        }
    }
    if commits {
        ops.add(Commit.rank(), Commit);
    }
    if sends && listed {
        ops.add(SendDue.rank(), SendDue);
    }
}

crate::table! { State, Trigger, Op, Reason; also entailed; law shape::violated_law }
