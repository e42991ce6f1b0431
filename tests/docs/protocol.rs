//! `docs/protocol.md`: each example is exactly what is read and written, and no kind is missing.

use std::collections::BTreeSet;

use outlive::log::{Cursor, LogId, ResetReason};
use outlive::wire::{Entry, Line, LogEntry, Refused, ToClient, ToServer, frame};
use outlive::{CloseCode, EndReason, Reason, State, TurnOutcome};
use serde::de::DeserializeOwned;
use serde_json::{Value, from_str, from_value, json, to_string};
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

fn all_to_server() -> Vec<String> {
    [lines("json to-server"), dialogue("C ")].concat()
}

fn all_to_client() -> Vec<String> {
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
        "reset" => {
            let why: ResetReason = from_value(value["why"].clone()).unwrap();
            assert_eq!(json!({ "t": "reset", "why": why }), value);
        }
        "close" => {
            let number = value["code"].as_u64().unwrap();
            let code = CloseCode::VARIANTS.iter().find(|code| u64::from(code.number()) == number);
            let code = code.unwrap_or_else(|| panic!("no code {number}"));
            let (rule, message) = (code.client_rule(), code.meaning());
            let written = json!({ "t": "close", "code": number, "rule": rule, "message": message });
            assert_eq!(written.to_string(), data);
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
    for block in blocks("sse") {
        block.split("\n\n").filter(|event| !event.trim().is_empty()).for_each(sse_event);
    }
}

/// A request's body has the fields of the frame that asks for the same.
fn request(line: &str, body: &str) {
    let path = line.split(' ').nth(1).unwrap();
    let last: Vec<_> = path.trim_start_matches("/sessions/{id}/").split('/').collect();
    let mut value: Value = read(body);
    let (kind, keyed) = match last[..] {
        // With an idempotency key the body is all.
        ["prompts"] if !value.is_object() => return,
        ["prompts"] => ("prompt", true),
        ["asks", ask] => {
            value["ask"] = ask.parse::<u64>().unwrap().into();
            ("answer", true)
        }
        ["interrupt"] => ("interrupt", false),
        ["stop"] => ("stop", false),
        ["suspend"] => ("suspend", true),
        _ => panic!("{line} has no body"),
    };
    value["t"] = kind.into();
    let frame = to_string(&read::<ToServer>(&value.to_string())).unwrap();
    let frame: Value = read(&frame);
    let more = value.as_object().unwrap().keys().filter(|key| frame.get(key.as_str()).is_none());
    let more: Vec<_> = more.map(String::as_str).collect();
    let named = if kind == "suspend" { vec!["client", "connection"] } else { vec!["client"] };
    assert_eq!(more, if keyed { named } else { vec![] }, "{line}");
}

fn response(line: &str) {
    let (status, body) = line.split_once(' ').unwrap();
    let value: Value = read(body);
    if value["error"] == "refused" {
        let refused: Refused = read(body);
        meant(&refused, body);
        let written = to_string(&refused).unwrap();
        assert_eq!(format!("{{\"error\":\"refused\",{}", &written[1..]), body);
        let status_of = if refused.reason == outlive::wire::Why::Table(Reason::Conflict) {
            "422"
        } else {
            "409"
        };
        assert_eq!(status, status_of);
    } else if let Some(reason) = value.get("ignored") {
        let reason: Reason = from_value(reason.clone()).unwrap();
        assert_eq!(value["message"], reason.meaning());
        assert_eq!(status, "200");
    } else if value.get("again").is_some() {
        assert_eq!(status, if value["again"] == true { "200" } else { "202" });
        assert_eq!(value.as_object().unwrap().len(), 3);
        assert!(value["n"].is_u64() && value["seq"].is_u64());
    } else if let Some(log) = value.get("log") {
        let _: (LogId, State) =
            from_value(json!([log, value["state"]])).unwrap_or_else(|why| panic!("{why}"));
    }
}

#[test]
fn each_request_has_the_fields_of_its_frame() {
    for block in blocks("http") {
        let lines: Vec<_> = block.lines().collect();
        match lines[..] {
            [asked, answered] => {
                assert!(asked.starts_with(char::is_uppercase), "{asked}");
                response(answered.strip_prefix("→ ").unwrap());
            }
            [asked, body, answered] => {
                request(asked, body);
                response(answered.strip_prefix("→ ").unwrap());
            }
            _ => panic!("{block}"),
        }
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
