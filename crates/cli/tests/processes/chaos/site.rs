//! Three nodes on a database of their own, and the balancer of docs/cluster.md before them.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use outlive_testkit::postgres::{Server, folder, programs, script};
use outlive_testkit::skip::skip;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio_postgres::NoTls;

use super::super::child::Folder;
use super::super::kill::guard;
use super::super::proxies::HAPROXY;
use super::node::{Node, Spot};
use super::wire::{Mode, Wire};

/// A node, and what is between it and the database.
pub(super) struct Member {
    /// Its name, which is its internal address.
    pub(super) name: String,
    pub(super) listen: SocketAddr,
    pub(super) node: Node,
    pub(super) wire: Wire,
    reach: watch::Sender<bool>,
}

impl Member {
    pub(super) fn set(&self, mode: Mode) {
        self.wire.set(mode);
        self.reach.send_replace(mode == Mode::Open);
    }
}

/// Where nodes are.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// Words before the program's.
    pub(super) before: Vec<String>,
    /// Where its clients reach it, and where the other nodes do.
    pub(super) listen: String,
    pub(super) inside: String,
    /// Where it reaches its database.
    pub(super) database: String,
}

impl Place {
    /// All on this machine, as it is.
    pub(super) fn here() -> [Place; 3] {
        [1, 2, 3].map(|n| Place {
            before: Vec::new(),
            listen: "127.0.0.2".into(),
            inside: format!("127.0.1.{}", 100 + n),
            database: "127.0.0.1".into(),
        })
    }
}

pub(super) struct Site {
    pub(super) members: Vec<Member>,
    /// The balancer.
    pub(super) at: SocketAddr,
    /// The database: the primary of now.
    pub(super) server: Server,
    database: watch::Sender<PathBuf>,
    pub(super) folder: Folder,
    _balancer: Child,
    _pooler: Option<Child>,
}

/// A port that is free, at this moment.
fn free(host: &str) -> SocketAddr {
    TcpListener::bind((host, 0)).unwrap().local_addr().unwrap()
}

impl Site {
    /// None if something is missing, which is said.
    pub(super) async fn new(places: &[Place; 3], pooled: bool) -> Option<Site> {
        if programs().is_none() {
            skip("PostgreSQL");
            return None;
        }
        let balancer = HAPROXY.path()?;
        let folder = Folder::new("chaos");
        std::fs::write(folder.file("secret"), "known to all of them\n").unwrap();
        let server = Server::new("-c max_connections=200");
        let (before, socket) = if pooled {
            let (child, socket) = pooler(&server).await?;
            (Some(child), socket)
        } else {
            (None, server.socket())
        };
        let (database, view) = watch::channel(socket);
        let mut members = Vec::new();
        for (n, place) in places.iter().enumerate() {
            let wire = Wire::new(&place.database, view.clone()).await;
            let port = u16::try_from(7001 + n).unwrap();
            let (listen, inside) = if place.before.is_empty() {
                (free(&place.listen), free(&place.inside))
            } else {
                // Nobody else is there.
                let at = |host: &str, port| format!("{host}:{port}").parse().unwrap();
                (at(&place.listen, port), at(&place.inside, port + 100))
            };
            let store = format!("postgres://postgres@{}:{}/postgres", place.database, wire.port);
            let file = |name: String| folder.file(&name).to_str().unwrap().to_owned();
            let (secret, record) = (file("secret".into()), file(format!("steps{n}.jsonl")));
            let (listens, name) = (listen.to_string(), inside.to_string());
            let words = ["serve", "--token", "T", "--listen", &listens, "--advertise", &name];
            let more = ["--cluster-secret-file", &secret, "--store", &store, "--record", &record];
            let (reach, seen) = watch::channel(true);
            let spot = Spot {
                before: place.before.clone(),
                words: words.iter().chain(&more).map(|word| (*word).to_owned()).collect(),
                log: folder.file(&format!("log{n}")),
                reach: seen,
            };
            members.push(Member { name, listen, node: Node::new(spot), wire, reach });
        }
        for member in &members {
            guard("a node", member.node.listens(1)).await;
        }
        let (child, at) = balance(&balancer, &folder, &members).await;
        Some(Site { members, at, server, database, folder, _balancer: child, _pooler: before })
    }

    /// A connection to the database, beside the nodes'.
    pub(super) async fn client(&self) -> tokio_postgres::Client {
        client(&self.server).await
    }

    /// The epoch under which a node is a member now.
    pub(super) async fn epoch(&self, member: usize) -> Option<i64> {
        let epoch = "SELECT epoch FROM outlive.node WHERE name = $1";
        let client = self.client().await;
        let row = client.query_opt(epoch, &[&self.members[member].name]).await.unwrap();
        row.map(|row| row.get(0))
    }

