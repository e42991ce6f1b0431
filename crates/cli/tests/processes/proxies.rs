//! The configurations in docs/deploying.md, taken from the page and run with the real proxies.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};

use super::child::{COMES_BACK, Folder, Serving};
use super::kill::guard;
use outlive_testkit::endpoints::{Server, Site, Socket, entry};
use outlive_testkit::skip::skip;

/// Which proxy, and how its program is called.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kind {
    name: &'static str,
    program: &'static str,
}

const NGINX: Kind = Kind { name: "nginx", program: "nginx" };
pub(super) const HAPROXY: Kind = Kind { name: "haproxy", program: "haproxy" };
const APACHE: Kind = Kind { name: "apache", program: "apache2" };
const CADDY: Kind = Kind { name: "caddy", program: "caddy" };
const LIGHTTPD: Kind = Kind { name: "lighttpd", program: "lighttpd" };
const VARNISH: Kind = Kind { name: "varnish", program: "varnishd" };

const TRAEFIK: Kind = Kind { name: "traefik", program: "traefik" };
const ENVOY: Kind = Kind { name: "envoy", program: "envoy" };

/// A proxy that runs as long as the test.
struct Proxy {
    site: Site,
    _child: Child,
    _folder: Folder,
}

impl Kind {
    /// The program's path. Distributions have it where not every user looks.
    pub(super) fn path(self) -> Option<PathBuf> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let places = std::env::split_paths(&path).chain(["/usr/sbin".into()]);
        let mut found = places.map(|place| place.join(self.program));
        let found = found.find(|program| program.is_file());
        if found.is_none() {
            skip(&format!("the program {}", self.program));
        }
        found
    }

    /// What the page says, for these addresses.
    fn block(self, at: SocketAddr, upstream: SocketAddr) -> String {
        let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/deploying.md");
        let page = std::fs::read_to_string(page).unwrap();
        let (_, rest) = page.split_once(&format!("<!-- proxy: {} -->", self.name)).unwrap();
        let (block, _) = rest.split_once(&format!("<!-- /proxy: {} -->", self.name)).unwrap();
        let (_, block) = block.trim().split_once('\n').unwrap();
        let block = block.strip_suffix("```").unwrap();
        let (ip, port) = (upstream.ip(), upstream.port());
        let changes = [
            ("127.0.0.1:7878", format!("{upstream}")),
            ("\"127.0.0.1\"", format!("\"{ip}\"")),
            ("\"port\" => 7878", format!("\"port\" => {port}")),
            (".port = \"7878\"", format!(".port = \"{port}\"")),
            ("127.0.0.1, port_value: 7878", format!("{ip}, port_value: {port}")),
            ("0.0.0.0, port_value: 80 ", format!("127.0.0.1, port_value: {} ", at.port())),
            ("listen 80;", format!("listen {at};")),
            ("bind :80", format!("bind {at}")),
            ("*:80", format!("{at}")),
            (
                "server.port = 80",
                format!("server.bind = \"127.0.0.1\"\nserver.port = {}", at.port()),
            ),
            ("\n:80 {", format!("\nhttp://:{} {{\nbind 127.0.0.1", at.port())),
        ];
        changes.iter().fold(format!("\n{block}"), |block, (from, to)| block.replace(from, to))
    }

    /// The whole configuration: what a distribution has around the block of the page.
    fn configuration(self, block: &str, folder: &Path, at: SocketAddr) -> String {
        let folder = folder.display();
        match self.program {
            "nginx" => {
                let kinds = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
                let places = kinds.map(|kind| format!("{kind}_temp_path {folder}/{kind};"));
                format!(
                    "daemon off; master_process off; pid {folder}/pid; error_log stderr; events {{}}\n\
                     http {{ access_log off; {} {block} }}",
                    places.concat()
                )
            }
            "apache2" => {
                let modules = ["mpm_event", "authz_core", "proxy", "proxy_http"];
                let modules = modules.map(|name| {
                    format!("LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so\n")
                });
                format!(
                    "ServerName localhost\nPidFile {folder}/pid\nListen {at}\nErrorLog /dev/stderr\n{}{block}",
                    modules.concat()
                )
            }
            "caddy" => format!("{{\n admin off\n}}\n{block}"),
            "lighttpd" => {
                format!("server.document-root = \"{folder}\"\nserver.modules = ()\n{block}")
            }
            _ => block.trim_start().to_owned(),
        }
    }

    /// Starts one before a server, and waits until it listens.
    async fn before(self, program: &Path, upstream: SocketAddr) -> Proxy {
        let folder = Folder::new(self.name);
        let at = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let file = folder.file("configuration.yaml");
        let block = self.block(at, upstream);
        std::fs::write(&file, self.configuration(&block, folder.path(), at)).unwrap();
        let mut command = Command::new(program);
        match self.program {
            "nginx" => command.args(["-p"]).arg(folder.path()).arg("-c").arg(&file),
            "apache2" => command.args(["-X", "-f"]).arg(&file),
            "caddy" => command
                .args(["run", "--adapter", "caddyfile", "--config"])
                .arg(&file)
                .env("HOME", folder.path()),
            "lighttpd" => command.arg("-D").arg("-f").arg(&file),
            "traefik" => command
                .arg(format!("--entryPoints.web.address={at}"))
                .arg(format!("--providers.file.filename={}", file.display())),
            "envoy" => command.args(["--use-dynamic-base-id", "-c"]).arg(&file),
            "varnishd" => command
                .args(["-F", "-a", &at.to_string(), "-n"])
                .arg(folder.file("work"))
                .arg("-f")
                .arg(&file),
            _ => command.arg("-f").arg(&file),
        };
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.kill_on_drop(true);
        let mut child = command.spawn().unwrap();
        let listens = async {
            while TcpStream::connect(at).await.is_err() {
                assert!(child.try_wait().unwrap().is_none(), "{} has ended", self.name);
                tokio::task::yield_now().await;
            }
        };
        guard("the proxy", listens).await;
        let site = Site { at };
        // Traefik listens before it has read its routes.
        let routes = async {
            while site.get("/").await.body.starts_with("404 page not found") {
                tokio::task::yield_now().await;
            }
        };
        guard("its routes", routes).await;
        Proxy { site, _child: child, _folder: folder }
    }
}

