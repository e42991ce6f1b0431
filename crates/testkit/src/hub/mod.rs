//! What the stories of the hub are told with: a stage with a hub, a worker that plays what the prompt
//! says, viewers that hold what they are given against the log's order, and a watch over every step.

mod actor;
mod faults;
mod viewer;
mod watch;

use std::any::Any;
use std::future::Future;
use std::time::Duration;

use outlive::Limits;
use outlive::ids::PromptNumber;
use outlive::log::ResumeFrom;
use outlive_server::hub::{Accepted, Author, CommandError, Hub, HubOptions, Observer, Role};
use outlive_server::store::{Memory, SessionId, Store};

pub use actor::{Actor, Part, Scene};
pub use faults::{Fault, Faulty};
pub use viewer::{Viewer, ended, outputs};
pub use watch::Watch;

/// Longer than anything waits by itself. The clock is paused: it costs nothing.
const PATIENCE: Duration = Duration::from_secs(48 * 3600);

/// What comes, or a panic if it never does.
pub async fn soon<T>(of: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, of).await.expect("it never comes")
}

/// What a panic said.
pub fn said(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default()
}

/// Lets all tasks go on until they wait, and no time pass.
pub async fn settle() {
    for _ in 0..500 {
        tokio::task::yield_now().await;
    }
}

/// Lets so much time pass.
pub async fn pass(time: Duration) {
    tokio::time::sleep(time).await;
    settle().await;
}

pub fn n(number: u64) -> PromptNumber {
    PromptNumber::new(number).unwrap()
}

/// A hub, and everything around it.
pub struct Stage {
    pub hub: Hub,
    pub actor: Actor,
    pub watch: Watch,
    pub memory: Memory,
    pub limits: Limits,
    pub options: HubOptions,
}

impl Stage {
    pub async fn new() -> Stage {
        Stage::with(Limits::default(), HubOptions::default()).await
    }

    pub async fn with(limits: Limits, options: HubOptions) -> Stage {
        let memory = Memory::new();
        Stage::on(memory.clone(), memory, limits, options).await
    }

    /// On a store that is `memory` in some disguise.
    pub async fn on(
        store: impl Store,
        memory: Memory,
        limits: Limits,
        options: HubOptions,
    ) -> Stage {
        let (actor, watch) = (Actor::new(), Watch::default());
        let hub = open(store, &actor, watch.clone(), limits, options.clone(), 1).await;
        Stage { hub, actor, watch, memory, limits, options }
    }

    /// On a store that fails on request.
    pub async fn faulty() -> (Stage, Faulty) {
        let memory = Memory::new();
        let store = Faulty::new(memory.clone());
        let stage =
            Stage::on(store.clone(), memory, Limits::default(), HubOptions::default()).await;
        (stage, store)
    }

    /// Another process opens the same store. The first one is not told.
    pub async fn another(&self) -> Stage {
        let (actor, watch) = (self.actor.clone(), Watch::default());
        let (memory, limits, options) = (self.memory.another(), self.limits, self.options.clone());
        let hub = open(memory.clone(), &actor, watch.clone(), limits, options.clone(), 2).await;
        hub.recovered().await;
        Stage { hub, actor, watch, memory, limits, options }
    }

    pub async fn session(&self) -> SessionId {
        self.hub.create().await.unwrap()
    }

    /// A viewer's hello, without a cursor.
    pub fn view(&self, session: &SessionId, client: &str) -> Viewer {
        self.come(session, client, ResumeFrom::Nothing, Role::Admin)
    }

    pub fn come(
        &self,
        session: &SessionId,
        client: &str,
        cursor: ResumeFrom,
        role: Role,
    ) -> Viewer {
        Viewer::hello(&self.hub, session, client, cursor, role)
    }

    pub async fn prompt(
        &self,
        session: &SessionId,
        number: u64,
        scene: &Scene,
    ) -> Result<Accepted, CommandError> {
        soon(self.hub.session(session).prompt(
            Author { principal: "ann", client: "post" },
            n(number),
            scene,
        ))
        .await
    }

    /// Ends the story: every step of every session was what the table and the laws say.
    pub fn done(&self) {
        self.watch.check();
    }

    /// What happened, when a story fails.
    fn told(&self) -> String {
        let story = self.watch.story();
        let lines = story.iter().enumerate().map(|(number, line)| format!("{number:4} {line}"));
        lines.collect::<Vec<_>>().join("\n")
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        // No worker keeps a runtime from ending.
        self.actor.unblock();
        if std::thread::panicking() {
            eprintln!("what was fed:\n{}", self.told());
        }
    }
}

async fn open(
    store: impl Store,
    actor: &Actor,
    watch: impl Observer,
    limits: Limits,
    options: HubOptions,
    seed: u64,
) -> Hub {
    let hub = Hub::builder().store(store).limits(limits).options(options).observer(watch);
    hub.seed(seed).build(actor.clone()).await.unwrap()
}

/// By tokio's clock.
pub fn in_seconds(seconds: u64) -> tokio::time::Instant {
    tokio::time::Instant::now() + std::time::Duration::from_secs(seconds)
}
