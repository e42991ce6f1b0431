//! The driver against the endpoints of a real hub, over real sockets that break: what is shown is the log,
//! whole and once, and what was prompted is in it once.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use outlive::client::{Settings, State};
use outlive::ids::{Incarnation, Seq};
use outlive::log::LogId;
use outlive_client::{Builder, Client, ClientError, CreateError, Update};
use outlive_server::http::{Anyone, Bearer, endpoints};
use outlive_server::hub::{Drain, Hub};
use outlive_server::store::{Memory, SessionId, Store};
use serde_json::{Value, json};

use super::driver::soon;
use super::proxy::Proxy;
use outlive_testkit::endpoints::{Server, Words};
use outlive_testkit::hub::{Fault, Faulty};

/// Comes back at once, and does not wait long for an answer.
fn hasty() -> Settings {
    let mut settings = Settings::default();
    (settings.first_ms, settings.step_ms, settings.spacing_ms) = (0, 0, 0);
    settings.probe_ms = 50;
    settings
}

fn at(proxy: &Proxy, session: &str) -> Builder {
    let name = session.trim_start_matches("/sessions/");
    Client::builder(proxy.url()).session(name).client("laptop").settings(hasty())
}

fn id(session: &str) -> SessionId {
    session.trim_start_matches("/sessions/").parse().unwrap()
}

/// What an application shows: it takes nothing twice, and nothing over a hole.
#[derive(Default)]
struct Shown {
    log: Option<LogId>,
    entries: BTreeMap<u64, Value>,
    /// How often it was told to begin anew.
    anew: u32,
    closed: Option<u16>,
    why: String,
    state: Option<State>,
}

impl Shown {
    /// The next entry, or nothing if something else came.
    async fn next(&mut self, client: &mut Client) -> Option<Value> {
        let so_far = format!("an update after {:?}", (self.state, self.anew, self.entries.len()));
        let update = soon(&so_far, client.next()).await.expect("the client lives");
        if let Update::Reset { welcome } = update {
            self.entries.clear();
            self.log = Some(welcome.log);
            self.anew += 1;
        } else if let Update::Entry(entry) = update {
            assert_eq!(Some(entry.id.log), self.log, "another log, and nobody was told");
            let last = self.entries.last_key_value().map_or(0, |(seq, _)| *seq);
            assert_eq!(entry.id.seq.0, last + 1, "not the next one");
            let entry: Value = serde_json::from_str(&entry.json).unwrap();
            self.entries.insert(last + 1, entry.clone());
            return Some(entry);
        } else if let Update::Gap { lost_from, lost_to } = update {
            panic!("{lost_from} to {lost_to} are lost");
        } else if let Update::Closed { code, reason } = update {
            (self.closed, self.why) = (Some(code), reason);
        } else if let Update::State { to, .. } = update {
            self.state = Some(to);
        }
        None
    }

    /// Goes on until it has an entry of this kind, as often as that.
    async fn until(&mut self, client: &mut Client, kind: &str, times: usize) {
        while self.count(kind) < times {
            self.next(client).await;
        }
    }

    async fn until_state(&mut self, client: &mut Client, state: State) {
        while self.state != Some(state) {
            self.next(client).await;
        }
    }

    fn count(&self, kind: &str) -> usize {
        self.entries.values().filter(|entry| entry["entry"] == kind).count()
    }

    fn prompts(&self) -> Vec<(u64, String)> {
        let prompts = self.entries.values().filter(|entry| entry["entry"] == "prompt");
        let prompt = |entry: &Value| (entry["n"].as_u64().unwrap(), entry["d"].to_string());
        prompts.map(prompt).collect()
    }

