//! A WebSocket that is passed on: bytes between a client and the node that owns its session.
//!
//! Nothing is read that was not written on, so a client that does not read stops the owner as it would without a node
//! between them.

use std::future::{Future, pending};
use std::pin::pin;
use std::time::Duration;

use tokio::io::{
    AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadHalf, WriteHalf,
};
use tokio::time::timeout;

use super::frames::{self, Frames};
use super::watch::Heard;
use outlive::CloseCode;

/// What of one direction is in memory.
const PIECE: usize = 8 << 10;

/// Who is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gone {
    Client,
    Owner,
}

/// From the owner to the client.
struct Down<C, O> {
    owner: ReadHalf<O>,
    client: WriteHalf<C>,
    /// What the client was sent.
    frames: Frames,
    buffer: Box<[u8]>,
    /// The part of the buffer that is to be written.
    start: usize,
    end: usize,
}

/// Passes bytes on until one of the two is gone, or `over` says with which code to close. A client whose owner is gone is
/// closed with [`CloseCode::Moved`], unless it got another close frame; or it is cut, in the middle of a frame.
pub(super) async fn pump<C, O>(
    client: C,
    owner: O,
    over: impl Future<Output = CloseCode>,
    heard: &Heard,
    close_timeout: Duration,
) where
    C: AsyncRead + AsyncWrite,
    O: AsyncRead + AsyncWrite,
{
    let (mut client_reader, client) = tokio::io::split(client);
    let (owner, mut owner_writer) = tokio::io::split(owner);
    let buffer = vec![0; PIECE].into_boxed_slice();
    let mut down = Down { owner, client, frames: Frames::default(), buffer, start: 0, end: 0 };
    let gone = {
        let mut up = pin!(up(&mut client_reader, &mut owner_writer));
        tokio::select! {
            () = &mut up => Gone::Client,
            gone = down.run(over, heard, close_timeout) => gone,
        }
    };
    // Each side learns of the end by the end of what it reads: it hears what is on its way before.
    let last = async {
        match gone {
            Gone::Client => {
                _ = owner_writer.shutdown().await;
                _ = down.run(pending(), heard, close_timeout).await;
            }
            Gone::Owner => {
                _ = tokio::join!(owner_writer.shutdown(), down.client.shutdown());
                while client_reader.read(&mut down.buffer).await.is_ok_and(|read| read > 0) {}
            }
        }
    };
    _ = timeout(close_timeout, last).await;
}

/// From the client to the owner. Returns when the client is gone. That the owner is, shows where it is read.
async fn up(client: &mut (impl AsyncRead + Unpin), owner: &mut (impl AsyncWrite + Unpin)) {
    let mut buffer = vec![0; PIECE];
    while let Ok(read @ 1..) = client.read(&mut buffer).await {
        let written = async { owner.write_all(&buffer[..read]).await.and(owner.flush().await) };
        if written.await.is_err() {
            return pending().await;
        }
    }
}

impl<C: AsyncWrite, O: AsyncRead> Down<C, O> {
    async fn run(
        &mut self,
        over: impl Future<Output = CloseCode>,
        heard: &Heard,
        close_timeout: Duration,
    ) -> Gone {
        let mut over = pin!(over);
        let code = loop {
            tokio::select! {
                biased;
                code = &mut over => break code,
                moved = self.step(heard, PIECE) => match moved {
                    Ok(()) => {}
                    Err(Gone::Client) => return Gone::Client,
                    Err(Gone::Owner) => break CloseCode::Moved,
                }
            }
        };
        timeout(close_timeout, self.close(code, heard)).await.unwrap_or(Gone::Client)
    }

    /// Writes a part of what is there, at most so many bytes, or else reads. Cancel-safe.
    async fn step(&mut self, heard: &Heard, most: usize) -> Result<(), Gone> {
        if self.start == self.end {
            let read = self.owner.read(&mut self.buffer).await.unwrap_or(0);
            heard.now();
            (self.start, self.end) = (0, read);
            return if read == 0 { Err(Gone::Owner) } else { Ok(()) };
        }
        let most = self.end.min(self.start.saturating_add(most));
        let written = self.client.write(&self.buffer[self.start..most]).await.unwrap_or(0);
        if written == 0 {
            return Err(Gone::Client);
        }
        self.frames.advance(&self.buffer[self.start..self.start + written]);
        self.start += written;
        self.client.flush().await.map_err(|_| Gone::Client)
    }

