//! What a step does to viewers: which are listed, what each is sent, what is kept for them.

use alloc::format;
use alloc::string::String;

use super::session::{keeps_places, own_asks};
use super::{View, ensure};
use crate::ids::{ConnectionId, Seq};
use crate::session::{Connection, Effect, Event, Session};
use crate::words::{State, Timer};

/// The connection an effect names.
fn named(effect: &Effect) -> Option<ConnectionId> {
    match *effect {
        Effect::Close { connection, .. }
        | Effect::Welcome { connection, .. }
        | Effect::Gap { connection, .. }
        | Effect::Send { connection, .. } => Some(connection),
        Effect::Commit
        | Effect::Abort { .. }
        | Effect::Arm { .. }
        | Effect::Disarm { .. }
        | Effect::DisarmAll
        | Effect::Start { .. }
        | Effect::CloseOut { .. }
        | Effect::Dispatch { .. }
        | Effect::Interrupt { .. }
        | Effect::Deliver { .. }
        | Effect::Accepted { .. } => None,
    }
}

pub(super) fn effects_name_only_watchers(view: &View<'_>) -> Result<(), String> {
    let find = |session: &Session, id| session.connections().iter().find(|c| c.id == id).copied();
    for effect in view.effects() {
        let Some(id) = named(effect) else { continue };
        let (was, is) = (find(view.before, id), find(view.next(), id));
        let closes = matches!(effect, Effect::Close { .. });
        let welcomes = matches!(effect, Effect::Welcome { .. });
        let right = match (closes, is) {
            (true, is) => was.is_some() && is.is_none(),
            (false, is) => is.is_some_and(|one| one.watches() || welcomes),
        };
        ensure(right, || format!("{effect:?}"))?;
    }
    connections_come_and_go_with_notice(view)
}

/// A new connection was welcomed, one that is gone was lost or closed, and a client has one connection.
fn connections_come_and_go_with_notice(view: &View<'_>) -> Result<(), String> {
    let (before, next) = (view.before.connections(), view.next().connections());
    for one in next.iter().filter(|one| before.iter().all(|other| other.id != one.id)) {
        let told =
            |e: &Effect| matches!(e, Effect::Welcome { connection, .. } if *connection == one.id);
        ensure(view.effects().iter().any(told), || format!("{} was not welcomed", one.id))?;
        let twin = next.iter().find(|other| other.client == one.client && other.id != one.id);
        twin.map_or(Ok(()), |twin| Err(format!("{} and {} are one client's", one.id, twin.id)))?;
    }
    for one in before.iter().filter(|one| next.iter().all(|other| other.id != one.id)) {
        let lost = *view.event == Event::Lost { connection: one.id };
        let told =
            |e: &Effect| matches!(e, Effect::Close { connection, .. } if *connection == one.id);
        let closed = view.effects().iter().any(told);
        ensure(lost != closed, || format!("{} is gone, lost: {lost}, closed: {closed}", one.id))?;
    }
    let lost = |one: &Connection| *view.event == Event::Lost { connection: one.id };
    ensure(!next.iter().any(lost), || "a lost connection is still listed".into())
}

/// Cursors move by what is sent or declared lost, and by nothing else.
pub(super) fn in_order_without_silent_gaps(view: &View<'_>) -> Result<(), String> {
    for one in view.next().connections() {
        let old = view.before.connections().iter().find(|other| other.id == one.id);
        let next = match (old, *view.event) {
            (Some(old), _) => old.next,
            (None, Event::Attach { cursor, .. }) => view.before.log().attach(cursor).1,
            (None, _) => return Err(format!("connection {} out of nowhere", one.id)),
        };
        let in_flight = old.and_then(|old| old.in_flight);
        let written = |from: Seq| {
            let Event::Written { connection, through } = *view.event else { return None };
            let right = connection == one.id && (from..next).contains(&through);
            right.then(|| through.next())
        };
        let missed = in_flight.map(|from| Event::Missed { connection: one.id, from });
        let start = if let Some(next) = in_flight.and_then(written) {
            Cursoring { next, in_flight: None }
        } else if Some(*view.event) == missed {
            Cursoring { next: in_flight.unwrap_or(next), in_flight: None }
        } else {
            Cursoring { next, in_flight }
        };
        let end =
            view.effects().iter().try_fold(start, |at, effect| at.follow(one.id, effect, view))?;
        let is = Cursoring { next: one.next, in_flight: one.in_flight };
        ensure(is == end, || format!("connection {} is at {is:?} instead of {end:?}", one.id))?;
    }
    Ok(())
}

