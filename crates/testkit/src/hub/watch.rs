//! An observer that holds every step of every session to the table and the laws.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use outlive::Limits;
use outlive::check::trace::{self, Recorder};
use outlive::laws::{self, Witness};
use outlive::log::LogId;
use outlive::session::{Event, Machine, Session, Snapshot, Step};
use outlive_server::hub::{NodeEvent, Observer};
use outlive_server::store::SessionId;

#[derive(Clone, Default)]
pub struct Watch(Arc<Mutex<Seen>>, Arc<Story>);

#[derive(Default)]
struct Story {
    /// It is not going to be printed.
    untold: bool,
    lines: Mutex<Vec<String>>,
}

#[derive(Default)]
struct Seen {
    lives: BTreeMap<SessionId, Life>,
    /// Lives that are over.
    past: Vec<(SessionId, Life)>,
    rules: BTreeSet<&'static str>,
    wrong: Vec<String>,
    nodes: Vec<NodeEvent>,
}

struct Life {
    limits: Limits,
    session: Session,
    witness: Witness,
    recorder: Recorder<Vec<u8>>,
}

impl Life {
    fn replay(self) -> Result<(), String> {
        let trace = trace::parse(&self.recorder.into_inner()).map_err(|why| why.to_string())?;
        trace::replay(&trace).map(drop).map_err(|why| why.to_string())
    }
}

impl Watch {
    /// Everything that was wrong with what was seen; nothing, if all is well.
    pub fn wrong(&self) -> Vec<String> {
        let mut seen = self.0.lock().unwrap();
        let mut lives = std::mem::take(&mut seen.past);
        lives.extend(std::mem::take(&mut seen.lives));
        let mut wrong = std::mem::take(&mut seen.wrong);
        drop(seen);
        for (id, life) in lives {
            if let Err(why) = life.replay() {
                wrong.push(format!("the trace of {id} diverges: {why}"));
            }
        }
        wrong
    }

    pub fn check(&self) {
        let wrong = self.wrong();
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    /// Whether a row was taken.
    pub fn took(&self, rule: &str) -> bool {
        self.0.lock().unwrap().rules.contains(rule)
    }

    /// How often this happened to the hub as a node.
    pub fn count(&self, event: NodeEvent) -> usize {
        self.0.lock().unwrap().nodes.iter().filter(|one| **one == event).count()
    }

    /// What was fed, and noted, in order.
    pub fn story(&self) -> Vec<String> {
        self.1.lines.lock().unwrap().clone()
    }

    /// Of another hub, in the same story.
    pub fn beside(&self) -> Watch {
        Watch(Arc::default(), Arc::clone(&self.1))
    }

    /// Something that happened outside of the sessions.
    pub fn note(&self, what: impl FnOnce() -> String) {
        if !self.1.untold {
            self.1.lines.lock().unwrap().push(what());
        }
    }

    /// Holds everything to the laws, and keeps no story.
    pub fn untold() -> Watch {
        Watch(Arc::default(), Arc::new(Story { untold: true, lines: Mutex::default() }))
    }
}

impl Observer for Watch {
    fn on_load(&self, id: &SessionId, limits: &Limits, log: LogId, snapshot: Option<&Snapshot>) {
        let session = match snapshot {
            None => Machine::new(*limits).unwrap().create(log).next,
            Some(snapshot) => Session::restore(snapshot.clone()).unwrap(),
        };
        let life = Life {
            limits: *limits,
            witness: Witness::of(&session, limits),
            session,
            recorder: {
                let mut recorder = Recorder::new(Vec::new());
                match snapshot {
                    None => recorder.created(limits, log).unwrap(),
                    Some(snapshot) => recorder.restored(limits, snapshot.clone()).unwrap(),
                }
                recorder
            },
        };
        let mut seen = self.0.lock().unwrap();
        self.note(|| format!("{} is in memory, {}", short(id), life.session.state()));
        if let Some(before) = seen.lives.insert(id.clone(), life) {
            // A process that died reports no unload.
            seen.past.push((id.clone(), before));
        }
    }

    fn on_step(&self, id: &SessionId, event: &Event, step: &Step) {
        let mut guard = self.0.lock().unwrap();
        let Seen { lives, rules, wrong, .. } = &mut *guard;
        rules.extend(step.rules().map(|row| row.id));
        self.note(|| {
            let rows: Vec<_> = step.rules().map(|row| row.id).collect();
            format!("{} {event:?} -> {} by {rows:?}", short(id), step.next.state())
        });
        let Some(life) = lives.get_mut(id) else {
            return wrong.push(format!("{id} takes {event:?}, and is not in memory"));
        };
        let judged = laws::of_step(&life.limits, &life.session, event, step);
        let seen = life.witness.observe(&life.limits, &life.session, event, step);
        for breach in [judged.err(), seen.err()].into_iter().flatten() {
            wrong.push(format!("{id}: {event:?}: {breach}"));
        }
        life.recorder.step(event, step).unwrap();
        life.session.clone_from(&step.next);
    }

    fn on_node(&self, event: NodeEvent) {
        self.0.lock().unwrap().nodes.push(event);
    }

    fn on_unload(&self, id: &SessionId) {
        let mut seen = self.0.lock().unwrap();
        if let Some(life) = seen.lives.remove(id) {
            seen.past.push((id.clone(), life));
            self.note(|| format!("{} left memory", short(id)));
        }
    }
}

/// Enough of a name to tell sessions apart.
fn short(id: &SessionId) -> &str {
    id.as_str().get(..6).unwrap_or(id.as_str())
}
