//! What a step does to the session: its states, its worker, its prompts, its log.

use alloc::format;
use alloc::string::String;

use super::{View, ensure};
use crate::ids::Seq;
use crate::session::{Connection, Effect, EntryMeta, Event, Queued, Record, Session, TurnState};
use crate::words::{State, Timer, TurnOutcome};

pub(super) fn closing_only_ends(view: &View<'_>) -> Result<(), String> {
    let wrong = view.hops().find(|(from, to)| *from == State::Closing && *to != State::Ended);
    wrong.map_or(Ok(()), |(_, to)| Err(format!("CLOSING went to {to}")))
}

pub(super) fn ended_only_reopens(view: &View<'_>) -> Result<(), String> {
    let wrong = view.hops().find(|(from, to)| *from == State::Ended && *to != State::Created);
    wrong.map_or(Ok(()), |(_, to)| Err(format!("ENDED went to {to}")))?;
    let asked = matches!(view.event, Event::Prompt { .. } | Event::Answer { .. });
    let waits = asked || !view.before.queue().is_empty();
    ensure(!view.passes(State::Created) || waits, || {
        "reopened without a prompt or an answer".into()
    })?;
    let reopened = u32::from(view.passes(State::Created));
    let incarnation = view.before.incarnation().0 + reopened;
    ensure(view.next().incarnation().0 == incarnation, || {
        format!("incarnation {} instead of {incarnation}", view.next().incarnation())
    })
}

pub(super) fn nothing_due_is_left(view: &View<'_>) -> Result<(), String> {
    let next = view.next();
    let waits = !next.queue().is_empty();
    let idle = next.turn() == TurnState::Idle;
    let due = match next.state() {
        State::Closing | State::Ended => waits,
        State::Created => waits && !next.is_draining(),
        State::Active | State::Detached | State::Suspended => waits && idle && !next.is_draining(),
        State::Starting => false,
    };
    ensure(!due, || format!("a prompt waits in {} for nothing", next.state()))
}

pub(super) fn drain_begins_nothing(view: &View<'_>) -> Result<(), String> {
    let draining = view.before.is_draining() || matches!(view.event, Event::Drain);
    if !draining {
        return Ok(());
    }
    ensure(view.next().is_draining(), || "the drain was not taken, or let go".into())?;
    let begins = |e: &&Effect| matches!(e, Effect::Start { .. } | Effect::Dispatch { .. });
    let begun = view.effects().iter().find(begins);
    begun.map_or(Ok(()), |effect| Err(format!("{effect:?} in a session that is draining")))
}

pub(super) fn delivered_is_durable(view: &View<'_>) -> Result<(), String> {
    let (before, next) = (view.before, view.next());
    let commits = view.effects().iter().filter(|effect| **effect == Effect::Commit).count();
    let renewed = matches!(view.event, Event::Restarted { renew: Some(_) });
    let changed = !before.same_record(next) || !view.step.records.is_empty() || renewed;
    ensure(commits == usize::from(changed), || format!("{commits} commits, changed: {changed}"))?;
    ensure(!changed || view.step.commits(), || "the commit is not first".into())?;
    let mut place = before.log().head;
    for Record { seq, entry } in &view.step.records {
        ensure(*seq == place.next(), || format!("a record at {seq} after {place}"))?;
        let length =
            if let EntryMeta::Output { count } = entry { u64::from(count.get()) } else { 1 };
        place = Seq(place.0 + length);
    }
    let head = next.log().head;
    ensure(place == head, || format!("the log ends at {head}, its records at {place}"))?;
    let beyond = |effect: &&Effect| matches!(effect, Effect::Send { to, .. } if *to > head);
    let beyond = view.effects().iter().find(beyond);
    beyond.map_or(Ok(()), |send| Err(format!("{send:?} beyond {head}")))
}

pub(super) fn active_means_watched(view: &View<'_>) -> Result<(), String> {
    let next = view.next();
    let connections = next.connections();
    let watched = connections.iter().any(Connection::watches);
    let fits = match next.state() {
        State::Active => watched,
        State::Detached => connections.is_empty(),
        State::Suspended => !watched && next.pin().is_some(),
        State::Created | State::Starting | State::Closing | State::Ended => true,
    };
    ensure(fits, || format!("{} with {connections:?}", next.state()))?;
    let announced = connections.iter().filter_map(|one| one.suspended);
    let late = announced.chain(next.pin()).any(|seen| seen > next.log().head);
    ensure(!late, || "pinned beyond the log".into())
}

