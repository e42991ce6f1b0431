//! classify → rule → apply. Data becomes a column in [`Machine::classify`] and nowhere else.

use alloc::vec::Vec;

use strum::EnumCount;

use super::event::{Close, Effect, Event, LinkState, Socket, Welcome};
use super::outbox::Outbox;
use super::settings::Settings;
use super::table::{Row, TABLE, Table};
use super::words::{State, Timer, Trigger};
use crate::ids::{Generation, Seq};
use crate::log::{AttachOutcome, Cursor, LogId};
use crate::table::Verdict;
use crate::words::{ClientRule, Reason};

/// The most rows one step can take: the event's own, then what is due, and one more that only a broken
/// table takes.
pub(super) const MAX_RULES_PER_STEP: usize = 4;

/// The rules that a link lives by: a table, and settings.
///
/// # The driver's contract
/// A step is pure: it returns the next link and the effects.
///
/// 1. Feed one event at a time to [`step`](Machine::step).
/// 2. Adopt the next link.
/// 3. Perform the effects, in order. [`Effect::Save`] is done when what it saves would survive the
///    process.
///
/// What was handed over waits in the driver, in order, until the application takes it; also when the
/// connection is gone. An entry is applied when the application reports it, and not when it was handed over.
#[derive(Clone, Debug)]
pub struct Machine {
    settings: Settings,
    table: &'static Table,
}

/// One client's link to one session.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Link {
    pub(crate) state: State,
    pub(crate) socket: Socket,
    pub(crate) hidden: bool,
    pub(crate) attempts: u8,
    pub(crate) failed_attaches: u8,
    /// The silences since everything was through: the client caught up, no prompt under way.
    pub(crate) silences: u8,
    /// The server has said since its last welcome that it leaves, or that its proxy does not reach it.
    pub(crate) leaving: bool,
    pub(crate) retry: Option<(u32, u32)>,
    pub(crate) ping_ms: Option<u32>,
    pub(crate) armed: [Option<Generation>; Timer::COUNT],
    pub(crate) generation: Generation,
    pub(crate) reading: Option<Reading>,
    pub(crate) epoch: u32,
    pub(crate) cursor: Option<Cursor>,
    pub(crate) head: Seq,
    pub(crate) outbox: Outbox,
}

/// Where a client reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Reading {
    pub(crate) log: LogId,
    /// The last entry that was handed over.
    pub(crate) delivered: Seq,
    /// The last entry that was applied.
    pub(crate) applied: Seq,
    /// The application has not yet taken note that it begins here.
    pub(crate) anew: bool,
}

impl Default for Link {
    fn default() -> Link {
        Link::new()
    }
}

impl Link {
    /// A link that was never used: STOPPED.
    pub fn new() -> Link {
        Link::restored(&LinkState::default())
    }

    /// A link that goes on from what was saved: STOPPED.
    pub fn restored(saved: &LinkState) -> Link {
        let begins =
            |at: Cursor| Reading { log: at.log, delivered: at.seq, applied: at.seq, anew: false };
        Link {
            state: State::Stopped,
            socket: Socket(0),
            hidden: false,
            attempts: 0,
            failed_attaches: 0,
            silences: 0,
            leaving: false,
            retry: None,
            ping_ms: None,
            armed: [None; Timer::COUNT],
            generation: Generation(0),
            reading: saved.cursor.map(begins),
            epoch: 0,
            cursor: saved.cursor,
            head: Seq(0),
            outbox: Outbox::restored(saved),
        }
    }

    /// What must outlive the process.
    pub fn saved(&self) -> LinkState {
        LinkState {
            cursor: self.cursor,
            next: Some(self.outbox.first()),
            tried: self.outbox.is_tried(),
            outbox: self.outbox.tickets().collect(),
        }
    }

    /// Its state.
    pub const fn state(&self) -> State {
        self.state
    }

    /// The latest socket.
    pub const fn socket(&self) -> Socket {
        self.socket
    }

    /// How far the application has applied the log.
    pub const fn cursor(&self) -> Option<Cursor> {
        self.cursor
    }

    /// What was handed over: where the next hello goes on.
    pub fn delivered(&self) -> Option<Cursor> {
        self.reading.map(|at| Cursor { log: at.log, seq: at.delivered })
    }

    /// The prompts that wait.
    pub const fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    /// The dials since one did some good.
    pub const fn attempts(&self) -> u8 {
        self.attempts
    }

    /// The generation of an armed timer.
    pub const fn armed(&self, timer: Timer) -> Option<Generation> {
        self.armed[timer as usize]
    }

    /// The silences that ended a connection since everything was through: the client caught up, no prompt under way.
    pub const fn silences(&self) -> u8 {
        self.silences
    }

    /// Whether the page is hidden.
    pub const fn is_hidden(&self) -> bool {
        self.hidden
    }

    /// After how much silence the server is gone, in milliseconds: two and a half of its pings, and twice as long after
    /// each of the [silences](Link::silences), as [`Settings::patience_ms`] allows.
    pub const fn silence_ms(&self, settings: &Settings) -> u32 {
        let ping = match self.ping_ms {
            Some(ping) => ping,
            None => settings.ping_ms,
        };
        settings.patience(ping.saturating_mul(5) / 2, self.silences)
    }
}

