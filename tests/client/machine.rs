//! What a client does, told as stories. Every step is held against the laws by the machine itself.

use outlive::client::table::{ROWS, Row};
use outlive::client::{
    Close, Effect, Event, Link, LinkState, Machine, PromptId, Settings, Socket, State, Timer, Wait,
    Welcome, shape,
};
use outlive::ids::{PromptNumber, Seq};
use outlive::laws::Law;
use outlive::log::{AttachOutcome, Cursor, LogId, ResetReason};
use outlive::table::Verdict;

const LOG: LogId = LogId(0x9f3a);

/// A link in the hands of its driver, with what the last step did.
pub(super) struct Play {
    machine: Machine,
    pub(super) link: Link,
    effects: Vec<Effect>,
}

impl Play {
    fn new() -> Play {
        Play { machine: Machine::default(), link: Link::new(), effects: Vec::new() }
    }

    fn feed(&mut self, event: Event) -> &'static str {
        let step = self.machine.step(&self.link, &event);
        let rule = step.rule().id;
        (self.link, self.effects) = (step.next, step.effects);
        rule
    }

    fn fire(&mut self, timer: Timer) -> &'static str {
        let generation = self.link.armed(timer).expect("it is armed");
        self.feed(Event::Timer { timer, generation })
    }

    fn socket(&self) -> Socket {
        self.link.socket()
    }

    fn opened(&mut self) {
        self.fire(Timer::Backoff);
        self.feed(Event::Opened { socket: self.socket() });
    }

    fn welcome(&mut self, head: u64, high: u64, outcome: AttachOutcome) -> &'static str {
        let (high, base, head) = (PromptNumber::new(high), Seq(0), Seq(head));
        let welcome = Welcome { log: LOG, base, head, high, outcome, ping_ms: 10_000 };
        self.feed(Event::Welcome { socket: self.socket(), welcome })
    }

    /// LIVE, everything up to here applied.
    fn live(head: u64) -> Play {
        let mut play = Play::new();
        play.feed(Event::Start);
        play.opened();
        play.welcome(head, 0, AttachOutcome::Fresh);
        play.applied(0, true);
        for seq in 1..=head {
            play.entry(seq);
            play.applied(seq, false);
        }
        assert_eq!(play.link.state(), State::Live);
        play
    }

    fn entry(&mut self, seq: u64) -> &'static str {
        self.feed(Event::Entry { socket: self.socket(), log: LOG, seq: Seq(seq) })
    }

    fn applied(&mut self, seq: u64, notice: bool) -> &'static str {
        self.feed(Event::Applied { epoch: 1, seq: Seq(seq), notice })
    }

    fn closed(&mut self, code: u16) -> &'static str {
        self.feed(Event::Closed { socket: self.socket(), code: Close(code), after_ms: None })
    }

    fn lost(&mut self) -> &'static str {
        self.feed(Event::Lost { socket: self.socket() })
    }

    /// The prompt that is under way is refused, and may be taken later.
    fn refused_for_now(&mut self) -> &'static str {
        let (socket, n) = (self.socket(), self.link.outbox().first());
        self.feed(Event::Refused { socket, n, expected: None, for_now: true })
    }

    fn accepted(&mut self, n: u64) -> &'static str {
        let n = PromptNumber::new(n).unwrap();
        self.feed(Event::Accepted { socket: self.socket(), n, seq: Seq(1) })
    }

    fn prompt(&mut self, ticket: u64) -> &'static str {
        self.feed(Event::Prompt { ticket: PromptId(ticket) })
    }

    fn sent(&self) -> Vec<(u64, u64)> {
        let prompt = |effect: &Effect| {
            let Effect::SendPrompt { n, ticket } = effect else { return None };
            Some((n.get(), ticket.0))
        };
        self.effects.iter().filter_map(prompt).collect()
    }

    fn wait(&self) -> Option<Wait> {
        self.effects.iter().find_map(|effect| {
            let Effect::Arm { timer: Timer::Backoff, wait, .. } = effect else { return None };
            Some(*wait)
        })
    }

    /// How long the watchdog that was wound up last waits, in milliseconds.
    fn patience(&self) -> Option<u32> {
        self.effects.iter().rev().find_map(|effect| {
            let Effect::Arm { timer: Timer::Watchdog, wait: Wait::Silence { ms }, .. } = effect
            else {
                return None;
            };
            Some(*ms)
        })
    }
}

