//! Real sessions on a random walk: each step is committed, and the store is reopened on the way.

use std::collections::BTreeSet;
use std::num::NonZeroU16;

use strum::VariantArray as _;

use super::check::{CheckResult, ensure};
use super::model::{SessionModel, owned};
use super::rng::Rng;
use crate::store::{Store, Version};
use outlive::Limits;
use outlive::ids::{ClientId, ConnectionId, Digest, PrincipalId, PromptNumber, Seq};
use outlive::log::{Cursor, LogId, ResumeFrom};
use outlive::session::{Event, Machine, Session, Step, WorkerOutcome};
use outlive::{State, Timer};

/// A session in memory, and what the store should have of it.
struct WalkedSession {
    model: SessionModel,
    session: Session,
    /// Never used before.
    connection: u64,
}

impl WalkedSession {
    fn event(&mut self, rng: &mut Rng) -> Event {
        let session = &self.session;
        let incarnation = session.incarnation();
        let turn = session.turn().id();
        let log = session.log();
        let some = |list: &[Seq], number: u64| {
            let count = list.len() as u64;
            list.get(usize::try_from(number % count.max(1)).unwrap_or(0)).copied()
        };
        let client = ClientId(rng.below(4));
        let principal = PrincipalId(client.0 % 2);
        let listed = session.connections();
        let place = rng.below(listed.len().max(1) as u64);
        let connection = usize::try_from(place).ok().and_then(|place| listed.get(place));
        let connection = connection.map_or(ConnectionId(self.connection), |listed| listed.id);
        let outcomes = [
            WorkerOutcome::Completed,
            WorkerOutcome::Empty,
            WorkerOutcome::Interrupted,
            WorkerOutcome::Failed,
        ];
        let count = u32::try_from(1 + rng.below(6)).unwrap_or(1).try_into();
        match (rng.below(24), turn, count) {
            (0..=2, _, _) => {
                self.connection += 1;
                let at = Cursor { log: log.id, seq: Seq(rng.below(log.head.0 + 2)) };
                let cursor = if rng.one_in(2) { ResumeFrom::Nothing } else { ResumeFrom::At(at) };
                Event::Attach {
                    connection: ConnectionId(self.connection),
                    client,
                    principal,
                    cursor,
                }
            }
            (3..=5, _, _) => {
                let n = session.last_accepted(client).map_or(1, |high| high.get() + 1);
                let digest = Digest(rng.below(u64::MAX));
                Event::Prompt {
                    client,
                    principal,
                    n: n.try_into().unwrap_or(PromptNumber::MIN),
                    digest,
                }
            }
            (6..=7, _, _) => Event::Started { incarnation },
            (8..=11, _, Ok(count)) => Event::Output { incarnation, turn, count },
            (12..=13, Some(turn), _) => Event::Asked { incarnation, turn },
            (14, _, _) => {
                let ask = some(session.asks(), rng.below(9)).unwrap_or(Seq(1));
                if rng.one_in(3) {
                    Event::Withdrawn { incarnation, ask }
                } else {
                    Event::Answer { client, principal, ask }
                }
            }
            (15, Some(turn), _) => {
                let asks = u16::try_from(rng.below(3)).ok().and_then(NonZeroU16::new);
                let which = usize::try_from(rng.below(4)).unwrap_or(0);
                match asks {
                    Some(asks) => Event::TurnWaiting { incarnation, turn, asks },
                    None => Event::TurnEnded { incarnation, turn, outcome: outcomes[which] },
                }
            }
            (16, _, _) => {
                let waiting: Vec<_> = session.queue().iter().map(|queued| queued.seq).collect();
                let waiting = some(&waiting, rng.below(9));
                Event::Interrupt { turn: waiting.or(turn).unwrap_or(log.head) }
            }
            (17, _, _) => Event::Suspend { connection, seen: log.head },
            (18, _, _) => Event::Lost { connection },
            (19, _, _) if rng.one_in(3) => Event::Exited { incarnation },
            (20, _, _) if rng.one_in(3) => Event::Stop { incarnation },
            (21, _, _) => {
                let which = usize::try_from(rng.below(Timer::VARIANTS.len() as u64));
                let timer = Timer::VARIANTS[which.unwrap_or(0)];
                Event::Expired { timer, generation: session.generation(timer) }
            }
            _ => Event::Written { connection, through: log.head },
        }
    }

    /// Commits a step, unless it commits nothing.
    async fn take(&mut self, store: &impl Store, step: Step) -> CheckResult {
        if step.commits() {
            let snapshot = step.next.snapshot();
            let (old, new) = (self.model.head(), snapshot.log.head.0);
            let count = usize::try_from(new - old).map_err(|error| error.to_string())?;
            let mut commit = self.model.adding(self.model.fresh(count), snapshot.log.base.0);
            commit.snapshot = snapshot;
            self.model.commit(store, commit).await?;
        }
        self.session = step.next;
        Ok(())
    }
}

