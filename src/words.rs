//! The closed words of the machine: fieldless where they can be, `Copy` always.
//!
//! Each word has one spelling, and it is the same in `Display`, in JSON, in the docs and in a database.

use strum::VariantArray as _;

use crate::table::{Row, Verdict};
use crate::vocabulary::vocabulary;

vocabulary! {
    /// The state of a session. `ACTIVE` and `DETACHED` differ only in whether a viewer is connected: the work goes on.
    State as "SCREAMING_SNAKE_CASE" {
        Created = "The id and the record exist; no worker has been started in this incarnation.",
        Starting = "The worker is starting; prompts are accepted and queued.",
        Active = "The worker is up and at least one open connection watches that is not suspended.",
        Detached = "The worker is up and no viewer is connected. The work goes on.",
        Suspended = "Every viewer announced that it goes to the background and will be back; its cursor is pinned. The work goes on.",
        Closing = "The end was asked for: the turn is aborted, the closeout runs. Watching is allowed.",
        Ended = "Final for this incarnation; the log stays readable. A new prompt reopens the conversation.",
    }
}

vocabulary! {
    /// A column of the session's table: an event after it was held against the session's own data.
    ///
    /// A guard is another column, never an `if`: that a viewer still watches after a loss is `LOST`,
    /// that none does is `LOST_LAST`. [`classify`](crate::session::Machine::classify) is the only
    /// place where data becomes a column.
    Trigger as "SCREAMING_SNAKE_CASE" {
        Attach = "A client's connection said hello, and the client has no other connection here.",
        AttachAgain = "A client's newer connection said hello while its older one is still listed.",
        AttachFull = "A hello, but the session has as many connections as its limits allow, in all or of one principal.",
        Written = "A connection has written the range it was given, or a first part of it: it has credit again.",
        Missed = "The range a connection was given was trimmed before it could be read.",
        Suspend = "A connection goes to the background; another viewer still watches.",
        SuspendLast = "A connection goes to the background, or repeats its notice, and no other viewer watches.",
        SuspendLate = "A suspend notice that came after its connection was lost.",
        Resume = "A listed connection says that it is in the foreground.",
        Lost = "A connection is gone; a viewer still watches.",
        LostLast = "A connection is gone, and no viewer is connected any more.",
        LostToSuspended = "A connection is gone, and all that remain are suspended.",
        Prompt = "The client's next prompt.",
        PromptAgain = "A client's latest accepted prompt again, number and body: the client never heard the answer.",
        PromptConflict = "The number of a client's latest accepted prompt, with another body.",
        PromptTooOld = "A number below that of a client's latest accepted prompt: the body that it was accepted with is not kept.",
        PromptGap = "A prompt whose predecessor is missing.",
        PromptFull = "The next prompt, but as many wait as the limits allow, in all or of one principal.",
        PromptCrowded = "The first prompt of a new client, but the session knows as many clients as its limits allow, in all or of one principal.",
        Interrupt = "Stop the running turn, keep the session.",
        InterruptAgain = "Stop the running turn, which is being interrupted already.",
        InterruptQueued = "Take back a prompt that waits in the queue.",
        Stop = "End the session.",
        Answer = "The first valid answer to a pending ask.",
        AnswerStanding = "An answer to an ask that outlived its turn.",
        AnswerStandingFull = "An answer to an ask that outlived its turn, but as many prompts wait as the limits allow, in all or of one principal.",
        AnswerLate = "An answer to an ask that is not pending: answered by another, or ended with its turn.",
        Started = "The worker is up, and a viewer watches.",
        StartedUnwatched = "The worker is up, and no viewer is connected.",
        StartedSuspended = "The worker is up, and all that are connected are suspended.",
        StartFailed = "The worker could not be started.",
        Output = "The worker produced a batch of entries.",
        Asked = "The worker asks for an approval.",
        AskedFull = "The worker asks, but as many asks are pending as the limits allow.",
        Withdrawn = "The worker gave up an ask that is pending.",
        TurnEnded = "The worker finished the running turn.",
        TurnWaiting = "The worker finished the turn with asks that outlive it.",
        TurnWaitingFull = "The same, and the limits do not allow as many asks.",
        Exited = "The worker is gone: its closeout is done, it crashed, or it left.",
        ExitedInterrupted = "The worker is gone, and it had been asked to stop its turn.",
        StartTimeout = "The start took too long.",
        InterruptTimeout = "The worker did not react to an interrupt in time.",
        TurnTimeout = "The turn took longer than its limit.",
        DetachExpired = "No viewer came back in time, no turn runs and no prompt waits.",
        DetachExpiredBusy = "No viewer came back in time, but a turn runs, or a prompt waits.",
        GraceExpired = "The viewers that promised to be back are not.",
        CloseoutTimeout = "The closeout took too long.",
        IdleExpired = "No first prompt came in time.",
        Restarted = "The process that held the worker and the connections is gone; this is another one.",
        RestartedLossy = "The same, and the store may have lost the end of the log.",
        Drain = "The process is about to leave: nothing new is begun in it.",
        Begin = "Follow-up: a prompt waits in a session that has no worker yet and is not draining.",
        Next = "Follow-up: a prompt waits, the worker is free and the session is not draining.",
        Reopen = "Follow-up: a prompt waits in a session that has ended.",
        StaleConnection = "News of a connection that is not listed: it was replaced, closed or lost before.",
        StaleWorker = "News of a worker of another incarnation, or of a turn that is over.",
        StaleTimer = "A timer of an older generation fired.",
        StaleCommand = "An interrupt of a turn that is over, or a stop of another incarnation.",
    }
}

