//! This process as a node: it renews its lease, and does what the node's table says.
//!
//! A store with one owner for all sessions has no lease: its node has no timer, judges nobody, and learns from the
//! renewal whether it was replaced.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use outlive::node::{Node, Op, Trigger};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::{Duration, Instant};

use super::observe::NodeEvent;
use super::recover::recover;
use super::shared::Shared;

/// A lease is renewed so often while it lasts: a few answers may be lost or late.
const RENEWALS: u32 = 10;

/// Why a hub is [fenced](super::Hub::fenced).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FenceCause {
    /// The store says that this process owns nothing any more: another one has opened the store, or, where processes
    /// share it, the others have declared this one dead, or one has started under its name.
    Refused,
    /// This process gave up by itself: the store has not renewed its lease for
    /// [`abandon_after`](super::HubOptions::abandon_after) longer than it lasts. Whether another process has its sessions
    /// it does not know.
    Abandoned,
}

impl fmt::Display for FenceCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            FenceCause::Refused => "another process has taken over",
            FenceCause::Abandoned => "the store is away for too long",
        })
    }
}

/// What the hub holds of its node.
#[derive(Debug, Default)]
pub(super) struct Membership {
    node: Mutex<Node>,
    /// What happens next if the store says nothing, and when.
    timer: Mutex<Option<(Instant, Trigger)>>,
    recovery: Mutex<Option<JoinHandle<()>>>,
    /// A session was lost to another node: perhaps all are.
    suspected: Notify,
}

impl Membership {
    /// Asks the store at once whether this process may own anything still.
    pub(super) fn suspect(&self) {
        self.suspected.notify_one();
    }

    fn set_timer(&self, timer: Option<(Instant, Trigger)>) {
        *self.timer.lock().unwrap_or_else(PoisonError::into_inner) = timer;
    }

    async fn overdue(&self) -> Trigger {
        let timer = *self.timer.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((at, trigger)) = timer else { return core::future::pending().await };
        tokio::time::sleep_until(at).await;
        self.set_timer(None);
        trigger
    }
}

impl Shared {
    /// How often this node says that it is there.
    fn renewal_interval(&self) -> Duration {
        let often = self.store.lease().map(|lease| lease / RENEWALS);
        often.unwrap_or(self.options.ping_interval).max(Duration::from_millis(1))
    }

    /// Renews the lease now and then, and whenever a session was lost, for as long as there is a hub that is a node.
    pub(super) async fn renew(shared: Weak<Shared>) {
        while let Some(hub) = shared.upgrade() {
            let (pause, membership) = (hub.renewal_interval(), Arc::clone(&hub.membership));
            drop(hub);
            let overdue = tokio::select! {
                biased;
                overdue = membership.overdue() => Some(overdue),
                () = membership.suspected.notified() => None,
                () = tokio::time::sleep(pause) => None,
            };
            let Some(hub) = shared.upgrade() else { return };
            let sent = Instant::now();
            let heard = if overdue.is_some() {
                overdue
            } else {
                tokio::select! {
                    biased;
                    () = hub.shut_down() => return,
                    overdue = membership.overdue() => Some(overdue),
                    answer = hub.store.renew() => match answer {
                        Ok(true) => {
                            hub.observe_node(NodeEvent::Renewed);
                            Some(Trigger::Renewed)
                        }
                        Ok(false) => {
                            hub.observe_node(NodeEvent::Refused);
                            Some(Trigger::Refused)
                        }
                        // A store that does not answer says nothing of the lease.
                        Err(_) => {
                            hub.observe_node(NodeEvent::Unanswered);
                            None
                        }
                    },
                }
            };
            if overdue.is_none() && matches!(heard, Some(Trigger::Late | Trigger::Abandoned)) {
                hub.observe_node(NodeEvent::Unanswered);
            }
            if let Some(trigger) = heard {
                hub.as_node(trigger, sent).await;
            }
        }
    }

    /// Something happens to this process as a node: a step of its table, for a request that was sent at this time.
    pub(super) async fn as_node(self: &Arc<Self>, trigger: Trigger, sent: Instant) {
        let (row, state) = {
            let mut node = self.membership.node.lock().unwrap_or_else(PoisonError::into_inner);
            (node.step(trigger), node.state())
        };
        tracing::debug!(%trigger, rule = row.id, %state, "node");
        for op in row.ops {
            match op {
                Op::Disarm => self.membership.set_timer(None),
                Op::ArmLate => {
                    let late = self.store.lease().map(|lease| (sent + lease, Trigger::Late));
                    self.membership.set_timer(late);
                }
                Op::ArmAbandon => {
                    tracing::warn!(
                        "the store has not renewed the lease in time; going on without it"
                    );
                    let given_up = Instant::now() + self.options.abandon_after;
                    self.membership.set_timer(Some((given_up, Trigger::Abandoned)));
                }
                Op::Judge => self.judge().await,
                Op::AbortAll => {
                    let cause = if trigger == Trigger::Refused {
                        FenceCause::Refused
                    } else {
                        FenceCause::Abandoned
                    };
                    tracing::warn!(why = %cause, "this node is fenced off; leaving");
                    self.fence(cause);
                }
                Op::GoodBye => self.say_good_bye().await,
            }
        }
    }

    /// Declares dead who is silent, and recovers what has no owner, if that is not under way.
    async fn judge(self: &Arc<Self>) {
        let orphans = tokio::select! {
            biased;
            () = self.shut_down() => return,
            orphans = self.store.judge() => orphans == Ok(true),
        };
        let mut recovery = self.membership.recovery.lock().unwrap_or_else(PoisonError::into_inner);
        if orphans && recovery.as_ref().is_none_or(JoinHandle::is_finished) {
            *recovery = Some(self.tasks.spawn(recover(Arc::clone(self))));
        }
    }

    async fn say_good_bye(&self) {
        match tokio::time::timeout(self.options.close_timeout, self.store.leave()).await {
            Ok(Ok(())) => {}
            Ok(Err(why)) => tracing::warn!(%why, "the store does not know that this node has left"),
            Err(_) => tracing::warn!("the store does not hear that this node has left"),
        }
    }
}
