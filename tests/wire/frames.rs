//! Frames and entries as they are read.

use outlive::ids::Seq;
use outlive::log::LogId;
use outlive::wire::{Entry, Line, LogEntry, ToServer, frame};
use serde_json::{Value, from_str, json, to_string, to_value};

/// Every frame and every entry that has a body, with this one.
fn with_body(d: &Value) -> (Vec<Value>, Vec<Value>) {
    let frames =
        vec![json!({ "t": "prompt", "n": 1, "d": d }), json!({ "t": "answer", "ask": 2, "d": d })];
    let entries = vec![
        json!({ "entry": "prompt", "client": "laptop", "n": 1, "d": d }),
        json!({ "entry": "prompt", "client": "laptop", "by": "ann", "n": 1, "d": d }),
        json!({ "entry": "output", "turn": 1, "d": d }),
        json!({ "entry": "output", "turn": null, "d": d }),
        json!({ "entry": "ask", "turn": 1, "d": d }),
        json!({ "entry": "answer", "ask": 2, "client": "laptop", "by": "ann", "d": d }),
    ];
    (frames, entries)
}

/// A `null` that was logged could not be read again, and its session never started another worker.
#[test]
fn every_body_is_read_as_it_was_written_also_null() {
    for d in [json!(null), json!(false), json!(0), json!(""), json!([null]), json!({ "d": null })] {
        let (frames, entries) = with_body(&d);
        for is in frames {
            let read: ToServer =
                from_str(&is.to_string()).unwrap_or_else(|why| panic!("{is}: {why}"));
            assert_eq!(to_value(&read).unwrap(), is);
        }
        for is in entries {
            let read: Entry = from_str(&is.to_string()).unwrap_or_else(|why| panic!("{is}: {why}"));
            assert_eq!(to_value(&read).unwrap(), is);
            let line = to_string(&Line { at: 1_764_322_800_000, entry: read }).unwrap();
            let sent = frame(LogId(1), Seq(3), line.as_bytes());
            let event: LogEntry = serde_json::from_slice(&sent).unwrap();
            assert_eq!(to_value(&event.entry).unwrap(), is);
            assert_eq!(event.at, 1_764_322_800_000);
        }
    }
}

#[test]
fn a_body_that_is_not_there_is_missing() {
    let (frames, entries) = with_body(&json!(1));
    let without = |mut of: Value| {
        of.as_object_mut().unwrap().remove("d");
        of.to_string()
    };
    for frame in frames {
        let why = from_str::<ToServer>(&without(frame)).unwrap_err().to_string();
        assert!(why.contains("needs `d`"), "{why}");
    }
    for entry in entries {
        let why = from_str::<Entry>(&without(entry)).unwrap_err().to_string();
        assert!(why.contains("needs `d`"), "{why}");
    }
}

#[test]
fn what_is_no_object_is_told_so() {
    for is in ["[]", "[\"attach\"]", "1", "\"attach\"", "null"] {
        for why in [
            from_str::<ToServer>(is).unwrap_err(),
            from_str::<Entry>(is).unwrap_err(),
            from_str::<LogEntry>(is).unwrap_err(),
        ] {
            assert!(why.to_string().contains("a frame is a JSON object"), "{is}: {why}");
        }
    }
}

#[test]
fn an_entry_gives_the_value_of_its_body_if_it_has_one() {
    let (_, entries) = with_body(&json!("tea"));
    for entry in entries {
        let said: Entry = from_str(&entry.to_string()).unwrap();
        assert_eq!(said.deserialize::<String>().unwrap(), "tea");
        assert!(said.deserialize::<u64>().is_err());
    }
    let end: Entry =
        from_str("{\"entry\":\"turn_end\",\"turn\":1,\"outcome\":\"completed\"}").unwrap();
    assert!(end.deserialize::<Value>().is_err());
}

/// A log of before times and principals were kept is read as it was written.
#[test]
fn a_line_without_time_and_principal_says_neither() {
    let line: Line = from_str(r#"{"entry":"prompt","client":"laptop","n":1,"d":null}"#).unwrap();
    assert_eq!(line.at, 0);
    assert!(matches!(line.entry, Entry::Prompt { by: None, .. }));
}
