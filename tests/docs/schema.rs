//! `protocol.schema.json` and `protocol.asyncapi.json`: they take what is read, refuse what is not, and name all of it.

use std::collections::BTreeSet;

use jsonschema::Validator;
use outlive::CloseCode;
use outlive::wire::http::{
    AnswerRequest, Ignored, InterruptRequest, Problem, PromptAccepted, PromptRequest, SessionList,
    SessionName, SessionRecord, StopRequest, StreamOnly, SuspendRequest, Taken,
};
use outlive::wire::{LogEntry, ToClient, ToServer};
use serde::de::DeserializeOwned;
use serde_json::{Value, from_str, json};
use strum::EnumCount;

use super::page;
use super::protocol::{all_to_client, all_to_server, bodies, events};

fn generated(path: &str) -> Value {
    from_str(&page(path)).unwrap()
}

fn schema() -> Value {
    generated("protocol.schema.json")
}

/// What holds documents against one definition of the schema.
fn definition(name: &str) -> Validator {
    let mut schema = schema();
    assert!(schema["$defs"].get(name).is_some(), "no definition {name}");
    schema.as_object_mut().unwrap().remove("anyOf");
    schema["$ref"] = format!("#/$defs/{name}").into();
    jsonschema::draft202012::new(&schema).unwrap()
}

fn reads<T: DeserializeOwned>(text: &str) -> bool {
    from_str::<T>(text).is_ok()
}

/// As a client reads it: a frame, or an entry.
fn reads_to_client(text: &str) -> bool {
    reads::<ToClient>(text)
        || from_str::<Value>(text).unwrap()["t"] == "ev" && reads::<LogEntry>(text)
}

fn reads_event(text: &str) -> bool {
    reads_to_client(text) || reads::<StreamOnly>(text)
}

type Reader = fn(&str) -> bool;

/// Each definition that is a document, with what reads it and its examples in `docs/protocol.md`.
fn documents() -> Vec<(&'static str, Reader, Vec<String>)> {
    let http: [(&str, Reader); 12] = [
        ("PromptRequest", reads::<PromptRequest>),
        ("AnswerRequest", reads::<AnswerRequest>),
        ("InterruptRequest", reads::<InterruptRequest>),
        ("StopRequest", reads::<StopRequest>),
        ("SuspendRequest", reads::<SuspendRequest>),
        ("SessionName", reads::<SessionName>),
        ("SessionList", reads::<SessionList>),
        ("SessionRecord", reads::<SessionRecord>),
        ("PromptAccepted", reads::<PromptAccepted>),
        ("Taken", reads::<Taken>),
        ("Ignored", reads::<Ignored>),
        ("Problem", reads::<Problem>),
    ];
    let mut all: Vec<(_, Reader, _)> = vec![
        ("ToServer", reads::<ToServer>, all_to_server()),
        ("ToClient", reads_to_client, all_to_client()),
        ("StreamEvent", reads_event, events()),
    ];
    all.extend(http.map(|(name, reader)| (name, reader, bodies(name))));
    all
}

#[test]
fn the_schema_is_one_and_its_root_is_any_frame() {
    jsonschema::draft202012::meta::validate(&schema()).unwrap();
    let any = jsonschema::draft202012::new(&schema()).unwrap();
    for text in all_to_server().iter().chain(&all_to_client()) {
        assert!(any.is_valid(&from_str(text).unwrap()), "{text}");
    }
    assert!(!any.is_valid(&json!({ "t": "?" })));
}

#[test]
fn every_example_of_the_page_is_valid() {
    for (name, reads, examples) in documents() {
        let valid = definition(name);
        assert!(!examples.is_empty(), "no example of {name}");
        for text in examples {
            assert!(reads(&text), "{name}: {text}");
            let errors: Vec<_> =
                valid.iter_errors(&from_str(&text).unwrap()).map(|why| why.to_string()).collect();
            assert!(errors.is_empty(), "{name}: {text}: {errors:?}");
        }
    }
}

