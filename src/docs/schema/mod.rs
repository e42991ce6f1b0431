//! The protocol as a JSON Schema: every frame, every entry and every body, derived from the types that run.

mod words;

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value, json};

use super::json::text;
use crate::wire::{LogEntry, ToClient, ToServer, http};

pub(crate) use words::{ClientName, Connection, SessionId};

/// The name of its page.
pub(super) const NAME: &str = "protocol.schema.json";

/// Where definitions stand.
const DEFS: &str = "#/$defs/";

const ABOUT: &str = "What this version writes, and takes. A reader passes over fields, kinds of frames and kinds of \
    entries that it does not know, and shows words that it does not know as they are: so do not refuse by this schema \
    what comes from a newer server. What is said in sentences is in docs/protocol.md.";

/// What `ToServer` and the others become: a kind a definition, named by the value of its tag.
const TAGGED: &[(&str, &str)] =
    &[("ToServer", "t"), ("ToClient", "t"), ("LogEntry", "entry"), ("StreamOnly", "t")];

/// The frames that a stream of events has too.
const STREAMED: &[&str] = &[
    "ToClientWelcome",
    "ToClientGap",
    "ToClientGoaway",
    "ToClientError",
    "ToClientPing",
    "LogEntry",
    "StreamOnly",
];

/// The whole schema.
pub(super) fn render() -> String {
    text(&json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "The protocol outlive.v1",
        "description": format!("{ABOUT} A document by itself is a frame of the WebSocket; `StreamEvent` is the data of a \
            server-sent event, and the other definitions are what these and the bodies of requests are made of."),
        "anyOf": [refer("ToServer"), refer("ToClient")],
        "$defs": definitions(),
    }))
}

/// Every definition, by its name.
pub(super) fn definitions() -> Map<String, Value> {
    let mut generator = SchemaSettings::draft2020_12().for_serialize().into_generator();
    let mut roots = Vec::new();
    let mut add = |name: String| roots.push(name);
    add(name_of::<ToServer>(&mut generator));
    add(name_of::<ToClient>(&mut generator));
    add(name_of::<LogEntry>(&mut generator));
    add(name_of::<http::StreamOnly>(&mut generator));
    add(name_of::<http::PromptRequest>(&mut generator));
    add(name_of::<http::AnswerRequest>(&mut generator));
    add(name_of::<http::InterruptRequest>(&mut generator));
    add(name_of::<http::StopRequest>(&mut generator));
    add(name_of::<http::SuspendRequest>(&mut generator));
    add(name_of::<http::SessionName>(&mut generator));
    add(name_of::<http::SessionList>(&mut generator));
    add(name_of::<http::SessionRecord>(&mut generator));
    add(name_of::<http::PromptAccepted>(&mut generator));
    add(name_of::<http::Taken>(&mut generator));
    add(name_of::<http::Ignored>(&mut generator));
    add(name_of::<http::Problem>(&mut generator));
    let mut defs = generator.take_definitions(true);
    let whole = defs.clone();
    for def in defs.values_mut() {
        merge_parts(def, &whole);
        settle(def);
    }
    add_place(&mut defs);
    for (name, tag) in TAGGED {
        split(&mut defs, name, tag);
    }
    let streamed: Vec<Value> = STREAMED.iter().map(|name| refer(name)).collect();
    let about = "The data of a server-sent event; `t` is the name of the event, too.";
    defs.insert("StreamEvent".into(), json!({ "description": about, "oneOf": streamed }));
    if let Some(frames) = defs.get_mut("ToClient") {
        frames["description"] = "From server to client.".into();
        if let Some(kinds) = frames["oneOf"].as_array_mut() {
            kinds.push(refer("LogEntry"));
        }
    }
    roots.push("StreamEvent".into());
    let used = reachable(&defs, roots);
    defs.into_iter().filter(|(name, _)| used.contains(name)).collect()
}

/// The definitions of which this one is any, each of one kind.
pub(super) fn kinds(defs: &Map<String, Value>, name: &str) -> Vec<String> {
    let Some(all) = defs.get(name).and_then(|def| def["oneOf"].as_array()) else {
        return alloc::vec![name.into()];
    };
    let names = all.iter().filter_map(|one| one["$ref"].as_str()?.strip_prefix(DEFS));
    names.flat_map(|name| kinds(defs, name)).collect()
}

fn name_of<T: JsonSchema>(generator: &mut SchemaGenerator) -> String {
    let _ = generator.subschema_for::<T>();
    T::schema_name().into_owned()
}

pub(super) fn refer(name: &str) -> Value {
    json!({ "$ref": format!("{DEFS}{name}") })
}

