//! Downloads and uploads against a web server that behaves as each test says.

mod downloads;
mod folder;
mod names;
mod ranges;
mod resume;
mod server;
mod uploads;

use raveler_io::reactor;
use tokio::runtime::Handle;

/// The runtime of the library, which keeps the connections.
fn runtime() -> Handle {
    reactor::handle()
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
