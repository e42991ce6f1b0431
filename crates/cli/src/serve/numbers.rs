//! What a hub does, counted, in the text form that Prometheus reads. docs/operating.md has a table of it, which a test
//! holds against what is printed.

use std::collections::HashMap;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use outlive::session::Step;
use outlive::table::Verdict;
use outlive::{CloseCode, Reason, State};
use outlive_server::http::RelayCounts;
use outlive_server::hub::{ClaimKind, NodeEvent};
use outlive_server::store::SessionId;
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};
use strum::VariantArray as _;

/// What the text form is called.
pub(super) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Counts.
#[derive(Debug)]
pub(super) struct Numbers {
    registry: Registry,
    sessions: Family<InState, Gauge>,
    viewers: Gauge,
    lag: Gauge,
    rows: Family<Row, Counter>,
    commits: Family<Commits, Counter>,
    commit_time: Histogram,
    entries: Counter,
    connections: Gauge,
    closes: Family<Closes, Counter>,
    relays_open: Gauge,
    relays: Counter,
    relay_failures: Counter,
    renewals: Family<Renewals, Counter>,
    renewed_at: Gauge<f64, AtomicU64>,
    claims: Family<Claims, Counter>,
    releases: Counter,
    settles: Family<Commits, Counter>,
    lost: Counter,
    /// Sessions in memory.
    live: HashMap<SessionId, Live>,
}