    /// Closes the client's side behind the frame that is under way.
    async fn close(&mut self, code: CloseCode, heard: &Heard) -> Gone {
        while !self.frames.is_between() {
            let rest = self.frames.rest(&self.buffer[self.start..self.end]);
            if let Err(gone) = self.step(heard, rest).await {
                return gone;
            }
        }
        if !self.frames.is_closed() {
            let close = frames::close(code.number(), code.meaning());
            self.frames.advance(&close);
            let written = self.client.write_all(&close).await.and(self.client.flush().await);
            if written.is_err() {
                return Gone::Client;
            }
        }
        Gone::Owner
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::ready;
    use tokio::io::duplex;

    use super::super::watch::Nodes;

    const PATIENCE: Duration = Duration::from_secs(5);

    /// What the system takes on each side.
    const SYSTEM: usize = 4 << 10;

    /// A message of a server, of so many bytes.
    fn message(length: u16) -> Vec<u8> {
        let payload = std::iter::repeat_n(b'x', length.into());
        [0x81, 126].into_iter().chain(length.to_be_bytes()).chain(payload).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_does_not_read_stops_the_owner() {
        let ((client, _deaf), (owner, mut inside)) = (duplex(SYSTEM), duplex(SYSTEM));
        let heard = Nodes::default().heard("a:1");
        let pumped = tokio::spawn(async move {
            pump(client, owner, pending(), &heard, PATIENCE).await;
        });
        let (piece, mut sent) = (message(1_000), 0);
        while let Ok(written) = timeout(PATIENCE, inside.write(&piece)).await {
            sent += written.unwrap();
        }
        assert!(sent <= 2 * SYSTEM + PIECE, "{sent} bytes went somewhere");
        pumped.abort();
    }

    #[tokio::test(start_paused = true)]
    async fn a_close_waits_for_the_frame_that_is_under_way_and_for_no_other() {
        let ((client, mut peer), (owner, mut inside)) = (duplex(64 << 10), duplex(64 << 10));
        let heard = Nodes::default().heard("a:1");
        let mut down = Down {
            owner: tokio::io::split(owner).0,
            client: tokio::io::split(client).1,
            frames: Frames::default(),
            buffer: vec![0; PIECE].into_boxed_slice(),
            start: 0,
            end: 0,
        };
        let whole = message(20_000);
        inside.write_all(&whole[..9]).await.unwrap();
        for _ in 0..2 {
            down.step(&heard, PIECE).await.unwrap();
        }
        inside.write_all(&[&whole[9..], &whole[..500]].concat()).await.unwrap();
        assert_eq!(down.run(ready(CloseCode::Restart), &heard, PATIENCE).await, Gone::Owner);
        drop(down);
        let mut seen = Vec::new();
        peer.read_to_end(&mut seen).await.unwrap();
        let close = frames::close(1012, CloseCode::Restart.meaning());
        assert!(seen == [whole, close].concat());
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_follows_a_close_of_the_owner() {
        let ((client, mut peer), (owner, mut inside)) = (duplex(SYSTEM), duplex(SYSTEM));
        let heard = Nodes::default().heard("a:1");
        tokio::spawn(async move { pump(client, owner, pending(), &heard, PATIENCE).await });
        let sent = [message(300), frames::close(4009, "replaced")].concat();
        inside.write_all(&sent).await.unwrap();
        drop(inside);
        let mut seen = Vec::new();
        peer.read_to_end(&mut seen).await.unwrap();
        assert!(seen == sent);
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_client_says_last_reaches_the_owner() {
        let ((client, mut peer), (owner, mut inside)) = (duplex(SYSTEM), duplex(SYSTEM));
        let heard = Nodes::default().heard("a:1");
        tokio::spawn(async move { pump(client, owner, pending(), &heard, PATIENCE).await });
        peer.write_all(b"good").await.unwrap();
        peer.write_all(b"bye").await.unwrap();
        drop(peer);
        let mut heard = Vec::new();
        inside.read_to_end(&mut heard).await.unwrap();
        assert_eq!(heard, b"goodbye");
    }
}
