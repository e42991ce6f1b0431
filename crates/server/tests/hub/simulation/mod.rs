//! A whole system, played by chance from one seed: the real hub, clients on real links, a store that
//! fails, workers that misbehave, processes that crash, drain, and are taken over.
//!
//! First everything goes wrong. Then the faults stop, everything gets time to finish, and an oracle that
//! knows nothing of the hub looks at what was kept, what the viewers have, and what the workers did.

mod client;
mod laborer;
mod oracle;
mod rng;
mod truth;

use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use outlive::Limits;
use outlive_server::hub::{Drain, Hub, HubOptions};
use outlive_server::store::{Memory, SessionId};
use tokio::task::JoinSet;

use self::client::Client;
use self::laborer::{Laborer, Ledger};
use self::rng::Rng;
use self::truth::{Odds, Truth, Unsure};
use outlive_testkit::hub::Watch;

/// What outlives a process, and who plays with it.
struct World {
    watch: Watch,
    watches: Mutex<Vec<Watch>>,
    /// Whose turn it is to serve.
    hub: Mutex<Option<Hub>>,
    /// Who served before and still runs: the store was taken from it.
    replaced: Mutex<Option<Hub>>,
    stores: Mutex<Vec<Unsure>>,
    memory: Memory,
    truth: Truth,
    ledger: Arc<Mutex<Ledger>>,
    limits: Limits,
    options: HubOptions,
    sessions: Mutex<Vec<SessionId>>,
    healed: AtomicBool,
    rung: AtomicBool,
}

impl World {
    fn hub(&self) -> Hub {
        self.hub.lock().unwrap().clone().expect("a process is up")
    }

    /// The process that a client comes to: at times the one that was replaced, which may not know it yet.
    fn reached(&self, rng: &mut Rng) -> Hub {
        let replaced = self.replaced.lock().unwrap().clone().filter(|_| !self.is_healed());
        replaced.filter(|_| rng.often(300)).unwrap_or_else(|| self.hub())
    }

    fn note(&self, what: impl FnOnce() -> String) {
        self.watch.note(what);
    }

    fn is_healed(&self) -> bool {
        self.healed.load(Ordering::Relaxed)
    }

    fn has_rung(&self) -> bool {
        self.rung.load(Ordering::Relaxed)
    }

    /// Another process opens the store, and serves from here on.
    async fn open(&self, rng: &mut Rng) -> Hub {
        let watch = self.watch.beside();
        self.watches.lock().unwrap().push(watch.clone());
        let odds = if self.is_healed() { Odds::NONE } else { Odds::draw(rng) };
        self.note(|| format!("a process opens the store: {odds:?}"));
        let store = Unsure::new(self.memory.another(), self.truth.clone(), rng.fork(), odds);
        self.stores.lock().unwrap().push(store.clone());
        let laborer = Laborer::new(Arc::clone(&self.ledger), rng.fork(), self.watch.clone());
        let hub = Hub::builder().store(store).limits(self.limits).options(self.options.clone());
        let hub = hub.observer(watch).seed(rng.next()).clock(crazy_clock());
        let hub = hub.build(laborer).await.unwrap();
        *self.hub.lock().unwrap() = Some(hub.clone());
        hub
    }

    fn heal(&self) {
        self.note(|| "the faults stop".into());
        self.healed.store(true, Ordering::Relaxed);
        for store in self.stores.lock().unwrap().iter() {
            store.heal();
        }
    }

    /// One more session, however often it takes.
    async fn create(&self, hub: &Hub) {
        for _ in 0..1_000 {
            // A store that hangs keeps a request waiting.
            let created = tokio::time::timeout(Duration::from_secs(5), hub.create()).await;
            if let Ok(Ok(session)) = created {
                self.sessions.lock().unwrap().push(session);
                return;
            }
        }
        panic!("no session can be created");
    }
}

/// Runs forwards and backwards, the same in each play.
fn crazy_clock() -> impl Fn() -> SystemTime + Send + Sync {
    let calls = AtomicU64::new(0);
    move || {
        let calls = calls.fetch_add(1, Ordering::Relaxed);
        UNIX_EPOCH + Duration::from_millis(calls * 7_919 % 1_000)
    }
}

