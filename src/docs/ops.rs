//! The spelling of each op, and its sentence, which is the op's documentation (a test compares them).

use core::fmt;

use crate::{client, connection, routing, session};

/// An op as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Op {
    /// Its word.
    pub name: &'static str,
    /// Which list of words its argument is from, and the argument.
    pub argument: Option<(&'static str, &'static str)>,
    /// What it does, in one sentence.
    pub meaning: &'static str,
}

/// `commit`, `arm(detach)`.
impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.argument {
            Some((_, argument)) => write!(f, "{}({argument})", self.name),
            None => f.write_str(self.name),
        }
    }
}

impl Op {
    const fn plain(name: &'static str, meaning: &'static str) -> Op {
        Op { name, argument: None, meaning }
    }

    const fn with(
        name: &'static str,
        list: &'static str,
        argument: &'static str,
        meaning: &'static str,
    ) -> Op {
        Op { name, argument: Some((list, argument)), meaning }
    }
}

impl From<session::table::Op> for Op {
    #[rustfmt::skip]
    fn from(op: session::table::Op) -> Op {
        use session::table::Op as It;
        const TURN: &str = "turn_outcomes";
        const END: &str = "end_reasons";
        match op {
            It::Commit => Op::plain("commit", "Commit the step's records and the next session's snapshot."),
            It::Abort => Op::plain("abort", "Abort the worker."),
            It::Replace => Op::plain("replace", "Close and forget the same client's older connection."),
            It::Admit => Op::plain("admit", "List the connection."),
            It::Drop => Op::plain("drop", "Forget the connection."),
            It::Suspend => Op::plain("suspend", "Mark the connection as suspended: nothing is sent to it."),
            It::Unsuspend => Op::plain("unsuspend", "The connection watches again."),
            It::Pin => Op::plain("pin", "Pin the log at what the suspended viewers have seen."),
            It::Unpin => Op::plain("unpin", "Release the pin, if there is one."),
            It::Credit => Op::plain("credit", "The connection may be sent what comes after what it has written."),
            It::Rewind => Op::plain("rewind", "The connection is where it was before the range in flight."),
            It::RenewLog => Op::plain("renew_log", "Take over the new log id, if the event brings one."),
            It::EndTurn(how) => Op::with("end_turn", TURN, how.into_str(), "End the running turn, if there is one, and its asks."),
            It::EndTurnAsReported => Op::plain("end_turn_as_reported", "End the running turn and its asks as the worker says."),
            It::EndQueue(how) => Op::with("end_queue", TURN, how.into_str(), "End every queued prompt."),
            It::TakeBack => Op::plain("take_back", "Cancel the queued prompt that the event names."),
            It::LogClosing(why) => Op::with("log_closing", END, why.into_str(), "Log that the end was asked for."),
            It::LogEnd(why) => Op::with("log_end", END, why.into_str(), "Log the incarnation's end."),
            It::NextIncarnation => Op::plain("next_incarnation", "The next incarnation begins."),
            It::Accept => Op::plain("accept", "Log the prompt, queue it and remember the client's number, as one."),
            It::LogOutput => Op::plain("log_output", "Log the worker's output."),
            It::LogAsk => Op::plain("log_ask", "Log the ask: it is pending."),
            It::LogAnswer => Op::plain("log_answer", "Log the answer: the ask is settled."),
            It::Hold => Op::plain("hold", "Begin nothing new from here on: no worker is started, no prompt dispatched."),
            It::CloseAll(code) => Op::with("close_all", "close_codes", code.into_str(), "Close and forget every connection."),
            It::DisarmAll => Op::plain("disarm_all", "Disarm every timer."),
            It::Disarm(timer) => Op::with("disarm", "timers", timer.into_str(), "Disarm a timer."),
            It::Arm(timer) => Op::with("arm", "timers", timer.into_str(), "Arm a timer with a new generation, if the limits give it a duration."),
            It::Start => Op::plain("start", "Start the worker."),
            It::CloseOut => Op::plain("close_out", "Ask the worker to close out."),
            It::Dispatch => Op::plain("dispatch", "Give the worker the next queued prompt."),
            It::Interrupt => Op::plain("interrupt", "Ask the worker to stop its turn."),
            It::Deliver => Op::plain("deliver", "Give the worker the answer."),
            It::Reply => Op::plain("reply", "Tell the sender that the prompt is accepted."),
            It::ReplyAgain => Op::plain("reply_again", "Tell the sender again that the prompt was accepted."),
            It::Welcome => Op::plain("welcome", "Tell the new connection where it goes on."),
            It::Fill => Op::plain("fill", "Send each watching connection that has credit what it lacks."),
        }
    }
}