const fn between(least_ms: u32, most_ms: u32) -> Wait {
    Wait::Between { least_ms, most_ms }
}

#[test]
fn the_first_dial_is_at_once_and_the_waits_grow_until_one_does_some_good() {
    let mut play = Play::new();
    play.feed(Event::Start);
    assert_eq!(play.wait(), Some(Wait::Since { ms: 1_000 }));
    for most in [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000] {
        play.fire(Timer::Backoff);
        play.lost();
        assert_eq!(play.wait(), Some(between(0, most)));
    }
    play.opened();
    play.welcome(1, 0, AttachOutcome::Fresh);
    play.lost();
    assert_eq!(play.wait(), Some(between(0, 30_000)), "a welcome alone forgives nothing");
    play.opened();
    play.welcome(1, 0, AttachOutcome::Fresh);
    play.feed(Event::Applied { epoch: 2, seq: Seq(0), notice: true });
    play.entry(1);
    play.feed(Event::Applied { epoch: 2, seq: Seq(1), notice: false });
    play.lost();
    assert_eq!(play.wait(), Some(between(0, 1_000)));
}

#[test]
fn a_connection_that_lasts_forgives_failures_too() {
    let mut play = Play::new();
    play.feed(Event::Start);
    play.fire(Timer::Backoff);
    play.lost();
    play.opened();
    play.welcome(0, 0, AttachOutcome::Fresh);
    assert_eq!(play.fire(Timer::Stable), "L8");
    play.lost();
    assert_eq!(play.wait(), Some(between(0, 1_000)));
}

#[test]
fn nothing_of_an_old_socket_is_heard() {
    let mut play = Play::live(2);
    let old = play.socket();
    play.lost();
    play.opened();
    for event in [
        Event::Opened { socket: old },
        Event::Lost { socket: old },
        Event::Closed { socket: old, code: Close(4000), after_ms: None },
        Event::Entry { socket: old, log: LOG, seq: Seq(3) },
    ] {
        assert_eq!(play.feed(event), "X1", "{event:?}");
        assert_eq!(play.link.state(), State::Attaching);
    }
}

#[test]
fn the_cursor_moves_when_an_entry_is_applied_and_not_when_it_comes() {
    let mut play = Play::live(1);
    play.entry(2);
    assert_eq!(play.link.cursor(), Some(Cursor { log: LOG, seq: Seq(1) }));
    play.lost();
    // The hello asks for what follows what was handed over: it still waits for the application.
    play.opened();
    let hello = Effect::Hello { cursor: Some(Cursor { log: LOG, seq: Seq(2) }) };
    assert_eq!(play.effects, [hello]);
    assert_eq!(play.applied(2, false), "E10");
    assert_eq!(play.link.cursor(), Some(Cursor { log: LOG, seq: Seq(2) }));
    assert_eq!(play.applied(2, false), "X3");
}

#[test]
fn a_reset_keeps_the_old_cursor_until_the_application_has_let_go() {
    let mut play = Play::live(2);
    play.lost();
    play.opened();
    let why = ResetReason::LogChanged;
    assert_eq!(play.welcome(5, 0, AttachOutcome::Reset { why }), "A1");
    assert!(play.effects.contains(&Effect::BeginAnew { epoch: 2, seq: Seq(0) }));
    assert_eq!(play.link.cursor().map(|cursor| cursor.seq), Some(Seq(2)));
    play.feed(Event::Applied { epoch: 2, seq: Seq(0), notice: true });
    assert_eq!(play.link.cursor().map(|cursor| cursor.seq), Some(Seq(0)));
}

