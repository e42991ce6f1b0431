//! Whatever a peer sends, reading it is an answer; a frame that can be read is written as one that is read
//! the same.
//!
//! `cargo +nightly fuzz run wire`
#![no_main]

use libfuzzer_sys::fuzz_target;
use outlive::ids::Seq;
use outlive::log::{Cursor, LogId};
use outlive::wire::{Line, LogEntry, ToClient, ToServer};
use serde::{Serialize, de::DeserializeOwned};

/// As JSON, which is how an endpoint and a client compare them, too.
fn round_trip<T: Serialize + DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    let frame: T = serde_json::from_slice(bytes).ok()?;
    let text = serde_json::to_string(&frame).expect("a frame has a JSON form");
    let again: T = serde_json::from_str(&text).expect("it was just written");
    assert_eq!(serde_json::to_string(&again).expect("a frame has a JSON form"), text);
    Some(frame)
}

fuzz_target!(|bytes: &[u8]| {
    round_trip::<ToServer>(bytes);
    round_trip::<ToClient>(bytes);
    if let Some(said) = round_trip::<Line>(bytes) {
        // What a store keeps is what a client reads, with its place.
        let line = serde_json::to_vec(&said).expect("a line has a JSON form");
        let (log, seq) = (LogId(0x9f3a), Seq(43));
        let frame = outlive::wire::frame(log, seq, &line);
        let event: LogEntry = serde_json::from_slice(&frame).expect("it is an event");
        assert_eq!(event.cursor, Cursor { log, seq });
        let read = Line { at: event.at, entry: event.entry };
        assert_eq!(serde_json::to_vec(&read).expect("a line has a JSON form"), line);
    }
    let _ = serde_json::from_slice::<LogEntry>(bytes);
});
