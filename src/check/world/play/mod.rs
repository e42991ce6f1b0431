//! What an action does: the driver, the wire, the clients and the workers, played honestly. The planted
//! bugs are the places where a driver goes wrong in the field.

#![allow(clippy::wildcard_imports, reason = "one player in several rooms")]

mod clients;
mod driver;
mod flights;
mod members;
mod processes;
mod relays;
mod server;
mod wire;
mod workers;

use core::num::{NonZeroU16, NonZeroU32, NonZeroU64};
use strum::EnumCount;

use super::action::Action;
use super::members::Flight;
use super::world_state::{
    Clock, Frame, Gone, Key, LateCommit, Link, Message, Node, Order, PEOPLE, Phase, Request, Word,
    Worker, WorldState,
};
use super::{Bug, CURRENT, OLD, StepTrace, World, judge};
use crate::connection::{self, Connection, Trigger};
use crate::ids::{ClientId, ConnectionId, Digest, Generation, Incarnation, PromptNumber, Seq};
use crate::laws::{self, Breach, Law, Witness};
use crate::log::{AttachOutcome, Cursor, LogId, ResumeFrom};
use crate::node;
use crate::routing::{self, Durable, Runtime};
use crate::session::{Effect, EntryMeta, Event, Session, Step};
use crate::words::{ClientRule, CloseCode, Timer};

/// One action being played.
pub(super) struct Transition<'a> {
    world: &'a World,
    pub(super) now: &'a mut WorldState,
    pub(super) evidence: &'a mut StepTrace,
    /// The link whose message is being answered.
    via: Option<u8>,
    /// The result of the command's commit is unknown.
    unknown: bool,
    /// The node would have to wait for the database.
    stuck: bool,
}

