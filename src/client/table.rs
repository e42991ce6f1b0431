//! Every rule of a client stands in [`STATES`], [`CELLS`] and [`RULES`], and nowhere else.

pub use super::op::Op;
use super::shape;
use super::words::{State, Trigger};
use crate::table::{Cells, Ops, Rule, StateOps, Verdict, cells, rule, state};
use crate::words::Reason;

use Op::*;
use Reason::*;
use State::*;

/// What a state does when it is entered from another one, whichever rule leads there.
#[rustfmt::skip]
pub const STATES: &[StateOps<State, Op>] = &[
    //    state       on entry                    on exit
    state(Stopped,    &[DisarmAll],               &[]),
    state(Dormant,    &[DisarmAll],               &[]),
    state(BackingOff, &[DisarmAll],               &[]),
    state(Connecting, &[Dial, ArmAttach],         &[]),
    state(Attaching,  &[Hello],                   &[]),
    state(Replaying,  &[],                        &[]),
    state(Live,       &[TellCaughtUp],            &[]),
    state(Hidden,     &[DisarmAll, SendSuspend],  &[]),
];

/// Which rule answers. The last three states are welcomed, the first three have no socket.
#[rustfmt::skip]
pub const CELLS: Cells = cells! {
    State x Trigger: Stopped  Dormant  BackingOff  Connecting  Attaching  Replaying  Live  Hidden;
    "the user"
    Start:           U1       U3       U2          U4          U4         U4         U4    U4;
    Stop:            U8       U5       U5          U6          U6         U7         U7    U7;
    "page and network"
    Hide:            V1       V1       V1          V1          V1         V1         V1    V2;
    Show:            V3       V4       V5          V3          V3         V6         V6    V7;
    ShowSilent:      N1       N1       N1          N3          N3         V8         V8    V8;
    Online:          V9       V10      V11         V16         V16        V12        V12   V10;
    "prompts and commands"
    Prompt:          P4       P11      P1          P1          P1         P2         P2    P12;
    PromptFull:      P4       P3       P3          P3          P3         P3         P3    P3;
    Command:         P4       P6       P6          P6          P6         P5         P5    P5;
    "what the application has done"
    Applied:         E10      E10      E10         E10         E10        E9         E9    E9;
    AppliedNotice:   E11      E11      E11         E11         E11        E11        E11   E11;
    "the socket"
    Opened:          N1       N1       N1          C1          N4         N4         N4    N4;
    "what the server sends"
    WelcomeFresh:    N1       N1       N1          N2          A1         E8         E8    E8;
    WelcomeResumed:  N1       N1       N1          N2          A2         E8         E8    E8;
    WelcomeGap:      N1       N1       N1          N2          A3         E8         E8    E8;
    WelcomeReset:    N1       N1       N1          N2          A1         E8         E8    E8;
    WelcomeWrong:    N1       N1       N1          N2          A4         E8         E8    E8;
    Entry:           N1       N1       N1          N2          A6         E1         E1    E1;
    EntryAgain:      N1       N1       N1          N2          A6         E3         E3    E3;
    Gap:             N1       N1       N1          N2          A6         E2         E2    E2;
    Hole:            N1       N1       N1          N2          A6         E4         E4    E4;
    Accepted:        N1       N1       N1          N3          N3         P7         P7    N9;
    Refused:         N1       N1       N1          N3          N3         P8         P8    N9;
    RefusedForNow:   N1       N1       N1          N3          N3         P10        P10   N9;
    ReplyStale:      N1       N1       N1          N2          A6         P9         P9    P9;
    Pong:            N1       N1       N1          N2          A6         E6         E6    E7;
    Goaway:          N1       N1       N1          N2          E5         E5         E5    E5;
    "the connection ends"
    Lost:            N1       N1       N1          C2          A5         L1         L1    L1;
    LostLeaving:     N1       N1       N1          L10         L10        L10        L10   L10;
    ClosedStop:      N1       N1       N1          L6          L6         L6         L6    L6;
    ClosedPause:     N1       N1       N1          L9          L9         L9         L9    L9;
    ClosedBackOff:   N1       N1       N1          C2          A5         L1         L1    L1;
    ClosedNow:       N1       N1       N1          N3          N3         L2         L2    L2;
    ClosedFresh:     N1       N1       N1          L4          L4         L3         L3    L3;
    ClosedTooBig:    N1       N1       N1          N3          N3         L5         L5    N9;
    "a timer"
    BackoffOver:     N5       N5       B1          N5          N5         N5         N5    N5;
    AttachTimeout:   N6       N6       N6          C3          A4         N6         N6    N6;
    AttachTimeoutLeaving: N6  N6       N6          L11         L11        N6         N6    N6;
    Silent:          N7       N7       N7          N7          N7         L7         L7    N7;
    Stable:          N7       N7       N7          N7          N7         L8         L8    N7;
    "due in the same step"
    StruckOut:       N5       N5       B2          N5          N5         N5         N5    N5;
    Sleep:           N5       N5       B3          N5          N5         N5         N5    N5;
    Suspend:         N7       N7       N7          N7          N7         F2         F2    N7;
    CaughtUp:        N8       N8       N8          N8          N8         F1         N8    N8;
    "stale: it is not current"
    StaleSocket:     X1       X1       X1          X1          X1         X1         X1    X1;
    StaleTimer:      X2       X2       X2          X2          X2         X2         X2    X2;
    StaleApplied:    X3       X3       X3          X3          X3         X3         X3    X3;
};

