//! The world a client lives in, played exhaustively: sockets that break half-way or open too late, a server
//! that closes, trims, refuses and loses, a page that is hidden, loaded anew, or without a network.
//!
//! One [`World`] is the client's machine and a [`Scope`]: what may happen in it, and how often. The server
//! is an honest one, but for what the scope lets it get wrong; its own side is what the sessions'
//! [worlds](crate::check::world) are about.

mod action;
mod judge;
pub mod mutants;
mod play;
pub mod scopes;
mod world_state;

use std::collections::VecDeque;

pub use action::{Action, CLASSES, Late};
pub use scopes::Scope;
pub use world_state::{
    Budget, Down, Handed, Phase, PromptOutcome, RIVAL, Server, Up, What, Wire, WorldState,
};

use crate::check::world::mutants::rules;
use crate::check::world::names;
use crate::check::{Fairness, Judgement, Model, Properties, Step};
use crate::client::table::{Row, Table};
use crate::client::{Link, Machine, State};
use crate::laws::{Breach, Law};
use crate::log::{Log, LogId};

/// A client, and what may happen around it.
#[derive(Clone, Debug)]
pub struct World {
    machine: Machine,
    scope: Scope,
}

/// What a step did: the rows it took, and the first law it broke.
#[derive(Clone, Debug, Default)]
pub struct StepTrace {
    rows: Vec<usize>,
    breach: Option<Breach>,
}

impl World {
    /// The shipped table in a scope.
    pub fn new(scope: Scope) -> World {
        World { machine: Machine::new(scope.settings()), scope }
    }

    /// Another table in the same scope.
    #[must_use]
    pub fn with_table(self, table: &'static Table) -> World {
        World { machine: Machine::with_table(*self.machine.settings(), table), ..self }
    }

    /// What may happen in it.
    pub const fn scope(&self) -> &Scope {
        &self.scope
    }

    /// The rules of its table, as the search counts them: all but the cells that cannot arise.
    pub fn rules(&self) -> Vec<String> {
        rules(self.machine.table().rows).map(|(_, rows)| format!("client {}", rows[0].id)).collect()
    }

    fn place(&self, row: &'static Row) -> usize {
        let rows = self.machine.table().rows;
        rows.iter().position(|other| core::ptr::eq(other, row)).unwrap_or_default()
    }

    fn first(&self) -> WorldState {
        let link = Link::new();
        WorldState {
            stored: link.saved(),
            link,
            handed: VecDeque::new(),
            shown: None,
            prompts: Vec::new(),
            wire: None,
            stray: None,
            server: Server { log: Log::new(LogId(1)), accepted: Vec::new() },
            left: self.scope.budget,
        }
    }
}

/// Whether the step kept one law: the player notes which one it broke, if any.
fn kept<const LAW: usize>(_: &World, step: &Step<'_, World>) -> Judgement {
    match &step.evidence.breach {
        Some(breach) if breach.law as usize == LAW => Err(breach.detail.clone()),
        Some(_) | None => Ok(()),
    }
}

macro_rules! judged {
    ($laws:ident, $($law:ident)+) => {
        $laws$(.every_step(Law::$law.into_str(), Law::$law.meaning(), kept::<{ Law::$law as usize }>))+
    };
}

/// The user wants the session, whether or not the page is in front.
fn started(now: &WorldState) -> bool {
    now.link.state() != State::Stopped
}

/// The user wants the session, looks, and has a network.
fn wanted(now: &WorldState) -> bool {
    let link = &now.link;
    link.state() != State::Stopped && !link.is_hidden()
}

fn has_head(now: &WorldState) -> bool {
    let log = now.server.log;
    now.shown.is_some_and(|shown| shown.log == log.id && shown.seq >= log.head)
        && now.stored.cursor == now.shown
}

/// What is assumed of the world: time passes, what is in flight arrives or its loss is noticed, and the
/// application applies what it is given.
const FAIR: [Fairness; 4] = [
    Fairness::Weak("timer"),
    Fairness::Weak("wire"),
    Fairness::Weak("notice"),
    Fairness::Weak("apply"),
];

impl Model for World {
    type State = WorldState;
    type Action = Action;
    type StepTrace = StepTrace;

    fn name(&self) -> String {
        self.scope.name.into()
    }

    fn initial(&self) -> Vec<WorldState> {
        vec![self.first()]
    }

