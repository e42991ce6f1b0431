//! The laws, each on one line: its name, where it is checked, its sentence.
//!
//! What checks them imports them from here: the shape of rows ([`session::shape`](crate::session::shape),
//! [`client::shape`](crate::client::shape), …), steps and the witness ([`laws`](crate::laws)), and the
//! worlds of the feature `check`.

use crate::vocabulary::vocabulary;

vocabulary! {
    /// Where a law is checked.
    Place as "snake_case" {
        Shape = "Over rows, at build time: a row that breaks it does not compile.",
        Step = "Over steps: in every step of a debug build, of a replayed trace and of a world.",
        Witness = "Over what the driver was told, step after step, by code that knows nothing of the table.",
        World = "Over worlds, in every order of events: connections, worker, store and clients are played as well.",
        Fair = "Over worlds that are left alone: from wherever faults stop, it comes about.",
        Sometimes = "Over worlds in which it can happen: it does, in at least one state, or the others could hold for nothing.",
    }
}

macro_rules! laws {
    ($($law:ident: $($place:ident)+ = $meaning:literal,)+) => {
        vocabulary! {
            /// What must always hold. The name is the one in reports, traces and errors.
            Law as "snake_case" { $($law = $meaning,)+ }
        }

        impl Law {
            /// Where it is checked.
            pub const fn checked(self) -> &'static [Place] {
                match self { $(Law::$law => &[$(Place::$place),+],)+ }
            }
        }
    };
}

