//! One event: step, commit, adopt. What the store does to it depends on whether it can be refused.

use std::string::{String, ToString};

use tokio::time::{Duration, Instant};

use super::super::backoff::Backoff;
use super::super::mailbox::{Done, NotDone};
use super::commit::{Kept, Payload};
use super::{Driver, turn_back};
use outlive::ids::ConnectionId;
use outlive::session::Event;

impl Driver {
    /// Feeds what cannot be refused: it is kept and fed again until it is committed, and nothing else of
    /// this session happens before, but that it is held.
    pub(super) async fn feed_fact(&mut self, event: Event, payload: Payload) {
        let mut patience = Backoff::default();
        loop {
            let Some(session) = &self.session else { return };
            self.shared.machine.step_into(session, &event, &mut self.step);
            match self.keep(Some(&event), &payload).await {
                Kept::Yes => break,
                Kept::Stale => return self.fence_off(),
                Kept::Done => return self.end(self.shared.nobody()),
                Kept::No(why) => {
                    tracing::warn!(session = %self.id, %why, "the store does not answer; goes on trying");
                    if self.be_unavailable(patience.next(), &why).await {
                        return self.end(self.shared.nobody());
                    }
                    // What follows from the fact may be a beginning.
                    Box::pin(self.hold()).await;
                }
            }
        }
        self.adopt(Some(&event), payload, None);
    }

    /// Feeds a command. An error says that nothing has changed. What it leads to is told also to the
    /// connection that it came `via`.
    pub(super) async fn feed(
        &mut self,
        event: Event,
        payload: Payload,
        via: Option<ConnectionId>,
    ) -> Result<Done, NotDone> {
        let Some(session) = &self.session else { return Err(self.shared.nobody()) };
        self.shared.machine.step_into(session, &event, &mut self.step);
        if let Some(refusal) = self.step.refusal() {
            // Nothing is committed, so the store would not say that what this is judged by is of before.
            match self.unless_done(self.shared.store.is_owner()).await {
                Some(Ok(true)) => {}
                Some(Ok(false)) => {
                    self.fence_off();
                    return Err(NotDone::Moved);
                }
                Some(Err(why)) => return Err(NotDone::Unavailable(why.to_string())),
                None => return Err(self.shared.nobody()),
            }
            self.shared.observe_step(&self.id, &event, &self.step);
            return Err(refusal.into());
        }
        match self.keep(Some(&event), &payload).await {
            Kept::Yes => Ok(self.adopt(Some(&event), payload, via)),
            Kept::No(why) => Err(NotDone::Unavailable(why)),
            Kept::Stale => {
                self.fence_off();
                Err(NotDone::Moved)
            }
            Kept::Done => {
                self.end(self.shared.nobody());
                Err(self.shared.nobody())
            }
        }
    }

    /// Another process has the store: this one does nothing more for the session.
    pub(super) fn fence_off(&mut self) {
        self.shared.fence();
        self.end(NotDone::Moved);
    }

    /// Waits before the store is asked again; whoever asks for something meanwhile is told that it is not
    /// to be had. Returns whether to stop trying.
    pub(super) async fn be_unavailable(&mut self, wait: Duration, why: &str) -> bool {
        let until = Instant::now() + wait;
        let unavailable = || NotDone::Unavailable(String::from(why));
        loop {
            tokio::select! {
                biased;
                () = self.shared.done() => return true,
                () = tokio::time::sleep_until(until) => return false,
                asks = self.inbox.refusable() => match asks {
                    Ok(arrival) => turn_back(&arrival.orders, &unavailable()),
                    Err(command) => self.turn_away(*command, unavailable()),
                },
            }
        }
    }

    /// What a store answers; none if the hub is done for before. A store that answers at once is asked
    /// nothing else.
    pub(super) async fn unless_done<T>(&self, answer: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            answer = answer => Some(answer),
            () = self.shared.done() => None,
        }
    }
}
