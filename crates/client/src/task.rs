//! The client's one task: it feeds the machine one event at a time and performs what it says.

use std::collections::{BTreeMap, VecDeque};

use serde_json::Value;
use tokio::sync::{mpsc, oneshot};

use super::config::{Config, NEWS, Route, WAITING};
use super::frame::Frame;
use super::incarnation::CurrentIncarnation;
use super::socket::{Heard, Wire};
use super::timers::{Timers, until};
use super::update::{Accepted, ClientError, Entry, ServerRefusal, Update, key};
use outlive::client::{self, Close, Effect, Event, Link, Machine, PromptId, Socket, Timer};
use outlive::ids::{PromptNumber, Seq};
use outlive::wire::{self, ToServer, Welcome};

/// What the application asks.
pub(super) enum Ask {
    Start,
    Show,
    Close,
    Feed(Event),
    Prompt(Value, oneshot::Sender<Result<Accepted, ClientError>>),
    Command(ToServer, oneshot::Sender<Result<(), ClientError>>),
}

/// An update, and what to feed when it is applied.
pub(super) struct Handed {
    pub(super) update: Update,
    pub(super) applied: Option<Event>,
}

/// What an event brought that is none of the machine's business.
enum Body {
    None,
    Welcome(Box<Welcome>),
    Entry(Box<Entry>),
    Refused(ServerRefusal),
    Closed(u16, String),
    Command(ToServer),
}

pub(super) struct Task {
    machine: Machine,
    link: Link,
    config: Config,
    way: Route,
    life: CurrentIncarnation,
    out: mpsc::Sender<Handed>,
    /// Handed over, and not yet asked for.
    waiting: VecDeque<Handed>,
    wire: Option<Wire>,
    timers: Timers,
    prompts: BTreeMap<PromptId, oneshot::Sender<Result<Accepted, ClientError>>>,
    /// The application is gone.
    gone: bool,
}

impl Task {
    pub(super) fn new(
        config: Config,
        way: Route,
        life: CurrentIncarnation,
        out: mpsc::Sender<Handed>,
    ) -> Task {
        Task {
            machine: Machine::new(config.settings),
            link: Link::restored(&config.state.link),
            config,
            way,
            life,
            out,
            waiting: VecDeque::new(),
            wire: None,
            timers: Timers::new(),
            prompts: BTreeMap::new(),
            gone: false,
        }
    }

    /// Runs until the application is gone.
    pub(super) async fn run(mut self, mut asks: mpsc::UnboundedReceiver<Ask>) {
        let out = self.out.clone();
        while !self.gone {
            let reads = self.wire.is_some() && self.has_room();
            if self.wire.is_some() && !reads {
                // What is not read cannot be heard: this silence is our own.
                self.timers.heard();
            }
            let next_timer = self.timers.next().map(|(_, at)| at);
            tokio::select! {
                biased;
                ask = asks.recv() => match ask {
                    Some(ask) => self.ask(ask),
                    None => self.gone = true,
                },
                room = out.reserve(), if !self.waiting.is_empty() => match room {
                    Ok(room) => if let Some(handed) = self.waiting.pop_front() {
                        room.send(handed);
                    },
                    // The application takes no updates any more, but a handle may still prompt.
                    Err(_) => self.discard(),
                },
                heard = next(&mut self.wire), if reads => self.hear(heard),
                () = until(next_timer) => self.fire(),
            }
        }
        self.feed(Event::Stop, Body::None);
    }

    /// Whether more may be read. News that is not asked for does not stop the reading.
    fn has_room(&self) -> bool {
        let owed = self.waiting.iter().filter(|handed| handed.applied.is_some());
        self.waiting.len() < WAITING || owed.count() < WAITING
    }

    /// Without an application nothing is applied: what was handed over is dropped, the cursor stays.
    fn discard(&mut self) {
        self.waiting.clear();
    }

    fn ask(&mut self, ask: Ask) {
        match ask {
            Ask::Start => self.feed(Event::Start, Body::None),
            Ask::Show => {
                let silent_ms = self.timers.silent_ms();
                self.feed(Event::Show { silent_ms }, Body::None);
            }
            Ask::Close => self.gone = true,
            Ask::Feed(event) => self.feed(event, Body::None),
            Ask::Prompt(body, told) => self.prompt(body, told),
            Ask::Command(frame, told) => {
                let refusal = self.refusal(&Event::Command);
                if refusal.is_none() {
                    self.feed(Event::Command, Body::Command(frame));
                }
                _ = told.send(refusal.map_or(Ok(()), |refusal| Err(refusal.into())));
            }
        }
    }

    fn refusal(&self, event: &Event) -> Option<client::Refusal> {
        self.machine.step(&self.link, event).refusal()
    }