#[test]
fn an_entry_over_a_hole_is_not_taken_and_a_declared_gap_is() {
    let mut play = Play::live(1);
    assert_eq!(play.entry(1), "E3");
    let gap = Event::Gap { socket: play.socket(), lost_from: Seq(2), lost_to: Seq(4) };
    assert_eq!(play.feed(gap), "E2");
    assert_eq!(play.entry(5), "E1");
    assert_eq!(play.entry(7), "E4");
    assert_eq!(play.link.state(), State::BackingOff);
}

#[test]
fn prompts_go_one_at_a_time_and_again_under_their_number() {
    let mut play = Play::live(0);
    play.prompt(7);
    assert_eq!(play.sent(), [(1, 7)]);
    play.prompt(8);
    assert_eq!(play.sent(), []);
    play.lost();
    play.opened();
    play.welcome(0, 0, AttachOutcome::Resumed { from: Seq(1) });
    assert_eq!(play.sent(), [(1, 7)], "sent again: the server has not got it");
    play.lost();
    play.opened();
    play.welcome(1, 1, AttachOutcome::Resumed { from: Seq(1) });
    assert_eq!(
        play.sent(),
        [(1, 7)],
        "the server has a first one: only it knows whether it is this one"
    );
    assert_eq!(play.accepted(1), "P7");
    assert_eq!(play.sent(), [(2, 8)]);
    let n = PromptNumber::MIN.saturating_add(1);
    assert_eq!(play.feed(Event::Accepted { socket: play.socket(), n, seq: Seq(1) }), "P7");
    assert_eq!(play.link.outbox().tickets().len(), 0);
}

#[test]
fn a_refusal_uses_up_no_number() {
    let mut play = Play::live(0);
    play.prompt(7);
    play.prompt(8);
    let (socket, n) = (play.socket(), PromptNumber::MIN);
    assert_eq!(play.feed(Event::Refused { socket, n, expected: None, for_now: false }), "P8");
    assert_eq!(play.effects[0], Effect::TellFailed { ticket: PromptId(7) });
    assert_eq!(play.sent(), [(1, 8)]);
}

#[test]
fn what_is_refused_for_now_is_kept_and_sent_again_under_its_number() {
    let mut play = Play::live(1);
    play.prompt(7);
    play.prompt(8);
    let kept = play.link.saved();
    assert_eq!(play.refused_for_now(), "P10");
    assert_eq!((play.link.state(), play.link.saved()), (State::BackingOff, kept));
    play.opened();
    play.welcome(1, 0, AttachOutcome::Resumed { from: Seq(2) });
    assert_eq!(play.sent(), [(1, 7)]);
    // The server that refused was about to leave, and could not know that it was committed.
    play.refused_for_now();
    play.opened();
    play.welcome(2, 1, AttachOutcome::Resumed { from: Seq(2) });
    assert_eq!(play.sent(), [(1, 7)]);
    assert_eq!(play.accepted(1), "P7");
    assert_eq!(play.sent(), [(2, 8)]);
    // Only what is under way is refused.
    let (socket, n) = (play.socket(), PromptNumber::MIN);
    assert_eq!(play.feed(Event::Refused { socket, n, expected: None, for_now: true }), "P9");
}

#[test]
fn a_server_that_refuses_for_ever_is_asked_ever_more_rarely_and_never_at_once() {
    let mut play = Play::live(1);
    play.prompt(7);
    for most in [2_000, 2_000, 3_000, 5_000, 9_000, 17_000, 31_000, 31_000] {
        assert_eq!(play.refused_for_now(), "P10");
        assert_eq!(play.wait(), Some(between(1_000, most)));
        play.opened();
        play.welcome(1, 0, AttachOutcome::Resumed { from: Seq(2) });
    }
    // A log that goes on forgives failures, and still there is a second between two dials.
    play.entry(2);
    play.applied(2, false);
    play.refused_for_now();
    assert_eq!(play.wait(), Some(between(1_000, 2_000)));
    // What the server says counts.
    play.opened();
    play.welcome(2, 0, AttachOutcome::Resumed { from: Seq(3) });
    play.feed(Event::Goaway { socket: play.socket(), least_ms: 700, most_ms: 900 });
    play.refused_for_now();
    assert_eq!(play.wait(), Some(between(700, 900)));
}

