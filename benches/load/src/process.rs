//! A server's process: its address, the processor time it took, the memory it has.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

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
        let mut child = Command::new(program)
            .args(args)
            .stdout(Stdio::piped())
            .spawn()
            .expect("a server can be started");
        let mut address = String::new();
        let out = child.stdout.as_mut().expect("its output is a pipe");
        BufReader::new(out).read_line(&mut address).expect("it says where it is");
        let address = address.trim().to_owned();
        assert!(!address.is_empty(), "the server did not start");
        Server { child, address }
    }

    /// Processor time so far, of all its threads, in microseconds.
    pub fn cpu_us(&self) -> f64 {
        let tasks = format!("/proc/{}/task", self.child.id());
        let mut nanoseconds = 0.0;
        for task in std::fs::read_dir(tasks).expect("the server runs").flatten() {
            let stat = std::fs::read_to_string(task.path().join("schedstat")).unwrap_or_default();
            let first = stat.split_whitespace().next().and_then(|text| text.parse::<f64>().ok());
            nanoseconds += first.unwrap_or(0.0);
        }
        nanoseconds / 1_000.0
    }

    /// Resident memory, in bytes.
    pub fn memory(&self) -> u64 {
        let path = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(path).expect("the server runs");
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap_or_default();
        let kib = line.split_whitespace().nth(1).and_then(|text| text.parse::<u64>().ok());
        kib.unwrap_or(0) * 1024
    }
}

impl Drop for Server {
    fn drop(&mut self) {
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
