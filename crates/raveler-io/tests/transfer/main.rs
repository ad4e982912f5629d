//! Downloads and uploads against a web server that behaves as each test says.

mod downloads;
mod folder;
mod names;
mod ranges;
mod resume;
mod server;
mod uploads;

use tokio::runtime::{Builder, Runtime};

/// A runtime of one thread, as small machines have it.
fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("the system gives a thread")
}

/// Bytes that are nowhere the same at a moved place: one block of a prime length, again and again.
fn content(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_u32;
    let next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_le_bytes()[1]
    };
    let block: Vec<u8> = std::iter::repeat_with(next).take(65_521).collect();
    let mut content = block.repeat(length.div_ceil(block.len()));
    content.truncate(length);
    content
}