laws! {
    ClosingOnlyEnds: Shape Step = "CLOSING leads to ENDED and to nothing else.",
    EndedOnlyReopens: Shape Step = "ENDED leads to CREATED and to nothing else, and only for a prompt or an answer.",
    GoMeansElsewhere: Shape = "A row that goes, goes to another state.",
    RefusedChangesNothing: Shape Step = "What is ignored or refused changes nothing and has no effect.",
    FactsAreNotRefused: Shape = "A fact cannot be refused, for it has happened; only who waits for an answer is told no.",
    OpsInOrder: Shape = "Ops stand in the one order in which they are safe: commit first, abort before start, log before send.",
    OpsFitTheEvent: Shape = "An op works on what its event carries.",
    StaleChangesNothing: Step = "News that names a connection, worker, turn, timer or log that is not current changes nothing.",
    DeliveredIsDurable: Shape Step = "A step commits exactly if it changes the record, commits first, and sends nothing that is not in the log.",
    ActiveMeansWatched: Step = "ACTIVE is watched, DETACHED is alone, SUSPENDED has only viewers that announced it.",
    EndedHoldsNothing: Step = "ENDED and CREATED hold no worker, no turn and no ask of one, and no prompt, but for those that wait in a draining CREATED; CLOSING and ENDED hold no pin.",
    WorkNeedsAWorker: Step = "A turn runs only where a worker is up, a prompt waits only where one will be: here, or in the next process.",
    NothingDueIsLeft: Step = "What is due is done in the step that made it due.",
    DrainBeginsNothing: Step = "From a drain on, no worker is started and no prompt dispatched in this process.",
    LostConnectionNeverStopsWork: Step = "Nothing that a connection does aborts, interrupts, closes out or ends anything.",
    FailedStartsAreNotRepeated: Step = "A start that fails is not tried again by itself.",
    TimersActWhereTheyWait: Step = "A timer that fires acts only on the state, or the turn, that waits for it.",
    StopStops: Step = "A stop of the current incarnation leads to CLOSING or ENDED.",
    WorkerIsToldWhatIsTrue: Step Witness = "The worker is asked to close out exactly on the way to CLOSING, and aborted only on the way to ENDED.",
    NoPromptIsSwallowed: Shape Step = "Each prompt is accepted or refused, never passed over.",
    NewsIsTaken: Shape Step = "What is current and has its place is taken: a loss, an output, a turn's end, a timer that is waited for.",
    RefusalsAreTrue: Step = "The reason of a refusal can be seen in the session.",
    OneTurnEndPerPrompt: Step = "Each accepted prompt, and each answer to an ask that outlived its turn, waits, runs or has ended, exactly once.",
    AsksStand: Step = "An ask that outlives its turn stands, whatever becomes of worker, session and process, until it is answered or withdrawn; where the answer may have been lost, it is withdrawn.",
    EndIsLoggedOnce: Step = "Each incarnation's end is in the log, once, and so is each closing.",
    InOrderWithoutSilentGaps: Step = "A viewer is sent each entry in order, once; what it cannot be sent is declared lost.",
    ReadersReachTheHead: Step = "A watching connection with credit lacks nothing.",
    EffectsNameOnlyWatchers: Step = "Only listed connections are sent to, and a closed one is listed no more.",
    PinsAreKept: Step = "What suspended viewers have not seen stays pinned until their grace period is over, whoever else comes, or the session ends.",
    NothingNeededIsTrimmed: Step = "What waits, is asked or pinned is not trimmed, within bounds; what is beyond retention and needed by nobody is.",
    BoundedMemory: Step = "No collection grows beyond its limit.",
    ImpossibleNeverHappens: Step = "A cell that cannot arise does not.",

    NoSendAfterClose: Shape World = "Nothing is written to a connection after its close.",
    NoDoubleDelivery: World = "No viewer applies an entry twice.",
    NoPromptRunsTwice: Witness = "No prompt is given to a worker twice.",
    AtMostOneWorker: Witness World = "No two workers of a session are alive at once in a process; where a node may be paused, of those of all nodes only the owner's is heard.",
    NothingFromAnAbortedWorkerIsLogged: Witness = "Nothing an aborted worker says gets into the log.",
    StopAbortsTheWorker: Shape World = "Where the session has no worker, none is alive; where it counts on one, one is, or its last word is on the way.",
    WaitingStatesHaveATimer: Shape Step Witness = "The armed timers are exactly those of the state and the turn: no wait without an end, no timer left behind.",
    AcceptedIsKept: World = "What a client was told is accepted is in the log, also after a crash.",
    WorkerMatchesTheState: Witness = "A worker is asked to start in STARTING, is up in ACTIVE, DETACHED and SUSPENDED, is leaving in CLOSING.",
    ListedMeansOpen: World = "A connection is listed exactly while it is OPEN, and until the session is told that it is gone.",
    OneGonePerConnection: World = "Each connection that was open is reported gone, once.",
    OnlyOpenIsHeard: World = "Nothing is handed on from a connection that has not said hello, or was closed.",
    ACursorNeverGoesBack: World = "A client whose cursor the log reaches is not sent back to the log's beginning, whichever process it comes to.",
    NoMeansNo: World = "A prompt that a client was told is not kept does not come into the log by itself.",
    CommandsMeetTheTruth: World = "A command meets a session whose worker is alive, if it counts on one.",
    AnswersArriveOnce: World = "No answer is given to the worker twice.",
    CloseIsSent: World = "A connection that goes to CLOSING is sent a close, with a code.",
    FirstCloseCodeWins: World = "A connection is closed with the first code that was given.",

    AtMostOneOwnerCommits: Shape World = "A session has one owner at a time, and no other node works on it.",
    UnownedIsRecovered: Shape World = "A session that is taken over is recovered before anything else.",
    AClaimNeedsADeadOwner: World = "A session is taken over only where no living node owns it.",
    DeadStaysDead: Shape World = "A node that is dead, or has left, is so for good.",
    JudgedByTheSteady: Shape World = "A node is declared dead only by one that renews its own lease in time.",
    FencedHoldsNothing: Shape World = "A node that is fenced lets go of every worker, session and viewer.",
    LeavingIsTold: Shape = "A node that leaves in good order tells the store.",
    PassedOnOnce: World = "What one node has passed on to another one is not passed on again.",
    RelaysFollowTheOwner: Fair = "A connection that is passed on to a node which is not the owner any more is let go.",
    LostSuffixChangesTheLogId: World = "A client that has seen what the store has lost is sent back to the beginning, and not continued.",
    OrphansFindAnOwner: Shape Fair = "A session whose owner is gone comes to another node.",

    SingleFlight: Shape Step = "A client has one socket at most: it dials where there is none, and lets go of the one it leaves.",
    SavedBeforeSent: Shape Step = "What a client must not forget is saved in the step that changes it, before anything is sent.",
    CursorOnlyAdvances: Step = "A client's cursor moves on when an entry is applied; it goes back only to begin anew.",
    StoppedStaysStopped: Step = "A client stops when its user says so or the server sends it away, and stays so until it is started.",
    FailuresCount: Step = "A dial counts as fruitless until it is good for something, a hello until one is welcomed, a silence until what took long is through.",
    LiveMeansCaughtUp: Step = "A client is LIVE when everything up to the head of its welcome is applied, and says so.",
    PromptsGoInOrder: Step = "Prompts are sent in the order in which they were given, one at a time, and are settled once.",

    WantedClientsAttach: Fair = "A client that is wanted, seen and online comes to a welcome, or is sent away.",
    ClientsReachTheHead: Fair = "A client that is wanted, seen and online shows what the log has.",
    PromptsAreSettled: Fair = "A prompt that was given to a client is accepted, or its giver is told why not.",

    ClosingEnds: Fair = "A session that is CLOSING comes to its end.",
    StartingResolves: Fair = "A session that is STARTING comes up or ends.",
    ViewersReachTheHead: Fair = "An open viewer that reads comes to the end of the log.",
    AcceptedPromptsEnd: Fair = "An accepted prompt comes to its turn end.",

    SessionsOutliveConnections: Sometimes = "Work goes on while nobody is connected, and who comes back gets what it was.",
    ResumedViewersCatchUp: Sometimes = "A viewer that comes back lacking something resumes, and gets to the end of the log.",
    SharesLeaveRoom: Sometimes = "A prompt waits beside as many of another principal as its share has room for.",
    AnswersOutliveWorkers: Sometimes = "An answer reaches a worker that did not ask.",
    AnswersReachTheWorker: Sometimes = "An answer reaches the worker that asked.",
}

impl Law {
    /// Whether it is checked there.
    pub const fn is_checked(self, place: Place) -> bool {
        let places = self.checked();
        let mut p = 0;
        while p < places.len() {
            if places[p] as u8 == place as u8 {
                return true;
            }
            p += 1;
        }
        false
    }
}
