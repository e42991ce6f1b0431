//! A client at the other end of a link.

use outlive::ids::{Incarnation, Seq};
use outlive::log::{AttachOutcome, Cursor, LogId, ResumeFrom};
use outlive::wire::{self, Entry, Refused, ToClient, ToServer, Welcome};
use outlive::{CloseCode, TurnOutcome};
use outlive_server::hub::{Entries, Frame, Hello, Hub, Link, Role};
use outlive_server::store::SessionId;
use serde_json::value::to_raw_value;

use super::{n, soon};

/// Applies what it is sent, as a client should, and complains of what a server must not do.
#[derive(Debug)]
pub struct Viewer {
    pub link: Link,
    /// What was applied, by place.
    pub applied: Vec<(u64, Entry)>,
    /// The same, as it came.
    pub raw: Vec<(u64, bytes::Bytes)>,
    /// What was declared lost.
    pub lost: Vec<(u64, u64)>,
    pub welcome: Option<Welcome>,
    /// Frames outside the log.
    pub heard: Vec<ToClient>,
    pub closed: Option<CloseCode>,
    /// How far the log was read, or declared lost.
    cursor: u64,
    log: Option<LogId>,
}

impl Viewer {
    pub fn hello(
        hub: &Hub,
        session: &SessionId,
        client: &str,
        cursor: ResumeFrom,
        role: Role,
    ) -> Viewer {
        let mut link = hub.link();
        let (session, principal, client) = (session.clone(), "ann".into(), client.into());
        link.hello(Hello { session, principal, role, client, cursor });
        let seen = match cursor {
            ResumeFrom::At(cursor) => cursor.seq.0,
            ResumeFrom::Nothing | ResumeFrom::Malformed => 0,
        };
        let (applied, raw, lost, heard) = Default::default();
        let (welcome, closed, log) = (None, None, None);
        Viewer { link, applied, raw, lost, welcome, heard, closed, cursor: seen, log }
    }

    /// Where it would go on.
    pub fn cursor(&self) -> ResumeFrom {
        self.log.map_or(ResumeFrom::Nothing, |log| {
            ResumeFrom::At(Cursor { log, seq: Seq(self.cursor) })
        })
    }

    /// Takes one frame. Returns whether there was one.
    pub async fn pull(&mut self) -> bool {
        let Some(frame) = soon(self.link.next()).await else { return false };
        self.take(frame);
        true
    }

    pub fn take(&mut self, frame: Frame) {
        assert_eq!(self.closed, None, "after the close: {frame:?}");
        match frame {
            Frame::Close(code) => self.closed = Some(code),
            Frame::Say(ToClient::Welcome(welcome)) => {
                assert_eq!(self.welcome, None, "welcome twice");
                self.log = Some(welcome.log);
                match welcome.outcome {
                    AttachOutcome::Resumed { from } => assert_eq!(from.0, self.cursor + 1),
                    AttachOutcome::Gap { lost_from, lost_to } => {
                        self.lose(lost_from.0, lost_to.0);
                    }
                    AttachOutcome::Fresh | AttachOutcome::Reset { .. } => {
                        self.applied.clear();
                        self.cursor = welcome.base.0;
                    }
                }
                self.welcome = Some(welcome);
            }
            Frame::Say(ToClient::Gap { lost_from, lost_to }) => self.lose(lost_from.0, lost_to.0),
            Frame::Say(said) => self.heard.push(said),
            Frame::Entries(entries) => self.apply(&entries),
        }
    }

    fn lose(&mut self, from: u64, to: u64) {
        assert_eq!(from, self.cursor + 1, "a gap that is none");
        self.lost.push((from, to));
        self.cursor = to;
    }

    fn apply(&mut self, entries: &Entries) {
        let welcome = self.welcome.as_ref().expect("the welcome comes first");
        assert_eq!(entries.log, welcome.log);
        for frame in &entries.frames {
            let event: wire::LogEntry = serde_json::from_slice(frame).unwrap();
            assert_eq!(event.cursor.log, welcome.log);
            assert_eq!(event.cursor.seq.0, self.cursor + 1, "out of order, twice, or a silent gap");
            self.cursor += 1;
            self.raw.push((self.cursor, frame.clone()));
            self.applied.push((self.cursor, event.entry));
        }
    }

