//! A WebSocket that is read, written and flushed side by side, by one task.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use bytes::Bytes;
use futures_util::task::AtomicWaker;
use futures_util::{Sink as _, Stream as _};
use tokio_tungstenite::tungstenite::error::{Error, ProtocolError};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

use super::handshake::WebSocket;
use super::transport::Traffic;
use outlive::CloseCode;

/// Reads and writes.
#[derive(Debug)]
pub(super) struct SocketIo {
    socket: WebSocket,
    /// The next frame to write, and behind it the entries of a range. Both are empty once they are written.
    frame: Option<Message>,
    entries: std::vec::IntoIter<Bytes>,
    ping: bool,
    unflushed: bool,
    /// A read failed: no other can succeed.
    read_failed: bool,
    read_ready: Arc<ReadReady>,
    /// Sets `read_ready`.
    waker: Waker,
}

/// Whether there may be something to read. A socket that is only written to is not polled for reading: such a
/// poll costs as much as a small frame.
#[derive(Debug)]
struct ReadReady {
    ready: AtomicBool,
    task: AtomicWaker,
}

impl Wake for ReadReady {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.ready.store(true, Ordering::Release);
        self.task.wake();
    }
}

/// What the socket did.
#[derive(Debug)]
pub(super) enum IoEvent {
    Received(Message),
    /// Something was written; more may be left.
    Progressed,
    /// The peer sent something that is not WebSocket, or too large: close with this code.
    PeerFault(CloseCode),
    /// The transport is gone.
    Lost,
}

impl SocketIo {
    pub(super) fn new(socket: WebSocket) -> SocketIo {
        let read_ready =
            Arc::new(ReadReady { ready: AtomicBool::new(true), task: AtomicWaker::new() });
        SocketIo {
            waker: Arc::clone(&read_ready).into(),
            read_ready,
            socket,
            frame: None,
            entries: Vec::new().into_iter(),
            ping: false,
            unflushed: false,
            read_failed: false,
        }
    }

    /// The bytes that have moved.
    pub(super) fn traffic(&self) -> Traffic {
        self.socket.get_ref().traffic()
    }

    /// Whether everything is written.
    pub(super) fn is_idle(&self) -> bool {
        self.frame.is_none() && self.entries.len() == 0 && !self.ping && !self.unflushed
    }

    /// Writes a frame next.
    pub(super) fn send(&mut self, text: String) {
        self.frame = Some(Message::Text(text.into()));
    }

    /// Writes entries next, and flushes once.
    pub(super) fn send_entries(&mut self, frames: Vec<Bytes>) {
        self.entries = frames.into_iter();
    }

    /// Writes a ping next. Only an open connection is asked.
    pub(super) fn ping(&mut self) {
        self.ping = true;
    }

    /// Writes a close next, in place of everything that the socket has not begun to write. Its reason is
    /// `why`, or what the code means.
    pub(super) fn close(&mut self, code: CloseCode, why: Option<&str>) {
        self.discard();
        self.frame = Some(Message::Close(Some(CloseFrame {
            code: code.number().into(),
            reason: Utf8Bytes::from(reason(why.unwrap_or(code.meaning()))),
        })));
    }

    /// Discards what the socket has not begun to write.
    pub(super) fn discard(&mut self) {
        self.frame = None;
        self.entries = Vec::new().into_iter();
        self.ping = false;
    }

    /// Writes what is to be written, and reads if `reading`, until one of the two did something. Cancel-safe.
    pub(super) async fn run(&mut self, reading: bool) -> IoEvent {
        poll_fn(|cx| self.poll(cx, reading)).await
    }

