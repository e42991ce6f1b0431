//! What is between a node and its database: a proxy that can be shut, or deaf in either direction.

use std::io;
use std::path::PathBuf;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::watch;

/// How it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Open,
    /// Every connection is cut, and so is each new one.
    Shut,
    /// What the node says does not arrive, or what the database says, or neither. It arrives later.
    Deaf {
        node: bool,
        database: bool,
    },
}

/// A proxy that runs as long as the test.
#[derive(Debug)]
pub(super) struct Wire {
    pub(super) port: u16,
    mode: watch::Sender<Mode>,
}

impl Wire {
    /// `database` is the socket to connect to, for now.
    pub(super) async fn new(host: &str, database: watch::Receiver<PathBuf>) -> Wire {
        let listener = TcpListener::bind((host, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let mode = watch::Sender::new(Mode::Open);
        let view = mode.subscribe();
        tokio::spawn(async move {
            while let Ok((node, _)) = listener.accept().await {
                let socket = database.borrow().clone();
                let view = view.clone();
                tokio::spawn(async move { carry(node, socket, view).await });
            }
        });
        Wire { port, mode }
    }

    pub(super) fn set(&self, mode: Mode) {
        self.mode.send_replace(mode);
    }
}

async fn carry(
    mut node: TcpStream,
    socket: PathBuf,
    mut view: watch::Receiver<Mode>,
) -> io::Result<()> {
    let mut database = UnixStream::connect(socket).await?;
    let (mut up, mut down) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    loop {
        let mode = *view.borrow_and_update();
        let (hears_node, hears_database) = match mode {
            Mode::Open => (true, true),
            Mode::Shut => return Ok(()),
            Mode::Deaf { node, database } => (!node, !database),
        };
        tokio::select! {
            read = node.read(&mut up), if hears_node => {
                match read? {
                    0 => return Ok(()),
                    count => database.write_all(&up[..count]).await?,
                }
            }
            read = database.read(&mut down), if hears_database => {
                match read? {
                    0 => return Ok(()),
                    count => node.write_all(&down[..count]).await?,
                }
            }
            changed = view.changed() => {
                if changed.is_err() {
                    return Ok(());
                }
            }
        }
    }
}
