//! A whole step of a session: classify, rule, ops, records, effects, adoption.

use std::hint::black_box;
use std::mem::swap;

use outlive::ids::{
    ClientId, ConnectionId, Digest, Generation, Incarnation, PrincipalId, PromptNumber, Seq,
};
use outlive::log::{LogId, ResumeFrom};
use outlive::session::{Connection, Event, Machine, Session, Step, TurnState, WorkerOutcome};
use outlive::{Limits, State, Timer};

use crate::allocations::{allocations, held};
use crate::document::{grouped, table};
use crate::harness::{Random, peer, side_by_side};
use crate::{Effort, instructions};

/// A session, and what steps it: nothing is allocated between two steps.
pub struct Driver {
    pub machine: Machine,
    pub session: Session,
    step: Step,
}

impl Driver {
    pub fn new(limits: Limits) -> Driver {
        let machine = Machine::new(limits).expect("no limit is 0");
        let session = machine.create(LogId(1)).next;
        Driver { machine, session, step: Step::default() }
    }

    /// A turn runs, and so many viewers watch it.
    pub fn running(viewers: u64) -> Driver {
        let mut driver = Driver::new(roomy());
        driver.feed(&prompt(1, 1));
        driver.feed(&Event::Started { incarnation: Incarnation(1) });
        for viewer in 1..=viewers {
            driver.feed(&attach(viewer, viewer));
        }
        for event in driver.owed() {
            driver.feed(&event);
        }
        driver
    }

    pub fn feed(&mut self, event: &Event) -> usize {
        self.machine.step_into(&self.session, event, &mut self.step);
        swap(&mut self.session, &mut self.step.next);
        self.step.effects.len()
    }

    /// Takes the step and does not adopt it.
    pub fn try_out(&mut self, event: &Event) -> usize {
        self.machine.step_into(&self.session, event, &mut self.step);
        self.step.effects.len()
    }

    fn owed(&self) -> Vec<Event> {
        self.session.connections().iter().filter_map(written).collect()
    }

    pub fn output(&self) -> Event {
        output(&self.session)
    }
}

pub fn roomy() -> Limits {
    Limits {
        connections: 2_000,
        connections_per_principal: 2_000,
        queued: 2_000,
        queued_per_principal: 2_000,
        clients: 2_000,
        clients_per_principal: 2_000,
        ..Limits::default()
    }
}

pub fn prompt(client: u64, n: u64) -> Event {
    let n = PromptNumber::new(n).expect("counted from 1");
    Event::Prompt {
        client: ClientId(client),
        principal: PrincipalId(0),
        n,
        digest: Digest(n.get()),
    }
}

pub fn attach(connection: u64, client: u64) -> Event {
    let (connection, client) = (ConnectionId(connection), ClientId(client));
    Event::Attach { connection, client, principal: PrincipalId(0), cursor: ResumeFrom::Nothing }
}

fn output(session: &Session) -> Event {
    let count = 4.try_into().expect("not 0");
    Event::Output { incarnation: session.incarnation(), turn: session.turn().id(), count }
}

fn written(connection: &Connection) -> Option<Event> {
    let through = connection.next.previous();
    connection.in_flight.map(|_| Event::Written { connection: connection.id, through })
}

/// The worker talks, and every viewer writes what it is sent.
fn talk(viewers: u64, events: usize) -> (Driver, Vec<Event>) {
    let start = Driver::running(viewers);
    let mut driver = Driver::running(viewers);
    let mut stream = Vec::with_capacity(events + viewers as usize);
    while stream.len() < events {
        let event = driver.output();
        driver.feed(&event);
        stream.push(event);
        for event in driver.owed() {
            driver.feed(&event);
            stream.push(event);
        }
    }
    stream.truncate(events);
    (start, stream)
}

/// Everything that can happen, as often as it does: mostly output, and now and then the rest.
fn mix(events: usize) -> (Driver, Vec<Event>) {
    let limits = Limits { turn_ms: Some(60_000), ..Limits::default() };
    let mut driver = Driver::new(limits);
    let mut random = Random(5);
    let (mut fresh, mut numbers) = (0, [0u64; 4]);
    let mut stream = Vec::with_capacity(events);
    while stream.len() < events {
        let event = some_event(&driver.session, &mut random, &mut fresh, &mut numbers);
        driver.feed(&event);
        stream.push(event);
    }
    (Driver::new(limits), stream)
}

