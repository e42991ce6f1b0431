//! A worker's task: it takes orders from its session, and what it says goes back there.
//!
//! An incarnation has two queues of its own. To abort a worker is to drop them: whatever still holds a
//! [`Turn`] speaks into nothing. The next worker waits until the task of the one before is gone, so there
//! are never two.

use std::any::Any;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use futures_util::FutureExt as _;
use tokio::sync::Semaphore;
use tokio::task::AbortHandle;
use tokio_util::sync::CancellationToken;

use super::output_sender::OutputSender;
use super::queue::{Receiver, Sender};
use super::worker::{CloseoutContext, Failure, LeftAsks, Turn, Worker, WorkerContext};
use super::worker_message::{DispatchedTurn, WorkerCommand, WorkerEvent, WorkerMessage};
use outlive::ids::{Incarnation, Seq};
use outlive::session::WorkerOutcome;

/// A session's view of its worker. To drop it is to abort the worker: nothing it says counts from there
/// on. Its task may take a moment to be gone.
#[derive(Debug)]
pub(super) struct WorkerHandle {
    pub(super) incarnation: Incarnation,
    pub(super) orders: Sender<WorkerCommand>,
    pub(super) said: Receiver<WorkerMessage>,
    pub(super) leave: CancellationToken,
    pub(super) task: AbortHandle,
}

impl WorkerHandle {
    /// What it has said, if it has said anything.
    pub(super) fn heard(&mut self) -> Option<WorkerMessage> {
        let said = self.said.pop()?;
        self.said.free(said.room);
        Some(said)
    }

    /// What it says next; none when its task has ended and all is heard.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<WorkerMessage>> {
        let said = self.said.poll(cx);
        if let Poll::Ready(Some(said)) = &said {
            self.said.free(said.room);
        }
        said
    }
}

impl Drop for WorkerHandle {
    fn drop(&mut self) {
        self.leave.cancel();
        self.task.abort();
    }
}

/// Where the workers of a session sit, one at a time: also one that was aborted keeps the seat until its
/// task is gone.
#[derive(Clone, Debug)]
pub(super) struct WorkerSlot(Arc<Semaphore>);

impl WorkerSlot {
    pub(super) fn new() -> WorkerSlot {
        WorkerSlot(Arc::new(Semaphore::new(1)))
    }

    /// Returns when no worker has the slot any more. Cancel-safe.
    pub(super) async fn is_free(&self) {
        _ = self.0.acquire().await;
    }
}

/// Starts workers, whatever their type.
pub(super) trait SpawnWorker: Send + Sync {
    fn spawn_worker(&self, inputs: WorkerInputs) -> Pin<Box<dyn Future<Output = ()> + Send>>;
}

/// All that a worker's task needs.
#[derive(Debug)]
pub(super) struct WorkerInputs {
    pub(super) context: WorkerContext,
    pub(super) output: Arc<OutputSender>,
    pub(super) orders: Receiver<WorkerCommand>,
    pub(super) seat: WorkerSlot,
}

pub(super) struct WorkerSpawner<W>(pub(super) Arc<W>);

impl<W: Worker> SpawnWorker for WorkerSpawner<W> {
    fn spawn_worker(&self, inputs: WorkerInputs) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(work(Arc::clone(&self.0), inputs))
    }
}

/// A panic of the author's code is a failure, and a fatal one: what it was at may be half changed.
async fn guarded<T>(act: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let acted = AssertUnwindSafe(act).catch_unwind().await;
    acted.unwrap_or_else(|panic| Err(Failure::fatal(panicked(&*panic))))
}

fn panicked(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    format!("the worker panicked: {}", text.unwrap_or_default())
}

async fn work<W: Worker>(worker: Arc<W>, mut inputs: WorkerInputs) {
    let seat = Arc::clone(&inputs.seat.0);
    // It is held until everything else of this task is dropped, and no seat is ever closed.
    let Ok(_sits) = seat.acquire().await else { return };
    let Some(mut run) = start(&*worker, &mut inputs).await else { return };
    while !inputs.context.leave.is_cancelled() {
        match inputs.orders.next().await {
            None => return,
            Some(WorkerCommand::CloseOut) => inputs.context.leave.cancel(),
            // Late news of a turn before.
            Some(WorkerCommand::Interrupt(_)) => {}
            Some(WorkerCommand::Turn(turn)) => {
                match answer(&*worker, &mut run, &mut inputs, *turn).await {
                    Then::Next => {}
                    Then::Leave(why) => return say(&inputs, None, WorkerEvent::Exited(why)),
                    Then::Gone => return,
                }
            }
        }
    }
    let context =
        CloseoutContext { context: inputs.context.clone(), output: Arc::clone(&inputs.output) };
    let closing = async {
        worker.close_out(run, context).await;
        Ok(())
    };
    let closed = guarded(closing).await;
    if let Err(why) = closed {
        tracing::warn!(session = %inputs.context.session, %why, "the closeout failed");
    }
    say(&inputs, None, WorkerEvent::Exited(None));
}

