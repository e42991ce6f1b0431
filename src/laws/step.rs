//! The laws over steps: what a step did, held against what was before and what came.

use core::num::NonZeroU64;

use alloc::format;
use alloc::string::String;

use super::{Breach, Law, ensure};
use crate::ids::{ConnectionId, Generation, Seq};
use crate::limits::Limits;
use crate::session::{Connection, Effect, Entry, Event, Record, Session, Step, Turn};
use crate::table::Verdict;
use crate::words::{Reason, State, Timer};

/// A step as the laws see it.
struct View<'a> {
    limits: &'a Limits,
    before: &'a Session,
    event: &'a Event,
    step: &'a Step,
}

type StepLaw = fn(&View<'_>) -> Result<(), String>;

/// The laws over steps, in the order in which they are asked.
const STEP_LAWS: &[(Law, StepLaw)] = &[
    (Law::ImpossibleNeverHappens, impossible_never_happens),
    (Law::ClosingOnlyEnds, closing_only_ends),
    (Law::EndedOnlyReopens, ended_only_reopens),
    (Law::RefusedChangesNothing, refused_changes_nothing),
    (Law::StaleChangesNothing, stale_changes_nothing),
    (Law::NothingDueIsLeft, nothing_due_is_left),
    (Law::DeliveredIsDurable, delivered_is_durable),
    (Law::ActiveMeansWatched, active_means_watched),
    (Law::EndedHoldsNothing, ended_holds_nothing),
    (Law::WorkNeedsAWorker, work_needs_a_worker),
    (Law::LostConnectionNeverStopsWork, lost_connection_never_stops_work),
    (Law::FailedStartsAreNotRepeated, failed_starts_are_not_repeated),
    (Law::TimersActWhereTheyWait, timers_act_where_they_wait),
    (Law::StopStops, stop_stops),
    (Law::WorkerIsToldWhatIsTrue, worker_is_told_what_is_true),
    (Law::NoPromptIsSwallowed, no_prompt_is_swallowed),
    (Law::NewsIsTaken, news_is_taken),
    (Law::RefusalsAreTrue, refusals_are_true),
    (Law::OneTurnEndPerPrompt, one_turn_end_per_prompt),
    (Law::EndIsLoggedOnce, end_is_logged_once),
    (Law::EffectsNameOnlyWatchers, effects_name_only_watchers),
    (Law::InOrderWithoutSilentGaps, in_order_without_silent_gaps),
    (Law::ReadersReachTheHead, readers_reach_the_head),
    (Law::PinsAreKept, pins_are_kept),
    (Law::NothingNeededIsTrimmed, nothing_needed_is_trimmed),
    (Law::BoundedMemory, bounded_memory),
];

/// The laws that are asked about every step.
pub fn over_steps() -> impl Iterator<Item = Law> {
    STEP_LAWS.iter().map(|(law, _)| *law)
}

/// Holds a step against every law over steps.
///
/// # Errors
/// The first law that is broken.
pub fn of_step(
    limits: &Limits,
    before: &Session,
    event: &Event,
    step: &Step,
) -> Result<(), Breach> {
    let view = View { limits, before, event, step };
    for (law, holds) in STEP_LAWS {
        holds(&view).map_err(|detail| Breach { law: *law, detail })?;
    }
    Ok(())
}

impl View<'_> {
    fn next(&self) -> &Session {
        &self.step.next
    }

    fn effects(&self) -> &[Effect] {
        &self.step.effects
    }

    fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.step.records.iter().map(|record| &record.entry)
    }

    /// Each change of state on the way, since one step may take several rows.
    fn hops(&self) -> impl Iterator<Item = (State, State)> {
        let mut state = self.before.state();
        self.step.rules().filter_map(move |row| match row.verdict {
            Verdict::Go(to) => Some((core::mem::replace(&mut state, to), to)),
            Verdict::Stay | Verdict::Ignore(_) | Verdict::Refuse(_) => None,
        })
    }

    fn passes(&self, state: State) -> bool {
        self.hops().any(|(_, to)| to == state)
    }
}

