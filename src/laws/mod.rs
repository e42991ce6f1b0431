//! The laws, each named once, with its sentence.
//!
//! They are written without looking at how a step is made: over rows (shape, at build time), over steps
//! ([`of_step`]: in every step of a debug build, in every replayed trace, in every world), over what the
//! driver was told ([`Witness`]) and over worlds (the feature `check`, where the connections, the worker,
//! the store and the clients are played as well).

mod client;
mod connection;
mod step;
mod witness;

use alloc::string::String;

pub use client::{of_client, over_client_steps};
pub use connection::of_connection;
pub use step::{of_step, over_steps};
pub use witness::Witness;

use crate::words::words;

words! {
    /// What must always hold. The name is the one in reports, traces and errors.
    Law as "snake_case" {
        ClosingOnlyEnds = "CLOSING leads to ENDED and to nothing else.",
        EndedOnlyReopens = "ENDED leads to CREATED and to nothing else, and only for a prompt.",
        GoMeansElsewhere = "A row that goes, goes to another state.",
        RefusedChangesNothing = "What is ignored or refused changes nothing and has no effect.",
        FactsAreNotRefused = "A fact cannot be refused, for it has happened; only who waits for an answer is told no.",
        OpsInOrder = "Ops stand in the one order in which they are safe: commit first, abort before start, log before send.",
        OpsFitTheEvent = "An op works on what its event carries.",
        StaleChangesNothing = "News that names a connection, worker, turn, timer or log that is not current changes nothing.",
        DeliveredIsDurable = "A step commits exactly if it changes the record, commits first, and sends nothing that is not in the log.",
        ActiveMeansWatched = "ACTIVE is watched, DETACHED is alone, SUSPENDED has only viewers that announced it.",
        EndedHoldsNothing = "ENDED and CREATED hold no worker, no turn, no ask and no pin, and no prompt, but for those that wait in a held CREATED.",
        WorkNeedsAWorker = "A turn runs only where a worker is up, a prompt waits only where one will be: here, or in the next process.",
        NothingDueIsLeft = "What is due is done in the step that made it due.",
        HeldBeginsNothing = "From a hold on, no worker is started and no prompt dispatched in this process.",
        LostConnectionNeverStopsWork = "Nothing that a connection does aborts, interrupts, closes out or ends anything.",
        FailedStartsAreNotRepeated = "A start that fails is not tried again by itself.",
        TimersActWhereTheyWait = "A timer that fires acts only on the state, or the turn, that waits for it.",
        StopStops = "A stop of the current incarnation leads to CLOSING or ENDED.",
        WorkerIsToldWhatIsTrue = "The worker is asked to close out exactly on the way to CLOSING, and aborted only on the way to ENDED.",
        NoPromptIsSwallowed = "Each prompt is accepted or refused, never passed over.",
        NewsIsTaken = "What is current and has its place is taken: a loss, an output, a turn's end, a timer that is waited for.",
        RefusalsAreTrue = "The reason of a refusal can be seen in the session.",
        OneTurnEndPerPrompt = "Each accepted prompt waits, runs or has ended, exactly once.",
        EndIsLoggedOnce = "Each incarnation's end is in the log, once, and so is each closing.",
        InOrderWithoutSilentGaps = "A viewer is sent each entry in order, once; what it cannot be sent is declared lost.",
        ReadersReachTheHead = "A watching connection with credit lacks nothing.",
        EffectsNameOnlyWatchers = "Only listed connections are sent to, and a closed one is listed no more.",
        PinsAreKept = "What suspended viewers have not seen stays pinned while SUSPENDED lasts.",
        NothingNeededIsTrimmed = "What waits, is asked or pinned is not trimmed; what is beyond retention and needed by nobody is.",
        BoundedMemory = "No collection grows beyond its limit.",
        ImpossibleNeverHappens = "A cell that cannot arise does not.",

        NoSendAfterClose = "Nothing is written to a connection after its close.",
        NoDoubleDelivery = "No viewer applies an entry twice.",
        NoPromptRunsTwice = "No prompt is given to a worker twice.",
        AtMostOneWorker = "No two workers of a session are alive at once.",
        NothingFromAnAbortedWorkerIsLogged = "Nothing an aborted worker says gets into the log.",
        StopAbortsTheWorker = "Where the session has no worker, none is alive; where it counts on one, one is, or its last word is on the way.",
        WaitingStatesHaveATimer = "The armed timers are exactly those of the state and the turn: no wait without an end, no timer left behind.",
        AcceptedIsKept = "What a client was told is accepted is in the log, also after a crash.",
        WorkerMatchesTheState = "A worker is asked to start in STARTING, is up in ACTIVE, DETACHED and SUSPENDED, is leaving in CLOSING.",
        ListedMeansOpen = "A connection is listed exactly while it is OPEN, and until the session is told that it is gone.",
        OneGonePerConnection = "Each connection that was open is reported gone, once.",
        OnlyOpenIsHeard = "Nothing is handed on from a connection that has not said hello, or was closed.",
        CommandsMeetTheTruth = "A command meets a session whose worker is alive, if it counts on one.",
        AnswersArriveOnce = "No answer is given to the worker twice.",
        CloseIsSent = "A connection that goes to CLOSING is sent a close, with a code.",
        FirstCloseCodeWins = "A connection is closed with the first code that was given.",

        SingleFlight = "A client has one socket at most: it dials where there is none, and lets go of the one it leaves.",
        SavedBeforeSent = "What a client must not forget is saved in the step that changes it, before anything is sent.",
        CursorOnlyAdvances = "A client's cursor moves on when an entry is applied; it goes back only to begin anew.",
        StoppedStaysStopped = "A client stops when its user says so or the server sends it away, and stays so until it is started.",
        FailuresCount = "A dial counts as fruitless until it is good for something, a hello until one is welcomed.",
        LiveMeansCaughtUp = "A client is LIVE when everything up to the head of its welcome is applied, and says so.",
        PromptsGoInOrder = "Prompts are sent in the order in which they were given, one at a time, and are settled once.",

        WantedClientsAttach = "A client that is wanted, seen and online comes to a welcome, or is sent away.",
        ClientsReachTheHead = "A client that is wanted, seen and online shows what the log has.",
        PromptsAreSettled = "A prompt that was given to a client is accepted, or its giver is told why not.",

        ClosingEnds = "A session that is CLOSING comes to its end.",
        StartingResolves = "A session that is STARTING comes up or ends.",
        ViewersReachTheHead = "An open viewer that reads comes to the end of the log.",
        AcceptedPromptsEnd = "An accepted prompt comes to its turn end.",

        SessionsOutliveConnections = "Work goes on while nobody is connected, and who comes back gets what it was.",
        ResumedViewersCatchUp = "A viewer that comes back lacking something resumes, and gets to the end of the log.",
        AnswersReachTheWorker = "An answer reaches the worker that asked.",
    }
}

/// A broken law, and how it was broken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{law}: {detail}")]
pub struct Breach {
    /// The law.
    pub law: Law,
    /// What was seen.
    pub detail: String,
}

fn ensure(holds: bool, detail: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(detail()) }
}
