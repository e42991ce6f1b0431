//! What prompts, answers and outputs say.

use outlive::Limits;
use outlive::ids::Seq;
use outlive::wire::Line;
use outlive_server::hub::{
    Accepted, Author, CommandError, Failure, HistoryEntry, Hub, HubOptions, Turn, Worker,
    WorkerContext,
};
use outlive_server::store::Store as _;
use serde_json::value::RawValue;

use outlive_testkit::hub::{Fault, Scene, Stage, n, settle};

/// A worker that reads its history when it starts, as one with a memory does.
struct Mirror;

impl Worker for Mirror {
    type Run = usize;

    async fn start(&self, start: WorkerContext) -> Result<usize, Failure> {
        Ok(start.history().entries().await?.len())
    }

    async fn answer(&self, _: &mut usize, turn: Turn) -> Result<(), Failure> {
        let prompt: Option<u32> = turn.prompt().deserialize()?;
        turn.emit(&prompt).await?;
        let answer = turn.ask(&()).await?;
        turn.emit(&answer.deserialize::<Option<u32>>()?).await?;
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn null_is_a_prompt_an_output_a_question_and_an_answer_and_the_session_goes_on() {
    let hub = Hub::builder().build(Mirror).await.unwrap();
    let session = hub.create().await.unwrap();
    let none: Option<u32> = None;
    let mut turn = Seq(1);
    for number in 1..=2 {
        let accepted = hub
            .session(&session)
            .prompt(Author { principal: "ann", client: "post" }, n(number), &none)
            .await
            .unwrap();
        let Accepted { seq, .. } = accepted;
        settle().await;
        let ask = Seq(seq.0 + 2);
        hub.session(&session)
            .answer(Author { principal: "ann", client: "post" }, ask, &none)
            .await
            .unwrap();
        settle().await;
        // The next incarnation reads all of it before it starts.
        hub.session(&session).stop(None).await.unwrap();
        settle().await;
        turn = seq;
    }
    let last: Vec<_> = hub.history(&session).entries().await.unwrap();
    let last = last.iter().filter(|said| said.seq >= turn);
    let last: Vec<_> = last.map(|said| serde_json::to_value(&said.entry).unwrap()).collect();
    let kinds: Vec<_> = last.iter().map(|said| said["entry"].as_str().unwrap()).collect();
    assert_eq!(
        kinds,
        ["prompt", "output", "ask", "answer", "output", "turn_end", "closing", "end"]
    );
    assert!(last[..5].iter().all(|said| said["d"].is_null()), "{last:?}");
    assert_eq!(last[5]["outcome"], "completed");
}

/// A worker with a memory has to know where it is cut off.
#[tokio::test(start_paused = true)]
async fn a_history_says_where_it_begins() {
    let limits = Limits { retention: 4, ..Limits::default() };
    let stage = Stage::with(limits, HubOptions::default()).await;
    let session = stage.session().await;
    let history = stage.hub.history(&session);
    assert_eq!(history.base().await, Ok(Seq(0)), "nothing is said yet");
    stage.prompt(&session, 1, &Scene::Say(2)).await.unwrap();
    settle().await;
    assert_eq!(history.base().await, Ok(Seq(0)), "four entries are retained");
    stage.prompt(&session, 2, &Scene::Say(3)).await.unwrap();
    settle().await;
    let places: Vec<_> = history.entries().await.unwrap().iter().map(|said| said.seq.0).collect();
    assert_eq!((history.base().await, places), (Ok(Seq(5)), vec![6, 7, 8, 9]));
    stage.hub.forget(&session).await.unwrap();
    assert_eq!(history.base().await, Ok(Seq(0)), "there is no such session");
    stage.done();
}

/// A worker that is sent only so much of a long conversation does not read all of it.
#[tokio::test(start_paused = true)]
async fn the_newest_entries_are_read_back_from_the_head_within_bounds() {
    let (stage, store) = Stage::faulty().await;
    let session = stage.session().await;
    let history = stage.hub.history(&session);
    let places = async |entries, bytes| {
        let latest = history.latest(entries, bytes).await.unwrap();
        latest.iter().map(|said| said.seq.0).collect::<Vec<_>>()
    };
    assert_eq!(places(10, 10_000).await, [0; 0], "nothing is said yet");
    stage.prompt(&session, 1, &Scene::Say(600)).await.unwrap();
    settle().await;
    let all: Vec<u64> = (1..=602).collect();
    assert_eq!(places(usize::MAX, usize::MAX).await, all);
    assert_eq!(places(602, usize::MAX).await, all);
    assert_eq!(places(300, usize::MAX).await, all[302..]);
    assert_eq!(places(0, usize::MAX).await, [0; 0]);
    let HistoryEntry { at, entry, .. } = history.entries().await.unwrap().pop().unwrap();
    let size = serde_json::to_vec(&Line { at, entry }).unwrap().len();
    assert_eq!(places(usize::MAX, size).await, [602]);
    assert_eq!(places(usize::MAX, size - 1).await, [0; 0]);
    // One block is enough: the second read would fail.
    store.reads([Fault::None, Fault::None, Fault::Fails]);
    assert_eq!(places(usize::MAX, size).await, [602]);
    stage.done();
}

/// A client's digest is stored, and what is sent again is held against it, perhaps by another version.
#[tokio::test(start_paused = true)]
async fn a_prompt_is_the_same_whatever_space_is_between_its_tokens() {
    let stage = Stage::new().await;
    let session = stage.session().await;
    let raw = |text: &str| RawValue::from_string(text.into()).unwrap();
    let send = async |number: u64, text: &str| {
        stage
            .hub
            .session(&session)
            .prompt(Author { principal: "ann", client: "post" }, n(number), &raw(text))
            .await
    };
    assert!(send(1, r#"{"a":"b c"}"#).await.is_ok());
    let stored = stage.memory.load(&session).await.unwrap().unwrap();
    let clients = serde_json::to_value(&stored.snapshot).unwrap()["clients"].clone();
    assert_eq!(
        clients[0]["digest"], 0x38cc_6e2f_67cb_1ba7_u64,
        "SHA-256 of the JSON without space"
    );
    for same in ["{ \"a\" : \"b c\" }", "\t{\r\n\"a\":\n\"b c\"\n}\n"] {
        let again = send(1, same).await.unwrap();
        assert!(matches!(again, Accepted { again: true, .. }), "{same}");
    }
    for other in [r#"{"a":"bc"}"#, r#"{"a":"b  c"}"#, r#"{"a":"b\tc"}"#] {
        assert!(matches!(send(1, other).await, Err(CommandError::Refused(_))), "{other}");
    }
    // A quote, or a backslash before one, that stands in a string.
    assert!(send(2, r#"["\" a","\\", 1]"#).await.is_ok());
    assert!(send(2, r#"["\" a","\\",1]"#).await.is_ok());
    assert!(send(2, r#"["\"a","\\",1]"#).await.is_err());
    stage.done();
}
