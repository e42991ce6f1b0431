//! A WebSocket that is read, written and flushed side by side, by one task.

use std::future::poll_fn;
use std::pin::Pin;
use std::string::{String, ToString};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use axum::Error;
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket};
use bytes::Bytes;
use futures_util::task::AtomicWaker;
use futures_util::{Sink as _, Stream as _};

use outlive::CloseCode;

/// Reads and writes.
#[derive(Debug)]
pub(super) struct Pump {
    socket: WebSocket,
    /// A frame on its way out, and then those of a range: nothing is kept of it when it is done.
    one: Option<Message>,
    many: std::vec::IntoIter<Bytes>,
    ping: bool,
    dirty: bool,
    /// What came in could not be read: nothing else can be.
    deaf: bool,
    ear: Arc<Ear>,
    /// Of the ear.
    rings: Waker,
}

/// Knows whether there may be something to read. A socket that is only written to is not asked: a look at
/// it costs as much as a small frame.
#[derive(Debug)]
struct Ear {
    rang: AtomicBool,
    task: AtomicWaker,
}

impl Wake for Ear {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.rang.store(true, Ordering::Release);
        self.task.wake();
    }
}

/// What the socket did.
#[derive(Debug)]
pub(super) enum Io {
    /// A message came.
    Heard(Message),
    /// Something was written; more may be left.
    Moved,
    /// What came is no frame of a WebSocket, or larger than any.
    Unreadable(CloseCode),
    /// The transport is gone.
    Lost,
}

impl Pump {
    pub(super) fn new(socket: WebSocket) -> Pump {
        let ear = Arc::new(Ear { rang: AtomicBool::new(true), task: AtomicWaker::new() });
        Pump {
            rings: Arc::clone(&ear).into(),
            ear,
            socket,
            one: None,
            many: Vec::new().into_iter(),
            ping: false,
            dirty: false,
            deaf: false,
        }
    }

    /// Whether everything is written.
    pub(super) fn is_idle(&self) -> bool {
        self.one.is_none() && self.many.len() == 0 && !self.ping && !self.dirty
    }

    /// Writes a frame next.
    pub(super) fn say(&mut self, text: String) {
        self.one = Some(Message::Text(text.into()));
    }

    /// Writes entries next, and flushes once.
    pub(super) fn entries(&mut self, frames: Vec<Bytes>) {
        self.many = frames.into_iter();
    }

    /// Writes a ping next. Only an open connection is asked.
    pub(super) fn ping(&mut self) {
        self.ping = true;
    }

    /// Writes a close next, and nothing else any more; with `why`, if more is known than the code means. What the socket has not begun to write is lost.
    pub(super) fn close(&mut self, code: CloseCode, why: Option<&str>) {
        self.cut();
        self.one = Some(Message::Close(Some(CloseFrame {
            code: code.number(),
            reason: Utf8Bytes::from(reason(why.unwrap_or(code.meaning()))),
        })));
    }

    /// Forgets what the socket has not begun to write.
    pub(super) fn cut(&mut self) {
        self.one = None;
        self.many = Vec::new().into_iter();
        self.ping = false;
    }

    /// Goes on with whatever can be gone on with. Cancel-safe.
    pub(super) async fn run(&mut self, reading: bool) -> Io {
        poll_fn(|cx| self.poll(cx, reading)).await
    }

    fn poll(&mut self, cx: &mut Context<'_>, reading: bool) -> Poll<Io> {
        if !self.is_idle() {
            match self.poll_write(cx) {
                Poll::Ready(Ok(())) => return Poll::Ready(Io::Moved),
                Poll::Ready(Err(())) => return Poll::Ready(Io::Lost),
                Poll::Pending => {}
            }
        }
        if !reading || self.deaf {
            return Poll::Pending;
        }
        self.ear.task.register(cx.waker());
        if !self.ear.rang.swap(false, Ordering::AcqRel) {
            return Poll::Pending;
        }
        let mut cx = Context::from_waker(&self.rings);
        Pin::new(&mut self.socket).poll_next(&mut cx).map(|came| {
            // There may be more.
            self.ear.rang.store(true, Ordering::Release);
            match came {
                Some(Ok(message)) => Io::Heard(message),
                None => Io::Lost,
                Some(Err(error)) => match unreadable(&error) {
                    Some(code) => {
                        self.deaf = true;
                        Io::Unreadable(code)
                    }
                    None => Io::Lost,
                },
            }
        })
    }

    /// Ready when all is written, or, if it is much, some.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ()>> {
        let mut socket = Pin::new(&mut self.socket);
        let mut moved = false;
        loop {
            let ready = match socket.as_mut().poll_ready(cx) {
                Poll::Ready(ready) => ready,
                Poll::Pending if moved => return Poll::Ready(Ok(())),
                Poll::Pending => return Poll::Pending,
            };
            let message = if core::mem::take(&mut self.ping) {
                Message::Ping(Bytes::new())
            } else if let Some(message) = self.one.take() {
                message
            } else if let Some(frame) = self.many.next() {
                let Ok(text) = Utf8Bytes::try_from(frame) else { return Poll::Ready(Err(())) };
                Message::Text(text)
            } else {
                break;
            };
            (moved, self.dirty) = (true, true);
            if ready.is_err() || socket.as_mut().start_send(message).is_err() {
                return Poll::Ready(Err(()));
            }
        }
        match socket.poll_flush(cx) {
            Poll::Ready(Ok(())) => {
                self.dirty = false;
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Err(_)) => Poll::Ready(Err(())),
            Poll::Pending if moved => Poll::Ready(Ok(())),
            Poll::Pending => Poll::Pending,
        }
    }

    /// The peer has closed: says goodbye, and waits until it has hung up.
    pub(super) async fn finish(mut self) {
        while let Some(Ok(_)) = poll_fn(|cx| Pin::new(&mut self.socket).poll_next(cx)).await {}
    }
}

/// What a close says. RFC 6455 leaves it 123 bytes.
fn reason(why: &str) -> &str {
    let mut end = why.len().min(123);
    while !why.is_char_boundary(end) {
        end -= 1;
    }
    &why[..end]
}

/// Whether the transport is there, and what came over it could not be read.
fn unreadable(error: &Error) -> Option<CloseCode> {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(why) = cause {
        if why.is::<std::io::Error>() {
            return None;
        }
        cause = why.source();
    }
    // The type behind it is of a crate that is a matter of axum's own.
    let said = error.to_string();
    if said.contains("without closing handshake") || said.contains("closed") {
        None
    } else if said.contains("too long") || said.contains("Space limit") {
        Some(CloseCode::TooBig)
    } else {
        Some(CloseCode::Protocol)
    }
}
