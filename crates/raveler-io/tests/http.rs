//! The HTTP client against servers that do as they like.

#[path = "http/server.rs"]
mod server;

#[path = "http/answers.rs"]
mod answers;
#[path = "http/bodies.rs"]
mod bodies;
#[path = "http/limits.rs"]
mod limits;
#[path = "http/redirects.rs"]
mod redirects;
#[path = "http/secure.rs"]
mod secure;