pub(super) fn ended_holds_nothing(view: &View<'_>) -> Result<(), String> {
    let next = view.next();
    match next.state() {
        State::Created | State::Ended => {
            let kept = next.state() == State::Created && next.is_draining();
            let empty = next.turn() == TurnState::Idle && (kept || next.queue().is_empty());
            ensure(empty && own_asks(next).is_empty(), || {
                format!("{} holds {:?} {:?}", next.state(), next.turn(), next.queue())
            })?;
        }
        State::Starting | State::Active | State::Detached | State::Suspended | State::Closing => {}
    }
    ensure(keeps_places(next.state()) || next.pin().is_none(), || {
        format!("pinned in {}", next.state())
    })
}

/// Whether suspended viewers keep their places in the log: until the end has begun.
pub(super) const fn keeps_places(state: State) -> bool {
    !matches!(state, State::Closing | State::Ended)
}

pub(super) fn work_needs_a_worker(view: &View<'_>) -> Result<(), String> {
    let next = view.next();
    let (runs, waits) = match next.state() {
        State::Closing | State::Ended => (false, false),
        State::Created => (false, next.is_draining()),
        State::Starting => (false, true),
        State::Active | State::Detached | State::Suspended => (true, true),
    };
    let turn = next.turn().id();
    ensure(runs || turn.is_none(), || format!("a turn runs in {}", next.state()))?;
    ensure(waits || next.queue().is_empty(), || format!("a prompt waits in {}", next.state()))?;
    ensure(turn.is_some() || own_asks(next).is_empty(), || "an ask without a turn".into())
}

fn ends_something(effect: &Effect) -> bool {
    match effect {
        Effect::Abort { .. } | Effect::CloseOut { .. } | Effect::Interrupt { .. } => true,
        Effect::Commit
        | Effect::Arm { .. }
        | Effect::Disarm { .. }
        | Effect::DisarmAll
        | Effect::Start { .. }
        | Effect::Dispatch { .. }
        | Effect::Deliver { .. }
        | Effect::Accepted { .. }
        | Effect::Close { .. }
        | Effect::Welcome { .. }
        | Effect::Gap { .. }
        | Effect::Send { .. } => false,
    }
}

pub(super) fn lost_connection_never_stops_work(view: &View<'_>) -> Result<(), String> {
    let of_connection = matches!(
        view.event,
        Event::Attach { .. }
            | Event::Written { .. }
            | Event::Missed { .. }
            | Event::Suspend { .. }
            | Event::Resume { .. }
            | Event::Lost { .. }
    );
    if !of_connection {
        return Ok(());
    }
    let (before, next) = (view.before, view.next());
    let harm = view.effects().iter().find(|effect| ends_something(effect));
    harm.map_or(Ok(()), |effect| Err(format!("{effect:?}")))?;
    let same = before.turn() == next.turn() && before.queue() == next.queue();
    ensure(same && view.step.records.is_empty(), || "the work changed".into())?;
    let up = |state| matches!(state, State::Active | State::Detached | State::Suspended);
    let (was, is) = (before.state(), next.state());
    ensure(was == is || (up(was) && up(is)), || format!("{was} became {is}"))
}

pub(super) fn failed_starts_are_not_repeated(view: &View<'_>) -> Result<(), String> {
    let starting = view.before.state() == State::Starting;
    let fails = match *view.event {
        Event::StartFailed { incarnation } | Event::Exited { incarnation } => {
            starting && incarnation == view.before.incarnation()
        }
        Event::Expired { timer: Timer::Start, .. } => starting && !view.is_stale(),
        Event::Expired { .. }
        | Event::Attach { .. }
        | Event::Written { .. }
        | Event::Missed { .. }
        | Event::Suspend { .. }
        | Event::Resume { .. }
        | Event::Lost { .. }
        | Event::Prompt { .. }
        | Event::Interrupt { .. }
        | Event::Stop { .. }
        | Event::Answer { .. }
        | Event::Started { .. }
        | Event::Output { .. }
        | Event::Asked { .. }
        | Event::Withdrawn { .. }
        | Event::TurnEnded { .. }
        | Event::TurnWaiting { .. }
        | Event::Restarted { .. }
        | Event::Drain => false,
    };
    let next = view.next().state();
    ensure(!fails || next == State::Ended, || format!("{next} after a failed start"))
}

