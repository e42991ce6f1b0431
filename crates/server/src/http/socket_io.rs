//! A WebSocket that is read, written and flushed side by side, by one task.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use bytes::Bytes;
use futures_util::task::AtomicWaker;
use futures_util::{Sink as _, Stream as _};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::tungstenite::error::{Error, ProtocolError};
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
use tokio_tungstenite::tungstenite::protocol::frame::{CloseFrame, Frame};
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

use super::handshake::{UpgradedIo, WebSocket};
use super::transport::Traffic;
use outlive::CloseCode;

/// An entry is written in pieces of so many bytes, each a frame of its message. The WebSocket copies what it is given,
/// and what its peer does not take it keeps: one piece, and its buffer. The entry itself is shared by all who watch.
const PIECE: usize = 16 << 10;

/// Reads and writes.
#[derive(Debug)]
pub(super) struct SocketIo<T = UpgradedIo> {
    socket: WebSocket<T>,
    /// The next frame to write, and behind it the entries of a range. Both are empty once they are written.
    frame: Option<Message>,
    entries: std::vec::IntoIter<Bytes>,
    /// What is left of the entry that is being written.
    rest: Option<Bytes>,
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

impl<T: AsyncRead + AsyncWrite + Unpin> SocketIo<T> {
    pub(super) fn new(socket: WebSocket<T>) -> SocketIo<T> {
        let read_ready =
            Arc::new(ReadReady { ready: AtomicBool::new(true), task: AtomicWaker::new() });
        SocketIo {
            waker: Arc::clone(&read_ready).into(),
            read_ready,
            socket,
            frame: None,
            entries: Vec::new().into_iter(),
            rest: None,
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
        let written = self.frame.is_none() && self.entries.len() == 0 && self.rest.is_none();
        written && !self.ping && !self.unflushed
    }

    /// The peer is known: it may send as much as the limits allow.
    pub(super) fn open_gate(&mut self) {
        self.socket.get_mut().open();
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

    /// Writes a close next, in place of everything that the socket has not begun to write, also in the middle of an
    /// entry. Its reason is `why`, or what the code means.
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
        self.rest = None;
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
        let Poll::Ready(came) = Pin::new(&mut self.socket).poll_next(&mut cx) else {
            if self.socket.get_ref().is_shut() {
                self.read_failed = true;
                return Poll::Ready(IoEvent::PeerFault(CloseCode::TooBig));
            }
            return Poll::Pending;
        };
        // More may be there.
        self.read_ready.ready.store(true, Ordering::Release);
        Poll::Ready(match came {
            Some(Ok(message)) => IoEvent::Received(message),
            None => IoEvent::Lost,
            Some(Err(error)) => match peer_fault(&error) {
                Some(code) => {
                    self.read_failed = true;
                    IoEvent::PeerFault(code)
                }
                None => IoEvent::Lost,
            },
        })
    }

    /// What is to be written next.
    fn take(&mut self) -> Option<Message> {
        if core::mem::take(&mut self.ping) {
            return Some(Message::Ping(Bytes::new()));
        }
        if let Some(frame) = self.frame.take() {
            return Some(frame);
        }
        let (mut piece, kind) = match self.rest.take() {
            Some(rest) => (rest, Data::Continue),
            None => (self.entries.next()?, Data::Text),
        };
        let rest = piece.split_off(piece.len().min(PIECE));
        let last = rest.is_empty();
        self.rest = Some(rest).filter(|_| !last);
        Some(Message::Frame(Frame::message(piece, OpCode::Data(kind), last)))
    }

    /// Ready when everything is written, or a part that the socket took at once.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ()>> {
        let mut progressed = false;
        loop {
            let ready = match Pin::new(&mut self.socket).poll_ready(cx) {
                Poll::Ready(ready) => ready,
                Poll::Pending if progressed => return Poll::Ready(Ok(())),
                Poll::Pending => return Poll::Pending,
            };
            let Some(message) = self.take() else { break };
            (progressed, self.unflushed) = (true, true);
            if ready.is_err() || Pin::new(&mut self.socket).start_send(message).is_err() {
                return Poll::Ready(Err(()));
            }
        }
        match Pin::new(&mut self.socket).poll_flush(cx) {
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
    use futures_util::{FutureExt as _, StreamExt as _};
    use tokio::io::DuplexStream;
    use tokio_tungstenite::WebSocketStream;
    use tokio_tungstenite::tungstenite::error::CapacityError;
    use tokio_tungstenite::tungstenite::protocol::Role;

    use super::super::EndpointLimits;
    use super::super::handshake::config;
    use super::super::transport::Transport;

    /// What the system takes for a peer that does not read.
    const SYSTEM: usize = 64 << 10;

    /// A socket, and the other end of its transport.
    async fn socket() -> (SocketIo<DuplexStream>, DuplexStream) {
        let (io, peer) = tokio::io::duplex(SYSTEM);
        let (io, config) = (Transport::new(io, 1), config(&EndpointLimits::default()));
        let socket = WebSocketStream::from_raw_socket(io, Role::Server, Some(config)).await;
        (SocketIo::new(socket), peer)
    }

    /// An entry of three megabytes.
    fn large() -> Bytes {
        std::vec![b'x'; 3 << 20].into()
    }

    #[tokio::test]
    async fn an_entry_that_nobody_takes_is_shared_and_only_a_piece_of_it_is_copied() {
        let (mut io, _deaf) = socket().await;
        let entry = large();
        io.send_entries(std::vec![entry.clone()]);
        while io.run(false).now_or_never().is_some() {}
        let rest = io.rest.as_ref().expect("the peer does not read");
        let copied = entry.len() - rest.len() - SYSTEM;
        assert!(copied <= 3 * PIECE, "{copied} bytes");
        let end = |bytes: &Bytes| bytes.as_ptr() as usize + bytes.len();
        assert_eq!(end(rest), end(&entry), "the rest is a copy");
    }

    #[tokio::test]
    async fn an_entry_in_pieces_is_one_message() {
        let (mut io, peer) = socket().await;
        let small = Bytes::from_static(b"small");
        io.send_entries(std::vec![small.clone(), large(), small.clone()]);
        let write = async {
            while !io.is_idle() {
                io.run(false).await;
            }
        };
        let read = async {
            let mut peer = WebSocketStream::from_raw_socket(peer, Role::Client, None).await;
            let mut read = std::vec::Vec::new();
            while read.len() < 3 {
                read.push(peer.next().await.unwrap().unwrap().into_data());
            }
            read
        };
        let ((), read) = tokio::join!(write, read);
        assert!(read == [small.clone(), large(), small]);
    }

    #[tokio::test]
    async fn a_close_does_not_wait_for_the_rest_of_an_entry() {
        let (mut io, peer) = socket().await;
        io.send_entries(std::vec![large()]);
        while io.run(false).now_or_never().is_some() {}
        io.close(CloseCode::Restart, None);
        let write = async {
            while !io.is_idle() {
                io.run(false).await;
            }
        };
        let mut peer = WebSocketStream::from_raw_socket(peer, Role::Client, None).await;
        let ((), read) = tokio::join!(write, peer.next());
        let Some(Ok(Message::Close(Some(close)))) = read else { panic!("{read:?}") };
        assert_eq!(u16::from(close.code), 1012);
    }

    #[test]
    fn the_fault_is_told_from_the_type_of_the_error() {
        let too_long = CapacityError::MessageTooLong { size: 9, max_size: 1 };
        assert_eq!(peer_fault(&too_long.into()), Some(CloseCode::TooBig));
        // Its words are those of a transport that is gone, and its type is not.
        let words = Error::Utf8("closed without closing handshake".into());
        assert_eq!(peer_fault(&words), Some(CloseCode::Protocol));
        let reset = Error::Protocol(ProtocolError::ResetWithoutClosingHandshake);
        assert_eq!(peer_fault(&reset), None);
        assert_eq!(peer_fault(&std::io::Error::other("too long").into()), None);
    }
}
