//! An honest driver, an honest server, and everything that goes wrong between them.

use super::action::{Action, Late};
use super::world_state::{Down, Handed, Phase, PromptOutcome, RIVAL, Up, What, Wire, WorldState};
use super::{StepTrace, World, judge};
use crate::client::{Close, Effect, Event, Link, PromptId, Socket, Step, Timer, Welcome};
use crate::ids::{Generation, PromptNumber, Seq};
use crate::laws::{self, Breach, Law};
use crate::log::{AttachOutcome, Cursor, LogId};

/// One step of the world.
pub(super) struct Transition<'a> {
    world: &'a World,
    now: WorldState,
    evidence: StepTrace,
}

impl<'a> Transition<'a> {
    pub(super) fn new(world: &'a World, now: &WorldState) -> Transition<'a> {
        Transition { world, now: now.clone(), evidence: StepTrace::default() }
    }

    pub(super) fn play(mut self, action: Action) -> Option<(WorldState, StepTrace)> {
        self.spend(action);
        self.act(action)?;
        if let Some((law, told)) = judge::broken(&self.now) {
            self.breach(law, told);
        }
        normalise(&mut self.now);
        Some((self.now, self.evidence))
    }

    fn spend(&mut self, action: Action) {
        let left = &mut self.now.left;
        let budget = match action {
            Action::Output => &mut left.outputs,
            Action::Trim => &mut left.trims,
            Action::Lose => &mut left.losses,
            Action::Rival => &mut left.rivals,
            Action::Cut => &mut left.cuts,
            Action::Close(_) | Action::Goaway => &mut left.closes,
            Action::Alarm(_) => &mut left.alarms,
            Action::LateSocket(_)
            | Action::LateTimer
            | Action::ApplyAgain
            | Action::Repeat
            | Action::RepeatReply => &mut left.late,
            Action::Hide => &mut left.hides,
            Action::Show(_) if !self.now.link.is_hidden() => &mut left.hides,
            Action::Online => &mut left.networks,
            Action::Prompt => &mut left.prompts,
            Action::Refuse { .. } => &mut left.refusals,
            Action::Command => &mut left.commands,
            Action::Stop => &mut left.stops,
            Action::Start if self.now.link.state() != crate::client::State::Stopped => {
                &mut left.stops
            }
            Action::Reload => &mut left.reloads,
            Action::Lie | Action::LieInWelcome => &mut left.lies,
            Action::Fire(_)
            | Action::Open
            | Action::Receive
            | Action::ReceiveStray
            | Action::LoseStray
            | Action::Send
            | Action::Hear
            | Action::Notice
            | Action::Apply
            | Action::Show(_)
            | Action::Start => return,
        };
        *budget = budget.saturating_sub(1);
    }

    fn act(&mut self, action: Action) -> Option<()> {
        let socket = self.now.link.socket();
        match action {
            Action::Fire(timer) | Action::Alarm(timer) => {
                let generation = self.now.link.armed(timer)?;
                self.feed(Event::Timer { timer, generation });
            }
            Action::Open => {
                self.now.wire.as_mut()?.phase = Phase::Open;
                self.feed(Event::Opened { socket });
            }
            Action::Receive => self.receive(None)?,
            Action::Refuse { for_now: false } => self.receive(Some(|n| Down::Refused(n, None)))?,
            Action::Refuse { for_now: true } => self.receive(Some(Down::RefusedForNow))?,
            Action::ReceiveStray => {
                let (n, ticket) = self.now.stray.take()?;
                self.accepts(n, ticket);
            }
            Action::LoseStray => self.now.stray = None,
            Action::Send => self.send()?,
            Action::Hear => self.hear()?,
            Action::Notice => {
                self.leave();
                self.feed(Event::Lost { socket });
            }
            Action::Apply => self.apply()?,
            Action::Cut => self.now.wire.as_mut()?.phase = Phase::Broken,
            Action::Close(code) => {
                let wire = self.now.wire.as_mut()?;
                wire.down.push_back(Down::Closed(code.number()));
                wire.closing = true;
            }
            Action::Goaway => self.now.wire.as_mut()?.tell(Down::Goaway),
            Action::Lie => {
                let log = self.now.server.log.id;
                let wire = self.now.wire.as_mut()?;
                let wrong = wire.next.map_or(Seq(1), Seq::next);
                wire.tell(Down::Entry(log, wrong));
            }
            Action::LieInWelcome => {
                let (welcome, _) = self.now.server.welcome(None);
                let outcome = AttachOutcome::Resumed { from: Seq(9) };
                self.now.wire.as_mut()?.tell(Down::Welcome(Welcome { outcome, ..welcome }));
            }
            Action::Repeat | Action::RepeatReply => {
                let wire = self.now.wire.as_mut()?;
                let last = *wire.down.back()?;
                wire.tell(last);
            }
            Action::LateSocket(late) => self.late(late),
            Action::LateTimer => {
                let (timer, generation) = (Timer::Watchdog, Generation(0));
                self.feed(Event::Timer { timer, generation });
            }
            Action::ApplyAgain => {
                let (epoch, at) = (self.now.link.epoch, self.now.link.reading);
                let seq = at.map_or(Seq(0), |at| at.applied);
                self.feed(Event::Applied { epoch, seq, notice: false });
            }
            Action::Hide => self.feed(Event::Hide),
            Action::Show(silent) => {
                self.feed(Event::Show { silent_ms: if silent { u32::MAX } else { 0 } });
            }
            Action::Online => self.feed(Event::Online),
            Action::Prompt => self.prompt(),
            Action::Command => self.feed(Event::Command),
            Action::Start => self.feed(Event::Start),
            Action::Stop => self.feed(Event::Stop),
            Action::Reload => self.reload(),
            Action::Output => self.now.server.log.head = self.now.server.log.head.next(),
            Action::Trim => self.now.server.log.base = self.now.server.log.base.next(),
            Action::Lose => self.lose(),
            Action::Rival => self.rival(),
        }
        Some(())
    }

    /// Feeds the machine and performs what it says.
    fn feed(&mut self, event: Event) {
        let step = self.world.machine.step_unjudged(&self.now.link, &event);
        let settings = self.world.machine.settings();
        if let Err(breach) = laws::of_client(settings, &self.now.link, &event, &step) {
            self.breach(breach.law, breach.detail);
        }
        self.evidence.rows.extend(step.rules().map(|row| self.world.place(row)));
        let Step { next, effects, .. } = step;
        self.now.link = next;
        for effect in effects {
            self.perform(effect);
        }
    }

    fn breach(&mut self, law: Law, detail: String) {
        self.evidence.breach.get_or_insert(Breach { law, detail });
    }

    fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::Dial { .. } => {
                if self.now.wire.replace(Wire::new()).is_some() {
                    self.breach(Law::SingleFlight, "a second socket".into());
                }
            }
            Effect::HangUp { .. } => {
                if !self.leave() {
                    self.breach(Law::SingleFlight, "there is nothing to hang up".into());
                }
            }
            Effect::Save => self.now.stored = self.now.link.saved(),
            Effect::Hello { cursor } => self.tell(Up::Hello(cursor)),
            Effect::SendSuspend { .. } => self.tell(Up::Suspend),
            Effect::SendResume => self.tell(Up::Resume),
            Effect::SendPing => self.tell(Up::Ping),
            Effect::SendCommand => self.tell(Up::Command),
            Effect::SendPrompt { n, ticket } => {
                let stored = &self.now.stored;
                if stored.outbox.first() != Some(&ticket) || !stored.tried || stored.next != Some(n)
                {
                    self.breach(Law::SavedBeforeSent, format!("{n} is sent and not saved"));
                }
                self.tell(Up::Prompt(n, ticket));
            }
            Effect::BeginAnew { epoch, seq } => self.hand_over(epoch, What::Anew(seq)),
            Effect::Deliver { epoch, seq } => self.hand_over(epoch, What::Entry(seq)),
            Effect::DeliverGap { epoch, lost_from, lost_to } => {
                self.hand_over(epoch, What::Gap(lost_from, lost_to));
            }
            Effect::TellAccepted { ticket, .. } => self.settle(ticket, PromptOutcome::Accepted),
            Effect::TellFailed { ticket } => self.settle(ticket, PromptOutcome::Failed),
            // A peer that is gone is noticed; timers are in the link; the rest only informs.
            Effect::SendDetach
            | Effect::Arm { .. }
            | Effect::Disarm { .. }
            | Effect::Welcomed
            | Effect::TellCaughtUp
            | Effect::TellClosed => {}
        }
    }

    fn tell(&mut self, up: Up) {
        match &mut self.now.wire {
            Some(wire) if wire.phase != Phase::Dialled => wire.up.push_back(up),
            Some(_) | None => self.breach(Law::SingleFlight, format!("{up:?} without a socket")),
        }
    }

    fn hand_over(&mut self, epoch: u32, what: What) {
        if let Some(at) = self.now.link.reading {
            self.now.handed.push_back(Handed { epoch, log: at.log, what });
        }
    }

    fn settle(&mut self, PromptId(ticket): PromptId, fate: PromptOutcome) {
        let is = usize::try_from(ticket).ok().and_then(|place| self.now.prompts.get_mut(place));
        match is {
            Some(is @ PromptOutcome::Waits) => *is = fate,
            Some(_) | None => {
                self.breach(Law::PromptsGoInOrder, format!("prompt {ticket} is settled twice"));
            }
        }
        let kept = self.now.server.accepted.iter().any(|(kept, _)| kept.0 == ticket);
        // A server that loses its log has lost what it accepted.
        if fate == PromptOutcome::Accepted && !kept && self.world.scope().budget.losses == 0 {
            self.breach(Law::AcceptedIsKept, format!("prompt {ticket} is not in the log"));
        }
    }

    /// The client has no socket any more. What it sent may still arrive.
    fn leave(&mut self) -> bool {
        let Some(wire) = self.now.wire.take() else { return false };
        let prompt = wire.up.iter().find_map(|up| match up {
            Up::Prompt(n, ticket) => Some((*n, *ticket)),
            Up::Hello(_) | Up::Suspend | Up::Resume | Up::Ping | Up::Command => None,
        });
        if !wire.closing {
            self.now.stray = prompt.or(self.now.stray);
        }
        true
    }

    fn receive(&mut self, refuse: Option<fn(PromptNumber) -> Down>) -> Option<()> {
        let up = self.now.wire.as_mut()?.up.pop_front()?;
        let reply = match up {
            Up::Hello(cursor) => {
                // The newest connection of a client wins at once: what the older one sent is not heard.
                self.now.stray = None;
                let (welcome, next) = self.now.server.welcome(cursor);
                self.now.wire.as_mut()?.next = Some(next);
                Some(Down::Welcome(welcome))
            }
            Up::Prompt(n, ticket) => {
                Some(refuse.map_or_else(|| self.accepts(n, ticket), |refuse| refuse(n)))
            }
            Up::Ping => Some(Down::Pong),
            Up::Suspend | Up::Resume => {
                self.now.wire.as_mut()?.suspended = up == Up::Suspend;
                None
            }
            Up::Command => None,
        };
        if let Some(reply) = reply {
            self.now.wire.as_mut()?.tell(reply);
        }
        Some(())
    }

    /// A prompt comes to the server.
    fn accepts(&mut self, n: PromptNumber, ticket: PromptId) -> Down {
        let server = &mut self.now.server;
        let expected = server.high().map_or(PromptNumber::MIN, |high| high.saturating_add(1));
        if n > expected {
            return Down::Refused(n, Some(expected));
        }
        if n == expected {
            server.log.head = server.log.head.next();
            server.accepted.push((ticket, server.log.head));
        }
        match server.accepted.last() {
            Some((latest, seq)) if server.high() == Some(n) && *latest == ticket => {
                Down::Accepted(n, *seq)
            }
            // Another prompt has this number, or the server has forgotten which one has it.
            Some(_) | None => {
                let expected =
                    server.high().map_or(PromptNumber::MIN, |high| high.saturating_add(1));
                Down::Refused(n, Some(expected))
            }
        }
    }

    /// Another holder of the client's name attaches, and prompts under the next number.
    fn rival(&mut self) {
        self.now.stray = None;
        if let Some(wire) = self.now.wire.as_mut().filter(|wire| wire.next.is_some()) {
            // Its close may never arrive.
            wire.up.clear();
            wire.phase = Phase::Broken;
        }
        let server = &mut self.now.server;
        server.log.head = server.log.head.next();
        let ticket = PromptId(RIVAL.0 + server.accepted.len() as u64);
        server.accepted.push((ticket, server.log.head));
    }

    fn send(&mut self) -> Option<()> {
        let log = self.now.server.log;
        let wire = self.now.wire.as_mut()?;
        let next = wire.next?;
        if next <= log.base {
            wire.tell(Down::Gap(next, log.base));
            wire.next = Some(log.base.next());
        } else {
            wire.tell(Down::Entry(log.id, next));
            wire.next = Some(next.next());
        }
        Some(())
    }

    fn hear(&mut self) -> Option<()> {
        let socket = self.now.link.socket();
        let down = self.now.wire.as_mut()?.down.pop_front()?;
        let event = match down {
            Down::Welcome(welcome) => Event::Welcome { socket, welcome },
            Down::Entry(log, seq) => Event::Entry { socket, log, seq },
            Down::Gap(lost_from, lost_to) => Event::Gap { socket, lost_from, lost_to },
            Down::Accepted(n, seq) => Event::Accepted { socket, n, seq },
            Down::Refused(n, expected) => Event::Refused { socket, n, expected, for_now: false },
            Down::RefusedForNow(n) => Event::Refused { socket, n, expected: None, for_now: true },
            Down::Pong => Event::Pong { socket },
            Down::Goaway => Event::Goaway { socket, least_ms: 1, most_ms: 2 },
            Down::Closed(code) => {
                self.leave();
                // Whatever it says with it: how long a wait is makes no other world.
                Event::Closed { socket, code: Close(code), after_ms: Some(1) }
            }
        };
        self.feed(event);
        Some(())
    }

    fn apply(&mut self) -> Option<()> {
        let Handed { epoch, log, what } = self.now.handed.pop_front()?;
        let shown = self.now.shown.filter(|shown| shown.log == log).map(|shown| shown.seq);
        let (seq, first) = match what {
            What::Anew(seq) => (seq, None),
            What::Entry(seq) => (seq, Some(seq)),
            What::Gap(from, to) => (to, Some(from)),
        };
        if let Some(first) = first.filter(|first| Some(first.previous()) != shown) {
            let again = shown.is_some_and(|shown| first <= shown);
            let law = if again { Law::NoDoubleDelivery } else { Law::InOrderWithoutSilentGaps };
            self.breach(law, format!("{first} is applied after {shown:?}"));
        }
        self.now.shown = Some(Cursor { log, seq });
        self.feed(Event::Applied { epoch, seq, notice: first.is_none() });
        Some(())
    }

    fn late(&mut self, late: Late) {
        let Socket(socket) = self.now.link.socket();
        let live = self.now.link.state().has_socket();
        let socket = Socket(if live { socket.wrapping_sub(1) } else { socket });
        let log = self.now.server.log.id;
        self.feed(match late {
            Late::Opened => Event::Opened { socket },
            Late::Entry => Event::Entry { socket, log, seq: Seq(1) },
            Late::Lost => Event::Lost { socket },
            Late::Closed => Event::Closed { socket, code: Close(4000), after_ms: None },
            Late::Accepted => Event::Accepted { socket, n: PromptNumber::MIN, seq: Seq(1) },
        });
    }

    fn prompt(&mut self) {
        let ticket = PromptId(self.now.prompts.len() as u64);
        self.now.prompts.push(PromptOutcome::Waits);
        let event = Event::Prompt { ticket };
        let refused = self.world.machine.step_unjudged(&self.now.link, &event).refusal().is_some();
        self.feed(event);
        if refused {
            self.now.prompts[usize::try_from(ticket.0).unwrap_or_default()] = PromptOutcome::Failed;
        }
    }

    fn reload(&mut self) {
        self.leave();
        self.now.handed.clear();
        self.now.link = Link::restored(&self.now.stored);
        // What the page shows is stored with the cursor.
        self.now.shown = self.now.stored.cursor;
    }

    /// The server's process dies, and with it the end of its log.
    fn lose(&mut self) {
        let server = &mut self.now.server;
        let head = server.log.head.previous();
        server.log.id = LogId(server.log.id.0 + 1);
        server.log.head = head;
        server.accepted.retain(|(_, seq)| *seq <= head);
        self.now.stray = None;
        if let Some(wire) = &mut self.now.wire {
            wire.up.clear();
            wire.phase = Phase::Broken;
        }
    }
}

/// Counters that only matter in relation to each other are brought to their least values, so that moments
/// with the same future are the same.
fn normalise(now: &mut WorldState) {
    let link = &mut now.link;
    link.socket = Socket(u32::from(link.socket.0 > 0));
    for (timer, armed) in (1..).zip(&mut link.armed) {
        *armed = armed.map(|_| Generation(timer));
    }
    link.generation = Generation(4);
    link.attempts = link.attempts.min(2);
    link.silences = link.silences.min(1);
    for handed in &mut now.handed {
        handed.epoch = u32::from(handed.epoch == link.epoch);
    }
    link.epoch = 1;
}
