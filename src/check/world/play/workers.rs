//! What the workers do.

use super::*;

impl Transition<'_> {
    pub(super) fn start(&mut self, node: usize, incarnation: Incarnation) {
        if self.now.worker_on(node).is_some() {
            let detail = format!("worker {incarnation} is started beside another");
            self.breach(Law::AtMostOneWorker, detail);
        }
        let (incarnation, phase) = (incarnation.0, Phase::Booting);
        let (mut inbox, answered) = (Vec::new(), Vec::new());
        inbox.extend(self.now.rerun.take().map(Order::Turn));
        self.now.workers.push(Worker { node, incarnation, phase, inbox, said: None, answered });
    }

    pub(super) fn order(&mut self, node: usize, order: Order) {
        if let Some(worker) = self.now.worker_on(node) {
            self.now.workers[worker].inbox.push(order);
        }
    }

    pub(super) fn kill(&mut self, node: usize) {
        if let Some(worker) = self.now.worker_on(node) {
            let worker = &mut self.now.workers[worker];
            worker.phase = Phase::Dead;
            worker.inbox.clear();
            worker.answered.clear();
        }
    }

    pub(super) fn obey(&mut self, place: usize) {
        let worker = &mut self.now.workers[place];
        match (worker.inbox.remove(0), worker.phase) {
            (Order::Turn(turn), _) => {
                worker.phase = Phase::Busy { turn, interrupted: false };
                worker.answered.clear();
                self.run(turn);
            }
            (Order::Interrupt(turn), Phase::Busy { turn: busy, .. }) if busy == turn => {
                worker.phase = Phase::Busy { turn, interrupted: true };
            }
            (Order::Answer(ask), Phase::Busy { .. }) => {
                let again = worker.answered.contains(&ask);
                worker.answered.push(ask);
                if again {
                    self.breach(Law::AnswersArriveOnce, format!("ask {ask} is answered again"));
                }
            }
            // Too late: its turn is over.
            (Order::Interrupt(_) | Order::Answer(_), _) => {}
            (Order::CloseOut, _) => {
                worker.phase = Phase::Leaving;
                worker.inbox.clear();
                worker.answered.clear();
            }
        }
    }

    /// A prompt or an answer runs: for the first time, whatever number its client gave it.
    pub(super) fn run(&mut self, turn: Seq) {
        let Some(key) = self.now.keys.iter().find(|key| key.turn == turn).copied() else { return };
        let same = |other: &&mut Key| other.client == key.client && other.n == key.n;
        let mut ran = false;
        for other in self.now.keys.iter_mut().filter(same) {
            ran |= core::mem::replace(&mut other.ran, true);
        }
        if ran && key.client == PEOPLE {
            let detail = format!("the answer to ask {} runs again", key.n);
            self.breach(Law::AnswersArriveOnce, detail);
        } else if ran {
            let detail = format!("prompt {} of client {} runs again", key.n, key.client);
            self.breach(Law::NoPromptRunsTwice, detail);
        }
    }

    pub(super) fn say(&mut self, place: usize, word: Word) -> Option<()> {
        let left = &mut self.now.left;
        let worker = self.now.workers.get_mut(place)?;
        match word {
            Word::Started | Word::TurnEnded { .. } | Word::TurnWaiting { .. } => {
                left.asks -= u8::from(matches!(word, Word::TurnWaiting { .. }));
                worker.phase = Phase::Idle;
                worker.answered.clear();
            }
            Word::StartFailed => {
                left.exits -= 1;
                worker.phase = Phase::Dead;
            }
            Word::Output { .. } => left.outputs -= 1,
            Word::Asked { .. } => left.asks -= 1,
            Word::Withdrawn { .. } => {}
            Word::Exited => {
                left.exits -= u8::from(worker.phase != Phase::Leaving);
                worker.phase = Phase::Dead;
            }
        }
        if worker.phase == Phase::Dead {
            worker.inbox.clear();
            worker.answered.clear();
        }
        worker.said = Some(word);
        Some(())
    }

    pub(super) fn listen(&mut self, place: usize) -> Option<()> {
        let worker = self.now.workers.get_mut(place)?;
        let (node, word) = (worker.node, worker.said.take()?);
        let incarnation = Incarnation(worker.incarnation);
        let count = NonZeroU32::MIN;
        let event = match word {
            Word::Started => Event::Started { incarnation },
            Word::StartFailed => Event::StartFailed { incarnation },
            Word::Output { turn } => Event::Output { incarnation, turn, count },
            Word::Asked { turn } => Event::Asked { incarnation, turn },
            Word::Withdrawn { ask } => Event::Withdrawn { incarnation, ask },
            Word::TurnEnded { turn, outcome } => Event::TurnEnded { incarnation, turn, outcome },
            Word::TurnWaiting { turn } => {
                Event::TurnWaiting { incarnation, turn, asks: NonZeroU16::MIN }
            }
            Word::Exited => Event::Exited { incarnation },
        };
        self.feed(node, event);
        Some(())
    }
}
