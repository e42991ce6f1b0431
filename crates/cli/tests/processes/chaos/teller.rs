//! The story: what befalls the nodes and their database, in an order that a seed decides.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use outlive_client::Client;
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinError, JoinSet};

use super::super::child::outcome;
use super::super::kill::{Chance, guard, seed};
use super::apart::Net;
use super::node::Signal;
use super::oracle::{Sum, head};
use super::people::{Book, News, Person, Phase, Room, settings};
use super::site::{Place, Site};
use super::wire::Mode;

/// What a story may have beside what each one has.
#[derive(Debug, Default)]
pub(super) struct Sorts {
    pub(super) fail_overs: bool,
    /// Whether there is a pooler before the database.
    pub(super) pooled: bool,
    /// The network that can be cut, if the nodes are in one.
    pub(super) net: Option<Net>,
}

/// What can happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fault {
    /// A node is killed, and started again.
    Kill,
    /// A node is asked to leave.
    Leave,
    /// A node is paused, and goes on before anybody has missed it.
    Nap,
    /// A node is paused until another one has judged it, perhaps with commits on their way.
    Pause,
    /// A node's connections to the database are cut, or do not carry what is said, and then they do.
    Blink,
    /// The same, until another node has judged it.
    Cut,
    /// A backend is ended in a commit.
    Backend,
    /// The database is started anew.
    Restart,
    /// A standby takes the place of the primary: it has everything.
    FailOver,
    /// It has not.
    Loss,
    /// What a node says does not reach another one, but what that one says reaches it.
    OneWay,
    /// Two nodes do not reach each other.
    Apart,
    /// A node reaches nobody, until another one has judged it.
    Down,
}

const SESSIONS: usize = 4;

/// How often the database is asked what has become of a node.
const OFTEN: Duration = Duration::from_millis(50);

pub(super) struct Teller {
    site: Site,
    net: Option<Net>,
    chance: Chance,
    news: mpsc::UnboundedReceiver<News>,
    people: JoinSet<Person>,
    /// How many fail-overs there were, and which of them was the last that lost something.
    era: watch::Sender<u32>,
    lossy: u32,
    done: BTreeMap<Fault, u32>,
}

impl Teller {
    /// The whole story, and what is held against it.
    pub(super) async fn tell(name: &str, sorts: Sorts, rounds: u64) {
        let places = sorts.net.as_ref().map_or_else(Place::here, Net::places);
        let seed = seed();
        println!("{name}: OUTLIVE_SEED={seed} OUTLIVE_ROUNDS={rounds}");
        let Some(site) = Site::new(&places, sorts.pooled).await else { return };
        let (ticks, news) = mpsc::unbounded_channel();
        let (phase, view) = watch::channel(Phase::Prompt);
        let (people, era) = (JoinSet::new(), watch::Sender::new(0));
        let (chance, lossy, done, net) = (Chance(seed), 0, BTreeMap::new(), sorts.net);
        let mut teller = Teller { site, net, chance, news, people, era, lossy, done };
        let mut rooms = Vec::new();
        for _ in 0..SESSIONS {
            let client = Client::builder(teller.url()).token("T").settings(settings());
            let client = guard("a session", client.create()).await.unwrap().start().unwrap();
            let name = client.session().to_owned();
            client.close().await;
            let room = Arc::new(Room { name, book: Book::default() });
            for (name, prompts) in [("ann", true), ("bob", true), ("eve", false)] {
                let era = teller.era.subscribe();
                let person = Person::new(name, &room, prompts, era, ticks.clone());
                teller.people.spawn(person.run(teller.url(), view.clone()));
            }
            rooms.push(room);
        }
        for round in 1..=rounds {
            for fault in teller.deck(round, sorts.fail_overs) {
                teller.befall(fault).await;
            }
        }
        phase.send_replace(Phase::Quiet);
        println!("quiet");
        for _ in 0..2 * SESSIONS {
            while guard("an end of all prompts", teller.news()).await != News::Idle {}
        }
        // Whoever comes now, at whichever node, sees the same.
        for room in &rooms {
            for (n, member) in teller.site.members.iter().enumerate() {
                let (name, era) = (format!("new{n}"), teller.era.subscribe());
                let person = Person::new(&name, room, false, era, ticks.clone());
                let url = format!("ws://{}", member.listen);
                teller.people.spawn(person.run(url, view.clone()));
            }
        }
        let database = teller.site.client().await;
        let mut heads = BTreeMap::new();
        for room in &rooms {
            heads.insert(room.name.clone(), head(&database, &room.name).await);
        }
        let heads = Arc::new(heads);
        phase.send_replace(Phase::Leave(Arc::clone(&heads)));
        let mut all = Vec::new();
        while let Some(person) = guard("a reader", teller.people.join_next()).await {
            all.push(unwrap(person));
        }
        let mut sum = Sum::default();
        for room in &rooms {
            let here: Vec<_> = all.iter().filter(|one| one.room.name == room.name).collect();
            sum.add(&database, room, &here, heads[&room.name], teller.lossy).await;
        }
        teller.replay().await;
        let fates = teller.site.members.iter().map(|member| member.node.fate.borrow());
        let killed: u32 = fates.map(|fate| fate.killed).sum();
        println!("{:?}, {killed} killed; {sum:?}", teller.done);
    }

