//! A proxy in front of the server's socket, which can withhold what clients send, and cut them off.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::{Notify, watch};

use crate::place::Place;

/// What a server ends its answer with, outside a transaction.
const READY: &[u8] = b"Z\0\0\0\x05I";

/// What stands in a statement that writes, and in no other.
const WRITE: &[u8] = b"WITH ORDINALITY";

#[derive(Default)]
struct Shared {
    holding: bool,
    /// What the server says does not arrive.
    deaf: bool,
    /// Connections that were cut while something was withheld.
    cut: Vec<Late>,
}

/// What a client has sent, and its server has not got yet.
pub(crate) struct Late {
    bytes: Vec<u8>,
    server: UnixStream,
}

impl Late {
    /// The server gets it, and has answered when this returns.
    pub(crate) async fn arrive(mut self) {
        self.server.write_all(&self.bytes).await.unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(READY) {
            assert!(self.server.read_buf(&mut answer).await.unwrap() > 0, "the server hangs up");
        }
    }
}

pub(crate) struct Proxy {
    port: u16,
    shared: Arc<Mutex<Shared>>,
    withheld: Arc<Notify>,
    cut: watch::Sender<u32>,
    gone: Arc<Notify>,
}

impl Proxy {
    pub(crate) async fn new(place: &Place) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (shared, withheld) = (Arc::<Mutex<Shared>>::default(), Arc::<Notify>::default());
        let (cut, gone) = (watch::Sender::new(0), Arc::<Notify>::default());
        let proxy = Proxy { port, shared, withheld, cut, gone };
        let socket = place.server.socket();
        let (shared, withheld) = (Arc::clone(&proxy.shared), Arc::clone(&proxy.withheld));
        let (cut, gone) = (proxy.cut.clone(), Arc::clone(&proxy.gone));
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (shared, withheld) = (Arc::clone(&shared), Arc::clone(&withheld));
                let (socket, cut, gone) = (socket.clone(), cut.subscribe(), Arc::clone(&gone));
                tokio::spawn(async move {
                    _ = relay(client, socket, &shared, &withheld, cut).await;
                    gone.notify_one();
                });
            }
        });
        proxy
    }

    pub(crate) fn url(&self, place: &Place) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{}", self.port, place.database)
    }

    /// From now on nothing that clients write arrives.
    pub(crate) fn hold(&self) {
        self.shared.lock().unwrap().holding = true;
    }

    /// From now on nothing that the server says arrives.
    pub(crate) fn deafen(&self) {
        self.shared.lock().unwrap().deaf = true;
    }

    /// Returns when something is withheld.
    pub(crate) async fn withheld(&self) {
        self.withheld.notified().await;
    }

    /// Every client is cut off; what was withheld is still on its way. What comes then is not withheld.
    pub(crate) async fn cut(&self) -> Vec<Late> {
        self.shared.lock().unwrap().holding = false;
        self.cut.send_modify(|cuts| *cuts += 1);
        loop {
            let late = std::mem::take(&mut self.shared.lock().unwrap().cut);
            if !late.is_empty() {
                return late;
            }
            self.gone.notified().await;
        }
    }
}

async fn relay(
    mut client: TcpStream,
    socket: PathBuf,
    shared: &Mutex<Shared>,
    withheld: &Notify,
    mut cut: watch::Receiver<u32>,
) -> io::Result<()> {
    cut.mark_unchanged();
    let mut server = UnixStream::connect(socket).await?;
    let (mut up, mut down, mut late) = (vec![0; 1 << 16], vec![0; 1 << 16], Vec::new());
    loop {
        tokio::select! {
            read = client.read(&mut up) => {
                let count = read?;
                if count == 0 {
                    return Ok(());
                }
                late.extend_from_slice(&up[..count]);
                let writes = late.windows(WRITE.len()).any(|bytes| bytes == WRITE);
                if writes && shared.lock().unwrap().holding {
                    withheld.notify_one();
                } else {
                    server.write_all(&late).await?;
                    late.clear();
                }
            }
            read = server.read(&mut down) => {
                let count = read?;
                if count == 0 {
                    return Ok(());
                }
                if !shared.lock().unwrap().deaf {
                    client.write_all(&down[..count]).await?;
                }
            }
            _ = cut.changed() => {
                if !late.is_empty() {
                    shared.lock().unwrap().cut.push(Late { bytes: late, server });
                }
                return Ok(());
            }
        }
    }
}