    /// Each turn ended once, and it is the log that the hub has.
    async fn is_the_log_of(&self, hub: &Hub, session: &str) {
        let mut ends: BTreeMap<u64, u32> = BTreeMap::new();
        for entry in self.entries.values().filter(|entry| entry["entry"] == "turn_end") {
            *ends.entry(entry["turn"].as_u64().unwrap()).or_default() += 1;
        }
        let turns: Vec<u64> = self
            .entries
            .iter()
            .filter(|(_, entry)| entry["entry"] == "prompt")
            .map(|(seq, _)| *seq)
            .collect();
        assert_eq!(ends.keys().copied().collect::<Vec<_>>(), turns);
        assert!(ends.values().all(|times| *times == 1), "{ends:?}");
        let history = hub.history(&id(session)).entries().await.unwrap();
        let kept: Vec<(u64, Value)> = history
            .iter()
            .map(|said| (said.seq.0, serde_json::to_value(&said.entry).unwrap()))
            .collect();
        assert_eq!(kept.len(), self.entries.len());
        for ((seq, kept), (shown_seq, shown)) in kept.iter().zip(&self.entries) {
            assert_eq!(
                (seq, &kept["entry"], &kept["d"]),
                (shown_seq, &shown["entry"], &shown["d"])
            );
        }
    }
}

#[tokio::test]
async fn what_is_streamed_over_many_cuts_is_shown_whole_and_once() {
    let server = Server::new().await;
    let session = server.session().await;
    let proxy = Proxy::to(server.at).await;
    let mut client = at(&proxy, &session).start().unwrap();
    let mut shown = Shown::default();
    drop(client.prompt("long 2000"));
    let mut damage = 0;
    while shown.count("turn_end") == 0 {
        if shown.next(&mut client).await.is_some() && shown.entries.len() % 100 == 0 {
            damage += 1;
            match damage % 3 {
                0 => proxy.cut(),
                // Half-open: only a question shows it.
                1 => {
                    proxy.hold();
                    client.handle().show();
                }
                // Late, and then cut.
                _ => {
                    proxy.mute();
                    shown.next(&mut client).await;
                    proxy.release();
                    proxy.cut();
                }
            }
        }
    }
    // Some of it hits a connection that is not back yet, more of it on a busy machine.
    assert!(damage == 20 && proxy.dials() > 1, "{damage} {}", proxy.dials());
    assert_eq!((shown.anew, shown.entries.len()), (1, 2_002));
    shown.is_the_log_of(&server.hub, &session).await;
}

#[tokio::test]
async fn prompts_that_are_sent_while_apart_run_once_and_in_order() {
    let server = Server::new().await;
    let session = server.session().await;
    let proxy = Proxy::to(server.at).await;
    proxy.lead(None);
    let mut client = at(&proxy, &session).start().unwrap();
    let mut shown = Shown::default();
    // Nobody is there yet.
    let answers = [client.prompt("p1"), client.prompt("p2")];
    while proxy.dials() < 3 {
        shown.next(&mut client).await;
    }
    proxy.lead(Some(server.at));
    shown.until(&mut client, "turn_end", 2).await;
    for (n, answer) in (1..).zip(answers) {
        assert_eq!(soon("an answer", answer).await.unwrap().n.get(), n);
    }
    let (mut watcher, _) = server.attach(&session, "watcher", None).await;
    for n in 3..=12_u64 {
        // It arrives, and nobody is told.
        proxy.mute();
        let answer = client.prompt(format!("p{n}"));
        watcher.until(|frame| frame["entry"] == "prompt" && frame["n"] == n).await;
        if n % 2 == 0 {
            proxy.release();
        }
        proxy.cut();
        if n % 3 == 0 {
            // And one more, at once.
            client.handle().online();
        }
        shown.until(&mut client, "turn_end", usize::try_from(n).unwrap()).await;
        assert_eq!(soon("an answer", answer).await.unwrap().n.get(), n);
    }
    let expected: Vec<_> = (1..=12).map(|n| (n, format!("\"p{n}\""))).collect();
    assert_eq!(shown.prompts(), expected);
    shown.is_the_log_of(&server.hub, &session).await;
}

