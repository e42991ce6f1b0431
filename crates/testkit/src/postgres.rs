//! A `PostgreSQL` of this program's own: made in a temporary folder when it is first needed, and gone with the program.

use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::skip::skip;

/// A cluster, in a folder, which also has its socket.
pub struct Server {
    folder: PathBuf,
    /// It ends the server when its standard input ends: with this program, in whatever way.
    _keeper: Child,
}

/// Where the programs are.
pub fn programs() -> Option<PathBuf> {
    let mut folders: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path().join("bin")))
        .collect();
    folders.sort();
    folders.reverse();
    folders.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
    folders.into_iter().find(|folder| ["initdb", "pg_ctl"].iter().all(|p| folder.join(p).is_file()))
}

/// Who runs it: `PostgreSQL` refuses root.
fn other_user() -> Option<u32> {
    let id = |words: &[&str]| {
        let out = Command::new("id").args(words).stderr(Stdio::null()).output().ok()?;
        String::from_utf8(out.stdout).ok()?.trim().parse().ok()
    };
    if id(&["-u"])? != 0 {
        return None;
    }
    id(&["-u", "postgres"]).or_else(|| id(&["-u", "nobody"]))
}

/// A folder that is the server's.
pub fn folder() -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let name = format!("outlive-pg-{}-{number}", std::process::id());
    let folder = std::env::temp_dir().join(name);
    std::fs::create_dir_all(&folder).unwrap();
    if let Some(user) = other_user() {
        chown(&folder, Some(user), Some(user)).unwrap();
    }
    folder
}

/// Runs a script of the shell in this folder, as the user that may run a server; `$BIN` has the programs.
pub fn script(folder: &Path, text: &str) -> Command {
    let mut shell = Command::new("/bin/sh");
    shell.arg("-c").arg(text).current_dir(folder).env("BIN", programs().unwrap());
    // Whatever the user's own settings are.
    shell.env("PGHOST", folder).env("PGUSER", "postgres").env("LC_ALL", "C");
    if let Some(user) = other_user() {
        shell.uid(user).gid(user);
    }
    shell
}

impl Server {
    /// Starts what this script makes in `data`, with these settings.
    pub fn start(folder: PathBuf, make: &str, settings: &str) -> Server {
        let text = format!(
            "trap '' INT TERM HUP
             {{ {make}; }} >log 2>&1 || {{ cat log; exit 1; }}
             \"$BIN/pg_ctl\" -D data -l server.log -w -o \"-k $PWD -c listen_addresses='' {settings}\" start >log 2>&1 \
                || {{ cat log server.log; exit 1; }}
             echo up
             read -r _
             \"$BIN/pg_ctl\" -D data -m immediate -w stop >log 2>&1
             cd / && rm -rf '{folder}'",
            folder = folder.display()
        );
        let mut keeper = script(&folder, &text)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(keeper.stdout.take().unwrap()).lines();
        let first = lines.next().unwrap().unwrap();
        if first != "up" {
            panic!("{first}\n{}", lines.map_while(Result::ok).collect::<Vec<_>>().join("\n"));
        }
        Server { folder, _keeper: keeper }
    }

    /// A new cluster.
    pub fn new(settings: &str) -> Server {
        let make = "\"$BIN/initdb\" -D data -A trust -U postgres --no-sync -E UTF8 --locale=C";
        Server::start(folder(), make, settings)
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub fn socket(&self) -> PathBuf {
        self.folder.join(".s.PGSQL.5432")
    }

    /// The URL of a database.
    pub fn url(&self, database: &str) -> String {
        let folder = self.folder.to_str().unwrap().replace('/', "%2F");
        format!("postgres://postgres@{folder}/{database}")
    }
}

/// The server of this program; `None` if there is none to start, which is said.
pub fn server() -> Option<&'static Server> {
    static SERVER: OnceLock<Option<Server>> = OnceLock::new();
    let start = || programs().map(|_| Server::new("-c max_connections=400"));
    let server = SERVER.get_or_init(start).as_ref();
    if server.is_none() {
        skip("PostgreSQL");
    }
    server
}