impl<'a> Transition<'a> {
    /// Begins in `now`, with evidence of nothing. Both are in `taken` when the action is played: in the memory of what
    /// was there before.
    pub(super) fn begin(
        world: &'a World,
        now: &WorldState,
        taken: &'a mut Option<(WorldState, StepTrace)>,
    ) -> Transition<'a> {
        if let Some((after, evidence)) = taken {
            after.clone_from(now);
            evidence.begin();
        }
        let (now, evidence) = taken.get_or_insert_with(|| (now.clone(), StepTrace::default()));
        Transition { world, now, evidence, via: None, unknown: false, stuck: false }
    }

    /// Plays the action; none if it is not possible.
    pub(super) fn play(mut self, action: &Action) -> Option<()> {
        match *action {
            Action::Dial { client, node, forged } => self.dial(client, node, forged),
            Action::Hear(link) => self.hear(link)?,
            Action::Unavailable(link) => self.unavailable(link)?,
            Action::Unknown(link) => self.unknown(link)?,
            Action::Land => self.land()?,
            Action::Receive(link) => self.receive(link)?,
            Action::Flush(link) => self.flush(link, false)?,
            Action::FlushPart(link) => {
                self.now.left.pages -= 1;
                self.flush(link, true)?;
            }
            Action::Written(link) => self.written(link)?,
            Action::Cut(link) => self.cut(link)?,
            Action::Bye(link) => self.bye(link)?,
            Action::Notice(link) => self.connection(link, Trigger::Lost, CloseCode::Normal),
            Action::Silent(link) => self.budgeted(link, Trigger::Silent),
            Action::HelloTimeout(link) => self.budgeted(link, Trigger::HelloTimeout),
            Action::Drain(link) => self.budgeted(link, Trigger::Close),
            Action::LateCall(link, Trigger::Send) => {
                self.now.left.late -= 1;
                self.write(link, Frame::Refused);
            }
            Action::LateCall(link, trigger) => self.budgeted(link, trigger),
            Action::CloseTimeout(link) => {
                self.connection(link, Trigger::CloseTimeout, CloseCode::Normal);
            }
            Action::TellGone(link) => self.tell_gone(link)?,
            Action::Prompt(client) => self.prompt(client)?,
            Action::Forge(client, n, digest) => {
                self.now.left.forgeries -= 1;
                self.message(client, Message::Prompt { n, digest })?;
            }
            Action::Hide { client, posted } => self.hide(client, posted)?,
            Action::Show(client) => self.show(client)?,
            Action::Send(post) => {
                self.now.left.posts -= 1;
                self.now.posts.push(post);
                self.now.posts.sort_unstable();
            }
            Action::Arrive(post) => self.arrive(post)?,
            Action::Obey(worker) => self.obey(worker),
            Action::Say(worker, word) => self.say(worker, word)?,
            Action::Listen(worker) => self.listen(worker)?,
            Action::Fire(node, timer) => {
                self.now.nodes[node].clock(timer).armed = false;
                self.feed(node, Event::Expired { timer, generation: CURRENT });
            }
            Action::FireLate(node, timer) => {
                self.now.left.late -= 1;
                let clock = self.now.nodes[node].clock(timer);
                (clock.armed, clock.late) = (false, true);
            }
            Action::Late(node, timer, stale) => self.late(node, timer, stale),
            Action::Crash { lossy } => self.crash(lossy),
            Action::Open { eager } => self.open(eager),
            Action::TakeOver => self.take_over()?,
            Action::TakeBack(node) => self.reconcile(node, None, false),
            Action::Fenced(node) => self.fence_off(node),
            Action::Hold(node) => {
                self.now.left.holds -= 1;
                self.feed(node, Event::Drain);
            }
            Action::Purge => {
                self.now.left.purges -= 1;
                self.now.store = None;
            }
            Action::Register(node) => self.member(node, node::Trigger::Registered),
            Action::Expire(node) => self.expire(node),
            Action::ExpireEarly(node) => self.expire_early(node),
            Action::Renew(node) => self.renew(node),
            Action::Overdue(node) => self.member(node, node::Trigger::Late),
            Action::Abandon(node) => self.member(node, node::Trigger::Abandoned),
            Action::AbandonLate(node) => self.abandon_late(node),
            Action::Pause(node) => self.pause(node),
            Action::Continue(node) => self.now.members[node].paused = false,
            Action::CutOff(node) => self.cut_off(node),
            Action::Heal(node) => self.now.members[node].cut = false,
            Action::Arrived(node) => self.arrived(node)?,
            Action::Answered(node) => self.answered(node)?,
            Action::LoseReply(node) => self.lose_reply(node)?,
            Action::Settle(node) => self.settle_flight(node)?,
            Action::Leave(node) => self.depart(node),
            Action::Release(node) => self.release(node),
            Action::Die(node) => self.die(node),
            Action::Part => {
                self.now.left.partitions -= 1;
                self.now.parted = true;
            }
            Action::Meet => self.now.parted = false,
            Action::Stray(link) => self.stray(link)?,
            Action::FailOver { lossy } => self.fail_over(lossy),
        }
        self.end()
    }

    /// What follows at once, and what is forgotten; none if the action came to a stop half-way.
    fn end(mut self) -> Option<()> {
        if self.stuck {
            return None;
        }
        if self.world.scope.quick_wire {
            self.deliver();
        }
        let stale = |late: &mut LateCommit| self.now.store.as_ref() != Some(&late.expect);
        self.now.on_its_way.take_if(stale);
        self.now.links.retain(|link| !link.forgotten());
        self.now.workers.retain(|worker| worker.phase != Phase::Dead || worker.said.is_some());
        Some(())
    }

    pub(super) fn breach(&mut self, law: Law, detail: impl Into<String>) {
        if self.evidence.breach.is_none() {
            self.evidence.breach = Some(Breach { law, detail: detail.into() });
        }
    }

    pub(super) fn bug(&self, bug: Bug) -> bool {
        self.world.bug == Some(bug)
    }

    pub(super) fn link(&mut self, id: u8) -> Option<&mut Link> {
        self.now.links.iter_mut().find(|link| link.id == id)
    }
}

/// What a quick wire does next with a link.
enum Next {
    Receive(u8),
    Flush(u8),
    Written(u8),
}

/// What a connection's row asked for.
#[derive(Clone, Copy, Default)]
struct Did {
    passes: bool,
    writes: bool,
}

const fn fence(id: u8) -> ConnectionId {
    ConnectionId(id as u64)
}

/// The id that the log of a history is given.
pub(super) const fn log_id(history: u8) -> LogId {
    LogId(1 + history as u64)
}