/// What each rule does, and why. The states add what they do on entry; what follows from all of these is
/// added by `entailed`.
#[rustfmt::skip]
pub const RULES: &[Rule<State, Op, Reason>] = &[
    // the user
    rule("U1").go(BackingOff, &[ClearStrikes, ResetAttempts, ArmNow])
        .because("somebody waits: at once, through the one timer that dials"),
    rule("U2").stay(&[ResetAttempts, ArmNow]).because("asked again: now"),
    rule("U3").go(BackingOff, &[NoteShown, ResetAttempts, ArmNow])
        .because("who asks is looking at the page"),
    rule("U4").ignore(Duplicate).because("one socket at a time: this one is tried to its end"),
    rule("U5").go(Stopped, &[])
        .because("not wanted any more; what waits in the outbox stays for the next start"),
    rule("U6").go(Stopped, &[HangUp]).because("not wanted any more; an attempt is given up"),
    rule("U7").go(Stopped, &[Detach, HangUp])
        .because("a leave that is said is better than one that is guessed; the session goes on"),
    rule("U8").ignore(Duplicate).because("it is stopped already"),
    // page and network
    rule("V1").stay(&[NoteHidden]).because("noted; what follows from it is due in the same step"),
    rule("V2").ignore(Duplicate).because("the server knows"),
    rule("V3").stay(&[NoteShown]).because("noted; an attempt under way is the quickest one"),
    rule("V4").go(BackingOff, &[NoteShown, ResetAttempts, ArmNow]).because("somebody looks: now"),
    rule("V5").stay(&[NoteShown, ResetAttempts, ArmNow]).because("somebody looks: now, not when the backoff is over"),
    rule("V6").stay(&[NoteShown, Probe])
        .because("a socket that says it is open may be dead: ask (phones keep them open)"),
    rule("V7").go(Replaying, &[NoteShown, Probe, SendResume])
        .because("back on the same connection, if it still is one"),
    rule("V8").go(BackingOff, &[NoteShown, HangUp, ResetAttempts, ArmNow])
        .because("the server has given it up by now: begin with a new one"),
    rule("V9").ignore(NotStarted).because("nothing is wanted"),
    rule("V10").ignore(Duplicate).because("nobody looks and nothing waits; whoever does begins anew"),
    rule("V11").stay(&[ResetAttempts, ArmNow])
        .because("the network is back: now, not when the backoff is over"),
    rule("V12").stay(&[Probe]).because("the socket may belong to the network before: ask"),
    rule("V16").ignore(Duplicate).because("an attempt under way is the quickest one"),
    // prompts and commands
    rule("P1").stay(&[Queue]).because("kept until there is a connection"),
    rule("P2").stay(&[Queue, TakeNext])
        .because("saved before it is sent: a page that dies now sends it again, under its number"),
    rule("P3").refuse(OutboxFull)
        .because("memory is bounded, and nothing is dropped behind somebody's back"),
    rule("P4").refuse(NotStarted).because("nobody would ever send it"),
    rule("P5").stay(&[SendCommand])
        .because("it names its turn, its incarnation or its ask, so it cannot hit another"),
    rule("P6").refuse(NotOpen)
        .because("when there is a connection again, what it is about may be over: the user decides then"),
    rule("P7").stay(&[Accept, ClearSilences, TakeNext]).because("it is in the log; the next one may go"),
    rule("P8").stay(&[Reject, ClearSilences, TakeNext])
        .because("who prompted is told why; a refusal uses up no number"),
    rule("P9").ignore(Stale).because("settled before"),
    rule("P10").go(BackingOff, &[HangUp, ArmBackoff])
        .because("not now is not no: it stays, as one that was sent, and goes again under its number, perhaps to \
                  the next process"),
    rule("P11").go(BackingOff, &[Queue, ArmNow])
        .because("what waits goes, also while nobody looks"),
    rule("P12").go(Replaying, &[Queue, TakeNext, Probe, SendResume])
        .because("what is sent wants an answer, so the connection is watched until it is there"),
    // one dial at a time
    rule("B1").go(Connecting, &[]).because("the only row that dials"),
    rule("B2").stay(&[ClearStrikes, ForgetCursor])
        .because("perhaps it is the cursor that the server cannot bear"),
    rule("B3").go(Dormant, &[]).because("nobody looks, and nothing waits: no timer, no attempt"),
    // CONNECTING and ATTACHING
    rule("C1").go(Attaching, &[]).because("who it is comes first"),
    rule("C2").go(BackingOff, &[Release, ArmBackoff])
        .because("not reached: this says nothing of the cursor"),
    rule("C3").go(BackingOff, &[HangUp, ArmBackoff]).because("not reached in time"),
    rule("A1").go(Replaying, &[
        DisarmAttach, ClearStrikes, Renumber, Rebase, SetTarget, TakeNext, ArmStable, Watch, TellWelcome,
    ])
        .because("begin anew, and say so"),
    rule("A2").go(Replaying, &[
        DisarmAttach, ClearStrikes, Renumber, SetTarget, TakeNext, ArmStable, Watch, TellWelcome,
    ])
        .because("on from the cursor; the outbox from where the server knows it"),
    rule("A3").go(Replaying, &[
        DisarmAttach, ClearStrikes, Renumber, SkipGap, SetTarget, TakeNext, ArmStable, Watch,
        TellWelcome, TellGap,
    ])
        .because("on behind the gap, and say so"),
    rule("A4").go(BackingOff, &[HangUp, Strike, ArmBackoff])
        .because("to take it would be to guess; perhaps the next one fits"),
    rule("A5").go(BackingOff, &[Release, Strike, ArmBackoff]).because("the hello was not welcomed"),
    rule("A6").ignore(NotOpen)
        .because("nothing counts before the welcome; what is missing shows as a hole"),
    // what the server sends
    rule("E1").stay(&[Deliver]).because("in order, once"),
    rule("E2").stay(&[SkipGap, TellGap]).because("what is lost is said, and what follows is not"),
    rule("E3").ignore(Duplicate).because("applied once"),
    rule("E4").go(BackingOff, &[HangUp, ArmBackoff])
        .because("never over a hole: attach again, from the last entry that fits"),
    rule("E5").stay(&[KeepRetry]).because("the server spreads its clients itself"),
    rule("E6").stay(&[Watch]).because("it lives; back to the long watch"),
    rule("E7").ignore(TooLate).because("nobody asks in the background"),
    rule("E8").ignore(Duplicate).because("one welcome per connection"),
    rule("E9").stay(&[ResetAttempts, Advance])
        .because("only now is it safe, and only this shows that the connection is good for something"),
    rule("E10").stay(&[Advance])
        .because("what was handed over is applied also when the connection is gone"),
    rule("E11").stay(&[Advance])
        .because("the old cursor holds until the application has let go of what it had"),
    // the connection ends
    rule("L1").go(BackingOff, &[Release, ArmBackoff]).because("come back, but not all at the same time"),
    rule("L2").go(BackingOff, &[Release, ArmNow]).because("somebody else serves the session already"),
    rule("L3").go(BackingOff, &[Release, ForgetCursor, ArmNow])
        .because("the server cannot bear the cursor"),
    rule("L4").go(BackingOff, &[Release, ClearStrikes, ForgetCursor, ArmNow])
        .because("the server cannot bear the cursor, and says so: no need to try it again"),
    rule("L5").go(BackingOff, &[Release, Reject, ArmBackoff])
        .because("come back without the frame that was too large, or it would go on for ever"),
    rule("L6").go(Stopped, &[Release, FailAll, TellClosed])
        .because("sent away: every prompt that waits fails, with the reason"),
    rule("L7").go(BackingOff, &[HangUp, CountSilence, ArmBackoff])
        .because("half-open, or one entry takes longer than the client waits: it waits twice as long from now on"),
    rule("L8").stay(&[ResetAttempts]).because("it has lasted"),
    rule("L9").go(Stopped, &[Release, TellClosed])
        .because("sent away, and not for good: what waits in the outbox stays for the next start, as after a stop"),
    rule("L10").go(BackingOff, &[Release, Excuse, ArmBackoff])
        .because("a server that leaves, or that its proxy does not reach, says nothing of the cursor"),
    rule("L11").go(BackingOff, &[HangUp, Excuse, ArmBackoff])
        .because("a server that leaves may never answer, which says nothing of the cursor"),
    // follow-ups
    rule("F1").go(Live, &[ClearSilences])
        .because("the screen shows what is; what took long is through"),
    rule("F2").go(Hidden, &[])
        .because("timers of a hidden page are late or never; the server keeps the place"),
    // late news
    rule("X1").ignore(Stale).because("an older socket's news changes nothing, whatever it is"),
    rule("X2").ignore(Stale).because("it was disarmed, or armed again"),
    rule("X3").ignore(Stale).because("the cursor never goes back"),
    // cells that cannot arise
    rule("N1").ignore(Impossible).because("there is no socket"),
    rule("N2").ignore(Impossible).because("nothing comes from a socket that is not open"),
    rule("N3").ignore(Impossible)
        .because("nothing was sent, nothing was welcomed, and the dial is counted"),
    rule("N4").ignore(Impossible).because("it opens once"),
    rule("N5").ignore(Impossible).because("nothing waits for a dial"),
    rule("N6").ignore(Impossible).because("nothing waits for a welcome"),
    rule("N7").ignore(Impossible).because("nothing is watched"),
    rule("N8").ignore(Impossible).because("nothing is caught up with"),
    rule("N9").ignore(Impossible).because("nothing waits in the background"),
];

/// What no rule has to say, since it follows: what is durable is saved, and a prompt that is taken from the
/// outbox is sent.
const fn entailed(_: Verdict<State, Reason>, ops: &mut Ops<Op>) {
    let (mut saves, mut sends) = (false, false);
    let mut o = 0;
    while let Some(op) = ops.get(o) {
        saves |= op.is_durable();
        sends |= matches!(op, TakeNext);
        o += 1;
    }
    if saves {
        ops.add(Save.rank(), Save);
    }
    if sends {
        ops.add(SendPrompt.rank(), SendPrompt);
    }
}

crate::table! { State, Trigger, Op, Reason; also entailed; law shape::violated_law }
