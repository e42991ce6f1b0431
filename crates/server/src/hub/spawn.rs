//! The way to a session's driver: the one that is there, or a new one.

use std::sync::{Arc, Weak};

use tokio::sync::Notify;
use tokio::time::Instant;

use super::driver::{Driver, SpawnMode};
use super::mailbox::{CommandError, DriverRef, Mailbox};
use super::observe::ClaimKind;
use super::recent_frames::RecentFrames;
use super::shared::Shared;
use crate::store::SessionId;

impl Shared {
    /// The way to a session's driver, which is started if there is none.
    pub(super) fn get_or_spawn(
        self: &Arc<Self>,
        id: &SessionId,
    ) -> Result<DriverRef, CommandError> {
        self.enter(id, SpawnMode::Load(ClaimKind::Asked))
    }

    /// As [`get_or_spawn`](Shared::get_or_spawn), also for a new session. A hub that drains takes no session in, and
    /// one that is fenced answers nothing.
    pub(super) fn enter(
        self: &Arc<Self>,
        id: &SessionId,
        birth: SpawnMode,
    ) -> Result<DriverRef, CommandError> {
        let mut sessions = self.registry.lock();
        // Under the lock: a driver that is found or made here still hears when the drain or the fencing begins.
        if self.is_fenced() {
            return Err(CommandError::Moved);
        }
        if let Some(mailbox) = sessions.awake(id) {
            return Ok(DriverRef::new(mailbox));
        }
        if self.is_draining() {
            return Err(CommandError::Draining);
        }
        let (mailbox, inbox) = Mailbox::new(RecentFrames::new(self.options.tail_bytes));
        let mailbox = Arc::new(mailbox);
        let birth = sessions.wake(id, Arc::clone(&mailbox)).map_or(birth, SpawnMode::Wake);
        let visitor = DriverRef::new(&mailbox);
        drop(sessions);
        let driver = Driver::new(Arc::clone(self), id.clone(), mailbox, inbox);
        self.tasks.spawn(driver.run(birth));
        Ok(visitor)
    }
}

/// Wakes the sessions whose timer is due, for as long as there is a hub.
pub(super) async fn clock(shared: Weak<Shared>, sooner: Arc<Notify>) {
    while let Some(hub) = shared.upgrade() {
        while let Some(id) = hub.registry.pop_due() {
            // Once awake, its driver looks at the timer. A hub that drains wakes no session.
            drop(hub.enter(&id, SpawnMode::Load(ClaimKind::Asked)));
        }
        let next = hub.registry.next_alarm();
        drop(hub);
        tokio::select! {
            () = sooner.notified() => {}
            () = until(next) => {}
        }
    }
}

async fn until(next: Option<Instant>) {
    match next {
        Some(at) => tokio::time::sleep_until(at).await,
        None => core::future::pending().await,
    }
}
