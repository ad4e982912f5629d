//! What came out of a slot: results that are done, or what a dead worker left.

use raveler_procs::interruption::{OUT_OF_TIME, RETRYABLE};
use raveler_procs::token::{Reader, Tag, Token};
use raveler_procs::worker::Summary;
use raveler_shm::{Arena, Done, Lost, LostKind, Ticket};
use raveler_task::AttemptEnd;

use crate::host::Host;
use crate::outcome::{Outcome, Payload};

/// The results of one frame.
pub(crate) struct Landed {
    pub(crate) items: u32,
    pub(crate) busy: u64,
    pub(crate) has_failed: bool,
    pub(crate) payload: Payload,
}

/// The results of one slot, taken out of it.
pub(crate) struct Arrival {
    pub(crate) ticket: Ticket,
    pub(crate) items: u32,
    pub(crate) busy: u64,
    pub(crate) has_failed: bool,
    pub(crate) payload: Payload,
    pub(crate) args: Vec<u8>,
}

pub(crate) struct Loss {
    pub(crate) arrival: Arrival,
    pub(crate) kind: LostKind,
}

impl Loss {
    pub(crate) fn take(lost: &Lost<'_>, arena: &Arena) -> Self {
        let payload = Payload::adopt(lost.results(), lost.items(), None, arena).unwrap_or_default();
        let arrival = Arrival {
            ticket: lost.ticket(),
            items: lost.items(),
            busy: 0,
            has_failed: false,
            payload,
            args: lost.args().to_vec(),
        };
        Self { arrival, kind: lost.kind() }
    }
}

impl Arrival {
    pub(crate) fn take(done: &Done<'_>, arena: &Arena) -> Self {
        let Summary { busy, has_failed, has_blocks } = Summary::unpack(done.busy());
        // Without blocks there is nothing to adopt, and nothing to look for.
        let named = if has_blocks { done.items() } else { 0 };
        Self {
            ticket: done.ticket(),
            items: done.items(),
            busy,
            has_failed,
            payload: Payload::adopt(done.results(), named, done.block(), arena).unwrap_or_default(),
            args: if has_failed { done.args().to_vec() } else { Vec::new() },
        }
    }
}

/// Reads the result of a call.
pub(crate) fn judge<H: Host>(payload: Payload) -> (Outcome<H>, AttemptEnd) {
    match payload.as_slice().first() {
        Some(&tag) if tag != Tag::Error as u8 => (Outcome::Wire(payload), AttemptEnd::Done),
        _ => {
            let end = judge_error(payload.as_slice());
            (Outcome::Failed(payload), end)
        }
    }
}

/// Reads how an attempt ended by an error: the worker says so in its first byte.
pub(crate) fn judge_error(bytes: &[u8]) -> AttemptEnd {
    let first = match Reader::new(bytes).token() {
        Ok(Token::Error(content)) => content.first().copied(),
        _ => None,
    };
    match first {
        Some(OUT_OF_TIME) => AttemptEnd::TimedOut,
        first => AttemptEnd::Failed { retryable: first == Some(RETRYABLE) },
    }
}
