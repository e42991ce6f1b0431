//! A worker that plays what the prompt says.

use std::collections::VecDeque;
use std::future::pending;
use std::sync::{Arc, Condvar, Mutex};

use outlive::ids::Seq;
use outlive_server::hub::{CloseoutContext, Failure, Turn, TurnError, Worker, WorkerContext};
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;

/// A prompt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scene {
    /// So many pieces.
    Say(u32),
    /// So many, then nothing more until it is stopped.
    SayThenWait(u32),
    /// One piece for each time that [`Actor::cue`] is given, so many times.
    OnCue(u32),
    /// Hears no interrupt.
    Deaf,
    /// Does not even come to an `await`, until [`Actor::unblock`].
    Block,
    Panic,
    Fail(String),
    Fatal(String),
    /// Asks, and says what was answered.
    Ask(String),
    /// Says nothing.
    Nothing,
    /// Hands its turn to another task, and ends.
    Leak,
    /// Asks one more than may be pending.
    AskTooMuch(u32),
    /// Asks, gives up on cue and says so; so often.
    GiveUp(u32),
    /// Leaves these questions for after its turn.
    Leave(Vec<String>),
    /// Gives up a question that was left, by its place.
    Withdraw(u64),
    /// Says how many entries the log has.
    Recall,
}

/// How it starts, or closes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Well,
    Hangs,
    Panics,
    Fails,
    /// Says a last word.
    Speaks,
    /// Says a last word, and waits.
    SpeaksThenHangs,
}

#[derive(Clone)]
pub struct Actor {
    pub cues: Arc<Semaphore>,
    inner: Arc<Mutex<Inner>>,
    gate: Arc<(Mutex<bool>, Condvar)>,
}

#[derive(Default)]
struct Inner {
    starts: VecDeque<Part>,
    closeouts: VecDeque<Part>,
    ledger: Vec<String>,
    leaked: Vec<Turn>,
    alive: u32,
    most_alive: u32,
}

/// A run. Counts who is alive at a time.
pub struct Run(Arc<Mutex<Inner>>);

impl Drop for Run {
    fn drop(&mut self) {
        self.0.lock().unwrap().alive -= 1;
    }
}

impl Actor {
    pub fn new() -> Actor {
        Actor { cues: Arc::new(Semaphore::new(0)), inner: Arc::default(), gate: Arc::default() }
    }

    /// The next starts go like this.
    pub fn starts(&self, parts: &[Part]) {
        self.inner.lock().unwrap().starts.extend(parts);
    }

    /// The next closeouts go like this.
    pub fn closes_out(&self, parts: &[Part]) {
        self.inner.lock().unwrap().closeouts.extend(parts);
    }

    /// What was begun, in order.
    pub fn ledger(&self) -> Vec<String> {
        self.inner.lock().unwrap().ledger.clone()
    }

    pub fn leaked(&self) -> Turn {
        self.inner.lock().unwrap().leaked[0].clone()
    }

    /// Lets workers that block go on.
    pub fn unblock(&self) {
        *self.gate.0.lock().unwrap() = true;
        self.gate.1.notify_all();
    }

    /// The most workers that were up at once.
    pub fn most_alive(&self) -> u32 {
        self.inner.lock().unwrap().most_alive
    }

    fn note(&self, what: String) {
        self.inner.lock().unwrap().ledger.push(what);
    }
}

impl Worker for Actor {
    type Run = Run;

    async fn start(&self, start: WorkerContext) -> Result<Run, Failure> {
        let part = self.inner.lock().unwrap().starts.pop_front().unwrap_or(Part::Well);
        self.note(format!(
            "start {}{}",
            start.incarnation(),
            if start.resume() { "r" } else { "" }
        ));
        match part {
            Part::Well | Part::Speaks | Part::SpeaksThenHangs => {}
            Part::Hangs => pending().await,
            Part::Panics => panic!("no start"),
            Part::Fails => return Err("no start".into()),
        }
        let mut inner = self.inner.lock().unwrap();
        inner.alive += 1;
        inner.most_alive = inner.most_alive.max(inner.alive);
        drop(inner);
        Ok(Run(Arc::clone(&self.inner)))
    }

