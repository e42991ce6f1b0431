//! Clients which look at a lock and then take it: interchangeable, and broken on request.

use std::fmt;

use outlive_checker::{Encoding, Fairness, Model, Properties, Step, ensure};

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) enum Client {
    Idle,
    SawItFree,
    Holds,
}

use Client::*;

#[derive(Clone)]
pub(crate) enum Action {
    Look(usize),
    Take(usize),
    Release(usize),
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Look(client) => write!(f, "{client} looks"),
            Self::Take(client) => write!(f, "{client} takes"),
            Self::Release(client) => write!(f, "{client} releases"),
        }
    }
}

#[derive(Clone, Copy)]
pub(crate) struct Lock {
    pub clients: usize,
    /// Whether a client looks again in the step in which it takes the lock.
    pub careful: bool,
    pub symmetric: bool,
    /// Whether somebody must hold the lock at last.
    pub lively: bool,
}

pub(crate) const CAREFUL: Lock =
    Lock { clients: 2, careful: true, symmetric: false, lively: false };
pub(crate) const CARELESS: Lock = Lock { careful: false, ..CAREFUL };

impl Model for Lock {
    type State = Vec<Client>;
    type Action = Action;
    type StepTrace = Client;

    fn name(&self) -> String {
        format!("lock of {} clients", self.clients)
    }

    fn initial(&self) -> Vec<Vec<Client>> {
        vec![vec![Idle; self.clients]]
    }

    fn actions(&self, _: &Vec<Client>, out: &mut Vec<Action>) {
        for client in 0..self.clients {
            out.extend([Action::Look(client), Action::Take(client), Action::Release(client)]);
        }
    }

    fn step(&self, state: &Vec<Client>, action: &Action) -> Option<(Vec<Client>, Client)> {
        let free = !state.contains(&Holds);
        let (client, next) = match *action {
            Action::Look(client) if state[client] == Idle && free => (client, SawItFree),
            Action::Take(client) if state[client] == SawItFree && self.careful && !free => {
                (client, Idle)
            }
            Action::Take(client) if state[client] == SawItFree => (client, Holds),
            Action::Release(client) if state[client] == Holds => (client, Idle),
            Action::Look(_) | Action::Take(_) | Action::Release(_) => return None,
        };
        let mut after = state.clone();
        after[client] = next;
        Some((after, next))
    }

    fn properties(&self) -> Properties<Self> {
        let laws = Properties::<Self>::new()
            .always("one_holder", "at most one client holds the lock", |_, state| {
                let holders = state.iter().filter(|client| **client == Holds).count();
                ensure(holders <= 1, format!("{holders} hold it"))
            })
            .sometimes("contended", "all want it", |_, state| {
                state.iter().all(|client| *client == SawItFree)
            });
        if !self.lively {
            return laws;
        }
        laws.leads_to(
            "served",
            "a client which wants the lock; then somebody holds it",
            |_, state| state.contains(&SawItFree),
            |_, state| state.contains(&Holds),
            [Fairness::Weak("look")],
        )
    }

    fn classes(&self) -> Vec<&'static str> {
        vec!["look", "take", "release"]
    }

    fn class(&self, action: &Action) -> usize {
        match action {
            Action::Look(_) => 0,
            Action::Take(_) => 1,
            Action::Release(_) => 2,
        }
    }

    fn counters(&self) -> Vec<String> {
        ["to idle", "to saw it free", "to holds"].map(str::to_owned).to_vec()
    }

    fn count(&self, evidence: &Client, hit: &mut dyn FnMut(usize)) {
        hit(*evidence as usize);
    }

    fn symmetric(&self) -> bool {
        self.symmetric
    }

    fn canonical(&self, mut state: Vec<Client>) -> Vec<Client> {
        // Who holds the lock comes first: not where a step of another client would put it.
        state.sort_by_key(|client| (*client != Holds, *client));
        state
    }

    fn lane(&self, action: &Action) -> (String, String) {
        let (Action::Look(client) | Action::Take(client) | Action::Release(client)) = action;
        (format!("client #{client}"), "lock".to_owned())
    }

    fn narrate(&self, step: &Step<'_, Self>) -> String {
        format!("{}; it is {:?}", step.action, step.evidence)
    }

    fn expression(&self) -> String {
        "super::lock::CAREFUL".to_owned()
    }
}

/// Two bits per client, and wrong if a client holds the lock.
pub(crate) struct Lossy;

impl Encoding<Lock> for Lossy {
    type Key = u64;

    fn pack(&self, state: &Vec<Client>) -> u64 {
        state.iter().rev().fold(0, |key, client| key << 1 | *client as u64 & 1)
    }

    fn unpack(&self, key: &u64) -> Vec<Client> {
        [0, 1].map(|place| [Idle, SawItFree][(key >> place & 1) as usize]).to_vec()
    }
}
