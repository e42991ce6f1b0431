//! `outlive serve`: a server with a page, whose prompts a backend answers, or a demo.

mod authorize;
mod backend;
mod cluster;
pub(crate) mod config;
mod demo;
mod kept;
mod log;
mod notify;
mod numbers;
mod page;
mod watch;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::serve::ListenerExt as _;
use clap::builder::NonEmptyStringValueParser;
use outlive::Limits;
use outlive_server::http::{self, Endpoints, Origins, ShutdownCause, endpoints};
use outlive_server::hub::{Drain, FenceCause, Hub};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use self::authorize::{Authorize, Policy};
use self::backend::Backend;
use self::cluster::{Cluster, Internal};
use self::config::Configuration;
use self::kept::{Keep, Kept};
use self::log::LogFormat;
use self::watch::{Watch, Watching};
use crate::Exit;
use crate::output::{fail, say};

/// Serve sessions, and a page to break their connections with.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Serve {
    // The first one: it prints what the others take out of the matches.
    #[command(flatten)]
    configuration: Configuration,
    /// Where to listen. Other than loopback addresses need a token.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7878", value_parser = address)]
    listen: SocketAddr,
    #[command(flatten)]
    keep: Keep,
    /// Append every step to this file, as a trace for `outlive replay`.
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    /// What clients must know. Without it every user of this machine may do everything.
    #[arg(
        long,
        value_name = "TOKEN",
        env = "OUTLIVE_TOKEN",
        hide_env_values = true,
        value_parser = NonEmptyStringValueParser::new()
    )]
    token: Option<String>,
    /// Pages of this origin may connect too, as in `https://example.org`.
    #[arg(long = "origin", value_name = "ORIGIN")]
    origins: Vec<String>,
    /// End a turn that takes longer than so many seconds, as failed, and its session with it. Without it a turn may take
    /// for ever.
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..=4_000_000))]
    turn_timeout: Option<u32>,
    /// How the log is written to standard error: as text, or as JSON, one object a line. `RUST_LOG` says what of
    /// it is written.
    #[arg(long, value_enum, default_value_t)]
    log_format: LogFormat,
    #[command(flatten)]
    authorize: Authorize,
    #[command(flatten)]
    backend: Backend,
    #[command(flatten)]
    cluster: Cluster,
}

const EXAMPLES: &str = "\
Examples:
  outlive serve                                   a page at http://127.0.0.1:7878; kill it, start it
                                                  again: the sessions are there, in outlive.db
  outlive serve --store memory                    sessions that end with the process
  outlive serve --store postgres://user@host/database
                                                  sessions in a database: docs/postgres.md, docs/cluster.md
  outlive serve --backend http://127.0.0.1:8000/answer
                                                  your program answers: docs/gateway.md
  outlive serve --backend openai+http://127.0.0.1:8000/v1 --backend-model NAME
                                                  a model answers: docs/gateway.md
  outlive serve --config outlive.toml             with the flags of a file; --print-config writes one:
                                                  docs/operating.md
  outlive serve --record run.jsonl                then: outlive replay --quiet run.jsonl
  outlive serve --listen 0.0.0.0:80 --token T     for others, who know T

Exit codes: 0 it was asked to leave, or its sessions are another process's, and it left; 2 it cannot run: a port, a
file, a flag; or its file went away.";

fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse()
        .map_err(|_| "it is an IP address and a port, as 127.0.0.1:7878 or [::1]:7878".into())
}

/// Running turns may take this long to finish when the server leaves.
const PATIENCE: Duration = Duration::from_secs(10);

impl Serve {
    pub(crate) fn run(&self) -> Exit {
        if !self.listen.ip().is_loopback() && !self.is_guarded() {
            return fail(&format!(
                "{} can be reached from other machines, and every client there could do everything: \
                 require a --token, or --authorize, --jwt-key or --jwks, or listen on 127.0.0.1",
                self.listen
            ));
        }
        if let Err(why) = self.cluster.check(self.keep.is_shared()) {
            return fail(&why);
        }
        if let Err(why) = self.backend.gateway() {
            return fail(&why);
        }
        if let Err(why) = self.authorize.policy(self.token.as_deref()) {
            return fail(&why);
        }
        if let Some(text) = &self.configuration.print {
            return say(text, Exit::Holds);
        }
        self.log_format.begin();
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
        match runtime {
            Ok(runtime) => match runtime.block_on(self.serve()) {
                Ok(()) => Exit::Holds,
                Err(why) => self.log_format.fail(&why),
            },
            Err(why) => self.log_format.fail(&format!("no threads to run on: {why}")),
        }
    }

