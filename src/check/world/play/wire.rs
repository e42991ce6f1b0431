//! What happens to connections, by their table.

use super::*;

impl Transition<'_> {
    pub(super) fn cut(&mut self, id: u8) -> Option<()> {
        self.now.left.cuts -= 1;
        let link = self.link(id)?;
        link.alive = false;
        link.down.clear();
        let client = link.client;
        let who = &mut self.now.clients[client];
        if who.link == Some(id) {
            (who.link, who.hidden, who.away) = (None, false, true);
        }
        Some(())
    }

    pub(super) fn bye(&mut self, id: u8) -> Option<()> {
        self.cut(id)?;
        self.link(id)?.up.push(Message::Bye);
        Some(())
    }

    pub(super) fn budgeted(&mut self, id: u8, trigger: Trigger) {
        self.now.left.late -= 1;
        self.connection(id, trigger, CloseCode::Restart);
    }

    /// Something happens to the server's side of a link: the connection's table says what is done.
    /// Returns whether the event is to be handed on to the session.
    pub(super) fn connection(&mut self, id: u8, trigger: Trigger, code: CloseCode) {
        _ = self.step_connection(id, trigger, code);
    }

    pub(super) fn step_connection(&mut self, id: u8, trigger: Trigger, code: CloseCode) -> Did {
        let world = self.world;
        let mut did = Did::default();
        let Some(link) = self.now.links.iter_mut().find(|link| link.id == id) else { return did };
        let was = link.server;
        let row = link.server.step_by(world.connections, trigger, code);
        let held = laws::of_connection(&was, trigger, code, row, &link.server);
        let mut twice = false;
        for op in row.ops {
            match op {
                connection::Op::Admit | connection::Op::Pass => did.passes = true,
                connection::Op::Write => did.writes = true,
                connection::Op::SendClose => {
                    link.writing = None;
                    if link.alive {
                        let code = link.server.code().unwrap_or(code);
                        link.down.push(Frame::Close(code));
                    }
                }
                connection::Op::Gone => {
                    twice = link.gone != Gone::No;
                    link.gone = Gone::Untold;
                }
                connection::Op::Release => {
                    link.held = false;
                    link.writing = None;
                    link.up.clear();
                }
                connection::Op::Code(_)
                | connection::Op::CodeAsAsked
                | connection::Op::DisarmHello
                | connection::Op::DisarmClose
                | connection::Op::ArmClose => {}
            }
        }
        self.evidence.take_connection(world, row);
        if twice {
            self.breach(Law::OneGonePerConnection, format!("{trigger} in {}", was.phase()));
        }
        if let Err(breach) = held {
            self.breach(breach.law, breach.detail);
        }
        did
    }

    /// Puts a frame on the wire, if the connection's table lets it.
    pub(super) fn write(&mut self, id: u8, frame: Frame) {
        let writes = self.step_connection(id, Trigger::Send, CloseCode::Normal).writes;
        let careless = self.bug(Bug::WriteWithoutAsking);
        let Some(link) = self.link(id) else { return };
        let open = link.server.phase() == connection::Phase::Open;
        if !writes && !careless {
            return;
        }
        if link.alive {
            link.down.push(frame);
        }
        if !open {
            self.breach(Law::NoSendAfterClose, format!("{frame:?} on connection {id}"));
        }
    }

    /// Reads the range, or its first entry alone, and writes it.
    pub(super) fn flush(&mut self, id: u8, part: bool) -> Option<()> {
        let history = self.now.history;
        let link = self.now.link(id)?;
        let ((mut from, to), node) = (link.writing?, link.node);
        let log = self.now.store.as_ref().map(|session| *session.log());
        let owner = self.now.owner == Some(node);
        let Some(log) = log.filter(|log| owner || from > log.base) else {
            self.connection(id, Trigger::Close, CloseCode::Moved);
            return Some(());
        };
        if from <= log.base {
            // The viewer is slow, the log went on.
            if !self.bug(Bug::SkipWhatIsTrimmed) {
                self.link(id)?.writing = None;
                if self.step_connection(id, Trigger::Written, CloseCode::Normal).passes {
                    self.feed(node, Event::Missed { connection: fence(id), from });
                }
                return Some(());
            }
            from = log.base.next();
        }
        let to = if part { from } else { to };
        if to > log.head {
            let detail = format!("{to} was to be written, the log ends at {}", log.head);
            self.breach(Law::DeliveredIsDurable, detail);
        }
        let link = self.link(id)?;
        link.writing = None;
        link.written = Some(to);
        if link.alive {
            link.down.push(Frame::Entries { from, to, history });
        }
        Some(())
    }

    /// A wire that is not what the world is about: what is written arrives at once.
    pub(super) fn deliver(&mut self) {
        while let Some(action) = self.now.links.iter().find_map(|link| {
            let open = link.server.phase() == connection::Phase::Open;
            let free = self.now.is_free(link.node);
            let through = self.now.gets_through(link);
            if link.alive && through && !link.down.is_empty() {
                Some(Next::Receive(link.id))
            } else if !(free && through || self.now.members.is_empty()) {
                None
            } else if link.held && open && link.writing.is_some() && self.now.reaches(link.node) {
                Some(Next::Flush(link.id))
            } else {
                link.written.map(|_| Next::Written(link.id))
            }
        }) {
            let done = match action {
                Next::Receive(link) => self.receive(link),
                Next::Flush(link) => self.flush(link, false),
                Next::Written(link) => self.written(link),
            };
            if done.is_none() {
                break;
            }
        }
    }

    pub(super) fn written(&mut self, id: u8) -> Option<()> {
        let link = self.link(id)?;
        let (through, node) = (link.written.take()?, link.node);
        if self.step_connection(id, Trigger::Written, CloseCode::Normal).passes {
            self.feed(node, Event::Written { connection: fence(id), through });
        }
        Some(())
    }

    pub(super) fn tell_gone(&mut self, id: u8) -> Option<()> {
        let link = self.link(id)?;
        link.gone = Gone::Told;
        let (node, client) = (link.node, link.client);
        let mut connection = fence(id);
        if self.bug(Bug::LossByClient) {
            // The registry knows clients, not connections.
            let session = self.now.nodes[node].session.as_ref()?;
            let who = ClientId(client as u64);
            connection = session.connections().iter().find(|c| c.client == who)?.id;
        }
        self.feed(node, Event::Lost { connection });
        Some(())
    }
}
