//! `outlive explain`.

use outlive::docs::Sheet;
use outlive::session::table::TABLE;
use outlive::{State, Trigger};
use serde_json::Value;

use super::run;

#[test]
fn a_refused_cell_is_explained_with_what_would_have_been_accepted() {
    let row = TABLE.rule(State::Active, Trigger::PromptFull);
    let run = run(&["explain", "active", "Prompt_Full"]);
    assert_eq!((run.code, run.err.as_str()), (0, ""));
    let head = format!("ACTIVE x PROMPT_FULL: {} (rule {})\n", row.verdict, row.id);
    assert!(run.out.starts_with(&head), "{}", run.out);
    for part in [row.because, Trigger::PromptFull.meaning(), "try the same number again later"] {
        assert!(run.out.contains(part), "{}", run.out);
    }
    assert!(run.out.contains("Nothing is done"), "{}", run.out);
    assert!(run.out.contains("accepted instead:\n  ACTIVE acts on: "), "{}", run.out);
    assert!(run.out.contains("PROMPT_FULL is acted on in: nothing"), "{}", run.out);
}

#[test]
fn a_cell_that_acts_is_explained_op_by_op() {
    let run = run(&["explain", "DETACHED", "detach-expired"]);
    assert!(run.out.contains("go CLOSING"), "{}", run.out);
    assert!(run.out.contains("1. commit: "), "{}", run.out);
    assert!(run.out.contains("log_closing(expired): Log that"), "{}", run.out);
    assert!(run.out.contains("DETACH_EXPIRED is acted on in: DETACHED\n"), "{}", run.out);
}

#[test]
fn every_cell_of_every_table_can_be_explained_for_programs() {
    // A process for each cell of the session's table would take long: a state of it is enough.
    for (sheet, most) in Sheet::all().iter().zip([1, 4, 8]) {
        for (s, state) in sheet.states.iter().enumerate().take(most) {
            for (t, trigger) in sheet.triggers.iter().enumerate() {
                let args = [
                    "explain",
                    "--table",
                    sheet.name,
                    state.name,
                    trigger.name,
                    "--format",
                    "json",
                ];
                let run = run(&args);
                let json: Value = serde_json::from_str(&run.out).unwrap();
                let row = sheet.rule(s, t);
                assert_eq!(json["rule"], row.id, "{args:?}");
                assert_eq!(json["because"], row.because, "{args:?}");
                assert_eq!(
                    json["ops"].as_array().unwrap().len(),
                    row.ops_in(state.name).count(),
                    "{args:?}"
                );
            }
        }
    }
}

#[test]
fn a_wrong_word_ends_with_2_and_names_the_nearest_and_all() {
    let run = run(&["explain", "closed", "promt"]);
    assert_eq!((run.code, run.out.as_str()), (2, ""));
    let says = "error: `closed` is no state of the session table; did you mean CLOSING?";
    assert!(run.err.contains(says), "{}", run.err);
    let says = "error: `promt` is no trigger of the session table; did you mean PROMPT?";
    assert!(run.err.contains(says), "{}", run.err);
    assert!(run.err.contains("CREATED, STARTING, ACTIVE"), "{}", run.err);
}

#[test]
fn a_word_of_another_table_says_which() {
    let run = run(&["explain", "open", "send"]);
    assert_eq!(run.code, 2);
    let says = "OPEN is a phase of the connection table (`--table connection`).";
    assert!(run.err.contains(says), "{}", run.err);
    let says = "SEND is a trigger of the connection table (`--table connection`).";
    assert!(run.err.contains(says), "{}", run.err);
}

#[test]
fn a_table_is_named_by_place_or_by_option() {
    let by_option = run(&["explain", "--table", "routing", "active", "unloaded"]);
    assert!(by_option.out.contains("(rule Q8)"), "{}", by_option.err);
    let by_place = run(&["explain", "routing", "active", "unloaded"]);
    assert_eq!((by_place.code, by_place.out), (0, by_option.out));
    let both = run(&["explain", "routing", "active", "unloaded", "--table", "session"]);
    assert_eq!((both.code, both.err.as_str()), (2, "error: two tables are named\n"));
    assert_eq!(run(&["explain", "rooting", "active", "unloaded"]).code, 2);
    assert_eq!(run(&["table", "--table", "routing"]).out, run(&["table", "routing"]).out);
    assert_eq!(run(&["table", "routing", "--table", "session"]).code, 2);
}

#[test]
fn a_rule_is_explained_by_its_id_as_errors_name_it() {
    let rule = run(&["explain", "p3"]);
    assert!(rule.out.starts_with("rule P3 of the session table: refuse"), "{}", rule.out);
    assert!(rule.out.contains("on: PROMPT_CONFLICT"), "{}", rule.out);
    // Two tables have an A1.
    let both = run(&["explain", "A1"]).out;
    assert!(
        both.contains("of the session table") && both.contains("of the client table"),
        "{both}"
    );
    let one = run(&["explain", "client", "A1", "--format", "json"]);
    let json: Value = serde_json::from_str(&one.out).unwrap();
    assert_eq!(json["rules"].as_array().unwrap().len(), 1);
    assert_eq!(json["rules"][0]["table"], "client");
    let none = run(&["explain", "Z99"]);
    assert_eq!((none.code, none.err.contains("no rule `Z99`")), (2, true), "{}", none.err);
}

#[test]
fn what_is_asked_the_wrong_way_round_is_told_so() {
    let run = run(&["explain", "prompt", "closing"]);
    let says = "error: the state comes first: `outlive explain closing prompt`\n";
    assert_eq!((run.code, run.err.as_str()), (2, says));
}

#[test]
fn a_word_that_is_like_none_is_not_guessed() {
    let run = run(&["explain", "xyz", "prompt"]);
    assert!(run.err.contains("`xyz` is no state of the session table. It must be"), "{}", run.err);
}
