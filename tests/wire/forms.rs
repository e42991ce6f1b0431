//! The forms themselves.

use std::fmt::Debug;
use std::num::{NonZeroU32, NonZeroU64};

use outlive::ids::{ClientId, ConnectionId, Digest, Generation, Incarnation, PrincipalId, Seq};
use outlive::log::{AttachOutcome, Cursor, LogId, ResetReason, ResumeFrom};
use outlive::session::{
    ClientRecord, Effect, EntryMeta, Event, Record, Session, Snapshot, TurnState, WorkerOutcome,
};
use outlive::table::Verdict;
use outlive::{
    ClientRule, CloseCode, EndReason, Limits, Reason, State, Timer, Trigger, TurnOutcome,
    connection, laws, node, routing,
};
use proptest::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;
use strum::VariantArray;

use crate::kit::*;

/// One of each event, and of each value that has its own form in it.
fn each_event() -> Vec<Event> {
    use WorkerOutcome::{Completed, Empty, Failed, Interrupted};
    let at = ResumeFrom::At(Cursor { log: LOG, seq: Seq(42) });
    let mut events = vec![
        attach(1, 2),
        claim(1, 2, at),
        claim(1, 2, ResumeFrom::Malformed),
        written(1, 7),
        missed(1, 4),
        suspend(1, 7),
        resume(1),
        lost(1),
        body(2, 3, 4),
        interrupt(5),
        stop(1),
        answer(2, 6),
        started(1),
        start_failed(1),
        output(5, 3),
        aside(1, 3),
        asked(1, 5),
        withdrawn(1, 6),
    ];
    for outcome in [Completed, Empty, Interrupted, Failed] {
        events.push(Event::TurnEnded { incarnation: Incarnation(1), turn: Seq(5), outcome });
    }
    events.push(waiting(1, 5, 2));
    events.push(exited(1));
    for timer in Timer::VARIANTS {
        events.push(Event::Expired { timer: *timer, generation: Generation(2) });
    }
    events.extend([RESTARTED, lossy(u64::MAX)]);
    events
}

fn each_effect() -> Vec<Effect> {
    let (incarnation, connection) = (Incarnation(1), ConnectionId(1));
    let (client, n, turn) = (ClientId(2), NonZeroU64::new(3).unwrap(), Seq(5));
    let timer = Timer::Detach;
    let welcome = |outcome| Effect::Welcome { connection, outcome };
    let reset = |why: &ResetReason| welcome(AttachOutcome::Reset { why: *why });
    let (lost_from, lost_to) = (Seq(1), Seq(4));
    let mut effects = vec![
        Effect::Commit,
        Effect::Abort { incarnation },
        Effect::Arm { timer, generation: Generation(2), after_ms: 1000 },
        Effect::Disarm { timer },
        Effect::DisarmAll,
        Effect::Start { incarnation, resume: false },
        Effect::CloseOut { incarnation },
        Effect::Dispatch { incarnation, turn },
        Effect::Interrupt { incarnation, turn },
        Effect::Deliver { incarnation, ask: Seq(6) },
        Effect::Accepted { client, n, seq: turn, again: false },
        Effect::Accepted { client, n, seq: turn, again: true },
        Effect::Gap { connection, lost_from, lost_to },
        Effect::Send { connection, from: Seq(5), to: Seq(9) },
        welcome(AttachOutcome::Fresh),
        welcome(AttachOutcome::Resumed { from: Seq(5) }),
        welcome(AttachOutcome::Gap { lost_from, lost_to }),
    ];
    effects.extend(ResetReason::VARIANTS.iter().map(reset));
    let close = |code: &CloseCode| Effect::Close { connection, code: *code };
    effects.extend(CloseCode::VARIANTS.iter().map(close));
    effects
}

fn each_record() -> Vec<Record> {
    let (client, n, turn, ask) = (ClientId(2), NonZeroU64::new(3).unwrap(), Seq(5), Seq(6));
    let mut entries = vec![
        EntryMeta::Prompt { client, n },
        EntryMeta::Output { count: NonZeroU32::new(3).unwrap() },
        EntryMeta::Ask { turn, stands: false },
        EntryMeta::Ask { turn, stands: true },
        EntryMeta::Answer { client, ask },
        EntryMeta::Withdrawn { ask },
    ];
    let ended = |outcome: &TurnOutcome| EntryMeta::TurnEnd { turn, outcome: *outcome };
    entries.extend(TurnOutcome::VARIANTS.iter().map(ended));
    for why in EndReason::VARIANTS {
        entries.extend([EntryMeta::Closing { why: *why }, EntryMeta::End { why: *why }]);
    }
    entries.into_iter().map(|entry| Record { seq: Seq(7), entry }).collect()
}

fn verdicts() -> Vec<Verdict<State, Reason>> {
    vec![
        Verdict::Go(State::Closing),
        Verdict::Stay,
        Verdict::Ignore(Reason::Stale),
        Verdict::Refuse(Reason::QueueFull),
    ]
}

/// A session with something in every part.
pub(super) fn rich() -> Session {
    active().after([asked(1, 1), prompt(2, 1), prompt(1, 2)]).session
}

/// Each value as one line of JSON, after it came back as it was.
fn lines<T: Serialize + DeserializeOwned + PartialEq + Debug>(
    values: impl IntoIterator<Item = T>,
) -> String {
    let line = |value: T| {
        let json = serde_json::to_string(&value).unwrap();
        assert_eq!(serde_json::from_str::<T>(&json).unwrap(), value, "{json}");
        json + "\n"
    };
    values.into_iter().map(line).collect()
}

