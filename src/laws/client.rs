//! The laws over a client's steps.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::{Breach, Law, ensure};
use crate::client::{Effect, Event, Link, PromptId, Settings, State, Step, Timer, Trigger, Wait};
use crate::ids::Seq;
use crate::table::Verdict;
use crate::words::Reason;

/// A step as the laws see it.
pub(super) struct View<'a> {
    settings: &'a Settings,
    before: &'a Link,
    event: &'a Event,
    step: &'a Step,
}

pub(super) type ClientLaw = fn(&View<'_>) -> Result<(), String>;

pub(super) const CLIENT_LAWS: &[(Law, ClientLaw)] = &[
    (Law::ImpossibleNeverHappens, impossible_never_happens),
    (Law::RefusedChangesNothing, refused_changes_nothing),
    (Law::StaleChangesNothing, stale_changes_nothing),
    (Law::NothingDueIsLeft, nothing_due_is_left),
    (Law::StoppedStaysStopped, stopped_stays_stopped),
    (Law::FailuresCount, failures_count),
    (Law::LiveMeansCaughtUp, live_means_caught_up),
    (Law::SingleFlight, single_flight),
    (Law::WaitingStatesHaveATimer, waiting_states_have_a_timer),
    (Law::NewsIsTaken, news_is_taken),
    (Law::CursorOnlyAdvances, cursor_only_advances),
    (Law::InOrderWithoutSilentGaps, in_order_without_silent_gaps),
    (Law::SavedBeforeSent, saved_before_sent),
    (Law::PromptsGoInOrder, prompts_go_in_order),
    (Law::NoPromptIsSwallowed, no_prompt_is_swallowed),
    (Law::BoundedMemory, bounded_memory),
];

/// The laws that are asked about every step of a client.
pub fn over_client_steps() -> impl Iterator<Item = Law> {
    CLIENT_LAWS.iter().map(|(law, _)| *law)
}

/// Holds a client's step against every law over steps.
///
/// # Errors
/// The first law that is broken.
pub fn of_client(
    settings: &Settings,
    before: &Link,
    event: &Event,
    step: &Step,
) -> Result<(), Breach> {
    let view = View { settings, before, event, step };
    for (law, holds) in CLIENT_LAWS {
        holds(&view).map_err(|detail| Breach { law: *law, detail })?;
    }
    Ok(())
}

impl View<'_> {
    fn was(&self) -> State {
        self.before.state()
    }

    fn is(&self) -> State {
        self.step.next.state()
    }

    fn did(&self, effect: impl Fn(&Effect) -> bool) -> bool {
        self.step.effects.iter().any(effect)
    }

    /// The place that the application says it has applied.
    fn seq(&self) -> Option<Seq> {
        if let Event::Applied { seq, .. } = *self.event { Some(seq) } else { None }
    }

    /// Whether the event names a socket which is not the one there is, or a timer that is not armed so.
    fn is_stale(&self) -> bool {
        let old = |socket| !self.was().has_socket() || socket != self.before.socket();
        if let Event::Timer { timer, generation } = *self.event {
            return self.before.armed(timer) != Some(generation);
        }
        self.event.socket().is_some_and(old)
    }
}

fn impossible_never_happens(view: &View<'_>) -> Result<(), String> {
    let mut rules = view.step.rules();
    let impossible = rules.find(|row| row.verdict == Verdict::Ignore(Reason::Impossible));
    ensure(impossible.is_none(), || format!("{} in {} came about", view.step.trigger(), view.was()))
}

fn refused_changes_nothing(view: &View<'_>) -> Result<(), String> {
    let idle = view.step.effects.is_empty() && view.step.next == *view.before;
    ensure(view.step.rule().verdict.acts() || idle, || "ignored or refused, and changed".into())
}

fn stale_changes_nothing(view: &View<'_>) -> Result<(), String> {
    let idle = view.step.effects.is_empty() && view.step.next == *view.before;
    ensure(idle || !view.is_stale(), || format!("{:?} is stale and changed something", view.event))
}

