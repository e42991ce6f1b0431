//! The worker: what it says becomes events, under the incarnation that said it.

use core::num::NonZeroU32;
use std::vec::Vec;

use super::super::body::Body;
use super::super::staff::{self, What};
use super::Driver;
use super::commit::Payload;
use crate::ids::{Incarnation, Seq};
use crate::session::Event;

impl Driver {
    pub(super) fn employ(&mut self, incarnation: Incarnation, resume: bool) {
        self.dismiss();
        self.worker = Some(self.shared.employ(&self.id, incarnation, resume, &self.seat));
        // It waits for the seat itself.
        self.leaving = false;
    }

    /// The worker is aborted, or has left: nothing it says counts from here on.
    pub(super) fn dismiss(&mut self) {
        self.asks.clear();
        if self.worker.take().is_some() {
            self.leaving = true;
        }
    }

    pub(super) fn order(&self, order: staff::Order) {
        if let Some(worker) = &self.worker {
            // A worker that is gone says so by itself.
            _ = worker.orders.send(order);
        }
    }

    /// Takes what the worker has said already. Returns whether it had said anything.
    pub(super) async fn overhear(&mut self) -> bool {
        let Some(worker) = &mut self.worker else { return false };
        while self.heard.len() < self.shared.limits_batch() {
            let Ok(said) = worker.said.try_recv() else { break };
            self.heard.push(said);
        }
        if self.heard.is_empty() {
            return false;
        }
        self.listen().await;
        true
    }

    /// Feeds what was heard: outputs of one turn that came together are one event. Nothing heard means
    /// that the worker's task ended without a word.
    pub(super) async fn listen(&mut self) {
        let Some(incarnation) = self.worker.as_ref().map(|worker| worker.incarnation) else {
            return self.heard.clear();
        };
        let heard = core::mem::take(&mut self.heard);
        if heard.is_empty() {
            return self.word(incarnation, None, What::Exited).await;
        }
        let (mut batch, mut of) = (Vec::new(), None);
        for said in heard {
            let ends = of != said.turn || !matches!(said.what, What::Output(_));
            if ends && !batch.is_empty() {
                self.output(incarnation, of, core::mem::take(&mut batch)).await;
            }
            of = said.turn;
            if let What::Output(body) = said.what {
                batch.push(body);
            } else {
                self.word(incarnation, said.turn, said.what).await;
            }
        }
        if !batch.is_empty() {
            self.output(incarnation, of, batch).await;
        }
    }

    async fn output(&mut self, incarnation: Incarnation, turn: Option<Seq>, batch: Vec<Body>) {
        let count = u32::try_from(batch.len()).ok().and_then(NonZeroU32::new);
        let Some(count) = count else { return };
        self.feed_fact(Event::Output { incarnation, turn, count }, Payload::Output(batch)).await;
    }

    async fn word(&mut self, incarnation: Incarnation, turn: Option<Seq>, what: What) {
        let turn = turn.unwrap_or_default();
        let current = self.worker.as_ref().is_some_and(|worker| worker.incarnation == incarnation);
        let (event, payload) = match what {
            What::Started => (Event::Started { incarnation }, Payload::None),
            // Fed in batches.
            What::Output(_) => return,
            What::Ask(body, reply) => {
                (Event::Asked { incarnation, turn }, Payload::Ask(body, reply))
            }
            What::Ended(outcome, error) => {
                if current {
                    self.asks.clear();
                }
                (Event::TurnEnded { incarnation, turn, outcome }, Payload::End(error))
            }
            What::StartFailed => {
                if current {
                    self.dismiss();
                }
                (Event::StartFailed { incarnation }, Payload::None)
            }
            What::Exited => {
                if current {
                    self.dismiss();
                }
                (Event::Exited { incarnation }, Payload::None)
            }
        };
        self.feed_fact(event, payload).await;
    }
}