#[tokio::test]
async fn the_newer_one_of_two_takes_over_and_the_older_one_stays_away() {
    let server = Server::new().await;
    let session = server.session().await;
    let proxy = Proxy::to(server.at).await;
    let mut older = at(&proxy, &session).start().unwrap();
    let mut of_older = Shown::default();
    of_older.until_state(&mut older, State::Live).await;
    let late = older.prompt("hold");
    of_older.until(&mut older, "output", 1).await;
    soon("an answer", late).await.unwrap();
    let mut newer = at(&proxy, &session).start().unwrap();
    let mut of_newer = Shown::default();
    of_newer.until(&mut newer, "output", 1).await;
    while of_older.closed.is_none() {
        of_older.next(&mut older).await;
    }
    assert_eq!(of_older.closed, Some(4009));
    let refused = soon("a refusal", older.prompt("nobody listens")).await.unwrap_err();
    assert!(
        matches!(refused, ClientError::NotTaken(refusal) if refusal.rule == "P4"),
        "{refused:?}"
    );
    soon("sent", newer.interrupt(Seq(1))).await.unwrap();
    of_newer.until(&mut newer, "turn_end", 1).await;
    assert_eq!(proxy.dials(), 2, "it did not come back");
    // Asked for, it does, and is the newer one then.
    older.handle().reconnect();
    of_older.until(&mut older, "turn_end", 1).await;
    of_older.is_the_log_of(&server.hub, &session).await;
}

#[tokio::test]
async fn a_session_that_is_stopped_ends_and_the_next_prompt_begins_it_again() {
    let server = Server::new().await;
    let session = server.session().await;
    let proxy = Proxy::to(server.at).await;
    let mut client = at(&proxy, &session).start().unwrap();
    let mut shown = Shown::default();
    soon("an answer", client.prompt("hold")).await.unwrap();
    shown.until(&mut client, "output", 1).await;
    soon("sent", client.handle().stop_incarnation(Incarnation(1))).await.unwrap();
    // Before that it might not have arrived: a command is not sent again.
    shown.until(&mut client, "closing", 1).await;
    proxy.cut();
    shown.until(&mut client, "end", 1).await;
    soon("an answer", client.prompt("again")).await.unwrap();
    shown.until(&mut client, "turn_end", 2).await;
    // The last words of the closeout are there too.
    assert!(shown.entries.values().any(|entry| entry["d"] == "goodbye"));
    shown.is_the_log_of(&server.hub, &session).await;
}

#[tokio::test]
async fn a_stop_is_for_the_life_that_runs_also_after_another_one_on_the_same_connection() {
    let server = Server::new().await;
    let session = server.session().await;
    let proxy = Proxy::to(server.at).await;
    let mut client = at(&proxy, &session).start().unwrap();
    let mut shown = Shown::default();
    assert_eq!(client.handle().incarnation(), None);
    for life in 1..=3 {
        soon("an answer", client.prompt("hold")).await.unwrap();
        shown.until(&mut client, "output", shown.count("output") + 1).await;
        assert_eq!(client.handle().incarnation(), Some(Incarnation(life)));
        soon("sent", client.stop_session()).await.unwrap();
        shown.until(&mut client, "end", life as usize).await;
    }
    assert_eq!(proxy.dials(), 1);
    // Who comes when it has ended is welcomed by the life that was.
    let mut other = at(&proxy, &session).client("phone").start().unwrap();
    let mut of_other = Shown::default();
    of_other.until(&mut other, "end", 3).await;
    assert_eq!(other.handle().incarnation(), Some(Incarnation(4)));
}

#[tokio::test]
async fn hidden_it_is_suspended_and_shown_it_goes_on() {
    let server = Server::new().await;
    let session = server.session().await;
    let proxy = Proxy::to(server.at).await;
    let mut client = at(&proxy, &session).start().unwrap();
    let mut shown = Shown::default();
    soon("an answer", client.prompt("one")).await.unwrap();
    shown.until(&mut client, "turn_end", 1).await;
    client.handle().hide();
    shown.until_state(&mut client, State::Hidden).await;
    let state = || async { server.hub.snapshot(&id(&session)).await.unwrap().state };
    soon("a suspended session", async {
        while state().await != outlive::State::Suspended {
            tokio::task::yield_now().await;
        }
    })
    .await;
    server
        .post(&format!("{session}/prompts"), &json!({ "client": "b", "n": 1, "d": "meanwhile" }))
        .await;
    client.handle().show();
    shown.until(&mut client, "turn_end", 2).await;
    assert_eq!(state().await, outlive::State::Active);
    shown.is_the_log_of(&server.hub, &session).await;
}

