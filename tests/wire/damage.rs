//! Snapshots that no session could have written.

use outlive::session::{Event, Machine, Session, Snapshot};
use outlive::{Limits, State};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::forms::rich;
use crate::kit::*;

/// A valid session, what is changed in its snapshot, and what is said of it.
type Flaw = (Play, (&'static str, Value), &'static str);

/// A case of each flaw.
fn flaws() -> Vec<Flaw> {
    let rich = || Play { session: rich(), ..active() };
    let waits = || active().after([waiting(1, 1, 1)]);
    let owned = || active().after([of(7, prompt(1, 2))]);
    let twins = json!([
        {"client": 1, "high": 1, "seq": 1, "digest": 1},
        {"client": 1, "high": 2, "seq": 4, "digest": 1},
    ]);
    let one_prompt = json!([
        {"client": 1, "high": 1, "seq": 1, "digest": 1},
        {"client": 2, "high": 1, "seq": 1, "digest": 1},
    ]);
    let far = json!([{"client": 1, "high": 1, "seq": 99, "digest": 1}]);
    vec![
        (active(), ("/incarnation", json!(0)), "incarnations count from 1"),
        (active(), ("/incarnation", json!(u32::MAX)), "no session lives this often"),
        (active(), ("/log/base", json!(9)), "the log begins after its end"),
        (active(), ("/log/head", json!(1_u64 << 53)), "the log is longer than any log"),
        (created(), ("/incarnation", json!(2)), "an incarnation before, and no word of it"),
        (created(), ("/state", json!("ENDED")), "only CREATED has an empty log"),
        (active(), ("/state", json!("ENDED")), "a turn without a worker"),
        (active(), ("/state", json!("STARTING")), "a turn without a worker"),
        (starting(), ("/state", json!("CLOSING")), "prompts that wait for no worker"),
        (active(), ("/turn", json!(9)), "a turn that is not in the log"),
        (active(), ("/turn", json!(0)), "a turn that is not in the log"),
        (rich(), ("/queue", json!([3, 9])), "a queued prompt that is not retained"),
        (rich(), ("/log/base", json!(3)), "a queued prompt that is not retained"),
        (rich(), ("/queue", json!([4, 3])), "queued prompts out of order"),
        (rich(), ("/queue", json!([3, 3])), "queued prompts out of order"),
        (owned(), ("/queued_by", json!([7, 7])), "queued prompts, and not whose each is"),
        (rich(), ("/turn", json!(3)), "a queued prompt before the running one"),
        (idle(), ("/asks", json!([2])), "asks without a turn"),
        (rich(), ("/asks", json!([9])), "an ask that is not retained"),
        (rich(), ("/asks", json!([3, 2])), "asks out of order"),
        (rich(), ("/asks", json!([1])), "an ask before its turn"),
        (waits(), ("/standing", json!(2)), "more asks that stand than asks"),
        (waits(), ("/asks", json!([9])), "an ask that is not in the log"),
        (rich(), ("/clients", far), "a client's prompt that is not in the log"),
        (rich(), ("/clients", twins), "a client twice, or a prompt of two clients"),
        (rich(), ("/clients", one_prompt), "a client twice, or a prompt of two clients"),
    ]
}

fn damaged(session: &Session, (path, value): (&str, Value)) -> Value {
    let mut json = serde_json::to_value(session).unwrap();
    *json.pointer_mut(path).unwrap() = value;
    json
}

#[test]
fn what_no_session_could_have_written_is_refused_by_its_flaw() {
    for (play, damage, flaw) in flaws() {
        let json = damaged(&play.session, damage);
        let snapshot: Snapshot = serde_json::from_value(json.clone()).unwrap();
        let state = snapshot.state;
        let refused = Session::restore(snapshot).unwrap_err();
        assert_eq!(refused.to_string(), format!("impossible session in {state}: {flaw}"), "{json}");
        let refused = serde_json::from_value::<Session>(json).unwrap_err();
        assert!(refused.to_string().contains(flaw), "{refused}");
    }
}

#[test]
fn every_flaw_that_the_code_knows_has_a_case_here() {
    let source = include_str!("../../src/session/snapshot.rs");
    let body = source.split("let defects = [").nth(1).unwrap().split("];").next().unwrap();
    let known: Vec<&str> = body.split('"').skip(1).step_by(2).collect();
    assert!(known.len() > 15, "{known:?}");
    for flaw in known {
        assert!(flaws().iter().any(|(_, _, tried)| *tried == flaw), "no case for: {flaw}");
    }
}

#[test]
fn snapshots_of_every_state_are_taken_back() {
    use strum::VariantArray;
    for state in State::VARIANTS {
        let session = in_state(*state).session;
        let restored = Session::restore(session.snapshot()).unwrap();
        assert_eq!(restored.snapshot(), session.snapshot());
    }
}

#[test]
fn a_snapshot_with_a_field_too_many_or_too_few_is_refused() {
    let whole = serde_json::to_value(rich()).unwrap();
    for name in whole.as_object().unwrap().keys().filter(|name| *name != "turn") {
        let mut less = whole.clone();
        less.as_object_mut().unwrap().remove(name);
        assert!(serde_json::from_value::<Session>(less).is_err(), "without {name}");
    }
    let mut more = whole.clone();
    more["owner"] = 1.into();
    assert!(serde_json::from_value::<Session>(more).is_err());
}

/// Numbers near each other, and those at the edges.
fn number() -> impl Strategy<Value = u64> {
    prop_oneof![8 => 0..8_u64, 1 => any::<u64>(), 1 => Just((1 << 52) - 1), 1 => Just(u64::from(u32::MAX / 2))]
}

fn arbitrary() -> impl Strategy<Value = Value> {
    let state = prop::sample::select(<State as strum::VariantArray>::VARIANTS);
    let list = || prop::collection::vec(number(), 0..3);
    let client = (number(), number(), number());
    let clients = prop::collection::vec(client, 0..3);
    let turn = prop::option::of(number());
    let (queue, asks) = ((list(), any::<bool>()), (list(), 0..3_u16));
    (state, 0..4_u32, turn, number(), number(), queue, asks, clients).prop_map(
        |(state, incarnation, turn, base, head, (queue, owned), (asks, standing), clients)| {
            let client = |(client, high, seq): (u64, u64, u64)| {
                json!({"client": client, "high": high.max(1), "seq": seq, "digest": 0})
            };
            let clients: Vec<Value> = clients.into_iter().map(client).collect();
            json!({
                "state": state, "incarnation": incarnation, "turn": turn,
                "log": {"id": "1", "base": base, "head": head},
                "queue": queue, "queued_by": if owned { &queue[..] } else { &[] }, "asks": asks, "standing": standing, "clients": clients,
            })
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn whatever_a_store_gives_back_is_refused_or_lives_by_the_laws(json in arbitrary(), first in 0..30_usize) {
        let Ok(session) = serde_json::from_value::<Session>(json) else { return Ok(()) };
        let limits = Limits { connections: 2, retention: 2, ..Limits::default() };
        let play = Play::restored(Machine::new(limits).unwrap(), session);
        let incarnation = play.session.incarnation().0 + 1;
        let events = [attach(1, 1), prompt(1, 1), body(9, 1, 1), started(incarnation), lost(1), stop(incarnation)];
        for renew in [RESTARTED, lossy(2)] {
            let mut play = play.clone();
            let _ = play.feed(renew);
            for place in 0..events.len() {
                let _ = play.feed(events[(first + place) % events.len()]);
            }
        }
    }

    #[test]
    fn a_few_bytes_that_were_flipped_never_panic(place in 0..400_usize, byte in any::<u8>(), length in 0..400_usize) {
        let mut bytes = serde_json::to_vec(&rich()).unwrap();
        let length = length.min(bytes.len());
        let place = place % bytes.len();
        bytes[place] = byte;
        let cut: Result<Session, _> = serde_json::from_slice(&bytes[..length]);
        prop_assert!(cut.is_err() || length == bytes.len());
        if let Ok(session) = serde_json::from_slice::<Session>(&bytes) {
            let mut play = Play::restored(active().machine, session);
            let events: [Event; 3] = [RESTARTED, attach(1, 1), stop(1)];
            for event in events {
                let _ = play.feed(event);
            }
        }
    }
}