/// Where a viewer is, by what was sent to it.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Cursoring {
    next: Seq,
    in_flight: Option<Seq>,
}

impl Cursoring {
    fn follow(self, id: ConnectionId, effect: &Effect, view: &View<'_>) -> Result<Self, String> {
        let told = || format!("{effect:?} at {self:?}");
        if let (true, Effect::Gap { lost_from, lost_to, .. }) = (named(effect) == Some(id), *effect)
        {
            let right = lost_from == self.next && lost_to == view.next().log().base;
            ensure(right && lost_from <= lost_to, told)?;
            return Ok(Cursoring { next: lost_to.next(), ..self });
        }
        if let (true, Effect::Send { from, to, .. }) = (named(effect) == Some(id), *effect) {
            let whole = from == self.next && from > view.next().log().base && from <= to;
            let batch = to.0.saturating_sub(from.0) < u64::from(view.limits.batch);
            ensure(whole && batch && self.in_flight.is_none(), told)?;
            return Ok(Cursoring { next: to.next(), in_flight: Some(from) });
        }
        Ok(self)
    }
}

pub(super) fn readers_reach_the_head(view: &View<'_>) -> Result<(), String> {
    let next = view.next();
    let idle = |c: &&Connection| c.watches() && c.in_flight.is_none();
    let lagging = next.connections().iter().filter(idle).find(|c| c.next <= next.log().head);
    lagging.map_or(Ok(()), |c| Err(format!("{} waits at {} for nothing", c.id, c.next)))
}

pub(super) fn pins_are_kept(view: &View<'_>) -> Result<(), String> {
    let (before, next) = (view.before, view.next());
    let over = matches!(view.event, Event::Expired { timer: Timer::Grace, .. }) && !view.is_stale();
    let kept = match (before.pin(), next.pin()) {
        (Some(was), Some(is)) => is <= was,
        (Some(_), None) => over || view.hops().any(|(_, to)| !keeps_places(to)),
        (None, _) => true,
    };
    ensure(kept, || format!("pinned at {:?}, then at {:?}", before.pin(), next.pin()))?;
    let announced = next.connections().iter().filter_map(|one| one.suspended).min();
    let covered = announced.is_none_or(|seen| next.pin() <= Some(seen));
    ensure(next.state() != State::Suspended || covered, || {
        format!("pinned at {:?}, announced {announced:?}", next.pin())
    })?;
    let Event::Suspend { seen, .. } = *view.event else { return Ok(()) };
    let heard = view.step.verdict().acts() && keeps_places(next.state());
    let pinned = next.pin().is_some_and(|pin| pin <= seen);
    ensure(!heard || pinned, || format!("{seen} announced, and not pinned"))
}

pub(super) fn nothing_needed_is_trimmed(view: &View<'_>) -> Result<(), String> {
    let (before, next) = (view.before, view.next());
    let (was, base) = (before.log().base, next.log().base);
    ensure(base >= was, || "the base went back".into())?;
    if base == was && view.step.records.is_empty() {
        return Ok(());
    }
    let needed = |session: &Session| {
        let most = view.limits.retention.saturating_add(view.limits.pinned);
        let least = Seq(session.log().head.0.saturating_sub(most));
        let pinned = session.pin().map(|pin| pin.max(least).next());
        let standing = session.standing_asks().first().map(|ask| (*ask).max(least.next()));
        let kept =
            session.queue().iter().map(|one| one.seq).chain(own_asks(session).iter().copied());
        kept.chain(pinned).chain(standing).min().unwrap_or(Seq::MAX).previous()
    };
    let floor = needed(next);
    ensure(base == was || base <= floor, || format!("trimmed to {base}, {floor} is needed"))?;
    let surplus = Seq(next.log().head.0.saturating_sub(view.limits.retention));
    ensure(base == was || base <= surplus, || format!("trimmed to {base}, {surplus} would do"))?;
    // What was there before this step, is beyond retention and was not needed, is gone.
    let least = surplus.min(floor).min(needed(before)).min(before.log().head);
    ensure(base >= least, || format!("trimmed to {base} only, up to {least} is not needed"))
}