#[tokio::test]
async fn a_token_makes_a_session_and_a_wrong_one_is_told_at_once() {
    let hub = Hub::builder().build(Words).await.unwrap();
    let server = Server::of(hub.clone(), endpoints(hub).authorize(Bearer::new("secret"))).await;
    let url = format!("ws://{}", server.at);
    let made = soon("an answer", Client::builder(&url).token("wrong").create()).await;
    assert!(matches!(made.err(), Some(CreateError::Refused { status: 401, message, .. })
        if message == "you are not known as who you say you are"));
    let made = soon("an answer", Client::builder(&url).token("secret").create()).await.unwrap();
    let mut client = made.start().unwrap();
    soon("an answer", client.prompt("hello")).await.unwrap();
    let mut shown = Shown::default();
    shown.until(&mut client, "turn_end", 1).await;
    let session = client.session().to_owned();
    let mut stranger = Client::builder(&url).session(session).token("wrong").start().unwrap();
    let mut of_stranger = Shown::default();
    while of_stranger.closed.is_none() {
        of_stranger.next(&mut stranger).await;
    }
    assert_eq!(of_stranger.closed, Some(4001));
    assert_eq!(of_stranger.why, "401 Unauthorized: you are not known as who you say you are");
}

#[tokio::test]
async fn a_prompt_outlasts_a_token_that_is_not_good_any_more() {
    let hub = Hub::builder().build(Words).await.unwrap();
    let server = Server::of(hub.clone(), endpoints(hub).authorize(Bearer::new("secret"))).await;
    let proxy = Proxy::to(server.at).await;
    let token = Arc::new(Mutex::new("secret"));
    let current = Arc::clone(&token);
    let made = Client::builder(proxy.url()).token("secret").create().await.unwrap();
    let client = made.client("laptop").settings(hasty());
    let mut client =
        client.token_from(move || Some((*current.lock().unwrap()).into())).start().unwrap();
    let mut shown = Shown::default();
    shown.until_state(&mut client, State::Live).await;
    *token.lock().unwrap() = "expired";
    proxy.cut();
    let mut typed = client.prompt("hello");
    while shown.closed.is_none() {
        shown.next(&mut client).await;
    }
    assert_eq!(shown.closed, Some(4001));
    assert!(tokio::time::timeout(Duration::ZERO, &mut typed).await.is_err(), "it waits");
    *token.lock().unwrap() = "secret";
    client.handle().reconnect();
    assert_eq!(soon("an answer", typed).await.unwrap().n.get(), 1);
    shown.until(&mut client, "turn_end", 1).await;
    assert_eq!(shown.anew, 1);
}

/// Leaves at once.
const AT_ONCE: Drain = Drain { window: Duration::ZERO, deadline: Duration::ZERO };

async fn on(store: impl Store) -> Server {
    let hub = Hub::builder().store(store).build(Words).await.unwrap();
    Server::of(hub.clone(), endpoints(hub).authorize(Anyone)).await
}

#[tokio::test]
async fn a_prompt_that_the_store_does_not_take_now_is_taken_later() {
    let store = Faulty::new(Memory::new());
    let server = on(store.clone()).await;
    let session = server.session().await;
    let proxy = Proxy::to(server.at).await;
    let mut client = at(&proxy, &session).start().unwrap();
    let mut shown = Shown::default();
    shown.until_state(&mut client, State::Live).await;
    store.commits([Fault::Fails]);
    let accepted = soon("an answer", client.prompt("one")).await.unwrap();
    assert_eq!((accepted.n.get(), proxy.dials()), (1, 2));
    shown.until(&mut client, "turn_end", 1).await;
    assert_eq!((shown.anew, shown.prompts()), (1, vec![(1, "\"one\"".into())]));
    shown.is_the_log_of(&server.hub, &session).await;
}

/// The store of a process that leaves does not answer, so nobody there knows what becomes of the prompt: it
/// is not in the log, or it is.
#[tokio::test]
async fn a_prompt_that_a_server_refuses_because_it_leaves_is_answered_by_the_next_one() {
    for faults in [(Fault::Hangs, Fault::None), (Fault::UnknownKept, Fault::Hangs)] {
        refused_by_a_server_that_leaves(faults).await;
    }
}

