//! What goes to a session's driver, and what it sends to links.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll};

use tokio::sync::oneshot;

use super::body::{Body, client_id, principal_id};
use super::held::SharedEntries;
use super::queue::{Closed, Receiver, Sender, queue};
use super::recent_frames::RecentFrames;
use outlive::CloseCode;
use outlive::ids::{ClientId, ConnectionId, Incarnation, PrincipalId, PromptNumber, Seq};
use outlive::log::ResumeFrom;
use outlive::{session, wire};

/// Who asks: a client in the name of a principal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Who {
    pub(super) id: ClientId,
    pub(super) principal: PrincipalId,
    /// The client's own name for itself.
    pub(super) client: Arc<str>,
    /// The principal's name.
    pub(super) by: Arc<str>,
}

impl Who {
    pub(super) fn new(principal: &str, client: &str) -> Who {
        Who {
            id: client_id(principal, client),
            principal: principal_id(principal),
            client: client.into(),
            by: principal.into(),
        }
    }
}

/// What wants an answer. It may be refused, also by the store.
#[derive(Debug)]
pub(super) enum Command {
    Prompt {
        who: Who,
        n: PromptNumber,
        body: Body,
        reply: Reply,
    },
    Answer {
        who: Who,
        ask: Seq,
        body: Body,
        reply: Reply,
    },
    Interrupt {
        /// The principal, if one asks.
        by: Option<Arc<str>>,
        turn: Seq,
        reply: Reply,
    },
    /// None: the incarnation that is there when the command arrives.
    Stop {
        by: Option<Arc<str>>,
        incarnation: Option<Incarnation>,
        reply: Reply,
    },
    /// Only to have the session created, or read back and recovered.
    Visit {
        reply: Reply,
    },
    Forget {
        reply: Reply,
    },
    /// To have it stopped, and forgotten when it has ended.
    Delete {
        by: Option<Arc<str>>,
        reply: Reply,
    },
}

/// A connection that wants to watch. It may be refused as a command is; but it comes among the facts, so
/// that all that is said of a connection comes in order, its loss after its arrival.
#[derive(Debug)]
pub(super) struct Arrival {
    pub(super) connection: ConnectionId,
    pub(super) who: Who,
    pub(super) cursor: ResumeFrom,
    pub(super) orders: Sender<LinkCommand>,
}

/// Where an answer goes.
#[derive(Debug)]
pub(super) enum Reply {
    /// To a connection, as a frame.
    Link(ConnectionId),
    /// To a caller.
    Caller(oneshot::Sender<Result<Handled, CommandError>>),
}

/// An accepted prompt: it is in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Accepted {
    /// The client's number for it.
    pub n: PromptNumber,
    /// Its place in the log, which names its turn.
    pub seq: Seq,
    /// Whether it was accepted before.
    pub again: bool,
}

/// The effect of an interrupt or a stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was taken.
    Taken,
    /// It came too late to matter, and changed nothing.
    Ignored(outlive::Reason),
}

impl From<Handled> for Outcome {
    fn from(outcome: Handled) -> Outcome {
        match outcome {
            Handled::Ignored(reason) => Outcome::Ignored(reason),
            Handled::Taken | Handled::Accepted(_) => Outcome::Taken,
        }
    }
}

/// What became of any command that was not refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Handled {
    Accepted(Accepted),
    Taken,
    Ignored(outlive::Reason),
}

/// Why a command was not carried out. It changed nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CommandError {
    /// The table says no.
    #[error(transparent)]
    Refused(#[from] session::Refusal),
    /// There is no such session.
    #[error("there is no such session")]
    NotFound,
    /// The store does not answer; the same command may be sent again.
    #[error("the store does not answer: {0}")]
    Unavailable(String),
    /// What is stored of the session cannot be understood.
    #[error("the session's record is damaged: {0}")]
    Damaged(String),
    /// Another process has the session.
    #[error("another process has this session")]
    Moved,
    /// The hub is draining, and the session is not here.
    #[error("this server is about to leave")]
    Draining,
    /// A name or a body is not as it must be.
    #[error("{0}")]
    Invalid(String),
}

impl CommandError {
    /// The sentence for people who see no tables; rule and reason stand beside it.
    pub(crate) fn sentence(&self) -> String {
        match self {
            CommandError::Refused(refusal) => refusal.reason.meaning().into(),
            CommandError::NotFound
            | CommandError::Unavailable(_)
            | CommandError::Damaged(_)
            | CommandError::Moved
            | CommandError::Draining
            | CommandError::Invalid(_) => self.to_string(),
        }
    }
}

/// What happened. It cannot be refused.
#[derive(Debug)]
pub(super) enum Notification {
    Arrived(Box<Arrival>),
    Written {
        connection: ConnectionId,
        through: Seq,
    },
    Missed {
        connection: ConnectionId,
        from: Seq,
    },
    Suspend {
        connection: ConnectionId,
        who: ClientId,
        seen: Seq,
    },
    Resume {
        connection: ConnectionId,
    },
    Lost {
        connection: ConnectionId,
    },
    /// Tell every connection that the hub leaves.
    Goaway,
    /// Tell every connection when to come back, and close it.
    Leave,
    /// Begin nothing new, and end when no turn runs and no viewer watches: what waits is in the record.
    Drain,
    /// Nothing; look whether anything is left to do.
    Wake,
}

/// What the driver sends to a link.
#[derive(Debug)]
pub(super) enum LinkCommand {
    Welcome(Box<wire::Welcome>),
    Send { from: Seq, to: Seq },
    Say(Box<wire::ToClient>),
    Close(CloseCode),
}

