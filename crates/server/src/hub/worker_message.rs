//! What a session's driver and its worker say to each other.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::ask::{AskAnswer, TurnError};
use super::body::Body;
use super::output_batch::OutputBatch;
use outlive::ids::Seq;
use outlive::session::WorkerOutcome;

/// What a worker said.
#[derive(Debug)]
pub(super) struct WorkerMessage {
    pub(super) turn: Option<Seq>,
    pub(super) event: WorkerEvent,
    /// What it takes in the queue, until it is heard.
    pub(super) room: u32,
}

/// Where the answer to an ask goes.
pub(super) type Asked = oneshot::Sender<Result<AskAnswer, TurnError>>;

#[derive(Debug)]
pub(super) enum WorkerEvent {
    Started,
    /// Why it could not start.
    StartFailed(String),
    Output(OutputBatch),
    Ask(Body, Asked),
    Ended(WorkerOutcome, Option<String>),
    /// It leaves; and why it failed, if it did, and with it its turn, if it was at one.
    Exited(Option<String>),
}

/// What the driver sends to a worker.
#[derive(Debug)]
pub(super) enum WorkerCommand {
    /// Answer a prompt.
    Turn(Box<DispatchedPrompt>),
    /// Stop that turn.
    Interrupt(Seq),
    /// Stop, close out and leave.
    CloseOut,
}

/// A prompt to answer. It was read before its dispatch was committed: afterwards it may be trimmed.
#[derive(Debug)]
pub(super) struct DispatchedPrompt {
    pub(super) turn: Seq,
    /// Who prompted, and what; or why it could not be read.
    pub(super) prompt: Result<(Arc<str>, Body), String>,
}
