//! A running client, and handles to it.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use serde_json::Value;
use tokio::sync::{mpsc, oneshot};

use super::incarnation::CurrentIncarnation;
use super::task::{Ask, Handed};
use super::update::{Accepted, ClientError, Update};
use outlive::ids::{Incarnation, Seq};
use outlive::wire::ToServer;

/// A running client. When it is dropped, and every [`Handle`] of it, it leaves.
#[derive(Debug)]
pub struct Client {
    handle: Handle,
    updates: mpsc::Receiver<Handed>,
    applied: Option<outlive::client::Event>,
}

impl Client {
    pub(super) fn new(handle: Handle, updates: mpsc::Receiver<Handed>) -> Client {
        Client { handle, updates, applied: None }
    }

    /// What comes next; none when the client is gone. To ask says that the update before is applied, so
    /// the cursor moves on exactly with the application. Cancel-safe: no update is lost if the future is
    /// dropped.
    pub async fn next(&mut self) -> Option<Update> {
        if let Some(applied) = self.applied.take() {
            self.handle.ask(Ask::Feed(applied));
        }
        let Handed { update, applied } = self.updates.recv().await?;
        self.applied = applied;
        Some(update)
    }

    /// What can be asked of it from anywhere: clone it to send it elsewhere.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Leaves, and returns when nothing more is done. What was handed over last counts as applied.
    pub async fn close(mut self) {
        if let Some(applied) = self.applied.take() {
            self.handle.ask(Ask::Feed(applied));
        }
        self.handle.ask(Ask::Close);
        drop(self.handle);
        while self.updates.recv().await.is_some() {}
    }
}

impl Client {
    /// The session's name.
    pub fn session(&self) -> &str {
        self.handle.session()
    }

    /// See [`Handle::prompt`].
    pub fn prompt(&self, body: impl Into<Value>) -> Pending<Accepted> {
        self.handle.prompt(body)
    }

    /// See [`Handle::answer`].
    pub fn answer(&self, ask: Seq, body: &Value) -> Pending<()> {
        self.handle.answer(ask, body)
    }

    /// See [`Handle::interrupt`].
    pub fn interrupt(&self, turn: Seq) -> Pending<()> {
        self.handle.interrupt(turn)
    }

    /// See [`Handle::stop_session`].
    pub fn stop_session(&self) -> Pending<()> {
        self.handle.stop_session()
    }
}

/// What can be asked of a client from anywhere.
#[derive(Clone, Debug)]
pub struct Handle {
    asks: mpsc::UnboundedSender<Ask>,
    session: Arc<str>,
    life: CurrentIncarnation,
}

impl Handle {
    pub(super) fn new(
        asks: mpsc::UnboundedSender<Ask>,
        session: Arc<str>,
        life: CurrentIncarnation,
    ) -> Handle {
        Handle { asks, session, life }
    }

    pub(super) fn ask(&self, ask: Ask) -> bool {
        self.asks.send(ask).is_ok()
    }

    /// The session's name.
    pub fn session(&self) -> &str {
        &self.session
    }

    /// Prompts, now or when there is a connection. It is on its way whether or not the future is awaited;
    /// the future says what became of it: accepted by the server, and durable there, or why not. A server that
    /// [only cannot take it now](super::ServerRefusal::is_for_now) is no reason why not: the prompt waits, and is sent
    /// again. So does one that waits while the server sends the client away because of its token or a limit, until
    /// the next [reconnect](Handle::reconnect). The answer of the worker comes as entries of the log.
    pub fn prompt(&self, body: impl Into<Value>) -> Pending<Accepted> {
        let (told, answer) = oneshot::channel();
        self.ask(Ask::Prompt(body.into(), told));
        Pending(answer)
    }

    /// Stops a turn, or takes a queued prompt back. The future says whether it was given to a connection; its
    /// effect is in the log. It is not sent again: if the connection breaks now, it may be lost.
    pub fn interrupt(&self, turn: Seq) -> Pending<()> {
        self.command(ToServer::Interrupt { turn })
    }

    /// Which life of the worker it is, as far as this client has heard; none before the first welcome. Each
    /// welcome names it, and so does each answer to a prompt that is accepted. After the `end` of one, and
    /// while the session is ended, it is the next one: that begins with the next prompt.
    pub fn incarnation(&self) -> Option<Incarnation> {
        self.life.get()
    }

    /// Ends the session: the current [incarnation](Handle::incarnation) of it. As with an interrupt, the effect
    /// is in the log. If the session has ended and begun again and this client has not heard of it yet, nothing
    /// happens: a late stop does not end the next life.
    pub fn stop_session(&self) -> Pending<()> {
        // Without a welcome there is no connection either, and the table refuses the command.
        self.stop_incarnation(self.incarnation().unwrap_or_default())
    }

    /// Ends this incarnation of the session, and no other one.
    pub fn stop_incarnation(&self, incarnation: Incarnation) -> Pending<()> {
        self.command(ToServer::Stop { incarnation })
    }

    /// Answers an ask, named by its place in the log. A refusal comes as [`Update::Refused`], for another
    /// client may have been first; success is in the log.
    pub fn answer(&self, ask: Seq, body: &Value) -> Pending<()> {
        let d = serde_json::value::to_raw_value(body).unwrap_or_default();
        self.command(ToServer::Answer { ask, d })
    }

    fn command(&self, frame: ToServer) -> Pending<()> {
        let (told, answer) = oneshot::channel();
        self.ask(Ask::Command(frame, told));
        Pending(answer)
    }

    /// Connects again after it was sent away; if it waits to connect: now.
    pub fn reconnect(&self) {
        self.ask(Ask::Start);
    }

    /// It goes to the background.
    pub fn hide(&self) {
        self.ask(Ask::Feed(outlive::client::Event::Hide));
    }

    /// It is in the foreground.
    pub fn show(&self) {
        self.ask(Ask::Show);
    }

    /// There is a network again: the client dials now, or asks a connection that may belong to the network before whether
    /// it lives. That there is none need not be said: the client goes on, ever more slowly.
    pub fn online(&self) {
        self.ask(Ask::Feed(outlive::client::Event::Online));
    }
}

/// What becomes of a prompt or a command: a future. Dropping it changes nothing about what was asked.
#[derive(Debug)]
#[must_use = "it may have failed"]
pub struct Pending<T>(oneshot::Receiver<Result<T, ClientError>>);

impl<T> Future for Pending<T> {
    type Output = Result<T, ClientError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(context).map(|told| told.unwrap_or(Err(ClientError::Gone)))
    }
}
