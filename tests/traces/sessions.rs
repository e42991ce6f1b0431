//! A server's record: many sessions, interleaved.

use outlive::State;
use outlive::check::trace::{self, ExplainOptions, Line, Recorder, Replayer, Trace, Unsettled};
use outlive::ids::Incarnation;
use outlive::log::LogId;
use outlive::session::{Event, Machine};
use proptest::prelude::*;
use proptest::sample::Index;

use super::walk;

fn parsed(text: &str) -> Trace {
    trace::parse(text.as_bytes()).expect("it can be read")
}

const TWO: &str = r#"{"outlive":1,"session":"s_1","log":"a"}
    {"outlive":1,"session":"s_2","log":"b","limits":{"detach_ms":5}}
    {"session":"s_1","event":"prompt","client":7,"n":1,"digest":1,"expect":{"state":"STARTING"}}
    {"session":"s_2","event":"attach","connection":1,"client":8,"expect":{"state":"CREATED"}}
    {"event":"attach","connection":1,"client":9,"note":"of the session that has no name"}
    {"session":"s_1","event":"started","incarnation":1,"expect":{"state":"DETACHED"}}
    {"session":"s_2","event":"stop","incarnation":1,"expect":{"state":"ENDED"}}"#;

#[test]
fn each_session_goes_its_own_way() {
    let replayed = trace::replay(&parsed(TWO)).expect("it is right");
    assert_eq!((replayed.sessions, replayed.steps), (3, 5));
    let ends: Vec<_> = replayed.ends.iter().map(|(name, end)| (name.as_deref(), *end)).collect();
    let detached = (Some("s_1"), State::Detached);
    assert_eq!(ends, [(None, State::Created), detached, (Some("s_2"), State::Ended)]);
    assert_eq!(replayed.state, State::Ended);
}

#[test]
fn each_session_is_a_trace_of_its_own() {
    let sessions = parsed(TWO).sessions();
    let lines = |name: Option<&str>| {
        let trace = &sessions[&name.map(String::from)];
        trace::replay(trace).expect("it is right alone");
        trace.lines.iter().map(|(number, _)| *number).collect::<Vec<_>>()
    };
    assert_eq!(lines(None), [5]);
    assert_eq!(lines(Some("s_1")), [1, 3, 6]);
    assert_eq!(lines(Some("s_2")), [2, 4, 7]);
}

#[test]
fn a_line_that_is_wrong_is_named_with_its_session() {
    let wrong = parsed(&TWO.replace("ENDED", "CLOSING"));
    let divergence = trace::replay(&wrong).expect_err("s_2 has ended");
    assert_eq!((divergence.line, divergence.session.as_deref()), (7, Some("s_2")));
    let said = divergence.to_string();
    assert_eq!(said, "line 7 (session s_2): state: expected \"CLOSING\", got \"ENDED\"");
    let nothing =
        trace::explain(&wrong, &ExplainOptions::default()).expect_err("nothing explains it");
    assert!(nothing.to_string().starts_with("line 7 (session s_2): nothing explains"), "{nothing}");
}

#[test]
fn a_beginning_further_down_ends_the_session_of_its_name_and_no_other() {
    let text = r#"{"outlive":1,"session":"s_1"}
        {"session":"s_1","event":"stop","incarnation":1}
        {"session":"s_2","event":"stop","incarnation":1,"expect":{"rule":"C1"}}
        {"outlive":1,"session":"s_1"}
        {"session":"s_1","event":"stop","incarnation":1,"expect":{"rule":"C1"}}
        {"session":"s_2","event":"stop","incarnation":1,"expect":{"rule":"E1"}}"#;
    let replayed = trace::replay(&parsed(text)).expect("it is right");
    assert_eq!((replayed.sessions, replayed.ends.len()), (3, 2));
}