#[test]
fn what_is_refused_for_now_in_the_background_goes_again() {
    let mut play = Play::live(1);
    play.feed(Event::Hide);
    play.prompt(7);
    assert_eq!(play.refused_for_now(), "P10");
    assert_eq!(play.link.state(), State::BackingOff);
    play.opened();
    play.welcome(1, 0, AttachOutcome::Resumed { from: Seq(2) });
    assert_eq!(play.sent(), [(1, 7)]);
}

#[test]
fn what_was_never_sent_is_not_taken_for_accepted() {
    let saved = LinkState { outbox: vec![PromptId(1)], ..LinkState::default() };
    let mut play = Play { link: Link::restored(&saved), ..Play::new() };
    play.feed(Event::Start);
    play.opened();
    // The server knows more of this client than it remembers: the prompt gets the next number.
    play.welcome(0, 4, AttachOutcome::Fresh);
    assert_eq!(play.sent(), [(5, 1)]);
}

#[test]
fn a_server_that_lost_what_it_accepted_gets_the_next_prompt_under_the_number_it_expects() {
    let mut play = Play::live(0);
    play.prompt(7);
    play.feed(Event::Accepted { socket: play.socket(), n: PromptNumber::MIN, seq: Seq(1) });
    play.prompt(8);
    play.lost();
    play.opened();
    play.welcome(0, 0, AttachOutcome::Reset { why: ResetReason::LogChanged });
    assert_eq!(play.sent(), [(1, 8)]);
}

#[test]
fn a_full_outbox_is_told_and_a_client_that_is_sent_away_fails_what_waits() {
    let mut play = Play::live(0);
    for ticket in 0..16 {
        play.prompt(ticket);
    }
    assert_eq!(play.prompt(16), "P3");
    let step = play.machine.step(&play.link, &Event::Prompt { ticket: PromptId(17) });
    insta::assert_snapshot!(step.refusal().unwrap(), @"PROMPT_FULL refused in LIVE: outbox_full (rule P3)");
    assert_eq!(play.closed(4003), "L6");
    let failed = |effect: &&Effect| matches!(effect, Effect::TellFailed { .. });
    assert_eq!(play.effects.iter().filter(failed).count(), 16);
    assert_eq!(play.link.state(), State::Stopped);
    assert_eq!(play.prompt(18), "P4");
}

#[test]
fn what_waits_outlasts_a_token_that_is_not_good_any_more() {
    // Unauthenticated, expired.
    for code in [4001, 4010] {
        let mut play = Play::live(0);
        play.prompt(7);
        play.lost();
        play.prompt(8);
        play.fire(Timer::Backoff);
        let kept = play.link.saved();
        // Refused at the upgrade, and started again too early; then closed after the hello.
        for opens in [false, true] {
            if opens {
                play.feed(Event::Start);
                play.opened();
            }
            assert_eq!(play.closed(code), "L9", "{code}");
            assert!(play.effects.contains(&Effect::TellClosed), "{code}");
            let failed = |effect: &Effect| matches!(effect, Effect::TellFailed { .. });
            assert!(!play.effects.iter().any(failed), "{code}");
            assert_eq!((play.link.state(), play.link.saved()), (State::Stopped, kept.clone()));
        }
        play.feed(Event::Start);
        play.opened();
        play.welcome(0, 0, AttachOutcome::Resumed { from: Seq(1) });
        assert_eq!(play.sent(), [(1, 7)], "{code}");
    }
}