    async fn serve(&self) -> Result<(), String> {
        let unusable = |path: &Path, why: &dyn std::fmt::Display| {
            format!("{} cannot be used: {why}", path.display())
        };
        let gateway = self.backend.gateway()?;
        let policy = self.authorize.policy(self.token.as_deref())?;
        // Whoever asks it to leave while it starts is heard, and does not kill it.
        let asked_to_leave = asked().map_err(|why| format!("cannot hear signals: {why}"))?;
        // Before the store: without a port no file is created, and no store is taken from another process.
        let listener = TcpListener::bind(self.listen).await.map_err(|why| {
            format!("cannot listen on {}: {why}; another port: --listen 127.0.0.1:0", self.listen)
        })?;
        let at = listener.local_addr().map_err(|why| why.to_string())?;
        let internal = self.cluster.listen().await?;
        let watch = Watch::new(self.record.as_deref())
            .map_err(|why| unusable(self.record.as_deref().unwrap_or(Path::new("")), &why))?;
        let watch = Arc::new(watch);
        if let Some(Internal { relay, .. }) = &internal {
            watch.passes_on(relay.clone());
        }
        let limits = Limits {
            turn_ms: self.turn_timeout.map(|seconds| seconds.saturating_mul(1_000)),
            ..Limits::default()
        };
        let builder = Hub::builder().limits(limits).observer(Watching(Arc::clone(&watch)));
        let kept = self.keep.open(&self.cluster).await?;
        let builder = kept.keeps(builder);
        let built = match gateway {
            Some(gateway) => builder.build(gateway).await,
            None => builder.build(demo::Demo).await,
        };
        let hub = built.map_err(|why| format!("{} cannot be used: {why}", kept.name()))?;
        let stop = CancellationToken::new();
        let endpoints = self.endpoints(&hub, at, policy);
        let endpoints = match &internal {
            Some(Internal { relay, .. }) => endpoints.relay(relay.clone()),
            None => endpoints,
        };
        let app = page::app(endpoints.clone(), &watch, !self.is_guarded(), at, &stop);
        let inside = async {
            let Some(Internal { listener, relay }) = internal else { return };
            // By which name the client came is the other node's matter.
            let app = page::app(endpoints, &watch, false, at, &stop);
            let listener = listener.tap_io(|tcp| _ = tcp.set_nodelay(true));
            http::serve_internal(listener, app, relay, hub.clone()).await;
        };
        println!("{}", self.greeting(at, &kept));
        notify::systemd("READY=1");
        // Two small frames in a row would wait for the network otherwise.
        let listener = listener.tap_io(|tcp| _ = tcp.set_nodelay(true));
        let drain = Drain { window: Duration::from_secs(1), deadline: PATIENCE };
        let signal = async {
            asked_to_leave.await;
            let patience = PATIENCE.as_secs();
            tracing::info!("draining: connections are closed, turns may finish for {patience} s");
            notify::systemd("STOPPING=1");
            stop.cancel();
        };
        let fenced = hub.clone();
        let cause = tokio::select! {
            (cause, ()) = async {
                tokio::join!(http::serve(listener, app, hub.clone(), drain, signal), inside)
            } => cause,
            () = asked_again(&fenced, &stop) => {
                tracing::info!("leaving at once");
                ShutdownCause::Signal
            }
        };
        watch.finish();
        let store = kept.name();
        let closed = kept.close().await;
        match (cause, closed) {
            // The next process that opens the file brings the log into it.
            (ShutdownCause::Signal, Ok(()) | Err(_)) => Ok(()),
            (ShutdownCause::Fenced(cause), Ok(())) => {
                tracing::info!("{}", farewell(cause, self.keep.is_shared(), &store));
                Ok(())
            }
            (ShutdownCause::Fenced(_), Err(why)) => {
                Err(format!("{store} is lost to this process: {why}"))
            }
        }
    }

    /// Whether clients must show something.
    fn is_guarded(&self) -> bool {
        self.token.is_some() || self.authorize.is_set()
    }

    fn endpoints(&self, hub: &Hub, at: SocketAddr, policy: Policy) -> Endpoints {
        let endpoints = policy.authorize(endpoints(hub.clone()), hub);
        let mut origins: Vec<String> = self.origins.clone();
        let hosts = ["127.0.0.1", "localhost", "[::1]"].map(|host| (host, at.port()));
        origins.extend(hosts.iter().map(|(host, port)| format!("http://{host}:{port}")));
        origins.push(format!("http://{at}"));
        endpoints.origins(Origins::only(origins))
    }

    fn greeting(&self, at: SocketAddr, kept: &Kept) -> String {
        let base = format!("http://{at}");
        let (header, fragment) = if self.is_guarded() {
            (" -H 'Authorization: Bearer …'", "#token=…")
        } else {
            ("", "")
        };
        let kept = kept.sentence();
        let answers = match self.backend.url() {
            Some(url) => format!("prompts are posted to {url}"),
            None => "a demo answers; --backend URL has your own program answer".to_owned(),
        };
        format!(
            "a page to try: {base}/{fragment}
or by hand:
  curl{header} -X POST {base}/sessions
  curl{header} -N {base}/sessions/s_…/events
  curl{header} {base}/sessions/s_…/prompts -H 'Idempotency-Key: me.1' -d '\"hello\"'
{answers}
{kept}; Ctrl-C leaves in good order"
        )
    }
}

/// Why a process leaves that was not asked to.
fn farewell(cause: FenceCause, shared: bool, store: &str) -> String {
    match cause {
        FenceCause::Abandoned => format!(
            "{store} has not renewed the lease of this process for too long: leaving its sessions to the others"
        ),
        FenceCause::Refused if shared => format!(
            "the others in {store} have declared this process dead, or one has started in its place: leaving its sessions \
             to them"
        ),
        FenceCause::Refused => {
            format!(
                "another process has opened {store}, and owns its sessions now: leaving them to it"
            )
        }
    }
}

/// Returns when the server is asked to leave while it drains already.
async fn asked_again(hub: &Hub, stop: &CancellationToken) {
    tokio::select! {
        () = stop.cancelled() => {}
        _ = hub.fenced() => stop.cancel(),
    }
    match asked() {
        Ok(asked) => asked.await,
        Err(_) => std::future::pending().await,
    }
}

/// Ctrl-C, or what a service manager sends, from this call on.
#[cfg(unix)]
fn asked() -> std::io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut interrupt, mut terminate) =
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// Ctrl-C, from this call on.
#[cfg(windows)]
fn asked() -> std::io::Result<impl Future<Output = ()>> {
    let mut interrupt = tokio::signal::windows::ctrl_c()?;
    Ok(async move { _ = interrupt.recv().await })
}
