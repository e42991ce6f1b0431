//! What a row of a client's table can do: a line for each op.

use super::words::Trigger;
use crate::vocabulary::ops;

ops! {
    /// What a row does, in the order in which it must be done. What is durable is what a client saves.
    Op on Trigger {
        NoteHidden on Hide                     = "Keep in mind that the page is hidden.",
        NoteShown on Show | ShowSilent | Start = "Keep in mind that the page is in front.",
        DisarmAll                              = "Disarm every timer.",
        DisarmAttach if is_welcome             = "Disarm the timer of dial and welcome.",
        Detach                                 = "Say on the socket that the client leaves.",
        HangUp                                 = "Drop the socket; what was under way on it is not any more.",
        Release if ends_the_socket = "The socket is gone by itself; what was under way on it is not any more.",
        Strike                                 = "Count a hello that was not welcomed.",
        ClearStrikes                           = "Forgive the hellos that were not welcomed.",
        ResetAttempts                          = "Forgive the dials that came to nothing.",
        CountSilence on Silent                 = "Count a silence: the next one has to last twice as long.",
        Excuse on LostLeaving | AttachTimeoutLeaving = "The dial is no failure, and the next ones are none until a welcome: the server leaves.",
        KeepRetry on Goaway                    = "Keep in mind that the server leaves, and when it wants the client back.",
        Renumber [durable] if is_welcome       = "Number what waits after the highest that the server knows; a prompt that may have been sent keeps its number.",
        Accept [durable] on Accepted           = "The prompt that is under way is accepted.",
        Reject [durable] on Refused | ClosedTooBig = "The prompt under way has failed; the next one takes its number.",
        FailAll [durable] on ClosedStop        = "Every prompt that waits has failed.",
        ClearSilences on CaughtUp | Accepted | Refused = "Forgive the silences, unless a prompt is under way, and wind up the watchdog for as long as without them.",
        Queue [durable] on Prompt              = "Put the prompt into the outbox.",
        ForgetCursor [durable]                 = "Forget the cursor, and what was handed over.",
        Rebase if is_welcome                   = "Begin anew, at the base of the log that the welcome names.",
        SkipGap on WelcomeGap | Gap            = "Skip the entries that are lost.",
        SetTarget if is_welcome                = "Take over the head that the welcome names; the server is there.",
        Advance [durable] on Applied | AppliedNotice = "The application has applied this: the cursor is there.",
        TakeNext [durable]                     = "The first prompt of the outbox is under way, if none is.",
        Save                                   = "Save cursor and outbox, as one.",
        ArmBackoff = "Arm the timer of the next dial, after a jittered wait that grows with each failure.",
        ArmNow = "Arm the timer of the next dial: at once, but not sooner after the last one than the settings say.",
        Dial                                   = "Open a socket, and count it.",
        ArmAttach                              = "Arm the timer of dial and welcome.",
        ArmStable                              = "Arm the timer after which failures are forgiven.",
        Watch                                  = "Wind up the watchdog.",
        Probe                                  = "Ping, and give the server only as long as a probe may take.",
        Hello                                  = "Send who it is and what was handed over so far.",
        SendSuspend                            = "Send that it goes to the background, and what it has seen.",
        SendResume                             = "Send that it is back.",
        SendPrompt                             = "Send the prompt that came under way just now, if one did.",
        SendCommand on Command                 = "Send the command.",
        TellWelcome if is_welcome = "Hand the welcome to the application, after a notice if it begins anew.",
        Deliver on Entry                       = "Hand the entry to the application.",
        TellGap on WelcomeGap | Gap            = "Tell the application what is lost to it.",
        TellCaughtUp                           = "Tell the application that it has caught up.",
        TellClosed on ClosedStop | ClosedPause = "Tell the application that the server sent it away.",
    }
}
