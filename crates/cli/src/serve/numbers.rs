//! What a hub does, counted, in the text form that Prometheus reads.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::time::Duration;

use outlive::session::Step;
use outlive::table::Verdict;
use outlive::{Reason, State};
use outlive_server::store::SessionId;

/// Counts.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    rows: BTreeMap<(&'static str, &'static str), u64>,
    commits: [u64; 2],
    entries: u64,
    seconds: f64,
    /// Sessions in memory: where each is, and how far its slowest viewer is behind.
    live: HashMap<SessionId, (State, u64)>,
}

/// A verdict, without where it goes or why.
pub(super) fn word(verdict: Verdict<State, Reason>) -> &'static str {
    match verdict {
        Verdict::Go(_) => "go",
        Verdict::Stay => "stay",
        Verdict::Ignore(_) => "ignore",
        Verdict::Refuse(_) => "refuse",
    }
}

impl Numbers {
    pub(super) fn began(&mut self, session: &SessionId, state: State) {
        self.live.insert(session.clone(), (state, 0));
    }

    pub(super) fn state(&self, session: &SessionId) -> Option<State> {
        self.live.get(session).map(|(state, _)| *state)
    }

    /// Returns the state before.
    pub(super) fn stepped(&mut self, session: &SessionId, step: &Step) -> Option<State> {
        for row in step.rules() {
            *self.rows.entry((row.id, word(row.verdict))).or_default() += 1;
        }
        let head = step.next.log().head.0;
        let behind =
            step.next.connections().iter().map(|one| (head + 1).saturating_sub(one.next.0));
        let now = (step.next.state(), behind.max().unwrap_or(0));
        self.live.insert(session.clone(), now).map(|(state, _)| state)
    }

    pub(super) fn committed(&mut self, entries: usize, took: Duration, kept: bool) {
        self.commits[usize::from(kept)] += 1;
        self.entries += u64::try_from(entries).unwrap_or(u64::MAX);
        self.seconds += took.as_secs_f64();
    }

    pub(super) fn left(&mut self, session: &SessionId) {
        self.live.remove(session);
    }

    pub(super) fn text(&self) -> String {
        let mut out = String::new();
        let head = |out: &mut String, name: &str, kind: &str, help: &str| {
            // Writing into a text does not fail.
            _ = write!(out, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
        };
        head(
            &mut out,
            "outlive_rows_total",
            "counter",
            "Rows of the session's table that were taken.",
        );
        for ((rule, verdict), count) in &self.rows {
            _ = writeln!(
                out,
                "outlive_rows_total{{rule=\"{rule}\",verdict=\"{verdict}\"}} {count}"
            );
        }
        head(&mut out, "outlive_commits_total", "counter", "Commits, by what became of them.");
        for (kept, count) in ["false", "true"].iter().zip(self.commits) {
            _ = writeln!(out, "outlive_commits_total{{kept=\"{kept}\"}} {count}");
        }
        head(&mut out, "outlive_commit_seconds_total", "counter", "Time that commits took.");
        _ = writeln!(out, "outlive_commit_seconds_total {}", self.seconds);
        head(&mut out, "outlive_entries_total", "counter", "Log entries that were committed.");
        _ = writeln!(out, "outlive_entries_total {}", self.entries);
        head(&mut out, "outlive_sessions", "gauge", "Sessions in memory, by state.");
        let mut states: BTreeMap<&str, u64> = BTreeMap::new();
        for (state, _) in self.live.values() {
            *states.entry(state.into_str()).or_default() += 1;
        }
        for (state, count) in states {
            _ = writeln!(out, "outlive_sessions{{state=\"{state}\"}} {count}");
        }
        head(
            &mut out,
            "outlive_viewer_lag_entries",
            "gauge",
            "Entries that the slowest viewer was not given.",
        );
        let lag = self.live.values().map(|(_, lag)| *lag).max().unwrap_or(0);
        _ = writeln!(out, "outlive_viewer_lag_entries {lag}");
        out
    }
}