async fn refused_by_a_server_that_leaves((commit, look): (Fault, Fault)) {
    let memory = Memory::new();
    let store = Faulty::new(memory.clone());
    let server = on(store.clone()).await;
    let session = server.session().await;
    let proxy = Proxy::to(server.at).await;
    let mut client = at(&proxy, &session).start().unwrap();
    let mut shown = Shown::default();
    shown.until_state(&mut client, State::Live).await;
    store.commits([commit]);
    store.reads([look]);
    let (one, two) = (client.prompt("one"), client.prompt("two"));
    soon("a commit", async {
        while !store.has_failed() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    proxy.lead(None);
    server.hub.drain(AT_ONCE).await;
    shown.until_state(&mut client, State::BackingOff).await;
    let next = on(memory).await;
    proxy.lead(Some(next.at));
    client.handle().reconnect();
    for (n, answer) in [(1, one), (2, two)] {
        assert_eq!(soon("an answer", answer).await.map(|accepted| accepted.n.get()), Ok(n));
    }
    shown.until(&mut client, "turn_end", 2).await;
    assert_eq!(shown.prompts(), [(1, "\"one\"".into()), (2, "\"two\"".into())]);
    shown.is_the_log_of(&next.hub, &session).await;
}

mod restarts {
    use outlive_server::store::{Durability, Sqlite};

    use super::*;
    use outlive_testkit::place::Place;

    async fn open(place: &Place, durability: Durability) -> (Server, Sqlite) {
        let store = Sqlite::options().durability(durability).open(place.file()).unwrap();
        (on(store.clone()).await, store)
    }

    #[tokio::test]
    async fn over_deploys_of_the_server_nothing_is_lost() {
        let place = Place::new();
        let (mut server, mut store) = open(&place, Durability::Full).await;
        let session = server.session().await;
        let proxy = Proxy::to(server.at).await;
        let mut client = at(&proxy, &session).start().unwrap();
        let mut shown = Shown::default();
        soon("an answer", client.prompt("one two")).await.unwrap();
        shown.until(&mut client, "turn_end", 1).await;
        for deploy in 1..=3 {
            proxy.lead(None);
            server.hub.drain(AT_ONCE).await;
            // It was told to wait, up to five seconds: a goaway came before the close.
            shown.until_state(&mut client, State::BackingOff).await;
            let answer = client.prompt(format!("meanwhile {deploy}"));
            store.close().await.unwrap();
            (server, store) = open(&place, Durability::Full).await;
            proxy.lead(Some(server.at));
            // A user does not wait.
            client.handle().reconnect();
            soon("an answer", answer).await.unwrap();
            shown.until(&mut client, "turn_end", 1 + deploy).await;
        }
        assert_eq!((shown.anew, shown.closed), (1, None));
        shown.is_the_log_of(&server.hub, &session).await;
    }

    #[tokio::test]
    async fn a_turn_that_a_deploy_cut_short_ends_and_is_not_run_again() {
        let place = Place::new();
        let (server, store) = open(&place, Durability::Full).await;
        let session = server.session().await;
        let proxy = Proxy::to(server.at).await;
        let mut client = at(&proxy, &session).start().unwrap();
        let mut shown = Shown::default();
        soon("an answer", client.prompt("hold")).await.unwrap();
        soon("an answer", client.prompt("next")).await.unwrap();
        shown.until(&mut client, "output", 1).await;
        proxy.lead(None);
        server.hub.drain(AT_ONCE).await;
        store.close().await.unwrap();
        let (server, _store) = open(&place, Durability::Full).await;
        proxy.lead(Some(server.at));
        shown.until_state(&mut client, State::BackingOff).await;
        client.handle().reconnect();
        shown.until(&mut client, "turn_end", 2).await;
        let outcomes: Vec<&Value> =
            shown.entries.values().filter(|entry| entry["entry"] == "turn_end").collect();
        assert_eq!(
            (&outcomes[0]["outcome"], &outcomes[1]["outcome"]),
            (&json!("ambiguous"), &json!("completed"))
        );
        shown.is_the_log_of(&server.hub, &session).await;
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_server_whose_file_was_deleted_accepts_nothing_more_and_ends() {
        let place = Place::new();
        let (server, _store) = open(&place, Durability::Full).await;
        let session = server.session().await;
        let proxy = Proxy::to(server.at).await;
        let mut client = at(&proxy, &session).start().unwrap();
        let mut shown = Shown::default();
        soon("an answer", client.prompt("one")).await.unwrap();
        shown.until(&mut client, "turn_end", 1).await;
        std::fs::remove_file(place.file()).unwrap();
        let mut answer = Box::pin(client.prompt("two"));
        soon("the end of the hub", server.hub.fenced()).await;
        // It waits for a server that has the session.
        shown.until_state(&mut client, State::BackingOff).await;
        assert!(futures_util::poll!(&mut answer).is_pending());
    }

    /// A copy is put back, and its log grows past the client's cursor before the client comes back.
    #[tokio::test]
    async fn a_client_of_a_store_that_was_set_back_is_told_and_mixes_no_histories() {
        let place = Place::new();
        let (server, store) = open(&place, Durability::Full).await;
        let session = server.session().await;
        let proxy = Proxy::to(server.at).await;
        let mut client = at(&proxy, &session).start().unwrap();
        let mut shown = Shown::default();
        soon("an answer", client.prompt("one")).await.unwrap();
        shown.until(&mut client, "turn_end", 1).await;
        let backup = std::fs::read(place.file()).unwrap();
        let log = std::fs::read(place.folder().join("sessions.db-wal")).unwrap();
        soon("an answer", client.prompt("two")).await.unwrap();
        shown.until(&mut client, "turn_end", 2).await;
        let before = (shown.log, shown.entries.len());
        proxy.lead(None);
        server.hub.drain(AT_ONCE).await;
        shown.until_state(&mut client, State::BackingOff).await;
        store.close().await.unwrap();
        std::fs::write(place.file(), backup).unwrap();
        std::fs::write(place.folder().join("sessions.db-wal"), log).unwrap();
        let (server, _store) = open(&place, Durability::Full).await;
        let direct = Proxy::to(server.at).await;
        let mut other = at(&direct, &session).client("phone").start().unwrap();
        let mut theirs = Shown::default();
        for (number, prompt) in (2..=4).zip(["three", "four", "five six seven eight"]) {
            soon("an answer", other.prompt(prompt)).await.unwrap();
            theirs.until(&mut other, "turn_end", number).await;
        }
        assert!(theirs.entries.len() > before.1, "it is past the cursor");
        proxy.lead(Some(server.at));
        client.handle().reconnect();
        soon("an answer", client.prompt("nine")).await.unwrap();
        while shown.prompts().iter().all(|(_, text)| text != "\"nine\"") {
            shown.next(&mut client).await;
        }
        assert_eq!(shown.anew, 2);
        assert_ne!(shown.log, before.0);
        shown.until(&mut client, "turn_end", 5).await;
        shown.is_the_log_of(&server.hub, &session).await;
    }

    #[tokio::test]
    async fn a_second_process_takes_over_and_a_log_that_may_have_lost_its_end_begins_anew() {
        let place = Place::new();
        // Its commits do not wait for the disk, and it is never closed in order.
        let (first, _store) = open(&place, Durability::Fast).await;
        let session = first.session().await;
        let proxy = Proxy::to(first.at).await;
        let mut client = at(&proxy, &session).start().unwrap();
        let mut shown = Shown::default();
        soon("an answer", client.prompt("one")).await.unwrap();
        shown.until(&mut client, "turn_end", 1).await;
        let before = shown.log;
        // Nor in this boot of the system, or nothing could be lost.
        place.set_boot(Some("another"));
        let (second, _store) = open(&place, Durability::Full).await;
        proxy.lead(Some(second.at));
        // The older one finds out with its next commit, and sends its clients on. The prompt it cannot take
        // waits, and goes to the newer one.
        soon("an answer", client.prompt("two")).await.unwrap();
        while shown.log == before {
            shown.next(&mut client).await;
        }
        shown.until(&mut client, "turn_end", 2).await;
        assert_eq!(shown.anew, 2);
        assert_eq!(shown.prompts(), [(1, "\"one\"".into()), (2, "\"two\"".into())]);
        shown.is_the_log_of(&second.hub, &session).await;
    }
}