fn impossible_never_happens(view: &View<'_>) -> Result<(), String> {
    let mut rows = view.step.rules();
    let row = rows.find(|row| row.verdict == Verdict::Ignore(Reason::Impossible));
    row.map_or(Ok(()), |row| Err(format!("row {} was taken: {}", row.id, row.because)))
}

fn closing_only_ends(view: &View<'_>) -> Result<(), String> {
    let wrong = view.hops().find(|(from, to)| *from == State::Closing && *to != State::Ended);
    wrong.map_or(Ok(()), |(_, to)| Err(format!("CLOSING went to {to}")))
}

fn ended_only_reopens(view: &View<'_>) -> Result<(), String> {
    let wrong = view.hops().find(|(from, to)| *from == State::Ended && *to != State::Created);
    wrong.map_or(Ok(()), |(_, to)| Err(format!("ENDED went to {to}")))?;
    let waits = matches!(view.event, Event::Prompt { .. }) || !view.before.queue().is_empty();
    ensure(!view.passes(State::Created) || waits, || "reopened without a prompt".into())?;
    let reopened = u32::from(view.passes(State::Created));
    let incarnation = view.before.incarnation().0 + reopened;
    ensure(view.next().incarnation().0 == incarnation, || {
        format!("incarnation {} instead of {incarnation}", view.next().incarnation())
    })
}

fn unchanged(view: &View<'_>) -> bool {
    view.next() == view.before && view.effects().is_empty() && view.step.records.is_empty()
}

fn refused_changes_nothing(view: &View<'_>) -> Result<(), String> {
    ensure(view.step.verdict().acts() || unchanged(view), || "something changed".into())
}

fn stale_changes_nothing(view: &View<'_>) -> Result<(), String> {
    ensure(!is_stale(view) || unchanged(view), || "late news changed something".into())
}

/// Asked anew of the event, not of the column it was put in.
fn is_stale(view: &View<'_>) -> bool {
    let before = view.before;
    let listed = |id| before.connections().iter().any(|one| one.id == id);
    let current = |incarnation| incarnation == before.incarnation();
    match *view.event {
        Event::Attach { connection, .. } => listed(connection),
        Event::Written { connection, .. }
        | Event::Resume { connection }
        | Event::Lost { connection } => !listed(connection),
        Event::Missed { connection, from } => {
            let right = |one: &Connection| one.id == connection && one.in_flight == Some(from);
            !before.connections().iter().any(right)
        }
        Event::Suspend { connection, .. } => {
            let awaited = matches!(before.state(), State::Detached | State::Suspended);
            !listed(connection) && !awaited
        }
        Event::Prompt { .. } | Event::Restarted { .. } => false,
        Event::Interrupt { turn } => {
            before.turn() != Turn::Running(turn) && !before.queue().contains(&turn)
        }
        Event::Stop { incarnation }
        | Event::Started { incarnation }
        | Event::StartFailed { incarnation }
        | Event::Exited { incarnation } => !current(incarnation),
        Event::Answer { ask, .. } => !before.asks().contains(&ask),
        Event::Output { incarnation, turn, .. } => {
            !current(incarnation) || turn.is_some_and(|turn| before.turn().id() != Some(turn))
        }
        Event::Asked { incarnation, turn } | Event::TurnEnded { incarnation, turn, .. } => {
            !current(incarnation) || before.turn().id() != Some(turn)
        }
        Event::Expired { timer, generation } => {
            generation == Generation(0) || before.generation(timer) != generation
        }
    }
}

