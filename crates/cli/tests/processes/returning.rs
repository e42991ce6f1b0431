//! A client that comes back: its cursor is the last entry it has applied, its outbox what was not accepted.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, client_async};

use outlive_testkit::endpoints::{Events, Site};

/// The server as its clients see it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Up {
    pub(super) at: SocketAddr,
    /// How often it was started.
    pub(super) life: u32,
    /// Whether new prompts are to be thought of.
    pub(super) prompting: bool,
}

/// A client, and all that it knows.
#[derive(Clone, Debug)]
pub(super) struct Returning {
    pub(super) name: String,
    pub(super) session: String,
    /// What it has applied.
    pub(super) log: BTreeMap<u64, Value>,
    /// Ranges that it was told it has lost.
    pub(super) lost: Vec<(u64, u64)>,
    /// Where each of its prompts is in the log.
    pub(super) accepted: BTreeMap<u64, u64>,
    /// Those that were not the latest any more when it was told: then nobody says where they are.
    pub(super) accepted_somewhere: BTreeSet<u64>,
    /// Prompts that are not known to be accepted, with their numbers.
    outbox: VecDeque<(u64, String)>,
    next: u64,
    /// How its connections ended.
    pub(super) closes: BTreeMap<u16, u32>,
    cursor: Option<(String, u64)>,
    /// Whether it reads a stream of server-sent events.
    streams: bool,
    /// The last id that such a stream said: all that a browser knows.
    last: Option<String>,
    /// A prompter has one of these; it is asked for each prompt.
    think: Option<fn(u64) -> String>,
    ticks: mpsc::UnboundedSender<()>,
}

type Socket = WebSocketStream<TcpStream>;

/// A connection of either kind.
#[derive(Debug)]
enum Line {
    Socket(Box<Socket>),
    Events(Events),
}

impl Returning {
    pub(super) fn new(
        name: &str,
        session: &str,
        think: Option<fn(u64) -> String>,
        ticks: mpsc::UnboundedSender<()>,
    ) -> Returning {
        Returning {
            name: name.into(),
            session: session.into(),
            log: BTreeMap::new(),
            lost: Vec::new(),
            accepted: BTreeMap::new(),
            accepted_somewhere: BTreeSet::new(),
            outbox: VecDeque::new(),
            next: 1,
            closes: BTreeMap::new(),
            cursor: None,
            streams: false,
            last: None,
            think,
            ticks,
        }
    }

    /// A viewer that reads server-sent events, as `EventSource` does.
    pub(super) fn streaming(
        name: &str,
        session: &str,
        ticks: mpsc::UnboundedSender<()>,
    ) -> Returning {
        Returning { streams: true, ..Returning::new(name, session, None, ticks) }
    }

    /// Runs until it is to prompt no more and has seen the end of all it prompted; a viewer, until its log
    /// has the entry that `until` names.
    pub(super) async fn run(mut self, mut up: watch::Receiver<Up>, mut until: Until) -> Returning {
        loop {
            let now = *up.borrow_and_update();
            let code = match self.dial(now.at).await {
                Some(mut line) => match self.converse(&mut line, &mut up, &mut until).await {
                    Ok(()) => return self,
                    Err(code) => code,
                },
                None => 1006,
            };
            *self.closes.entry(code).or_default() += 1;
            // Who was told to go knows that there is a reason; a bare loss is the end of that process.
            let later = up.wait_for(|up| up.life > now.life);
            later.await.expect("the test goes on");
        }
    }

    async fn dial(&mut self, at: SocketAddr) -> Option<Line> {
        if self.streams {
            let path = format!("{}/events?client={}", self.session, self.name);
            let last = self.last.as_deref().map(|last| ("last-event-id", last));
            let events = Site { at }.try_events(&path, last.as_slice()).await.ok()?;
            assert_eq!(events.answer.status, 200, "{}: {events:?}", self.name);
            return Some(Line::Events(events));
        }
        let stream = TcpStream::connect(at).await.ok()?;
        let address = format!("ws://{at}{}/ws", self.session);
        let (socket, _) = client_async(address, stream).await.ok()?;
        let cursor = self.cursor.as_ref().map(|(log, seq)| format!("{log}.{seq}"));
        let hello = json!({ "t": "attach", "client": self.name, "cursor": cursor });
        let mut line = Line::Socket(Box::new(socket));
        line.say(&hello).await?;
        Some(line)
    }

    /// Whether it has what it came for, or how the connection ended.
    async fn converse(
        &mut self,
        line: &mut Line,
        up: &mut watch::Receiver<Up>,
        until: &mut Until,
    ) -> Result<(), u16> {
        loop {
            let frame = tokio::select! {
                frame = line.hear() => Some(frame?),
                changed = up.changed() => {
                    changed.expect("the test goes on");
                    None
                }
                () = until.changed() => None,
            };
            if let Some((frame, id)) = frame {
                self.apply(&frame);
                if id.is_some() {
                    let cursor = self.cursor.as_ref().map(|(log, seq)| format!("{log}.{seq}"));
                    assert_eq!(id, cursor, "{}: whoever is cut here: {frame}", self.name);
                    self.last = id;
                }
                // Nobody counts any more at the end.
                _ = self.ticks.send(());
                if frame["t"] == "welcome" {
                    for (n, text) in &self.outbox {
                        let prompt = json!({ "t": "prompt", "n": n, "d": text });
                        line.say(&prompt).await.ok_or(1006_u16)?;
                    }
                }
                let welcome = self.cursor.is_some() || frame["t"] == "welcome";
                assert!(welcome, "{frame} before the welcome");
            }
            let prompting = up.borrow().prompting;
            if self.think.is_some() && self.cursor.is_some() && prompting && self.waiting() < 2 {
                self.prompt(line).await?;
            }
            let done = match &*until {
                Until::Answered => !prompting && self.waiting() == 0,
                Until::Reached(head) => head
                    .borrow()
                    .is_some_and(|head| self.cursor.as_ref().is_some_and(|c| c.1 >= head)),
            };
            if done {
                return Ok(());
            }
        }
    }

