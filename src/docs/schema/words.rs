//! What is a word, a number or a text in the protocol, with its bounds.

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::String;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::ids::{Incarnation, Seq};
use crate::log::{Cursor, LogId, ResetReason};
use crate::table::Word;
use crate::wire::http::MistakeKind;
use crate::words::{ClientRule, EndReason, EndpointReason, Reason, State, TurnOutcome};

/// Texts that are no type of their own in Rust: a field names its one of these.
macro_rules! texts {
    ($($(#[$doc:meta])* $name:ident)+) => { $($(#[$doc])* pub(crate) enum $name {})+ };
}

texts! {
    /// A client's name.
    ClientName
    /// A connection's fence.
    Connection
    /// A session's name.
    SessionId
}

/// Gives a type the form that it has in JSON.
macro_rules! forms {
    ($($of:ty as $name:literal = { $($form:tt)+ })+) => { $(
        impl JsonSchema for $of {
            fn schema_name() -> Cow<'static, str> {
                $name.into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ $($form)+ })
            }
        }
    )+ };
}

forms! {
    ClientName as "ClientName" = {
        "description": "A client's own name for itself: 1 to 64 bytes, without control characters.",
        "type": "string",
        "minLength": 1,
        "maxLength": 64,
        "pattern": r"^[^\u0000-\u001f\u007f-\u009f]*$",
    }
    Connection as "Connection" = {
        "description": "A connection's fence.",
        "type": "string",
        "pattern": "^[0-9a-f]{1,16}$",
    }
    SessionId as "SessionId" = {
        "description": "A session's name. No secret and no credential.",
        "type": "string",
        "pattern": "^[A-Za-z0-9_-]{1,64}$",
    }
    LogId as "LogId" = {
        "description": "Which log it is.",
        "type": "string",
        "pattern": "^[0-9a-f]{1,16}$",
    }
    Cursor as "Cursor" = {
        "description": "How far a client has applied a log: the log's id, a dot and the place of the last entry applied. Keep it as one text, and send it as it came.",
        "type": "string",
        "pattern": r"^[0-9a-f]{1,16}\.[0-9]{1,16}$",
    }
    Seq as "Seq" = {
        "description": "The place of an entry in the log, from 1; 0 is the place before the first one. A turn is named by the entry of its prompt, an ask by its own.",
        "type": "integer",
        "minimum": 0,
        "maximum": Seq::MAX.0,
    }
    Incarnation as "Incarnation" = {
        "description": "Which life of the worker it is, from 1.",
        "type": "integer",
        "minimum": 0,
        "maximum": u32::MAX,
    }
}

/// Gives closed words their form.
macro_rules! words {
    ($($name:ident = $about:literal)+) => { $(
        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                word::<$name>($about)
            }
        }
    )+ };
}

fn word<W: Word>(about: &str) -> Schema {
    let words = W::ALL.iter().map(|word| {
        let meaning = word.meaning().trim_end_matches('.');
        format!(" `{}`: {meaning}.", word.name())
    });
    let description = words.fold(String::from(about), |text, word| text + &word);
    json_schema!({ "description": description, "type": "string", "enum": W::NAMES })
}

words! {
    ClientRule = "What a client does after a close."
    EndReason = "Why an incarnation ended, or is closing. Show a word that you do not know as it is."
    EndpointReason = "Why the session's table was not even asked."
    MistakeKind = "What is wrong with a request, with the status of the response."
    Reason = "Why the session's table refused or ignored something."
    ResetReason = "Why a cursor is of no use."
    State = "The state of a session."
    TurnOutcome = "How a turn ended. Show a word that you do not know as it is."
}
