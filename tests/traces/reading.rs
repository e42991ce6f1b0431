//! Lines that are none.

use std::io::{self, Read};

use outlive::check::trace::{self, Flaw, Line, MAX_LINE, Reader};

/// Each bad line, and what its error must say.
const BAD: &[(&str, &str)] = &[
    ("nonsense", "not a JSON object"),
    ("[1]", "a line is one JSON object"),
    ("{}", "neither an event"),
    (r#"{"event":"atach"}"#, "unknown variant `atach`, expected one of `attach`"),
    (r#"{"event":7}"#, "not an event"),
    (r#"{"event":"lost"}"#, "missing field `connection`"),
    (r#"{"event":"lost","connection":1,"client":7}"#, "unknown field `client`"),
    (r#"{"event":"lost","connection":"1"}"#, "invalid type: string"),
    (r#"{"event":"lost","connection":-1}"#, "integer `-1`, expected u64"),
    (r#"{"event":"lost","connection":1.5}"#, "floating point `1.5`"),
    (r#"{"event":"lost","connection":18446744073709551616}"#, "expected u64"),
    (r#"{"event":"lost","connection":1,"connection":2}"#, "`connection` stands twice"),
    (r#"{"event":"lost","connection":1} x"#, "trailing characters"),
    (r#"{"event":"lost","connection":1"#, "EOF while parsing"),
    (r#"{"event":"lost","connection":1,"note":7}"#, "the note is no text"),
    (r#"{"event":"stop","incarnation":4294967296}"#, "4294967296"),
    (r#"{"event":"prompt","client":1,"n":0,"digest":0}"#, "nonzero"),
    (r#"{"event":"written","connection":1,"through":9007199254740992}"#, "9007199254740991"),
    (r#"{"event":"expired","timer":"lunch","generation":1}"#, "`lunch`, expected one of `idle`"),
    (r#"{"event":"lost","connection":1,"expect":7}"#, "not an expectation"),
    (r#"{"event":"lost","connection":1,"expect":{"rules":"W7"}}"#, "unknown field `rules`"),
    (r#"{"event":"lost","connection":1,"expect":{"rule":7}}"#, "expected a row's id, or a list"),
    (r#"{"event":"lost","connection":1,"expect":{"state":"active"}}"#, "expected one of `CREATED`"),
    (
        r#"{"event":"lost","connection":1,"expect":{"effects":[{"effect":"commit","now":true}]}}"#,
        "unknown field `effects[0].now`",
    ),
    (
        r#"{"event":"lost","connection":1,"expect":{"effects":[{"effect":"welcome","connection":1,"outcome":{"gap":{"lost_from":1,"lost_to":2,"resume_at":9}}}]}}"#,
        "unknown field `effects[0].outcome.gap.resume_at`, expected one of `lost_from`, `lost_to`",
    ),
    (r#"{"outlive":2}"#, "version 2"),
    (r#"{"outlive":1,"limits":{"queued":0}}"#, "the limit `queued` is 0, and must be at least 1"),
    (r#"{"outlive":1,"limits":{"turn_ms":0}}"#, "the limit `turn_ms` is 0"),
    (r#"{"outlive":1,"limits":{"queues":1}}"#, "unknown field `queues`"),
    (r#"{"outlive":1,"limits":{"queued":65536}}"#, "65536"),
    (r#"{"outlive":1,"log":"9F3A"}"#, "a log id is up to 16 lower-case hexadecimal digits"),
    (
        r#"{"outlive":1,"start":{"state":"ENDED","incarnation":1,"turn":null,"log":{"id":"1","base":3,"head":2},"queue":[],"asks":[],"clients":[]}}"#,
        "impossible session in ENDED: the log begins after its end",
    ),
    ("{\"event\":\"lost\",\"connection\":1,\"note\":\"\0\"}", "control character"),
];

fn refused(bytes: &[u8]) -> trace::Unreadable {
    trace::parse(bytes).expect_err("it is no trace")
}

#[test]
fn each_bad_line_is_refused_with_its_number_and_a_reason() {
    for (line, reason) in BAD {
        let error = refused(format!("# a comment\n\n{line}\n").as_bytes());
        assert_eq!(error.line, 3);
        let text = error.to_string();
        assert!(text.starts_with("line 3: "), "{text}");
        assert!(text.contains(reason), "{line}: {text}");
    }
}

#[test]
fn what_was_found_is_shown_cut_and_printable() {
    let long = format!("{{\"event\":\"{}\u{7}", "x".repeat(300));
    let error = refused(long.as_bytes());
    assert!(error.found.starts_with("{\"event\":\"xxx"), "{}", error.found);
    assert!(error.found.ends_with('…') && error.found.chars().count() < 100);
    assert_eq!(refused(b"\x1b[2J\x07").found, r"\u{1b}[2J\u{7}");
}

#[test]
fn bytes_that_are_no_text_are_refused() {
    let error = refused(b"# fine\n{\"event\":\"\xff\"}");
    assert_eq!((error.line, error.flaw), (2, Flaw::NotUtf8(11)));
    assert!(matches!(refused(&[0; 10]).flaw, Flaw::NotJson(_)));
}

#[test]
fn a_line_that_does_not_end_is_refused_without_being_read_to_its_end() {
    let endless = io::BufReader::new(io::repeat(b'{'));
    let first = Reader::new(endless).next().expect("it has a line");
    assert_eq!(first.expect_err("it never ends").flaw, Flaw::TooLong);
    let error = refused(&vec![b'7'; MAX_LINE + 1]);
    assert_eq!((error.line, error.flaw), (1, Flaw::TooLong));
}

#[test]
fn deep_nesting_is_refused() {
    for open in ["[", "{\"event\":"] {
        let error = refused(open.repeat(100_000).as_bytes());
        assert!(matches!(error.flaw, Flaw::NotJson(_)), "{}", error.flaw);
    }
}

#[test]
fn a_source_that_fails_is_reported_at_its_line() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("unplugged"))
        }
    }
    let source = b"{\"event\":\"lost\",\"connection\":1}\n".chain(Broken);
    let mut reader = Reader::new(io::BufReader::new(source));
    assert!(reader.next().is_some_and(|line| line.is_ok()));
    let error = reader.next().expect("an error").expect_err("it is broken");
    assert_eq!(error.to_string(), "line 2: cannot be read: unplugged; found ``");
    assert!(reader.next().is_none());
}

#[test]
fn blank_lines_comments_line_ends_and_a_byte_order_mark_are_passed_over() {
    let text = "\u{feff}# said\r\n\r\n  // so\r\n{\"event\":\"lost\",\"connection\":1}\r\n";
    let trace = trace::parse(text.as_bytes()).expect("it can be read");
    assert!(matches!(trace.lines[..], [(4, Line::Fed(_))]));
    assert_eq!(trace::parse(b"").expect("an empty trace is one").lines, []);
}

#[test]
fn a_cursor_is_text_and_any_text_will_do() {
    for cursor in ["null", "\"\"", "\"9f3a.18446744073709551615\"", "\"gone\""] {
        let line = format!(r#"{{"event":"attach","connection":1,"client":7,"cursor":{cursor}}}"#);
        let trace = trace::parse(line.as_bytes()).expect("whatever a client sent");
        trace::replay(&trace).expect("it is answered");
    }
}