#[test]
fn each_close_code_leads_where_its_band_says() {
    for (code, rule, state) in [
        (1000, "L6", State::Stopped),
        (4000, "L6", State::Stopped),
        (4002, "L6", State::Stopped),
        (4004, "L6", State::Stopped),
        (4009, "L6", State::Stopped),
        (4015, "L6", State::Stopped),
        (4098, "L6", State::Stopped),
        (4001, "L9", State::Stopped),
        (4010, "L9", State::Stopped),
        (1001, "L10", State::BackingOff),
        (1002, "L1", State::BackingOff),
        (1011, "L10", State::BackingOff),
        (1012, "L10", State::BackingOff),
        (1013, "L10", State::BackingOff),
        (4005, "L1", State::BackingOff),
        (4006, "L1", State::BackingOff),
        (1009, "L1", State::BackingOff),
        (4113, "L1", State::BackingOff),
        (4200, "L2", State::BackingOff),
        (4300, "L3", State::BackingOff),
        (4250, "L2", State::BackingOff),
        (4999, "L1", State::BackingOff),
    ] {
        let mut play = Play::live(1);
        assert_eq!(play.closed(code), rule, "{code}");
        assert_eq!(play.link.state(), state, "{code}");
        assert_eq!(play.link.cursor().is_none(), code == 4300, "{code}");
    }
}

#[test]
fn at_once_is_once() {
    let mut play = Play::live(1);
    play.closed(4200);
    assert_eq!(play.wait(), Some(Wait::Since { ms: 1_000 }));
    play.opened();
    play.closed(4200);
    assert_eq!(play.wait(), Some(between(0, 1_000)));
}

#[test]
fn the_server_says_when_to_come_back() {
    let mut play = Play::live(1);
    play.feed(Event::Goaway { socket: play.socket(), least_ms: 700, most_ms: 900 });
    play.closed(1012);
    assert_eq!(play.wait(), Some(between(700, 900)));
    play.opened();
    play.closed(1012);
    assert_eq!(play.wait(), Some(between(1_000, 5_000)));
}

#[test]
fn a_server_that_refuses_says_when_to_come_back_and_they_do_not_come_at_once() {
    let mut play = Play::live(1);
    play.lost();
    for (status, rule, most_ms) in [(429, "C2", 6_000), (503, "L10", 6_000)] {
        play.fire(Timer::Backoff);
        let (socket, code) = (play.socket(), Close::of_status(status).unwrap());
        assert_eq!(play.feed(Event::Closed { socket, code, after_ms: Some(5_000) }), rule);
        assert_eq!(play.wait(), Some(between(5_000, most_ms)));
    }
    // Nothing of it is left for the next time, and what it said before counts less.
    play.fire(Timer::Backoff);
    play.lost();
    assert_eq!(play.wait(), Some(between(1_000, 5_000)));
    let mut play = Play::live(1);
    play.feed(Event::Goaway { socket: play.socket(), least_ms: 700, most_ms: 900 });
    let (socket, code) = (play.socket(), Close(1013));
    play.feed(Event::Closed { socket, code, after_ms: Some(60_000) });
    assert_eq!(play.wait(), Some(between(60_000, 61_000)));
}

/// 16 of 30 clients read their whole log anew after one drain of ten seconds: each hello that the server still
/// closed was a strike, and the third dropped the cursor.
#[test]
fn a_server_that_leaves_says_nothing_of_the_cursor_and_its_dials_are_no_failures() {
    for code in [1001, 1011, 1012, 1013] {
        let mut play = Play::live(1);
        for _ in 0..9 {
            assert_eq!(play.closed(code), "L10", "{code}");
            play.opened();
        }
        assert!(play.link.cursor().is_some(), "{code}");
        assert_eq!(play.link.attempts(), 1, "{code}: the one under way");
        assert_eq!(play.closed(1006), "L10", "what follows belongs to the same leave");
    }
    let mut play = Play::live(1);
    play.feed(Event::Goaway { socket: play.socket(), least_ms: 700, most_ms: 900 });
    for _ in 0..9 {
        assert_eq!(play.lost(), "L10");
        play.opened();
        assert_eq!(play.fire(Timer::Attach), "L11");
        play.fire(Timer::Backoff);
    }
    assert!(play.link.cursor().is_some());
    // It is back: from here on a hello that is not welcomed counts again.
    play.lost();
    play.opened();
    play.welcome(1, 0, AttachOutcome::Resumed { from: Seq(2) });
    for _ in 0..3 {
        play.lost();
        play.opened();
    }
    play.lost();
    assert_eq!(play.link.cursor(), None);
}

