//! Every rule of a client stands in [`ROWS`], and nowhere else.

use strum::EnumCount;

use super::words::{State, Trigger};
use crate::table::{self, Verdict};
use crate::words::Reason;

use Op::*;
use State::*;
use Trigger::*;
use Verdict::{Go, Ignore, Refuse, Stay};

/// What a row does, in the order in which it must be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Op {
    /// Keep in mind that the page is hidden.
    NoteHidden,
    /// Keep in mind that the page is in front.
    NoteShown,
    /// Keep in mind that there is a network.
    NoteOnline,
    /// Keep in mind that there is none.
    NoteOffline,
    /// Disarm every timer.
    DisarmAll,
    /// Disarm the timer of dial and welcome.
    DisarmAttach,
    /// Disarm the watchdog.
    Unwatch,
    /// Say on the socket that the client leaves.
    Detach,
    /// Drop the socket; what was under way on it is not any more.
    HangUp,
    /// The socket is gone by itself; what was under way on it is not any more.
    Release,
    /// Count a hello that was not welcomed.
    Strike,
    /// Forgive the hellos that were not welcomed.
    ClearStrikes,
    /// Forgive the dials that came to nothing.
    ResetAttempts,
    /// Keep in mind when the server wants the client back.
    KeepRetry,
    /// Take over what the server knows of the client's prompts: the highest number that it accepted.
    Settle,
    /// The prompt that is under way is accepted.
    Accept,
    /// The prompt that is under way has failed; the next one takes its number.
    Reject,
    /// Every prompt that waits has failed.
    FailAll,
    /// Put the prompt into the outbox.
    Queue,
    /// Forget the cursor, and what was handed over.
    ForgetCursor,
    /// Begin anew, at the base of the log that the welcome names.
    Rebase,
    /// Skip the entries that are lost.
    SkipGap,
    /// Take over the head that the welcome names.
    Aim,
    /// The application has applied this: the cursor is there.
    Advance,
    /// The first prompt of the outbox is under way, if none is.
    Pick,
    /// Save cursor and outbox, as one.
    Save,
    /// Arm the timer of the next dial: a random time that grows with each failure.
    ArmBackoff,
    /// Arm the timer of the next dial: at once, but not sooner after the last one than the settings say.
    ArmNow,
    /// Open a socket, and count it.
    Dial,
    /// Arm the timer of dial and welcome.
    ArmAttach,
    /// Arm the timer after which failures are forgiven.
    ArmStable,
    /// Wind up the watchdog.
    Watch,
    /// Ping, and give the server only as long as a probe may take.
    Probe,
    /// Send who it is and what was handed over so far.
    Hello,
    /// Send that it goes to the background, and what it has seen.
    SendSuspend,
    /// Send that it is back.
    SendResume,
    /// Send the prompt that came under way just now, if one did.
    SendPrompt,
    /// Send the command.
    SendCommand,
    /// Hand the welcome to the application; before it, the notice that it begins anew, if it does.
    TellWelcome,
    /// Hand the entry to the application.
    Deliver,
    /// Tell the application what is lost to it.
    TellGap,
    /// Tell the application that it has caught up.
    TellCaughtUp,
    /// Tell the application that the server sent it away.
    TellClosed,
}

/// A row of the client's table.
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

const EVERYWHERE: &[State] =
    &[Stopped, Dormant, BackingOff, Connecting, Attaching, Replaying, Live, Hidden];

