//! The world the machine lives in, played exhaustively: connections that break half-way, clients that
//! come back, a worker that dies or speaks late, timers that fire late, a store that fails, processes
//! that crash and take over from each other.
//!
//! One [`World`] is the machine and a [`Scope`]: what may happen in it, and how often. The scopes in
//! [`scopes`] are small enough to be explored completely.

mod action;
mod budget;
mod bug;
mod enabled;
mod evidence;
mod judge;
mod members;
pub mod mutants;
mod narrate;
mod packed;
mod play;
pub mod races;
mod reuse;
pub mod scopes;
mod symmetry;
mod world_state;

use strum::EnumCount;

pub use action::{Action, CLASSES};
pub use bug::Bug;
pub use evidence::StepTrace;
pub use packed::Bytes;
pub use world_state::{Budget, Request, Word, WorldState};

use crate::check::{Fairness, Judgement, Model, Properties, Step};
use crate::ids::{ClientId, Generation, PrincipalId};
use crate::laws::{Law, Witness};
use crate::session::limits::{Limits, ZeroLimitError};
use crate::session::{Machine, table};
use crate::table::Row;
use crate::words::{State, Timer};
use crate::{connection, node, routing};
use judge::{accepted_is_kept, behind, is, listed_means_open, owed, stop_aborts_the_worker};
use members::{Member, fenced_holds_nothing, orphaned, strayed};
use mutants::rules;
use world_state::{Client, Clock, Node};

/// The generation that armed timers have in every moment: all that can matter is whether one is current.
pub(super) const CURRENT: Generation = Generation(2);
pub(super) const OLD: Generation = Generation(1);

/// What may happen in a world, and how often.
#[derive(Clone, Debug)]
#[allow(clippy::struct_excessive_bools, reason = "each is a thing that may happen, or not")]
pub struct Scope {
    /// Its name.
    pub name: &'static str,
    /// What it is about.
    pub about: &'static str,
    /// How many processes there are: one, or two that may take over from each other.
    pub nodes: usize,
    /// How many of them are registered in one database, with a lease each, and own the session one at a time; the
    /// others may register. None: the newest process that opens the store owns all.
    pub members: Option<usize>,
    /// Whether a node passes on what comes for a session of another one; otherwise it sends the client there.
    pub relays: bool,
    /// How many prompts each client has; its length is the number of clients.
    pub prompts: &'static [u8],
    /// How many principals the clients belong to, in turn: with two, every other client is of one principal.
    pub principals: u64,
    /// The limits of the session.
    pub limits: Limits,
    /// How often what may happen.
    pub budget: Budget,
    /// The timers that may fire.
    pub timers: &'static [Timer],
    /// Frames that a connection holds between server and client.
    pub pipe: usize,
    /// What is written arrives at once: the world is about something else.
    pub quick_wire: bool,
    /// Close handshakes, pings and hellos may fail.
    pub handshakes: bool,
    /// Suspend notices may go their own way.
    pub suspend_requests: bool,
    /// There are stops.
    pub stops: bool,
    /// There are interrupts.
    pub interrupts: bool,
    /// Timers may be heard of late.
    pub late_timers: bool,
    /// Workers speak outside turns.
    pub output_outside_turns: bool,
    /// Workers end turns with asks that outlive them.
    pub waits: bool,
    /// The store may fail.
    pub failing_store: bool,
    /// A new process may recover a session only at the first request for it.
    pub lazy_recovery: bool,
    /// The state has whether work went on while no viewer was connected, and which client came back to it.
    pub track_resumption: bool,
    /// Clients are interchangeable: look at one of several alike.
    pub symmetric: bool,
    /// Ask also what must come to pass.
    pub live: bool,
}

impl Scope {
    /// Whose client this is.
    const fn principal(&self, client: ClientId) -> PrincipalId {
        PrincipalId(client.0 % self.principals)
    }
}