/// Two holders of one name: a number alone settles nothing.
#[test]
fn a_prompt_whose_number_another_holder_of_the_name_used_is_not_accepted() {
    let mut play = Play::live(0);
    play.prompt(7);
    play.lost();
    play.opened();
    play.welcome(1, 1, AttachOutcome::Resumed { from: Seq(1) });
    assert_eq!(play.sent(), [(1, 7)]);
    let (socket, n) = (play.socket(), PromptNumber::MIN);
    let expected = Some(n.saturating_add(1));
    play.feed(Event::Refused { socket, n, expected, for_now: false });
    assert!(play.effects.contains(&Effect::TellFailed { ticket: PromptId(7) }));
    play.prompt(8);
    assert_eq!(play.sent(), [(2, 8)]);
}

#[test]
fn a_prompt_that_is_too_large_is_not_sent_for_ever() {
    let mut play = Play::live(0);
    play.prompt(7);
    assert_eq!(play.closed(1009), "L5");
    assert!(play.effects.contains(&Effect::TellFailed { ticket: PromptId(7) }));
    assert_eq!(play.link.outbox().tickets().len(), 0);
}

#[test]
fn a_cursor_that_is_never_welcomed_is_dropped_but_not_for_a_server_that_is_down() {
    let mut play = Play::live(1);
    play.lost();
    for _ in 0..5 {
        play.fire(Timer::Backoff);
        play.lost();
    }
    assert!(play.link.cursor().is_some(), "it was not reached: that says nothing of the cursor");
    for _ in 0..3 {
        play.opened();
        play.lost();
    }
    assert_eq!(play.link.cursor(), None);
}

#[test]
fn hidden_it_says_so_and_shown_it_asks_whether_the_socket_lives() {
    let mut play = Play::live(1);
    play.feed(Event::Hide);
    assert_eq!(play.link.state(), State::Hidden);
    assert!(play.effects.contains(&Effect::SendSuspend { seen: Seq(1) }));
    play.feed(Event::Show { silent_ms: 20_000 });
    assert_eq!(play.link.state(), State::Live);
    assert!(play.effects.contains(&Effect::SendPing));
    assert_eq!(play.fire(Timer::Watchdog), "L7");
}

/// An entry that takes longer than the silence would be begun again for ever.
#[test]
fn after_each_silence_it_waits_twice_as_long_until_it_has_caught_up() {
    let mut play = Play::live(1);
    assert_eq!(play.fire(Timer::Watchdog), "L7");
    for (silence, probe) in [
        (50_000, 10_000),
        (100_000, 20_000),
        (200_000, 40_000),
        (400_000, 80_000),
        (600_000, 160_000),
        (600_000, 320_000),
    ] {
        play.opened();
        play.welcome(2, 0, AttachOutcome::Resumed { from: Seq(2) });
        assert_eq!(play.patience(), Some(silence));
        play.feed(Event::Show { silent_ms: 0 });
        assert_eq!(play.patience(), Some(probe), "its answer is behind the entry");
        play.fire(Timer::Watchdog);
    }
    play.opened();
    play.welcome(2, 0, AttachOutcome::Resumed { from: Seq(2) });
    play.entry(2);
    play.applied(2, false);
    assert_eq!(play.link.state(), State::Live);
    assert_eq!(play.patience(), Some(25_000));
}