fn some_event(
    session: &Session,
    random: &mut Random,
    fresh: &mut u64,
    numbers: &mut [u64; 4],
) -> Event {
    let incarnation = session.incarnation();
    let (connections, client) = (session.connections(), random.below(4));
    let one = (!connections.is_empty()).then(|| connections[random.below(connections.len())]);
    let connection = one.map_or(ConnectionId(0), |one| one.id);
    let running = session.turn().id().unwrap_or(Seq(0));
    let mut ask = || {
        let n = session.last_accepted(ClientId(client as u64)).map_or(1, |high| high.get() + 1);
        numbers[client] = n;
        prompt(client as u64, n)
    };
    match (session.state(), session.turn(), random.below(1_000)) {
        (State::Created | State::Ended, ..) => ask(),
        (State::Starting, ..) => Event::Started { incarnation },
        (State::Closing, ..) => Event::Exited { incarnation },
        (_, TurnState::Idle, 0..500) => ask(),
        (_, _, 0..430) => output(session),
        (_, _, 430..850) => one.as_ref().and_then(written).unwrap_or_else(|| output(session)),
        (_, _, 850..880) => {
            *fresh += 1;
            attach(*fresh, client as u64)
        }
        (_, _, 880..900) => Event::Lost { connection },
        (_, _, 900..910) => Event::Suspend { connection, seen: session.log().head },
        (_, _, 910..925) => Event::Resume { connection },
        (_, _, 925..940) => ask(),
        (_, _, 940..950) => Event::Asked { incarnation, turn: running },
        (_, _, 950..960) => {
            let ask = session.asks().first().copied().unwrap_or(Seq(0));
            Event::Answer { client: ClientId(client as u64), principal: PrincipalId(0), ask }
        }
        (_, _, 960..980) => {
            Event::TurnEnded { incarnation, turn: running, outcome: WorkerOutcome::Completed }
        }
        (_, _, 980..985) => Event::Interrupt { turn: running },
        (_, _, 985..990) => {
            let timer = [Timer::Detach, Timer::Grace, Timer::Interrupt, Timer::Turn][client];
            Event::Expired { timer, generation: session.generation(timer) }
        }
        (_, _, 990..994) => Event::Expired { timer: Timer::Idle, generation: Generation(0) },
        (_, _, 994..996) => Event::Stop { incarnation },
        (_, _, 996..998) => Event::Exited { incarnation },
        (_, _, 998) => Event::Restarted { renew: None },
        _ => Event::Restarted { renew: Some(LogId(random.next())) },
    }
}

fn replay(driver: &mut Driver, start: &Session, stream: &[Event]) -> u64 {
    driver.session.clone_from(start);
    stream.iter().map(|event| driver.feed(event) as u64).sum()
}

/// What happens next in a session that talks to one viewer.
fn next(session: &Session) -> Event {
    session.connections().first().and_then(written).unwrap_or_else(|| output(session))
}

fn at_random(driver: &mut Driver, sessions: &mut [Session], order: &[u32]) -> u64 {
    let mut sum = 0;
    for place in order {
        let session = &mut sessions[*place as usize];
        driver.machine.step_into(session, &next(session), &mut driver.step);
        swap(session, &mut driver.step.next);
        sum += driver.step.effects.len() as u64;
    }
    sum
}

const NAMES: [&str; 4] = [
    "Output, nobody watches",
    "Output and Written, 1 viewer",
    "Output and Written, 10 viewers",
    "a mix of everything",
];

fn scenario(name: &str, events: usize) -> (Driver, Vec<Event>) {
    match NAMES.iter().position(|known| *known == name) {
        Some(0) => talk(0, events),
        Some(1) => talk(1, events),
        Some(2) => talk(10, events),
        Some(3) => mix(events),
        _ => panic!("no scenario {name}"),
    }
}

/// One scenario by name.
pub fn perform(name: &str, events: usize) -> u64 {
    // The stream is made by as many steps as are then counted; so made once more, it costs as much
    // again, and the difference of two runs holds both. Hence a stream of fixed length, repeated.
    let (mut driver, stream) = scenario(name, 10_000);
    let start = driver.session.clone();
    (0..events / stream.len()).map(|_| replay(&mut driver, &start, &stream)).sum()
}

pub fn section(effort: Effort) -> String {
    let mut peers = Vec::new();
    let mut counts = vec!["–".to_owned()];
    let talking = crate::machine::tokens(effort.events);
    peers.push(peer("the bare match, token stream", move || crate::machine::by_hand(&talking)));
    for name in NAMES {
        let (mut driver, stream) = scenario(name, effort.events);
        let start = driver.session.clone();
        replay(&mut driver, &start, &stream);
        let asked = allocations(|| _ = black_box(replay(&mut driver, &start, &stream)));
        counts.push(format!("{:.4}", asked as f64 / stream.len() as f64));
        peers.push(peer(name, move || replay(&mut driver, &start, &stream)));
    }
    let mut random = Random(6);
    let order: Vec<u32> =
        (0..effort.events).map(|_| random.below(effort.sessions) as u32).collect();
    let mut driver = Driver::running(1);
    let talker = driver.session.clone();
    let (mut sessions, heap) = held(|| vec![talker; effort.sessions]);
    at_random(&mut driver, &mut sessions, &order);
    let asked = allocations(|| _ = black_box(at_random(&mut driver, &mut sessions, &order)));
    counts.push(format!("{:.4}", asked as f64 / order.len() as f64));
    let name = format!("Output and Written, {} sessions at random", grouped(effort.sessions));
    peers.push(peer(&name, move || at_random(&mut driver, &mut sessions, &order)));
    let taken = side_by_side(effort, effort.events, peers);
    let rows: Vec<_> = taken
        .iter()
        .zip(counts)
        .map(|(taken, count)| {
            let known = NAMES.contains(&taken.name.as_str());
            let instructions = known.then(|| instructions::of("step", &taken.name)).flatten();
            vec![
                taken.name.clone(),
                format!("{:.1}", taken.nanoseconds),
                format!("{:.1}", taken.ratio),
                instructions::cell(instructions),
                count,
            ]
        })
        .collect();
    let heads = ["step", "ns", "× match", "instructions", "allocations"];
    format!(
        "{}\nA session with a viewer, a client and a running turn: {} bytes in all; of these `Session` itself \
         has {}, a connection {}, a client {}.\n",
        table(&heads, &rows),
        heap / effort.sessions as i64,
        size_of::<Session>(),
        size_of::<Connection>(),
        size_of::<outlive::session::ClientRecord>(),
    )
}