/// The machine and the connection's table in a scope.
#[derive(Clone, Debug)]
pub struct World {
    scope: Scope,
    machine: Machine,
    connections: &'static connection::table::Table,
    routes: &'static routing::Table,
    members: &'static node::table::Table,
    bug: Option<Bug>,
}

impl World {
    /// The shipped tables in a scope.
    ///
    /// # Errors
    /// A limit of the scope is 0.
    pub fn new(scope: Scope) -> Result<World, ZeroLimitError> {
        let machine = Machine::new(scope.limits)?;
        Ok(World {
            scope,
            machine,
            connections: &connection::table::TABLE,
            routes: &routing::TABLE,
            members: &node::table::TABLE,
            bug: None,
        })
    }

    /// The same world with a planted bug.
    #[must_use]
    pub fn with_bug(self, bug: Bug) -> World {
        World { bug: Some(bug), ..self }
    }

    /// The same world with another session table.
    #[must_use]
    pub fn with_table(self, table: &'static table::Table) -> World {
        let machine = Machine::with_table(self.scope.limits, table).expect("checked before");
        World { machine, ..self }
    }

    /// The same world with another connection table.
    #[must_use]
    pub fn with_connections(self, table: &'static connection::table::Table) -> World {
        World { connections: table, ..self }
    }

    /// The same world with another routing table.
    #[must_use]
    pub fn with_routes(self, table: &'static routing::Table) -> World {
        World { routes: table, ..self }
    }

    /// The same world with another node's table.
    #[must_use]
    pub fn with_members(self, table: &'static node::table::Table) -> World {
        World { members: table, ..self }
    }

    /// What may happen in it.
    pub const fn scope(&self) -> &Scope {
        &self.scope
    }

    /// The rules of its tables, as the search counts them: all but the cells that cannot arise.
    pub fn rules(&self) -> Vec<String> {
        let session = rules(self.machine.table().rows).map(|(_, rows)| ("session", rows[0].id));
        let connection = rules(self.connections.rows).map(|(_, rows)| ("connection", rows[0].id));
        let routing = rules(self.routes.rows).map(|(_, rows)| ("routing", rows[0].id));
        let node = rules(self.members.rows).map(|(_, rows)| ("node", rows[0].id));
        let all = session.chain(connection).chain(routing).chain(node);
        all.map(|(table, id)| format!("{table} {id}")).collect()
    }

    /// A counterexample as a trace for the replay: what the first node's session was fed.
    pub fn recorded(&self, violation: &crate::check::Violation) -> String {
        narrate::recorded(self, violation)
    }

    /// What must happen somewhere, in the worlds in which it can: or the other laws could hold for nothing.
    fn sometimes(&self, mut laws: Properties<World>) -> Properties<World> {
        let law = |law: Law| (law.into_str(), law.meaning());
        if self.scope.track_resumption {
            let (name, meaning) = law(Law::SessionsOutliveConnections);
            laws = laws.sometimes(name, meaning, judge::outlived);
            let (name, meaning) = law(Law::ResumedViewersCatchUp);
            laws = laws.sometimes(name, meaning, judge::caught_up);
        }
        if self.scope.budget.asks > 0 && self.scope.budget.posts > 0 {
            let (name, meaning) = law(Law::AnswersReachTheWorker);
            laws = laws.sometimes(name, meaning, judge::answered);
        }
        if self.scope.principals > 1 {
            let (name, meaning) = law(Law::SharesLeaveRoom);
            laws = laws.sometimes(name, meaning, judge::leaves_room);
        }
        if self.scope.waits {
            let (name, meaning) = law(Law::AnswersOutliveWorkers);
            laws = laws.sometimes(name, meaning, judge::answered_later);
        }
        laws
    }