    /// Starts the database anew.
    pub(super) async fn restart(&self, mode: &str) {
        let text = "\"$BIN/pg_ctl\" -D data -l server.log -w -m MODE restart >restart.log 2>&1";
        self.run(&text.replace("MODE", mode)).await;
    }

    async fn run(&self, text: &str) {
        let mut command = Command::from(script(self.server.folder(), text));
        assert!(command.status().await.unwrap().success(), "{text}");
    }

    /// A standby that has what the primary has, and is told what it commits.
    pub(super) async fn standby(&self) -> Server {
        let make = format!(
            "\"$BIN/pg_basebackup\" -h '{}' -U postgres -D data -X stream -c fast -R",
            self.server.folder().display()
        );
        let standby = Server::start(folder(), &make, "-c max_connections=200");
        let streams = "SELECT FROM pg_stat_replication WHERE state = 'streaming'";
        let primary = self.client().await;
        let streaming = async { while primary.query_opt(streams, &[]).await.unwrap().is_none() {} };
        guard("the replication", streaming).await;
        standby
    }

    /// From now on the standby is told nothing.
    pub(super) async fn deafen(standby: &Server) {
        let client = client(standby).await;
        client.batch_execute("ALTER SYSTEM SET primary_conninfo = ''").await.unwrap();
        client.batch_execute("SELECT pg_reload_conf()").await.unwrap();
        let hears = "SELECT FROM pg_stat_wal_receiver";
        let deaf = async { while client.query_opt(hears, &[]).await.unwrap().is_some() {} };
        guard("the standby", deaf).await;
    }

    /// The primary ends, and the standby takes its place. In good order it has been told everything.
    pub(super) async fn promote(&mut self, standby: Server, mode: &str) {
        self.run(&format!("\"$BIN/pg_ctl\" -D data -w -m {mode} stop >stop.log 2>&1")).await;
        let promote = "SELECT pg_promote(true)";
        client(&standby).await.query_one(promote, &[]).await.unwrap();
        self.database.send_replace(standby.socket());
        self.server = standby;
    }
}

/// A connection to a database.
async fn client(server: &Server) -> tokio_postgres::Client {
    let url = server.url("postgres");
    let (client, connection) = tokio_postgres::connect(&url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// A pooler in transaction mode before the database, and its socket.
async fn pooler(server: &Server) -> Option<(Child, PathBuf)> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let places = std::env::split_paths(&path).chain(["/usr/sbin".into()]);
    if !places.into_iter().any(|place| place.join("pgbouncer").is_file()) {
        skip("the program pgbouncer");
        return None;
    }
    let folder = server.folder();
    let settings = format!(
        "[databases]\n* = host={0} user=postgres\n[pgbouncer]\nunix_socket_dir = {0}\nlisten_port = 6432\n\
         auth_type = any\npool_mode = transaction\nserver_login_retry = 1\ndefault_pool_size = 8\nmax_client_conn = 200\n",
        folder.display()
    );
    std::fs::write(folder.join("pooler.ini"), settings).unwrap();
    let text = "PATH=$PATH:/usr/sbin exec pgbouncer -q pooler.ini";
    let mut command = Command::from(script(folder, text));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    let (child, socket) = (command.spawn().unwrap(), folder.join(".s.PGSQL.6432"));
    let listens = async {
        while tokio::net::UnixStream::connect(&socket).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    guard("the pooler", listens).await;
    Some((child, socket))
}

/// The configuration of docs/cluster.md, with these addresses.
async fn balance(program: &Path, folder: &Folder, members: &[Member]) -> (Child, SocketAddr) {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/cluster.md");
    let page = std::fs::read_to_string(page).unwrap();
    let (_, block) = page.split_once("```text\ndefaults").unwrap();
    let (block, _) = block.split_once("```").unwrap();
    let at = free("127.0.0.1");
    let mut text = format!("defaults{block}").replace("127.0.0.1:7000", &at.to_string());
    for (n, member) in members.iter().enumerate() {
        text = text.replace(&format!("127.0.0.1:{}", 7001 + n), &member.listen.to_string());
    }
    let file = folder.file("haproxy.cfg");
    std::fs::write(&file, text).unwrap();
    let mut command = Command::new(program);
    command.arg("-db").arg("-f").arg(&file);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    let mut child = command.spawn().unwrap();
    let listens = async {
        while TcpStream::connect(at).await.is_err() {
            assert!(child.try_wait().unwrap().is_none(), "the balancer has ended");
            tokio::task::yield_now().await;
        }
    };
    guard("the balancer", listens).await;
    (child, at)
}