fn limits(rng: &mut Rng) -> Limits {
    Limits {
        connections: 8,
        connections_per_principal: 8,
        queued: u16::try_from(rng.between(1, 4)).unwrap(),
        queued_per_principal: u16::try_from(rng.between(1, 4)).unwrap(),
        asks: 2,
        clients: 8,
        clients_per_principal: 8,
        batch: rng.pick(&[1, 2, 5, 64]),
        retention: rng.pick(&[1, 4, 20, 1_000]),
        pinned: rng.pick(&[1, 20, 1_000]),
        idle_ms: 5_000,
        start_ms: 1_000,
        turn_ms: Some(8_000),
        interrupt_ms: 500,
        detach_ms: rng.pick(&[300, 3_000]),
        grace_ms: rng.pick(&[300, 3_000]),
        closeout_ms: 1_500,
    }
}

/// Plays a seed. An error is its story: played again, it is the same one.
fn play(seed: u64) -> Result<(), String> {
    play_by(seed, Watch::untold()).or_else(|untold| {
        let told = play_by(seed, Watch::default());
        told.and(Err(format!("{untold}\nand not when it was played again")))
    })
}

fn play_by(seed: u64, watch: Watch) -> Result<(), String> {
    let mut rng = Rng::new(seed);
    let sizes = [1, 300, 256 << 10];
    let options = HubOptions::default().tail_bytes(rng.pick(&sizes)).page_bytes(rng.pick(&sizes));
    let world = Arc::new(World {
        watch,
        watches: Mutex::default(),
        hub: Mutex::default(),
        replaced: Mutex::default(),
        stores: Mutex::default(),
        memory: Memory::new(),
        truth: Truth::default(),
        ledger: Arc::default(),
        limits: limits(&mut rng),
        options,
        sessions: Mutex::default(),
        healed: AtomicBool::new(false),
        rung: AtomicBool::new(false),
    });
    let played = std::panic::catch_unwind(AssertUnwindSafe(|| act(&world, &mut rng)));
    let mut wrong = match played {
        Ok(clients) => oracle::judge(&world, &clients),
        Err(panic) => vec![outlive_testkit::hub::said(&*panic)],
    };
    wrong.append(&mut world.ledger.lock().unwrap().wrong);
    for watch in world.watches.lock().unwrap().iter() {
        wrong.append(&mut watch.wrong());
    }
    if wrong.is_empty() {
        return Ok(());
    }
    let story = world.watch.story();
    let lines = story.iter().enumerate().map(|(number, line)| format!("{:5} {line}\n", number + 1));
    let story: String = lines.collect();
    Err(format!("{story}seed {seed}:\n{}", wrong.join("\n")))
}

/// The processes, one after the other.
fn act(world: &Arc<World>, rng: &mut Rng) -> Vec<client::Shared> {
    let mut clients = Vec::new();
    let crashes = rng.below(3);
    for _ in 0..crashes {
        process(world, rng, &mut clients, false);
    }
    process(world, rng, &mut clients, true);
    clients
}

/// A process, up to its end. All that it did not finish goes with it.
fn process(world: &Arc<World>, rng: &mut Rng, clients: &mut Vec<client::Shared>, last: bool) {
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let hub = world.open(rng).await;
        if clients.is_empty() {
            for _ in 0..rng.between(1, 2) {
                world.create(&hub).await;
            }
            for session in world.sessions.lock().unwrap().clone() {
                for name in 0..rng.between(1, 3) {
                    let client = Client::new(format!("c{name}"), session.clone(), rng.fork());
                    clients.push(Arc::new(Mutex::new(client)));
                }
            }
        }
        let mut players = JoinSet::new();
        for client in clients.iter() {
            players.spawn(client::play(Arc::clone(world), Arc::clone(client)));
        }
        let trouble = rng.pick(&[10, 100, 1_000, 10_000]);
        let trouble = Duration::from_millis(rng.below(trouble));
        watched(&mut players, tokio::time::sleep(trouble)).await;
        let fenced = futures_util::FutureExt::now_or_never(hub.fenced());
        assert!(fenced.is_none(), "fenced, and nobody else has opened the store");
        match rng.below(4) {
            0 => {
                world.note(|| "it drains".into());
                let drain = Drain {
                    window: Duration::from_millis(rng.below(1_000)),
                    deadline: Duration::from_millis(rng.below(5_000)),
                };
                let drained = tokio::time::timeout(Duration::from_secs(60), hub.drain(drain));
                watched(&mut players, async { drained.await.expect("a drain ends") }).await;
                assert_eq!(hub.loaded_sessions(), 0, "a hub that has drained holds nothing");
                world.note(|| "it has drained".into());
                world.open(rng).await;
            }
            1 => {
                world.open(rng).await;
                *world.replaced.lock().unwrap() = Some(hub);
                let overlap = Duration::from_millis(rng.below(2_000));
                watched(&mut players, tokio::time::sleep(overlap)).await;
            }
            _ => {}
        }
        if last {
            finish(world, clients, &mut players).await;
        } else {
            world.note(|| "it crashes".into());
        }
    });
    (*world.hub.lock().unwrap(), *world.replaced.lock().unwrap()) = (None, None);
}

