//! What a transport is given to write.

use std::collections::VecDeque;

use bytes::Bytes;
use tokio::time::Instant;

use super::super::backoff::Backoff;
use super::super::held::HeldEntry;
use super::super::mailbox::{LinkCommand, Notification};
use super::super::queue::Receiver;
use super::super::recent_frames::frames;
use super::{Attached, Entries, Frame, Link, Range};
use crate::store::StoreError;
use outlive::CloseCode;
use outlive::connection::{Phase, Trigger};
use outlive::ids::Seq;
use outlive::wire::ToClient;

/// What `next` waits for.
enum Next {
    Order(LinkCommand),
    /// The driver is gone without a word.
    Nobody,
    TooLate,
    Read(Result<Vec<Bytes>, StoreError>),
}

impl Link {
    /// What to write next; none when the transport is to be dropped. Call it again only when everything
    /// it gave is written: that is how the session learns that there is room for more.
    ///
    /// Cancel-safe: what it has not returned yet it returns next time.
    pub async fn next(&mut self) -> Option<Frame> {
        if let Some(through) = self.handed.take() {
            self.held = None;
            if self.step(Trigger::Written, CloseCode::Normal) {
                if let Some(session) = &self.session {
                    session.mailbox.written(self.id, through);
                }
            }
        }
        loop {
            if self.phase() == Phase::Closed {
                return None;
            }
            if let Some(frame) = self.own.pop_front() {
                if self.own.is_empty() {
                    // A welcome is large, and most connections say nothing for long after it.
                    self.own = VecDeque::new();
                }
                if self.writes(&frame) {
                    return Some(frame);
                }
                continue;
            }
            match self.wait().await {
                Next::Order(order) => self.take(order),
                Next::Nobody => self.abandoned(),
                Next::TooLate => self.too_late(),
                Next::Read(read) => {
                    if let Some(frame) = self.entries(read) {
                        return Some(frame);
                    }
                }
            }
        }
    }

    /// Returns when the session, or this end, wants the transport closed, or when what it was given is
    /// [given up](crate::hub::HubOptions::held_bytes): for a transport that writes and comes to no end with it. Then
    /// [`next`](Link::next) gives the close; a transport that cannot even write that may be dropped.
    ///
    /// Cancel-safe.
    pub async fn closes(&mut self) {
        while self.phase() == Phase::Open {
            let Some(orders) = &mut self.orders else { return };
            tokio::select! {
                biased;
                order = orders.next() => match order {
                    Some(order) => self.take(order),
                    None => self.abandoned(),
                },
                () = given_up(self.held.as_deref()) => self.close(CloseCode::SlowConsumer),
            }
        }
    }

    /// Orders come before what is to be read: a close does not wait for a store.
    async fn wait(&mut self) -> Next {
        let Link { session, orders, range, deadline, patience, shared, .. } = self;
        // What is there already.
        if let Some(order) = orders.as_mut().and_then(Receiver::pop) {
            return Next::Order(order);
        }
        let range = range.zip(session.as_ref());
        let newest = range.and_then(|(Range { from, to }, it)| it.mailbox.tail.range(from, to));
        if let Some(frames) = newest {
            return Next::Read(Ok(frames));
        }
        let read = async {
            let Some((Range { from, to }, Attached { id, log, .. })) = range else {
                return core::future::pending().await;
            };
            loop {
                match shared.store.read(id, from, to, shared.options.page_bytes).await {
                    Ok(lines) if (1..=to.0 + 1 - from.0).contains(&(lines.len() as u64)) => {
                        return Ok(frames(*log, from, &lines));
                    }
                    Ok(_) => return Err(StoreError::Corrupt("more than a range, or none".into())),
                    Err(StoreError::Trimmed) => return Err(StoreError::Trimmed),
                    Err(why) if patience.is_over() => return Err(why),
                    Err(_) => patience.wait().await,
                }
            }
        };
        tokio::select! {
            biased;
            order = next_order(orders.as_mut()) => order.map_or(Next::Nobody, Next::Order),
            () = sleep_until(*deadline) => Next::TooLate,
            read = read => Next::Read(read),
        }
    }

    fn too_late(&mut self) {
        self.deadline = None;
        let trigger = match self.phase() {
            Phase::Connecting => Trigger::HelloTimeout,
            Phase::Open | Phase::Closing | Phase::Closed => Trigger::CloseTimeout,
        };
        self.step(trigger, CloseCode::Normal);
    }

    /// The driver is gone. If it said nothing, it failed; another one may do better.
    fn abandoned(&mut self) {
        self.orders = None;
        self.close(CloseCode::Error);
    }

    fn take(&mut self, order: LinkCommand) {
        match order {
            LinkCommand::Close(code) => self.close(code),
            LinkCommand::Send { from, to } => {
                self.range = Some(Range { from, to });
                self.patience = Backoff::default();
            }
            LinkCommand::Say(said) => self.own.push_back(Frame::Say(*said)),
            LinkCommand::Welcome(welcome) => {
                if let Some(session) = &mut self.session {
                    session.log = welcome.log;
                }
                self.own.push_back(Frame::Say(ToClient::Welcome(*welcome)));
            }
        }
    }

    /// The connection's table is asked before anything is written.
    fn writes(&mut self, frame: &Frame) -> bool {
        match frame {
            Frame::Close(_) => true,
            Frame::Say(_) | Frame::Entries(_) => self.step(Trigger::Send, CloseCode::Normal),
        }
    }

    /// The entries of the range, or the first of them; none if they are not to be written, or were trimmed.
    /// What is missing the session sends again, when these are written.
    fn entries(&mut self, read: Result<Vec<Bytes>, StoreError>) -> Option<Frame> {
        let (Some(Range { from, .. }), Some(session)) = (self.range.take(), &self.session) else {
            return None;
        };
        match read {
            Ok(mut frames) => {
                let through = Seq(from.0 + frames.len() as u64).previous();
                let (log, page) = (session.log, self.shared.options.page_bytes);
                let large = &session.mailbox.large;
                let held = large.share(&self.shared.held, log, from, &mut frames, page);
                let frame = Frame::Entries(Entries { log, from, frames });
                if self.writes(&frame) {
                    (self.handed, self.held) = (Some(through), held);
                    return Some(frame);
                }
            }
            Err(StoreError::Trimmed) => {
                if self.step(Trigger::Written, CloseCode::Normal) {
                    self.tell(Notification::Missed { connection: self.id, from });
                }
            }
            Err(why) => {
                tracing::warn!(session = %session.id, %why, "the log cannot be read");
                self.close(CloseCode::Error);
            }
        }
        None
    }
}

async fn next_order(orders: Option<&mut Receiver<LinkCommand>>) -> Option<LinkCommand> {
    match orders {
        Some(orders) => orders.next().await,
        None => core::future::pending().await,
    }
}

async fn given_up(held: Option<&HeldEntry>) {
    match held {
        Some(held) => held.given_up().await,
        None => core::future::pending().await,
    }
}

async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(at) => tokio::time::sleep_until(at).await,
        None => core::future::pending().await,
    }
}
