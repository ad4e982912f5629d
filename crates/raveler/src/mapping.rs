//! The runtime's verbs for maps: push a frame, take a piece, wait for one.

use std::sync::Arc;

use raveler_events::clock;
use raveler_sync::Flag;

use crate::entry::Owner;
use crate::error::RuntimeError;
use crate::function::Function;
use crate::host::Host;
use crate::map::{Content, Gauge, Map, MapOptions, Taken};
use crate::native::Operation;
use crate::outcome::Outcome;
use crate::runtime::Runtime;
use crate::work::{Blocks, Parcel, Work};

/// A map that belongs to a runtime; must be closed.
pub struct MapHandle {
    key: u64,
    ready: Arc<Flag>,
}

impl MapHandle {
    /// Returns the flag that is set while the consumer has something to do.
    #[must_use]
    pub fn ready(&self) -> &Flag {
        &self.ready
    }
}

impl<H: Host> Runtime<H> {
    /// Opens a map.
    ///
    /// # Errors
    ///
    /// If the runtime is closed.
    pub fn open_map(&self, options: MapOptions) -> Result<MapHandle, RuntimeError> {
        let mut core = self.0.open()?;
        let workers = if self.config().is_serial { 1 } else { self.config().workers as usize };
        let map = Map::new(options, workers);
        let handle = MapHandle { key: core.next_map(), ready: Arc::clone(&map.ready) };
        core.maps.insert(handle.key, map);
        self.0.finish(core, false);
        Ok(handle)
    }

    /// Returns how many items to pull for the next frame, if the consumer still holds `held`; 0 if none now.
    #[must_use]
    pub fn map_wants(&self, map: &MapHandle, held: usize) -> usize {
        self.0.lock().maps.get_mut(&map.key).map_or(0, |map| map.wants(held))
    }

    /// Submits a frame of items that were pulled.
    ///
    /// # Errors
    ///
    /// If the runtime is closed.
    pub fn map_push(
        &self,
        map: &MapHandle,
        items: u32,
        bytes: &[u8],
        mut blocks: Blocks,
        function: &Arc<Function>,
    ) -> Result<(), RuntimeError> {
        let mut core = self.0.open()?;
        let Some(state) = core.maps.get_mut(&map.key) else {
            return Err(RuntimeError::Closed);
        };
        let size = bytes.len() + blocks.iter().map(raveler_shm::Block::len).sum::<usize>();
        let first = state.pulled(items as usize, size);
        let spec = state.options.spec.clone();
        let owner = Owner::Map { map: map.key, first, items, bytes: size };
        let is_next = !core.scheduler.has_ready(spec.place);
        let task = core.submit(spec, owner, Work::Away, Vec::new(), clock::nanos());
        if let Some(state) = core.maps.get_mut(&map.key) {
            state.frames.push(task);
        }
        if !(is_next && core.has_processes && core.publish_now(task, bytes, &mut blocks, function)) {
            core.set_work(task, Work::Parcel(Parcel { bytes: bytes.to_vec(), blocks, function: Arc::clone(function) }));
            core.pump(&self.0.arena);
        }
        self.0.finish(core, true);
        if self.config().is_serial {
            self.run_inline();
        }
        Ok(())
    }

    /// Takes operations that were made of pulled items; they run as soon as there is room.
    ///
    /// # Errors
    ///
    /// If the runtime is closed.
    pub fn map_push_native(&self, map: &MapHandle, operations: Vec<Arc<dyn Operation<H>>>) -> Result<(), RuntimeError> {
        let mut core = self.0.open()?;
        let Some(state) = core.maps.get_mut(&map.key) else {
            return Err(RuntimeError::Closed);
        };
        state.queue(operations);
        core.feed(map.key);
        core.start_natives();
        self.0.finish(core, true);
        Ok(())
    }

    /// Returns the index of the next item that will be pulled.
    pub fn map_position(&self, map: &MapHandle) -> u64 {
        self.0.lock().maps.get(&map.key).map_or(0, Map::position)
    }