vocabulary! {
    /// Why an event was ignored or refused.
    Reason as "snake_case" {
        TooManyConnections = "the session has as many connections as its limits allow, in all or of one principal",
        QueueFull = "as many prompts wait as the limits allow, in all or of one principal; try the same number again later",
        TooManyClients = "the session knows as many prompting clients as its limits allow, in all or of one principal",
        Conflict = "this number was accepted with another body",
        TooOld = "a later prompt of this client was accepted; whether this body was accepted with this number is not kept, the log has it",
        Gap = "a prompt with a lower number is missing; send the expected number first",
        TooManyAsks = "as many asks are pending as the limits allow",
        AskSettled = "the ask is not pending: it was answered, ended with its turn, or never was",
        AlreadyInterrupting = "the turn is being interrupted already",
        AlreadyClosing = "the session is closing already",
        AlreadyEnded = "the session has ended already",
        AlreadyStarted = "the worker's start is no news any more",
        NoWorker = "no worker of this incarnation is left",
        TooLate = "what the timer waited for is over",
        NotOpen = "the connection is not open",
        OutboxFull = "as many prompts wait at the client as its settings allow",
        NotStarted = "the client is not started, or was stopped",
        Duplicate = "it is so already, or came before",
        Stale = "the event names something that is not current any more",
        Impossible = "the event cannot arise in this state; the checker proves it",
    }
}

vocabulary! {
    /// Why an endpoint did not even ask the table.
    EndpointReason as "snake_case" {
        Unavailable = "the store does not answer; nothing was changed, send it again",
        Forbidden = "this client may not do this",
        TooBig = "the body is larger than the limit",
        Draining = "this server is about to leave; send it again to the next one",
    }
}

vocabulary! {
    /// The timers of a session. Each has a duration in [`Limits`](crate::Limits) and a generation.
    Timer as "snake_case" {
        Idle = "How long a created session waits for its first prompt.",
        Start = "How long a worker may take to start.",
        Turn = "How long a turn may run, if the limits bound it.",
        Interrupt = "How long a worker may take to react to an interrupt.",
        Detach = "How long the worker is kept while no viewer is connected and no turn runs.",
        Grace = "How long suspended viewers are awaited, their cursors pinned.",
        Closeout = "How long the closeout may take.",
    }
}

vocabulary! {
    /// How a turn ended. Every accepted prompt gets exactly one of these.
    TurnOutcome as "snake_case" {
        Completed = "The worker answered.",
        Empty = "The worker finished without an answer.",
        Waiting = "The worker finished with asks that outlive the turn: each answer is a turn of its own.",
        Interrupted = "A client interrupted the turn or stopped the session.",
        Failed = "The worker failed, left, could not be started, or took longer than the limit.",
        Ambiguous = "The process was restarted while the turn ran: it may or may not have had effects, and is not run again.",
        Cancelled = "The prompt never reached a worker.",
    }
}

vocabulary! {
    /// Why an incarnation ended, or why it is closing.
    EndReason as "snake_case" {
        Stopped = "A client stopped the session.",
        Expired = "No viewer came back in time, or no first prompt came.",
        StartFailed = "The worker could not be started.",
        StartTimeout = "The worker did not start in time and was aborted.",
        Exited = "The worker left by itself.",
        Unresponsive = "The worker did not react to an interrupt and was aborted.",
        TurnTimeout = "The turn took longer than its limit and the worker was aborted.",
        ClosedOut = "The worker left after it was asked to close out.",
        CloseoutTimeout = "The closeout took too long and the worker was aborted.",
        Superseded = "A new prompt arrived during the closeout, which was aborted for it.",
        Restarted = "The process was restarted.",
    }
}

vocabulary! {
    /// What a client is to do after a close (the bands of the close codes).
    ClientRule as "snake_case" {
        Stop = "Do not reconnect by yourself. Prompts that wait fail.",
        Pause = "Do not reconnect by yourself. Prompts that wait are kept for the next start, by when a fresh token may have mended it.",
        BackOff = "Reconnect with backoff and resume from the cursor.",
        Now = "Reconnect at once, one attempt in flight, then with backoff; resume from the cursor.",
        Fresh = "Reconnect at once, without a cursor.",
    }
}

