//! A connection is driven by whoever reads its response: no task stands between the socket and the reader, and what came
//! in one read is read to its end before anything else is done about it.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use bytes::Bytes;
use futures_util::task::AtomicWaker;
use http_body_util::Full;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::client::conn::TrySendError;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::rt::{Read, Write};
use hyper::{Request, Response};
use tokio::time::{Instant, sleep_until};

type Posting = Request<Full<Bytes>>;

/// Reads and writes the socket. Ends with the connection.
type Driver = Pin<Box<dyn Future<Output = hyper::Result<()>> + Send>>;

/// One request at a time.
pub(crate) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    driver: Driver,
}

impl Connection {
    pub(crate) async fn over<T>(io: T) -> hyper::Result<Connection>
    where
        T: Read + Write + Unpin + Send + 'static,
    {
        let (sender, driver) = handshake(io).await?;
        Ok(Connection { sender, driver: Box::pin(driver) })
    }

    /// Sends a request, and returns the head of its response. An error has the request again if no byte of it was written.
    async fn exchange(
        mut self,
        request: Posting,
        kept: &Kept,
    ) -> Result<Response<Answer>, TrySendError<Posting>> {
        let mut response = pin!(self.sender.try_send_request(request));
        let mut over = false;
        let response = poll_fn(|cx| {
            // Why it is over, the response says.
            over = over || self.driver.as_mut().poll(cx).is_ready();
            response.as_mut().poll(cx)
        });
        let (head, body) = response.await?.into_parts();
        let connection = Some(self).filter(|_| !over);
        Ok(Response::from_parts(head, Answer::new(body, connection, kept.clone())))
    }

    /// Whether it takes another request.
    fn is_ready(&mut self) -> bool {
        let over = self.driver.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready();
        !over && self.sender.is_ready()
    }
}

/// The connections that wait for a request.
#[derive(Clone)]
pub(crate) struct Kept(Arc<Mutex<Waiting>>);

#[derive(Default)]
struct Waiting {
    /// The newest last, each with the time at which it is closed.
    connections: Vec<(Instant, Connection)>,
    /// A task closes those whose time has come.
    watched: bool,
}

/// Shorter than the 5 seconds for which uvicorn and Node keep an idle connection: a request on one that the backend
/// is about to close would be lost, and must not be sent again.
const IDLE: Duration = Duration::from_secs(4);

impl Kept {
    pub(crate) fn new() -> Kept {
        Kept(Arc::default())
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends a request over a connection that was kept, if there is one.
    ///
    /// # Errors
    /// The request, if it is not sent yet.
    pub(crate) async fn send(
        &self,
        mut request: Posting,
    ) -> Result<hyper::Result<Response<Answer>>, Posting> {
        while let Some(connection) = self.take() {
            match connection.exchange(request, self).await {
                Ok(response) => return Ok(Ok(response)),
                Err(mut why) => match why.take_message() {
                    // It was closed meanwhile.
                    Some(unsent) => request = unsent,
                    None => return Ok(Err(why.into_error())),
                },
            }
        }
        Err(request)
    }

    /// Sends a request over a new connection, which is kept afterwards.
    pub(crate) async fn send_over(
        &self,
        connection: Connection,
        request: Posting,
    ) -> hyper::Result<Response<Answer>> {
        connection.exchange(request, self).await.map_err(TrySendError::into_error)
    }

    fn take(&self) -> Option<Connection> {
        loop {
            let (until, mut connection) = self.lock().connections.pop()?;
            if until > Instant::now() && connection.is_ready() {
                return Some(connection);
            }
        }
    }

    fn put(&self, mut connection: Connection) {
        if !connection.is_ready() {
            return;
        }
        let mut waiting = self.lock();
        waiting.connections.push((Instant::now() + IDLE, connection));
        if !std::mem::replace(&mut waiting.watched, true) {
            tokio::spawn(self.clone().close_idle());
        }
    }

    /// Closes each when its time has come, until none is left.
    async fn close_idle(self) {
        while let Some(until) = self.next_to_close() {
            sleep_until(until).await;
        }
    }

    fn next_to_close(&self) -> Option<Instant> {
        let mut waiting = self.lock();
        let now = Instant::now();
        waiting.connections.retain(|(until, _)| *until > now);
        let next = waiting.connections.first().map(|(until, _)| *until);
        waiting.watched = next.is_some();
        next
    }
}

impl std::fmt::Debug for Kept {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Kept").finish_non_exhaustive()
    }
}

