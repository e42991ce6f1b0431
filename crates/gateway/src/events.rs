//! Server-sent events, line by line, as the HTML standard has them. The parsers that are published keep an event of any
//! size in memory; this one says when an event is too long.

use std::str;

use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use super::output::json_or_text;

/// An event, as an entry: its data, which is JSON or else text; with its name around it if it has one.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Event {
    name: String,
    data: String,
}

/// The name of events, and the one field of JSON objects, that are no entry but an ask with which the turn ends.
pub(crate) const ASK: &str = "outlive.ask";

impl Event {
    pub(crate) fn data(&self) -> &str {
        &self.data
    }

    /// The question, if it is one: JSON, or else text.
    pub(crate) fn question(&self) -> Option<Result<&RawValue, &str>> {
        (self.name == ASK).then(|| json_or_text(&self.data))
    }
}

/// As `{"event":NAME,"data":DATA}`.
#[derive(Serialize)]
struct Named<'a, D> {
    event: &'a str,
    data: D,
}

impl Serialize for Event {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Event { name, data } = self;
        match (json_or_text(data), name.as_str()) {
            (Ok(json), "" | "message") => json.serialize(serializer),
            (Err(text), "" | "message") => text.serialize(serializer),
            (Ok(data), event) => Named { event, data }.serialize(serializer),
            (Err(data), event) => Named { event, data }.serialize(serializer),
        }
    }
}

/// Why a line makes no event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Malformed {
    NotUtf8,
    TooLong,
}

#[derive(Debug)]
pub(crate) struct Events {
    /// The longest data and name of an event, in bytes.
    most: usize,
    first: bool,
    name: String,
    data: Option<String>,
}

impl Events {
    pub(crate) fn new(most: usize) -> Events {
        Events { most, first: true, name: String::new(), data: None }
    }

    /// Whether an event has begun, and would be lost if the stream ended here.
    pub(crate) fn is_in_an_event(&self) -> bool {
        self.data.is_some()
    }

    /// Takes a line. Returns the event that it ends.
    pub(crate) fn take(&mut self, line: &[u8]) -> Result<Option<Event>, Malformed> {
        let mut line = str::from_utf8(line).map_err(|_| Malformed::NotUtf8)?;
        if self.first {
            self.first = false;
            line = line.strip_prefix('\u{feff}').unwrap_or(line);
        }
        if line.is_empty() {
            let name = std::mem::take(&mut self.name);
            return Ok(self.data.take().map(|data| Event { name, data }));
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "data" => match &mut self.data {
                Some(data) => {
                    data.push('\n');
                    data.push_str(value);
                }
                None => self.data = Some(value.into()),
            },
            "event" => self.name = value.into(),
            // Comments, `id` and `retry`: the log has ids of its own, and nobody reconnects to a turn.
            _ => {}
        }
        if self.name.len() + self.data.as_ref().map_or(0, String::len) > self.most {
            return Err(Malformed::TooLong);
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(text: &str) -> Vec<String> {
        let mut events = Events::new(100);
        let found = text.split('\n').filter_map(|line| events.take(line.as_bytes()).unwrap());
        found.map(|event| serde_json::to_string(&event).unwrap()).collect()
    }

    #[test]
    fn data_that_is_json_stays_json_and_other_data_is_text() {
        let text = "data: {\"a\": 1}\n\ndata:\"b\"\n\ndata: c\n\ndata: 4.0\n\ndata:\n\ndata\n\n";
        assert_eq!(entries(text), [r#"{"a": 1}"#, r#""b""#, r#""c""#, "4.0", r#""""#, r#""""#]);
    }

    #[test]
    fn a_name_stands_around_the_data() {
        let text =
            "event: tool\ndata: [1]\n\ndata: x\n\nevent: message\ndata: y\n\nevent: e\ndata: z\n\n";
        let tool = r#"{"event":"tool","data":[1]}"#;
        assert_eq!(entries(text), [tool, r#""x""#, r#""y""#, r#"{"event":"e","data":"z"}"#]);
    }

    #[test]
    fn lines_of_data_are_joined_and_everything_else_is_skipped() {
        let text = "\u{feff}data: {\ndata: \"a\": 1}\n\n: comment\nid: 7\nretry: 3\nother\n\nevent: none\n\ndata:  two\n\n";
        assert_eq!(entries(text), ["{\n\"a\": 1}", r#"" two""#]);
    }

    #[test]
    fn an_event_that_is_too_long_is_refused_before_its_end_has_come() {
        let mut events = Events::new(10);
        assert_eq!(events.take(b"data: 12345"), Ok(None));
        assert_eq!(events.take(b"data: 678"), Ok(None));
        assert_eq!(events.take(b"data: 9"), Err(Malformed::TooLong));
        assert_eq!(Events::new(10).take(b"data: \xff"), Err(Malformed::NotUtf8));
    }
}