/// Commands that wait for a driver before their senders do.
const COMMANDS: usize = 64;

/// The way to a session's driver. The driver goes away only when no [reference](DriverRef) to it is left.
#[derive(Debug)]
pub(super) struct Mailbox {
    commands: Sender<Box<Command>>,
    facts: Sender<Notification>,
    pub(super) tail: RecentFrames,
    /// Large entries that viewers were given.
    pub(super) large: SharedEntries,
    /// How far the log goes by now, as its driver knows it.
    head: AtomicU64,
    visitors: AtomicUsize,
}

impl Mailbox {
    pub(super) fn new(tail: RecentFrames) -> (Mailbox, Inbox) {
        let (commands, asked) = queue(COMMANDS);
        let (facts, news) = queue(0);
        let (head, visitors) = (AtomicU64::new(0), AtomicUsize::new(0));
        let large = SharedEntries::default();
        let mailbox = Mailbox { commands, facts, tail, large, head, visitors };
        (mailbox, Inbox { commands: asked, facts: news, kept: VecDeque::new() })
    }

    pub(super) fn tell(&self, fact: Notification) {
        // A driver that is gone has no use for news.
        _ = self.facts.send(fact);
    }

    /// Asks for something, when there is room. Cancel-safe: dropped while it waits, it was not asked.
    pub(super) async fn ask(&self, command: Command) -> Result<(), Closed> {
        self.commands.room(1).await?;
        self.commands.send(Box::new(command))
    }

    /// A viewer has what it was sent. If that is all there is, the driver is not woken for it: it hears of
    /// it before it feeds the output that is next.
    pub(super) fn written(&self, connection: ConnectionId, through: Seq) {
        self.facts.leave(Notification::Written { connection, through });
        // The queue's lock is between this and what the driver does: if it has not seen the fact when it
        // looks for the last time before it sleeps, its head is seen here.
        if self.head.load(Ordering::Relaxed) > through.0 {
            self.facts.wake();
        }
    }

    /// How far the log goes, before the driver looks for news again.
    pub(super) fn reaches(&self, head: Seq) {
        self.head.store(head.0, Ordering::Relaxed);
    }

    pub(super) fn is_visited(&self) -> bool {
        self.visitors.load(Ordering::Acquire) > 0
    }
}

/// A reference that keeps a driver from going away.
#[derive(Debug)]
pub(super) struct DriverRef(Arc<Mailbox>);

impl DriverRef {
    pub(super) fn new(mailbox: &Arc<Mailbox>) -> DriverRef {
        mailbox.visitors.fetch_add(1, Ordering::AcqRel);
        DriverRef(Arc::clone(mailbox))
    }
}

impl core::ops::Deref for DriverRef {
    type Target = Mailbox;

    fn deref(&self) -> &Mailbox {
        &self.0
    }
}

impl Drop for DriverRef {
    fn drop(&mut self) {
        if self.0.visitors.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.tell(Notification::Wake);
        }
    }
}

/// The driver's end of a mailbox.
#[derive(Debug)]
pub(super) struct Inbox {
    commands: Receiver<Box<Command>>,
    facts: Receiver<Notification>,
    /// Facts that came while nothing could be fed: before all others.
    kept: VecDeque<Notification>,
}

impl Inbox {
    pub(super) fn is_empty(&self) -> bool {
        self.requests() == 0 && self.news() == 0
    }

    /// Commands that wait.
    pub(super) fn requests(&self) -> usize {
        self.commands.len()
    }

    /// Facts that wait.
    pub(super) fn news(&self) -> usize {
        self.kept.len() + self.facts.len()
    }

    /// The next command, if one waits.
    pub(super) fn command(&mut self) -> Option<Box<Command>> {
        let command = self.commands.pop()?;
        self.commands.free(1);
        Some(command)
    }

    /// The next fact, if one waits.
    pub(super) fn fact(&mut self) -> Option<Notification> {
        self.kept.pop_front().or_else(|| self.facts.pop())
    }

    /// Either, facts first.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Notification, Box<Command>>> {
        if let Some(fact) = self.kept.pop_front() {
            return Poll::Ready(Ok(fact));
        }
        if let Poll::Ready(Some(fact)) = self.facts.poll(cx) {
            return Poll::Ready(Ok(fact));
        }
        self.poll_command(cx).map(Err)
    }

    fn poll_command(&mut self, cx: &mut Context<'_>) -> Poll<Box<Command>> {
        match self.commands.poll(cx) {
            Poll::Ready(Some(command)) => {
                self.commands.free(1);
                Poll::Ready(command)
            }
            // The driver holds the mailbox itself: it is never without a sender.
            Poll::Ready(None) | Poll::Pending => Poll::Pending,
        }
    }

    /// As [`poll`](Inbox::poll), while nothing can be fed: facts are kept, all but the arrivals, which can
    /// be turned away. Cancel-safe.
    pub(super) async fn refusable(&mut self) -> Result<Box<Arrival>, Box<Command>> {
        core::future::poll_fn(|cx| {
            while let Poll::Ready(Some(fact)) = self.facts.poll(cx) {
                if let Notification::Arrived(arrival) = fact {
                    return Poll::Ready(Ok(arrival));
                }
                self.kept.push_back(fact);
            }
            self.poll_command(cx).map(Err)
        })
        .await
    }

    /// Nothing comes in any more.
    pub(super) fn close(&mut self) {
        self.commands.close();
        self.facts.close();
    }
}
