//! The sessions that could stand behind a log with missing events.

use std::collections::HashSet;

use strum::EnumCount;

use super::expect::Expect;
use super::hidden::Hidden;
use super::line::Fed;
use super::replay::Why;
use crate::ids::{ConnectionId, Generation, Seq};
use crate::laws;
use crate::session::{Connection, Effect, Event, Machine, Session, Snapshot, Step, TurnState};
use crate::table::Verdict;
use crate::words::{Reason, State, Timer, Trigger};

/// How a log with missing events is explained.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExplainOptions {
    /// The kinds of events that may be missing.
    pub hidden: Vec<Hidden>,
    /// The most sessions that are kept at a time.
    pub candidates: usize,
    /// The most events that may be missing between two lines.
    pub between: usize,
    /// Whether a line that expects nothing may be late news. If not, it must have been acted on or
    /// refused; an ignored event is then only explained by a line that expects it to be ignored.
    pub late: bool,
}

impl Default for ExplainOptions {
    fn default() -> ExplainOptions {
        ExplainOptions {
            hidden: Hidden::USUAL.into(),
            candidates: 100_000,
            between: 1_000,
            late: false,
        }
    }
}

/// What kept the answer from being found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Bound {
    /// [`ExplainOptions::candidates`].
    #[error("more than {0} sessions could explain the log so far")]
    Candidates(usize),
    /// [`ExplainOptions::between`].
    #[error("more than {0} events may be missing before this line")]
    Between(usize),
    /// What a viewer had seen when it was suspended is guessed, and the log was trimmed since.
    #[error("it depends on what a viewer had seen at a suspend that is missing")]
    Seen,
}

/// Why sessions do not explain a line.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rejected {
    /// How many sessions say this.
    pub count: usize,
    /// One of them: the one with the fewest hidden events.
    pub session: Session,
    /// The column that the event came to.
    pub trigger: Trigger,
    /// The row that was taken.
    pub rule: &'static str,
    /// What it says.
    pub verdict: Verdict<State, Reason>,
    /// What the line says otherwise; none if the line was ignored.
    pub why: Option<Why>,
}

#[derive(Clone, Debug)]
pub(super) struct Run {
    pub(super) machine: Machine,
    pub(super) orphaned: bool,
    pub(super) candidates: Vec<Candidate>,
    /// What had to be left out of the closure before the line at hand.
    pub(super) cut: Option<Bound>,
    /// Whether what a suspended viewer has seen was guessed.
    pub(super) guessed: bool,
}

/// A session that could stand behind the log.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    pub(super) session: Session,
    /// The connection lost last: its suspend notice may still come.
    pub(super) left: Option<ConnectionId>,
    /// By how much the log's generations are ahead of this session's: timers that hidden events
    /// armed and that left no other trace.
    pub(super) ahead: [u32; Timer::COUNT],
}

/// All of a candidate but the timers' generations, which only count.
pub(super) type Key = (Snapshot, TurnState, Vec<Connection>, Option<Seq>, Option<ConnectionId>);

impl Run {
    /// Adds what the candidates become by hidden events, however many.
    pub(super) fn close(&mut self, options: &ExplainOptions) -> Result<(), Bound> {
        let mut seen: HashSet<Key> = self.candidates.iter().map(Candidate::key).collect();
        let (mut from, mut depth) = (0, 0);
        self.cut = None;
        while from < self.candidates.len() {
            if depth == options.between {
                self.cut = Some(Bound::Between(options.between));
                return Ok(());
            }
            let level = from..self.candidates.len();
            from = level.end;
            for place in level {
                for after in self.hidden_steps(place, options) {
                    if seen.insert(after.key()) {
                        self.candidates.push(after);
                    }
                }
                if self.candidates.len() > options.candidates {
                    return Err(Bound::Candidates(options.candidates));
                }
            }
            depth += 1;
        }
        Ok(())
    }

    fn hidden_steps(&mut self, place: usize, options: &ExplainOptions) -> Vec<Candidate> {
        let candidate = &self.candidates[place];
        let mut after = Vec::new();
        for kind in &options.hidden {
            for event in kind.events(&candidate.session, candidate.left) {
                let step = self.machine.step(&candidate.session, &event);
                let lawful =
                    laws::of_step(self.machine.limits(), &candidate.session, &event, &step);
                if step.verdict().acts() && lawful.is_ok() {
                    self.guessed |= *kind == Hidden::Suspend;
                    after.push(candidate.after(&event, step));
                }
            }
        }
        after
    }
}

