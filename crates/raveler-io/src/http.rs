//! The HTTP client: one request from its URL to the last byte of its answer, over pooled connections.
//!
//! A [`Client`] is cheap to clone and connects at first use. [`Client::send`] collects the whole body, [`Client::open`]
//! hands it out as it comes. Both are plain futures: dropping one abandons the request and closes its socket. Nothing
//! here repeats a request that reached a server, except once on a connection that died in the pool; whoever holds a
//! retry policy asks the error ([`HttpError::is_transient`], [`HttpError::not_before`]).

mod error;

mod address;

mod retry_after;

mod options;

mod multipart;

mod request;

mod outgoing;

mod descriptors;

mod limits;

pub(crate) mod tls;

mod stream;

mod connector;

mod failure;

mod direct;

mod answer;

mod transport;

mod decoding;

mod response;

mod hop;

mod client;

pub use client::Client;
pub use error::{HttpError, Phase};
pub use multipart::{Part, PartBody};
pub use options::{Auth, ClientOptions, ProxyChoice, Timeouts, Verify};
pub use request::{BodyStream, Request, RequestBody};
pub use response::{Response, Streaming};
pub use retry_after::retry_after;

pub use ::http::{HeaderMap, HeaderName, HeaderValue, Method, Version};
pub use ::url::Url;
