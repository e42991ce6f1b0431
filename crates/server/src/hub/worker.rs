//! What a server author writes: a [`Worker`], or just an async function that answers a prompt.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::ask::{AnsweredAsk, AskAnswer, TurnError};
use super::body::Body;
use super::history::History;
use super::output_sender::OutputSender;
use super::worker_message::{TurnContent, WorkerEvent};
use crate::store::SessionId;
use outlive::ids::{Incarnation, Seq};

/// The author's code that does the long work of sessions. One value serves all of them; what belongs to one
/// session's worker is its [`Run`](Worker::Run).
///
/// An async function from [`Turn`] is a worker:
///
/// ```
/// use outlive_server::hub::{Failure, Turn};
///
/// async fn answer(turn: Turn) -> Result<(), Failure> {
///     let prompt: String = turn.prompt().deserialize()?;
///     for word in prompt.split_whitespace() {
///         turn.emit(&word.to_uppercase()).await?;
///     }
///     Ok(())
/// }
/// # fn is_a_worker(_: impl outlive_server::hub::Worker) {}
/// # is_a_worker(answer);
/// ```
///
/// What blocks its thread goes to `tokio::task::spawn_blocking` or `block_in_place`, or the whole session
/// [stalls](super#work-that-blocks).
pub trait Worker: Send + Sync + 'static {
    /// What lives as long as one incarnation: a process, a model's context, nothing.
    type Run: Send + 'static;

    /// Starts a session's worker. [`WorkerContext::resume`] says whether the conversation had one before; its
    /// log is the history to go on from.
    ///
    /// # Errors
    /// The session ends with `start_failed`, and every waiting prompt with it as `failed`, with the text in
    /// the log for all to see. A later prompt tries again.
    fn start(
        &self,
        start: WorkerContext,
    ) -> impl Future<Output = Result<Self::Run, Failure>> + Send;

    /// Answers a prompt. `Ok` ends the turn as `completed`, or `empty` if nothing was emitted; or as `waiting`, if it
    /// [left an ask](Turn::leave_ask).
    ///
    /// An interrupt cancels [`Turn::cancellation`], and every `emit` fails with
    /// [`TurnError::Stopped`] from then on: come to an end, with `?` for instance. A worker that does
    /// not, in the time that the limits give it, is dropped at its next `await`.
    ///
    /// # Errors
    /// The turn ends as `failed`, with the text in the log for all to see; as `interrupted` if it was
    /// asked to stop. A panic is a [fatal](Failure::fatal) failure: the [`Run`](Worker::Run) may be half changed
    /// and is dropped, the worker leaves, and what waits is answered by the next one.
    fn answer(
        &self,
        run: &mut Self::Run,
        turn: Turn,
    ) -> impl Future<Output = Result<(), Failure>> + Send;

    /// The session is closing: commit, summarise, say goodbye. What it emits is the last output.
    fn close_out(
        &self,
        run: Self::Run,
        context: CloseoutContext,
    ) -> impl Future<Output = ()> + Send {
        async move { drop((run, context)) }
    }
}

impl<F, Answer> Worker for F
where
    F: Fn(Turn) -> Answer + Send + Sync + 'static,
    Answer: Future<Output = Result<(), Failure>> + Send,
{
    type Run = ();

    async fn start(&self, _: WorkerContext) -> Result<(), Failure> {
        Ok(())
    }

    fn answer(&self, (): &mut (), turn: Turn) -> impl Future<Output = Result<(), Failure>> + Send {
        self(turn)
    }
}

/// Why a turn or a start failed: any error, so that `?` works on everything.
///
/// ```
/// use outlive_server::hub::{Failure, Turn};
///
/// async fn answer(turn: Turn) -> Result<(), Failure> {
///     let prompt: String = turn.prompt().deserialize()?; // any error, and a failure of this turn alone
///     if prompt.is_empty() {
///         return Err("say something".into()); // as this is
///     }
///     let number: i64 = prompt.parse().map_err(|_| format!("{prompt} is no number"))?;
///     let double = number.checked_mul(2).ok_or_else(|| Failure::fatal("out of numbers"))?;
///     turn.emit(&double).await?;
///     Ok(())
/// }
/// # fn is_a_worker(_: impl outlive_server::hub::Worker) {}
/// # is_a_worker(answer);
/// ```
#[derive(Debug)]
pub struct Failure {
    why: Box<dyn Error + Send + Sync>,
    fatal: bool,
}

impl Failure {
    /// The worker cannot go on after this: the turn fails, its [`Run`](Worker::Run) is dropped, and the worker
    /// leaves without a closeout. The next prompt, or one that waits, starts another one. A panic is the same.
    pub fn fatal(why: impl Into<Box<dyn Error + Send + Sync>>) -> Failure {
        Failure { why: why.into(), fatal: true }
    }