/// What happened is so afterwards: nothing that is current and has its place is passed over.
fn news_is_taken(view: &View<'_>) -> Result<(), String> {
    if is_stale(view) {
        return Ok(());
    }
    let (before, next) = (view.before, view.next());
    let listed = |id| next.connections().iter().find(|one| one.id == id);
    let up = matches!(before.state(), State::Active | State::Detached | State::Suspended);
    let alive = up || matches!(before.state(), State::Starting | State::Closing);
    let logged = |wanted: fn(&Entry) -> bool| view.entries().any(wanted);
    let taken = match *view.event {
        Event::Attach { connection, .. } => {
            view.step.refusal().is_some() || listed(connection).is_some()
        }
        // Asked more closely by `in_order_without_silent_gaps` and `no_prompt_is_swallowed`.
        Event::Written { .. } | Event::Missed { .. } | Event::Prompt { .. } => true,
        Event::Suspend { connection, .. } => suspend_is_taken(view, connection),
        Event::Resume { connection } => listed(connection).is_none_or(Connection::watches),
        Event::Lost { connection } => listed(connection).is_none(),
        Event::Interrupt { turn } => {
            next.turn() != Turn::Running(turn) && !next.queue().contains(&turn)
        }
        Event::Stop { .. } => matches!(next.state(), State::Closing | State::Ended),
        Event::Answer { ask, .. } => !next.asks().contains(&ask),
        Event::Started { .. } => next.state() != State::Starting,
        Event::StartFailed { .. } | Event::Exited { .. } => !alive || view.passes(State::Ended),
        Event::Output { .. } => !alive || logged(|entry| matches!(entry, Entry::Output { .. })),
        Event::Asked { .. } => {
            view.step.refusal().is_some() || logged(|entry| matches!(entry, Entry::Ask { .. }))
        }
        Event::TurnEnded { turn, .. } => next.turn().id() != Some(turn),
        Event::Expired { timer, .. } => !waits(before, timer) || view.step.verdict().acts(),
        Event::Restarted { renew } => {
            let left = alive || before.state() == State::Created;
            let renewed = renew.is_none_or(|id| next.log().id == id);
            let alone = before.state() == State::Ended || next.connections().is_empty();
            renewed && alone && (!left || view.passes(State::Ended))
        }
    };
    ensure(taken, || "it happened, and nothing came of it".into())
}

/// A listed viewer is suspended; one that was lost is awaited; and the grace period begins anew.
fn suspend_is_taken(view: &View<'_>, connection: ConnectionId) -> bool {
    let (before, next) = (view.before, view.next());
    let find =
        |session: &Session| session.connections().iter().find(|c| c.id == connection).copied();
    let acts = view.step.verdict().acts();
    let down = matches!(before.state(), State::Detached | State::Suspended);
    let grace = |e: &Effect| matches!(e, Effect::Arm { timer: Timer::Grace, .. });
    let renewed = view.effects().iter().any(grace);
    match (find(before), before.left == Some(connection)) {
        (Some(_), _) => {
            let suspended = find(next).is_some_and(|one| !one.watches());
            acts && suspended && (renewed || next.state() != State::Suspended)
        }
        (None, true) if down => acts && next.state() == State::Suspended && renewed,
        (None, _) => true,
    }
}

/// Each reason can be seen in the session.
fn refusals_are_true(view: &View<'_>) -> Result<(), String> {
    let Some(refusal) = view.step.refusal() else { return Ok(()) };
    let (before, limits) = (view.before, view.limits);
    let full = |length: usize, limit: u16| length >= usize::from(limit);
    let high = |client| before.high(client).map_or(0, NonZeroU64::get);
    let is_true = match (refusal.reason, *view.event) {
        (Reason::TooManyConnections, Event::Attach { .. }) => {
            full(before.connections().len(), limits.connections)
        }
        (Reason::QueueFull, Event::Prompt { client, n, .. }) => {
            n.get() == high(client) + 1 && full(before.queue().len(), limits.queued)
        }
        (Reason::TooManyClients, Event::Prompt { client, n, .. }) => {
            n.get() == 1 && high(client) == 0 && full(before.clients().len(), limits.clients)
        }
        (Reason::Conflict, Event::Prompt { client, n, digest }) => {
            let same =
                |known: &&crate::session::Prompter| known.client == client && known.high == n;
            before.clients().iter().find(same).is_some_and(|known| known.digest != digest)
        }
        (Reason::Gap, Event::Prompt { client, n, .. }) => n.get() > high(client) + 1,
        (Reason::AskSettled, Event::Answer { ask, .. }) => !before.asks().contains(&ask),
        (Reason::TooManyAsks, Event::Asked { .. }) => full(before.asks().len(), limits.asks),
        // Any other reason, or one of these for another event.
        (_, _) => false,
    };
    ensure(is_true, || format!("{refusal}"))
}

