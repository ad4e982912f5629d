//! Any bytes, read as a frame and as values: nothing panics, and what `skip` calls a value can be read to its end.
#![no_main]

use libfuzzer_sys::fuzz_target;
use raveler_procs::frame::{Body, Frame, Head};
use raveler_procs::token::{Reader, Span, Token, skip};

fuzz_target!(|bytes: &[u8]| {
    values(bytes);
    if let Ok(frame) = Frame::read(bytes) {
        let mut written = Vec::new();
        frame.head.write(&mut written);
        assert_eq!(written, bytes[..Head::SIZE], "a head is written as it was read");
        if let Body::Inline(body) = frame.body {
            values(body);
        }
    }
});

/// Walks over values until the bytes end or make no sense.
fn values(bytes: &[u8]) {
    let mut rest = bytes;
    while let Ok(len) = skip(rest, &mut |_| {}) {
        assert!(len > 0, "a value takes at least its tag");
        assert_eq!(read(rest), len, "skip and token agree where a value ends");
        rest = &rest[len..];
    }
}

/// Reads one whole value and returns its length.
fn read(bytes: &[u8]) -> usize {
    let mut reader = Reader::new(bytes);
    let mut left = 1_usize;
    while left > 0 {
        left -= 1;
        match reader.token().expect("skip found a whole value") {
            Token::Tuple(count) => left += count,
            Token::Pickle { buffers, inline, .. } => {
                let content: u64 = buffers.filter(Span::is_inline).map(|span| span.len).sum();
                assert_eq!(content, inline.len() as u64, "inline buffers have all the content behind a pickle");
            }
            _ => {}
        }
    }
    bytes.len() - reader.rest().len()
}