/// Something that the walks must reach, and whether a session shows it.
type Goal = (&'static str, fn(&Session) -> bool);

/// What the walks must reach beside every state, or they show nothing.
const GOALS: [Goal; 4] = [
    ("waiting prompts", |session| !session.queue().is_empty()),
    ("several asks", |session| session.asks().len() > 1),
    ("a trimmed log", |session| session.log().base > Seq(0)),
    ("a third incarnation", |session| session.incarnation().0 > 2),
];

/// What the walks have reached.
#[derive(Default)]
struct Coverage {
    states: BTreeSet<State>,
    others: BTreeSet<&'static str>,
}

impl Coverage {
    fn see(&mut self, session: &Session) {
        self.states.insert(session.state());
        self.others.extend(GOALS.iter().filter(|(_, shows)| shows(session)).map(|(name, _)| *name));
    }

    fn everything(&self) -> bool {
        self.states.len() == State::VARIANTS.len() && self.others.len() == GOALS.len()
    }
}

pub(super) async fn records_come_back<S: Store>(reopen: &impl AsyncFn() -> S) -> CheckResult {
    let limits = Limits {
        queued: 3,
        queued_per_principal: 2,
        asks: 3,
        clients: 3,
        retention: 30,
        ..Limits::default()
    };
    let machine = Machine::new(limits).map_err(|error| error.to_string())?;
    let mut coverage = Coverage::default();
    for seed in 0..8 {
        walk(reopen, &machine, seed, &mut coverage)
            .await
            .map_err(|why| format!("seed {seed}: {why}"))?;
    }
    let (states, others) = (&coverage.states, &coverage.others);
    ensure!(
        coverage.everything(),
        "the kit is at fault: its walks reached only {states:?} and {others:?}"
    );
    Ok(())
}

async fn walk<S: Store>(
    reopen: &impl AsyncFn() -> S,
    machine: &Machine,
    seed: u64,
    coverage: &mut Coverage,
) -> CheckResult {
    let mut rng = Rng(seed);
    let mut store = owned(reopen).await?;
    let mut walkers = Vec::new();
    for number in 0..3 {
        let created = machine.create(LogId(rng.below(u64::MAX)));
        let model = SessionModel::new(&format!("walk-{seed}-{number}"))?;
        let mut walker = WalkedSession { model, session: created.next.clone(), connection: 0 };
        walker.take(&store, created).await?;
        walkers.push(walker);
    }
    let mut before: Option<S> = None;
    for _ in 0..220 {
        let which = usize::try_from(rng.below(3)).unwrap_or(0);
        let walker = &mut walkers[which];
        let event = walker.event(&mut rng);
        let step = machine.step(&walker.session, &event);
        walker.take(&store, step).await?;
        coverage.see(&walker.session);
        let model = &walker.model;
        let from = rng.below(model.head() + 2);
        model.reads(&store, from, from + rng.below(8)).await?;
        if rng.one_in(5) {
            model.holds(&store).await?;
        }
        if rng.one_in(40) {
            // A crash, an orderly end, or an owner that does not know yet that another one took over.
            if rng.one_in(2) {
                drop(before.take());
            }
            let fenced = std::mem::replace(&mut store, reopen().await);
            let mut renew = vec![None];
            renew.push(Some(LogId(rng.below(u64::MAX))));
            store.open().await.map_err(|error| format!("it cannot be opened: {error}"))?;
            for walker in &mut walkers {
                let next = walker.model.next(1);
                walker.model.stale(&fenced, next).await?;
                let renew = renew[usize::try_from(rng.below(2)).unwrap_or(0)];
                recover(&store, machine, walker, renew).await?;
                coverage.see(&walker.session);
            }
            before = Some(fenced);
        }
    }
    for walker in &walkers {
        walker.model.holds(&store).await?;
        ensure!(walker.model.version > Version::NONE, "the kit is at fault: nothing happened");
    }
    Ok(())
}

/// What a new process does with a session: it loads the record, and steps it with `RESTARTED`.
async fn recover(
    store: &impl Store,
    machine: &Machine,
    walker: &mut WalkedSession,
    renew: Option<LogId>,
) -> CheckResult {
    let id = &walker.model.id;
    walker.model.holds(store).await?;
    let stored = store.load(id).await.map_err(|error| error.to_string())?;
    let stored = stored.ok_or_else(|| -> String { format!("{id} is gone") })?;
    walker.session = Session::restore(stored.snapshot).map_err(|error| error.to_string())?;
    let step = machine.step(&walker.session, &Event::Restarted { renew });
    walker.take(store, step).await
}