fn nothing_due_is_left(view: &View<'_>) -> Result<(), String> {
    let next = &view.step.next;
    let rests = next.is_hidden() && next.outbox().tickets().len() == 0;
    ensure(!(view.is() == State::BackingOff && rests), || {
        "it will dial, hidden, for nothing".into()
    })?;
    let shown = matches!(view.is(), State::Replaying | State::Live) && rests;
    ensure(!shown, || "the server was not told that the page is hidden".into())?;
    ensure(
        next.failed_attaches < view.settings.failed_attaches || view.is() != State::BackingOff,
        || "a cursor that is never welcomed is kept".into(),
    )?;
    let reading = next.reading.filter(|at| !at.anew);
    let at_head = reading.is_some_and(|at| at.applied >= next.head);
    ensure(!(view.is() == State::Replaying && at_head), || "caught up, and not said so".into())
}

fn stopped_stays_stopped(view: &View<'_>) -> Result<(), String> {
    let stays = view.was() != State::Stopped || view.is() == State::Stopped;
    ensure(stays || *view.event == Event::Start, || "revived by itself".into())?;
    let stops = view.was() != State::Stopped && view.is() == State::Stopped;
    let asked =
        matches!(view.step.trigger(), Trigger::Stop | Trigger::ClosedStop | Trigger::ClosedPause);
    ensure(!stops || asked, || "stopped by itself".into())
}

fn failures_count(view: &View<'_>) -> Result<(), String> {
    let (before, next) = (view.before, &view.step.next);
    let waits = matches!(view.was(), State::Stopped | State::Dormant | State::BackingOff);
    let trigger = view.step.trigger();
    let begins = trigger == Trigger::Start && waits;
    let shown = trigger == Trigger::Show && waits && view.was() != State::Stopped;
    let returns = shown || trigger == Trigger::Online && view.was() == State::BackingOff;
    let good = trigger == Trigger::Applied && view.was().is_welcomed();
    let renewed = matches!(trigger, Trigger::ShowSilent | Trigger::Stable);
    let forgiven = begins || returns || good || renewed;
    let dials = view.did(|effect| matches!(effect, Effect::Dial { .. }));
    let excused = matches!(trigger, Trigger::LostLeaving | Trigger::AttachTimeoutLeaving);
    let counted =
        before.attempts().saturating_add(u8::from(dials)).saturating_sub(u8::from(excused));
    let attempts = if forgiven { 0 } else { counted };
    ensure(next.attempts() == attempts, || {
        format!("{} fruitless dials are {}", before.attempts(), next.attempts())
    })?;
    let welcomed = view.is().is_welcomed() && view.was() == State::Attaching;
    let anew = view.step.trigger() == Trigger::ClosedFresh && !view.was().is_welcomed();
    let failed = view.was() == State::Attaching && view.is() != State::Stopped;
    let started = trigger == Trigger::Start && view.was() == State::Stopped;
    let strikes = if welcomed || anew || started {
        0
    } else if failed && !view.is().has_socket() && !excused {
        before.failed_attaches.saturating_add(1) % view.settings.failed_attaches
    } else {
        before.failed_attaches
    };
    ensure(next.failed_attaches == strikes, || {
        format!("{} hellos without a welcome are {}", before.failed_attaches, next.failed_attaches)
    })?;
    let silent = trigger == Trigger::Silent && view.was().is_welcomed() && !view.is_stale();
    let caught_up = view.is() == State::Live && view.was() != State::Live;
    let counted = before.silences().saturating_add(u8::from(silent));
    let answered = matches!(trigger, Trigger::Accepted | Trigger::Refused);
    let through = answered || caught_up && !next.outbox().is_under_way();
    let silences = if through { 0 } else { counted };
    ensure(next.silences() == silences, || {
        format!("{} silences are {}", before.silences(), next.silences())
    })
}

fn live_means_caught_up(view: &View<'_>) -> Result<(), String> {
    let next = &view.step.next;
    let at_head = next.reading.is_some_and(|at| !at.anew && at.applied >= next.head);
    let enters = view.was() != State::Live && view.is() == State::Live;
    let says = view.did(|effect| *effect == Effect::TellCaughtUp);
    ensure(enters == says && (at_head || !enters), || "LIVE, or said so, and behind".into())
}