/// The client's table.
#[rustfmt::skip]
pub const ROWS: &[Row] = {
    const WANTED: &[State] = &[Dormant, BackingOff, Connecting, Attaching];
    const WELCOMED: &[State] = &[Replaying, Live, Hidden];
    const WELCOME: &[Trigger] = &[WelcomeFresh, WelcomeResumed, WelcomeGap, WelcomeReset, WelcomeWrong];
    &[
    //   id    from                                  on                               verdict                    ops, in this order                                   because
    // the user
    row("U1", &[Stopped],                            &[Start],                        Go(BackingOff),            &[ClearStrikes, ResetAttempts, ArmNow],              "somebody waits: at once, through the one timer that dials"),
    row("U2", &[BackingOff],                         &[Start],                        Stay,                      &[ResetAttempts, ArmNow],                            "asked again: now"),
    row("U3", &[Dormant],                            &[Start],                        Go(BackingOff),            &[NoteShown, NoteOnline, ResetAttempts, ArmNow],     "who asks is looking at the page, and knows more of the network than the browser"),
    row("U4", &[Connecting, Attaching, Replaying, Live, Hidden], &[Start],     Ignore(Reason::Duplicate), &[],                                                 "one socket at a time: this one is tried to its end"),
    row("U5", &[Dormant, BackingOff],                &[Stop],                Go(Stopped),               &[DisarmAll],                                        "not wanted any more; what waits in the outbox stays for the next start"),
    row("U6", &[Connecting, Attaching],              &[Stop],                Go(Stopped),               &[DisarmAll, HangUp],                                "not wanted any more; an attempt is given up"),
    row("U7", WELCOMED,                              &[Stop],                Go(Stopped),               &[DisarmAll, Detach, HangUp],                        "a leave that is said is better than one that is guessed; the session goes on"),
    row("U8", &[Stopped],                            &[Stop],                Ignore(Reason::Duplicate), &[],                                                 "it is stopped already"),
    // page and network
    row("V1", &[Stopped, Dormant, BackingOff, Connecting, Attaching, Replaying, Live], &[Hide], Stay,      &[NoteHidden],                                       "noted; what follows from it is due in the same step"),
    row("V2", &[Hidden],                             &[Hide],                         Ignore(Reason::Duplicate), &[],                                                 "the server knows"),
    row("V3", &[Stopped, Connecting, Attaching],     &[Show],                         Stay,                      &[NoteShown],                                        "noted; an attempt under way is the quickest one"),
    row("V4", &[Dormant],                            &[Show],                         Go(BackingOff),            &[NoteShown, ResetAttempts, ArmNow],                 "somebody looks: now"),
    row("V5", &[BackingOff],                         &[Show],                         Stay,                      &[ResetAttempts, ArmNow],                            "somebody looks: now, not when the backoff is over"),
    row("V6", &[Replaying, Live],             &[Show],                         Stay,                      &[Probe],                                            "a socket that says it is open may be dead: ask (phones keep them open)"),
    row("V7", &[Hidden],                             &[Show],                         Go(Replaying),             &[NoteShown, Probe, SendResume],                         "back on the same connection, if it still is one"),
    row("V8", WELCOMED,                              &[ShowSilent],                   Go(BackingOff),            &[NoteShown, DisarmAll, HangUp, ResetAttempts, ArmNow], "the server has given it up by now: begin with a new one"),
    row("V9", &[Stopped, Connecting, Attaching, Hidden], &[Online],                   Stay,                      &[NoteOnline],                                       "noted"),
    row("V10", &[Dormant],                           &[Online],                       Go(BackingOff),            &[NoteOnline, ResetAttempts, ArmNow],                "the network is back: now"),
    row("V11", &[BackingOff],                        &[Online],                       Stay,                      &[ResetAttempts, ArmNow],                            "the network is back: now, not when the backoff is over"),
    row("V12", &[Replaying, Live],            &[Online],                       Stay,                      &[NoteOnline, Probe],                                "the socket may belong to the network before: ask"),
    row("V13", &[Stopped, Dormant, BackingOff, Hidden], &[Offline],                   Stay,                      &[NoteOffline],                                      "noted; what follows from it is due in the same step"),
    row("V14", &[Connecting, Attaching],             &[Offline],                      Go(Dormant),               &[NoteOffline, DisarmAll, HangUp],                   "an attempt without a network is none, and counts as none"),
    row("V15", &[Replaying, Live],            &[Offline],                      Stay,                      &[NoteOffline, Unwatch],                             "a short loss of the network is none for the socket: it is asked when the network is back"),
    // prompts and commands
    row("P1", WANTED,                                &[Prompt],              Stay,                      &[Queue, Save],                                      "kept until there is a connection"),
    row("P2", WELCOMED,                              &[Prompt],              Stay,                      &[Queue, Pick, Save, SendPrompt],                    "saved before it is sent: a page that dies now sends it again, under its number"),
    row("P3", &[Dormant, BackingOff, Connecting, Attaching, Replaying, Live, Hidden], &[PromptFull], Refuse(Reason::OutboxFull), &[],                               "memory is bounded, and nothing is dropped behind somebody's back"),
    row("P4", &[Stopped],                            &[Prompt, PromptFull, Command], Refuse(Reason::NotStarted), &[],                                        "nobody would ever send it"),
    row("P5", WELCOMED,                              &[Command],                      Stay,                      &[SendCommand],                                      "it names its turn, its incarnation or its ask, so it cannot hit another"),
    row("P6", WANTED,                                &[Command],                      Refuse(Reason::NotOpen),   &[],                                                 "when there is a connection again, what it is about may be over: the user decides then"),
    row("P7", WELCOMED,                              &[Accepted],            Stay,                      &[Accept, Pick, Save, SendPrompt],                   "it is in the log; the next one may go"),
    row("P8", WELCOMED,                              &[Refused],             Stay,                      &[Reject, Pick, Save, SendPrompt],                   "who prompted is told why; a refusal uses up no number"),
    row("P9", WELCOMED,                              &[ReplyStale],                   Ignore(Reason::Stale),     &[],                                                 "settled before"),
    row("P10", WELCOMED,                             &[RefusedForNow],                Go(BackingOff),            &[DisarmAll, HangUp, ArmBackoff],                    "not now is not no: it stays, as one that was sent, and goes again under its number, perhaps to the next process"),
    // one dial at a time
    row("B1", &[BackingOff],                         &[BackoffOver],                  Go(Connecting),            &[Dial, ArmAttach],                                  "the only row that dials"),
    row("B2", &[BackingOff],                         &[StruckOut],                    Stay,                      &[ClearStrikes, ForgetCursor, Save],                 "perhaps it is the cursor that the server cannot bear"),
    row("B3", &[BackingOff],                         &[Sleep],                        Go(Dormant),               &[DisarmAll],                                        "nobody looks, or nothing can be reached: no timer, no attempt"),
    // CONNECTING and ATTACHING
    row("C1", &[Connecting],                         &[Opened],                       Go(Attaching),             &[Hello],                                            "who it is comes first"),
    row("C2", &[Connecting],                         &[Lost, ClosedBackOff],          Go(BackingOff),            &[DisarmAll, Release, ArmBackoff],                   "not reached: this says nothing of the cursor"),
    row("C3", &[Connecting],                         &[AttachTimeout],                Go(BackingOff),            &[HangUp, ArmBackoff],                               "not reached in time"),
    row("A1", &[Attaching],                          &[WelcomeFresh, WelcomeReset],   Go(Replaying),             &[DisarmAttach, ClearStrikes, Settle, Rebase, Aim, Pick, Save, ArmStable, Watch, SendPrompt, TellWelcome], "begin anew, and say so"),
    row("A2", &[Attaching],                          &[WelcomeResumed],               Go(Replaying),             &[DisarmAttach, ClearStrikes, Settle, Aim, Pick, Save, ArmStable, Watch, SendPrompt, TellWelcome], "on from the cursor; the outbox from where the server knows it"),
    row("A3", &[Attaching],                          &[WelcomeGap],                   Go(Replaying),             &[DisarmAttach, ClearStrikes, Settle, SkipGap, Aim, Pick, Save, ArmStable, Watch, SendPrompt, TellWelcome, TellGap], "on behind the gap, and say so"),
    row("A4", &[Attaching],                          &[WelcomeWrong, AttachTimeout],  Go(BackingOff),            &[DisarmAll, HangUp, Strike, ArmBackoff],            "to take it would be to guess; perhaps the next one fits"),
    row("A5", &[Attaching],                          &[Lost, ClosedBackOff],          Go(BackingOff),            &[DisarmAll, Release, Strike, ArmBackoff],           "the hello was not welcomed"),
    row("A6", &[Attaching],                          &[Entry, EntryAgain, Gap, Hole, ReplyStale, Pong], Ignore(Reason::NotOpen), &[],                        "nothing counts before the welcome; what is missing shows as a hole"),
    // what the server sends
    row("E1", WELCOMED,                              &[Entry],                        Stay,                      &[Deliver],                                          "in order, once"),
    row("E2", WELCOMED,                              &[Gap],                 Stay,                      &[SkipGap, TellGap],                                 "what is lost is said, and what follows is not"),
    row("E3", WELCOMED,                              &[EntryAgain],                   Ignore(Reason::Duplicate), &[],                                                 "applied once"),
    row("E4", WELCOMED,                              &[Hole],                         Go(BackingOff),            &[DisarmAll, HangUp, ArmBackoff],                    "never over a hole: attach again, from the last entry that fits"),
    row("E5", &[Attaching, Replaying, Live, Hidden], &[Goaway],                Stay,                      &[KeepRetry],                                        "the server spreads its clients itself"),
    row("E6", &[Replaying, Live],             &[Pong],                         Stay,                      &[Watch],                                            "it lives; back to the long watch"),
    row("E7", &[Hidden],                             &[Pong],                         Ignore(Reason::TooLate),   &[],                                                 "nobody asks in the background"),
    row("E8", WELCOMED,                              WELCOME,                         Ignore(Reason::Duplicate), &[],                                                 "one welcome per connection"),
    row("E9", WELCOMED,                              &[Applied],                      Stay,                      &[ResetAttempts, Advance, Save],                     "only now is it safe, and only this shows that the connection is good for something"),
    row("E10", &[Stopped, Dormant, BackingOff, Connecting, Attaching], &[Applied],    Stay,                      &[Advance, Save],                                    "what was handed over is applied also when the connection is gone"),
    row("E11", EVERYWHERE,                           &[AppliedNotice],                Stay,                      &[Advance, Save],                                    "the old cursor holds until the application has let go of what it had"),
    // the connection ends
    row("L1", WELCOMED,                              &[Lost, ClosedBackOff],          Go(BackingOff),            &[DisarmAll, Release, ArmBackoff],                   "come back, but not all at the same time"),
    row("L2", WELCOMED,                              &[ClosedNow],                    Go(BackingOff),            &[DisarmAll, Release, ArmNow],                       "somebody else serves the session already"),
    row("L3", WELCOMED,                              &[ClosedFresh],                  Go(BackingOff),            &[DisarmAll, Release, ForgetCursor, Save, ArmNow],   "the server cannot bear the cursor"),
    row("L4", &[Connecting, Attaching],              &[ClosedFresh],                  Go(BackingOff),            &[DisarmAll, Release, ClearStrikes, ForgetCursor, Save, ArmNow], "the server cannot bear the cursor, and says so: no need to try it again"),
    row("L5", WELCOMED,                              &[ClosedTooBig],                 Go(BackingOff),            &[DisarmAll, Release, Reject, Save, ArmBackoff],     "come back without the frame that was too large, or it would go on for ever"),
    row("L6", &[Connecting, Attaching, Replaying, Live, Hidden], &[ClosedStop], Go(Stopped),              &[DisarmAll, Release, FailAll, Save, TellClosed],    "sent away: every prompt that waits fails, with the reason"),
    row("L7", &[Replaying, Live],             &[Silent],                       Go(BackingOff),            &[DisarmAll, HangUp, ArmBackoff],                    "half-open: the server has given it up, or soon will"),
    row("L8", &[Replaying, Live],             &[Stable],                       Stay,                      &[ResetAttempts],                                    "it has lasted"),
    row("L9", &[Connecting, Attaching, Replaying, Live, Hidden], &[ClosedPause], Go(Stopped),             &[DisarmAll, Release, TellClosed],                   "sent away, and not for good: what waits in the outbox stays for the next start, as after a stop"),
    // follow-ups
    row("F1", &[Replaying],                          &[CaughtUp],                     Go(Live),           &[TellCaughtUp],                                 "the screen shows what is"),
    row("F2", &[Replaying, Live],             &[Suspend],             Go(Hidden),                &[DisarmAll, SendSuspend],                           "timers of a hidden page are late or never; the server keeps the place"),
    // late news
    row("X1", EVERYWHERE,                            &[StaleSocket],                  Ignore(Reason::Stale),     &[],                                                 "an older socket's news changes nothing, whatever it is"),
    row("X2", EVERYWHERE,                            &[StaleTimer],                   Ignore(Reason::Stale),     &[],                                                 "it was disarmed, or armed again"),
    row("X3", EVERYWHERE,                            &[StaleApplied],                 Ignore(Reason::Stale),     &[],                                                 "the cursor never goes back"),
    // cells that cannot arise
    row("N1", &[Stopped, Dormant, BackingOff],       &[Opened, WelcomeFresh, WelcomeResumed, WelcomeGap, WelcomeReset, WelcomeWrong, Entry, EntryAgain, Gap, Hole, Accepted, Refused, RefusedForNow, ReplyStale, Pong, Goaway, Lost, ClosedStop, ClosedPause, ClosedBackOff, ClosedNow, ClosedFresh, ClosedTooBig, ShowSilent], Ignore(Reason::Impossible), &[], "there is no socket"),
    row("N2", &[Connecting],                         &[WelcomeFresh, WelcomeResumed, WelcomeGap, WelcomeReset, WelcomeWrong, Entry, EntryAgain, Gap, Hole, ReplyStale, Pong, Goaway], Ignore(Reason::Impossible), &[], "nothing comes from a socket that is not open"),
    row("N3", &[Connecting, Attaching],              &[Accepted, Refused, RefusedForNow, ClosedTooBig, ShowSilent, ClosedNow], Ignore(Reason::Impossible), &[], "nothing was sent, nothing was welcomed, and the dial is counted"),
    row("N4", &[Attaching, Replaying, Live, Hidden], &[Opened],                Ignore(Reason::Impossible), &[],                                                "it opens once"),
    row("N5", &[Stopped, Dormant, Connecting, Attaching, Replaying, Live, Hidden], &[BackoffOver, StruckOut, Sleep], Ignore(Reason::Impossible), &[],            "nothing waits for a dial"),
    row("N6", &[Stopped, Dormant, BackingOff, Replaying, Live, Hidden], &[AttachTimeout], Ignore(Reason::Impossible), &[],                                       "nothing waits for a welcome"),
    row("N7", &[Stopped, Dormant, BackingOff, Connecting, Attaching, Hidden], &[Silent, Stable, Suspend], Ignore(Reason::Impossible), &[],                     "nothing is watched"),
    row("N8", &[Stopped, Dormant, BackingOff, Connecting, Attaching, Live, Hidden], &[CaughtUp], Ignore(Reason::Impossible), &[],                                "nothing is caught up with"),
    ]
};

/// `[state][trigger]` → place in [`ROWS`].
pub const INDEX: [[u8; Trigger::COUNT]; State::COUNT] = crate::index!(ROWS, State, Trigger);

/// A table a client can run on: the shipped one, or one that the checker changed.
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
