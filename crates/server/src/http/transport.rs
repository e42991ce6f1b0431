//! The bytes under a WebSocket: few are read before the peer has said who it is, and while one message takes long they
//! are all that shows whether its peer lives.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// How much has moved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Traffic {
    /// Bytes that came.
    pub(super) received: u64,
    /// Bytes that went after they had had to wait. Only these show that there is somebody who takes them: others may
    /// have gone no further than a buffer of this machine.
    pub(super) taken: u64,
}

/// Counts the bytes of a connection, and reads only so many of them until it is [opened](Transport::open): a peer that
/// announces a large frame before it is known is not waited for.
#[derive(Debug)]
pub(super) struct Transport<T> {
    io: T,
    traffic: Traffic,
    /// The last write had to wait.
    full: bool,
    /// What may still be read; `None`: anything.
    left: Option<usize>,
}

impl<T> Transport<T> {
    pub(super) fn new(io: T, hello_bytes: usize) -> Transport<T> {
        Transport { io, traffic: Traffic::default(), full: false, left: Some(hello_bytes) }
    }

    /// The peer is known.
    pub(super) fn open(&mut self) {
        self.left = None;
    }

    /// Whether nothing is read any more: a read is pending for ever.
    pub(super) fn is_shut(&self) -> bool {
        self.left == Some(0)
    }

    pub(super) fn traffic(&self) -> Traffic {
        self.traffic
    }

    fn count(&mut self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        let waited = core::mem::replace(&mut self.full, written.is_pending());
        if let (Poll::Ready(Ok(length)), true) = (&written, waited) {
            self.traffic.taken += *length as u64;
        }
        written
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Transport<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.is_shut() {
            return Poll::Pending;
        }
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.io).poll_read(cx, buffer);
        let count = buffer.filled().len() - before;
        self.left = self.left.map(|left| left.saturating_sub(count));
        self.traffic.received += count as u64;
        read
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Transport<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write(cx, bytes);
        self.count(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write_vectored(cx, slices);
        self.count(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