    fn first(&self) -> WorldState {
        let created = self.machine.create(play::log_id(0)).next;
        let mut timers = [Clock::default(); Timer::COUNT];
        timers[Timer::Idle as usize].armed = true;
        let witness = Some(Witness::of(&created, self.machine.limits()));
        let store = Some(created.record());
        let mut session = created;
        session.generations = [Generation(0); Timer::COUNT];
        session.generations[Timer::Idle as usize] = CURRENT;
        let mut nodes = vec![Node { up: true, session: Some(session), witness, timers }];
        let registered = self.scope.members.unwrap_or_default();
        let cluster = self.scope.members.map_or(0, |_| self.scope.nodes);
        let members = (0..cluster).map(|place| Member::new(place < registered)).collect();
        let idle = if cluster > 0 { Node::idle() } else { Node::down() };
        nodes.resize(self.scope.nodes, idle);
        let client = Client {
            link: None,
            cursor: None,
            history: 0,
            prompted: 0,
            heard: 0,
            asked: false,
            hidden: false,
            posted: false,
            away: false,
            resumed: false,
            fence: (0, 0),
        };
        WorldState {
            store,
            older: None,
            on_its_way: None,
            aged: false,
            parted: false,
            history: 0,
            owner: Some(0),
            nodes,
            members,
            flights: Vec::new(),
            links: Vec::new(),
            clients: vec![client; self.scope.prompts.len()],
            workers: Vec::new(),
            posts: Vec::new(),
            left: self.scope.budget,
            keys: Vec::new(),
            rerun: None,
            alone: None,
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
        self.enabled(now, out);
    }

    fn step(&self, now: &WorldState, action: &Action) -> Option<(WorldState, StepTrace)> {
        let mut taken = None;
        self.step_into(now, action, &mut taken).then_some(taken).flatten()
    }

    fn step_into(
        &self,
        now: &WorldState,
        action: &Action,
        taken: &mut Option<(WorldState, StepTrace)>,
    ) -> bool {
        play::Transition::begin(self, now, taken).play(action).is_some()
    }

    fn properties(&self) -> Properties<World> {
        let laws = Properties::<World>::new().suspecting(|_, step| step.evidence.breach.is_some());
        let laws = judged!(laws,
            ClosingOnlyEnds EndedOnlyReopens RefusedChangesNothing StaleChangesNothing
            DeliveredIsDurable ActiveMeansWatched EndedHoldsNothing WorkNeedsAWorker NothingDueIsLeft DrainBeginsNothing
            LostConnectionNeverStopsWork FailedStartsAreNotRepeated TimersActWhereTheyWait StopStops WorkerIsToldWhatIsTrue
            NoPromptIsSwallowed NewsIsTaken RefusalsAreTrue OneTurnEndPerPrompt AsksStand EndIsLoggedOnce InOrderWithoutSilentGaps
            ReadersReachTheHead EffectsNameOnlyWatchers PinsAreKept NothingNeededIsTrimmed BoundedMemory
            ImpossibleNeverHappens NoSendAfterClose NoDoubleDelivery NoPromptRunsTwice AtMostOneWorker
            NothingFromAnAbortedWorkerIsLogged WaitingStatesHaveATimer WorkerMatchesTheState
            OneGonePerConnection CloseIsSent FirstCloseCodeWins OnlyOpenIsHeard
            CommandsMeetTheTruth AnswersArriveOnce ACursorNeverGoesBack NoMeansNo
            PassedOnOnce LostSuffixChangesTheLogId
            AtMostOneOwnerCommits AClaimNeedsADeadOwner UnownedIsRecovered DeadStaysDead JudgedByTheSteady
        );
        let law = |law: Law| (law.into_str(), law.meaning());
        let (name, meaning) = law(Law::AcceptedIsKept);
        let laws = laws.always(name, meaning, accepted_is_kept);
        let (name, meaning) = law(Law::StopAbortsTheWorker);
        let laws = laws.always(name, meaning, stop_aborts_the_worker);
        let (name, meaning) = law(Law::ListedMeansOpen);
        let laws = laws.always(name, meaning, listed_means_open);
        let (name, meaning) = law(Law::FencedHoldsNothing);
        let laws = laws.always(name, meaning, fenced_holds_nothing);
        let laws = self.sometimes(laws);
        if !self.scope.live {
            return laws;
        }
        if self.scope.members.is_some() {
            let (name, meaning) = law(Law::OrphansFindAnOwner);
            let fair = ["renew", "lease", "commit"].map(Fairness::Weak);
            let laws = laws.leads_to(name, meaning, |_, w| orphaned(w), |_, w| !orphaned(w), fair);
            if !self.scope.relays {
                return laws;
            }
            let (name, meaning) = law(Law::RelaysFollowTheOwner);
            let fair = [Fairness::Weak("notice")];
            return laws.leads_to(name, meaning, |_, w| strayed(w), |_, w| !strayed(w), fair);
        }
        let wire = ["dial", "hear", "receive", "write", "report", "notice"].map(Fairness::Weak);
        let work = [Fairness::Strong("work"), Fairness::Weak("timer"), Fairness::Weak("open")];
        let both: Vec<Fairness> = wire.into_iter().chain(work).collect();
        let (name, meaning) = law(Law::ClosingEnds);
        let laws = laws.leads_to(
            name,
            meaning,
            |_, now| is(now, State::Closing),
            |_, now| !is(now, State::Closing),
            work,
        );
        let (name, meaning) = law(Law::StartingResolves);
        let laws = laws.leads_to(
            name,
            meaning,
            |_, now| is(now, State::Starting),
            |_, now| !is(now, State::Starting),
            work,
        );
        let (name, meaning) = law(Law::ViewersReachTheHead);
        let laws =
            laws.leads_to(name, meaning, |_, now| behind(now), |_, now| !behind(now), both.clone());
        let (name, meaning) = law(Law::AcceptedPromptsEnd);
        laws.leads_to(name, meaning, |_, now| owed(now), |_, now| !owed(now), both)
    }

    fn classes(&self) -> Vec<&'static str> {
        CLASSES.to_vec()
    }

