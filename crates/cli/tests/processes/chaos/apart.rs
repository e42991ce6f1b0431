//! Nodes in network namespaces of their own, with a router between them that can swallow what goes from one to another.

use std::process::Command;

use outlive_testkit::skip::skip;

use super::site::Place;

/// Three namespaces of nodes, and that of the router. They go with the test.
#[derive(Debug)]
pub(super) struct Net {
    /// What their names begin with, and their addresses.
    name: String,
    addresses: String,
}

/// Runs `ip` with these words; whether it did as it was asked.
fn ip(words: &str) -> bool {
    let output = Command::new("ip").args(words.split(' ')).output();
    output.is_ok_and(|output| output.status.success())
}

fn must(words: &str) {
    assert!(ip(words), "ip {words}");
}

impl Net {
    /// None where nobody may make any, which is said.
    pub(super) fn new() -> Option<Net> {
        let process = std::process::id();
        let (name, addresses) = (format!("outlive{process}"), format!("10.{}", 64 + process % 128));
        let net = Net { name, addresses };
        let router = net.router();
        if !ip(&format!("netns add {router}")) {
            skip("network namespaces");
            return None;
        }
        let line = "echo 1 >/proc/sys/net/ipv4/ip_forward";
        let forward =
            Command::new("ip").args(["netns", "exec", &router, "sh", "-c", line]).status();
        assert!(forward.unwrap().success(), "{line}");
        for n in 0..3 {
            let (space, host, gate) = (net.space(n), net.host(n), net.gate(n));
            must(&format!("netns add {space}"));
            must(&format!("link add node netns {space} type veth peer name to{n} netns {router}"));
            must(&format!("-n {router} addr add {gate}/24 dev to{n}"));
            must(&format!("-n {router} link set to{n} up"));
            must(&format!("-n {space} addr add {host}/24 dev node"));
            must(&format!("-n {space} link set node up"));
            must(&format!("-n {space} link set lo up"));
            must(&format!("-n {space} route add default via {gate}"));
        }
        // This process, the balancer and the database are out here.
        let (here, there) = (net.here(), net.gate(9));
        must(&format!("link add {} type veth peer name out netns {router}", net.name));
        must(&format!("addr add {here}/24 dev {}", net.name));
        must(&format!("link set {} up", net.name));
        must(&format!("-n {router} addr add {there}/24 dev out"));
        must(&format!("-n {router} link set out up"));
        must(&format!("route add {}.0.0/16 via {there}", net.addresses));
        Some(net)
    }

    fn router(&self) -> String {
        format!("{}r", self.name)
    }

    fn space(&self, n: usize) -> String {
        format!("{}n{n}", self.name)
    }

    fn host(&self, n: usize) -> String {
        format!("{}.{n}.2", self.addresses)
    }

    fn gate(&self, n: usize) -> String {
        format!("{}.{n}.1", self.addresses)
    }

    fn here(&self) -> String {
        self.host(9)
    }

    pub(super) fn places(&self) -> [Place; 3] {
        [0, 1, 2].map(|n| Place {
            before: ["ip", "netns", "exec", &self.space(n)].map(str::to_owned).to_vec(),
            listen: self.host(n),
            inside: self.host(n),
            database: self.here(),
        })
    }

    /// What one node says does not reach the other one, or does again.
    pub(super) fn way(&self, from: usize, to: usize, open: bool) {
        let verb = if open { "del" } else { "add" };
        let (router, from, to) = (self.router(), self.host(from), self.host(to));
        must(&format!("-n {router} rule {verb} blackhole from {from} to {to} priority 100"));
    }

    /// A node's one link goes down, or up.
    pub(super) fn link(&self, n: usize, up: bool) {
        let (router, state) = (self.router(), if up { "up" } else { "down" });
        must(&format!("-n {router} link set to{n} {state}"));
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        // The ends of the links go with the namespaces.
        for n in 0..3 {
            ip(&format!("netns del {}", self.space(n)));
        }
        ip(&format!("netns del {}", self.router()));
        ip(&format!("link del {}", self.name));
    }
}
