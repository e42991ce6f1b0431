//! The protocol as an `AsyncAPI` document, from the client's side: its messages are the definitions of the schema.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use serde_json::{Map, Value, json};
use strum::VariantArray;

use super::json::text;
use super::schema::{self, kinds, refer};
use crate::wire::SUBPROTOCOL;
use crate::words::CloseCode;

/// The name of its page.
pub(super) const NAME: &str = "protocol.asyncapi.json";

const ABOUT: &str = "A session over a WebSocket, or read as server-sent events, as the client sees it: it sends `ToServer` \
    and receives `ToClient`. What is said in sentences, the requests and the limits among it, is in docs/protocol.md.";

const SOCKET: &str = "All of a session: entries come, prompts go. The first frame from the client is `attach`. Each frame \
    is one JSON object in a text message.";

const EVENTS: &str = "A session's entries as server-sent events. The name of an event is its `t`, and the payload is its \
    `data`. Entries and the welcome have an `id`, which is their cursor. The status is 204 if all of what `until` names \
    was read before.";

const BEARER: &str = "In the header `Authorization`. Who may do what is the server's own decision: it may take a cookie \
    instead, and for a WebSocket `token` in the frame `attach`.";

const UNTIL: &str =
    "Ends the stream with the last entry of now, or with the end of the incarnation.";

/// The whole document.
pub(super) fn render() -> String {
    let defs = schema::definitions();
    let (sent, received) = (kinds(&defs, "ToServer"), kinds(&defs, "ToClient"));
    let streamed = kinds(&defs, "StreamEvent");
    text(&json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "outlive",
            "version": env!("CARGO_PKG_VERSION"),
            "description": ABOUT,
            "license": { "name": env!("CARGO_PKG_LICENSE") },
        },
        "defaultContentType": "application/json",
        "servers": { "socket": server("wss"), "http": server("https") },
        "channels": {
            "socket": {
                "address": "/sessions/{id}/ws",
                "description": SOCKET,
                "servers": [{ "$ref": "#/servers/socket" }],
                "parameters": parameters(),
                "messages": pointers("#/components/messages", sent.iter().chain(&received)),
                "bindings": { "ws": {
                    "method": "GET",
                    "headers": object("Sec-WebSocket-Protocol", &json!({
                        "type": "string",
                        "const": SUBPROTOCOL,
                        "description": "Or no such header.",
                    })),
                    "bindingVersion": "0.1.0",
                } },
                "x-close-codes": close_codes(),
            },
            "events": {
                "address": "/sessions/{id}/events",
                "description": EVENTS,
                "servers": [{ "$ref": "#/servers/http" }],
                "parameters": parameters(),
                "messages": pointers("#/components/messages", &streamed),
                "x-close-codes": close_codes(),
            },
        },
        "operations": {
            "send": operation("send", "socket", &sent),
            "receive": operation("receive", "socket", &received),
            "read": stream(&streamed),
        },
        "components": {
            "messages": messages(&defs, sent.iter().chain(&received).chain(&streamed)),
            "securitySchemes": {
                "bearer": { "type": "http", "scheme": "bearer", "description": BEARER },
            },
        },
    }))
}

fn server(protocol: &str) -> Value {
    json!({
        "host": "{host}",
        "pathname": "{prefix}",
        "protocol": protocol,
        "description": "Wherever the server's router is.",
        "variables": {
            "host": { "default": "localhost" },
            "prefix": { "default": "", "description": "As the server's router gives it; often none." },
        },
        "security": [{ "$ref": "#/components/securitySchemes/bearer" }],
    })
}

fn parameters() -> Value {
    json!({ "id": { "description": "The session's name, as `POST /sessions` has given it." } })
}

/// An object that may have this field.
fn object(field: &str, of: &Value) -> Value {
    json!({ "type": "object", "properties": { field: of } })
}

/// Where each of these stands.
fn pointers<'a>(place: &str, names: impl IntoIterator<Item = &'a String>) -> Map<String, Value> {
    let pointer = |name: &String| (name.clone(), json!({ "$ref": format!("{place}/{name}") }));
    names.into_iter().map(pointer).collect()
}

fn operation(action: &str, channel: &str, names: &[String]) -> Value {
    let messages = pointers(&format!("#/channels/{channel}/messages"), names);
    json!({
        "action": action,
        "channel": { "$ref": format!("#/channels/{channel}") },
        "messages": messages.into_iter().map(|(_, pointer)| pointer).collect::<Vec<_>>(),
    })
}

/// To read a stream of events is a request with parameters.
fn stream(names: &[String]) -> Value {
    let mut read = operation("receive", "events", names);
    read["bindings"] = json!({ "http": {
        "method": "GET",
        "query": { "type": "object", "properties": {
            "cursor": { "type": "string", "description": "For the first request; the header `Last-Event-ID` wins." },
            "client": { "type": "string", "description": "The client's name; a newer stream of it ends the older one." },
            "until": { "type": "string", "enum": ["head", "end"], "description": UNTIL },
        } },
        "bindingVersion": "0.3.0",
    } });
    read
}

fn messages<'a>(
    defs: &Map<String, Value>,
    names: impl Iterator<Item = &'a String>,
) -> Map<String, Value> {
    let message = |name: &String| {
        let payload =
            format!("{}{}", schema::NAME, refer(name)["$ref"].as_str().unwrap_or_default());
        let kind = defs.get(name);
        let word = |tag| kind.and_then(|kind| kind["properties"][tag]["const"].as_str());
        let said = kind.map(|kind| kind["description"].clone());
        (
            name.clone(),
            json!({
                "name": word("entry").or(word("t")),
                "summary": said,
                "payload": { "$ref": payload },
            }),
        )
    };
    names.map(message).collect()
}

fn close_codes() -> Vec<Value> {
    let code = |code: &CloseCode| {
        json!({
            "code": code.number(),
            "name": code,
            "meaning": code.meaning(),
            "rule": code.client_rule(),
        })
    };
    CloseCode::VARIANTS.iter().map(code).collect()
}
