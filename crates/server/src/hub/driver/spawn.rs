//! Getting hold of a session: a new one, or one of the store.

use strum::VariantArray as _;

use super::super::hibernate::Hibernated;
use super::super::mailbox::CommandError;
use super::Driver;
use super::encode::Payload;
use super::step::CommitOutcome;
use crate::store::{CommitError, Owner, StoreError, StoredSession};
use outlive::log::LogId;
use outlive::routing::{self, Durable, Owner, Runtime};
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

    /// Reads the session from the store. Whatever it counts on went with the process that wrote it.
    pub(super) async fn load(&mut self) -> Result<(), CommandError> {
        let loaded = self.or_shutdown(self.load_or_claim()).await;
        if self.shared.is_draining() {
            // Its recovery may begin what waits: it is the next process's.
            return Err(self.shared.shutdown_error());
        }
        let stored = match loaded.ok_or_else(|| self.shared.shutdown_error())? {
            Ok(Some(stored)) => stored,
            Ok(None) => return Ok(()),
            Err(why) => return Err(unavailable(&why)),
        };
        if let Owner::Another { .. } | Owner::Nobody = stored.owner {
            return Err(CommandError::Moved);
        }
        let session = Session::restore(stored.snapshot.clone())
            .map_err(|why| CommandError::Damaged(format!("{why}")))?;
        self.shared.observe_begin(&self.id, session.log().id, Some(&stored.snapshot));
        let durable = Durable::of(Some(session.state()));
        (self.session, self.version) = (Some(session), stored.version);
        // Nothing of this session runs here: a driver leaves only when its worker is gone.
        let row = routing::rule(durable, Runtime::unloaded(Owner::Ours, None));
        if row.ops.contains(&routing::Op::Recover) {
            let renew = stored.lossy.then(|| LogId(self.shared.random()));
            // No client counts on it yet. If it is not kept, another process may recover the session.
            self.feed(Event::Restarted { renew }, Payload::None, None).await?;
        }
        Ok(())
    }

    /// The record. A session that nobody owns is this node's from now on, unless another one is faster.
    async fn load_or_claim(&self) -> Result<Option<StoredSession>, StoreError> {
        match self.shared.store.load(&self.id).await? {
            Some(StoredSession { owner: Owner::Nobody, .. }) => {
                self.shared.store.claim(&self.id).await
            }
            stored => Ok(stored),
        }
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
