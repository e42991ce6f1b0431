//! What can be restored is a session: driven by whatever events, it keeps every law over steps, and
//! what it says of itself can be restored again.
//!
//! `cargo +nightly fuzz run restore`
#![no_main]

use core::num::{NonZeroU16, NonZeroU32, NonZeroU64};

use libfuzzer_sys::arbitrary::{Result, Unstructured};
use libfuzzer_sys::fuzz_target;
use outlive::ids::{ClientId, ConnectionId, Digest, Generation, Incarnation, PrincipalId, Seq};
use outlive::laws::{self, Witness};
use outlive::log::{Cursor, Log, LogId, ResumeFrom};
use outlive::session::{ClientRecord, Event, Machine, Session, Snapshot, WorkerOutcome};
use outlive::{Limits, State, Timer};
use serde::{Serialize, de::DeserializeOwned};

/// A small number mostly, so that numbers meet; sometimes any.
fn number(input: &mut Unstructured<'_>) -> Result<u64> {
    if input.ratio(1, 16)? { input.arbitrary() } else { input.int_in_range(0..=7) }
}

fn seq(input: &mut Unstructured<'_>) -> Result<Seq> {
    number(input).map(Seq)
}

fn seqs(input: &mut Unstructured<'_>) -> Result<Vec<Seq>> {
    (0..input.int_in_range(0..=2)?).map(|_| seq(input)).collect()
}

fn positive(input: &mut Unstructured<'_>) -> Result<NonZeroU64> {
    Ok(NonZeroU64::new(number(input)?).unwrap_or(NonZeroU64::MIN))
}

fn small(input: &mut Unstructured<'_>) -> Result<u32> {
    Ok(u32::try_from(number(input)?).unwrap_or(u32::MAX))
}

fn limits(input: &mut Unstructured<'_>) -> Result<Limits> {
    Ok(Limits {
        connections: input.int_in_range(1..=3)?,
        queued: input.int_in_range(1..=2)?,
        queued_per_principal: input.int_in_range(1..=2)?,
        asks: input.int_in_range(1..=2)?,
        clients: input.int_in_range(1..=3)?,
        batch: input.int_in_range(1..=3)?,
        retention: input.int_in_range(1..=5)?,
        pinned: input.int_in_range(1..=5)?,
        turn_ms: input.arbitrary::<bool>()?.then_some(1),
        ..Limits::default()
    })
}

fn snapshot(input: &mut Unstructured<'_>) -> Result<Snapshot> {
    use words::STATES;
    let prompter = |input: &mut Unstructured<'_>| {
        Ok(ClientRecord {
            client: ClientId(number(input)?),
            principal: PrincipalId(number(input)?),
            last_accepted: positive(input)?,
            seq: seq(input)?,
            digest: Digest(number(input)?),
        })
    };
    Ok(Snapshot {
        state: *input.choose(STATES)?,
        incarnation: Incarnation(small(input)?),
        turn: input.arbitrary::<bool>()?.then(|| seq(input)).transpose()?,
        log: Log { id: LogId(number(input)?), base: seq(input)?, head: seq(input)? },
        queue: seqs(input)?,
        queued_by: seqs(input)?.into_iter().map(|seq| PrincipalId(seq.0)).collect(),
        asks: seqs(input)?,
        standing: input.int_in_range(0..=2)?,
        clients: (0..input.int_in_range(0..=2)?).map(|_| prompter(input)).collect::<Result<_>>()?,
    })
}

/// The words as lists, without another dependency.
mod words {
    use super::{State, Timer, WorkerOutcome};

    pub(super) const STATES: &[State] = &[
        State::Created,
        State::Starting,
        State::Active,
        State::Detached,
        State::Suspended,
        State::Closing,
        State::Ended,
    ];
    pub(super) const TIMERS: &[Timer] = &[
        Timer::Idle,
        Timer::Start,
        Timer::Turn,
        Timer::Interrupt,
        Timer::Detach,
        Timer::Grace,
        Timer::Closeout,
    ];
    pub(super) const OUTCOMES: &[WorkerOutcome] = &[
        WorkerOutcome::Completed,
        WorkerOutcome::Empty,
        WorkerOutcome::Interrupted,
        WorkerOutcome::Failed,
    ];
}

