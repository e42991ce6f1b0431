//! The client in Rust, against a server that is killed.

use std::collections::BTreeMap;

use outlive::client::Settings;
use outlive_client::{Client, Update};
use serde_json::Value;

use super::child::{Folder, Serving};
use super::kill::guard;

#[tokio::test]
async fn the_rust_client_outlives_servers_that_are_killed() {
    let folder = Folder::new("driver");
    let file = folder.file("outlive.db");
    let mut server = Serving::start("127.0.0.1:0", &file, &[]).await;
    let at = server.site.at.to_string();
    let mut settings = Settings::default();
    (settings.first_ms, settings.step_ms, settings.spacing_ms) = (0, 50, 0);
    let client = Client::builder(format!("ws://{at}")).settings(settings);
    let mut client = guard("a session", client.create()).await.unwrap().start().unwrap();
    let (mut shown, mut log): (BTreeMap<u64, Value>, _) = (BTreeMap::new(), None);
    let (mut kills, session) = (0, client.session().to_string());
    let mut answers: Vec<_> = (0..8).map(|_| client.prompt("/fast 30")).collect();
    let count = |shown: &BTreeMap<u64, Value>, kind: &str| {
        shown.values().filter(|entry| entry["entry"] == kind).count()
    };
    // To the end of the server's log: one that was killed after the last answer adds an end.
    while count(&shown, "turn_end") < 8 || head(&server, &session).await != shown.len() {
        let update = guard("an update", client.next()).await.expect("the client lives");
        assert!(!matches!(update, Update::Gap { .. } | Update::Closed { .. }), "{update:?}");
        if let Update::Reset { welcome } = update {
            assert_eq!(log.replace(welcome.log), None, "nothing is lost, so nothing begins anew");
        } else if let Update::Entry(entry) = update {
            let seq = entry.id.seq.0;
            assert_eq!(seq, shown.len() as u64 + 1);
            shown.insert(seq, serde_json::from_str(&entry.json).unwrap());
            // In mid-turn, and in mid-log.
            if kills < 4 && seq > 15 + 20 * kills {
                kills += 1;
                server.kill().await;
                server = Serving::start(&at, &file, &[]).await;
            }
        }
    }
    assert_eq!(kills, 4);
    for (place, answer) in answers.drain(..).enumerate() {
        let accepted = guard("an answer", answer).await.unwrap();
        assert_eq!(accepted.n.get(), place as u64 + 1);
    }
    let prompts = shown.values().filter(|entry| entry["entry"] == "prompt");
    assert!(prompts.map(|entry| entry["n"].as_u64().unwrap()).eq(1..=8), "each once, in order");
    assert_eq!(count(&shown, "turn_end"), 8);
}

async fn head(server: &Serving, session: &str) -> usize {
    let record = server.site.get(&format!("/sessions/{session}")).await.json();
    record["head"].as_u64().unwrap().try_into().unwrap()
}