fn say(inputs: &WorkerInputs, turn: Option<Seq>, event: WorkerEvent) {
    // A worker that was aborted has no listener any more, and what it says does not count.
    _ = inputs.output.send(turn, event);
}

/// Starts the worker; none if it could not be started, or was aborted meanwhile.
async fn start<W: Worker>(worker: &W, inputs: &mut WorkerInputs) -> Option<W::Run> {
    let starting = guarded(worker.start(inputs.context.clone()));
    tokio::pin!(starting);
    let started = loop {
        tokio::select! {
            biased;
            started = &mut starting => break started,
            order = inputs.orders.next() => match order {
                None => return None,
                Some(WorkerCommand::CloseOut) => inputs.context.leave.cancel(),
                Some(WorkerCommand::Turn(_) | WorkerCommand::Interrupt(_)) => {}
            },
        }
    };
    match started {
        Ok(run) => {
            say(inputs, None, WorkerEvent::Started);
            Some(run)
        }
        Err(why) => {
            tracing::warn!(session = %inputs.context.session, %why, "the worker could not be started");
            say(inputs, None, WorkerEvent::StartFailed(why.to_string()));
            None
        }
    }
}

/// What comes after a turn.
enum Then {
    Next,
    Leave(Option<String>),
    Gone,
}

async fn answer<W: Worker>(
    worker: &W,
    run: &mut W::Run,
    inputs: &mut WorkerInputs,
    dispatched: DispatchedTurn,
) -> Then {
    let DispatchedTurn { turn: id, content } = dispatched;
    let token = inputs.context.leave.child_token();
    let emitted = Arc::new(AtomicU64::new(0));
    let left = LeftAsks::default();
    let answering = guarded(async {
        let brings = content?;
        let (context, output) = (inputs.context.clone(), Arc::clone(&inputs.output));
        let (token, emitted, left) = (token.clone(), Arc::clone(&emitted), left.clone());
        let turn = Turn { context, id, content: brings, token, output, emitted, left };
        worker.answer(run, turn).await
    });
    tokio::pin!(answering);
    let mut stopped = false;
    let answered = loop {
        tokio::select! {
            biased;
            order = inputs.orders.next() => match order {
                None => return Then::Gone,
                Some(WorkerCommand::Interrupt(turn)) if turn == id => {
                    stopped = true;
                    token.cancel();
                }
                // Late news of a turn before.
                Some(WorkerCommand::Interrupt(_)) => {}
                Some(WorkerCommand::CloseOut) => {
                    stopped = true;
                    inputs.context.leave.cancel();
                }
                Some(WorkerCommand::Turn(other)) => {
                    tracing::error!(%id, other = %other.turn, "a turn beside another");
                }
            },
            answered = &mut answering => break answered,
        }
    };
    // A clone of the turn that is still held emits nothing any more.
    token.cancel();
    let spoke = emitted.load(Ordering::Relaxed) > 0;
    let fatal = answered.as_ref().is_err_and(Failure::is_fatal);
    let left = left.take();
    if answered.is_ok() && !stopped && !left.is_empty() {
        say(inputs, Some(id), WorkerEvent::Waiting(left));
        return Then::Next;
    }
    let (outcome, error) = match answered {
        Ok(()) | Err(_) if stopped => (WorkerOutcome::Interrupted, None),
        Ok(()) if spoke => (WorkerOutcome::Completed, None),
        Ok(()) => (WorkerOutcome::Empty, None),
        Err(why) => {
            tracing::warn!(session = %inputs.context.session, turn = %id, %why, "the turn failed");
            (WorkerOutcome::Failed, Some(why.to_string()))
        }
    };
    if fatal {
        // One word for both ends: between two the turn's successor would be given to a worker that leaves.
        return Then::Leave(error);
    }
    say(inputs, Some(id), WorkerEvent::Ended(outcome, error));
    Then::Next
}