const AUTHORIZATION: [(&str, &str); 1] = [("authorization", "Bearer T")];

/// `outlive serve` behind a proxy. With a token it takes any `Host`.
struct Behind {
    folder: Folder,
    server: Serving,
    proxy: Proxy,
    session: String,
}

impl Behind {
    async fn new(kind: Kind, program: &Path) -> Behind {
        let folder = Folder::new("behind");
        let server = Self::serve(COMES_BACK, &folder).await;
        let proxy = kind.before(program, server.site.at).await;
        let made = proxy.site.request("POST", "/sessions", &AUTHORIZATION, "").await;
        assert_eq!(made.status, 201, "{}", made.body);
        let session = format!("/sessions/{}", made.json()["session"].as_str().unwrap());
        Behind { folder, server, proxy, session }
    }

    async fn serve(listen: &str, folder: &Folder) -> Serving {
        Serving::start(listen, &folder.file("outlive.db"), &["--token", "T"]).await
    }

    /// Attaches through the proxy, as soon as there is a server again.
    async fn attach(&self, cursor: Option<&str>) -> (Socket, serde_json::Value) {
        loop {
            match self.proxy.site.dial(&self.session, &AUTHORIZATION).await {
                Ok((mut socket, _)) => {
                    socket.say(&json!({ "t": "attach", "client": "me", "cursor": cursor })).await;
                    let welcome = socket.hear().await.unwrap();
                    assert_eq!(welcome["t"], "welcome", "{welcome}");
                    return (socket, welcome);
                }
                Err((status, _)) => assert!(matches!(status, 502..=504), "{status}"),
            }
        }
    }

    /// A turn, to its end; returns the cursor.
    async fn turn(&self, socket: &mut Socket, n: u32) -> String {
        socket.prompt(n, "/fast 3").await;
        let frames = guard("its end", socket.until(entry("turn_end"))).await;
        frames.last().unwrap()["id"].as_str().unwrap().to_owned()
    }
}

/// A page's origin is that of the host, port and all; a large prompt passes.
async fn attach(kind: Kind) {
    let Some(program) = kind.path() else { return };
    let server = Server::new().await;
    let proxy = kind.before(&program, server.at).await;
    let session = proxy.site.session().await;
    let origin = format!("http://{}", proxy.site.at);
    let dialled = proxy.site.dial(&session, &[("origin", &origin)]).await;
    let Ok((mut socket, protocol)) = dialled else { panic!("{:?}", dialled.err()) };
    assert_eq!(protocol.as_deref(), None);
    socket.say(&json!({ "t": "attach", "client": "laptop" })).await;
    assert_eq!(socket.hear().await.unwrap()["t"], "welcome");
    let words = "x".repeat(3 << 20);
    let prompt = json!({ "client": "laptop", "n": 1, "d": words });
    let told = guard("an answer", proxy.site.post(&format!("{session}/prompts"), &prompt)).await;
    assert_eq!(told.status, 202, "{}", told.body);
    guard("its end", socket.until(entry("turn_end"))).await;
}

