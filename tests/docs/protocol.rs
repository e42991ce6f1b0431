//! `docs/protocol.md`: each example is exactly what is read and written, and no kind is missing.

use std::collections::BTreeSet;

use outlive::log::{Cursor, ResetReason};
use outlive::wire::{Entry, Line, LogEntry, Refused, ToClient, ToServer, frame, http};
use outlive::{CloseCode, EndReason, Reason, State, TurnOutcome};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, from_str, json, to_string};
use strum::{EnumCount, VariantArray};

use super::file;

/// What is fenced in this language, a block each.
fn blocks(language: &str) -> Vec<String> {
    let page = file("docs/protocol.md");
    let fence = format!("\n```{language}\n");
    let block = |rest: &str| rest.split("\n```").next().unwrap_or_default().to_owned();
    let blocks: Vec<_> = page.split(&fence).skip(1).map(block).collect();
    assert!(!blocks.is_empty(), "no example in {language}");
    blocks
}

fn lines(language: &str) -> Vec<String> {
    blocks(language).iter().flat_map(|block| block.lines()).map(str::to_owned).collect()
}

fn read<T: DeserializeOwned>(text: &str) -> T {
    from_str(text).unwrap_or_else(|why| panic!("{text}: {why}"))
}

/// As a client writes it.
fn to_server(text: &str) -> ToServer {
    let frame: ToServer = read(text);
    assert_eq!(to_string(&frame).unwrap(), text);
    frame
}

/// As a server writes it: a frame, or an entry with its place.
fn to_client(text: &str) {
    let value: Value = read(text);
    if value["t"] == "ev" {
        let event: LogEntry = read(text);
        let line = to_string(&Line { at: event.at, entry: event.entry }).unwrap();
        let written = frame(event.cursor.log, event.cursor.seq, line.as_bytes());
        assert_eq!(String::from_utf8(written).unwrap(), text);
        return;
    }
    let said: ToClient = read(text);
    assert_eq!(to_string(&said).unwrap(), text);
    if let ToClient::Refused(refused) = said {
        meant(&refused, text);
    }
}

/// A refusal says what its reason means.
fn meant(refused: &Refused, text: &str) {
    let message = match refused.reason {
        outlive::wire::Why::Table(reason) => reason.meaning(),
        outlive::wire::Why::Endpoint(reason) => reason.meaning(),
    };
    assert_eq!(refused.message, message, "{text}");
}

/// What the server reads of the dialogue, and what it writes.
fn dialogue(who: &str) -> Vec<String> {
    lines("dialogue").iter().filter_map(|line| line.strip_prefix(who)).map(str::to_owned).collect()
}

pub(super) fn all_to_server() -> Vec<String> {
    [lines("json to-server"), dialogue("C ")].concat()
}

pub(super) fn all_to_client() -> Vec<String> {
    [lines("json to-client"), dialogue("S ")].concat()
}

#[test]
fn each_frame_is_exactly_what_is_read_and_written() {
    for text in all_to_server() {
        let _ = to_server(&text);
    }
    for text in all_to_client() {
        to_client(&text);
    }
    for line in lines("dialogue") {
        assert!(["C ", "S ", "- "].iter().any(|who| line.starts_with(who)), "{line}");
    }
}

/// The words that a field may have, as its error names them.
fn known<T: DeserializeOwned>(field: &str) -> BTreeSet<String> {
    let text = json!({ field: "?" }).to_string();
    let error = from_str::<T>(&text).map(|_| ()).unwrap_err().to_string();
    let of = ["must be one of ", "expected one of "];
    let list = of.iter().find_map(|of| error.split_once(of)).unwrap_or_else(|| panic!("{error}")).1;
    let list = list.split(" at line").next().unwrap_or_default();
    list.split(", ").map(|word| word.replace('`', "")).collect()
}

fn shown(texts: &[String], field: &str) -> BTreeSet<String> {
    let values = texts.iter().map(|text| read::<Value>(text)[field].clone());
    values.filter_map(|value| value.as_str().map(str::to_owned)).collect()
}