fn single_flight(view: &View<'_>) -> Result<(), String> {
    let dials = view.did(|effect| matches!(effect, Effect::Dial { .. }));
    let hangs_up = view.did(|effect| matches!(effect, Effect::HangUp { .. }));
    let gone = matches!(view.event, Event::Lost { .. } | Event::Closed { .. });
    let (was, is) = (view.was().has_socket(), view.is().has_socket());
    ensure(dials == (!was && is), || "dialled where there was a socket, or not at all".into())?;
    ensure((hangs_up || gone) == (was && !is) || !was || view.is_stale(), || {
        "a socket was left and is still there, or let go of and counted on".into()
    })?;
    ensure(!gone || view.is_stale() || !hangs_up, || "hung up what is gone".into())?;
    let newer = view.step.next.socket() != view.before.socket();
    ensure(newer == dials, || "a socket without its own generation".into())
}

fn waiting_states_have_a_timer(view: &View<'_>) -> Result<(), String> {
    let next = &view.step.next;
    let armed = |timer| next.armed(timer).is_some();
    let linked = matches!(view.is(), State::Replaying | State::Live);
    let exact = |timer, waits: bool| {
        ensure(armed(timer) == waits, || format!("{timer} in {}: {}", view.is(), armed(timer)))
    };
    exact(Timer::Backoff, view.is() == State::BackingOff)?;
    exact(Timer::Attach, matches!(view.is(), State::Connecting | State::Attaching))?;
    ensure(linked || !armed(Timer::Watchdog), || "a watchdog without a connection".into())?;
    ensure(!linked || armed(Timer::Watchdog), || "no watchdog".into())?;
    ensure(linked || !armed(Timer::Stable), || "nothing can be stable here".into())
}

/// What a welcome says is taken over, and told.
fn is_welcomed(view: &View<'_>) -> bool {
    let Event::Welcome { welcome, .. } = view.event else { return true };
    let next = &view.step.next;
    let anew = matches!(view.step.trigger(), Trigger::WelcomeFresh | Trigger::WelcomeReset);
    let told = view.did(|effect| matches!(effect, Effect::BeginAnew { .. })) == anew;
    let high = welcome.high.map_or(0, core::num::NonZeroU64::get);
    let (was, first) = (view.before.outbox(), next.outbox().first());
    let kept = was.is_tried() && first == was.first() && first.get() <= high;
    let follows = kept || high.saturating_add(1) == first.get();
    let stable = next.armed(Timer::Stable).is_some() || view.is() == State::Hidden;
    let taken = next.head == welcome.head && next.ping_ms == Some(welcome.ping_ms);
    let says = view.did(|effect| *effect == Effect::Welcomed);
    view.is().is_welcomed() && told && follows && stable && taken && says
}

/// A user who asks for the session has it dialled at once, or has the socket probed.
fn is_served(view: &View<'_>) -> bool {
    let now = |effect: &Effect| {
        matches!(effect, Effect::Arm { timer: Timer::Backoff, wait: Wait::Since { .. }, .. })
    };
    let ms = view.settings.patience(view.settings.probe_ms, view.before.silences());
    let probe = Wait::Silence { ms };
    let probes = |effect: &Effect| matches!(effect, Effect::Arm { timer: Timer::Watchdog, wait, .. } if *wait == probe);
    let asks = view.did(|effect| *effect == Effect::SendPing) && view.did(probes);
    let resumes = view.did(|effect| *effect == Effect::SendResume);
    match view.was() {
        State::BackingOff | State::Dormant => view.is() == State::Dormant || view.did(now),
        State::Replaying | State::Live => asks,
        State::Hidden => *view.event == Event::Online || asks && resumes,
        State::Stopped | State::Connecting | State::Attaching => true,
    }
}

/// A client comes back no sooner than the server that turned it away allows, and not at once to one that takes
/// no prompt now.
fn is_awaited(view: &View<'_>) -> bool {
    let least = if let Event::Closed { after_ms: Some(after_ms), .. } = *view.event {
        after_ms
    } else if let Event::Refused { for_now: true, .. } = *view.event {
        view.before.retry.map_or(view.settings.spacing_ms, |(least_ms, _)| least_ms)
    } else {
        return true;
    };
    let waits = |wait| matches!(wait, Wait::Between { least_ms, .. } if least_ms >= least);
    !view.did(
        |effect| matches!(*effect, Effect::Arm { timer: Timer::Backoff, wait, .. } if !waits(wait)),
    )
}

