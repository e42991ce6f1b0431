//! A worker that does everything that workers do, and keeps a ledger of what it was given.

use std::collections::BTreeMap;
use std::future::pending;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use outlive::ids::Seq;
use outlive_server::hub::{Body, CloseoutContext, Failure, Turn, TurnError, Worker, WorkerContext};
use outlive_server::store::SessionId;
use serde::{Deserialize, Serialize};

use super::rng::Rng;
use outlive_testkit::hub::Watch;

/// What a prompt says.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Task {
    /// The prompt's key.
    pub(super) key: String,
    pub(super) does: Does,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Does {
    /// So many pieces, with pauses of so many milliseconds at most.
    Say(u64, u64),
    Ask,
    /// Goes on for ever, and hears an interrupt, or does not.
    Wait(bool),
    Panic,
    Fail,
    Fatal,
    /// Leaves so many questions for after its turn.
    Leave(u64),
    /// Gives up a question that was left, perhaps one that is settled, or none at all.
    Withdraw(u64),
    Nothing,
}

impl Task {
    /// What an answer does that is a turn of its own.
    pub(super) fn of_answer(session: &SessionId, ask: Seq) -> Task {
        Task { key: format!("{session}/ask {ask}"), does: Does::Say(2, 100) }
    }
}

impl Does {
    pub(super) fn draw(rng: &mut Rng) -> Does {
        match rng.below(24) {
            0..=8 => Does::Say(rng.between(1, 30), 0),
            9..=12 => Does::Say(rng.between(1, 8), 200),
            13 | 14 => Does::Ask,
            15 => Does::Wait(rng.often(500)),
            16 => Does::Panic,
            17 => Does::Fail,
            18 => Does::Fatal,
            19 => Does::Nothing,
            20 => Does::Withdraw(rng.between(1, 40)),
            _ => Does::Leave(rng.between(1, 3)),
        }
    }
}

#[derive(Clone)]
pub(super) struct Laborer {
    pub(super) ledger: Arc<Mutex<Ledger>>,
    /// Who is up, in this process.
    alive: Arc<Mutex<BTreeMap<SessionId, u32>>>,
    rng: Arc<Mutex<Rng>>,
    watch: Watch,
}

#[derive(Default)]
pub(super) struct Ledger {
    /// How often a prompt was begun.
    pub(super) begun: BTreeMap<String, u32>,
    pub(super) wrong: Vec<String>,
}

/// One that is up.
pub(super) struct Run(SessionId, Arc<Mutex<BTreeMap<SessionId, u32>>>);

impl Drop for Run {
    fn drop(&mut self) {
        *self.1.lock().unwrap().entry(self.0.clone()).or_default() -= 1;
    }
}

impl Laborer {
    pub(super) fn new(ledger: Arc<Mutex<Ledger>>, rng: Rng, watch: Watch) -> Laborer {
        Laborer { ledger, alive: Arc::default(), rng: Arc::new(Mutex::new(rng)), watch }
    }

    async fn pause(&self, most: u64) {
        let ms = if most == 0 { 0 } else { self.rng.lock().unwrap().below(most) };
        if ms > 0 {
            tokio::time::sleep(Duration::from_millis(ms)).await;
        }
    }

    fn roll(&self, end: u64) -> u64 {
        self.rng.lock().unwrap().below(end)
    }
}

impl Worker for Laborer {
    type Run = Run;

    async fn start(&self, start: WorkerContext) -> Result<Run, Failure> {
        let how = self.roll(40);
        self.watch.note(|| format!("worker {} starts, {how}", start.incarnation()));
        self.pause(if how < 10 { 500 } else { 0 }).await;
        match how {
            0 => pending().await,
            1 => panic!("no start, by chance"),
            2 => return Err("no start, by chance".into()),
            _ => {}
        }
        let mut alive = self.alive.lock().unwrap();
        let count = alive.entry(start.session().clone()).or_default();
        *count += 1;
        if *count > 1 {
            self.ledger.lock().unwrap().wrong.push("two workers of one session at once".into());
        }
        Ok(Run(start.session().clone(), Arc::clone(&self.alive)))
    }

    async fn answer(&self, _: &mut Run, turn: Turn) -> Result<(), Failure> {
        let Task { key, does } = match turn.answers() {
            None => turn.prompt().deserialize()?,
            Some(answered) => {
                assert_eq!(turn.prompt().deserialize::<String>()?, "yes");
                let question = answered.question.as_ref().map(Body::deserialize::<String>);
                assert_eq!(question.transpose()?.as_deref().unwrap_or("later?"), "later?");
                Task::of_answer(turn.session(), answered.ask)
            }
        };
        self.watch.note(|| format!("turn {} is begun: {key} {does:?}", turn.id()));
        *self.ledger.lock().unwrap().begun.entry(key).or_default() += 1;
        match does {
            Does::Say(pieces, most) => {
                for piece in 1..=pieces {
                    self.pause(most).await;
                    turn.emit(&piece).await?;
                }
            }
            Does::Ask => {
                let patience = Duration::from_millis(self.roll(60_000));
                let answer = tokio::time::timeout(patience, turn.ask(&"may I?")).await;
                let said = answer.ok().transpose()?.map(|answer| answer.deserialize::<String>());
                turn.emit(&said.transpose()?.unwrap_or_default()).await?;
            }
            Does::Wait(true) => {
                turn.cancellation().cancelled().await;
                Err(TurnError::Stopped)?;
            }
            Does::Wait(false) => pending().await,
            Does::Panic => {
                turn.emit(&1).await?;
                panic!("in the middle of it, by chance");
            }
            Does::Fail => return Err("by chance".into()),
            Does::Fatal => return Err(Failure::fatal("by chance")),
            Does::Leave(asks) => {
                for _ in 0..asks {
                    turn.leave_ask(&"later?")?;
                }
            }
            Does::Withdraw(ask) => turn.withdraw(Seq(ask))?,
            Does::Nothing => {}
        }
        Ok(())
    }

    async fn close_out(&self, run: Run, context: CloseoutContext) {
        match self.roll(6) {
            0 => pending().await,
            1 => panic!("no closeout, by chance"),
            2 => _ = context.emit(&"goodbye").await,
            3 => self.pause(3_000).await,
            _ => {}
        }
        drop(run);
    }
}