#[test]
fn every_kind_of_frame_and_of_entry_is_shown() {
    assert_eq!(shown(&lines("json to-server"), "t"), known::<ToServer>("t"));
    let texts = lines("json to-client");
    let mut frames = known::<ToClient>("t");
    frames.insert("ev".into());
    assert_eq!(shown(&texts, "t"), frames);
    assert_eq!(shown(&texts, "entry"), known::<Entry>("entry"));
    let entries = texts.iter().map(|text| read::<Value>(text));
    let standing = entries.filter(|entry| entry["stands"] == true).count();
    assert!(standing > 0, "an ask that stands");
}

#[test]
fn every_word_that_a_client_has_to_know_is_there() {
    let page = file("docs/protocol.md");
    let states = State::VARIANTS.iter().map(ToString::to_string);
    let outcomes = TurnOutcome::VARIANTS.iter().map(ToString::to_string);
    let resets = ResetReason::VARIANTS.iter().map(ToString::to_string);
    let endpoint = outlive::wire::EndpointReason::VARIANTS.iter().map(ToString::to_string);
    for word in states.chain(outcomes).chain(resets).chain(endpoint) {
        assert!(page.contains(&format!("`{word}`")), "{word}");
    }
    let words: Value = read(&super::page("words.json"));
    assert_eq!(words["end_reasons"].as_array().unwrap().len(), EndReason::COUNT);
}

/// The place of an event's `id`, which is that of its entry; a welcome has the place before the first one.
fn sse_event(event: &str) {
    let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name));
    let (name, data) = (field("event: ").unwrap(), field("data: ").unwrap());
    let value: Value = read(data);
    assert_eq!(value["t"], name);
    let id = field("id: ").map(|id| id.parse::<Cursor>().unwrap());
    match name {
        "reset" => _ = exact::<http::StreamOnly>(data),
        "close" => {
            let http::StreamOnly::Close { code, .. } = exact(data) else { panic!("{data}") };
            let known = CloseCode::VARIANTS.iter().find(|known| known.number() == code);
            let known = known.unwrap_or_else(|| panic!("no code {code}"));
            assert_eq!(read::<http::StreamOnly>(data), http::StreamOnly::close(*known));
        }
        _ => to_client(data),
    }
    match name {
        "ev" => assert_eq!(id, Some(read::<LogEntry>(data).cursor)),
        "welcome" => assert!(id.is_some()),
        _ => assert_eq!(id, None, "{name}"),
    }
}

#[test]
fn each_event_of_the_stream_is_as_it_is_written() {
    for event in sse() {
        sse_event(&event);
    }
}

fn sse() -> Vec<String> {
    let blocks = blocks("sse");
    let events = blocks.iter().flat_map(|block| block.split("\n\n"));
    events.filter(|event| !event.trim().is_empty()).map(str::to_owned).collect()
}

/// The data of every event.
pub(super) fn events() -> Vec<String> {
    let data = |event: &String| {
        event.lines().find_map(|line| line.strip_prefix("data: ")).map(str::to_owned)
    };
    sse().iter().filter_map(data).collect()
}

/// What is read of it is written as it stands.
fn exact<T: Serialize + DeserializeOwned>(text: &str) -> T {
    let value = read(text);
    assert_eq!(to_string(&value).unwrap(), text);
    value
}

/// Which definition a body has: of a request, or, with its status, of what answers it.
fn form(line: &str, status: Option<u16>) -> &'static str {
    let (method, path) = line.split_once(' ').unwrap();
    let last: Vec<_> = path.trim_start_matches("/sessions").split('/').collect();
    match (method, &last[1..], status) {
        (_, _, Some(400..)) => "Problem",
        (_, ["{id}", "interrupt" | "stop" | "suspend" | "asks", ..], Some(202)) => "Taken",
        (_, ["{id}", "interrupt" | "stop" | "suspend"], Some(200)) => "Ignored",
        ("POST", [], Some(201)) => "SessionName",
        ("GET", [], Some(200)) => "SessionList",
        ("GET", ["{id}"], Some(200)) => "SessionRecord",
        ("POST", ["{id}", "prompts"], Some(200 | 202)) => "PromptAccepted",
        ("POST", ["{id}", "prompts"], None) => "PromptRequest",
        ("POST", ["{id}", "asks", _], None) => "AnswerRequest",
        ("POST", ["{id}", "interrupt"], None) => "InterruptRequest",
        ("POST", ["{id}", "stop"], None) => "StopRequest",
        ("POST", ["{id}", "suspend"], None) => "SuspendRequest",
        _ => panic!("{line}: {status:?}"),
    }
}