impl From<connection::Op> for Op {
    #[rustfmt::skip]
    fn from(op: connection::Op) -> Op {
        use connection::Op as It;
        match op {
            It::Admit => Op::plain("admit", "Ask the session to attach this connection."),
            It::Pass => Op::plain("pass", "Hand on to the session."),
            It::Write => Op::plain("write", "Write it."),
            It::Code(code) => Op::with("code", "close_codes", code.into_str(), "Keep this close code."),
            It::CodeAsAsked => Op::plain("code_as_asked", "Keep the close code that was asked for."),
            It::SendClose => Op::plain("send_close", "Send the close with the kept code."),
            It::DisarmHello => Op::plain("disarm_hello", "Disarm the hello timer."),
            It::DisarmClose => Op::plain("disarm_close", "Disarm the close timer."),
            It::ArmClose => Op::plain("arm_close", "Arm the close timer."),
            It::Gone => Op::plain("gone", "Tell the session that the connection is lost."),
            It::Release => Op::plain("release", "Drop the transport."),
        }
    }
}

impl From<client::table::Op> for Op {
    #[rustfmt::skip]
    fn from(op: client::table::Op) -> Op {
        use client::table::Op as It;
        match op {
            It::NoteHidden => Op::plain("note_hidden", "Keep in mind that the page is hidden."),
            It::NoteShown => Op::plain("note_shown", "Keep in mind that the page is in front."),
            It::NoteOnline => Op::plain("note_online", "Keep in mind that there is a network."),
            It::NoteOffline => Op::plain("note_offline", "Keep in mind that there is none."),
            It::DisarmAll => Op::plain("disarm_all", "Disarm every timer."),
            It::DisarmAttach => Op::plain("disarm_attach", "Disarm the timer of dial and welcome."),
            It::Unwatch => Op::plain("unwatch", "Disarm the watchdog."),
            It::Detach => Op::plain("detach", "Say on the socket that the client leaves."),
            It::HangUp => Op::plain("hang_up", "Drop the socket; what was under way on it is not any more."),
            It::Release => Op::plain("release", "The socket is gone by itself; what was under way on it is not any more."),
            It::Strike => Op::plain("strike", "Count a hello that was not welcomed."),
            It::ClearStrikes => Op::plain("clear_strikes", "Forgive the hellos that were not welcomed."),
            It::ResetAttempts => Op::plain("reset_attempts", "Forgive the dials that came to nothing."),
            It::KeepRetry => Op::plain("keep_retry", "Keep in mind when the server wants the client back."),
            It::Settle => Op::plain("settle", "Take over what the server knows of the client's prompts: the highest number that it accepted."),
            It::Accept => Op::plain("accept", "The prompt that is under way is accepted."),
            It::Reject => Op::plain("reject", "The prompt that is under way has failed; the next one takes its number."),
            It::FailAll => Op::plain("fail_all", "Every prompt that waits has failed."),
            It::Queue => Op::plain("queue", "Put the prompt into the outbox."),
            It::ForgetCursor => Op::plain("forget_cursor", "Forget the cursor, and what was handed over."),
            It::Rebase => Op::plain("rebase", "Begin anew, at the base of the log that the welcome names."),
            It::SkipGap => Op::plain("skip_gap", "Skip the entries that are lost."),
            It::Aim => Op::plain("aim", "Take over the head that the welcome names."),
            It::Advance => Op::plain("advance", "The application has applied this: the cursor is there."),
            It::Pick => Op::plain("pick", "The first prompt of the outbox is under way, if none is."),
            It::Save => Op::plain("save", "Save cursor and outbox, as one."),
            It::ArmBackoff => Op::plain("arm_backoff", "Arm the timer of the next dial: a random time that grows with each failure."),
            It::ArmNow => Op::plain("arm_now", "Arm the timer of the next dial: at once, but not sooner after the last one than the settings say."),
            It::Dial => Op::plain("dial", "Open a socket, and count it."),
            It::ArmAttach => Op::plain("arm_attach", "Arm the timer of dial and welcome."),
            It::ArmStable => Op::plain("arm_stable", "Arm the timer after which failures are forgiven."),
            It::Watch => Op::plain("watch", "Wind up the watchdog."),
            It::Probe => Op::plain("probe", "Ping, and give the server only as long as a probe may take."),
            It::Hello => Op::plain("hello", "Send who it is and what was handed over so far."),
            It::SendSuspend => Op::plain("send_suspend", "Send that it goes to the background, and what it has seen."),
            It::SendResume => Op::plain("send_resume", "Send that it is back."),
            It::SendPrompt => Op::plain("send_prompt", "Send the prompt that came under way just now, if one did."),
            It::SendCommand => Op::plain("send_command", "Send the command."),
            It::TellWelcome => Op::plain("tell_welcome", "Hand the welcome to the application; before it, the notice that it begins anew, if it does."),
            It::Deliver => Op::plain("deliver", "Hand the entry to the application."),
            It::TellGap => Op::plain("tell_gap", "Tell the application what is lost to it."),
            It::TellCaughtUp => Op::plain("tell_caught_up", "Tell the application that it has caught up."),
            It::TellClosed => Op::plain("tell_closed", "Tell the application that the server sent it away."),
        }
    }
}

impl From<routing::Op> for Op {
    fn from(op: routing::Op) -> Op {
        Op::plain(op.into_str(), op.meaning())
    }
}
