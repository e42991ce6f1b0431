//! Where a viewer goes on: a total function of the log's edges and of what it claims.

use outlive::ids::Seq;
use outlive::log::{AttachOutcome, Cursor, Log, LogId, ResetReason, ResumeFrom};
use proptest::prelude::*;

const HERE: LogId = LogId(1);

fn log(base: u64, kept: u64) -> Log {
    Log { id: HERE, base: Seq(base), head: Seq(base + kept) }
}

proptest! {
    #[test]
    fn every_claim_gets_exactly_one_answer_and_the_first_entry_sent_fits_it(
        base in 0_u64..20, kept in 0_u64..20, seq in 0_u64..60, id in 1_u64..3,
    ) {
        let log = log(base, kept);
        let (outcome, first) = log.attach(ResumeFrom::At(Cursor { log: LogId(id), seq: Seq(seq) }));
        let start = log.base.next();
        let expected = if id != HERE.0 {
            (AttachOutcome::Reset { why: ResetReason::LogChanged }, start)
        } else if seq > base + kept {
            (AttachOutcome::Reset { why: ResetReason::CursorAhead }, start)
        } else if seq < base {
            (AttachOutcome::Gap { lost_from: Seq(seq + 1), lost_to: log.base }, start)
        } else {
            (AttachOutcome::Resumed { from: Seq(seq + 1) }, Seq(seq + 1))
        };
        prop_assert_eq!((outcome, first), expected);
    }

    #[test]
    fn what_was_seen_what_is_lost_and_what_follows_are_the_whole_log(
        base in 0_u64..20, kept in 0_u64..20, seq in 0_u64..40,
    ) {
        let log = log(base, kept);
        let (outcome, first) = log.attach(ResumeFrom::At(Cursor { log: HERE, seq: Seq(seq) }));
        let (seen, lost) = match outcome {
            AttachOutcome::Fresh | AttachOutcome::Reset { .. } => (0, base),
            AttachOutcome::Resumed { from } => (from.0 - 1, 0),
            AttachOutcome::Gap { lost_from, lost_to } => {
                prop_assert!(lost_from <= lost_to);
                (seq, lost_to.0 + 1 - lost_from.0)
            }
        };
        prop_assert_eq!(seen + lost + 1, first.0);
        prop_assert!(first <= log.head.next() && first > log.base);
    }

    #[test]
    fn any_text_is_a_claim(text in "\\PC{0,30}|[0-9a-f]{0,17}\\.[0-9]{0,21}") {
        match ResumeFrom::parse(Some(&text)) {
            ResumeFrom::At(cursor) => {
                prop_assert_eq!(ResumeFrom::parse(Some(&cursor.to_string())), ResumeFrom::At(cursor));
            }
            ResumeFrom::Malformed => {}
            ResumeFrom::Nothing => prop_assert!(false, "text is not nothing"),
        }
    }

    #[test]
    fn a_cursor_survives_its_text(log in any::<u64>(), seq in any::<u64>()) {
        let cursor = Cursor { log: LogId(log), seq: Seq(seq) };
        prop_assert_eq!(cursor.to_string().parse(), Ok(cursor));
    }
}

#[test]
fn an_empty_log_resumes_at_its_first_entry_and_is_never_beyond_itself() {
    let log = Log::new(HERE);
    let at = |seq| ResumeFrom::At(Cursor { log: HERE, seq: Seq(seq) });
    assert_eq!(log.attach(at(0)), (AttachOutcome::Resumed { from: Seq(1) }, Seq(1)));
    let ahead = AttachOutcome::Reset { why: ResetReason::CursorAhead };
    assert_eq!(log.attach(at(1)), (ahead, Seq(1)));
    assert_eq!(log.attach(ResumeFrom::Nothing), (AttachOutcome::Fresh, Seq(1)));
}

#[test]
fn text_that_is_no_cursor_says_what_one_looks_like() {
    for text in
        ["", ".", "9f3a", "9f3a.", ".42", "9F3A.42", "9f3a.+42", "9f3a.-1", "9f3a.42.1", "9f3a 42"]
    {
        let error = text.parse::<Cursor>().unwrap_err().to_string();
        assert!(
            error.contains("as in `9f3a.42`") || error.contains("hexadecimal"),
            "{text}: {error}"
        );
        assert_eq!(ResumeFrom::parse(Some(text)), ResumeFrom::Malformed, "{text}");
    }
    assert_eq!(ResumeFrom::parse(None), ResumeFrom::Nothing);
}
