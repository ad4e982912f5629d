"""The Python side of the runtime: what Rust calls and what stands between a user and the extension."""