/// An event about what the session has, or about nothing it knows.
fn event(input: &mut Unstructured<'_>, session: &Session) -> Result<Event> {
    let near = input.ratio(7, 8)?;
    let incarnation = match near {
        true => session.incarnation(),
        false => Incarnation(small(input)?),
    };
    let turn = match session.turn().id() {
        Some(turn) if near => turn,
        _ => seq(input)?,
    };
    let listed = session.connections();
    let connection = match listed.is_empty() || !near {
        true => ConnectionId(number(input)?),
        false => input.choose(listed)?.id,
    };
    let client = ClientId(input.int_in_range(0..=3)?);
    let principal = PrincipalId(client.0 % 2);
    Ok(match input.int_in_range(0..=17)? {
        0 | 1 => Event::Attach {
            connection: ConnectionId(number(input)?),
            client,
            principal,
            cursor: match input.int_in_range(0..=3)? {
                0 => ResumeFrom::Nothing,
                1 => ResumeFrom::Malformed,
                _ => ResumeFrom::At(Cursor {
                    log: if near { session.log().id } else { LogId(number(input)?) },
                    seq: seq(input)?,
                }),
            },
        },
        2 => {
            let next =
                listed.iter().find(|one| one.id == connection).map(|one| one.next.previous());
            let through = next.filter(|_| near).map_or_else(|| seq(input), Ok)?;
            Event::Written { connection, through }
        }
        3 => Event::Suspend { connection, seen: seq(input)? },
        4 => Event::Resume { connection },
        5 => Event::Lost { connection },
        6 | 7 => {
            let next =
                session.last_accepted(client).map_or(NonZeroU64::MIN, |n| n.saturating_add(1));
            let n = if near { next } else { positive(input)? };
            Event::Prompt { client, principal, n, digest: Digest(number(input)?) }
        }
        8 => Event::Interrupt { turn },
        9 => Event::Stop { incarnation },
        10 => {
            let ask = match session.asks().first() {
                Some(ask) if near => *ask,
                _ => seq(input)?,
            };
            Event::Answer { client, principal, ask }
        }
        11 => Event::Started { incarnation },
        12 => Event::StartFailed { incarnation },
        13 => Event::Output {
            incarnation,
            turn: input.arbitrary::<bool>()?.then_some(turn),
            count: NonZeroU32::new(small(input)?).unwrap_or(NonZeroU32::MIN),
        },
        14 => match session.asks().first() {
            Some(ask) if near => Event::Withdrawn { incarnation, ask: *ask },
            Some(_) | None => Event::Asked { incarnation, turn },
        },
        15 if near => {
            let asks = NonZeroU16::new(input.int_in_range(1..=3)?).unwrap_or(NonZeroU16::MIN);
            Event::TurnWaiting { incarnation, turn, asks }
        }
        15 => Event::TurnEnded { incarnation, turn, outcome: *input.choose(words::OUTCOMES)? },
        16 => {
            let timer = *input.choose(words::TIMERS)?;
            let generation = match near {
                true => session.generation(timer),
                false => Generation(small(input)?),
            };
            Event::Expired { timer, generation }
        }
        _ => match input.int_in_range(0..=7)? {
            0 | 1 => Event::Restarted { renew: Some(LogId(number(input)?)) },
            2 | 3 => Event::Restarted { renew: None },
            4 => Event::Drain,
            _ => Event::Exited { incarnation },
        },
    })
}

/// It is read as it was written.
fn round_trip<T: Serialize + DeserializeOwned + PartialEq + core::fmt::Debug>(it: &T) {
    let text = serde_json::to_string(it).expect("it is JSON");
    let again: T = serde_json::from_str(&text).expect("it was just written");
    assert_eq!(&again, it, "{text}");
}

fn drive(input: &mut Unstructured<'_>) -> Result<()> {
    let limits = limits(input)?;
    let Ok(mut session) = Session::restore(snapshot(input)?) else {
        return Ok(());
    };
    // A session this old and this long is still restored, and one step older or longer is not.
    if session.incarnation().0 > u32::MAX / 4 || session.log().head > Seq(Seq::MAX.0 / 4) {
        return Ok(());
    }
    let machine = Machine::new(limits).expect("no limit is 0");
    let mut witness = Witness::of(&session, &limits);
    let mut next = Event::Restarted { renew: None };
    loop {
        round_trip(&next);
        let step = machine.step(&session, &next);
        laws::of_step(&limits, &session, &next, &step).expect("every law over steps holds");
        witness
            .observe(&limits, &session, &next, &step)
            .expect("every law over what the driver was told holds");
        step.effects.iter().for_each(round_trip);
        step.records.iter().for_each(round_trip);
        session = step.next;
        let kept = session.snapshot();
        round_trip(&kept);
        let again = Session::restore(kept.clone()).expect("a session is possible");
        assert_eq!(again.snapshot(), kept);
        if input.is_empty() {
            return Ok(());
        }
        next = event(input, &session)?;
    }
}

fuzz_target!(|bytes: &[u8]| {
    let _ = drive(&mut Unstructured::new(bytes));
});