    /// Gives the next item an error instead of sending it.
    pub fn map_refuse(&self, map: &MapHandle, error: Outcome<H>) {
        let mut core = self.0.lock();
        if let Some(state) = core.maps.get_mut(&map.key) {
            let index = state.pulled(1, 0);
            state.arrive(index, Content::Failure(error));
            core.item_fails(map.key, index);
        }
        core.map_news(map.key);
        self.0.finish(core, false);
    }

    /// Notes that the source has ended, by an error or without.
    pub fn map_exhaust(&self, map: &MapHandle, error: Option<Outcome<H>>) {
        let mut core = self.0.lock();
        if let Some(state) = core.maps.get_mut(&map.key) {
            match error {
                Some(error) => state.source_failed(error),
                None => state.exhaust(),
            }
        }
        core.map_news(map.key);
        self.0.finish(core, false);
    }

    /// Returns the next results if they are there.
    pub fn map_take(&self, map: &MapHandle) -> Taken<H> {
        let mut core = self.0.lock();
        let mut taken = core.maps.get_mut(&map.key).map_or(Taken::End, Map::take);
        core.feed(map.key);
        core.start_natives();
        if matches!(taken, Taken::Nothing) && core.port.has_completions() {
            core.drain(&self.0.arena);
            core.pump(&self.0.arena);
            taken = core.maps.get_mut(&map.key).map_or(Taken::End, Map::take);
        }
        self.0.finish(core, false);
        taken
    }

    /// Asks to be told when another look is worth it; gives the waiter back if it is now.
    pub fn map_subscribe(&self, map: &MapHandle, waiter: H::Waiter) -> Option<H::Waiter> {
        let mut core = self.0.lock();
        let mut back = Some(waiter);
        if let Some(state) = core.maps.get_mut(&map.key)
            && !state.has_news()
        {
            state.waiter = back.take();
        }
        let is_native = core.maps.get(&map.key).is_some_and(|state| state.options.concurrency.is_some());
        drop(core);
        if back.is_none() && !is_native {
            self.0.watched.add(1);
            self.0.steward.kick(&self.0);
        }
        back
    }

    /// Asks to be told of the next news, whatever there is now: for a stage of a flow, whose flag tells what was missed.
    pub fn map_watch(&self, map: &MapHandle, waiter: H::Waiter) {
        let mut core = self.0.lock();
        let Some(state) = core.maps.get_mut(&map.key) else {
            return;
        };
        // Dropped outside the lock: it may be the last to hold a Python object.
        let before = state.waiter.replace(waiter);
        let is_native = state.options.concurrency.is_some();
        drop(core);
        if before.is_none() && !is_native {
            self.0.watched.add(1);
            self.0.steward.kick(&self.0);
        }
    }

    /// Sets the flag of a flow and wakes the thread that waits for it.
    pub fn announce(&self, news: &Flag) {
        if !news.swap(true) {
            self.0.bell.wake_parent();
            self.0.call_followers();
        }
    }

    /// Returns what can be seen of a map now.
    #[must_use]
    pub fn map_gauge(&self, map: &MapHandle) -> Gauge {
        let core = self.0.lock();
        let Some(state) = core.maps.get(&map.key) else {
            return Gauge::default();
        };
        let running = state.frames.iter().filter(|&&task| !core.is_pending(task)).count();
        state.gauge(running)
    }

    /// Closes a map: what is in flight is cancelled, what has arrived is dropped.
    pub fn close_map(&self, map: &MapHandle) {
        if self.is_foreign() {
            return;
        }
        let mut core = self.0.lock();
        let state = core.maps.remove(&map.key);
        for task in state.map(|state| state.frames).unwrap_or_default() {
            core.cancel(task);
        }
        self.0.finish(core, false);
        self.0.bell.wake_parent();
        self.0.wake_followers();
    }

    /// Returns how many items of a map are in flight or wait to be taken.
    pub fn map_in_flight(&self, map: &MapHandle) -> usize {
        self.0.lock().maps.get(&map.key).map_or(0, Map::in_flight)
    }
}
