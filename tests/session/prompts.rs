//! Prompts and their keys: accepted exactly once, refused with what would have been right.

use outlive::ids::ClientId;

use crate::kit::*;

fn refusal(play: &mut Play, event: outlive::session::Event) -> String {
    let before = play.session.clone();
    let step = play.feed(event);
    assert_eq!(play.session, before, "a refusal takes no number");
    step.refusal().unwrap().to_string()
}

#[test]
fn a_client_that_never_heard_the_answer_gets_it_again_and_nothing_runs() {
    let mut play = active();
    let step = play.feed(prompt(1, 1));
    assert_eq!((rows(&step), told(&step)), (vec!["P2"], "accepted 1/1 at 1 again".into()));
    assert_eq!(step.records, []);
}

#[test]
fn an_earlier_number_than_the_latest_settles_nothing() {
    let mut play = active().after([prompt(1, 2)]);
    insta::assert_snapshot!(refusal(&mut play, prompt(1, 1)), @"PROMPT_TOO_OLD refused in ACTIVE: too_old (rule P8); expected number 3");
    assert_eq!(told(&play.feed(prompt(1, 2))), "accepted 1/2 at 2 again");
}

#[test]
fn each_client_counts_for_itself() {
    let play = active().after([prompt(2, 1), prompt(1, 2)]);
    let high = |client| play.session.last_accepted(ClientId(client)).map(std::num::NonZeroU64::get);
    assert_eq!((high(1), high(2), high(3)), (Some(2), Some(1), None));
}

#[test]
fn a_number_under_which_another_body_came_is_refused() {
    insta::assert_snapshot!(refusal(&mut active(), body(1, 1, 99)), @"PROMPT_CONFLICT refused in ACTIVE: conflict (rule P3); expected number 2");
}

#[test]
fn a_number_too_high_is_refused_with_the_one_expected() {
    insta::assert_snapshot!(refusal(&mut active(), prompt(1, 3)), @"PROMPT_GAP refused in ACTIVE: gap (rule P4); expected number 2");
    insta::assert_snapshot!(refusal(&mut created(), prompt(1, 2)), @"PROMPT_GAP refused in CREATED: gap (rule P4); expected number 1");
    insta::assert_snapshot!(refusal(&mut closing(), prompt(1, 9)), @"PROMPT_GAP refused in CLOSING: gap (rule P4); expected number 2");
}

#[test]
fn a_full_queue_refuses_and_the_same_number_is_taken_later() {
    let mut play = starting().after([prompt(1, 2)]);
    insta::assert_snapshot!(refusal(&mut play, prompt(1, 3)), @"PROMPT_FULL refused in STARTING: queue_full (rule P5)");
    let mut play = play.after([started(1)]);
    assert!(told(&play.feed(prompt(1, 3))).starts_with("commit, accepted 1/3 at 3"));
}

#[test]
fn a_session_that_knows_as_many_clients_as_it_may_refuses_a_new_one() {
    let mut play = active().after([prompt(2, 1)]);
    insta::assert_snapshot!(refusal(&mut play, prompt(3, 1)), @"PROMPT_CROWDED refused in ACTIVE: too_many_clients (rule P6)");
}

#[test]
fn an_answer_to_an_ask_that_is_settled_is_refused() {
    insta::assert_snapshot!(refusal(&mut active(), answer(1, 9)), @"ANSWER_LATE refused in ACTIVE: ask_settled (rule P7)");
}

#[test]
fn too_many_connections_are_refused_also_where_nobody_watches() {
    let mut play = active().after([attach(2, 2)]);
    insta::assert_snapshot!(refusal(&mut play, attach(3, 3)), @"ATTACH_FULL refused in ACTIVE: too_many_connections (rule W3)");
}

#[test]
fn the_worker_is_told_that_it_asks_too_much() {
    let mut play = active().after([asked(1, 1)]);
    insta::assert_snapshot!(refusal(&mut play, asked(1, 1)), @"ASKED_FULL refused in ACTIVE: too_many_asks (rule T4)");
}

#[test]
fn what_happened_before_the_client_lost_its_connection_is_known_to_the_session() {
    let mut play = active().after([lost(1), RESTARTED, prompt(1, 2), started(2), attach(7, 1)]);
    assert_eq!(play.session.last_accepted(ClientId(1)).unwrap().get(), 2);
    assert_eq!(rows(&play.feed(prompt(1, 2))), ["P2"]);
    assert_eq!(rows(&play.feed(prompt(1, 1))), ["P8"]);
}

#[test]
fn a_prompt_that_is_taken_back_is_cancelled_in_the_log_and_never_dispatched() {
    let mut play = active().after([prompt(1, 2)]);
    let step = play.feed(interrupt(2));
    assert_eq!((rows(&step), logged(&step)), (vec!["T9"], "3: turn 2 cancelled".into()));
    assert_eq!(rows(&play.feed(turn_ended(1, 1))), ["T6"]);
}

#[test]
fn a_prompt_that_waits_is_not_trimmed_before_it_ran() {
    let mut play = active().after([lost(1), prompt(1, 2), output(1, 50)]);
    assert_eq!(play.session.log().base.0, 1);
    assert!(told(&play.feed(turn_ended(1, 1))).ends_with("dispatch 2"));
    let _ = play.feed(output(2, 1));
    let log = play.session.log();
    assert_eq!(log.head.0 - log.base.0, 8, "and now it is");
}