    fn actions(&self, now: &WorldState, out: &mut Vec<Action>) {
        action::enabled(self, now, out);
    }

    fn step(&self, now: &WorldState, action: &Action) -> Option<(WorldState, StepTrace)> {
        play::Transition::new(self, now).play(*action)
    }

    fn properties(&self) -> Properties<World> {
        let laws = Properties::<World>::new().suspecting(|_, step| step.evidence.breach.is_some());
        let laws = judged!(laws,
            ImpossibleNeverHappens RefusedChangesNothing StaleChangesNothing NothingDueIsLeft
            StoppedStaysStopped FailuresCount LiveMeansCaughtUp SingleFlight WaitingStatesHaveATimer NewsIsTaken CursorOnlyAdvances
            InOrderWithoutSilentGaps NoDoubleDelivery SavedBeforeSent PromptsGoInOrder
            NoPromptIsSwallowed NoPromptRunsTwice AcceptedIsKept BoundedMemory
        );
        let law = |law: Law| (law.into_str(), law.meaning());
        let (name, meaning) = law(Law::WantedClientsAttach);
        let laws = laws.leads_to(
            name,
            meaning,
            |_, now| wanted(now) && !now.link.state().is_welcomed(),
            |_, now| !wanted(now) || now.link.state().is_welcomed(),
            FAIR,
        );
        let (name, meaning) = law(Law::ClientsReachTheHead);
        let laws = laws.leads_to(
            name,
            meaning,
            |_, now| wanted(now) && !has_head(now),
            |_, now| !wanted(now) || has_head(now) && now.link.state() == State::Live,
            FAIR,
        );
        let (name, meaning) = law(Law::PromptsAreSettled);
        laws.leads_to(
            name,
            meaning,
            |_, now| started(now) && now.link.outbox().tickets().len() > 0,
            |_, now| !started(now) || now.link.outbox().tickets().len() == 0,
            FAIR,
        )
    }

    fn classes(&self) -> Vec<&'static str> {
        CLASSES.to_vec()
    }

    fn class(&self, action: &Action) -> usize {
        action.class()
    }

    fn counters(&self) -> Vec<String> {
        names("client", self.machine.table().rows).collect()
    }

    fn count(&self, evidence: &StepTrace, hit: &mut dyn FnMut(usize)) {
        evidence.rows.iter().for_each(|row| hit(*row));
    }

    fn terminal(&self, now: &WorldState) -> bool {
        let at_rest = now.link.state() == State::Live && has_head(now);
        at_rest && now.link.outbox().tickets().len() == 0
    }

    fn describe(&self, now: &WorldState) -> String {
        let link = &now.link;
        let cursor =
            |at: Option<crate::log::Cursor>| at.map_or("nothing".into(), |at| format!("{at}"));
        let log = now.server.log;
        format!(
            "{} shows {} saved {}, server {}.{}..{}, {} wait, handed {:?}, wire {:?}",
            link.state(),
            cursor(now.shown),
            cursor(now.stored.cursor),
            log.id,
            log.base,
            log.head,
            link.outbox().tickets().len(),
            now.handed.iter().map(|handed| handed.what).collect::<Vec<_>>(),
            now.wire.as_ref().map(|wire| (wire.phase, &wire.up, &wire.down)),
        )
    }

    fn lane(&self, action: &Action) -> (String, String) {
        let (from, to) = match action {
            Action::Fire(_) | Action::Alarm(_) | Action::LateTimer => ("timer", "client"),
            Action::Receive | Action::Refuse { .. } | Action::ReceiveStray => ("wire", "server"),
            Action::LoseStray | Action::Cut => ("wire", "wire"),
            Action::Open | Action::Hear | Action::Notice | Action::LateSocket(_) => {
                ("wire", "client")
            }
            Action::Send
            | Action::Close(_)
            | Action::Goaway
            | Action::Lie
            | Action::LieInWelcome
            | Action::Repeat
            | Action::RepeatReply => ("server", "wire"),
            Action::Apply | Action::ApplyAgain => ("application", "client"),
            Action::Hide
            | Action::Show(_)
            | Action::Online
            | Action::Prompt
            | Action::Command
            | Action::Start
            | Action::Stop
            | Action::Reload => ("page", "client"),
            Action::Output | Action::Trim | Action::Lose => ("server", "server"),
            Action::Rival => ("rival", "server"),
        };
        (from.into(), to.into())
    }
}
