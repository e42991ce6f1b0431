//! What each op does to a link, and what its driver is to do about it.

use strum::VariantArray;

use super::event::{Effect, Event, Wait, Welcome};
use super::machine::{Link, Reading, Step};
use super::settings::Settings;
use super::table::{Op, Row};
use super::words::Timer;
use crate::ids::{Generation, Seq};
use crate::log::{AttachOutcome, Cursor};
use crate::table::Verdict;

impl Step {
    /// Performs the row's ops on the next link, then goes where the row goes.
    pub(super) fn apply(&mut self, row: &'static Row, event: &Event, settings: &Settings) {
        let mut taken = false;
        for op in row.ops {
            match op {
                Op::NoteHidden => self.next.hidden = true,
                Op::NoteShown => self.next.hidden = false,
                Op::DisarmAll => Timer::VARIANTS.iter().for_each(|timer| self.disarm(*timer)),
                Op::DisarmAttach => self.disarm(Timer::Attach),
                Op::Detach => self.effects.push(Effect::SendDetach),
                Op::HangUp => self.hang_up(),
                Op::Release => self.next.outbox.under_way = false,
                Op::Strike => {
                    self.next.failed_attaches = self.next.failed_attaches.saturating_add(1);
                }
                Op::ClearStrikes => self.next.failed_attaches = 0,
                Op::ResetAttempts => self.next.attempts = 0,
                Op::CountSilence => self.next.silences = self.next.silences.saturating_add(1),
                Op::Excuse => self.excuse(),
                Op::KeepRetry => self.next.keep_retry(event),
                Op::Renumber => self.renumber(event),
                Op::Accept => self.accept(event),
                Op::Reject => self.reject(event),
                Op::FailAll => while self.fail_first() {},
                Op::ClearSilences => self.clear_silences(settings),
                Op::Queue => self.next.queue(event),
                Op::ForgetCursor => self.next.forget_cursor(),
                Op::Rebase => self.next.rebase(event),
                Op::SkipGap => self.next.hand_over(lost(event).map(|(_, to)| to)),
                Op::SetTarget => self.next.set_target(event),
                Op::Advance => self.next.advance(event),
                Op::TakeNext => taken = self.next.take_next(),
                Op::Save => self.effects.push(Effect::Save),
                Op::ArmBackoff => self.arm_backoff(event, settings),
                Op::ArmNow => self.arm_now(settings),
                Op::Dial => self.dial(),
                Op::ArmAttach => self.arm(Timer::Attach, Wait::For { ms: settings.attach_ms }),
                Op::ArmStable => self.arm(Timer::Stable, Wait::For { ms: settings.stable_ms }),
                Op::Watch => self.watch(self.next.silence_ms(settings)),
                Op::Probe => {
                    self.watch(settings.patience(settings.probe_ms, self.next.silences));
                    self.effects.push(Effect::SendPing);
                }
                Op::Hello => self.effects.push(Effect::Hello { cursor: self.next.delivered() }),
                Op::SendSuspend => self.send_suspend(),
                Op::SendResume => self.effects.push(Effect::SendResume),
                Op::SendPrompt => self.send_prompt(taken),
                Op::SendCommand => self.effects.push(Effect::SendCommand),
                Op::TellWelcome => self.tell_welcome(event),
                Op::Deliver => self.deliver(event),
                Op::TellGap => self.tell_gap(event),
                Op::TellCaughtUp => self.effects.push(Effect::TellCaughtUp),
                Op::TellClosed => self.effects.push(Effect::TellClosed),
            }
        }
        match row.verdict {
            Verdict::Go(state) => self.next.state = state,
            Verdict::Stay | Verdict::Ignore(_) | Verdict::Refuse(_) => {}
        }
    }

    fn arm(&mut self, timer: Timer, wait: Wait) {
        let generation = Generation(self.next.generation.0.wrapping_add(1));
        self.next.generation = generation;
        self.next.armed[timer as usize] = Some(generation);
        self.effects.push(Effect::Arm { timer, generation, wait });
    }

    fn disarm(&mut self, timer: Timer) {
        if self.next.armed[timer as usize].take().is_some() {
            self.effects.push(Effect::Disarm { timer });
        }
    }

    fn watch(&mut self, ms: u32) {
        self.arm(Timer::Watchdog, Wait::Silence { ms });
    }

    fn arm_backoff(&mut self, event: &Event, settings: &Settings) {
        // The latest word of the server counts.
        let asked = self.next.retry.take().filter(|_| event.after_ms().is_none());
        let wait = asked.map_or_else(
            || settings.backoff(self.next.attempts, self.next.leaving, event),
            |(least_ms, most_ms)| Wait::Between { least_ms, most_ms },
        );
        self.arm(Timer::Backoff, wait);
    }

    fn arm_now(&mut self, settings: &Settings) {
        self.next.retry = None;
        self.arm(Timer::Backoff, Wait::Since { ms: settings.spacing_ms });
    }

    fn dial(&mut self) {
        self.next.socket.0 = self.next.socket.0.wrapping_add(1);
        self.next.attempts = self.next.attempts.saturating_add(1);
        self.effects.push(Effect::Dial { socket: self.next.socket });
    }