    fn prompt(&mut self, body: Value, told: oneshot::Sender<Result<Accepted, ClientError>>) {
        let ticket = PromptId(self.config.state.ticket);
        let event = Event::Prompt { ticket };
        if let Some(refusal) = self.refusal(&event) {
            _ = told.send(Err(refusal.into()));
            return;
        }
        self.config.state.ticket += 1;
        self.config.state.bodies.insert(key(ticket), body);
        self.prompts.insert(ticket, told);
        self.feed(event, Body::None);
    }

    fn hear(&mut self, heard: Heard) {
        let socket = self.link.socket();
        self.timers.heard();
        match heard {
            Heard::Opened => self.feed(Event::Opened { socket }, Body::None),
            Heard::Text(text) => self.read(socket, text),
            Heard::Lost => {
                self.wire = None;
                self.feed(Event::Lost { socket }, Body::None);
            }
            Heard::Unreached(why) => {
                self.wire = None;
                self.unreached(why);
                self.feed(Event::Lost { socket }, Body::None);
            }
            Heard::Refused { status, reason, after_ms } => {
                self.wire = None;
                self.unreached(reason.clone());
                match Close::of_status(status) {
                    Some(code) => {
                        let event = Event::Closed { socket, code, after_ms };
                        self.feed(event, Body::Closed(code.0, reason));
                    }
                    None => self.feed(Event::Lost { socket }, Body::None),
                }
            }
            Heard::Closed(code, reason) => {
                self.wire = None;
                let event = Event::Closed { socket, code: Close(code), after_ms: None };
                self.feed(event, Body::Closed(code, reason));
            }
        }
    }

    fn unreached(&mut self, why: String) {
        tracing::debug!(why, "not reached");
        self.hand_over(Update::Unreached { why }, None);
    }

    /// A frame. What this client does not know it passes over.
    fn read(&mut self, socket: Socket, text: String) {
        match Frame::read(text) {
            Some(Frame::Welcome(welcome)) => {
                let said = client::Welcome {
                    log: welcome.log,
                    base: welcome.base,
                    head: welcome.head,
                    high: welcome.high,
                    outcome: welcome.outcome,
                    ping_ms: welcome.ping_ms,
                };
                self.feed(Event::Welcome { socket, welcome: said }, Body::Welcome(welcome));
            }
            Some(Frame::Entry(entry)) => {
                let (log, seq) = (entry.id.log, entry.id.seq);
                self.feed(Event::Entry { socket, log, seq }, Body::Entry(entry));
            }
            Some(Frame::Refused { n, expected, refusal }) => match n {
                Some(n) => {
                    let for_now = refusal.is_for_now();
                    let event = Event::Refused { socket, n, expected, for_now };
                    self.feed(event, Body::Refused(refusal));
                }
                None => self.hand_over(Update::Refused(refusal), None),
            },
            Some(Frame::Other(frame)) => self.other(socket, frame),
            None => tracing::debug!("passed over a frame that is not known"),
        }
    }

    fn other(&mut self, socket: Socket, frame: wire::ToClient) {
        use wire::ToClient::{Accepted, Error, Gap, Goaway, Ping, Pong, Refused, Welcome};
        match frame {
            Gap { lost_from, lost_to } => {
                self.feed(Event::Gap { socket, lost_from, lost_to }, Body::None);
            }
            Accepted { n, seq, again: _, incarnation } => {
                self.life.accepted(incarnation);
                self.feed(Event::Accepted { socket, n, seq }, Body::None);
            }
            Goaway { retry_after_ms: [least_ms, most_ms] } => {
                self.feed(Event::Goaway { socket, least_ms, most_ms }, Body::None);
            }
            Error { message } => self.hand_over(Update::Error { message }, None),
            Ping => self.send(&ToServer::Pong),
            Pong => self.feed(Event::Pong { socket }, Body::None),
            // Read before it comes here.
            Welcome(_) | Refused(_) => {}
        }
    }

    fn feed(&mut self, event: Event, mut body: Body) {
        let from = self.link.state();
        let step = self.machine.step(&self.link, &event);
        let rule = step.rule().id;
        self.link = step.next;
        let to = self.link.state();
        tracing::trace!(?event, rule, %to, "fed");
        let gave_up = |effect: &Effect| matches!(effect, Effect::HangUp { .. });
        if matches!(event, Event::Timer { timer: Timer::Attach, .. })
            && step.effects.iter().any(gave_up)
        {
            let most = self.config.settings.attach_ms;
            self.unreached(format!("no welcome within {most} ms"));
        }
        if let Event::Timer { timer, .. } = event {
            self.timers.disarm(timer);
        }
        for effect in step.effects {
            self.perform(effect, &mut body);
        }
        if from != to {
            tracing::debug!(%from, %to, rule, "goes");
            self.hand_over(Update::State { from, to }, None);
        }
    }

