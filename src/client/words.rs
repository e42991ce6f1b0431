//! The closed words of a client.

use crate::vocabulary::vocabulary;

vocabulary! {
    /// The state of a client's link to its session.
    State as "SCREAMING_SNAKE_CASE" {
        Stopped = "Nothing is wanted: not started yet, stopped, or sent away.",
        Dormant = "No socket and no timer: the page is hidden, and nothing waits. A prompt, or the page in front, wakes it.",
        BackingOff = "No socket; a timer runs, and its end dials.",
        Connecting = "A socket is dialled.",
        Attaching = "The socket is open and the hello is sent; no welcome yet.",
        Replaying = "Welcomed; what was missed is on its way.",
        Live = "Everything up to the head that the welcome named is applied.",
        Hidden = "In the background, on a connection that said so: the server keeps its place.",
    }
}

impl State {
    /// Whether there is a socket.
    pub const fn has_socket(self) -> bool {
        match self {
            State::Stopped | State::Dormant | State::BackingOff => false,
            State::Connecting
            | State::Attaching
            | State::Replaying
            | State::Live
            | State::Hidden => true,
        }
    }

    /// Whether the server has welcomed the socket.
    pub const fn is_welcomed(self) -> bool {
        match self {
            State::Stopped
            | State::Dormant
            | State::BackingOff
            | State::Connecting
            | State::Attaching => false,
            State::Replaying | State::Live | State::Hidden => true,
        }
    }
}

vocabulary! {
    /// A column of the client's table: an event after it was held against the link's own data.
    Trigger as "SCREAMING_SNAKE_CASE" {
        Start = "The user wants the session, or wants it now.",
        Stop = "The user does not want it any more.",
        Hide = "The page goes to the background.",
        Show = "The page comes to the front, or repeats that it is there.",
        ShowSilent = "The page comes to the front, and nothing was heard for longer than the watchdog allows.",
        Online = "The page is told that there is a network again: a hint.",
        Prompt = "The application prompts.",
        PromptFull = "The application prompts, but the outbox is full.",
        Command = "The application interrupts, stops the session, or answers an ask.",
        Applied = "The application has applied the next entry, or is past the next gap.",
        AppliedNotice = "The application has taken note that it begins anew.",
        Opened = "The socket is open.",
        WelcomeFresh = "Welcome: no cursor came, everything that is retained follows.",
        WelcomeResumed = "Welcome: everything after the cursor follows.",
        WelcomeGap = "Welcome: some of what followed the cursor is lost, the rest follows.",
        WelcomeReset = "Welcome: the cursor is of no use, everything that is retained follows.",
        WelcomeWrong = "A welcome that does not fit what was asked for.",
        Entry = "The next entry.",
        EntryAgain = "An entry, or a gap, that came before.",
        Gap = "The next entries are declared lost.",
        Hole = "An entry that is not the next one, and what is between was not declared lost.",
        Accepted = "The prompt that is under way is accepted.",
        Refused = "The prompt that is under way is refused.",
        RefusedForNow = "The prompt that is under way is refused, and the same one may be taken later.",
        ReplyStale = "An answer to a prompt that is not under way.",
        Pong = "The server answers a ping.",
        Goaway = "The server will close, and says when to come back.",
        Lost = "The socket failed, or could not be opened.",
        LostLeaving = "The socket failed or was closed, and the server leaves or is not reached by its proxy: it said so, by a goaway since the last welcome or by the code of the close.",
        ClosedStop = "The server closed: do not come back.",
        ClosedPause = "The server closed: come back when the user starts again, who may have another token by then.",
        ClosedBackOff = "The server closed: come back later. Also if it says at once a second time, and nothing has come of the first.",
        ClosedNow = "The server closed: come back at once.",
        ClosedFresh = "The server closed: come back at once, without the cursor.",
        ClosedTooBig = "The server closed because of a frame that was too large, and a prompt was under way.",
        BackoffOver = "The wait before the next dial is over.",
        AttachTimeout = "The dial, or the welcome, took too long.",
        AttachTimeoutLeaving = "The dial, or the welcome, took too long, and the server said since the last welcome that it leaves.",
        Silent = "Nothing was heard for too long.",
        Stable = "The connection has lasted.",
        StruckOut = "Follow-up: as many hellos in a row were not welcomed as the settings allow.",
        Sleep = "Follow-up: a dial is due, the page is hidden, and no prompt waits.",
        Suspend = "Follow-up: welcomed, the page is hidden, and no prompt waits.",
        CaughtUp = "Follow-up: everything up to the head that the welcome named is applied.",
        StaleSocket = "News of an older socket.",
        StaleTimer = "A timer of an older generation fired.",
        StaleApplied = "What was applied was handed over before the client began anew, or is applied already.",
    }
}

impl Trigger {
    /// Whether the event brings a welcome that fits.
    pub const fn is_welcome(self) -> bool {
        use Trigger::*;
        matches!(self, WelcomeFresh | WelcomeResumed | WelcomeGap | WelcomeReset)
    }

    /// Whether the event says that the socket is gone.
    pub const fn ends_the_socket(self) -> bool {
        use Trigger::*;
        match self {
            Lost | LostLeaving | ClosedStop | ClosedPause | ClosedBackOff | ClosedNow
            | ClosedFresh | ClosedTooBig => true,
            Start | Stop | Hide | Show | ShowSilent | Online | Prompt | PromptFull | Command
            | Applied | AppliedNotice | Opened | WelcomeFresh | WelcomeResumed | WelcomeGap
            | WelcomeReset | WelcomeWrong | Entry | EntryAgain | Gap | Hole | Accepted
            | Refused | RefusedForNow | ReplyStale | Pong | Goaway | BackoffOver
            | AttachTimeout | AttachTimeoutLeaving | Silent | Stable | StruckOut | Sleep
            | Suspend | CaughtUp | StaleSocket | StaleTimer | StaleApplied => false,
        }
    }
}

vocabulary! {
    /// The timers of a client.
    Timer as "snake_case" {
        Backoff = "How long to wait before the next dial.",
        Attach = "How long dial and welcome may take together.",
        Watchdog = "How long nothing may be heard. Whatever is heard winds it up again.",
        Stable = "How long a connection must last before failures are forgiven.",
    }
}
