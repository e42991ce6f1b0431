//! A worker of `outlive` that asks a backend over HTTP. Each prompt is one `POST`, and the streamed response is the turn:
//! each event, line or chunk of it is an entry. The backend may be written in any language.
//!
//! ```
//! use outlive_gateway::{Gateway, GatewayOptions};
//! use outlive_server::hub::Hub;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let options = GatewayOptions::default().interrupt("http://127.0.0.1:8000/interrupt".parse()?);
//! let gateway = Gateway::new("http://127.0.0.1:8000/answer".parse()?, options)?;
//! let hub = Hub::builder().build(gateway).await?;
//! # Ok(())
//! # }
//! ```
//!
//! It decides nothing: what a prompt, an interrupt or a stop leads to is decided by the session's table, as for every
//! [`Worker`](outlive_server::hub::Worker). `docs/gateway.md` in the repository describes the requests and the responses.
//!
//! # What is sent, and when
//! * A prompt is sent **once**. Only while no connection can be opened, so that nothing has begun, it is tried again,
//!   until [`start_timeout`](GatewayOptions::start_timeout). A connection that breaks later fails the turn.
//! * An **interrupt** tells [`interrupt`](GatewayOptions::interrupt), if there is one, and then closes the request.
//! * At the **closeout** of a session [`closeout`](GatewayOptions::closeout) is called, if there is one. What it responds are the
//!   session's last entries.
//!
//! # Models
//! [`Gateway::openai`] asks a server of `OpenAI`'s form (`/v1/chat/completions`), and makes the conversation that it is sent of
//! the log.
//!
//! # Who may
//! [`BackendAuthorize`] asks a backend who may do what, for the endpoints of `outlive-server`.
//!
//! # What bounds it
//! The backend's response is read as fast as entries are committed, and no faster: its socket fills up, and its writes
//! wait. At most one line or event is held, of at most [`entry_bytes`](GatewayOptions::entry_bytes). How long a turn may
//! take is [`Limits::turn_ms`](outlive::Limits::turn_ms).

#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]

mod authorize;
mod backend_url;
mod client;
mod connection;
mod events;
mod gateway;
mod lines;
mod openai;
mod options;
mod output;
mod problem;
mod request;
mod response;

pub use authorize::BackendAuthorize;
pub use backend_url::{BackendUrl, ParseBackendUrlError};
pub use gateway::{Gateway, GatewayError};
pub use openai::OpenAi;
pub use options::GatewayOptions;