    fn perform(&mut self, effect: Effect, body: &mut Body) {
        match effect {
            Effect::Dial { .. } => self.dial(),
            Effect::HangUp { .. } => self.wire = None,
            Effect::Save => self.save(),
            Effect::Arm { timer, generation, wait } => {
                self.timers.arm(timer, generation, wait, self.config.settings.spacing_ms);
            }
            Effect::Disarm { timer } => self.timers.disarm(timer),
            Effect::Hello { cursor } => {
                let client = self.config.state.client.clone();
                let cursor = cursor.map(|cursor| cursor.to_string());
                self.send(&ToServer::Attach { client, cursor, token: None });
            }
            Effect::SendDetach => self.send(&ToServer::Detach),
            Effect::SendSuspend { seen } => self.send(&ToServer::Suspend { seen }),
            Effect::SendResume => self.send(&ToServer::Resume),
            Effect::SendPing => self.send(&ToServer::Ping),
            Effect::SendPrompt { n, ticket } => self.send_prompt(n, ticket),
            Effect::SendCommand => {
                if let Body::Command(frame) = body {
                    self.send(frame);
                }
            }
            Effect::BeginAnew { epoch, seq } => {
                if let Body::Welcome(welcome) = body {
                    let welcome = welcome.clone();
                    self.deliver(Update::Reset { welcome }, epoch, seq, true);
                }
            }
            Effect::Welcomed => {
                if let Body::Welcome(welcome) = body {
                    self.life.welcomed(welcome);
                    self.hand_over(Update::Welcome(welcome.clone()), None);
                }
            }
            Effect::Deliver { epoch, seq } => {
                if let Body::Entry(entry) = std::mem::replace(body, Body::None) {
                    self.life.heard(&entry);
                    self.deliver(Update::Entry(entry), epoch, seq, false);
                }
            }
            Effect::DeliverGap { epoch, lost_from, lost_to } => {
                self.deliver(Update::Gap { lost_from, lost_to }, epoch, lost_to, false);
            }
            Effect::TellCaughtUp => self.hand_over(Update::CaughtUp, None),
            Effect::TellAccepted { ticket, n, seq } => {
                self.settle(ticket, Ok(Accepted { n, seq }));
            }
            Effect::TellFailed { ticket } => {
                let why = match body {
                    Body::Refused(refusal) => ClientError::Refused(refusal.clone()),
                    Body::Closed(code, _) => ClientError::Closed { code: *code },
                    Body::None | Body::Welcome(_) | Body::Entry(_) | Body::Command(_) => {
                        ClientError::Gone
                    }
                };
                self.settle(ticket, Err(why));
            }
            Effect::TellClosed => {
                if let Body::Closed(code, reason) = body {
                    let (code, reason) = (*code, reason.clone());
                    self.hand_over(Update::Closed { code, reason }, None);
                }
            }
        }
    }

    fn dial(&mut self) {
        let token = (self.config.token)();
        self.wire = Some(Wire::dial(&self.way, token, self.timers.dialled()));
    }

    fn save(&mut self) {
        self.config.state.link = self.link.saved();
        let Config { save, state, .. } = &mut self.config;
        save(state);
    }

    fn send(&self, frame: &ToServer) {
        if let (Some(wire), Ok(text)) = (&self.wire, serde_json::to_string(frame)) {
            wire.send(text);
        }
    }

    fn send_prompt(&self, n: PromptNumber, ticket: PromptId) {
        let body = self.config.state.bodies.get(&key(ticket)).unwrap_or(&Value::Null);
        let d = serde_json::value::to_raw_value(body).unwrap_or_default();
        self.send(&ToServer::Prompt { n, d });
    }

    fn settle(&mut self, ticket: PromptId, told: Result<Accepted, ClientError>) {
        self.config.state.bodies.remove(&key(ticket));
        if let Some(waits) = self.prompts.remove(&ticket) {
            _ = waits.send(told);
        }
    }

    fn deliver(&mut self, update: Update, epoch: u32, seq: Seq, notice: bool) {
        self.hand_over(update, Some(Event::Applied { epoch, seq, notice }));
    }

    fn hand_over(&mut self, update: Update, applied: Option<Event>) {
        if self.out.is_closed() {
            return;
        }
        if self.waiting.len() >= NEWS && applied.is_none() {
            // The application does not ask: what moves no cursor gives way to what is newer.
            let oldest = self.waiting.iter().position(|handed| handed.applied.is_none());
            _ = oldest.and_then(|oldest| self.waiting.remove(oldest));
        }
        self.waiting.push_back(Handed { update, applied });
    }

    fn fire(&mut self) {
        // None is, if bytes have come meanwhile.
        if let Some((timer, generation)) = self.timers.due() {
            self.feed(Event::Timer { timer, generation }, Body::None);
        }
    }
}

async fn next(wire: &mut Option<Wire>) -> Heard {
    match wire {
        Some(wire) => wire.next().await,
        None => std::future::pending().await,
    }
}
