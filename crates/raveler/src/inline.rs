//! The serial engine: everything runs on the thread that asks, in the order of submission, through the same wire.

use std::time::Duration;

use raveler_events::clock;
use raveler_procs::worker::Results;
use raveler_shm::{Block, ShmError};
use raveler_task::{Place, Start};

use crate::host::{Host, Notice};
use crate::shared::Shared;
use crate::work::{Blocks, Parcel};

/// Results of a frame that runs here.
#[derive(Default)]
pub(crate) struct Inline {
    pub(crate) bytes: Vec<u8>,
    pub(crate) items: u32,
    pub(crate) blocks: Blocks,
}

impl Results for Inline {
    fn keep(&mut self, block: Block) {
        self.blocks.push(block);
    }

    fn commit(&mut self, bytes: &[u8], items: u32) -> Result<(), ShmError> {
        self.bytes.extend_from_slice(bytes);
        self.items += items;
        Ok(())
    }

    fn stamp(&mut self) -> u64 {
        0
    }
}

/// Runs whatever is ready, until nothing is; waits for retries.
pub(crate) fn run<H: Host>(shared: &Shared<H>) {
    loop {
        let mut core = shared.lock();
        core.scheduler.advance(clock::nanos());
        core.pump(&shared.arena);
        if core.notices.iter().any(|notice| matches!(notice, Notice::Start(_))) {
            shared.finish(core, false);
            continue;
        }
        let Some(start) = core.scheduler.next(Place::Process, clock::nanos()) else {
            let pause = core.scheduler.wake_at();
            shared.finish(core, false);
            match pause {
                Some(at) => std::thread::sleep(Duration::from_nanos(at.saturating_sub(clock::nanos()))),
                None => return,
            }
            continue;
        };
        let parcel = core.parcel(start, &shared.arena);
        shared.finish(core, false);
        match parcel {
            Ok(parcel) => run_one(shared, start, parcel),
            Err(error) => {
                let mut core = shared.lock();
                core.refuse(start, error);
                shared.finish(core, false);
            }
        }
    }
}

fn run_one<H: Host>(shared: &Shared<H>, start: Start, parcel: Parcel) {
    let mut results = Inline::default();
    let began = clock::nanos();
    let ran = shared.host.run_inline(&parcel.bytes, &shared.arena, &mut results);
    let busy = clock::nanos() - began;
    let mut core = shared.lock();
    match ran {
        Ok(has_failed) => core.land_inline(start, results, busy, has_failed, parcel),
        Err(error) => core.refuse(start, error.into()),
    }
    shared.finish(core, false);
}
