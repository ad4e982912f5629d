//! The segment: the mapping with its layout, and the protocols over the words in it.

use std::os::fd::OwnedFd;
use std::sync::Arc;

use raveler_sync::sync::{AtomicU32, Ordering};
use raveler_sync::{CompletionRing, Holders, SubmissionRing, WorkerBell};

use crate::error::{ShmError, refused};
use crate::geometry::Geometry;
use crate::layout::{Class, Layout};
use crate::mapping::Mapping;
use crate::registry::Registry;
use crate::slot::Slot;
use crate::words::{ClassWords, Header, MAGIC, RecordWords, VERSION};
use crate::worker_record::WorkerRecord;

/// The smallest region for the blocks of one size that a maker without address space falls back to.
const MEMORY_MIN: u64 = 1 << 26;

/// The shared segment, mapped into this process; clones are handles to the same mapping.
#[derive(Clone)]
pub struct Segment {
    inner: Arc<Inner>,
}

struct Inner {
    map: Mapping,
    layout: Layout,
    geometry: Geometry,
    registry: Registry,
}

impl Segment {
    /// Makes a segment: anonymous, sparse, without a name in any file system.
    ///
    /// If the address space is limited it gets smaller blocks than asked for; see [`Segment::geometry`].
    ///
    /// # Errors
    ///
    /// [`ShmError::BadGeometry`], or what the kernel says.
    pub fn create(geometry: &Geometry) -> Result<Self, ShmError> {
        geometry.check()?;
        let mut geometry = *geometry;
        loop {
            let layout = Layout::new(&geometry);
            match Mapping::create(&layout) {
                Err(ShmError::NoAddressSpace { .. }) if geometry.memory > MEMORY_MIN => {
                    geometry.memory = (geometry.memory / 4).max(MEMORY_MIN);
                }
                map => {
                    let segment = Self::new(map?, layout, geometry)?;
                    segment.sign();
                    return Ok(segment);
                }
            }
        }
    }

    /// Maps the segment of another process.
    ///
    /// # Errors
    ///
    /// [`ShmError::NotASegment`], or what the kernel says.
    pub fn attach(descriptor: OwnedFd) -> Result<Self, ShmError> {
        let stat = rustix::fs::fstat(&descriptor).map_err(|errno| refused("fstat", errno))?;
        let bytes = usize::try_from(stat.st_size).unwrap_or(0);
        // The smallest there is: only to know where the header is.
        let smallest = Layout::new(&Geometry { workers: 1, slots: 1, memory: crate::words::PAGE });
        if bytes < smallest.bytes {
            return not_a_segment("it is too small");
        }
        let map = Mapping::map(descriptor, bytes)?;
        let identity = &map.slice(&smallest.header)[0].identity.0;
        if identity.magic.load(Ordering::Acquire) != MAGIC {
            return not_a_segment("it does not begin like one");
        }
        if identity.version.load(Ordering::Relaxed) != VERSION {
            return not_a_segment("its layout has another version");
        }
        let geometry = Geometry {
            workers: identity.workers.load(Ordering::Relaxed),
            slots: identity.slots.load(Ordering::Relaxed),
            memory: identity.memory.load(Ordering::Relaxed),
        };
        geometry.check()?;
        let layout = Layout::new(&geometry);
        if layout.bytes != bytes {
            return not_a_segment("its size does not fit what it says");
        }
        Self::new(map, layout, geometry)
    }

    fn new(map: Mapping, layout: Layout, geometry: Geometry) -> Result<Self, ShmError> {
        map.seclude(&layout)?;
        Ok(Self { inner: Arc::new(Inner { map, layout, geometry, registry: Registry::default() }) })
    }

    fn sign(&self) {
        let identity = &self.header().identity.0;
        let geometry = self.geometry();
        identity.version.store(VERSION, Ordering::Relaxed);
        identity.workers.store(geometry.workers, Ordering::Relaxed);
        identity.slots.store(geometry.slots, Ordering::Relaxed);
        identity.memory.store(geometry.memory, Ordering::Relaxed);
        identity.magic.store(MAGIC, Ordering::Release);
    }

    /// Returns the descriptor that [`Segment::attach`] takes a copy of; `None` once it was given up.
    #[must_use]
    pub fn descriptor(&self) -> Option<Arc<OwnedFd>> {
        self.inner.map.descriptor()
    }

    /// Returns how many messages all workers together say they have sent.
    #[must_use]
    pub fn messages(&self) -> u64 {
        (0..self.geometry().workers).map(|worker| self.worker(worker).messages()).sum()
    }

    /// Gives the descriptor up: no process can attach any more, and freed memory goes back with the mapping alone.
    pub fn close_descriptor(&self) {
        self.inner.map.close_descriptor();
    }

