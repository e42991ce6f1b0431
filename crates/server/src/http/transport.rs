//! The bytes under a WebSocket. While one message takes long, they are all that shows whether its peer lives.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
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

/// A connection that counts its bytes.
#[derive(Debug)]
pub(super) struct Transport {
    io: TokioIo<Upgraded>,
    traffic: Traffic,
    /// The last write had to wait.
    full: bool,
}

impl Transport {
    pub(super) fn new(upgraded: Upgraded) -> Transport {
        Transport { io: TokioIo::new(upgraded), traffic: Traffic::default(), full: false }
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

impl AsyncRead for Transport {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.io).poll_read(cx, buffer);
        self.traffic.received += (buffer.filled().len() - before) as u64;
        read
    }
}

impl AsyncWrite for Transport {
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
