//! The laws over steps: what a step did, held against what was before and what came.

mod answers;
mod session;
mod viewers;

use alloc::string::String;

use super::{Breach, Law, ensure};
use crate::ids::Generation;
use crate::session::limits::Limits;
use crate::session::{Connection, Effect, EntryMeta, Event, Session, Step, TurnState};
use crate::table::Verdict;
use crate::words::State;

/// A step as the laws see it.
pub(super) struct View<'a> {
    limits: &'a Limits,
    before: &'a Session,
    event: &'a Event,
    step: &'a Step,
}

pub(super) type StepLaw = fn(&View<'_>) -> Result<(), String>;

/// The laws over steps, in the order in which they are asked.
pub(super) const STEP_LAWS: &[(Law, StepLaw)] = &[
    (Law::ImpossibleNeverHappens, answers::impossible_never_happens),
    (Law::ClosingOnlyEnds, session::closing_only_ends),
    (Law::EndedOnlyReopens, session::ended_only_reopens),
    (Law::RefusedChangesNothing, answers::refused_changes_nothing),
    (Law::StaleChangesNothing, answers::stale_changes_nothing),
    (Law::NothingDueIsLeft, session::nothing_due_is_left),
    (Law::DrainBeginsNothing, session::drain_begins_nothing),
    (Law::DeliveredIsDurable, session::delivered_is_durable),
    (Law::ActiveMeansWatched, session::active_means_watched),
    (Law::EndedHoldsNothing, session::ended_holds_nothing),
    (Law::WorkNeedsAWorker, session::work_needs_a_worker),
    (Law::LostConnectionNeverStopsWork, session::lost_connection_never_stops_work),
    (Law::FailedStartsAreNotRepeated, session::failed_starts_are_not_repeated),
    (Law::TimersActWhereTheyWait, session::timers_act_where_they_wait),
    (Law::StopStops, session::stop_stops),
    (Law::WorkerIsToldWhatIsTrue, session::worker_is_told_what_is_true),
    (Law::NoPromptIsSwallowed, session::no_prompt_is_swallowed),
    (Law::NewsIsTaken, answers::news_is_taken),
    (Law::RefusalsAreTrue, answers::refusals_are_true),
    (Law::OneTurnEndPerPrompt, session::one_turn_end_per_prompt),
    (Law::AsksStand, session::asks_stand),
    (Law::EndIsLoggedOnce, session::end_is_logged_once),
    (Law::EffectsNameOnlyWatchers, viewers::effects_name_only_watchers),
    (Law::InOrderWithoutSilentGaps, viewers::in_order_without_silent_gaps),
    (Law::ReadersReachTheHead, viewers::readers_reach_the_head),
    (Law::PinsAreKept, viewers::pins_are_kept),
    (Law::NothingNeededIsTrimmed, viewers::nothing_needed_is_trimmed),
    (Law::BoundedMemory, session::bounded_memory),
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
    /// Whether the event's fence is not current. Asked anew of the event, not of the column it was put in.
    fn is_stale(&self) -> bool {
        let before = self.before;
        let listed = |id| before.connections().iter().any(|one| one.id == id);
        let current = |incarnation| incarnation == before.incarnation();
        match *self.event {
            Event::Attach { connection, .. } => listed(connection),
            Event::Written { connection, .. }
            | Event::Resume { connection }
            | Event::Lost { connection } => !listed(connection),
            Event::Missed { connection, from } => {
                let right = |one: &Connection| one.id == connection && one.in_flight == Some(from);
                !before.connections().iter().any(right)
            }
            Event::Suspend { connection, .. } => {
                let awaited =
                    before.last_lost == Some(connection) && session::keeps_places(before.state());
                !listed(connection) && !awaited
            }
            Event::Prompt { .. } | Event::Restarted { .. } | Event::Drain => false,
            Event::Interrupt { turn } => {
                before.turn() != TurnState::Running(turn) && !before.is_queued(turn)
            }
            Event::Stop { incarnation }
            | Event::Started { incarnation }
            | Event::StartFailed { incarnation }
            | Event::Exited { incarnation } => !current(incarnation),
            Event::Answer { ask, .. } => !before.asks().contains(&ask),
            Event::Withdrawn { incarnation, ask } => {
                !current(incarnation) || !before.asks().contains(&ask)
            }
            Event::Output { incarnation, turn, .. } => {
                !current(incarnation) || turn.is_some_and(|turn| before.turn().id() != Some(turn))
            }
            Event::Asked { incarnation, turn }
            | Event::TurnEnded { incarnation, turn, .. }
            | Event::TurnWaiting { incarnation, turn, .. } => {
                !current(incarnation) || before.turn().id() != Some(turn)
            }
            Event::Expired { timer, generation } => {
                generation == Generation(0) || before.generation(timer) != generation
            }
        }
    }

    fn next(&self) -> &Session {
        &self.step.next
    }

    fn effects(&self) -> &[Effect] {
        &self.step.effects
    }

    fn entries(&self) -> impl Iterator<Item = &EntryMeta> {
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
    fn unchanged(&self) -> bool {
        self.next() == self.before && self.effects().is_empty() && self.step.records.is_empty()
    }
}
