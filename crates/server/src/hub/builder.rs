//! A hub to be: its store, its limits, who watches it.

use std::sync::Arc;
use std::time::SystemTime;

use super::handle::Hub;
use super::observe::{NoopObserver, Observer};
use super::options::HubOptions;
use super::recover::recover;
use super::shared::Shared;
use super::spawn::clock;
use super::worker::Worker;
use super::worker_task::WorkerSpawner;
use crate::store::{Memory, Store, StoreError};
use outlive::node::Trigger;
use outlive::session::Machine;
use outlive::{Limits, ZeroLimitError};
use tokio::time::Instant;

/// Why a hub cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// A limit is 0.
    #[error(transparent)]
    Limits(#[from] ZeroLimitError),
    /// The store cannot be opened.
    #[error("the store cannot be opened: {0}")]
    Store(#[from] StoreError),
}

/// A hub to be.
pub struct Builder {
    store: Arc<dyn Store>,
    limits: Limits,
    options: HubOptions,
    observer: Arc<dyn Observer>,
    seed: Option<u64>,
    clock: Box<dyn Fn() -> SystemTime + Send + Sync>,
}

impl Hub {
    /// A hub with a store in memory, and the default limits and options.
    pub fn builder() -> Builder {
        Builder::new()
    }
}

impl Builder {
    pub(super) fn new() -> Builder {
        Builder {
            store: Arc::new(Memory::new()),
            limits: Limits::default(),
            options: HubOptions::default(),
            observer: Arc::new(NoopObserver),
            seed: None,
            clock: Box::new(SystemTime::now),
        }
    }

    /// Where sessions are kept. [`Memory`] if nothing is said.
    #[must_use]
    pub fn store(mut self, store: impl Store) -> Builder {
        self.store = Arc::new(store);
        self
    }

    /// What a session may hold, and how long it waits.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Builder {
        self.limits = limits;
        self
    }

    /// What belongs to the hub itself. More of it may come, so it is made by changing the default:
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use outlive_server::hub::{Builder, Hub, HubOptions};
    /// let options = HubOptions::default().ping_interval(Duration::from_secs(10));
    /// let builder: Builder = Hub::builder().options(options);
    /// ```
    #[must_use]
    pub fn options(mut self, options: HubOptions) -> Builder {
        self.options = options;
        self
    }

    /// Sees what the hub does.
    #[must_use]
    pub fn observer(mut self, observer: impl Observer) -> Builder {
        self.observer = Arc::new(observer);
        self
    }

    /// Ids that can be foretold: for tests, and for nothing else.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Builder {
        self.seed = Some(seed);
        self
    }

    /// Sets the clock that tells [when an entry was committed](outlive::wire::Line::at), and nothing else: for tests. The
    /// system's if nothing is said.
    #[must_use]
    pub fn clock(mut self, clock: impl Fn() -> SystemTime + Send + Sync + 'static) -> Builder {
        self.clock = Box::new(clock);
        self
    }

    /// Opens the store and begins to recover what a process before has left. Await
    /// [`Hub::recovered`] to know that it is done; a session that is asked for earlier is recovered
    /// at once.
    ///
    /// # Errors
    /// A limit is 0, or the store cannot be opened.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub async fn build(self, worker: impl Worker) -> Result<Hub, BuildError> {
        let machine = Machine::new(self.limits)?;
        self.options.warn_of_slow_lines();
        let opened = Instant::now();
        self.store.open().await?;
        let employer = Box::new(WorkerSpawner(Arc::new(worker)));
        let Builder { store, options, observer, seed, clock: time, .. } = self;
        let shared = Shared::new(machine, store, options, observer, employer, seed, time);
        let hub = Hub { shared: Arc::new(shared) };
        hub.shared.tasks.spawn(recover(Arc::clone(&hub.shared)));
        hub.shared.as_node(Trigger::Registered, opened).await;
        tokio::spawn(Shared::renew(Arc::downgrade(&hub.shared)));
        tokio::spawn(clock(Arc::downgrade(&hub.shared), hub.shared.registry.sooner()));
        Ok(hub)
    }
}

impl core::fmt::Debug for Builder {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let Builder { limits, options, seed, .. } = self;
        let mut told = f.debug_struct("Builder");
        told.field("limits", limits).field("options", options).field("seed", seed);
        told.finish_non_exhaustive()
    }
}
