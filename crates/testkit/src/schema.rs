//! What a server says, held against the schema of the protocol: in every test that hears it.

use std::collections::HashMap;
use std::sync::LazyLock;

use jsonschema::Validator;
use serde_json::{Value, from_str};

const SCHEMA: &str = include_str!("../../../docs/generated/protocol.schema.json");

static DEFINITIONS: LazyLock<HashMap<String, Validator>> = LazyLock::new(|| {
    let mut schema: Value = from_str(SCHEMA).expect("the schema is JSON");
    schema.as_object_mut().map(|schema| schema.remove("anyOf"));
    let names: Vec<String> =
        schema["$defs"].as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect();
    let validator = |name: String| {
        schema["$ref"] = format!("#/$defs/{name}").into();
        (name, jsonschema::draft202012::new(&schema).expect("a schema"))
    };
    names.into_iter().map(validator).collect()
});

/// Fails if a document is none of this definition.
pub fn check(name: &str, document: &Value) {
    let definition = DEFINITIONS.get(name).unwrap_or_else(|| panic!("no definition {name}"));
    let errors: Vec<_> = definition.iter_errors(document).map(|why| why.to_string()).collect();
    assert!(errors.is_empty(), "no {name}: {document}: {errors:?}");
}

/// The definition of what answers a request, if the request is one of the protocol and its answer is JSON.
pub fn answer_to(method: &str, path: &str, status: u16) -> Option<&'static str> {
    let path = path.split('?').next()?;
    let (_, rest) = path.split_once("/sessions")?;
    let rest: Vec<&str> = rest.split('/').skip(1).collect();
    Some(match (method, &rest[..], status) {
        (_, _, 400..) => "Problem",
        ("POST", [], 201) => "SessionName",
        ("GET", [], 200) => "SessionList",
        ("GET", [_], 200) => "SessionRecord",
        ("POST", [_, "prompts"], 200 | 202) => "PromptAccepted",
        ("POST", [_, "interrupt" | "stop" | "suspend"], 200) => "Ignored",
        ("POST", [_, "interrupt" | "stop" | "suspend"] | [_, "asks", _], 202) => "Taken",
        _ => return None,
    })
}