    /// Returns the sizes that the segment really has.
    #[inline]
    #[must_use]
    pub fn geometry(&self) -> Geometry {
        self.inner.geometry
    }

    /// Returns the facts that the layers above share about one worker.
    ///
    /// # Panics
    ///
    /// Panics if there is no such worker.
    #[must_use]
    pub fn worker(&self, worker: u32) -> WorkerRecord<'_> {
        WorkerRecord::new(self.record(worker))
    }

    /// Tells whether this process is a forked child of the one that mapped the segment: then it may only read blocks.
    #[inline]
    #[must_use]
    pub fn is_inherited(&self) -> bool {
        self.inner.map.is_inherited()
    }

    /// Tells every worker to end, now or at its next look.
    pub fn shutdown(&self) {
        self.header().fates.0.shutdown.store(1, Ordering::SeqCst);
        self.worker_bell().wake_all();
    }

    /// Tells whether the workers are to end.
    #[inline]
    #[must_use]
    pub fn is_shutdown(&self) -> bool {
        self.header().fates.0.shutdown.load(Ordering::Acquire) != 0
    }

    /// Returns how many sleeps of workers ended in time with work for which nobody had rung: 0, or the bell is broken.
    #[must_use]
    pub fn missed_bells(&self) -> u64 {
        self.header().fates.0.missed.load(Ordering::Relaxed)
    }

    pub(crate) fn count_missed_bell(&self) {
        self.header().fates.0.missed.fetch_add(1, Ordering::Relaxed);
    }

    #[inline]
    pub(crate) fn header(&self) -> &Header {
        &self.inner.map.slice(&self.inner.layout.header)[0]
    }

    fn record(&self, worker: u32) -> &RecordWords {
        &self.inner.map.slice(&self.inner.layout.workers)[worker as usize].record.0
    }

    #[inline]
    pub(crate) fn submission(&self) -> SubmissionRing<'_> {
        let header = self.header();
        let entries = self.inner.map.slice(&self.inner.layout.submission);
        SubmissionRing::new(&header.submission_head.0, &header.submission_tail.0, entries)
    }

    #[inline]
    pub(crate) fn completion(&self, worker: u32) -> CompletionRing<'_> {
        let words = &self.inner.map.slice(&self.inner.layout.workers)[worker as usize];
        let slots = self.inner.geometry.slots as usize;
        let entries = self.inner.map.slice(&self.inner.layout.completions);
        let entries = &entries[worker as usize * slots..][..slots];
        CompletionRing::new(&words.completion_head.0, &words.completion_tail.0, entries)
    }

    #[inline]
    pub(crate) fn worker_bell(&self) -> WorkerBell<'_> {
        let header = self.header();
        let used = (self.inner.geometry.workers as usize).div_ceil(64);
        let sleepers = self.inner.map.slice(&self.inner.layout.sleepers);
        WorkerBell::new(&header.asleep.0[..used], &header.waking.0, sleepers)
    }

    #[inline]
    pub(crate) fn parent_bell(&self) -> raveler_sync::ParentBell<'_> {
        let words = &self.header().parent_bell.0;
        raveler_sync::ParentBell::new(&words.state, &words.wanted, &words.refill)
    }

    #[inline]
    pub(crate) fn slot(&self, slot: u32) -> Slot<'_> {
        Slot::new(&self.inner.map.slice(&self.inner.layout.slots)[slot as usize])
    }

    #[inline]
    pub(crate) fn layout(&self) -> &Layout {
        &self.inner.layout
    }

    #[inline]
    pub(crate) fn map(&self) -> &Mapping {
        &self.inner.map
    }

    #[inline]
    pub(crate) fn registry(&self) -> &Registry {
        &self.inner.registry
    }

    pub(crate) fn class_words(&self, class: usize) -> &ClassWords {
        &self.inner.map.slice(&self.inner.layout.classes_words)[class]
    }

    pub(crate) fn holders(&self, class: &Class, index: u32) -> Holders<'_> {
        let words = &self.inner.map.slice(&class.holders)[index as usize];
        let used = (self.inner.geometry.workers as usize + 1).div_ceil(64);
        Holders::new(&words.claim, &words.bits[..used])
    }

    pub(crate) fn extent(&self, class: &Class, index: u32) -> &AtomicU32 {
        &self.inner.map.slice(&class.extents)[index as usize]
    }
}

impl std::fmt::Debug for Segment {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Segment").field("geometry", &self.inner.geometry).finish_non_exhaustive()
    }
}

fn not_a_segment(reason: &'static str) -> Result<Segment, ShmError> {
    Err(ShmError::NotASegment { reason })
}
