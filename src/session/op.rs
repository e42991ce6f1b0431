//! What a row of a session's table can do: a line for each op.

use crate::vocabulary::ops;
use crate::words::{CloseCode, EndReason, Timer, Trigger, TurnOutcome};

ops! {
    /// What a row does, in the order in which it must be done: commit first, abort before start, log before
    /// send.
    Op on Trigger {
        Commit                               = "Commit the step's records and the next session's snapshot.",
        Abort                                = "Abort the worker.",
        Replace on AttachAgain               = "Close and forget the same client's older connection.",
        List [due] on Attach | AttachAgain   = "List the connection.",
        Unlist on Lost | LostLast | LostToSuspended = "Forget the connection.",
        Suspend on Suspend | SuspendLast     = "Mark the connection as suspended: nothing is sent to it.",
        Unsuspend [due] on Resume            = "The connection watches again.",
        PinLog                               = "Pin the log at what the suspended viewers have seen.",
        UnpinLog                             = "Release the pin, if there is one.",
        Credit [due] on Written              = "The connection may be sent what comes after what it has written.",
        Rewind [due] on Missed               = "The connection is where it was before the range in flight.",
        RenewLog [durable] on RestartedLossy = "Take over the new log id, if the event brings one.",
        LogStandingAsks [durable due] on TurnWaiting = "Log the asks with which the turn ends: they are pending, and outlive it.",
        EndTurn(how: TurnOutcome) [durable due] = "End the running turn, if there is one, and the asks that do not outlive it.",
        EndTurnAsReported [durable due] on TurnEnded = "End the running turn, and the asks that do not outlive it, as the worker says.",
        EndQueue(how: TurnOutcome) [durable due] = "End every queued prompt.",
        WithdrawAsks [durable due] on RestartedLossy = "Log of every ask that outlived its turn that it is withdrawn.",
        TakeBack [durable due] on InterruptQueued = "Cancel the queued prompt that the event names.",
        LogClosing(why: EndReason) [durable due] = "Log that the end was asked for.",
        LogEnd(why: EndReason) [durable due] = "Log the incarnation's end.",
        NextIncarnation [durable]            = "The next incarnation begins.",
        Accept [durable due] on Prompt       = "Log the prompt, queue it and remember the client's number, as one.",
        AcceptAnswer [durable due] on AnswerStanding = "Log the answer and queue it, as one: the ask is settled.",
        LogOutput [durable due] on Output    = "Log the worker's output.",
        LogAsk [durable due] on Asked        = "Log the ask: it is pending.",
        LogAnswer [durable due] on Answer    = "Log the answer: the ask is settled.",
        LogWithdrawn [durable due] on Withdrawn = "Log that the ask was given up: it is settled.",
        Drain on Drain = "Begin nothing new from here on: no worker is started, no prompt dispatched.",
        CloseAll(code: CloseCode)            = "Close and forget every connection.",
        DisarmAll                            = "Disarm every timer.",
        Disarm(timer: Timer)                 = "Disarm a timer.",
        Arm(timer: Timer)                    = "Arm a timer with a new generation, if the limits give it a duration.",
        StartWorker                          = "Start the worker.",
        CloseOut                             = "Ask the worker to close out.",
        Dispatch [durable] on Next           = "Give the worker the next queued prompt.",
        Interrupt on Interrupt               = "Ask the worker to stop its turn.",
        Deliver on Answer                    = "Give the worker the answer.",
        Reply on Prompt                      = "Tell the sender that the prompt is accepted.",
        ReplyAgain on PromptAgain            = "Tell the sender again that the prompt was accepted.",
        Welcome on Attach | AttachAgain      = "Tell the new connection where it goes on.",
        SendDue                              = "Send each watching connection that has credit what it lacks.",
    }
}
