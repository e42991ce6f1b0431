//! What drivers and links share.

use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{SystemTime, UNIX_EPOCH};

use tokio::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::held::HeldEntries;
use super::hibernate::Hibernated;
use super::mailbox::{CommandError, Inbox, Mailbox, Notification};
use super::node::{FenceCause, Membership};
use super::observe::{NodeEvent, Observer};
use super::options::HubOptions;
use super::registry::Registry;
use super::worker_task::SpawnWorker;
use crate::store::{SessionId, Store};
use outlive::ids::ConnectionId;
use outlive::log::LogId;
use outlive::session::{Event, Machine, Snapshot, Step};

/// Between these two, in milliseconds after a hub has left, its clients come back: another one needs a moment to
/// begin, and not all are to come at once.
const COME_BACK_MS: [u32; 2] = [1_000, 5_000];

/// A client that is sent away while a turn runs looks again after so long, even if the deadline is later.
const LOOK_AGAIN: Duration = Duration::from_secs(10);

/// What drivers and links share.
pub(super) struct Shared {
    pub(super) machine: Machine,
    pub(super) store: Arc<dyn Store>,
    pub(super) options: HubOptions,
    /// What viewers were given and have not taken.
    pub(super) held: Arc<HeldEntries>,
    pub(super) employer: Box<dyn SpawnWorker>,
    pub(super) registry: Registry,
    pub(super) tasks: TaskTracker,
    /// Everything that a process before has left is recovered.
    pub(super) recovered: CancellationToken,
    /// The drain's deadline has passed.
    halt: CancellationToken,
    /// This node may own nothing any more.
    fenced: CancellationToken,
    /// Why it may not: set before the token is cancelled.
    fence_cause: OnceLock<FenceCause>,
    /// This process among those that serve the store.
    pub(super) membership: Arc<Membership>,
    /// The hub is about to leave.
    pub(super) draining: CancellationToken,
    /// A token for each transport that has not said hello.
    pub(super) lobby: TaskTracker,
    /// The drain is over, and so is the time to say hello.
    pub(super) left: CancellationToken,
    /// When its window ends, and its deadline.
    pub(super) leaves: OnceLock<[Instant; 2]>,
    /// A token for each turn that runs: a drain waits for all of them.
    pub(super) turns: TaskTracker,
    /// Halted or fenced: what a driver can look at often.
    over: AtomicBool,
    observer: Arc<dyn Observer>,
    connections: AtomicU64,
    seed: Option<AtomicU64>,
    time: Box<dyn Fn() -> SystemTime + Send + Sync>,
}

impl core::fmt::Debug for Shared {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Hub").field("sessions", &self.registry.len()).finish_non_exhaustive()
    }
}

impl Shared {
    pub(super) fn new(
        machine: Machine,
        store: Arc<dyn Store>,
        options: HubOptions,
        observer: Arc<dyn Observer>,
        employer: Box<dyn SpawnWorker>,
        seed: Option<u64>,
        time: Box<dyn Fn() -> SystemTime + Send + Sync>,
    ) -> Shared {
        let mut shared = Shared {
            machine,
            store,
            held: Arc::new(HeldEntries::new(options.held_bytes)),
            options,
            employer,
            registry: Registry::default(),
            tasks: TaskTracker::new(),
            recovered: CancellationToken::new(),
            halt: CancellationToken::new(),
            fenced: CancellationToken::new(),
            fence_cause: OnceLock::new(),
            membership: Arc::default(),
            draining: CancellationToken::new(),
            lobby: TaskTracker::new(),
            left: CancellationToken::new(),
            leaves: OnceLock::new(),
            turns: TaskTracker::new(),
            over: AtomicBool::new(false),
            observer,
            connections: AtomicU64::new(0),
            seed: seed.map(AtomicU64::new),
            time,
        };
        // Fences of a process before are not used again.
        shared.connections = AtomicU64::new(shared.random() >> 12);
        shared
    }

    pub(super) fn random(&self) -> u64 {
        match &self.seed {
            // Splitmix: well spread, and the same each time.
            Some(seed) => {
                let mut z = seed.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
                z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
                z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
                z ^ (z >> 31)
            }
            // A system without randomness cannot name sessions.
            None => getrandom::u64().expect("the system has random numbers"),
        }
    }

    /// The time, in milliseconds since the Unix epoch.
    pub(super) fn now(&self) -> u64 {
        let since = (self.time)().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }

    pub(super) fn next_connection(&self) -> ConnectionId {
        ConnectionId(self.connections.fetch_add(1, Ordering::Relaxed))
    }

    pub(super) fn limits_batch(&self) -> usize {
        usize::try_from(self.machine.limits().batch).unwrap_or(usize::MAX)
    }

    /// When to come back to a hub that leaves, in milliseconds: between these two. It points past the window, and
    /// past the deadline while a turn runs; but since the turn may end before, [`LOOK_AGAIN`] is the longest wait.
    pub(crate) fn come_back_ms(&self) -> [u32; 2] {
        let now = Instant::now();
        let ends = |[window, deadline]: [Instant; 2]| {
            if self.turns.is_empty() { window } else { window.max(deadline.min(now + LOOK_AGAIN)) }
        };
        let rest = self.leaves.get().map_or(Duration::ZERO, |leaves| ends(*leaves) - now);
        let rest = u32::try_from(rest.as_millis()).unwrap_or(u32::MAX);
        COME_BACK_MS.map(|ms| rest.saturating_add(ms))
    }