fn nothing_due_is_left(view: &View<'_>) -> Result<(), String> {
    let next = view.next();
    let waits = !next.queue().is_empty();
    let idle = next.turn() == Turn::Idle;
    let due = match next.state() {
        State::Created | State::Closing | State::Ended => waits,
        State::Active | State::Detached | State::Suspended => waits && idle,
        State::Starting => false,
    };
    ensure(!due, || format!("a prompt waits in {} for nothing", next.state()))
}

fn delivered_is_durable(view: &View<'_>) -> Result<(), String> {
    let (before, next) = (view.before, view.next());
    let commits = view.effects().iter().filter(|effect| **effect == Effect::Commit).count();
    let renewed = matches!(view.event, Event::Restarted { renew: Some(_) });
    let changed = !before.same_record(next) || !view.step.records.is_empty() || renewed;
    ensure(commits == usize::from(changed), || format!("{commits} commits, changed: {changed}"))?;
    ensure(!changed || view.step.commits(), || "the commit is not first".into())?;
    let mut place = before.log().head;
    for Record { seq, entry } in &view.step.records {
        ensure(*seq == place.next(), || format!("a record at {seq} after {place}"))?;
        let length = if let Entry::Output { count } = entry { u64::from(count.get()) } else { 1 };
        place = Seq(place.0 + length);
    }
    let head = next.log().head;
    ensure(place == head, || format!("the log ends at {head}, its records at {place}"))?;
    let beyond = |effect: &&Effect| matches!(effect, Effect::Send { to, .. } if *to > head);
    let beyond = view.effects().iter().find(beyond);
    beyond.map_or(Ok(()), |send| Err(format!("{send:?} beyond {head}")))
}

fn active_means_watched(view: &View<'_>) -> Result<(), String> {
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
    let pinned = next.pin().is_some();
    ensure(!pinned || next.state() == State::Suspended, || "pinned for nobody".into())?;
    let announced = connections.iter().filter_map(|one| one.suspended);
    let late = announced.chain(next.pin()).any(|seen| seen > next.log().head);
    ensure(!late, || "pinned beyond the log".into())
}

fn ended_holds_nothing(view: &View<'_>) -> Result<(), String> {
    let next = view.next();
    match next.state() {
        State::Created | State::Ended => {
            let empty = next.turn() == Turn::Idle && next.queue().is_empty();
            ensure(empty && next.asks().is_empty() && next.pin().is_none(), || {
                format!("{} holds {:?} {:?}", next.state(), next.turn(), next.queue())
            })
        }
        State::Starting | State::Active | State::Detached | State::Suspended | State::Closing => {
            Ok(())
        }
    }
}