/// Whether the state, or the turn, waits for the timer.
pub(super) fn waits(session: &Session, timer: Timer) -> bool {
    let (state, turn) = (session.state(), session.turn());
    match timer {
        Timer::Idle => state == State::Created && !session.is_draining(),
        Timer::Start => state == State::Starting,
        Timer::Turn => matches!(turn, TurnState::Running(_)),
        Timer::Interrupt => matches!(turn, TurnState::Interrupting(_)),
        Timer::Detach => state == State::Detached,
        Timer::Grace => session.pin().is_some(),
        Timer::Closeout => state == State::Closing,
    }
}

pub(super) fn timers_act_where_they_wait(view: &View<'_>) -> Result<(), String> {
    let Event::Expired { timer, .. } = *view.event else { return Ok(()) };
    let (state, turn) = (view.before.state(), view.before.turn());
    ensure(waits(view.before, timer) || view.unchanged(), || {
        format!("the {timer} timer acted in {state}")
    })?;
    let works = turn != TurnState::Idle || !view.before.queue().is_empty();
    let same = view.next().turn() == turn && view.next().queue() == view.before.queue();
    let zombie = timer == Timer::Detach && works && !same;
    ensure(!zombie, || "a running turn, or a prompt that waits, was taken for a zombie".into())
}

pub(super) fn stop_stops(view: &View<'_>) -> Result<(), String> {
    let Event::Stop { incarnation } = *view.event else {
        return Ok(());
    };
    let over = matches!(view.next().state(), State::Closing | State::Ended);
    let stale = incarnation != view.before.incarnation();
    ensure(stale || over, || format!("stopped, and still {}", view.next().state()))
}

pub(super) fn worker_is_told_what_is_true(view: &View<'_>) -> Result<(), String> {
    let count = |wanted: fn(&Effect) -> bool| view.effects().iter().filter(|e| wanted(e)).count();
    let closeouts = count(|effect| matches!(effect, Effect::CloseOut { .. }));
    let closing = usize::from(view.passes(State::Closing));
    ensure(closeouts == closing, || format!("{closeouts} closeouts on the way to CLOSING"))?;
    let starts = count(|effect| matches!(effect, Effect::Start { .. }));
    let starting = usize::from(view.passes(State::Starting));
    ensure(starts == starting, || format!("{starts} starts on the way to STARTING"))?;
    let aborts = count(|effect| matches!(effect, Effect::Abort { .. }));
    ensure(aborts == 0 || view.passes(State::Ended), || "aborted, and not ENDED".into())?;
    let interrupted = count(|effect| matches!(effect, Effect::Interrupt { .. })) == 1;
    let is = matches!(view.next().turn(), TurnState::Interrupting(_));
    let newly = is && view.before.turn() != view.next().turn();
    ensure(interrupted == newly, || format!("interrupted: {interrupted}, newly: {newly}"))?;
    let dispatched = view.effects().iter().filter_map(|effect| {
        if let Effect::Dispatch { turn, .. } = effect { Some(*turn) } else { None }
    });
    let running = view.next().turn().id().filter(|turn| view.before.turn().id() != Some(*turn));
    ensure(dispatched.eq(running), || "the turn that runs is not the one dispatched".into())?;
    let delivered = view.effects().iter().filter_map(|effect| {
        if let Effect::Deliver { ask, .. } = effect { Some(*ask) } else { None }
    });
    let answered = view.entries().filter(|entry| !begins_a_turn(view, entry)).filter_map(|entry| {
        if let EntryMeta::Answer { ask, .. } = entry { Some(*ask) } else { None }
    });
    ensure(delivered.eq(answered), || "an answer was logged and not delivered".into())
}

/// The asks of the running turn.
pub(super) fn own_asks(session: &Session) -> &[Seq] {
    &session.asks()[session.standing_asks().len()..]
}

