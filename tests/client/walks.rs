//! Random walks: whatever comes, in any order, every law over steps holds.

use outlive::Reason;
use outlive::client::{
    Close, Event, Link, Machine, PromptId, Settings, Socket, Timer, Trigger, Welcome,
};
use outlive::ids::{Generation, PromptNumber, Seq};
use outlive::log::{AttachOutcome, LogId, ResetReason};
use outlive::table::Verdict;
use proptest::prelude::*;
use strum::{EnumCount, VariantArray};

/// An event, given what the link is at: `what` picks it, `how` its numbers.
fn event(link: &Link, what: u8, how: u8) -> Event {
    let socket = Socket(link.socket().0.wrapping_sub(u32::from(how % 8 == 7)));
    let at = link.delivered();
    let (log, seq) = at.map_or((LogId(1), 0), |at| (at.log, at.seq.0));
    let near = Seq((seq + u64::from(how % 4)).saturating_sub(1));
    let n = PromptNumber::MIN.saturating_add(u64::from(how % 3));
    let n = if how % 2 == 0 { link.outbox().first() } else { n };
    let timer = Timer::VARIANTS[usize::from(how) % Timer::COUNT];
    let generation = link.armed(timer).unwrap_or(Generation(0));
    match what % 24 {
        0 => Event::Start,
        1 if how > 200 => Event::Stop,
        1 | 2 => Event::Show { silent_ms: u32::from(how) * 400 },
        3 if how > 128 => Event::Hide,
        3 => Event::Online,
        4 | 5 => Event::Prompt { ticket: PromptId(u64::from(how) << 8 | u64::from(what)) },
        6 => Event::Command,
        7 => Event::Lost { socket },
        8 if how > 100 => Event::Closed {
            socket,
            code: Close(1000 + u16::from(how) % 16),
            after_ms: Some(u32::from(how)).filter(|how| how % 2 == 0),
        },
        8 => Event::Closed { socket, code: Close(4000 + u16::from(how) * 4), after_ms: None },
        9 => Event::Gap { socket, lost_from: near, lost_to: Seq(near.0 + u64::from(how % 3)) },
        10 => Event::Accepted { socket, n, seq: Seq(1) },
        11 => {
            Event::Refused { socket, n, expected: (how > 128).then_some(n), for_now: how % 8 > 3 }
        }
        12 => Event::Pong { socket },
        13 => Event::Goaway { socket, least_ms: 1, most_ms: u32::from(how) },
        14 | 15 => Event::Opened { socket },
        16..=18 => Event::Welcome { socket, welcome: welcome(link, log, seq, how) },
        19 | 20 => Event::Timer { timer, generation },
        21 => {
            let (seq, notice) = (near, how > 128);
            Event::Applied { epoch: u32::from(how % 4), seq, notice }
        }
        _ => Event::Entry { socket, log, seq: near },
    }
}

fn welcome(link: &Link, log: LogId, seq: u64, how: u8) -> Welcome {
    let from = Seq(seq + 1);
    let outcome = match how % 5 {
        0 => AttachOutcome::Fresh,
        1 => AttachOutcome::Reset { why: ResetReason::CursorAhead },
        2 => AttachOutcome::Gap { lost_from: from, lost_to: Seq(seq + u64::from(how % 3)) },
        _ => AttachOutcome::Resumed { from },
    };
    let high =
        PromptNumber::new((link.outbox().first().get() + u64::from(how % 3)).saturating_sub(2));
    let head = Seq(seq + u64::from(how % 4));
    Welcome { log, base: Seq(seq.saturating_sub(2)), head, high, outcome, ping_ms: 10_000 }
}

/// In a debug build the machine holds every step against the laws and panics; this adds what the walk
/// itself can see.
fn walk(choices: &[(u8, u8)]) -> usize {
    let machine = Machine::new(Settings::default());
    let mut link = Link::new();
    let mut taken = 0;
    for (what, how) in choices {
        let event = event(&link, *what, *how);
        let column = machine.classify(&link, &event);
        let row = machine.table().rule(link.state(), column);
        if row.verdict == Verdict::Ignore(Reason::Impossible) {
            // Only news of a socket that is not open yet, which no socket has.
            let early = link.socket() != Socket(0) && column != Trigger::ShowSilent;
            assert!(early, "{column} in {}", link.state());
            continue;
        }
        let step = machine.step(&link, &event);
        taken += 1;
        assert_eq!(Link::restored(&link.saved()).saved(), link.saved());
        link = step.next;
    }
    taken
}

proptest! {
    #[test]
    fn whatever_comes_no_law_is_broken(choices in prop::collection::vec(any::<(u8, u8)>(), 1..400)) {
        walk(&choices);
    }
}

#[test]
fn a_walk_goes_somewhere() {
    let choices: Vec<(u8, u8)> = (0..4_000u32)
        .map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes())
        .map(|bytes| (bytes[0], bytes[1] ^ bytes[2]))
        .collect();
    assert!(walk(&choices) > 2_000);
}