#[derive(Clone, Copy, Debug)]
struct Live {
    state: State,
    viewers: usize,
    /// Entries that the slowest viewer was not given.
    lag: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct InState {
    state: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Row {
    rule: &'static str,
    verdict: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Commits {
    kept: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Renewals {
    answer: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Claims {
    kind: &'static str,
    taken: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Closes {
    code: String,
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

impl Default for Numbers {
    fn default() -> Numbers {
        let numbers = Numbers {
            registry: Registry::with_prefix("outlive"),
            sessions: Family::default(),
            viewers: Gauge::default(),
            lag: Gauge::default(),
            rows: Family::default(),
            commits: Family::default(),
            // From a tenth of a millisecond to 3 s.
            commit_time: Histogram::new(exponential_buckets(0.000_1, 2.0, 16)),
            entries: Counter::default(),
            connections: Gauge::default(),
            closes: Family::default(),
            relays_open: Gauge::default(),
            relays: Counter::default(),
            relay_failures: Counter::default(),
            renewals: Family::default(),
            renewed_at: Gauge::default(),
            claims: Family::default(),
            releases: Counter::default(),
            settles: Family::default(),
            lost: Counter::default(),
            live: HashMap::new(),
        };
        numbers.registered()
    }
}

impl Numbers {
    /// The library ends each sentence with a full stop.
    fn registered(mut self) -> Numbers {
        let registry = &mut self.registry;
        registry.register("sessions", "Sessions in memory, by state", self.sessions.clone());
        registry.register("viewers", "Viewers of sessions in memory", self.viewers.clone());
        let help = "Entries that the slowest viewer of any session was not given";
        registry.register("viewer_lag_entries", help, self.lag.clone());
        let help = "Rows of the session's table that were taken, by rule and verdict";
        registry.register("rows", help, self.rows.clone());
        let help = "Commits that the store has answered, by whether it kept them";
        registry.register("commits", help, self.commits.clone());
        let help = "Time that the store took to answer a commit";
        let time = self.commit_time.clone();
        registry.register_with_unit("commit", help, Unit::Seconds, time);
        registry.register(
            "entries",
            "Log entries in the commits that were kept",
            self.entries.clone(),
        );
        let help = "WebSockets and event streams that are open";
        registry.register("connections", help, self.connections.clone());
        let help = "WebSockets and event streams that are over, by the code with which this server closed \
                    them; `none` if the peer closed, or the network cut";
        registry.register("closes", help, self.closes.clone());
        let help = "Requests, event streams and WebSockets that are being passed on to other nodes";
        registry.register("relays_open", help, self.relays_open.clone());
        let help =
            "Requests, event streams and WebSockets that were to be passed on to other nodes";
        registry.register("relays", help, self.relays.clone());
        let help = "Those of them for which no owner was found that answers";
        registry.register("relay_failures", help, self.relay_failures.clone());
        self.registered_as_node();
        for kept in [false, true] {
            drop(self.commits.get_or_create(&Commits { kept }));
            drop(self.settles.get_or_create(&Commits { kept }));
        }
        for answer in ["renewed", "refused", "none"] {
            drop(self.renewals.get_or_create(&Renewals { answer }));
        }
        for (kind, taken) in
            [("asked", true), ("orphaned", true), ("asked", false), ("orphaned", false)]
        {
            drop(self.claims.get_or_create(&Claims { kind, taken }));
        }
        self
    }

    fn registered_as_node(&mut self) {
        let registry = &mut self.registry;
        let help = "Answers of the store to whether this process owns what it has, by what it said: \
                    `renewed`, `refused`, or `none`";
        registry.register("lease_renewals", help, self.renewals.clone());
        let help = "When the store last renewed the lease, in seconds since 1970; 0 before that";
        let at = self.renewed_at.clone();
        registry.register_with_unit("lease_renewed_timestamp", help, Unit::Seconds, at);
        let help = "Claims of sessions that no node owned, by why: `asked` for by a client, or \
                    `orphaned`; and by whether this node has the session now";
        registry.register("claims", help, self.claims.clone());
        let help = "Sessions in use that were given up in a drain; those that slept go together";
        registry.register("releases", help, self.releases.clone());
        let help = "Commits whose result was unknown, by whether the store had kept them";
        registry.register("settles", help, self.settles.clone());
        let help = "Sessions that turned out to be another process's";
        registry.register("sessions_lost", help, self.lost.clone());
    }

    /// Something happened to this process as a node, at this time since 1970.
    pub(super) fn node(&mut self, event: NodeEvent, now: Duration) {
        let renewal = |answer| {
            self.renewals.get_or_create(&Renewals { answer }).inc();
        };
        match event {
            NodeEvent::Renewed => {
                renewal("renewed");
                self.renewed_at.set(now.as_secs_f64());
            }
            NodeEvent::Refused => renewal("refused"),
            NodeEvent::Unanswered => renewal("none"),
            NodeEvent::Claimed { kind, taken } => {
                let kind = match kind {
                    ClaimKind::Asked => "asked",
                    ClaimKind::Orphaned => "orphaned",
                };
                self.claims.get_or_create(&Claims { kind, taken }).inc();
            }
            NodeEvent::Released => {
                self.releases.inc();
            }
            NodeEvent::Settled { kept } => {
                self.settles.get_or_create(&Commits { kept }).inc();
            }
            NodeEvent::Lost => {
                self.lost.inc();
            }
            // One that this program does not know yet.
            _ => {}
        }
    }

    pub(super) fn began(&mut self, session: &SessionId, state: State) {
        self.live.insert(session.clone(), Live { state, viewers: 0, lag: 0 });
    }

    pub(super) fn state(&self, session: &SessionId) -> Option<State> {
        self.live.get(session).map(|live| live.state)
    }

    /// Returns the state before.
    pub(super) fn stepped(&mut self, session: &SessionId, step: &Step) -> Option<State> {
        for row in step.rules() {
            let verdict = word(row.verdict);
            self.rows.get_or_create(&Row { rule: row.id, verdict }).inc();
        }
        let (head, viewers) = (step.next.log().head.0, step.next.connections());
        let behind = viewers.iter().map(|viewer| (head + 1).saturating_sub(viewer.next.0));
        let now = Live {
            state: step.next.state(),
            viewers: viewers.len(),
            lag: behind.max().unwrap_or(0),
        };
        match self.live.get_mut(session) {
            Some(live) => Some(std::mem::replace(live, now).state),
            None => self.live.insert(session.clone(), now).map(|before| before.state),
        }
    }

    pub(super) fn committed(&mut self, entries: usize, took: Duration, kept: bool) {
        self.commits.get_or_create(&Commits { kept }).inc();
        self.commit_time.observe(took.as_secs_f64());
        if kept {
            self.entries.inc_by(u64::try_from(entries).unwrap_or(u64::MAX));
        }
    }

    pub(super) fn left(&mut self, session: &SessionId) {
        self.live.remove(session);
    }

    pub(super) fn connected(&mut self) {
        self.connections.inc();
    }

    pub(super) fn disconnected(&mut self, code: Option<CloseCode>) {
        self.connections.dec();
        let code = code.map_or_else(|| "none".to_owned(), |code| code.number().to_string());
        self.closes.get_or_create(&Closes { code }).inc();
    }

    pub(super) fn text(&self, relays: Option<RelayCounts>) -> String {
        if let Some(relays) = relays {
            self.relays_open.set(i64::try_from(relays.open).unwrap_or(i64::MAX));
            self.relays.inc_by(relays.begun.saturating_sub(self.relays.get()));
            self.relay_failures.inc_by(relays.failed.saturating_sub(self.relay_failures.get()));
        }
        let (mut states, mut viewers, mut lag) = ([0; State::VARIANTS.len()], 0, 0);
        for live in self.live.values() {
            states[live.state as usize] += 1;
            viewers += live.viewers;
            lag = lag.max(live.lag);
        }
        for (state, count) in State::VARIANTS.iter().zip(states) {
            self.sessions.get_or_create(&InState { state: state.into_str() }).set(count);
        }
        self.viewers.set(i64::try_from(viewers).unwrap_or(i64::MAX));
        self.lag.set(i64::try_from(lag).unwrap_or(i64::MAX));
        let mut out = String::new();
        // Writing into a text does not fail.
        _ = text::encode(&mut out, &self.registry);
        out
    }
}