    fn excuse(&mut self) {
        self.next.leaving = true;
        self.next.attempts = self.next.attempts.saturating_sub(1);
    }

    fn hang_up(&mut self) {
        self.next.outbox.under_way = false;
        self.effects.push(Effect::HangUp { socket: self.next.socket });
    }

    fn clear_silences(&mut self, settings: &Settings) {
        if self.next.silences > 0 && !self.next.outbox.under_way {
            self.next.silences = 0;
            self.watch(self.next.silence_ms(settings));
        }
    }

    fn send_suspend(&mut self) {
        let seen = self.next.reading.map_or(Seq(0), |at| at.applied);
        self.effects.push(Effect::SendSuspend { seen });
    }

    fn renumber(&mut self, event: &Event) {
        if let Some(welcome) = welcome(event) {
            self.next.outbox.renumber(welcome.high);
        }
    }

    fn accept(&mut self, event: &Event) {
        let Event::Accepted { seq, .. } = event else { return };
        if let Some((ticket, n)) = self.next.outbox.accepted() {
            self.effects.push(Effect::TellAccepted { ticket, n, seq: *seq });
        }
    }

    fn reject(&mut self, event: &Event) {
        self.fail_first();
        if let Event::Refused { expected: Some(expected), .. } = event {
            self.next.outbox.first = *expected;
        }
    }

    fn fail_first(&mut self) -> bool {
        let failed = self.next.outbox.refused();
        if let Some(ticket) = failed {
            self.effects.push(Effect::TellFailed { ticket });
        }
        failed.is_some()
    }

    fn send_prompt(&mut self, taken: bool) {
        let outbox = &self.next.outbox;
        if let Some(ticket) = outbox.tickets.front().filter(|_| taken) {
            self.effects.push(Effect::SendPrompt { n: outbox.first, ticket: *ticket });
        }
    }

    fn tell_welcome(&mut self, event: &Event) {
        let anew = matches!(
            welcome(event).map(|welcome| welcome.outcome),
            Some(AttachOutcome::Fresh | AttachOutcome::Reset { .. })
        );
        if let Some(at) = self.next.reading.filter(|_| anew) {
            self.effects.push(Effect::BeginAnew { epoch: self.next.epoch, seq: at.applied });
        }
        self.effects.push(Effect::Welcomed);
    }

    fn deliver(&mut self, event: &Event) {
        let Event::Entry { seq, .. } = event else { return };
        self.next.hand_over(Some(*seq));
        self.effects.push(Effect::Deliver { epoch: self.next.epoch, seq: *seq });
    }

    fn tell_gap(&mut self, event: &Event) {
        if let Some((lost_from, lost_to)) = lost(event) {
            let epoch = self.next.epoch;
            self.effects.push(Effect::DeliverGap { epoch, lost_from, lost_to });
        }
    }
}

impl Link {
    fn keep_retry(&mut self, event: &Event) {
        if let Event::Goaway { least_ms, most_ms, .. } = event {
            self.retry = Some((*least_ms, *most_ms));
            self.leaving = true;
        }
    }

    fn queue(&mut self, event: &Event) {
        if let Event::Prompt { ticket } = event {
            self.outbox.tickets.push_back(*ticket);
        }
    }

    fn forget_cursor(&mut self) {
        (self.reading, self.cursor) = (None, None);
        self.epoch = self.epoch.wrapping_add(1);
    }

    fn rebase(&mut self, event: &Event) {
        if let Some(Welcome { log, base, .. }) = welcome(event) {
            let (log, at) = (*log, *base);
            self.reading = Some(Reading { log, delivered: at, applied: at, anew: true });
            self.epoch = self.epoch.wrapping_add(1);
        }
    }

    fn set_target(&mut self, event: &Event) {
        if let Some(welcome) = welcome(event) {
            self.head = welcome.head;
            self.leaving = false;
            self.ping_ms = Some(welcome.ping_ms);
        }
    }

    fn hand_over(&mut self, to: Option<Seq>) {
        if let (Some(at), Some(to)) = (&mut self.reading, to) {
            at.delivered = to;
        }
    }

    fn advance(&mut self, event: &Event) {
        if let (Some(at), Event::Applied { seq, .. }) = (&mut self.reading, event) {
            (at.applied, at.anew) = (*seq, false);
            self.cursor = Some(Cursor { log: at.log, seq: *seq });
        }
    }

    /// Whether a prompt came under way that was not.
    fn take_next(&mut self) -> bool {
        let outbox = &mut self.outbox;
        let taken = !outbox.under_way && !outbox.tickets.is_empty();
        if taken {
            (outbox.under_way, outbox.tried) = (true, true);
        }
        taken
    }
}

const fn welcome(event: &Event) -> Option<&Welcome> {
    if let Event::Welcome { welcome, .. } = event { Some(welcome) } else { None }
}

/// What the event declares as lost.
fn lost(event: &Event) -> Option<(Seq, Seq)> {
    if let Event::Gap { lost_from, lost_to, .. } = event {
        return Some((*lost_from, *lost_to));
    }
    match welcome(event)?.outcome {
        AttachOutcome::Gap { lost_from, lost_to } => Some((lost_from, lost_to)),
        AttachOutcome::Fresh | AttachOutcome::Resumed { .. } | AttachOutcome::Reset { .. } => None,
    }
}
