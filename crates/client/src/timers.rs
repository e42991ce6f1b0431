//! The client's timers, and what they are measured from: the last dial, and what was heard last.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::config::random;
use super::signs::LastSign;
use outlive::client::{Jitter, Timer, Wait};
use outlive::ids::Generation;

/// The longest wait, in milliseconds: 24.8 days, as long as a timer of a browser can wait.
const LONGEST_MS: u32 = i32::MAX as u32;

#[derive(Clone, Copy, Debug)]
struct Clock {
    generation: Generation,
    /// When it fires; a watchdog later, by what is heard.
    at: Instant,
    /// The silence that a watchdog waits for.
    silence: Option<Duration>,
}

#[derive(Debug)]
pub(super) struct Timers {
    clocks: BTreeMap<Timer, Clock>,
    heard: LastSign,
    dialled: Option<Instant>,
}

impl Timers {
    pub(super) fn new() -> Timers {
        Timers { clocks: BTreeMap::new(), heard: LastSign::now(), dialled: None }
    }

    /// Something is heard.
    pub(super) fn heard(&self) {
        self.heard.give();
    }

    /// A socket is dialled, which is heard of from now on: it gives its signs here.
    pub(super) fn dialled(&mut self) -> LastSign {
        self.heard = LastSign::now();
        self.dialled = Some(self.heard.at());
        self.heard.clone()
    }

    /// For how long nothing has been heard, in milliseconds.
    pub(super) fn silent_ms(&self) -> u32 {
        millis(self.heard.at().elapsed())
    }

    /// Arms a timer. What the server says counts, but there is never more than one dial in `spacing_ms`.
    pub(super) fn arm(
        &mut self,
        timer: Timer,
        generation: Generation,
        wait: Wait,
        spacing_ms: u32,
    ) {
        let now = Instant::now();
        let since = self.dialled.map(|dialled| millis(now - dialled));
        let spacing = since.map_or(0, |since| spacing_ms.saturating_sub(since));
        let least = if timer == Timer::Backoff { spacing } else { 0 };
        let ms = wait.ms(Jitter(random()), since).max(least).min(LONGEST_MS);
        let time = Duration::from_millis(ms.into());
        let silence = matches!(wait, Wait::Silence { .. }).then_some(time);
        self.clocks.insert(timer, Clock { generation, at: now + time, silence });
    }

    pub(super) fn disarm(&mut self, timer: Timer) {
        self.clocks.remove(&timer);
    }

    /// The timer that fires next, and when; a watchdog later, if something is heard until then.
    pub(super) fn next(&self) -> Option<(Timer, Instant)> {
        let due = |(timer, clock): (&Timer, &Clock)| {
            let heard = clock.silence.map(|silence| self.heard.at() + silence);
            (*timer, heard.map_or(clock.at, |heard| heard.max(clock.at)))
        };
        self.clocks.iter().map(due).min_by_key(|(_, at)| *at)
    }

    /// A timer that fires now, and its generation.
    pub(super) fn due(&self) -> Option<(Timer, Generation)> {
        let (timer, _) = self.next().filter(|(_, at)| *at <= Instant::now())?;
        self.clocks.get(&timer).map(|clock| (timer, clock.generation))
    }
}

pub(super) async fn until(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}

fn millis(time: Duration) -> u32 {
    u32::try_from(time.as_millis()).unwrap_or(u32::MAX)
}