/// The faults stop, and everything gets the time it needs.
async fn finish(world: &Arc<World>, clients: &[client::Shared], players: &mut JoinSet<()>) {
    // A store that hangs would hang for ever: another process it is.
    world.heal();
    let hub = world.open(&mut Rng::new(7)).await;
    let done = async {
        while !clients.iter().all(|client| client.lock().unwrap().is_done()) {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        tokio::time::sleep(Duration::from_secs(120)).await;
        world.rung.store(true, Ordering::Relaxed);
    };
    let patience = Duration::from_secs(3_600);
    let done = tokio::time::timeout(patience, done);
    watched(players, async { done.await.expect("every prompt is accepted at last") }).await;
    let left = async {
        while let Some(left) = players.join_next().await {
            left.unwrap_or_else(|why| std::panic::resume_unwind(why.into_panic()));
        }
    };
    tokio::time::timeout(patience, left).await.expect("every viewer comes to the end");
    tokio::time::sleep(Duration::from_secs(120)).await;
    hub.recovered().await;
    oracle::judge_fresh(world, &hub).await;
    let drain = Drain { window: Duration::ZERO, deadline: Duration::from_secs(30) };
    tokio::time::timeout(patience, hub.drain(drain)).await.expect("a drain ends");
    assert_eq!(hub.loaded_sessions(), 0);
}

/// Goes on until it is over; a player's panic is everybody's.
async fn watched(players: &mut JoinSet<()>, until: impl Future<Output = ()>) {
    tokio::select! {
        biased;
        Some(left) = players.join_next() => {
            left.unwrap_or_else(|why| std::panic::resume_unwind(why.into_panic()));
            panic!("a player left early");
        }
        () = until => {}
    }
}

/// Panics by chance are part of the play: nobody wants to read of them.
fn hush() {
    let loud = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let quiet = outlive_testkit::hub::said(panic.payload()).ends_with("by chance");
        if !quiet {
            loud(panic);
        }
    }));
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

/// So many seeds in every run of the tests.
const EVERY_RUN: u64 = 2_000;

/// `OUTLIVE_SEED` plays one seed and tells its story also if all is well; `OUTLIVE_SEEDS` plays so many,
/// from `OUTLIVE_FIRST` on.
#[test]
fn whatever_goes_wrong_nothing_is_lost_or_done_twice() {
    static HUSH: std::sync::Once = std::sync::Once::new();
    HUSH.call_once(hush);
    let (first, count) = match number("OUTLIVE_SEED") {
        Some(seed) => (seed, 1),
        None => {
            (number("OUTLIVE_FIRST").unwrap_or(1), number("OUTLIVE_SEEDS").unwrap_or(EVERY_RUN))
        }
    };
    let next = std::sync::atomic::AtomicU64::new(first);
    let failed = Mutex::new(None);
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    std::thread::scope(|scope| {
        for _ in 0..threads.min(usize::try_from(count).unwrap_or(usize::MAX)) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + count || failed.lock().unwrap().is_some() {
                        return;
                    }
                    if let Err(story) = play(seed) {
                        failed.lock().unwrap().get_or_insert((seed, story));
                    }
                }
            });
        }
    });
    if let Some((seed, story)) = failed.into_inner().unwrap() {
        panic!("{story}\nagain: OUTLIVE_SEED={seed} cargo test --all-features simulation");
    }
}