/// Does so with every schema in this one, the inner ones first.
fn each(schema: &mut Value, change: &mut impl FnMut(&mut Map<String, Value>)) {
    match schema {
        Value::Array(all) => all.iter_mut().for_each(|one| each(one, change)),
        Value::Object(fields) => {
            fields.values_mut().for_each(|one| each(one, change));
            change(fields);
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// A schema that refers to another one and adds fields becomes one schema: readers of older drafts see nothing beside a
/// reference.
fn merge_parts(schema: &mut Value, defs: &Map<String, Value>) {
    each(schema, &mut |fields| {
        if !fields.contains_key("properties") {
            return;
        }
        let target = fields.remove("$ref");
        let target = target.as_ref().and_then(Value::as_str).and_then(|at| at.strip_prefix(DEFS));
        if let Some(Value::Object(part)) = target.and_then(|name| defs.get(name)) {
            merge(fields, part);
        }
    });
}

/// Adds the fields of another schema to this one, which keeps its own description.
fn merge(into: &mut Map<String, Value>, from: &Map<String, Value>) {
    for (key, value) in from {
        match (into.get_mut(key), value) {
            (Some(Value::Object(own)), Value::Object(more)) => own.extend(more.clone()),
            (Some(Value::Array(own)), Value::Array(more)) => {
                for one in more {
                    if !own.contains(one) {
                        own.push(one.clone());
                    }
                }
            }
            (Some(_), _) => {}
            (None, _) => _ = into.insert(key.clone(), value.clone()),
        }
    }
}

/// What the derived schema says otherwise than the protocol does.
fn settle(schema: &mut Value) {
    each(schema, &mut |fields| {
        // The sizes of Rust's numbers.
        if let Some(Value::String(format)) = fields.remove("format") {
            let most = match format.as_str() {
                "uint16" => u64::from(u16::MAX),
                "uint32" => u64::from(u32::MAX),
                // A number that every language reads exactly: a prompt's.
                _ => crate::ids::Seq::MAX.0,
            };
            fields.insert("maximum".into(), most.into());
        }
        if let Some(Value::String(text)) = fields.get_mut("description") {
            *text = plain(text);
        }
        optional(fields);
    });
}

/// What is left out if there is none is never `null`; what is `null` if there is none may be left out as well.
fn optional(fields: &mut Map<String, Value>) {
    let mut required = match fields.get("required") {
        Some(Value::Array(names)) => names.clone(),
        _ => Vec::new(),
    };
    let Some(Value::Object(properties)) = fields.get_mut("properties") else { return };
    for (name, property) in properties {
        let name = Value::from(name.as_str());
        let Some(schema) = property.as_object_mut() else { continue };
        if required.contains(&name) {
            if takes_null(schema) {
                required.retain(|one| *one != name);
            }
        } else {
            refuse_null(schema);
        }
    }
    if required.is_empty() {
        fields.remove("required");
    } else {
        fields.insert("required".into(), required.into());
    }
}

fn takes_null(schema: &Map<String, Value>) -> bool {
    let null = |types: &Value| types.as_array().is_some_and(|of| of.contains(&json!("null")));
    let any = |of: &Value| of.as_array().is_some_and(|of| of.contains(&json!({ "type": "null" })));
    schema.get("type").is_some_and(null) || schema.get("anyOf").is_some_and(any)
}

fn refuse_null(schema: &mut Map<String, Value>) {
    for (key, null) in [("type", json!("null")), ("anyOf", json!({ "type": "null" }))] {
        let Some(Value::Array(of)) = schema.get_mut(key) else { continue };
        of.retain(|one| *one != null);
        let [only] = &of[..] else { continue };
        let only = only.clone();
        if let Value::Object(only) = only {
            schema.remove(key);
            schema.extend(only);
        } else {
            schema.insert(key.into(), only);
        }
    }
}

/// A comment without its line breaks and its links: `[name](address)` and `[name]` are `name`.
fn plain(comment: &str) -> String {
    let mut out = String::new();
    let comment = comment.replace('\n', " ");
    let mut rest = comment.as_str();
    while let Some((before, after)) = rest.split_once('[') {
        let (name, after) = after.split_once(']').unwrap_or((after, ""));
        out.extend([before, name]);
        let address = after.strip_prefix('(').and_then(|address| address.split_once(')'));
        rest = address.map_or(after, |(_, after)| after);
    }
    out + rest
}

/// An entry has its `t`, beside its place.
fn add_place(defs: &mut Map<String, Value>) {
    let Some(Value::Object(entry)) = defs.get_mut("LogEntry") else { return };
    let frame = json!({
        "properties": { "t": { "type": "string", "const": "ev" } },
        "required": ["t"],
    });
    if let Value::Object(frame) = frame {
        merge(entry, &frame);
    }
}

/// Makes each kind a definition of its own.
fn split(defs: &mut Map<String, Value>, name: &str, tag: &str) {
    let Some(Value::Object(mut whole)) = defs.remove(name) else { return };
    let kinds = whole.remove("oneOf");
    let description = whole.remove("description");
    let mut references = Vec::new();
    for kind in kinds.into_iter().flat_map(|kinds| kinds.as_array().cloned().unwrap_or_default()) {
        let Value::Object(mut kind) = kind else { continue };
        let word = kind["properties"][tag]["const"].as_str().unwrap_or_default();
        let one = format!("{name}{}", pascal(word));
        merge(&mut kind, &whole);
        references.push(refer(&one));
        defs.insert(one, kind.into());
    }
    defs.insert(name.into(), json!({ "description": description, "oneOf": references }));
}

/// `turn_end` is `TurnEnd`.
fn pascal(word: &str) -> String {
    let parts = word.split('_').map(|part| {
        let (first, rest) = part.split_at(part.len().min(1));
        first.to_uppercase() + rest
    });
    parts.collect()
}

/// What these refer to, by any way.
fn reachable(defs: &Map<String, Value>, roots: Vec<String>) -> BTreeSet<String> {
    let (mut used, mut open) = (BTreeSet::new(), roots);
    while let Some(name) = open.pop() {
        if let (Some(def), true) = (defs.get(&name), used.insert(name)) {
            each(&mut def.clone(), &mut |fields| {
                let at = fields.get("$ref").and_then(Value::as_str);
                open.extend(at.and_then(|at| at.strip_prefix(DEFS)).map(ToString::to_string));
            });
        }
    }
    used
}