fn work_needs_a_worker(view: &View<'_>) -> Result<(), String> {
    let next = view.next();
    let (runs, waits) = match next.state() {
        State::Created | State::Closing | State::Ended => (false, false),
        State::Starting => (false, true),
        State::Active | State::Detached | State::Suspended => (true, true),
    };
    let turn = next.turn().id();
    ensure(runs || turn.is_none(), || format!("a turn runs in {}", next.state()))?;
    ensure(waits || next.queue().is_empty(), || format!("a prompt waits in {}", next.state()))?;
    ensure(turn.is_some() || next.asks().is_empty(), || "an ask without a turn".into())
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

fn lost_connection_never_stops_work(view: &View<'_>) -> Result<(), String> {
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

fn failed_starts_are_not_repeated(view: &View<'_>) -> Result<(), String> {
    let starting = view.before.state() == State::Starting;
    let fails = match *view.event {
        Event::StartFailed { incarnation } | Event::Exited { incarnation } => {
            starting && incarnation == view.before.incarnation()
        }
        Event::Expired { timer: Timer::Start, .. } => starting && !is_stale(view),
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
        | Event::TurnEnded { .. }
        | Event::Restarted { .. } => false,
    };
    let next = view.next().state();
    ensure(!fails || next == State::Ended, || format!("{next} after a failed start"))
}

/// Whether the state, or the turn, waits for the timer.
fn waits(session: &Session, timer: Timer) -> bool {
    let (state, turn) = (session.state(), session.turn());
    match timer {
        Timer::Idle => state == State::Created,
        Timer::Start => state == State::Starting,
        Timer::Turn => matches!(turn, Turn::Running(_)),
        Timer::Interrupt => matches!(turn, Turn::Interrupting(_)),
        Timer::Detach => state == State::Detached,
        Timer::Grace => state == State::Suspended,
        Timer::Closeout => state == State::Closing,
    }
}

fn timers_act_where_they_wait(view: &View<'_>) -> Result<(), String> {
    let Event::Expired { timer, .. } = *view.event else { return Ok(()) };
    let (state, turn) = (view.before.state(), view.before.turn());
    ensure(waits(view.before, timer) || unchanged(view), || {
        format!("the {timer} timer acted in {state}")
    })?;
    let busy = timer == Timer::Detach && turn != Turn::Idle;
    ensure(!busy || view.next().turn() == turn, || "a running turn was taken for a zombie".into())
}

fn stop_stops(view: &View<'_>) -> Result<(), String> {
    let Event::Stop { incarnation } = *view.event else {
        return Ok(());
    };
    let over = matches!(view.next().state(), State::Closing | State::Ended);
    let stale = incarnation != view.before.incarnation();
    ensure(stale || over, || format!("stopped, and still {}", view.next().state()))
}

fn worker_is_told_what_is_true(view: &View<'_>) -> Result<(), String> {
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
    let is = matches!(view.next().turn(), Turn::Interrupting(_));
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
    let answered = view
        .entries()
        .filter_map(|entry| if let Entry::Answer { ask, .. } = entry { Some(*ask) } else { None });
    ensure(delivered.eq(answered), || "an answer was logged and not delivered".into())
}

fn no_prompt_is_swallowed(view: &View<'_>) -> Result<(), String> {
    let replies = view.effects().iter().filter(|e| matches!(e, Effect::Accepted { .. })).count();
    let Event::Prompt { client, n, .. } = *view.event else {
        return ensure(replies == 0, || "accepted without a prompt".into());
    };
    let refused = view.step.refusal().is_some();
    ensure(refused == (replies == 0) && replies <= 1, || {
        format!("refused: {refused}, accepted {replies} times")
    })?;
    let high = |session: &Session| session.high(client);
    if refused {
        return Ok(());
    }
    ensure(high(view.next()) >= Some(n), || "accepted and not remembered".into())?;
    let logged = view.entries().filter(|e| matches!(e, Entry::Prompt { .. })).count();
    let new = high(view.before) < Some(n);
    ensure(logged == usize::from(new), || format!("logged {logged} times, new: {new}"))
}

/// The books balance: open before, plus accepted, minus ended, is open after.
fn one_turn_end_per_prompt(view: &View<'_>) -> Result<(), String> {
    let open = |session: &Session, seq: Seq| {
        session.turn().id() == Some(seq) || session.queue().contains(&seq)
    };
    for Record { seq, entry } in &view.step.records {
        match *entry {
            Entry::TurnEnd { turn, .. } => {
                let again = |other: &&Record| matches!(other.entry, Entry::TurnEnd { turn: one, .. } if one == turn);
                let ends = view.step.records.iter().filter(again).count();
                let was = open(view.before, turn);
                let right = ends == 1 && was && !open(view.next(), turn);
                ensure(right, || format!("turn {turn} ended {ends} times, was open: {was}"))?;
            }
            Entry::Prompt { .. } => {
                ensure(open(view.next(), *seq), || format!("prompt {seq} is not open"))?;
            }
            Entry::Output { .. }
            | Entry::Ask { .. }
            | Entry::Answer { .. }
            | Entry::Closing { .. }
            | Entry::End { .. } => {}
        }
    }
    let count =
        |session: &Session| session.queue().len() + usize::from(session.turn().id().is_some());
    let accepted = view.entries().filter(|e| matches!(e, Entry::Prompt { .. })).count();
    let ended = view.entries().filter(|e| matches!(e, Entry::TurnEnd { .. })).count();
    let (was, is) = (count(view.before), count(view.next()));
    ensure(was + accepted == is + ended, || {
        format!("{was} open, {accepted} accepted, {ended} ended, {is} open")
    })
}

fn end_is_logged_once(view: &View<'_>) -> Result<(), String> {
    let ends = view.entries().filter(|e| matches!(e, Entry::End { .. })).count();
    let ended = view.hops().filter(|(_, to)| *to == State::Ended).count();
    ensure(ends == ended, || format!("{ended} ends, {ends} of them logged"))?;
    let closings = view.entries().filter(|e| matches!(e, Entry::Closing { .. })).count();
    let closed = view.hops().filter(|(_, to)| *to == State::Closing).count();
    ensure(closings == closed, || format!("{closed} closings, {closings} of them logged"))
}

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

fn effects_name_only_watchers(view: &View<'_>) -> Result<(), String> {
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

/// Whoever is new was welcomed, whoever is gone was lost or closed, and a client has one connection.
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
fn in_order_without_silent_gaps(view: &View<'_>) -> Result<(), String> {
    for one in view.next().connections() {
        let old = view.before.connections().iter().find(|other| other.id == one.id);
        let next = match (old, *view.event) {
            (Some(old), _) => old.next,
            (None, Event::Attach { cursor, .. }) => view.before.log().attach(cursor).1,
            (None, _) => return Err(format!("connection {} out of nowhere", one.id)),
        };
        let in_flight = old.and_then(|old| old.in_flight);
        let written = Event::Written { connection: one.id, through: next.previous() };
        let missed = in_flight.map(|from| Event::Missed { connection: one.id, from });
        let start = if *view.event == written {
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

fn readers_reach_the_head(view: &View<'_>) -> Result<(), String> {
    let next = view.next();
    let idle = |c: &&Connection| c.watches() && c.in_flight.is_none();
    let lagging = next.connections().iter().filter(idle).find(|c| c.next <= next.log().head);
    lagging.map_or(Ok(()), |c| Err(format!("{} waits at {} for nothing", c.id, c.next)))
}

fn pins_are_kept(view: &View<'_>) -> Result<(), String> {
    let (before, next) = (view.before, view.next());
    let lasts = before.state() == State::Suspended && next.state() == State::Suspended;
    ensure(!lasts || next.pin() <= before.pin(), || {
        format!("pinned at {:?}, then at {:?}", before.pin(), next.pin())
    })?;
    let announced = next.connections().iter().filter_map(|one| one.suspended).min();
    let covered = announced.is_none_or(|seen| next.pin() <= Some(seen));
    ensure(next.state() != State::Suspended || covered, || {
        format!("pinned at {:?}, announced {announced:?}", next.pin())
    })?;
    let Event::Suspend { seen, .. } = *view.event else { return Ok(()) };
    let heard = next.state() == State::Suspended && view.step.verdict().acts();
    ensure(!heard || next.pin() <= Some(seen), || format!("{seen} announced, and not pinned"))
}

fn nothing_needed_is_trimmed(view: &View<'_>) -> Result<(), String> {
    let (before, next) = (view.before, view.next());
    let (was, base) = (before.log().base, next.log().base);
    ensure(base >= was, || "the base went back".into())?;
    if base == was && view.step.records.is_empty() {
        return Ok(());
    }
    let needed = |session: &Session| {
        let kept = session.queue().iter().chain(session.asks()).copied();
        kept.chain(session.pin().map(Seq::next)).min().unwrap_or(Seq::MAX).previous()
    };
    let floor = needed(next);
    ensure(base == was || base <= floor, || format!("trimmed to {base}, {floor} is needed"))?;
    let surplus = Seq(next.log().head.0.saturating_sub(view.limits.retention));
    ensure(base == was || base <= surplus, || format!("trimmed to {base}, {surplus} would do"))?;
    // What was there before this step, is beyond retention and was needed by nobody, is gone.
    let least = surplus.min(floor).min(needed(before)).min(before.log().head);
    ensure(base >= least, || format!("trimmed to {base} only, {least} is needed by nobody"))
}

fn bounded_memory(view: &View<'_>) -> Result<(), String> {
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
    over.map_or(Ok(()), |(what, _, is, limit)| Err(format!("{is} {what}, the limit is {limit}")))
}