impl Candidate {
    pub(super) fn new(session: Session) -> Candidate {
        Candidate { session, left: None, ahead: [0; Timer::COUNT] }
    }

    pub(super) fn key(&self) -> Key {
        let session = &self.session;
        (
            session.snapshot(),
            session.turn(),
            session.connections().to_vec(),
            session.pin(),
            self.left,
        )
    }

    /// What becomes of it if the line is what happened next, or what it has against the line.
    pub(super) fn meets(
        &self,
        run: &Run,
        fed: &Fed,
        options: &ExplainOptions,
    ) -> Result<Candidate, Box<Rejected>> {
        let lenient = options.hidden.iter().any(|kind| kind.arms());
        let mut ahead = self.ahead;
        let event = self.translate(fed.event, lenient, &mut ahead);
        let step = run.machine.step(&self.session, &event);
        let rejected = |why| {
            Box::new(Rejected {
                count: 1,
                session: self.session.clone(),
                trigger: step.trigger(),
                rule: step.rules().next().map_or("", |row| row.id),
                verdict: step.verdict(),
                why,
            })
        };
        laws::of_step(run.machine.limits(), &self.session, &event, &step)
            .map_err(|breach| rejected(Some(Why::Breaks(breach))))?;
        if let Some(expect) = &fed.expect {
            let got = relabel(Expect::of(&step), expect, lenient, &mut ahead);
            let differences = expect.differences(&got);
            if !differences.is_empty() {
                return Err(rejected(Some(Why::Differs(differences))));
            }
        } else if matches!(step.verdict(), Verdict::Ignore(_)) && !options.late {
            return Err(rejected(None));
        }
        let mut after = self.after(&event, step);
        after.ahead = ahead;
        Ok(after)
    }

    fn after(&self, event: &Event, step: Step) -> Candidate {
        let mut left = self.left;
        if let (Event::Lost { connection }, true) = (*event, step.verdict().acts()) {
            left = Some(connection);
        }
        Candidate { session: step.next, left, ahead: self.ahead }
    }

    /// The log's generation of a timer, in this session's count. Where hidden events may have armed
    /// timers, one that is newer than this session's is taken for it: the difference is kept.
    fn translate(&self, event: Event, lenient: bool, ahead: &mut [u32; Timer::COUNT]) -> Event {
        let Event::Expired { timer, generation } = event else {
            return event;
        };
        let armed = self.session.generation(timer);
        let (slot, most) = (&mut ahead[timer as usize], generation.0);
        if lenient && most > armed.0.saturating_add(*slot) {
            *slot = most - armed.0;
        }
        let current = most == armed.0.saturating_add(*slot);
        let generation = if current { armed } else { Generation(0) };
        Event::Expired { timer, generation }
    }
}

/// What came of a step, with the timers' generations in the log's count, as in
/// [`translate`](Candidate::translate).
fn relabel(
    mut got: Expect,
    expect: &Expect,
    lenient: bool,
    ahead: &mut [u32; Timer::COUNT],
) -> Expect {
    let wanted = expect.effects.as_deref().unwrap_or_default();
    for (place, effect) in got.effects.iter_mut().flatten().enumerate() {
        let Effect::Arm { timer, generation, .. } = effect else {
            continue;
        };
        let slot = &mut ahead[*timer as usize];
        if let Some(Effect::Arm { timer: same, generation: said, .. }) = wanted.get(place) {
            if lenient && same == timer && said.0 > generation.0.saturating_add(*slot) {
                *slot = said.0 - generation.0;
            }
        }
        *generation = Generation(generation.0.saturating_add(*slot));
    }
    got
}

/// Counts those that say the same together.
pub(super) fn count(rejected: &mut Vec<Rejected>, one: Rejected) {
    let same = |other: &&mut Rejected| {
        other.session.state() == one.session.state()
            && other.rule == one.rule
            && other.trigger == one.trigger
            && other.why == one.why
    };
    match rejected.iter_mut().find(same) {
        Some(other) => other.count += 1,
        None => rejected.push(one),
    }
}