    async fn prompt(&mut self, line: &mut Line) -> Result<(), u16> {
        let Some(think) = self.think else { return Ok(()) };
        let (n, text) = (self.next, think(self.next));
        self.next += 1;
        let prompt = json!({ "t": "prompt", "n": n, "d": text });
        // In the outbox before it is sent: it may or may not arrive.
        self.outbox.push_back((n, text));
        line.say(&prompt).await.ok_or(1006)
    }

    /// Prompts that are not answered to the end.
    fn waiting(&self) -> usize {
        let ended = |seq: &u64| {
            self.log.values().any(|entry| entry["entry"] == "turn_end" && entry["turn"] == *seq)
        };
        // Only the last few can be open.
        let open = self.accepted.values().rev().take(4).filter(|seq| !ended(seq)).count();
        self.outbox.len() + open
    }

    fn apply(&mut self, frame: &Value) {
        match frame["t"].as_str().unwrap() {
            "welcome" => self.welcome(frame),
            "ev" => {
                let (log, seq) = frame["id"].as_str().unwrap().split_once('.').unwrap();
                let seq: u64 = seq.parse().unwrap();
                let (known, before) = self.cursor.as_ref().expect("a welcome came first");
                assert_eq!(known, log, "{}: another log: {frame}", self.name);
                assert_eq!(before + 1, seq, "{}: not the next entry: {frame}", self.name);
                self.cursor = Some((log.to_owned(), seq));
                assert!(self.log.insert(seq, frame.clone()).is_none(), "{}: twice", self.name);
            }
            "gap" => {
                let (from, to) = (frame["lost_from"].as_u64().unwrap(), frame["lost_to"].as_u64());
                self.lost.push((from, to.unwrap()));
                self.cursor.as_mut().expect("a welcome came first").1 = to.unwrap();
            }
            "accepted" => {
                let n = frame["n"].as_u64().unwrap();
                self.outbox.retain(|(m, _)| *m != n);
                if let Some(seq) = frame["seq"].as_u64() {
                    let before = self.accepted.insert(n, seq);
                    assert!(
                        before.is_none_or(|before| before == seq),
                        "{}: moved: {frame}",
                        self.name
                    );
                } else {
                    self.accepted_somewhere.insert(n);
                }
            }
            // The server comes and goes; the same prompt is sent again.
            "goaway" | "ping" => {}
            _ => panic!("{}: unexpected: {frame}", self.name),
        }
    }

    fn welcome(&mut self, frame: &Value) {
        let log = frame["log"].as_str().unwrap().to_owned();
        let outcome = &frame["outcome"];
        let high = self.accepted.keys().next_back().copied().unwrap_or(0);
        assert!(frame["high"].as_u64().unwrap_or(0) >= high, "{}: forgotten: {frame}", self.name);
        match &self.cursor {
            None => self.cursor = Some((log, frame["base"].as_u64().unwrap())),
            Some((known, seq)) => {
                // No store that keeps what it has committed begins another log.
                assert_eq!(*known, log, "{}: {frame}", self.name);
                if outcome["gap"].is_null() {
                    assert_eq!(outcome["resumed"]["from"], seq + 1, "{}: {frame}", self.name);
                } else {
                    let gap = |edge: &str| outcome["gap"][edge].as_u64().unwrap();
                    let (from, to) = (gap("lost_from"), gap("lost_to"));
                    self.lost.push((from, to));
                    self.cursor = Some((log, to));
                }
            }
        }
    }
}

/// What a client stays for.
#[derive(Clone, Debug)]
pub(super) enum Until {
    /// Everything that it prompted has ended.
    Answered,
    /// It has applied this entry, as soon as it is known.
    Reached(watch::Receiver<Option<u64>>),
}

impl Until {
    /// Waits for news of what it stays for.
    async fn changed(&mut self) {
        match self {
            // It hears itself when that has ended.
            Until::Answered => std::future::pending().await,
            Until::Reached(head) => {
                if head.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
            }
        }
    }
}

impl Line {
    async fn say(&mut self, frame: &Value) -> Option<()> {
        match self {
            Line::Socket(socket) => socket.send(Message::text(frame.to_string())).await.ok(),
            Line::Events(_) => panic!("nothing can be said on a stream of events: {frame}"),
        }
    }

    /// The next frame, with its id if it has one; or how the connection ended.
    async fn hear(&mut self) -> Result<(Value, Option<String>), u16> {
        match self {
            Line::Socket(socket) => hear(socket).await.map(|frame| (frame, None)),
            Line::Events(events) => {
                let event = events.next().await.ok_or(1006_u16)?;
                match event.name.as_str() {
                    "close" => Err(u16::try_from(event.data["code"].as_u64().unwrap()).unwrap()),
                    _ => Ok((event.data, event.id)),
                }
            }
        }
    }
}

async fn hear(socket: &mut Socket) -> Result<Value, u16> {
    loop {
        match socket.next().await {
            Some(Ok(Message::Text(text))) => return Ok(serde_json::from_str(&text).unwrap()),
            Some(Ok(Message::Close(frame))) => {
                return Err(frame.map_or(1005, |frame| frame.code.into()));
            }
            Some(Ok(_)) => {}
            Some(Err(_)) | None => return Err(1006),
        }
    }
}