/// What is current and has its place is taken.
fn news_is_taken(view: &View<'_>) -> Result<(), String> {
    let (was, is, next) = (view.was(), view.is(), &view.step.next);
    let down = !is.has_socket();
    let taken = match view.step.trigger() {
        Trigger::Start => {
            let wanted = is != State::Stopped && (is != State::Dormant || was == State::Stopped);
            wanted && (was.has_socket() || is_served(view))
        }
        Trigger::Stop => {
            let says = view.did(|it| *it == Effect::SendDetach);
            is == State::Stopped && says == was.is_welcomed()
        }
        Trigger::Hide => {
            let seen = next.reading.map_or(Seq(0), |at| at.applied);
            let says = view.did(|it| *it == Effect::SendSuspend { seen });
            let rests = next.outbox().tickets().len() == 0;
            next.is_hidden() && says == (was.is_welcomed() && was != State::Hidden && rests)
        }
        Trigger::Show => !next.is_hidden() && is != State::Hidden && is_served(view),
        Trigger::ShowSilent => !next.is_hidden() && down,
        Trigger::Online => is_served(view),
        Trigger::Prompt => {
            let rested = matches!(was, State::Dormant | State::Hidden);
            let goes = !rested || is != was && is_served(view);
            was == State::Stopped || next.outbox().tickets().len() > 0 && goes
        }
        Trigger::Command => !was.is_welcomed() || view.did(|it| *it == Effect::SendCommand),
        Trigger::Applied | Trigger::AppliedNotice => {
            next.reading.is_some_and(|at| !at.anew) && next.cursor().map(|at| at.seq) == view.seq()
        }
        Trigger::Opened => is == State::Attaching,
        Trigger::WelcomeFresh
        | Trigger::WelcomeResumed
        | Trigger::WelcomeGap
        | Trigger::WelcomeReset => was != State::Attaching || is_welcomed(view),
        Trigger::Hole => was == State::Attaching || down,
        Trigger::Pong => !matches!(was, State::Replaying | State::Live) || next != view.before,
        Trigger::Goaway => next.retry.is_some(),
        Trigger::WelcomeWrong => was != State::Attaching || down,
        Trigger::LostLeaving | Trigger::ClosedBackOff | Trigger::ClosedTooBig => {
            down && is_awaited(view)
        }
        Trigger::RefusedForNow => down && is_awaited(view) && next.saved() == view.before.saved(),
        Trigger::Lost
        | Trigger::ClosedNow
        | Trigger::AttachTimeout
        | Trigger::AttachTimeoutLeaving
        | Trigger::Silent => down,
        Trigger::ClosedFresh => down && next.cursor().is_none(),
        Trigger::ClosedStop | Trigger::ClosedPause => {
            let keeps = view.step.trigger() == Trigger::ClosedPause;
            let kept = if keeps { view.before.saved().outbox } else { Vec::new() };
            let told = view.did(|it| *it == Effect::TellClosed);
            is == State::Stopped && told && next.saved().outbox == kept
        }
        Trigger::BackoffOver => is == State::Connecting,
        Trigger::Stable => next.attempts() == 0,
        Trigger::StruckOut | Trigger::Sleep | Trigger::Suspend | Trigger::CaughtUp => false,
        Trigger::Entry
        | Trigger::Gap
        | Trigger::EntryAgain
        | Trigger::Accepted
        | Trigger::Refused
        | Trigger::ReplyStale
        | Trigger::PromptFull
        | Trigger::StaleSocket
        | Trigger::StaleTimer
        | Trigger::StaleApplied => true,
    };
    ensure(taken, || format!("{} in {was}: nothing came of it", view.step.trigger()))
}

fn cursor_only_advances(view: &View<'_>) -> Result<(), String> {
    let (was, is) = (view.before.cursor(), view.step.next.cursor());
    if was == is {
        return Ok(());
    }
    let applied = is.map(|is| is.seq) == view.seq();
    ensure(applied, || "moved by what was not applied".into())?;
    let back = was.zip(is).is_some_and(|(was, is)| was.log == is.log && is.seq < was.seq);
    let notice = matches!(view.event, Event::Applied { notice: true, .. });
    ensure(!back || notice, || "went back".into())
}

/// What is handed over follows what was handed over.
fn in_order_without_silent_gaps(view: &View<'_>) -> Result<(), String> {
    let mut at = view.before.delivered().map(|cursor| cursor.seq);
    for effect in &view.step.effects {
        if let Effect::BeginAnew { seq, .. } = *effect {
            at = Some(seq);
        } else if let Some((from, to)) = handed_over(effect) {
            ensure(at.map(Seq::next) == Some(from), || format!("{from} after {at:?}"))?;
            at = Some(to);
        }
    }
    let forgot = view.step.next.reading.is_none();
    let is = view.step.next.delivered().map(|cursor| cursor.seq);
    ensure(is == at || forgot, || format!("{is:?} is marked as handed over, {at:?} was"))
}