    async fn answer(&self, _: &mut Run, turn: Turn) -> Result<(), Failure> {
        self.note(format!("turn {} of {}", turn.id(), turn.client()));
        if let Some(answered) = turn.answers() {
            let answer: String = turn.prompt().deserialize()?;
            let question = answered.question.as_ref().map(|body| body.deserialize::<String>());
            let question = question.transpose()?.unwrap_or_else(|| "what was trimmed".into());
            turn.emit(&format!("{} said {answer} to {question}", turn.client())).await?;
            return Ok(());
        }
        let scene: Scene = turn.prompt().deserialize()?;
        match scene {
            Scene::Say(pieces) => say(&turn, pieces).await?,
            Scene::SayThenWait(pieces) => {
                say(&turn, pieces).await?;
                turn.cancellation().cancelled().await;
                Err(TurnError::Stopped)?;
            }
            Scene::OnCue(pieces) => {
                for piece in 1..=pieces {
                    self.cues.acquire().await?.forget();
                    turn.emit(&piece).await?;
                }
            }
            Scene::Deaf => pending().await,
            Scene::Block => {
                let (open, opened) = &*self.gate;
                drop(opened.wait_while(open.lock().unwrap(), |open| !*open).unwrap());
            }
            Scene::Panic => panic!("in the middle of it"),
            Scene::Fail(why) => {
                turn.emit(&"half").await?;
                Err(why)?;
            }
            Scene::Fatal(why) => return Err(Failure::fatal(why)),
            Scene::Ask(what) => {
                let answer = turn.ask(&what).await?;
                let said: String = answer.deserialize()?;
                turn.emit(&format!("{} said {said}", answer.client)).await?;
            }
            Scene::Nothing => {}
            Scene::Leak => {
                turn.emit(&"mine").await?;
                self.inner.lock().unwrap().leaked.push(turn);
            }
            Scene::AskTooMuch(most) => {
                let asks = (0..most).map(|_| turn.ask(&"?"));
                let pending = futures_util::future::join_all(asks);
                let refused = async {
                    tokio::task::yield_now().await;
                    turn.ask(&"one more").await
                };
                let refused = tokio::select! { _ = pending => unreachable!(), it = refused => it };
                turn.emit(&refused.unwrap_err().to_string()).await?;
            }
            Scene::GiveUp(times) => {
                for _ in 0..times {
                    tokio::select! {
                        answer = turn.ask(&"?") => turn.emit(&answer?.deserialize::<String>()?).await?,
                        cue = self.cues.acquire() => {
                            cue?.forget();
                            turn.emit(&"without").await?;
                        }
                    }
                }
            }
            Scene::Leave(questions) => {
                for question in questions {
                    turn.leave_ask(&question)?;
                }
            }
            Scene::Withdraw(ask) => turn.withdraw(Seq(ask))?,
            Scene::Recall => turn.emit(&turn.history().entries().await?.len()).await?,
        }
        Ok(())
    }

    async fn close_out(&self, run: Run, context: CloseoutContext) {
        let part = self.inner.lock().unwrap().closeouts.pop_front().unwrap_or(Part::Well);
        self.note(format!("close out {}", context.context().incarnation()));
        match part {
            Part::Well => {}
            Part::Hangs => pending().await,
            Part::Panics | Part::Fails => panic!("no closeout"),
            Part::Speaks => _ = context.emit(&"goodbye").await,
            Part::SpeaksThenHangs => {
                _ = context.emit(&"goodbye").await;
                pending::<()>().await;
            }
        }
        drop(run);
    }
}

async fn say(turn: &Turn, pieces: u32) -> Result<(), TurnError> {
    for piece in 1..=pieces {
        turn.emit(&piece).await?;
    }
    Ok(())
}