/// A document with one thing changed: what stands there now, if anything, and what the field is called.
struct Changed {
    whole: Value,
    field: String,
    to: Option<Value>,
}

const OTHERS: &[&str] = &["null", "true", "-1", "0", "1.5", "\"?\"", "[]", "{}", "[null]"];

/// Where something stands in a document: bodies are any JSON, so nothing in them.
fn places(value: &Value, at: &str, out: &mut Vec<String>) {
    out.push(at.to_owned());
    match value {
        Value::Object(fields) => {
            for (name, value) in fields.iter().filter(|(name, _)| *name != "d") {
                places(value, &format!("{at}/{name}"), out);
            }
        }
        Value::Array(items) => {
            for (place, value) in items.iter().enumerate() {
                places(value, &format!("{at}/{place}"), out);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Every field left out, everything replaced by each of the others, and a field more in each object.
fn changes(document: &Value) -> Vec<Changed> {
    let mut all = vec![];
    let mut out = Vec::new();
    places(document, "", &mut all);
    for at in &all {
        let field = at.rsplit('/').next().unwrap_or_default().to_owned();
        for other in OTHERS {
            let (mut whole, to) = (document.clone(), from_str::<Value>(other).unwrap());
            *whole.pointer_mut(at).unwrap() = to.clone();
            out.push(Changed { whole, field: field.clone(), to: Some(to) });
        }
        let fields = document.pointer(at).and_then(Value::as_object);
        let Some(fields) = fields else { continue };
        for name in fields.keys() {
            let mut whole = document.clone();
            whole.pointer_mut(at).unwrap().as_object_mut().unwrap().remove(name);
            out.push(Changed { whole, field: name.clone(), to: None });
        }
        let mut whole = document.clone();
        whole.pointer_mut(at).unwrap()["surplus"] = json!([1]);
        out.push(Changed { whole, field: "surplus".into(), to: None });
    }
    out
}

/// Where the schema is the promise of the protocol, and reading is more lenient: what is left out if there is none is read
/// as `null` too, but never written so; a list in place of an object, which the endpoint refuses; and names, which only those
/// look into who have given them; and the only tag of a kind by its number, which serde takes behind `untagged`.
fn is_lenient(change: &Changed) -> bool {
    let list = change.field.is_empty() && change.whole.is_array();
    let name = ["connection", "session"].contains(&change.field.as_str());
    let tag = change.field == "error" && change.to == Some(json!(0));
    change.to == Some(Value::Null) || list || name || tag
}

#[test]
fn what_is_changed_in_an_example_is_refused_by_the_schema_if_it_cannot_be_read() {
    let (mut taken, mut refused, mut wrong) = (0, 0, Vec::new());
    for (name, reads, examples) in documents() {
        let valid = definition(name);
        for text in examples {
            for change in changes(&from_str(&text).unwrap()) {
                let whole = change.whole.to_string();
                let (read, valid) = (reads(&whole), valid.is_valid(&change.whole));
                if read != valid && !(read && is_lenient(&change)) {
                    wrong.push(format!("{name}: read {read}, valid {valid}: {whole}"));
                }
                *if valid { &mut taken } else { &mut refused } += 1;
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(taken > 300 && refused > 4_000, "{taken} taken, {refused} refused");
}

#[test]
fn an_optional_field_is_left_out_and_only_those_of_the_page_may_be_null() {
    let mut null = BTreeSet::new();
    for (name, _, examples) in documents() {
        let valid = definition(name);
        for text in examples {
            let changes = changes(&from_str(&text).unwrap());
            let nulls = changes.into_iter().filter(|change| change.to == Some(Value::Null));
            null.extend(nulls.filter(|it| valid.is_valid(&it.whole)).map(|it| it.field));
        }
    }
    assert_eq!(null.into_iter().collect::<Vec<_>>(), ["high", "next", "turn"]);
}

#[test]
fn numbers_and_texts_have_the_bounds_of_the_page() {
    let (to_server, to_client) = (definition("ToServer"), definition("ToClient"));
    let most = (1_u64 << 53) - 1;
    for (frame, bound) in [
        (json!({ "t": "suspend", "seen": most }), true),
        (json!({ "t": "suspend", "seen": most + 1 }), false),
        (json!({ "t": "prompt", "n": 0, "d": null }), false),
        (json!({ "t": "prompt", "n": most, "d": null }), true),
        (json!({ "t": "prompt", "n": most + 1, "d": null }), false),
        (json!({ "t": "stop", "incarnation": u32::MAX }), true),
        (json!({ "t": "stop", "incarnation": 1_u64 << 32 }), false),
        (json!({ "t": "attach", "client": "" }), false),
        (json!({ "t": "attach", "client": "é".repeat(32) }), true),
        (json!({ "t": "attach", "client": "x".repeat(65) }), false),
        (json!({ "t": "attach", "client": "a\nb" }), false),
        (json!({ "t": "attach", "client": "a\u{9f}" }), false),
    ] {
        assert_eq!(to_server.is_valid(&frame), bound, "{frame}");
    }
    let at = |id: &str| json!({ "t": "ev", "id": id, "entry": "withdrawn", "ask": 1 });
    for (id, bound) in [
        ("0.0", true),
        ("ffffffffffffffff.9007199254740991", true),
        ("9F3A.4", false),
        ("9f3a", false),
        ("00000000000000000.1", false),
    ] {
        assert_eq!(to_client.is_valid(&with_all(at(id))), bound, "{id}");
    }
}

/// With what the first example of an entry has beside the fields of its kind.
fn with_all(mut entry: Value) -> Value {
    let examples = all_to_client();
    let first = examples.iter().find(|text| text.contains("\"withdrawn\"")).unwrap();
    let first: Value = from_str(first).unwrap();
    for (name, value) in first.as_object().unwrap() {
        if entry.get(name).is_none() {
            entry[name] = value.clone();
        }
    }
    entry
}

/// What an `AsyncAPI` document refers to is there: in itself, and in the schema.
#[test]
fn every_reference_of_the_asyncapi_document_leads_somewhere() {
    let (document, schema) = (generated("protocol.asyncapi.json"), schema());
    let text = page("protocol.asyncapi.json");
    let references: BTreeSet<_> = text.split("\"$ref\": \"").skip(1).collect();
    assert!(!references.is_empty());
    for reference in references {
        let reference = reference.split('"').next().unwrap();
        let (file, at) = reference.split_once('#').unwrap();
        let of = if file.is_empty() { &document } else { &schema };
        assert!(file.is_empty() || file == "protocol.schema.json", "{file}");
        assert!(of.pointer(at).is_some(), "{reference}");
    }
}

#[test]
fn the_asyncapi_document_has_every_kind_and_every_close_code() {
    let document = generated("protocol.asyncapi.json");
    for (operation, of) in [("send", "ToServer"), ("receive", "ToClient"), ("read", "StreamEvent")]
    {
        let count = document["operations"][operation]["messages"].as_array().unwrap().len();
        assert_eq!(count, leaves(&schema(), of), "{of}");
    }
    for channel in ["socket", "events"] {
        let codes = document["channels"][channel]["x-close-codes"].as_array().unwrap();
        assert_eq!(codes.len(), CloseCode::COUNT);
    }
}

/// How many kinds a definition is any of.
fn leaves(schema: &Value, name: &str) -> usize {
    let Some(all) = schema["$defs"][name]["oneOf"].as_array() else { return 1 };
    let names = all.iter().map(|one| one["$ref"].as_str().unwrap().rsplit('/').next().unwrap());
    names.map(|name| leaves(schema, name)).sum()
}