/// The body of a response. To read it is to drive its connection, which waits for the next request when all is read; to
/// drop it before is to close the connection.
pub(crate) struct Answer {
    body: Incoming,
    /// None: it is over, or kept.
    connection: Option<Connection>,
    kept: Kept,
    gate: Arc<Gate>,
    /// Goes through the gate.
    waker: Waker,
}

impl Answer {
    fn new(body: Incoming, connection: Option<Connection>, kept: Kept) -> Answer {
        let gate = Arc::new(Gate::default());
        let waker = Arc::clone(&gate).into();
        let mut answer = Answer { body, connection, kept, gate, waker };
        if answer.body.is_end_stream() {
            answer.keep();
        }
        answer
    }

    fn keep(&mut self) {
        if let Some(connection) = self.connection.take() {
            self.kept.put(connection);
        }
    }

    /// What has come already.
    fn come(&mut self) -> Poll<Option<hyper::Result<Frame<Bytes>>>> {
        let came = Pin::new(&mut self.body).poll_frame(&mut Context::from_waker(&self.waker));
        if let Poll::Ready(None) = came {
            self.keep();
        }
        came
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<hyper::Result<Frame<Bytes>>>> {
        self.gate.shut(cx.waker());
        if let came @ Poll::Ready(_) = self.come() {
            return came;
        }
        let this = &mut *self;
        if let Some(connection) = &mut this.connection {
            let mut inner = Context::from_waker(&this.waker);
            if connection.driver.as_mut().poll(&mut inner).is_ready() {
                // What it has left, or why it is over, has come.
                this.connection = None;
            }
        }
        if let came @ Poll::Ready(_) = self.come() {
            return came;
        }
        self.gate.open();
        Poll::Pending
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Between the two ends of a body, which wake each other at each piece, and the task that polls both and need not be woken
/// for that.
#[derive(Debug, Default)]
struct Gate {
    shut: AtomicBool,
    /// Somebody knocked while it was shut.
    woken: AtomicBool,
    task: AtomicWaker,
}

impl Gate {
    /// The task polls: it is woken for nothing that it sees by itself.
    fn shut(&self, task: &Waker) {
        self.task.register(task);
        self.shut.store(true, Ordering::SeqCst);
        self.woken.store(false, Ordering::SeqCst);
    }

    /// The task waits, unless something happened meanwhile.
    fn open(&self) {
        self.shut.store(false, Ordering::SeqCst);
        if self.woken.load(Ordering::SeqCst) {
            self.task.wake();
        }
    }
}

impl Wake for Gate {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.woken.store(true, Ordering::SeqCst);
        if !self.shut.load(Ordering::SeqCst) {
            self.task.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    #[derive(Default)]
    struct Task(AtomicUsize);

    impl Wake for Task {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn a_task_is_woken_once_for_what_it_cannot_see_by_itself_and_for_nothing_else() {
        let (gate, task) = (Arc::new(Gate::default()), Arc::new(Task::default()));
        let (knock, own) = (Waker::from(Arc::clone(&gate)), Waker::from(Arc::clone(&task)));
        let woken = || task.0.load(Ordering::SeqCst);
        // It polls, and finds nothing; then something comes.
        gate.shut(&own);
        gate.open();
        assert_eq!(woken(), 0);
        knock.wake_by_ref();
        assert_eq!(woken(), 1);
        // Something comes while it polls, perhaps after it looked: it looks again.
        gate.shut(&own);
        knock.wake_by_ref();
        assert_eq!(woken(), 1);
        gate.open();
        assert_eq!(woken(), 2);
        // It took what came, and looks by itself when it wants more.
        gate.shut(&own);
        knock.wake_by_ref();
        assert_eq!(woken(), 2);
    }
}