/// The places that an effect hands over.
fn handed_over(effect: &Effect) -> Option<(Seq, Seq)> {
    if let Effect::DeliverGap { lost_from, lost_to, .. } = *effect {
        return Some((lost_from, lost_to));
    }
    if let Effect::Deliver { seq, .. } = *effect { Some((seq, seq)) } else { None }
}

/// The prompt that an effect settles.
fn settled(effect: &Effect) -> Option<PromptId> {
    if let Effect::TellAccepted { ticket, .. } | Effect::TellFailed { ticket } = *effect {
        Some(ticket)
    } else {
        None
    }
}

fn saved_before_sent(view: &View<'_>) -> Result<(), String> {
    let changed = view.before.saved() != view.step.next.saved();
    let saves = view.step.effects.iter().position(|effect| *effect == Effect::Save);
    ensure(!changed || saves.is_some(), || "changed and not saved".into())?;
    let sent = |effect: &Effect| matches!(effect, Effect::SendPrompt { .. } | Effect::Hello { .. });
    let sends = view.step.effects.iter().position(sent);
    ensure(!changed || sends.is_none() || saves < sends, || "sent before it was saved".into())
}

/// What is sent is the first of what waits, under its number, once per socket.
fn prompts_go_in_order(view: &View<'_>) -> Result<(), String> {
    let next = &view.step.next;
    for effect in &view.step.effects {
        if let Effect::SendPrompt { n, ticket } = *effect {
            let first = next.outbox().tickets().next();
            ensure(first == Some(ticket) && n == next.outbox().first(), || {
                format!("{ticket:?} as {n}, and it is not the first one")
            })?;
            let again = view.before.outbox().is_under_way()
                && view.before.outbox().tickets().next() == first;
            ensure(!again, || format!("{n} is sent twice on one socket"))?;
        }
    }
    let waits = next.outbox().tickets().len() > 0;
    let idle = view.is().is_welcomed() && waits && !next.outbox().is_under_way();
    ensure(!idle, || "a prompt waits, and none is under way".into())?;
    let under_way = next.outbox().is_under_way();
    ensure(!under_way || view.is().is_welcomed(), || "under way without a connection".into())?;
    let fresh = under_way && !view.before.outbox().is_under_way();
    let sends = view.did(|effect| matches!(effect, Effect::SendPrompt { .. }));
    ensure(!fresh || sends, || "under way, and not sent".into())
}

/// Each prompt waits, or the application is told what became of it, once.
fn no_prompt_is_swallowed(view: &View<'_>) -> Result<(), String> {
    let mut had: Vec<PromptId> = view.before.outbox().tickets().collect();
    if let (Event::Prompt { ticket }, true) = (view.event, view.step.refusal().is_none()) {
        had.push(*ticket);
    }
    let mut has: Vec<PromptId> = view.step.effects.iter().filter_map(settled).collect();
    let waits = has.len();
    has.extend(view.step.next.outbox().tickets());
    ensure(had == has, || format!("{had:?} became {has:?}, of which {waits} were told"))?;
    let accepted = view.did(|effect| matches!(effect, Effect::TellAccepted { .. }));
    let says = matches!(view.event, Event::Accepted { .. });
    ensure(!accepted || says, || "told of an acceptance that the server did not report".into())?;
    let failed = view.did(|effect| matches!(effect, Effect::TellFailed { .. }));
    let says = matches!(view.event, Event::Refused { for_now: false, .. } | Event::Closed { .. });
    ensure(!failed || says, || "failed for no reason".into())?;
    let (yes, no) = (Trigger::Accepted, Trigger::Refused);
    let told = (view.step.trigger() != yes || accepted) && (view.step.trigger() != no || failed);
    ensure(told, || "the server answered, and the application is not told".into())
}

fn bounded_memory(view: &View<'_>) -> Result<(), String> {
    let waits = view.step.next.outbox().tickets().len();
    let before = view.before.outbox().tickets().len();
    let bound = before.max(usize::from(view.settings.outbox));
    ensure(waits <= bound, || format!("{waits} prompts wait"))
}