    pub(super) fn is_fatal(&self) -> bool {
        self.fatal
    }
}

impl<E: Into<Box<dyn Error + Send + Sync>>> From<E> for Failure {
    fn from(why: E) -> Failure {
        Failure { why: why.into(), fatal: false }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.why.fmt(f)
    }
}

/// What a worker gets when it starts.
#[derive(Clone, Debug)]
pub struct WorkerContext {
    pub(super) session: SessionId,
    pub(super) incarnation: Incarnation,
    pub(super) resume: bool,
    pub(super) history: History,
    pub(super) leave: CancellationToken,
}

impl WorkerContext {
    /// Which session.
    pub fn session(&self) -> &SessionId {
        &self.session
    }

    /// Which life of its worker this is, from 1.
    pub fn incarnation(&self) -> Incarnation {
        self.incarnation
    }

    /// The fencing token of this worker, for what it does outside: a number that grows with each worker of the session, on
    /// whichever node it runs, and two never have the same one. A worker whose node is paused or cut off does not know that
    /// another one has its session, so it is the outside that has to refuse it: it keeps, for each session, the highest token
    /// that it was shown, takes a request whose token is that one or higher, and refuses a lower one.
    ///
    /// It is the number of the [incarnation](WorkerContext::incarnation). It starts over with what the store loses: after a
    /// copy was put back, or a standby promoted that lacked commits, a token may come a second time.
    pub fn fencing_token(&self) -> u64 {
        self.incarnation.0.into()
    }

    /// Whether the conversation had a worker before.
    pub fn resume(&self) -> bool {
        self.resume
    }

    /// The log so far. It also has the prompt that this start is for, and others that wait: see
    /// [`History::entries`].
    pub fn history(&self) -> &History {
        &self.history
    }

    /// Cancelled when the worker is to leave, or was aborted.
    pub fn cancellation(&self) -> &CancellationToken {
        &self.leave
    }
}

/// The questions with which a turn ends, if it ends well.
#[derive(Clone, Debug, Default)]
pub(super) struct LeftAsks(Arc<Mutex<Vec<Body>>>);