/// A stream is read while its turn runs.
async fn stream(kind: Kind) {
    let Some(program) = kind.path() else { return };
    let server = Server::new().await;
    let proxy = kind.before(&program, server.at).await;
    let session = proxy.site.session().await;
    let mut events = proxy.site.events(&format!("{session}/events"), &[]).await;
    guard("the welcome", events.until("welcome")).await;
    let prompt = json!({ "client": "laptop", "n": 1, "d": "hold" });
    assert_eq!(proxy.site.post(&format!("{session}/prompts"), &prompt).await.status, 202);
    // The turn does not end before it is interrupted: what is read was not held back.
    while guard("a word", events.until("ev")).await.data["d"] != "holding" {}
    let told = proxy.site.post(&format!("{session}/interrupt"), &json!({ "turn": 1 })).await;
    assert_eq!(told.status, 202);
    while guard("the end", events.until("ev")).await.data["entry"] != "turn_end" {}
}

/// A close code of the server is the one that the client sees.
async fn close_code(kind: Kind) {
    let Some(program) = kind.path() else { return };
    let server = Server::new().await;
    let proxy = kind.before(&program, server.at).await;
    let session = proxy.site.session().await;
    let (mut older, _) = proxy.site.attach(&session, "laptop", None).await;
    let (_newer, _) = proxy.site.attach(&session, "laptop", None).await;
    assert_eq!(guard("the close", older.code()).await, 4009);
}

/// The server drains, and the next one goes on at the same address.
async fn drain(kind: Kind) {
    let Some(program) = kind.path() else { return };
    let behind = Behind::new(kind, &program).await;
    let (mut socket, _) = behind.attach(None).await;
    let cursor = behind.turn(&mut socket, 1).await;
    let path = format!("{}/events", behind.session);
    let mut events = behind.proxy.site.events(&path, &AUTHORIZATION).await;
    guard("the welcome", events.until("welcome")).await;
    behind.server.terminate().await;
    let goaway = guard("the goaway", socket.hear()).await.unwrap();
    assert_eq!(goaway["t"], "goaway");
    assert_eq!(guard("the close", socket.code()).await, 1012);
    assert_eq!(guard("the close", events.until("close")).await.data["code"], 1012);
    let Behind { folder, server, proxy, session } = behind;
    let listen = server.site.at.to_string();
    assert_eq!(guard("the server", server.left()).await.0, Some(0));
    let server = Behind::serve(&listen, &folder).await;
    let behind = Behind { folder, server, proxy, session };
    let (mut socket, welcome) = guard("it", behind.attach(Some(&cursor))).await;
    assert!(welcome["outcome"]["resumed"].is_object(), "{welcome}");
    behind.turn(&mut socket, 2).await;
}

/// The server is killed, and the next one goes on at the same address.
async fn kill(kind: Kind) {
    let Some(program) = kind.path() else { return };
    let behind = Behind::new(kind, &program).await;
    let (mut socket, _) = behind.attach(None).await;
    let cursor = behind.turn(&mut socket, 1).await;
    let Behind { folder, server, proxy, session } = behind;
    let listen = server.site.at.to_string();
    server.kill().await;
    // No code that tells a client to stop.
    assert_eq!(guard("the loss", socket.code()).await, 1006);
    let server = Behind::serve(&listen, &folder).await;
    let behind = Behind { folder, server, proxy, session };
    let (mut socket, welcome) = guard("it", behind.attach(Some(&cursor))).await;
    assert!(welcome["outcome"]["resumed"].is_object(), "{welcome}");
    behind.turn(&mut socket, 2).await;
}

/// The tests of one proxy.
macro_rules! proxy {
    ($name:ident, $kind:expr $(, $ignore:meta)?) => {
        mod $name {
            #[tokio::test]
            $(#[$ignore])?
            async fn a_page_attaches_and_a_large_prompt_passes() {
                super::attach($kind).await;
            }

            #[tokio::test]
            $(#[$ignore])?
            async fn a_stream_is_read_while_its_turn_runs() {
                super::stream($kind).await;
            }

            #[tokio::test]
            $(#[$ignore])?
            async fn a_close_code_is_the_one_of_the_server() {
                super::close_code($kind).await;
            }

            #[tokio::test]
            $(#[$ignore])?
            async fn a_drain_is_told_and_the_next_server_goes_on() {
                super::drain($kind).await;
            }

            #[tokio::test]
            $(#[$ignore])?
            async fn after_a_kill_the_next_server_goes_on() {
                super::kill($kind).await;
            }
        }
    };
}

proxy!(nginx, super::NGINX);
proxy!(haproxy, super::HAPROXY);
proxy!(apache, super::APACHE, ignore = "needs apache2, and is not part of .ci/run");
proxy!(caddy, super::CADDY, ignore = "needs caddy, and is not part of .ci/run");
proxy!(lighttpd, super::LIGHTTPD, ignore = "needs lighttpd, and is not part of .ci/run");
proxy!(varnish, super::VARNISH, ignore = "needs varnishd, and is not part of .ci/run");
proxy!(traefik, super::TRAEFIK, ignore = "needs traefik, and is not part of .ci/run");
proxy!(envoy, super::ENVOY, ignore = "needs envoy, and is not part of .ci/run");