vocabulary! {
    /// Why the server closes a connection. A close code never ends a session.
    CloseCode as "snake_case" {
        Normal = "The client asked to detach, or the stream is complete.",
        GoingAway = "The server goes away and no successor is known.",
        TooBig = "A frame was larger than the limit.",
        Error = "The server failed.",
        Restart = "The server restarts.",
        Overloaded = "There is no room now: the server is overloaded, or a limit on connections is reached.",
        Ended = "The session has ended and its log is complete.",
        Unauthenticated = "The client is not authenticated.",
        Protocol = "The client broke the protocol.",
        Forbidden = "The client may not do this.",
        NotFound = "There is no such session for this client.",
        Replaced = "A newer connection of the same client took over.",
        Expired = "The client's authorisation expired.",
        Version = "The protocol version is not spoken here.",
        IdleTimeout = "No hello in time, or a suspended viewer did not come back in time.",
        SlowConsumer = "The viewer does not read.",
        RateLimited = "The client sends too fast.",
        Moved = "The session moved to another owner.",
        Reauthenticate = "Authenticate again, then resume.",
        Liveness = "Nothing was heard of the connection for too long.",
        Invalidated = "The client's cursor is of no use any more.",
    }
}

impl CloseCode {
    /// The number on the wire: RFC 6455 §7.4.1 below 4000, ours in bands of a hundred from there.
    pub const fn number(self) -> u16 {
        match self {
            CloseCode::Normal => 1000,
            CloseCode::GoingAway => 1001,
            CloseCode::TooBig => 1009,
            CloseCode::Error => 1011,
            CloseCode::Restart => 1012,
            CloseCode::Overloaded => 1013,
            CloseCode::Ended => 4000,
            CloseCode::Unauthenticated => 4001,
            CloseCode::Protocol => 4002,
            CloseCode::Forbidden => 4003,
            CloseCode::NotFound => 4004,
            CloseCode::Replaced => 4009,
            CloseCode::Expired => 4010,
            CloseCode::Version => 4015,
            CloseCode::IdleTimeout => 4108,
            CloseCode::SlowConsumer => 4113,
            CloseCode::RateLimited => 4129,
            CloseCode::Moved => 4200,
            CloseCode::Reauthenticate => 4201,
            CloseCode::Liveness => 4208,
            CloseCode::Invalidated => 4300,
        }
    }

    /// The HTTP status that says the same of a request, where one does: an upgrade that is refused has no
    /// close code yet.
    pub const fn status(self) -> Option<u16> {
        match self {
            CloseCode::Unauthenticated => Some(401),
            CloseCode::Forbidden => Some(403),
            CloseCode::NotFound => Some(404),
            CloseCode::Expired => Some(410),
            CloseCode::Version => Some(426),
            CloseCode::RateLimited => Some(429),
            CloseCode::Overloaded => Some(503),
            CloseCode::Normal
            | CloseCode::GoingAway
            | CloseCode::TooBig
            | CloseCode::Error
            | CloseCode::Restart
            | CloseCode::Ended
            | CloseCode::Protocol
            | CloseCode::Replaced
            | CloseCode::IdleTimeout
            | CloseCode::SlowConsumer
            | CloseCode::Moved
            | CloseCode::Reauthenticate
            | CloseCode::Liveness
            | CloseCode::Invalidated => None,
        }
    }

    /// The code that says what this HTTP status says; none if it says no more than that it failed, and
    /// may work the next time.
    pub fn of_status(status: u16) -> Option<CloseCode> {
        // Of old servers, to an upgrade that they do not know.
        let status = if status == 400 { 426 } else { status };
        CloseCode::VARIANTS.iter().copied().find(|code| code.status() == Some(status))
    }

    /// What a client does after this code. Its band says whether it comes back, so that an unknown code is
    /// safe.
    pub const fn client_rule(self) -> ClientRule {
        ClientRule::of(self.number())
    }
}

impl EndpointReason {
    /// Whether the same may be taken later, here or by the next server: a client keeps the prompt and comes
    /// back. A reason of the table is about the session, wherever it runs, so the user decides.
    pub const fn is_for_now(self) -> bool {
        match self {
            EndpointReason::Unavailable | EndpointReason::Draining => true,
            EndpointReason::Forbidden | EndpointReason::TooBig => false,
        }
    }
}

impl ClientRule {
    /// What a client does after a close with this number, whether or not it knows it.
    pub const fn of(number: u16) -> ClientRule {
        match number {
            // Unauthenticated, expired: a fresh token mends it. What time mends comes back by itself.
            4001 | 4010 => ClientRule::Pause,
            // A proxy's names for 1005 and 1006, which no close frame may carry: the server said nothing.
            4005 | 4006 => ClientRule::BackOff,
            1000 | 4000..=4099 => ClientRule::Stop,
            4200..=4299 => ClientRule::Now,
            4300..=4399 => ClientRule::Fresh,
            _ => ClientRule::BackOff,
        }
    }
}

impl<S: Copy, T, O> Row<S, T, O, Reason> {
    /// Whether its cells can arise.
    pub fn is_possible(&self) -> bool {
        !matches!(self.verdict, Verdict::Ignore(Reason::Impossible))
    }
}