/// A prompt does, and the answer to an ask that outlived its turn.
fn begins_a_turn(view: &View<'_>, entry: &EntryMeta) -> bool {
    match entry {
        EntryMeta::Prompt { .. } => true,
        EntryMeta::Answer { ask, .. } => view.before.standing_asks().contains(ask),
        EntryMeta::Output { .. }
        | EntryMeta::Ask { .. }
        | EntryMeta::Withdrawn { .. }
        | EntryMeta::TurnEnd { .. }
        | EntryMeta::Closing { .. }
        | EntryMeta::End { .. } => false,
    }
}

/// Each ask that outlived its turn came with the end of one, and goes with an answer, or with a withdrawal by a worker
/// or for a log that may have lost the answer.
pub(super) fn asks_stand(view: &View<'_>) -> Result<(), String> {
    let (was, is) = (view.before.standing_asks(), view.next().standing_asks());
    let lossy = matches!(view.event, Event::Restarted { renew: Some(_) });
    for ask in was {
        let answered = matches!(*view.event, Event::Answer { ask: of, .. } if of == *ask);
        let withdrawn = matches!(*view.event, Event::Withdrawn { ask: of, .. } if of == *ask);
        let settles = |entry: &EntryMeta| match *entry {
            EntryMeta::Answer { ask: of, .. } => of == *ask && answered,
            EntryMeta::Withdrawn { ask: of } => of == *ask && (withdrawn || lossy),
            EntryMeta::Prompt { .. }
            | EntryMeta::Output { .. }
            | EntryMeta::Ask { .. }
            | EntryMeta::TurnEnd { .. }
            | EntryMeta::Closing { .. }
            | EntryMeta::End { .. } => false,
        };
        let settled = view.entries().filter(|entry| settles(entry)).count();
        ensure(settled == usize::from(!is.contains(ask)), || {
            format!("ask {ask} stood, and was settled {settled} times, standing: {is:?}")
        })?;
        ensure(!lossy || settled == 1, || {
            format!("ask {ask} stands, though its answer may have run in what was lost")
        })?;
    }
    let stands = |record: &&Record| matches!(record.entry, EntryMeta::Ask { stands: true, .. });
    let new = view.step.records.iter().filter(stands).map(|record| record.seq);
    let fresh = is.iter().copied().filter(|ask| !was.contains(ask));
    ensure(new.eq(fresh), || format!("the asks that stand are {is:?}"))?;
    let ends = |entry: &EntryMeta| {
        matches!(entry, EntryMeta::TurnEnd { outcome: TurnOutcome::Waiting, .. })
    };
    let (waits, asks) = (view.entries().any(ends), is.iter().any(|ask| !was.contains(ask)));
    ensure(waits == asks, || format!("the turn ended as waiting: {waits}, with asks: {asks}"))
}

pub(super) fn no_prompt_is_swallowed(view: &View<'_>) -> Result<(), String> {
    let replies = view.effects().iter().filter(|e| matches!(e, Effect::Accepted { .. })).count();
    let Event::Prompt { client, n, .. } = *view.event else {
        return ensure(replies == 0, || "accepted without a prompt".into());
    };
    let refused = view.step.refusal().is_some();
    ensure(refused == (replies == 0) && replies <= 1, || {
        format!("refused: {refused}, accepted {replies} times")
    })?;
    let high = |session: &Session| session.last_accepted(client);
    if refused {
        return Ok(());
    }
    ensure(high(view.next()) >= Some(n), || "accepted and not remembered".into())?;
    let logged = view.entries().filter(|e| matches!(e, EntryMeta::Prompt { .. })).count();
    let new = high(view.before) < Some(n);
    ensure(logged == usize::from(new), || format!("logged {logged} times, new: {new}"))
}