#[test]
fn a_name_is_text() {
    for line in [r#"{"session":1,"event":"resume","connection":1}"#, r#"{"outlive":1,"session":1}"#]
    {
        assert!(trace::parse(line.as_bytes()).is_err(), "{line}");
    }
}

#[test]
fn a_recorder_writes_of_several_sessions_also_of_those_that_were_read_back() {
    let machine = Machine::new(outlive::Limits::default()).expect("no limit is 0");
    let mut sessions = [1, 2].map(|log| machine.create(LogId(log)).next);
    let mut recorder = Recorder::new(Vec::new());
    let mut first = recorder.session("first");
    first.created(machine.limits(), LogId(1)).expect("memory");
    let mut second = recorder.session("second");
    second.restored(machine.limits(), sessions[1].snapshot()).expect("memory");
    let events = [
        ("second", Event::Restarted { renew: None }),
        ("first", Event::Stop { incarnation: Incarnation(1) }),
        ("second", Event::Stop { incarnation: Incarnation(1) }),
    ];
    for (name, event) in events {
        let session = &mut sessions[usize::from(name == "second")];
        let step = machine.step(session, &event);
        recorder.session(name).step(&event, &step).expect("memory");
        *session = step.next;
    }
    let text = String::from_utf8(recorder.into_inner()).expect("text");
    assert!(text.lines().all(|line| line.contains(r#""session":"#)), "{text}");
    let replayed = trace::replay(&parsed(&text)).expect("it was recorded by the same table");
    assert_eq!((replayed.sessions, replayed.steps), (2, 3));
}

/// Every line of the second one is about another session.
fn renamed(trace: &Trace) -> Vec<Line> {
    let name = || Some("other".to_owned());
    let renamed = |line: &Line| match line.clone() {
        Line::Begin(mut begin) => {
            begin.session = name();
            Line::Begin(begin)
        }
        Line::Fed(mut fed) => {
            fed.session = name();
            Line::Fed(fed)
        }
    };
    trace.lines.iter().map(|(_, line)| renamed(line)).collect()
}

proptest! {
    /// However two sessions are interleaved, each comes out as it does alone.
    #[test]
    fn sessions_do_not_see_each_other(
        one in prop::collection::vec(any::<Index>(), 1..30),
        two in prop::collection::vec(any::<Index>(), 1..30),
        turns in prop::collection::vec(any::<bool>(), 1..80),
    ) {
        let (one, two) = (walk::recorded(&one), walk::recorded(&two));
        let mut first = one.lines.iter().map(|(_, line)| line.clone());
        let mut second = renamed(&two).into_iter();
        let mut replayer = Replayer::new();
        for (number, turn) in (1..).zip(turns.into_iter().cycle()) {
            let line = if turn {
                first.next().or_else(|| second.next())
            } else {
                second.next().or_else(|| first.next())
            };
            let Some(line) = line else { break };
            replayer.feed(number, &line).expect("it is right alone");
        }
        let both = replayer.finish();
        let (one, two) = (trace::replay(&one).expect("right"), trace::replay(&two).expect("right"));
        prop_assert_eq!(both.steps, one.steps + two.steps);
        prop_assert_eq!(both.ends[&None], one.state);
        prop_assert_eq!(both.ends[&Some("other".to_owned())], two.state);
    }
}

#[test]
fn each_session_is_explained_by_itself_where_events_are_missing() {
    // The loss of s_1's viewer is missing; s_2's is not.
    let text = r#"{"session":"s_1","event":"attach","connection":1,"client":7}
        {"session":"s_2","event":"attach","connection":1,"client":7}
        {"session":"s_1","event":"prompt","client":7,"n":1,"digest":1}
        {"session":"s_2","event":"lost","connection":1}
        {"session":"s_1","event":"started","incarnation":1,"expect":{"state":"DETACHED"}}"#;
    let explained = trace::explain(&parsed(text), &ExplainOptions::default()).expect("it can be");
    assert_eq!((explained.sessions, explained.lines), (2, 5));
    let bound = ExplainOptions { candidates: 1, ..ExplainOptions::default() };
    let Err(Unsettled::Incomplete { session, .. }) = trace::explain(&parsed(text), &bound) else {
        panic!("one is not enough");
    };
    assert_eq!(session.as_deref(), Some("s_1"));
}