/// The answer to a probe waits behind a prompt that goes up slowly.
#[test]
fn with_a_prompt_under_way_it_stays_patient_until_the_prompt_is_answered() {
    let mut play = Play::live(1);
    play.prompt(1);
    play.fire(Timer::Watchdog);
    play.opened();
    play.welcome(1, 0, AttachOutcome::Resumed { from: Seq(2) });
    assert_eq!((play.link.state(), play.link.silences()), (State::Live, 1));
    play.feed(Event::Online);
    assert_eq!(play.patience(), Some(10_000));
    play.accepted(1);
    assert_eq!((play.patience(), play.link.silences()), (Some(25_000), 0));
}

#[test]
fn shown_after_a_long_silence_it_does_not_ask() {
    let mut play = Play::live(1);
    play.feed(Event::Hide);
    assert_eq!(play.feed(Event::Show { silent_ms: 25_001 }), "V8");
    assert_eq!(play.wait(), Some(Wait::Since { ms: 1_000 }));
}

/// What a browser says of the network is a hint: `navigator.onLine` is false behind some VPNs, also for localhost.
#[test]
fn without_a_network_the_dials_go_on_ever_more_slowly_and_with_one_at_once() {
    let mut play = Play::live(1);
    for most in [1_000, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000] {
        play.lost();
        assert_eq!(play.wait(), Some(between(0, most)));
        play.fire(Timer::Backoff);
    }
    play.lost();
    assert_eq!(play.feed(Event::Online), "V11");
    assert_eq!(play.wait(), Some(Wait::Since { ms: 1_000 }));
}

/// A prompt that waited in a hidden tab, or where the browser saw no network, waited for ever.
#[test]
fn what_waits_goes_also_while_nobody_looks() {
    let mut play = Play::live(1);
    play.feed(Event::Hide);
    play.lost();
    assert_eq!(play.link.state(), State::Dormant);
    assert_eq!(play.prompt(7), "P11");
    play.opened();
    play.welcome(1, 0, AttachOutcome::Resumed { from: Seq(2) });
    assert_eq!(play.sent(), [(1, 7)]);
    assert_ne!(play.link.state(), State::Hidden, "an answer is awaited");
    assert!(play.link.armed(Timer::Watchdog).is_some());
    assert_eq!(play.accepted(1), "P7");
    assert_eq!(play.link.state(), State::Hidden);
    // And on a connection that is suspended.
    assert_eq!(play.prompt(8), "P12");
    assert_eq!(play.sent(), [(2, 8)]);
    assert!(play.link.armed(Timer::Watchdog).is_some());
    play.lost();
    assert_eq!(play.link.state(), State::BackingOff);
}

#[test]
fn a_row_that_dials_twice_or_forgets_to_save_would_not_compile() {
    let row = |id| ROWS.iter().find(|row| row.id == id).unwrap();
    let twice = Row { from: &[State::Connecting], ..*row("B1") };
    assert_eq!(shape::violated_law(&twice), Some(Law::GoMeansElsewhere));
    let twice = Row { verdict: Verdict::Stay, ..*row("B1") };
    assert_eq!(shape::violated_law(&twice), Some(Law::SingleFlight));
    let ops: Vec<_> =
        row("P2").ops.iter().copied().filter(|op| format!("{op:?}") != "Save").collect();
    let unsaved = Row { ops: ops.leak(), ..*row("P2") };
    assert_eq!(shape::violated_law(&unsaved), Some(Law::SavedBeforeSent));
}

#[test]
fn what_is_kept_is_one_value() {
    let mut play = Play::live(2);
    play.prompt(7);
    let kept = serde_json::to_string(&play.link.saved()).unwrap();
    insta::assert_snapshot!(kept, @r#"{"cursor":"9f3a.2","next":1,"tried":true,"outbox":[7]}"#);
    let back: LinkState = serde_json::from_str(&kept).unwrap();
    assert_eq!(back, play.link.saved());
}

#[test]
fn settings_that_name_one_number_keep_the_others() {
    let settings: Settings = serde_json::from_str(r#"{"outbox":2}"#).unwrap();
    assert_eq!((settings.outbox, settings.most_ms), (2, Settings::default().most_ms));
}
