//! Getting hold of a session: a new one, or one of the store.

use strum::VariantArray as _;

use super::super::hibernate::Hibernated;
use super::super::mailbox::CommandError;
use super::super::observe::{ClaimKind, NodeEvent};
use super::Driver;
use super::encode::Payload;
use super::step::CommitOutcome;
use crate::store::{CommitError, Owner, StoreError, StoredSession};
use outlive::log::LogId;
use outlive::routing::{self, Durable, Runtime};
use outlive::session::{Event, Session};
use outlive::{CloseCode, Timer};

impl Driver {
    pub(super) async fn create(&mut self, principal: Option<String>) -> Result<(), CommandError> {
        let log = LogId(self.shared.random());
        *self.step = self.shared.machine.create(log);
        self.creator = principal;
        let made = match self.commit(None, &Payload::None).await {
            CommitOutcome::Committed(made) => made,
            CommitOutcome::Failed(why) => return Err(CommandError::Unavailable(why)),
            CommitOutcome::Stale => {
                self.lost();
                return Err(CommandError::Moved);
            }
            CommitOutcome::ShutDown => return Err(self.shared.shutdown_error()),
        };
        self.shared.observe_begin(&self.id, log, None);
        self.apply(None, Payload::None, made, None);
        Ok(())
    }

    /// Reads the session from the store, and makes it this node's as the routing table says. Whatever it counts on went
    /// with the process that wrote it.
    pub(super) async fn load(&mut self, kind: ClaimKind) -> Result<(), CommandError> {
        let mut found = self.ask(self.shared.store.load(&self.id)).await?;
        while let Some(stored) = found {
            let durable = Durable::of(Some(stored.snapshot.state));
            // Nothing of this session runs here: a driver leaves only when its worker is gone.
            let row = routing::rule(durable, Runtime::unloaded(stored.owner.kind(), None));
            found = self.begin(row.ops, stored, kind).await?;
        }
        Ok(())
    }

    /// Does what routing says of a session that is about to be here. Returns its record if routing is to be asked again.
    async fn begin(
        &mut self,
        ops: &[routing::Op],
        mut stored: StoredSession,
        kind: ClaimKind,
    ) -> Result<Option<StoredSession>, CommandError> {
        for op in ops {
            match op {
                routing::Op::Abort => self.abort_worker(),
                routing::Op::Claim => {
                    let claimed = self.ask(self.shared.store.claim(&self.id)).await?;
                    let taken = claimed.as_ref().is_some_and(|stored| stored.owner == Owner::Ours);
                    self.shared.observe_node(NodeEvent::Claimed { kind, taken });
                    match claimed {
                        Some(claimed) if taken => stored = claimed,
                        faster => return Ok(faster),
                    }
                }
                routing::Op::Recover => {
                    let session = Session::restore(stored.snapshot.clone())
                        .map_err(|why| CommandError::Damaged(format!("{why}")))?;
                    let log = session.log().id;
                    self.shared.observe_begin(&self.id, log, Some(&stored.snapshot));
                    (self.session, self.version) = (Some(session), stored.version);
                    let renew = stored.lossy.then(|| LogId(self.shared.random()));
                    // No client counts on it yet. If it is not kept, another process may recover the session.
                    self.feed(Event::Restarted { renew }, Payload::None, None).await?;
                }
                routing::Op::Proceed => {}
                // Who came here was not forwarded, and so comes again.
                routing::Op::Forward => return Err(CommandError::Moved),
                routing::Op::NotFound => return Err(CommandError::NotFound),
            }
        }
        Ok(None)
    }

    /// What the store says of the session, for one that is about to be here.
    async fn ask<T>(
        &self,
        answer: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, CommandError> {
        let answer = self.or_shutdown(answer).await;
        if self.shared.is_draining() {
            // Its recovery may begin what waits: it is the next process's.
            return Err(self.shared.shutdown_error());
        }
        answer.ok_or_else(|| self.shared.shutdown_error())?.map_err(|why| unavailable(&why))
    }

    /// Goes on where the session fell asleep.
    pub(super) fn wake(&mut self, sleeper: Hibernated) {
        let Hibernated { session, version, last_at, timer } = sleeper;
        if let Some((timer, at, generation)) = timer {
            self.timers[timer as usize] = Some((at, generation));
        }
        self.mailbox.reaches(session.log().head);
        (self.session, self.version, self.last_at) = (Some(session), version, last_at);
    }

    /// Lets the session sleep, if it has no worker and waits for one timer at most. Returns whether it does.
    pub(super) fn sleep(&mut self) -> bool {
        let (Some(session), None) = (&self.session, &self.worker) else { return false };
        let armed = |timer: &Timer| {
            self.timers[*timer as usize].map(|(at, generation)| (*timer, at, generation))
        };
        let mut armed = Timer::VARIANTS.iter().filter_map(armed);
        let (timer, None) = (armed.next(), armed.next()) else { return false };
        // A clone has no room to spare.
        let (version, last_at) = (self.version, self.last_at);
        let sleeper = || Box::new(Hibernated { session: session.clone(), version, last_at, timer });
        self.shared.hibernate_if_idle(&self.id, &self.mailbox, &self.inbox, sleeper)
    }

    /// Forgets the session and its log. A driver without a session knows none.
    pub(super) async fn forget(&mut self) -> Result<(), CommandError> {
        let forgotten = self.or_shutdown(self.shared.store.forget(&self.id)).await;
        match forgotten.ok_or_else(|| self.shared.shutdown_error())? {
            Ok(()) => {}
            Err(CommitError::Stale) => {
                self.lost();
                return Err(CommandError::Moved);
            }
            Err(CommitError::Failed(why)) => return Err(unavailable(&why)),
            Err(CommitError::Unknown(why)) => match self.load_record(&why.to_string()).await {
                Some(None) => {}
                Some(Some(_)) => return Err(CommandError::Unavailable(why.to_string())),
                None => return Err(self.shared.shutdown_error()),
            },
        }
        self.abort_worker();
        (self.session, self.running) = (None, None);
        self.timers = [None; super::TIMERS];
        self.mailbox.tail.clear();
        self.close_all(CloseCode::NotFound);
        Ok(())
    }
}

/// What a caller is told of a store that gives nothing.
pub(in crate::hub) fn unavailable(why: &StoreError) -> CommandError {
    match why {
        StoreError::Corrupt(_) | StoreError::Foreign(_) | StoreError::Newer(_) => {
            CommandError::Damaged(format!("{why}"))
        }
        StoreError::PageToken(_) => CommandError::Invalid(format!("{why}")),
        StoreError::Trimmed
        | StoreError::Locked(_)
        | StoreError::Full(_)
        | StoreError::ReadOnly(_)
        | StoreError::Closed
        | StoreError::Io(_) => CommandError::Unavailable(format!("{why}")),
    }
}