    fn class(&self, action: &Action) -> usize {
        action.class()
    }

    fn counters(&self) -> Vec<String> {
        let session = names("session", self.machine.table().rows);
        let connection = names("connection", self.connections.rows);
        let routing = names("routing", self.routes.rows);
        session.chain(connection).chain(routing).chain(names("node", self.members.rows)).collect()
    }

    fn count(&self, evidence: &StepTrace, hit: &mut dyn FnMut(usize)) {
        evidence.rows.iter().for_each(|row| hit(usize::from(*row)));
    }

    fn terminal(&self, now: &WorldState) -> bool {
        now.nodes.iter().any(|node| node.up)
    }

    fn symmetric(&self) -> bool {
        self.scope.symmetric && symmetry::interchangeable(self.scope.prompts)
    }

    fn canonical(&self, moment: WorldState) -> WorldState {
        symmetry::representative(moment)
    }

    fn describe(&self, now: &WorldState) -> String {
        now.to_string().trim_end_matches("; ").to_owned()
    }

    fn lane(&self, action: &Action) -> (String, String) {
        narrate::lane(action)
    }

    fn narrate(&self, step: &Step<'_, World>) -> String {
        narrate::narrate(self, step)
    }

    fn expression(&self) -> String {
        narrate::expression(self)
    }
}

/// What the rows of a table are called in reports: by their rule, and where it has several, by the states
/// of the others as well.
pub(in crate::check) fn names<S: crate::table::Word, T, O, R>(
    table: &str,
    rows: &[Row<S, T, O, R>],
) -> impl Iterator<Item = String> {
    rows.iter().enumerate().map(move |(place, row)| {
        let again = place > 0 && rows[place - 1].id == row.id;
        let states: Vec<&str> = row.from.iter().map(|state| state.name()).collect();
        let states = if again { format!(" ({})", states.join(", ")) } else { String::new() };
        format!("{table} {}{states}", row.id)
    })
}