fn words<T>() -> String
where
    T: Serialize + DeserializeOwned + PartialEq + Debug + VariantArray + Copy + std::fmt::Display,
{
    for word in T::VARIANTS {
        assert_eq!(serde_json::to_value(word).unwrap(), word.to_string(), "one spelling");
    }
    lines(T::VARIANTS.iter().copied()).replace('\n', " ").trim_end().to_owned() + "\n"
}

#[test]
fn the_form_of_every_event() {
    insta::assert_snapshot!("events", lines(each_event()));
}

#[test]
fn the_form_of_every_effect() {
    insta::assert_snapshot!("effects", lines(each_effect()));
}

#[test]
fn the_form_of_every_record() {
    insta::assert_snapshot!("records", lines(each_record()));
}

#[test]
fn the_form_of_every_word() {
    let words = [
        words::<State>(),
        words::<Trigger>(),
        words::<Reason>(),
        words::<Timer>(),
        words::<TurnOutcome>(),
        words::<EndReason>(),
        words::<ClientRule>(),
        words::<CloseCode>(),
        words::<ResetReason>(),
        words::<connection::Phase>(),
        words::<connection::Trigger>(),
        words::<routing::Durable>(),
        words::<routing::Owner>(),
        words::<routing::Runtime>(),
        words::<node::State>(),
        words::<node::Trigger>(),
        words::<laws::Law>(),
    ];
    insta::assert_snapshot!("words", words.concat());
}

#[test]
fn the_form_of_every_value() {
    let prompter = ClientRecord {
        client: ClientId(1),
        principal: PrincipalId(0),
        last_accepted: NonZeroU64::MIN,
        seq: Seq(2),
        digest: Digest(u64::MAX),
    };
    let sessions = [created().session, rich()];
    let snapshots: Vec<Snapshot> = sessions.iter().map(Session::snapshot).collect();
    let values = [
        lines(snapshots),
        lines([Limits::default(), small()]),
        lines(verdicts()),
        lines([TurnState::Idle, TurnState::Running(Seq(1)), TurnState::Interrupting(Seq(1))]),
        lines([prompter]),
        lines([LOG, LogId(0), LogId(u64::MAX)]),
        lines([
            ResumeFrom::Nothing,
            ResumeFrom::Malformed,
            ResumeFrom::At(Cursor { log: LOG, seq: Seq::MAX }),
        ]),
    ];
    insta::assert_snapshot!("values", values.concat());
}

#[test]
fn a_session_in_json_is_its_snapshot() {
    let session = rich();
    let snapshot = serde_json::to_string(&session.snapshot()).unwrap();
    assert_eq!(serde_json::to_string(&session).unwrap(), snapshot);
}

/// The error of reading this as a `T`.
fn refused<T: DeserializeOwned + Debug>(json: &str) -> String {
    match serde_json::from_str::<T>(json) {
        Ok(value) => panic!("{json} was read as {value:?}"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn what_is_none_of_the_forms_is_refused_with_its_name() {
    let errors = [
        refused::<Event>(r#"{"event":"lost","connection":1,"why":"?"}"#),
        refused::<Event>(r#"{"event":"vanished","connection":1}"#),
        refused::<Event>(r#"{"event":"lost"}"#),
        refused::<Event>(r#"{"event":"prompt","client":1,"n":0,"digest":1}"#),
        refused::<Event>(r#"{"event":"restarted","renew":"XYZ"}"#),
        refused::<Effect>(r#"{"effect":"abort","incarnation":1,"gently":true}"#),
        refused::<Effect>(r#"{"effect":"close","connection":1,"code":"bored"}"#),
        refused::<Record>(r#"{"seq":1,"entry":"ask","turn":1,"more":2}"#),
        refused::<Record>(r#"{"seq":1,"entry":"note"}"#),
        refused::<Limits>(r#"{"conections":3}"#),
        refused::<State>(r#""active""#),
        refused::<Snapshot>(r#"{"state":"ENDED"}"#),
    ];
    insta::assert_snapshot!("refused", errors.join("\n"));
}

#[test]
fn every_event_and_effect_refuses_a_field_it_does_not_know() {
    for event in each_event() {
        let mut json = serde_json::to_value(event).unwrap();
        json["unknown"] = 1.into();
        let _ = refused::<Event>(&json.to_string());
    }
    for effect in each_effect() {
        let mut json = serde_json::to_value(effect).unwrap();
        json["unknown"] = 1.into();
        // Of a form without fields serde does not look at the fields.
        if matches!(effect, Effect::Commit | Effect::DisarmAll) {
            assert_eq!(serde_json::from_value::<Effect>(json).unwrap(), effect);
            continue;
        }
        let _ = refused::<Effect>(&json.to_string());
    }
    for record in each_record() {
        let mut json = serde_json::to_value(record).unwrap();
        json["unknown"] = 1.into();
        let _ = refused::<Record>(&json.to_string());
    }
}

#[test]
fn limits_that_are_not_given_are_the_default_ones() {
    assert_eq!(serde_json::from_str::<Limits>("{}").unwrap(), Limits::default());
}

#[test]
fn numbers_that_other_languages_cannot_read_are_text() {
    let json = serde_json::to_string(&lossy(u64::MAX)).unwrap();
    assert_eq!(json, r#"{"event":"restarted","renew":"ffffffffffffffff"}"#);
}

proptest! {
    #[test]
    fn any_text_in_place_of_a_cursor_is_an_event_still(text in "\\PC{0,40}") {
        let json = serde_json::json!({"event": "attach", "connection": 1, "client": 1, "cursor": text});
        let event: Event = serde_json::from_value(json).unwrap();
        let step = active().feed(event);
        prop_assert!(!step.effects.is_empty() || !step.verdict().acts());
    }
}