/// The books balance: open before, plus accepted, minus ended, is open after.
pub(super) fn one_turn_end_per_prompt(view: &View<'_>) -> Result<(), String> {
    let open =
        |session: &Session, seq: Seq| session.turn().id() == Some(seq) || session.is_queued(seq);
    for Record { seq, entry } in &view.step.records {
        match *entry {
            EntryMeta::TurnEnd { turn, .. } => {
                let again = |other: &&Record| matches!(other.entry, EntryMeta::TurnEnd { turn: one, .. } if one == turn);
                let ends = view.step.records.iter().filter(again).count();
                let was = open(view.before, turn);
                let right = ends == 1 && was && !open(view.next(), turn);
                ensure(right, || format!("turn {turn} ended {ends} times, was open: {was}"))?;
            }
            EntryMeta::Prompt { .. } | EntryMeta::Answer { .. } if begins_a_turn(view, entry) => {
                ensure(open(view.next(), *seq), || format!("turn {seq} is not open"))?;
            }
            EntryMeta::Prompt { .. }
            | EntryMeta::Output { .. }
            | EntryMeta::Ask { .. }
            | EntryMeta::Answer { .. }
            | EntryMeta::Withdrawn { .. }
            | EntryMeta::Closing { .. }
            | EntryMeta::End { .. } => {}
        }
    }
    let count =
        |session: &Session| session.queue().len() + usize::from(session.turn().id().is_some());
    let accepted = view.entries().filter(|e| begins_a_turn(view, e)).count();
    let ended = view.entries().filter(|e| matches!(e, EntryMeta::TurnEnd { .. })).count();
    let (was, is) = (count(view.before), count(view.next()));
    ensure(was + accepted == is + ended, || {
        format!("{was} open, {accepted} accepted, {ended} ended, {is} open")
    })
}

pub(super) fn end_is_logged_once(view: &View<'_>) -> Result<(), String> {
    let ends = view.entries().filter(|e| matches!(e, EntryMeta::End { .. })).count();
    let ended = view.hops().filter(|(_, to)| *to == State::Ended).count();
    ensure(ends == ended, || format!("{ended} ends, {ends} of them logged"))?;
    let closings = view.entries().filter(|e| matches!(e, EntryMeta::Closing { .. })).count();
    let closed = view.hops().filter(|(_, to)| *to == State::Closing).count();
    ensure(closings == closed, || format!("{closed} closings, {closings} of them logged"))
}

pub(super) fn bounded_memory(view: &View<'_>) -> Result<(), String> {
    let (next, limits) = (view.next(), view.limits);
    let grown = |was: usize, is: usize, limit: u16| is > was && is > usize::from(limit);
    let before = view.before;
    let over = [
        ("connections", before.connections().len(), next.connections().len(), limits.connections),
        ("queued prompts", before.queue().len(), next.queue().len(), limits.queued),
        ("asks", before.asks().len(), next.asks().len(), limits.asks),
        ("clients", before.clients().len(), next.clients().len(), limits.clients),
    ];
    let over = over.into_iter().find(|(_, was, is, limit)| grown(*was, *is, *limit));
    over.map_or(Ok(()), |(what, _, is, limit)| Err(format!("{is} {what}, the limit is {limit}")))?;
    queue_is_shared(view)?;
    let shared = |what, own: usize, limit: u16| {
        ensure(own <= usize::from(limit) || view.step.refusal().is_some(), || {
            format!("{own} {what} of one principal, the limit is {limit}")
        })
    };
    if let Event::Attach { client, principal, .. } = *view.event {
        let again = before.connections().iter().any(|one| one.client == client);
        let own = next.connections().iter().filter(|one| one.principal == principal).count();
        return if again {
            Ok(())
        } else {
            shared("connections", own, limits.connections_per_principal)
        };
    }
    if let Event::Prompt { client, principal, .. } = *view.event {
        let again = before.last_accepted(client).is_some();
        let own = next.clients().iter().filter(|one| one.principal == principal).count();
        return if again { Ok(()) } else { shared("clients", own, limits.clients_per_principal) };
    }
    Ok(())
}

/// What is added to the queue counts for whoever sent it, who has no more there than its share.
fn queue_is_shared(view: &View<'_>) -> Result<(), String> {
    let (Event::Prompt { principal, .. } | Event::Answer { principal, .. }) = *view.event else {
        return Ok(());
    };
    let (before, next) = (view.before.queue(), view.next().queue());
    let own = |queue: &[Queued]| queue.iter().filter(|one| one.principal == principal).count();
    let (was, is, limit) = (own(before), own(next), view.limits.queued_per_principal);
    ensure(is <= was || is <= usize::from(limit), || {
        format!("{is} queued prompts of one principal, the limit is {limit}")
    })?;
    ensure(next.len() - is <= before.len() - was, || "it counts for another principal".into())
}