impl LeftAsks {
    fn push(&self, question: Body) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(question);
    }

    pub(super) fn take(&self) -> Vec<Body> {
        core::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// One prompt to answer, and the handle to answer it with. Clones are the same turn; one that is kept
/// longer than the turn emits nothing any more: its calls fail.
#[derive(Clone, Debug)]
pub struct Turn {
    pub(super) context: WorkerContext,
    pub(super) id: Seq,
    pub(super) content: TurnContent,
    pub(super) token: CancellationToken,
    pub(super) output: Arc<OutputSender>,
    pub(super) emitted: Arc<AtomicU64>,
    pub(super) left: LeftAsks,
}

impl Turn {
    /// Which session.
    pub fn session(&self) -> &SessionId {
        &self.context.session
    }

    /// The turn's name: the place in the log of its prompt, or of the answer that it goes on with.
    pub fn id(&self) -> Seq {
        self.id
    }

    /// What the worker was started with.
    pub fn context(&self) -> &WorkerContext {
        &self.context
    }

    /// The client that prompted, or answered, by the name that it gave itself: it is no proof of who that is.
    pub fn client(&self) -> &str {
        &self.content.client
    }

    /// The principal that was authorised to prompt, or to answer; none if a log of before principals were kept does not
    /// say.
    pub fn by(&self) -> Option<&str> {
        self.content.by.as_deref()
    }

    /// When the prompt, or the answer, was committed: milliseconds since the Unix epoch, by the clock of the server that
    /// took it.
    pub fn at(&self) -> u64 {
        self.content.at
    }

    /// The prompt: `turn.prompt().deserialize::<String>()?` is its text. In a turn that goes on with an answer, the
    /// answer: see [`answers`](Turn::answers).
    pub fn prompt(&self) -> &Body {
        &self.content.body
    }

    /// The question that [`prompt`](Turn::prompt) is the answer to, in a turn that goes on where another one
    /// [left an ask](Turn::leave_ask); none in a turn that a prompt began.
    pub fn answers(&self) -> Option<&AnsweredAsk> {
        self.content.answers.as_ref()
    }

    /// The log so far. It also has this turn's prompt, and those that wait behind it: see [`History::entries`].
    pub fn history(&self) -> &History {
        &self.context.history
    }

    /// Cancelled when the turn is asked to stop, or is over.
    pub fn cancellation(&self) -> &CancellationToken {
        &self.token
    }

    /// Appends a piece of the answer to the log; each viewer is sent it. Waits while the store is
    /// slower than the worker. Pieces are logged in the order in which `emit` was called, many at once
    /// when they come fast.
    ///
    /// Cancel-safe: dropped while it waits, it has said nothing. What blocks its thread right after it
    /// [stalls](super#work-that-blocks) the session.
    ///
    /// # Errors
    /// [`TurnError::Stopped`] when the turn was asked to stop or is over, [`TurnError::Body`] if the
    /// value cannot be logged.
    pub async fn emit(&self, piece: &impl Serialize) -> Result<(), TurnError> {
        if self.token.is_cancelled() {
            return Err(TurnError::Stopped);
        }
        tokio::select! {
            biased;
            said = self.output.output(Some(self.id), piece) => said?,
            () = self.token.cancelled() => return Err(TurnError::Stopped),
        }
        self.emitted.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// Leaves a question that outlives the turn, the worker and the process: it is logged when the turn ends, which
    /// must be with `Ok`, and the outcome is then `waiting`. People may answer it tomorrow. The first answer is a turn
    /// of its own, queued like a prompt: it starts or reopens the session if it must, and the worker that is up by then
    /// finds the question in [`answers`](Turn::answers) and the answer in [`prompt`](Turn::prompt). No
    /// [drain](super::Hub::drain) waits for it.
    ///
    /// ```
    /// use outlive_server::hub::{Failure, Turn};
    ///
    /// async fn answer(turn: Turn) -> Result<(), Failure> {
    ///     match turn.answers() {
    ///         None => turn.leave_ask(&"Delete the branch?")?,
    ///         Some(_) if turn.prompt().deserialize()? => turn.emit(&"It is gone.").await?,
    ///         Some(_) => turn.emit(&"It stays.").await?,
    ///     }
    ///     Ok(())
    /// }
    /// # fn is_a_worker(_: impl outlive_server::hub::Worker) {}
    /// # is_a_worker(answer);
    /// ```
    ///
    /// Several can be left in one turn; each is answered by itself. All that stand, with those that this turn
    /// [waits for](Turn::ask), count against [`Limits::asks`](outlive::Limits::asks): a turn that leaves more fails.
    ///
    /// # Errors
    /// [`TurnError::Stopped`] when the turn was asked to stop or is over, [`TurnError::Body`] if the
    /// value cannot be logged.
    pub fn leave_ask(&self, question: &impl Serialize) -> Result<(), TurnError> {
        if self.token.is_cancelled() {
            return Err(TurnError::Stopped);
        }
        self.left.push(self.output.question(question)?);
        Ok(())
    }

    /// Gives up an ask that outlived its turn, by its place in the log: the log says that it is withdrawn, and who
    /// answers later is refused. One that is not pending any more is left as it is.
    ///
    /// # Errors
    /// [`TurnError::Stopped`] when the turn was asked to stop or is over.
    pub fn withdraw(&self, ask: Seq) -> Result<(), TurnError> {
        if self.token.is_cancelled() {
            return Err(TurnError::Stopped);
        }
        Ok(self.output.send(Some(self.id), WorkerEvent::Withdrawn(ask))?)
    }

    /// Asks the viewers, and waits for the first answer. The ask is in the log: a viewer that comes later
    /// sees it too. It ends with the turn, or when this future is dropped: then it is withdrawn, the log says so, and
    /// who answers later is refused. One without an answer holds a [drain](super::Hub::drain) until its deadline;
    /// then the turn ends as `ambiguous`. A worker that cannot wait so long sets itself a time,
    /// `timeout(patience, turn.ask(…))`, or [leaves the ask](Turn::leave_ask) for after the turn. An answer that is accepted in the very moment of giving up is in the log, and
    /// is not given to the worker.
    ///
    /// # Errors
    /// As [`emit`](Turn::emit), or [`TurnError::TooManyAsks`].
    pub async fn ask(&self, question: &impl Serialize) -> Result<AskAnswer, TurnError> {
        let (reply, answer) = oneshot::channel();
        tokio::select! {
            biased;
            () = self.token.cancelled() => return Err(TurnError::Stopped),
            said = self.output.ask(self.id, question, reply) => said?,
        }
        self.emitted.fetch_add(1, Ordering::Relaxed);
        tokio::select! {
            biased;
            () = self.token.cancelled() => Err(TurnError::Stopped),
            answer = answer => answer.unwrap_or(Err(TurnError::Stopped)),
        }
    }
}

/// The handle of a [closeout](Worker::close_out).
#[derive(Clone, Debug)]
pub struct CloseoutContext {
    pub(super) context: WorkerContext,
    pub(super) output: Arc<OutputSender>,
}

impl CloseoutContext {
    /// What the worker was started with.
    pub fn context(&self) -> &WorkerContext {
        &self.context
    }

    /// Appends last words to the log, as [`Turn::emit`] does.
    ///
    /// # Errors
    /// [`TurnError::Stopped`] if the closeout took too long, or a prompt superseded it;
    /// [`TurnError::Body`] if the value cannot be logged.
    pub async fn emit(&self, piece: &impl Serialize) -> Result<(), TurnError> {
        self.output.output(None, piece).await
    }
}
