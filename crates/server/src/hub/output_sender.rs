//! What a worker says, on its way to its session's driver: with room for so much, and no more.

use std::sync::atomic::{AtomicU32, Ordering};

use serde::Serialize;

use super::ask::TurnError;
use super::body::Body;
use super::output_batch::{OutputBatch, with_json};
use super::queue::{Closed, Receiver, Sender, queue};
use super::worker_message::{Asked, WorkerEvent, WorkerMessage};
use outlive::ids::Seq;

/// What worker handles speak through. Once the worker is aborted, the driver has dropped the other end.
#[derive(Debug)]
pub(super) struct OutputSender {
    messages: Sender<WorkerMessage>,
    /// The largest body, in bytes.
    most: usize,
    /// Pieces that are fed together.
    batch: usize,
    /// About how much was said without a pause.
    spoken: AtomicU32,
}

/// What may be said before a driver has heard it, in bytes …
const ROOM: u32 = 256 << 10;
/// … of which each piece takes so many at least.
const PIECE: u32 = 256;

impl OutputSender {
    pub(super) fn new(most: usize, batch: usize) -> (OutputSender, Receiver<WorkerMessage>) {
        let (messages, heard) = queue(ROOM as usize);
        (OutputSender { messages, most, batch, spoken: AtomicU32::new(0) }, heard)
    }

    /// Sends what needs no room: there is little of it.
    pub(super) fn send(&self, turn: Option<Seq>, event: WorkerEvent) -> Result<(), Closed> {
        self.messages.send(WorkerMessage { turn, event, room: 0 })
    }

    /// Sends a piece of output, when there is room for it.
    pub(super) async fn output(
        &self,
        turn: Option<Seq>,
        value: &impl Serialize,
    ) -> Result<(), TurnError> {
        if self.spoken.load(Ordering::Relaxed) >= ROOM {
            // A worker that always finds room still lets other tasks run, and takes its commands.
            self.spoken.store(0, Ordering::Relaxed);
            tokio::task::yield_now().await;
        }
        let at_once = with_json(value, |json| {
            let room = self.room(json.len())?;
            if self.messages.has_room(room) {
                self.put(turn, json, room).map(|()| None)
            } else {
                Ok(Some((Vec::from(json), room)))
            }
        });
        match at_once.map_err(|why| TurnError::Body(why.to_string()))?? {
            None => Ok(()),
            Some((json, room)) => {
                self.messages.room(room).await?;
                self.spoken.store(0, Ordering::Relaxed);
                self.put(turn, &json, room)
            }
        }
    }

    fn put(&self, turn: Option<Seq>, json: &[u8], room: u32) -> Result<(), TurnError> {
        self.spoken.fetch_add(room, Ordering::Relaxed);
        self.messages.join(|waiting| match waiting.back_mut() {
            Some(WorkerMessage { turn: last, event: WorkerEvent::Output(pieces), room: taken })
                if *last == turn && pieces.len() < self.batch =>
            {
                pieces.push(json);
                *taken += room;
            }
            Some(_) | None => {
                let event = WorkerEvent::Output(OutputBatch::of(json));
                waiting.push_back(WorkerMessage { turn, event, room });
            }
        })?;
        Ok(())
    }

    /// What a body of this size takes, if it is not too large. One that would take all there is takes
    /// just that.
    fn room(&self, size: usize) -> Result<u32, TurnError> {
        if size > self.most {
            let most = self.most;
            return Err(TurnError::Body(format!("{size} bytes, and at most {most} are taken")));
        }
        Ok(u32::try_from(size).unwrap_or(ROOM).clamp(PIECE, ROOM))
    }

    /// A question's body, if it is not too large.
    pub(super) fn question(&self, question: &impl Serialize) -> Result<Body, TurnError> {
        let body = Body::of(question).map_err(|why| TurnError::Body(why.to_string()))?;
        self.room(body.size())?;
        Ok(body)
    }

    /// Sends a question, when there is room for it.
    pub(super) async fn ask(
        &self,
        turn: Seq,
        question: &impl Serialize,
        reply: Asked,
    ) -> Result<(), TurnError> {
        let body = self.question(question)?;
        let room = self.room(body.size())?;
        self.messages.room(room).await?;
        let event = WorkerEvent::Ask(body, reply);
        Ok(self.messages.send(WorkerMessage { turn: Some(turn), event, room })?)
    }
}

impl From<Closed> for TurnError {
    fn from(_: Closed) -> TurnError {
        TurnError::Stopped
    }
}

#[cfg(test)]
mod tests {
    use core::pin::pin;
    use core::task::{Context, Waker};

    use super::*;

    /// So many pieces take all the room there is.
    const ALL: u32 = ROOM / PIECE;

    /// Says small pieces until it has to wait, and returns how many were said. `listen` is called after
    /// each, as by a driver on another thread.
    fn said_at_once(listen: impl Fn(&mut Receiver<WorkerMessage>)) -> u32 {
        let (output, mut heard) = OutputSender::new(1_000, 1_000);
        let mut said = 0;
        let speaks = async {
            while said < 4 * ALL {
                output.output(None, &"x").await.unwrap();
                said += 1;
                listen(&mut heard);
            }
        };
        let waits = pin!(speaks).poll(&mut Context::from_waker(Waker::noop())).is_pending();
        assert!(waits, "a worker says {said} pieces, and lets no other task run");
        said
    }

    #[test]
    fn a_worker_that_nobody_hears_waits_when_all_room_is_taken() {
        assert_eq!(said_at_once(|_| {}), ALL);
    }

    #[test]
    fn a_worker_that_is_always_heard_lets_others_run() {
        let listen = |heard: &mut Receiver<WorkerMessage>| {
            while let Some(said) = heard.pop() {
                heard.free(said.room);
            }
        };
        assert_eq!(said_at_once(listen), ALL);
    }
}