    /// Takes frames until it is so.
    pub async fn until(&mut self, so: impl Fn(&Viewer) -> bool) -> &mut Viewer {
        while !so(self) {
            assert!(self.pull().await, "the link is done: {self:?}");
        }
        self
    }

    pub async fn welcomed(&mut self) -> &mut Viewer {
        self.until(|viewer| viewer.welcome.is_some()).await
    }

    /// Takes frames until the turn has ended so.
    pub async fn ended(&mut self, turn: u64, outcome: TurnOutcome) -> &mut Viewer {
        self.until(|viewer| ended(&viewer.applied, turn).is_some()).await;
        assert_eq!(ended(&self.applied, turn), Some(outcome));
        self
    }

    /// Takes frames until the prompt of this number is there, and its turn has ended so.
    pub async fn answered(&mut self, number: u64, outcome: TurnOutcome) -> u64 {
        let prompt = |said: &Entry| matches!(said, Entry::Prompt { n, .. } if n.get() == number);
        self.until(|viewer| viewer.has(prompt)).await;
        let turn = self.applied.iter().find(|(_, said)| prompt(said)).unwrap().0;
        self.ended(turn, outcome).await;
        turn
    }

    /// Takes frames until the close.
    pub async fn is_closed(&mut self) -> CloseCode {
        self.until(|viewer| viewer.closed.is_some()).await;
        self.link.peer_closed();
        assert!(!self.pull().await, "a closed link gives nothing");
        self.closed.unwrap()
    }

    pub async fn prompt(&mut self, number: u64, scene: &impl serde::Serialize) {
        let d = to_raw_value(scene).unwrap();
        soon(self.link.receive(ToServer::Prompt { n: n(number), d })).await;
    }

    pub async fn answer(&mut self, ask: u64, said: &(impl serde::Serialize + ?Sized)) {
        let d = to_raw_value(said).unwrap();
        soon(self.link.receive(ToServer::Answer { ask: Seq(ask), d })).await;
    }

    pub async fn interrupt(&mut self, turn: u64) {
        soon(self.link.receive(ToServer::Interrupt { turn: Seq(turn) })).await;
    }

    pub async fn stop(&mut self, incarnation: u32) {
        let incarnation = Incarnation(incarnation);
        soon(self.link.receive(ToServer::Stop { incarnation })).await;
    }

    pub async fn suspend(&mut self) {
        soon(self.link.receive(ToServer::Suspend { seen: Seq(self.cursor) })).await;
    }

    pub async fn resume(&mut self) {
        soon(self.link.receive(ToServer::Resume)).await;
    }

    /// Takes frames until a refusal.
    pub async fn refused(&mut self) -> Refused {
        let before = self.heard.len();
        loop {
            for said in &self.heard[before..] {
                if let ToClient::Refused(refused) = said {
                    return refused.clone();
                }
            }
            assert!(self.pull().await);
        }
    }

    pub fn has(&self, what: impl Fn(&Entry) -> bool) -> bool {
        self.applied.iter().any(|(_, said)| what(said))
    }
}

/// How a turn ended.
pub fn ended(log: &[(u64, Entry)], of: u64) -> Option<TurnOutcome> {
    let end = |said: &Entry| {
        let Entry::TurnEnd { turn, outcome, .. } = said else { return None };
        (turn.0 == of).then_some(*outcome)
    };
    let mut ends = log.iter().filter_map(|(_, said)| end(said));
    let end = ends.next();
    assert_eq!(ends.next(), None, "turn {of} ended twice");
    end
}

/// The output of a turn.
pub fn outputs(log: &[(u64, Entry)], of: u64) -> Vec<String> {
    let of_turn = |said: &Entry| {
        let Entry::Output { turn: Some(turn), d } = said else { return None };
        (turn.0 == of).then(|| String::from(d.get()))
    };
    log.iter().filter_map(|(_, said)| of_turn(said)).collect()
}
