//! A backend that answers each request as its test says, chunk by chunk.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use futures_util::future::BoxFuture;
use http_body_util::BodyExt as _;
use hyper::body::{Body, Bytes, Frame, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderMap};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener, UnixStream};
use tokio::sync::{mpsc, oneshot};

use super::stage::soon;

pub(super) struct Backend {
    /// Where it is, without a path.
    pub(super) base: String,
    calls: mpsc::UnboundedReceiver<Call>,
    connections: Arc<AtomicUsize>,
}

/// A request that waits for its response.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) path: String,
    pub(super) headers: HeaderMap,
    pub(super) json: Value,
    respond: oneshot::Sender<Response<Chunks>>,
}

impl Backend {
    pub(super) async fn new() -> Backend {
        Backend::on(TcpListener::bind("127.0.0.1:0").await.unwrap())
    }

    pub(super) fn on(listener: TcpListener) -> Backend {
        let base = format!("http://{}", listener.local_addr().unwrap());
        Backend::accepting(base, listener, |listener| {
            Box::pin(async move {
                let stream = listener.accept().await.unwrap().0;
                stream.set_nodelay(true).unwrap();
                stream
            })
        })
    }

    pub(super) fn unix(listener: UnixListener) -> Backend {
        let path = listener.local_addr().unwrap().as_pathname().unwrap().display().to_string();
        let accept: fn(&UnixListener) -> BoxFuture<'_, UnixStream> =
            |listener| Box::pin(async move { listener.accept().await.unwrap().0 });
        Backend::accepting(format!("unix:{path}:"), listener, accept)
    }

    pub(super) fn accepting<L, S, F>(base: String, listener: L, accept: F) -> Backend
    where
        L: Send + Sync + 'static,
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        F: for<'a> Fn(&'a L) -> BoxFuture<'a, S> + Send + 'static,
    {
        let (sender, calls) = mpsc::unbounded_channel();
        let connections = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&connections);
        tokio::spawn(async move {
            loop {
                let stream = accept(&listener).await;
                count.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(serve(stream, sender.clone()));
            }
        });
        Backend { base, calls, connections }
    }

    pub(super) fn url(&self, path: &str) -> outlive_gateway::BackendUrl {
        format!("{}{path}", self.base).parse().unwrap()
    }

    /// The next request.
    pub(super) async fn call(&mut self) -> Call {
        soon(self.calls.recv()).await.unwrap()
    }

    /// No request has come that was not taken.
    pub(super) fn is_idle(&mut self) -> bool {
        self.calls.try_recv().is_err()
    }

    /// How many connections were made.
    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }
}

async fn serve<S>(stream: S, calls: mpsc::UnboundedSender<Call>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(|request: Request<Incoming>| {
        let calls = calls.clone();
        async move {
            assert_eq!(request.method(), "POST");
            let (head, body) = request.into_parts();
            let json = serde_json::from_slice(&body.collect().await.unwrap().to_bytes()).unwrap();
            let path = head.uri.path_and_query().unwrap().to_string();
            let (respond, response) = oneshot::channel();
            calls.send(Call { path, headers: head.headers, json, respond }).unwrap();
            // A call that is dropped breaks its connection.
            response.await
        }
    });
    // How a connection ends is seen at the other end.
    _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

impl Call {
    /// Begins the response.
    pub(super) fn respond(self, status: u16, content_type: &str) -> Pieces {
        self.respond_with(status, |headers| {
            if !content_type.is_empty() {
                headers.insert(CONTENT_TYPE, content_type.parse().unwrap());
            }
        })
    }

    pub(super) fn respond_with(self, status: u16, head: impl FnOnce(&mut HeaderMap)) -> Pieces {
        let (sender, chunks) = mpsc::channel(1);
        let mut response = Response::new(Chunks(chunks));
        *response.status_mut() = status.try_into().unwrap();
        head(response.headers_mut());
        // The other end may be gone.
        _ = self.respond.send(response);
        Pieces(sender)
    }

    /// Sends all of a response.
    pub(super) async fn send(self, status: u16, content_type: &str, body: &str) {
        self.respond(status, content_type).send(body.to_owned()).await;
    }
}

/// A response that is being sent; dropped, it ends as it should.
pub(super) struct Pieces(mpsc::Sender<io::Result<Frame<Bytes>>>);

impl Pieces {
    /// Sends a chunk, when the connection has room.
    pub(super) async fn send(&self, chunk: impl Into<Bytes>) {
        _ = soon(self.0.send(Ok(Frame::data(chunk.into())))).await;
    }

    /// Sends a chunk if there is room now.
    pub(super) fn try_send(&self, chunk: Bytes) -> bool {
        self.0.try_send(Ok(Frame::data(chunk))).is_ok()
    }

    /// Breaks the connection.
    pub(super) async fn cut(self) {
        _ = soon(self.0.send(Err(io::Error::other("cut")))).await;
    }

    /// Returns when the other end has closed the request.
    pub(super) async fn closed(&self) {
        soon(self.0.closed()).await;
    }

    pub(super) fn is_closed(&self) -> bool {
        self.0.is_closed()
    }
}

/// The body of a response.
#[derive(Debug)]
pub(super) struct Chunks(mpsc::Receiver<io::Result<Frame<Bytes>>>);

impl Body for Chunks {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        self.0.poll_recv(context)
    }
}
