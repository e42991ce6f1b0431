//! A transport from which little is read before its peer has said who it is.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Passes everything on, and what is read only up to a number of bytes until it is [opened](HelloGate::open). So a
/// peer that announces a large frame before it is known is not waited for.
#[derive(Debug)]
pub(super) struct HelloGate<T> {
    io: T,
    /// What may still be read; `None`: anything.
    left: Option<usize>,
}

impl<T> HelloGate<T> {
    pub(super) fn new(io: T, hello_bytes: usize) -> HelloGate<T> {
        HelloGate { io, left: Some(hello_bytes) }
    }

    /// The peer is known.
    pub(super) fn open(&mut self) {
        self.left = None;
    }

    /// Whether nothing is read any more: a read is pending for ever.
    pub(super) fn is_shut(&self) -> bool {
        self.left == Some(0)
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for HelloGate<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.is_shut() {
            return Poll::Pending;
        }
        let before = buf.filled().len();
        let read = Pin::new(&mut self.io).poll_read(cx, buf);
        let count = buf.filled().len() - before;
        self.left = self.left.map(|left| left.saturating_sub(count));
        read
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for HelloGate<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
