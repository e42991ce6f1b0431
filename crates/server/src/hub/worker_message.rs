//! What a session's driver and its worker say to each other.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::ask::{AnsweredAsk, AskAnswer, TurnError};
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
    /// It ended its turn with these questions.
    Waiting(Vec<Body>),
    /// It gives up an ask that outlived its turn.
    Withdrawn(Seq),
    /// It leaves; and why it failed, if it did, and with it its turn, if it was at one.
    Exited(Option<String>),
}

/// What the driver sends to a worker.
#[derive(Debug)]
pub(super) enum WorkerCommand {
    /// Answer a prompt, or go on with an answer.
    Turn(Box<DispatchedTurn>),
    /// Stop that turn.
    Interrupt(Seq),
    /// Stop, close out and leave.
    CloseOut,
}

/// A turn to take. What begins it was read before its dispatch was committed: afterwards it may be trimmed.
#[derive(Debug)]
pub(super) struct DispatchedTurn {
    pub(super) turn: Seq,
    /// What begins it; or why that could not be read.
    pub(super) content: Result<TurnContent, String>,
}

/// What begins a turn.
#[derive(Clone, Debug)]
pub(super) struct TurnContent {
    /// Which client prompted, or answered.
    pub(super) client: Arc<str>,
    /// For which principal; none in a log of before this was kept.
    pub(super) by: Option<Arc<str>>,
    /// When that was committed.
    pub(super) at: u64,
    /// The prompt, or the answer.
    pub(super) body: Body,
    /// The ask that it answers, if it does.
    pub(super) answers: Option<AnsweredAsk>,
}
