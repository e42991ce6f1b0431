//! A server's process: its address, the processor time it took, the memory it has.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A server that is measured from outside.
pub struct Server {
    child: Child,
    /// `host:port`.
    pub address: String,
}

impl Server {
    /// Starts this program again, as a server.
    pub fn start(args: &[&str]) -> Server {
        let program = std::env::current_exe().expect("this program has a path");
        Server::run(&program, args, |line| Some(line.trim().to_owned()))
    }

    /// Starts a program whose first line says where it listens.
    pub fn run(program: &Path, args: &[&str], address: impl Fn(&str) -> Option<String>) -> Server {
        let mut child = Command::new(program)
            .args(args)
            .stdout(Stdio::piped())
            .spawn()
            .expect("a server can be started");
        let mut line = String::new();
        let out = child.stdout.as_mut().expect("its output is a pipe");
        BufReader::new(out).read_line(&mut line).expect("it says where it is");
        let address = address(&line).filter(|address| !address.is_empty());
        Server { child, address: address.expect("the server did not start") }
    }

    /// Starts a program that listens there, and waits until it does.
    pub fn spawn(program: &Path, args: &[&str], address: String) -> Server {
        let child = Command::new(program).args(args).spawn();
        let mut server = Server { child: child.expect("a server can be started"), address };
        while std::net::TcpStream::connect(&server.address).is_err() {
            let ended = server.child.try_wait().expect("it is this program's child");
            assert!(ended.is_none(), "the server did not start");
            std::thread::sleep(Duration::from_millis(10));
        }
        server
    }

    /// Processor time so far, of all threads of the server and of its children, in microseconds.
    pub fn cpu_us(&self) -> f64 {
        family_cpu_us(self.child.id())
    }

    /// Ends it as a power cut does.
    pub fn kill(mut self) {
        self.child.kill().expect("it is this program's child");
        self.child.wait().expect("it is this program's child");
    }

    /// Resident memory, in bytes.
    pub fn memory(&self) -> u64 {
        self.status("VmRSS:")
    }

    /// The most that was ever resident, in bytes.
    pub fn peak_memory(&self) -> u64 {
        self.status("VmHWM:")
    }

    fn status(&self, field: &str) -> u64 {
        let path = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(path).expect("the server runs");
        let line = status.lines().find(|line| line.starts_with(field)).unwrap_or_default();
        let kib = line.split_whitespace().nth(1).and_then(|text| text.parse::<u64>().ok());
        kib.unwrap_or(0) * 1024
    }
}

/// Processor time so far of a process and its children, in microseconds; not of children that have ended.
pub fn family_cpu_us(id: u32) -> f64 {
    let all = std::fs::read_dir("/proc").expect("it is Linux").flatten();
    let ids = all.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let children = ids.filter(|child| parent(*child) == Some(id));
    children.chain([id]).map(cpu_of).sum()
}

/// Processor time of a process, in microseconds.
fn cpu_of(id: u32) -> f64 {
    let tasks = std::fs::read_dir(format!("/proc/{id}/task")).into_iter().flatten().flatten();
    let nanoseconds = tasks.map(|task| {
        let stat = std::fs::read_to_string(task.path().join("schedstat")).unwrap_or_default();
        let first = stat.split_whitespace().next().and_then(|text| text.parse::<f64>().ok());
        first.unwrap_or(0.0)
    });
    nanoseconds.sum::<f64>() / 1_000.0
}

/// Who has started a process.
fn parent(id: u32) -> Option<u32> {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // Behind its name, which may have spaces: the state, and then the parent.
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_whitespace().nth(1)?.parse().ok()
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Ok(Some(_)) = self.child.try_wait() {
            return;
        }
        // Asked first: it may have children, which it ends.
        _ = Command::new("kill").arg(self.child.id().to_string()).status();
        for _ in 0..100 {
            if let Ok(Some(_)) = self.child.try_wait() {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

/// Processor time of this process so far, in microseconds; also of threads that have ended. In steps of
/// 10 ms, the clock tick that Linux shows.
pub fn own_cpu_us() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("it runs");
    // Behind its name, which may have spaces: the state is the first, user and system the 12th and 13th.
    let (_, fields) = stat.rsplit_once(')').expect("it has a name");
    let ticks = fields.split_whitespace().skip(11).take(2);
    ticks.map(|ticks| ticks.parse::<f64>().unwrap_or(0.0) * 10_000.0).sum()
}