    fn url(&self) -> String {
        format!("ws://{}", self.site.at)
    }

    /// What happens in a round, in the order of chance.
    fn deck(&mut self, round: u64, fail_overs: bool) -> Vec<Fault> {
        use Fault::{
            Apart, Backend, Blink, Cut, Down, FailOver, Kill, Leave, Loss, Nap, OneWay, Pause,
            Restart,
        };
        if self.net.is_some() {
            let mut deck = vec![OneWay, OneWay, OneWay, Apart, Apart, Down, Kill, Nap];
            self.shuffle(&mut deck);
            return deck;
        }
        let mut deck = vec![Kill; 5];
        deck.extend([Backend; 5]);
        deck.extend([Nap, Blink, Pause]);
        deck.extend(if round % 4 == 1 { Some(Restart) } else { None });
        deck.extend(if round % 4 == 2 { Some(Cut) } else { None });
        deck.extend(if round % 4 == 3 { Some(Leave) } else { None });
        if fail_overs && round % 4 == 0 {
            deck.push(if round % 8 == 0 { FailOver } else { Loss });
        }
        self.shuffle(&mut deck);
        deck
    }

    fn shuffle(&mut self, deck: &mut [Fault]) {
        for place in (1..deck.len()).rev() {
            deck.swap(place, self.below(place + 1));
        }
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.chance.below(bound as u64)).unwrap()
    }

    /// What is heard next. A client that failed is the end of the story.
    async fn news(&mut self) -> News {
        tokio::select! {
            news = self.news.recv() => news.expect("somebody is there"),
            Some(person) = self.people.join_next() => {
                panic!("{} has left", unwrap(person).name);
            }
        }
    }

    /// Clients are told something so often.
    async fn ticks(&mut self, most: usize) {
        while self.news.try_recv().is_ok() {}
        for _ in 0..=self.below(most) {
            guard("a frame", self.news()).await;
        }
    }

    async fn befall(&mut self, fault: Fault) {
        self.ticks(60).await;
        let member = self.below(self.site.members.len());
        println!("{fault:?} of node {member}");
        match fault {
            Fault::Kill => self.kill(member).await,
            Fault::Leave => {
                // Before it listens it may not hear that it is asked.
                self.epoch(member).await;
                self.end(member, Signal::Terminate).await;
            }
            Fault::Nap => {
                self.site.members[member].node.send(Signal::Stop);
                self.ticks(30).await;
                self.site.members[member].node.send(Signal::Continue);
            }
            Fault::Pause => {
                let epoch = self.epoch(member).await;
                if self.below(2) == 0 {
                    // What it has said by then is still on its way when its sessions are another's.
                    self.site.members[member].set(Mode::Deaf { node: true, database: false });
                    self.ticks(10).await;
                }
                self.site.members[member].node.send(Signal::Stop);
                self.judged(member, epoch).await;
                self.site.members[member].set(Mode::Open);
                self.ticks(10).await;
                self.end(member, Signal::Continue).await;
            }
            Fault::Blink => {
                let mode = self.mode();
                self.site.members[member].set(mode);
                self.ticks(30).await;
                self.site.members[member].set(Mode::Open);
            }
            Fault::Cut => {
                let epoch = self.epoch(member).await;
                let (mode, lives) = (self.mode(), self.lives(member));
                self.site.members[member].set(mode);
                self.judged(member, epoch).await;
                self.site.members[member].set(Mode::Open);
                let member = &self.site.members[member];
                guard("another life", member.node.listens(lives + 1)).await;
            }
            Fault::Backend => self.backend().await,
            Fault::Restart => {
                let mode = ["fast", "immediate"][self.below(2)];
                self.site.restart(mode).await;
            }
            Fault::OneWay => self.apart(member, true).await,
            Fault::Apart => self.apart(member, false).await,
            Fault::Down => {
                let epoch = self.epoch(member).await;
                let lives = self.lives(member);
                self.link(member, false);
                self.judged(member, epoch).await;
                self.link(member, true);
                let node = &self.site.members[member].node;
                guard("another life", node.listens(lives + 1)).await;
            }
            Fault::FailOver | Fault::Loss => self.fail_over(fault == Fault::Loss).await,
        }
        *self.done.entry(fault).or_default() += 1;
    }

    fn lives(&self, member: usize) -> u32 {
        self.site.members[member].node.fate.borrow().lives
    }

    /// Now and then the next one is not let up either.
    async fn kill(&mut self, member: usize) {
        let (patient, node) = (self.below(3) > 0, &self.site.members[member].node);
        let fate = node.fate.borrow().clone();
        node.send(Signal::Kill);
        // It may just have left by itself.
        guard("a death", node.ended(fate.ends())).await;
        if patient {
            guard("another life", node.listens(fate.lives + 1)).await;
        }
    }

    /// The node leaves by itself after that, and is started again.
    async fn end(&mut self, member: usize, signal: Signal) {
        let node = &self.site.members[member].node;
        let fate = node.fate.borrow().clone();
        node.send(signal);
        guard("another life", node.listens(fate.lives + 1)).await;
        assert_eq!(node.fate.borrow().left, fate.left + 1, "it does not leave by itself");
    }

    /// Nothing gets from one node to the next one, for a while.
    async fn apart(&mut self, member: usize, one_way: bool) {
        let other = (member + 1 + self.below(2)) % 3;
        let ways = [(member, other), (other, member)];
        let ways = if one_way { &ways[..1] } else { &ways[..] };
        for open in [false, true] {
            let net = self.net.as_ref().expect("there is a network");
            for (from, to) in ways {
                net.way(*from, *to, open);
            }
            self.ticks(300).await;
        }
    }

    fn link(&self, member: usize, up: bool) {
        self.net.as_ref().expect("there is a network").link(member, up);
    }

    fn mode(&mut self) -> Mode {
        match self.below(4) {
            0 => Mode::Shut,
            1 => Mode::Deaf { node: true, database: false },
            2 => Mode::Deaf { node: false, database: true },
            _ => Mode::Deaf { node: true, database: true },
        }
    }

    /// The epoch of a node that is up.
    async fn epoch(&mut self, member: usize) -> i64 {
        let mut often = tokio::time::interval(OFTEN);
        let member_up = async {
            loop {
                let node = &self.site.members[member].node;
                node.listens(self.lives(member)).await;
                if let Some(epoch) = self.site.epoch(member).await {
                    return epoch;
                }
                often.tick().await;
            }
        };
        guard("a member", member_up).await
    }

    /// Returns when another node has judged it.
    async fn judged(&mut self, member: usize, epoch: i64) {
        let mut often = tokio::time::interval(OFTEN);
        let judged = async {
            while self.site.epoch(member).await == Some(epoch) {
                often.tick().await;
            }
        };
        guard("a judgement", judged).await;
    }

    /// Ends a backend that is in a commit.
    async fn backend(&mut self) {
        let client = self.site.client().await;
        let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE datname = current_database() AND pid <> pg_backend_pid() AND state = 'active'
                AND query LIKE '%AS c(id, version%' ORDER BY random() LIMIT 1";
        let ended = async {
            while client.query_opt(end, &[]).await.unwrap().is_none_or(|row| !row.get::<_, bool>(0))
            {
                tokio::task::yield_now().await;
            }
        };
        guard("a commit", ended).await;
    }

    async fn fail_over(&mut self, lossy: bool) {
        let standby = self.site.standby().await;
        if lossy {
            Site::deafen(&standby).await;
            self.ticks(200).await;
        }
        self.site.promote(standby, if lossy { "immediate" } else { "fast" }).await;
        self.era.send_modify(|era| *era += 1);
        if lossy {
            self.lossy = *self.era.borrow();
        }
    }

    /// What each node has recorded of its sessions is by the table.
    async fn replay(&self) {
        for number in 0..self.site.members.len() {
            let record = self.site.folder.file(&format!("steps{number}.jsonl"));
            // It need not have owned one.
            if std::fs::metadata(&record).is_ok_and(|file| file.len() == 0) {
                continue;
            }
            let (code, said) = outcome(&["replay", "--quiet", record.to_str().unwrap()]).await;
            assert_eq!(code, Some(0), "the record of node {number} does not replay: {said}");
        }
    }
}

fn unwrap(person: Result<Person, JoinError>) -> Person {
    person.unwrap_or_else(|why| std::panic::resume_unwind(why.into_panic()))
}