    fn poll(&mut self, cx: &mut Context<'_>, reading: bool) -> Poll<IoEvent> {
        if !self.is_idle() {
            match self.poll_write(cx) {
                Poll::Ready(Ok(())) => return Poll::Ready(IoEvent::Progressed),
                Poll::Ready(Err(())) => return Poll::Ready(IoEvent::Lost),
                Poll::Pending => {}
            }
        }
        if !reading || self.read_failed {
            return Poll::Pending;
        }
        self.read_ready.task.register(cx.waker());
        if !self.read_ready.ready.swap(false, Ordering::AcqRel) {
            return Poll::Pending;
        }
        let mut cx = Context::from_waker(&self.waker);
        Pin::new(&mut self.socket).poll_next(&mut cx).map(|came| {
            // More may be there.
            self.read_ready.ready.store(true, Ordering::Release);
            match came {
                Some(Ok(message)) => IoEvent::Received(message),
                None => IoEvent::Lost,
                Some(Err(error)) => match peer_fault(&error) {
                    Some(code) => {
                        self.read_failed = true;
                        IoEvent::PeerFault(code)
                    }
                    None => IoEvent::Lost,
                },
            }
        })
    }

    /// Ready when everything is written, or a part that the socket took at once.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ()>> {
        let mut socket = Pin::new(&mut self.socket);
        let mut progressed = false;
        loop {
            let ready = match socket.as_mut().poll_ready(cx) {
                Poll::Ready(ready) => ready,
                Poll::Pending if progressed => return Poll::Ready(Ok(())),
                Poll::Pending => return Poll::Pending,
            };
            let message = if core::mem::take(&mut self.ping) {
                Message::Ping(Bytes::new())
            } else if let Some(message) = self.frame.take() {
                message
            } else if let Some(frame) = self.entries.next() {
                let Ok(text) = Utf8Bytes::try_from(frame) else { return Poll::Ready(Err(())) };
                Message::Text(text)
            } else {
                break;
            };
            (progressed, self.unflushed) = (true, true);
            if ready.is_err() || socket.as_mut().start_send(message).is_err() {
                return Poll::Ready(Err(()));
            }
        }
        match socket.poll_flush(cx) {
            Poll::Ready(Ok(())) => {
                self.unflushed = false;
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Err(_)) => Poll::Ready(Err(())),
            Poll::Pending if progressed => Poll::Ready(Ok(())),
            Poll::Pending => Poll::Pending,
        }
    }

    /// The peer has closed: answers, and waits until the peer has hung up.
    pub(super) async fn finish(mut self) {
        while let Some(Ok(_)) = poll_fn(|cx| Pin::new(&mut self.socket).poll_next(cx)).await {}
    }
}

/// The reason of a close frame, which RFC 6455 limits to 123 bytes.
fn reason(why: &str) -> &str {
    let mut end = why.len().min(123);
    while !why.is_char_boundary(end) {
        end -= 1;
    }
    &why[..end]
}

/// How to close a connection over which the peer sent something that cannot be read; `None` if it was the
/// transport that failed.
fn peer_fault(error: &Error) -> Option<CloseCode> {
    match error {
        Error::ConnectionClosed
        | Error::AlreadyClosed
        | Error::Io(_)
        | Error::Tls(_)
        | Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => None,
        Error::Capacity(_) => Some(CloseCode::TooBig),
        Error::Protocol(_)
        | Error::Utf8(_)
        | Error::AttackAttempt
        | Error::WriteBufferFull(_)
        | Error::Url(_)
        | Error::Http(_)
        | Error::HttpFormat(_) => Some(CloseCode::Protocol),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio_tungstenite::tungstenite::error::CapacityError;

    #[test]
    fn the_fault_is_told_from_the_type_of_the_error() {
        let fault = |error: Error| peer_fault(&error);
        let size = 9;
        let too_long = CapacityError::MessageTooLong { size, max_size: 1 };
        assert_eq!(fault(too_long.into()), Some(CloseCode::TooBig));
        // Its words are those of a transport that is gone, and its type is not.
        let words = Error::Utf8("closed without closing handshake".into());
        assert_eq!(fault(words), Some(CloseCode::Protocol));
        let reset = Error::Protocol(ProtocolError::ResetWithoutClosingHandshake);
        assert_eq!(fault(reset), None);
        assert_eq!(fault(std::io::Error::other("too long").into()), None);
    }
}