/// What one event did.
#[must_use = "a step is nothing before its effects are performed and its next link adopted"]
#[derive(Clone, Debug)]
pub struct Step {
    /// The link after the step.
    pub next: Link,
    /// What to do, in order.
    pub effects: Vec<Effect>,
    pub(super) state: State,
    pub(super) trigger: Trigger,
    pub(super) trail: [Option<&'static Row>; MAX_RULES_PER_STEP],
}

/// Why the application was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{trigger} refused in {state}: {reason} (rule {rule})")]
#[non_exhaustive]
pub struct Refusal {
    /// What came.
    pub trigger: Trigger,
    /// Where.
    pub state: State,
    /// Why not.
    pub reason: Reason,
    /// The row that refused.
    pub rule: &'static str,
}

impl Step {
    /// What the event was.
    pub const fn trigger(&self) -> Trigger {
        self.trigger
    }

    /// The row that answered the event.
    pub fn rule(&self) -> &'static Row {
        self.trail[0].expect("a step takes a row")
    }

    /// Every row that was taken: the event's own, then the follow-ups'.
    pub fn rules(&self) -> impl Iterator<Item = &'static Row> + '_ {
        self.trail.iter().map_while(|row| *row)
    }

    /// Why the application was refused, if it was.
    pub fn refusal(&self) -> Option<Refusal> {
        let rule = self.rule();
        match rule.verdict {
            Verdict::Refuse(reason) => {
                let (trigger, state) = (self.trigger, self.state);
                Some(Refusal { trigger, state, reason, rule: rule.id })
            }
            Verdict::Go(_) | Verdict::Stay | Verdict::Ignore(_) => None,
        }
    }
}

impl Default for Machine {
    fn default() -> Machine {
        Machine::new(Settings::default())
    }
}

impl Machine {
    /// A machine with the shipped table.
    pub const fn new(settings: Settings) -> Machine {
        Machine { settings, table: &TABLE }
    }

    /// A machine with another table: for checkers that change a row and see which law notices.
    pub const fn with_table(settings: Settings, table: &'static Table) -> Machine {
        Machine { settings, table }
    }

    /// The settings.
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The table.
    pub const fn table(&self) -> &'static Table {
        self.table
    }

    /// What an event does.
    pub fn step(&self, link: &Link, event: &Event) -> Step {
        let step = self.step_unjudged(link, event);
        #[cfg(debug_assertions)]
        if core::ptr::eq(self.table, &raw const TABLE) {
            if let Err(breach) = crate::laws::of_client(&self.settings, link, event, &step) {
                panic!("{breach}: {event:?} in {link:?}");
            }
        }
        step
    }

    /// As [`step`](Machine::step), but the laws are not asked: for checkers that ask them themselves.
    pub fn step_unjudged(&self, link: &Link, event: &Event) -> Step {
        let trigger = self.classify(link, event);
        let (next, state) = (link.clone(), link.state);
        let mut step =
            Step { next, effects: Vec::new(), state, trigger, trail: [None; MAX_RULES_PER_STEP] };
        if let (Event::Timer { timer, .. }, true) = (event, trigger != Trigger::StaleTimer) {
            step.next.armed[*timer as usize] = None;
        }
        let mut due = Some(trigger);
        let mut taken = 0;
        while let Some(trigger) = due {
            if taken == MAX_RULES_PER_STEP {
                break;
            }
            let row = self.table.rule(step.next.state, trigger);
            step.trail[taken] = Some(row);
            taken += 1;
            if !row.verdict.acts() {
                break;
            }
            step.apply(row, event, &self.settings);
            due = self.due(&step.next);
        }
        step
    }

    /// The follow-up that is due, if one is.
    pub fn due(&self, link: &Link) -> Option<Trigger> {
        let rests = link.hidden && link.outbox.tickets.is_empty();
        match link.state {
            State::BackingOff if link.failed_attaches >= self.settings.failed_attaches => {
                Some(Trigger::StruckOut)
            }
            State::BackingOff if rests => Some(Trigger::Sleep),
            State::Replaying | State::Live if rests => Some(Trigger::Suspend),
            State::Replaying => match &link.reading {
                Some(at) if !at.anew && at.applied.0 >= link.head.0 => Some(Trigger::CaughtUp),
                Some(_) | None => None,
            },
            State::Stopped
            | State::Dormant
            | State::BackingOff
            | State::Connecting
            | State::Attaching
            | State::Live
            | State::Hidden => None,
        }
    }

    /// Which column an event is, for this link.
    pub fn classify(&self, link: &Link, event: &Event) -> Trigger {
        let is_news = |socket: Socket| link.state.has_socket() && socket == link.socket;
        if event.socket().is_some_and(|socket| !is_news(socket)) {
            return Trigger::StaleSocket;
        }
        match event {
            Event::Start => Trigger::Start,
            Event::Stop => Trigger::Stop,
            Event::Hide => Trigger::Hide,
            Event::Show { silent_ms } => {
                let silent = *silent_ms > link.silence_ms(&self.settings);
                if silent && link.state.is_welcomed() { Trigger::ShowSilent } else { Trigger::Show }
            }
            Event::Online => Trigger::Online,
            Event::Prompt { .. } => {
                let full = link.outbox.tickets.len() >= usize::from(self.settings.outbox);
                if full { Trigger::PromptFull } else { Trigger::Prompt }
            }
            Event::Command => Trigger::Command,
            Event::Applied { epoch, seq, notice } => applied(link, *epoch, *seq, *notice),
            Event::Timer { timer, generation } => {
                if link.armed(*timer) != Some(*generation) {
                    return Trigger::StaleTimer;
                }
                match timer {
                    Timer::Backoff => Trigger::BackoffOver,
                    Timer::Attach if link.leaving => Trigger::AttachTimeoutLeaving,
                    Timer::Attach => Trigger::AttachTimeout,
                    Timer::Watchdog => Trigger::Silent,
                    Timer::Stable => Trigger::Stable,
                }
            }
            Event::Opened { .. } => Trigger::Opened,
            Event::Welcome { welcome, .. } => welcomed(link, welcome),
            Event::Entry { log, seq, .. } => entry(link, *log, *seq),
            Event::Gap { lost_from, lost_to, .. } => gap(link, *lost_from, *lost_to),
            Event::Accepted { n, .. } if link.outbox.is_waiting_for(*n) => Trigger::Accepted,
            Event::Refused { n, for_now, .. } if link.outbox.is_waiting_for(*n) => {
                if *for_now {
                    Trigger::RefusedForNow
                } else {
                    Trigger::Refused
                }
            }
            Event::Accepted { .. } | Event::Refused { .. } => Trigger::ReplyStale,
            Event::Pong { .. } => Trigger::Pong,
            Event::Goaway { .. } => Trigger::Goaway,
            Event::Lost { .. } if link.leaving => Trigger::LostLeaving,
            Event::Lost { .. } => Trigger::Lost,
            Event::Closed { code, .. } => closed(link, *code),
        }
    }
}