fn request(body: &str, form: &str) {
    match form {
        "PromptRequest" => drop(exact::<http::PromptRequest>(body)),
        "AnswerRequest" => drop(exact::<http::AnswerRequest>(body)),
        "InterruptRequest" => drop(exact::<http::InterruptRequest>(body)),
        "StopRequest" => drop(exact::<http::StopRequest>(body)),
        "SuspendRequest" => drop(exact::<http::SuspendRequest>(body)),
        _ => panic!("{form}"),
    }
}

fn response(status: &str, body: &str, form: &str) {
    match form {
        "SessionName" => drop(exact::<http::SessionName>(body)),
        "SessionList" => drop(exact::<http::SessionList>(body)),
        "SessionRecord" => drop(exact::<http::SessionRecord>(body)),
        "PromptAccepted" => {
            let again = exact::<http::PromptAccepted>(body).again;
            assert_eq!(status, if again { "200" } else { "202" });
        }
        "Taken" => _ = exact::<http::Taken>(body),
        "Ignored" => {
            let said: http::Ignored = exact(body);
            assert_eq!(said, http::Ignored::new(said.ignored));
        }
        "Problem" => match exact(body) {
            http::Problem::Mistake(mistake) => assert_eq!(status, status_of(mistake.error)),
            http::Problem::Refused(refusal) => {
                let http::Refusal::Refused(refused) = *refusal;
                meant(&refused, body);
                let conflict = refused.reason == outlive::wire::Why::Table(Reason::Conflict);
                assert_eq!(status, if conflict { "422" } else { "409" });
            }
        },
        _ => panic!("{form}"),
    }
}

/// A mistake's sentence begins with its status.
fn status_of(mistake: http::MistakeKind) -> &'static str {
    mistake.meaning().split(':').next().unwrap()
}

/// Every body of the page, each with its definition and, if it is an answer, its status.
fn all_bodies() -> Vec<(&'static str, Option<String>, String)> {
    let mut all = Vec::new();
    for block in blocks("http") {
        let lines: Vec<_> = block.lines().collect();
        let (asked, body, answered) = match lines[..] {
            [asked, answered] => (asked, None, answered),
            [asked, body, answered] => (asked, Some(body), answered),
            _ => panic!("{block}"),
        };
        assert!(asked.starts_with(char::is_uppercase), "{asked}");
        // With an idempotency key the body is all.
        let keyed = |body: &str| asked.ends_with("/prompts") && !body.starts_with('{');
        if let Some(body) = body.filter(|body| !keyed(body)) {
            all.push((form(asked, None), None, body.to_owned()));
        }
        let (status, body) = answered.strip_prefix("→ ").unwrap().split_once(' ').unwrap();
        all.push((
            form(asked, Some(status.parse().unwrap())),
            Some(status.to_owned()),
            body.to_owned(),
        ));
    }
    all
}

/// The bodies of one form.
pub(super) fn bodies(form: &str) -> Vec<String> {
    let all = all_bodies().into_iter().filter(|(of, ..)| *of == form);
    all.map(|(_, _, body)| body).collect()
}

#[test]
fn each_body_is_exactly_what_is_read_and_written() {
    for (form, status, body) in all_bodies() {
        match status {
            None => request(&body, form),
            Some(status) => response(&status, &body, form),
        }
    }
}

#[test]
fn every_mistake_stands_beside_its_status() {
    let page = file("docs/protocol.md");
    for mistake in http::MistakeKind::VARIANTS {
        let row = format!("| {} |", status_of(*mistake));
        let row = page.lines().find(|line| line.starts_with(&row));
        let row = row.unwrap_or_else(|| panic!("no row for {mistake}"));
        assert!(row.contains(&format!("`{mistake}`")), "{row} lacks {mistake}");
    }
}

/// Where no test would read it.
#[test]
fn no_example_stands_elsewhere_on_the_page() {
    let page = file("docs/protocol.md");
    let fences = page.lines().filter(|line| line.starts_with("```") && *line != "```");
    let fences: BTreeSet<_> = fences.map(|line| line.trim_start_matches('`')).collect();
    let read = ["dialogue", "http", "json to-client", "json to-server", "sse"];
    assert_eq!(fences.into_iter().collect::<Vec<_>>(), read);
    assert!(!page.contains("`{\""), "an example in a sentence");
}
