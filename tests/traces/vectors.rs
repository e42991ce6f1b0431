//! The walks over the session's machine, which machines in other languages are held against.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use outlive::check::trace::{self, Begin, Expect, Line, Recorder};
use outlive::docs::walks;
use outlive::log::{AttachOutcome, ResetReason};
use outlive::session::table::ROWS;
use outlive::session::{Effect, Machine, Session, Step};
use outlive::{Limits, State, Timer, Trigger};
use strum::VariantArray;

static VECTORS: LazyLock<String> = LazyLock::new(walks::render);

fn lines(text: &str) -> Vec<Line> {
    let trace = trace::parse(text.as_bytes()).unwrap();
    trace.lines.into_iter().map(|(_, line)| line).collect()
}

/// The session with which a beginning begins.
fn begun(machine: &Machine, begin: &Begin) -> Session {
    match &begin.start {
        Some(start) => Session::try_from(start.clone()).unwrap(),
        None => machine.create(begin.log).next,
    }
}

#[test]
fn the_vectors_are_a_trace_that_holds_under_every_law() {
    let trace = trace::parse(VECTORS.as_bytes()).unwrap();
    trace::replay(&trace).unwrap_or_else(|wrong| panic!("{wrong}"));
}

/// Plays the lines: `see` is given the limits, the session before each line, the line, and the step of an event.
fn play(text: &str, mut see: impl FnMut(&Limits, Option<&Session>, &Line, Option<&Step>)) {
    let mut at: Option<(Machine, Session)> = None;
    for line in lines(text) {
        let before = at.as_ref().map(|(_, session)| session);
        at = Some(match &line {
            Line::Begin(begin) => {
                see(&begin.limits, before, &line, None);
                let machine = Machine::new(begin.limits).unwrap();
                let session = begun(&machine, begin);
                (machine, session)
            }
            Line::Fed(fed) => {
                let (machine, session) = at.as_ref().expect("a walk has a beginning");
                let step = machine.step(session, &fed.event);
                see(machine.limits(), before, &line, Some(&step));
                (machine.clone(), step.next)
            }
        });
    }
}

/// What is left out is not compared, so nothing may be.
#[test]
fn every_step_says_all_that_came_of_it() {
    let text = &*VECTORS;
    let mut again = Recorder::new(Vec::new());
    play(text, |_, _, line, step| match (line, step) {
        (Line::Fed(fed), Some(step)) => {
            assert_eq!(fed.expect, Some(Expect::of(step)));
            again.step(&fed.event, step).unwrap();
        }
        _ => again.line(line).unwrap(),
    });
    assert!(again.into_inner() == text.as_bytes(), "a recorder writes it otherwise");
}

/// So a port can compare what is kept, and with it how far the log is trimmed.
#[test]
fn a_beginning_with_a_snapshot_has_that_of_the_session_above() {
    let (mut restored, mut trimmed) = (0, 0);
    play(&VECTORS, |_, before, line, _| {
        if let Line::Begin(Begin { start: Some(start), .. }) = line {
            assert_eq!(*start, before.expect("it has lines above").snapshot());
            restored += 1;
            trimmed += usize::from(start.log.base.0 > 0);
        }
    });
    assert!(restored > 20 && trimmed > 10, "{restored} {trimmed}");
}

#[test]
fn the_vectors_take_every_rule_on_every_trigger_and_are_small_enough_to_read() {
    let text = &*VECTORS;
    assert!(text.len() < 400_000, "{} bytes", text.len());
    let (mut taken, mut met) = (BTreeSet::new(), BTreeSet::new());
    play(text, |_, _, _, step| {
        taken.extend(step.iter().flat_map(|step| step.rules()).map(|row| row.id));
        met.extend(step.map(Step::trigger));
    });
    let possible = ROWS.iter().filter(|row| row.is_possible());
    let never: Vec<_> = possible.map(|row| row.id).filter(|id| !taken.contains(id)).collect();
    assert!(never.is_empty(), "{never:?}");
    // What is due is no event.
    let due = [Trigger::Begin, Trigger::Next, Trigger::Reopen];
    let events = Trigger::VARIANTS.iter().filter(|trigger| !due.contains(trigger));
    let unmet: Vec<_> = events.filter(|trigger| !met.contains(trigger)).collect();
    assert!(unmet.is_empty(), "{unmet:?}");
}

/// What a port gets wrong first.
#[test]
fn the_vectors_have_every_outcome_of_an_attach_and_gaps_pins_and_asks_that_stand() {
    let mut outcomes = BTreeSet::new();
    let (mut gaps, mut pinned, mut standing) = (0, 0, 0);
    play(&VECTORS, |limits, before, _, step| {
        let (Some(before), Some(step)) = (before, step) else { return };
        for effect in &step.effects {
            if let Effect::Welcome { outcome, .. } = effect {
                outcomes.insert(kind(*outcome));
            }
            gaps += u32::from(matches!(effect, Effect::Gap { .. }));
        }
        let log = step.next.log();
        let more = log.head.0 - log.base.0 > limits.retention;
        pinned += u32::from(more && step.next.pin().is_some());
        let stood = step.trigger() == Trigger::AnswerStanding;
        standing += u32::from(stood && before.state() == State::Ended);
    });
    assert_eq!(outcomes.len(), 3 + ResetReason::VARIANTS.len(), "{outcomes:?}");
    assert!(gaps > 0 && pinned > 0 && standing > 0, "{gaps} {pinned} {standing}");
}

fn kind(outcome: AttachOutcome) -> String {
    match outcome {
        AttachOutcome::Fresh => "fresh".into(),
        AttachOutcome::Resumed { .. } => "resumed".into(),
        AttachOutcome::Gap { .. } => "gap".into(),
        AttachOutcome::Reset { why } => why.to_string(),
    }
}

/// `docs/tables-json.md` writes down the order in which `classify` asks.
#[test]
fn the_page_says_how_each_event_becomes_each_trigger() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/tables-json.md");
    let page = fs::read_to_string(page).unwrap();
    let (_, section) = page.split_once("\n## From an event to a trigger\n").unwrap();
    let section = section.split("\n## ").next().unwrap();
    for trigger in Trigger::VARIANTS {
        assert!(section.contains(&format!("`{trigger}`")), "{trigger}");
    }
    let refused = Line::parse(r#"{"event":"?"}"#).expect_err("no such event").to_string();
    for event in refused.split('`').skip(3).step_by(2) {
        assert!(section.contains(&format!("\n| `{event}` |")), "{event}");
    }
    for timer in Timer::VARIANTS {
        assert!(section.contains(&format!("\n| `{timer}` |")), "{timer}");
    }
}
