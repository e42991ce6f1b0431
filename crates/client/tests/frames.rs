//! Frames that are malformed, as both clients pass over them: `tests/wire/server-frames.json`, which
//! `clients/js/test.mjs` reads as well.

use outlive::client::Settings;
use outlive::log::ResetReason;
use outlive::table::Word;
use outlive_client::{Client, Update};
use serde_json::{Value, json};

use super::driver::{Peer, Server, number, soon};

fn corpus() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/wire/server-frames.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// The texts of a list of the corpus.
fn texts(list: &str) -> Vec<String> {
    let corpus = corpus();
    let frames = corpus[list].as_array().unwrap();
    frames.iter().map(|frame| frame["text"].as_str().unwrap().to_owned()).collect()
}

/// Tells each malformed frame. The client answers the ping behind it and says nothing else.
async fn tell_malformed(peer: &mut Peer) {
    for text in texts("malformed") {
        peer.tell_text(&text).await;
        peer.tell(json!({ "t": "ping" })).await;
        assert_eq!(peer.read().await, json!({ "t": "pong" }), "{text}");
    }
}

async fn next_but_states(client: &mut Client) -> Update {
    loop {
        let update = soon("an update", client.next()).await.expect("the client lives");
        if !matches!(update, Update::State { .. }) {
            return update;
        }
    }
}

#[tokio::test]
async fn a_malformed_frame_is_passed_over_in_every_state() {
    let server = Server::new().await;
    let mut settings = Settings::default();
    (settings.first_ms, settings.step_ms, settings.spacing_ms) = (0, 0, 0);
    settings.attach_ms = u32::MAX;
    let mut client = server.client().settings(settings).start().unwrap();
    let mut peer = server.accept().await;
    assert_eq!(peer.read().await["t"], "attach");
    tell_malformed(&mut peer).await;
    peer.tell_text(&texts("welcomes")[0]).await;
    let prompt = client.prompt("one");
    assert_eq!(peer.read().await, json!({ "t": "prompt", "n": 1, "d": "one" }));
    tell_malformed(&mut peer).await;
    peer.tell(json!({ "t": "accepted", "n": 1, "seq": 1, "again": false, "incarnation": 2 })).await;
    assert_eq!(soon("an answer", prompt).await.unwrap().n, number(1));
    peer.entries([1]).await;
    let update = next_but_states(&mut client).await;
    assert!(matches!(update, Update::Reset { .. }), "{update:?}");
    let update = next_but_states(&mut client).await;
    assert!(matches!(update, Update::Welcome(_)), "{update:?}");
    loop {
        let update = next_but_states(&mut client).await;
        if let Update::Entry(entry) = &update {
            assert_eq!(entry.id.to_string(), "9f3a.1");
            break;
        }
        assert!(matches!(update, Update::CaughtUp), "{update:?}");
    }
    assert_eq!(client.handle().incarnation().map(|incarnation| incarnation.0), Some(2));
    // None of the malformed goaways counts: the client is back at once.
    drop(peer);
    server.accept().await;
}

#[tokio::test]
async fn a_welcome_is_taken_with_every_word_that_a_server_may_say() {
    let welcomes = texts("welcomes");
    for welcome in &welcomes {
        let server = Server::new().await;
        let mut client = server.client().start().unwrap();
        let mut peer = server.accept().await;
        assert_eq!(peer.read().await["t"], "attach");
        peer.tell_text(welcome).await;
        let update = next_but_states(&mut client).await;
        assert!(matches!(update, Update::Reset { .. }), "{welcome}: {update:?}");
    }
    let states = <outlive::State as Word>::NAMES;
    let reasons = <ResetReason as Word>::NAMES;
    for word in states.iter().chain(reasons) {
        let quoted = format!("{word:?}");
        assert!(welcomes.iter().any(|text| text.contains(&quoted)), "{word} is in no welcome");
    }
}

#[tokio::test]
async fn an_end_is_heard_whatever_else_its_entry_says() {
    let server = Server::new().await;
    let mut client = server.client().start().unwrap();
    let (mut peer, _) = server.welcome(json!({})).await;
    for entry in corpus()["entries"].as_array().unwrap() {
        peer.tell_text(entry["text"].as_str().unwrap()).await;
        while !matches!(next_but_states(&mut client).await, Update::Entry(_)) {}
        let life = client.handle().incarnation().map(|incarnation| u64::from(incarnation.0));
        assert_eq!(life, entry["incarnation"].as_u64(), "{entry}");
    }
}
