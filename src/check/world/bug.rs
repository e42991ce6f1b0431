//! What drivers in the field did wrong, planted.

use crate::vocabulary::vocabulary;

vocabulary! {
    /// A planted bug: a driver that goes wrong as drivers in the field did. The checker finds each.
    Bug as "snake_case" {
        LossByClient = "The registry knows clients, not connections: a late close is taken for the newcomer's (race R1).",
        ReplayThenSubscribe = "The replay is read first and the viewer subscribed afterwards (race R3).",
        SkipWhatIsTrimmed = "A reader that comes too late begins at what is left, and says nothing (race R4).",
        KeepTheLogId = "A store that lost the end of its log keeps the log's id (races R5 and R24).",
        ForgetTheKeys = "The record of accepted prompts is not in the commit of the prompt (race R6).",
        RunAgainAfterRestart = "What ran when the process died is given to the next worker (race R8).",
        WriteWithoutAsking = "A second reference to the connection writes without asking its table (race R9).",
        EchoTheFence = "To come back, a client must show the fence of its last welcome (race R11).",
        CommitWithoutFence = "A node goes on although its commit was refused (race R12).",
        AnswerUnconfirmed = "A node answers what needs no commit without asking whether the store is still its own (race R13).",
        CommitWithoutOwner = "The store takes a commit that builds on its record, whoever owns the session (race R15).",
        ClaimTheLiving = "A session is taken over as soon as its owner's lease is over, though the owner is not dead (race R16).",
        RenewTheDead = "A lease is renewed whether its node is dead or not (race R17).",
        ServeUnrecovered = "A session that was taken over is served as it stands in the store (race R18).",
        JudgeTooSoon = "A node judges the others at its first renewal after a silence (race R19).",
        LeaveOrphans = "The sessions of a dead node wait until somebody asks for them (race R20).",
        PassOnAgain = "A node passes on what another one has passed on to it (race R21).",
        KeepTheLink = "A node that passes a connection on does not ask whose the session is by now (race R22).",
        ConfirmTheOwner = "A node asks before a welcome whether it owns the session, and not what the record is by now (race R23).",
        ReadUnsettled = "What became of a commit is read from the store while the commit may still be on its way (race R14).",
    }
}
