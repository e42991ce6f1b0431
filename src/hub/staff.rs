//! A worker's task: it takes orders from its session, and what it says goes back there.
//!
//! An incarnation has two channels of its own. To abort a worker is to drop them: whatever still holds a
//! [`Turn`] speaks into nothing. The next worker waits until the task of the one before is gone, so there
//! are never two.

use std::any::Any;
use std::boxed::Box;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::string::{String, ToString};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::FutureExt as _;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::body::Body;
use super::worker::{Answer, Failure, Farewell, Mouth, Start, Turn, TurnError, Worker};
use crate::ids::{Incarnation, Seq};
use crate::session::WorkerOutcome;

/// What a worker said.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) turn: Option<Seq>,
    pub(super) what: What,
}

#[derive(Debug)]
pub(super) enum What {
    Started,
    StartFailed,
    Output(Body),
    Ask(Body, oneshot::Sender<Result<Answer, TurnError>>),
    Ended(WorkerOutcome, Option<String>),
    Exited,
}

/// What a worker is told.
#[derive(Debug)]
pub(super) enum Order {
    /// Answer the prompt at this place.
    Turn(Seq),
    /// Stop that turn.
    Interrupt(Seq),
    /// Stop, close out and leave.
    CloseOut,
}

/// A session's view of its worker.
#[derive(Debug)]
pub(super) struct Employee {
    pub(super) incarnation: Incarnation,
    pub(super) orders: mpsc::UnboundedSender<Order>,
    pub(super) said: mpsc::Receiver<Said>,
    pub(super) leave: CancellationToken,
    pub(super) task: JoinHandle<()>,
}

impl Employee {
    /// Nothing it says counts from here on. The task is returned: it may take a moment to be gone.
    pub(super) fn abort(self) -> JoinHandle<()> {
        self.leave.cancel();
        self.task.abort();
        self.task
    }
}

/// Starts workers, whatever their type.
pub(super) trait Employer: Send + Sync {
    fn employ(&self, job: Job) -> Pin<Box<dyn Future<Output = ()> + Send>>;
}

/// All that a worker's task needs.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) start: Start,
    pub(super) mouth: Mouth,
    pub(super) orders: mpsc::UnboundedReceiver<Order>,
    /// The task of the worker before, if it is not gone yet.
    pub(super) before: Option<JoinHandle<()>>,
}

pub(super) struct Employing<W>(pub(super) Arc<W>);

impl<W: Worker> Employer for Employing<W> {
    fn employ(&self, job: Job) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(work(Arc::clone(&self.0), job))
    }
}

/// A panic of the author's code is a failure of the turn.
async fn guarded<T>(act: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    AssertUnwindSafe(act).catch_unwind().await.unwrap_or_else(|panic| Err(panicked(&*panic).into()))
}

fn panicked(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    std::format!("the worker panicked: {}", text.unwrap_or_default())
}

async fn work<W: Worker>(worker: Arc<W>, mut job: Job) {
    if let Some(before) = job.before.take() {
        // However it ended: it is gone.
        _ = before.await;
    }
    let Some(mut run) = start(&*worker, &mut job).await else { return };
    let mut leaving = job.start.leave.is_cancelled();
    while !leaving {
        match job.orders.recv().await {
            None => return,
            Some(Order::CloseOut) => leaving = true,
            Some(Order::Interrupt(_)) => {}
            Some(Order::Turn(turn)) => match answer(&*worker, &mut run, &mut job, turn).await {
                Then::Next => {}
                Then::CloseOut => leaving = true,
                Then::Leave => return say(&job, None, What::Exited).await,
                Then::Gone => return,
            },
        }
    }
    let farewell = Farewell { start: job.start.clone(), mouth: job.mouth.clone() };
    let closing = async {
        worker.close_out(run, farewell).await;
        Ok(())
    };
    let closed = guarded(closing).await;
    if let Err(why) = closed {
        tracing::warn!(session = %job.start.session, %why, "the closeout failed");
    }
    say(&job, None, What::Exited).await;
}

async fn say(job: &Job, turn: Option<Seq>, what: What) {
    // Nobody listens when the worker was aborted: what it says does not count.
    _ = job.mouth.say(Said { turn, what }).await;
}

/// Starts the worker; none if it could not be started, or nobody wants it any more.
async fn start<W: Worker>(worker: &W, job: &mut Job) -> Option<W::Run> {
    let starting = guarded(worker.start(job.start.clone()));
    tokio::pin!(starting);
    let started = loop {
        tokio::select! {
            biased;
            started = &mut starting => break started,
            order = job.orders.recv() => match order {
                None => return None,
                Some(Order::CloseOut) => job.start.leave.cancel(),
                Some(Order::Turn(_) | Order::Interrupt(_)) => {}
            },
        }
    };
    match started {
        Ok(run) => {
            say(job, None, What::Started).await;
            Some(run)
        }
        Err(why) => {
            tracing::warn!(session = %job.start.session, %why, "the worker could not be started");
            say(job, None, What::StartFailed).await;
            None
        }
    }
}

/// What comes after a turn.
enum Then {
    Next,
    CloseOut,
    Leave,
    Gone,
}

async fn answer<W: Worker>(worker: &W, run: &mut W::Run, job: &mut Job, id: Seq) -> Then {
    let token = job.start.leave.child_token();
    let emitted = Arc::new(AtomicU64::new(0));
    let answering = guarded(async {
        let (client, prompt) = prompt(job.start.history.clone(), id).await?;
        let (start, mouth) = (job.start.clone(), job.mouth.clone());
        let (token, emitted) = (token.clone(), Arc::clone(&emitted));
        worker.answer(run, Turn { start, id, client, prompt, token, mouth, emitted }).await
    });
    tokio::pin!(answering);
    let mut then = Then::Next;
    let answered = loop {
        tokio::select! {
            biased;
            order = job.orders.recv() => match order {
                None => return Then::Gone,
                Some(Order::Interrupt(turn)) if turn == id => token.cancel(),
                // Late news of a turn before.
                Some(Order::Interrupt(_)) => {}
                Some(Order::CloseOut) => {
                    then = Then::CloseOut;
                    token.cancel();
                }
                Some(Order::Turn(other)) => tracing::error!(%id, %other, "a turn beside another"),
            },
            answered = &mut answering => break answered,
        }
    };
    let stopped = token.is_cancelled();
    // Whoever still holds the turn says nothing any more.
    token.cancel();
    let spoke = emitted.load(Ordering::Relaxed) > 0;
    let (outcome, error) = match answered {
        Ok(()) | Err(_) if stopped => (WorkerOutcome::Interrupted, None),
        Ok(()) if spoke => (WorkerOutcome::Completed, None),
        Ok(()) => (WorkerOutcome::Empty, None),
        Err(why) => {
            if why.is_fatal() {
                then = Then::Leave;
            }
            (WorkerOutcome::Failed, Some(why.to_string()))
        }
    };
    say(job, Some(id), What::Ended(outcome, error)).await;
    then
}

/// The prompt at a place. It is retained until it is dispatched; a store that does not answer now may
/// answer later.
async fn prompt(history: super::History, id: Seq) -> Result<(Arc<str>, Body), Failure> {
    let mut patience = super::backoff::Backoff::default();
    loop {
        match history.entry(id).await {
            Ok(crate::wire::Said::Prompt { client, d, .. }) => {
                return Ok((client.into(), Body::raw(&d)));
            }
            Ok(_) => return Err("the log has no prompt at the turn's place".into()),
            Err(why) if patience.is_over() => return Err(why.into()),
            Err(_) => patience.wait().await,
        }
    }
}
