//! The HTTP client against servers that do as they like.

mod server;

mod answers;
mod bodies;
mod limits;
mod redirects;
mod secure;