fn applied(link: &Link, epoch: u32, seq: Seq, notice: bool) -> Trigger {
    let current = link.reading.filter(|_| epoch == link.epoch);
    match current {
        Some(at) if notice && at.anew && seq == at.applied => Trigger::AppliedNotice,
        Some(at) if !notice && !at.anew && seq > at.applied && seq <= at.delivered => {
            Trigger::Applied
        }
        Some(_) | None => Trigger::StaleApplied,
    }
}

/// Whether the welcome fits what the hello said.
fn welcomed(link: &Link, welcome: &Welcome) -> Trigger {
    let follows = |from: Seq| {
        let fits = |at: &Reading| {
            at.log == welcome.log && from == at.delivered.next() && at.delivered <= welcome.head
        };
        link.reading.as_ref().is_some_and(fits)
    };
    let whole = welcome.base <= welcome.head;
    match welcome.outcome {
        AttachOutcome::Fresh if whole => Trigger::WelcomeFresh,
        AttachOutcome::Reset { .. } if whole => Trigger::WelcomeReset,
        AttachOutcome::Resumed { from } if whole && follows(from) => Trigger::WelcomeResumed,
        AttachOutcome::Gap { lost_from, lost_to }
            if whole && follows(lost_from) && lost_from <= lost_to && lost_to <= welcome.head =>
        {
            Trigger::WelcomeGap
        }
        AttachOutcome::Fresh
        | AttachOutcome::Reset { .. }
        | AttachOutcome::Resumed { .. }
        | AttachOutcome::Gap { .. } => Trigger::WelcomeWrong,
    }
}

fn entry(link: &Link, log: LogId, seq: Seq) -> Trigger {
    match link.reading {
        Some(at) if at.log == log && seq == at.delivered.next() => Trigger::Entry,
        Some(at) if at.log == log && seq <= at.delivered => Trigger::EntryAgain,
        Some(_) | None => Trigger::Hole,
    }
}

fn gap(link: &Link, lost_from: Seq, lost_to: Seq) -> Trigger {
    match link.reading {
        Some(at) if lost_to <= at.delivered => Trigger::EntryAgain,
        Some(at) if lost_from == at.delivered.next() => Trigger::Gap,
        Some(_) | None => Trigger::Hole,
    }
}

fn closed(link: &Link, code: Close) -> Trigger {
    if code.is_too_big() && link.outbox.is_under_way() {
        return Trigger::ClosedTooBig;
    }
    match code.rule() {
        ClientRule::Stop => Trigger::ClosedStop,
        ClientRule::Pause => Trigger::ClosedPause,
        ClientRule::Now if link.attempts == 0 => Trigger::ClosedNow,
        ClientRule::Fresh if link.attempts <= 1 => Trigger::ClosedFresh,
        ClientRule::Now | ClientRule::Fresh | ClientRule::BackOff
            if link.leaving || code.is_leaving() =>
        {
            Trigger::LostLeaving
        }
        ClientRule::Now | ClientRule::Fresh | ClientRule::BackOff => Trigger::ClosedBackOff,
    }
}