    pub(super) fn is_draining(&self) -> bool {
        self.draining.is_cancelled()
    }

    /// Returns when this node may own nothing any more, with the reason.
    pub(super) async fn fenced(&self) -> FenceCause {
        self.fenced.cancelled().await;
        self.fence_cause.get().copied().unwrap_or(FenceCause::Refused)
    }

    pub(super) fn is_fenced(&self) -> bool {
        self.fenced.is_cancelled()
    }

    /// Returns when nothing new is begun here.
    pub(super) async fn leaves(&self) {
        tokio::select! {
            biased;
            () = self.draining.cancelled() => {}
            () = self.fenced.cancelled() => {}
        }
    }

    /// Whether nothing can be done here any more.
    pub(super) fn is_over(&self) -> bool {
        self.over.load(Ordering::Acquire)
    }

    /// Returns when nothing can be done here any more.
    pub(super) async fn shut_down(&self) {
        tokio::select! {
            biased;
            () = self.halt.cancelled() => {}
            () = self.fenced.cancelled() => {}
        }
    }

    /// What to say for a driver that is gone without a word.
    pub(super) fn shutdown_error(&self) -> CommandError {
        if self.is_fenced() {
            CommandError::Moved
        } else if self.is_draining() {
            CommandError::Draining
        } else {
            CommandError::Unavailable(String::from("the session's task is gone"))
        }
    }

    /// This node is fenced off. No commit of it succeeds any more, so every session goes, also one that has nothing to
    /// commit: what it would show is of before.
    pub(super) fn fence(&self, cause: FenceCause) {
        _ = self.fence_cause.set(cause);
        self.fenced.cancel();
        self.stop();
    }

    /// The drain's deadline has passed: what runs is left to the next process.
    pub(super) fn halt(&self) {
        self.halt.cancel();
        self.stop();
    }

    /// Every driver looks up, and who sleeps is left. One that is made meanwhile looks before it sleeps.
    fn stop(&self) {
        self.over.store(true, Ordering::Release);
        for mailbox in self.registry.all() {
            mailbox.tell(Notification::Wake);
        }
        self.leave_sleepers();
    }

    pub(super) fn observe_begin(&self, id: &SessionId, log: LogId, snapshot: Option<&Snapshot>) {
        self.observe(|observer| observer.on_load(id, self.machine.limits(), log, snapshot));
    }

    pub(super) fn observe_node(&self, event: NodeEvent) {
        self.observe(|observer| observer.on_node(event));
    }

    pub(super) fn observe_step(&self, id: &SessionId, event: &Event, step: &Step) {
        for row in step.rules() {
            tracing::debug!(
                session = %id, trigger = %step.trigger(), rule = row.id, verdict = %row.verdict,
                incarnation = %step.next.incarnation(),
            );
        }
        self.observe(|observer| observer.on_step(id, event, step));
    }

    /// An observer that panics is a fault of the observer, and not the session's end.
    pub(super) fn observe(&self, see: impl FnOnce(&dyn Observer)) {
        let seen = std::panic::catch_unwind(AssertUnwindSafe(|| see(&*self.observer)));
        if seen.is_err() {
            tracing::error!("an observer panicked");
        }
    }
}

impl Shared {
    /// Takes a driver out of the registry if no reference to it is held and nothing waits for it. From then on
    /// none can be made.
    pub(super) fn remove_if_idle(
        &self,
        id: &SessionId,
        mailbox: &Arc<Mailbox>,
        inbox: &Inbox,
    ) -> bool {
        let retired = self.registry.remove(id, mailbox, || is_idle(mailbox, inbox), || None);
        if retired {
            self.observe(|observer| observer.on_unload(id));
        }
        retired
    }

    /// As [`remove_if_idle`](Shared::remove_if_idle), but the session stays in memory: the next command wakes it.
    pub(super) fn hibernate_if_idle(
        &self,
        id: &SessionId,
        mailbox: &Arc<Mailbox>,
        inbox: &Inbox,
        sleeper: impl FnOnce() -> Box<Hibernated>,
    ) -> bool {
        self.registry.remove(id, mailbox, || is_idle(mailbox, inbox), || Some(sleeper()))
    }

    /// Takes a driver out of the registry at once: the next command gets another one.
    pub(super) fn remove(&self, id: &SessionId, mailbox: &Arc<Mailbox>) {
        if self.registry.remove(id, mailbox, || true, || None) {
            self.observe(|observer| observer.on_unload(id));
        }
    }

    /// Sessions that hibernate are left to the next process. This one accepts no command that would wake them.
    pub(super) fn leave_sleepers(&self) {
        for id in self.registry.take_sleepers() {
            self.observe(|observer| observer.on_unload(&id));
        }
    }
}

fn is_idle(mailbox: &Mailbox, inbox: &Inbox) -> bool {
    !mailbox.is_visited() && inbox.is_empty()
}
