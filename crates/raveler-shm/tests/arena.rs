//! The arena against a model: several processes allocate, hold, give, release and die; bytes stay whole, nothing leaks.
#![cfg(not(loom))]

use std::collections::HashMap;

use proptest::prelude::{Strategy, any, prop_oneof, proptest};
use proptest::{collection, prop_assert, prop_assert_eq};
use raveler_shm::{Arena, Block, BlockId, Geometry, Segment, ShmError};

const PROCESSES: usize = 4;

#[derive(Clone, Debug)]
enum Step {
    Allocate { process: usize, len: usize },
    Clone { process: usize, which: usize },
    Drop { process: usize, which: usize },
    Give { process: usize, which: usize, to: usize },
    Hold { process: usize, which: usize, by: usize },
    Die { process: usize, gives: bool },
    Trim { keep: u64 },
}

fn step() -> impl Strategy<Value = Step> {
    let process = || 0..PROCESSES;
    let which = || any::<usize>();
    prop_oneof![
        6 => (process(), 0..20_000_usize).prop_map(|(process, len)| Step::Allocate { process, len }),
        2 => (process(), which()).prop_map(|(process, which)| Step::Clone { process, which }),
        6 => (process(), which()).prop_map(|(process, which)| Step::Drop { process, which }),
        4 => (process(), which(), process())
            .prop_map(|(process, which, to)| Step::Give { process, which, to }),
        4 => (process(), which(), process())
            .prop_map(|(process, which, by)| Step::Hold { process, which, by }),
        1 => (1..PROCESSES, any::<bool>()).prop_map(|(process, gives)| Step::Die { process, gives }),
        1 => (0..100_000_u64).prop_map(|keep| Step::Trim { keep }),
    ]
}

fn segment(workers: u32) -> Segment {
    let geometry = Geometry { workers, slots: 2, memory: 1 << 16 };
    Segment::create(&geometry).expect("the segment is small")
}

fn attach(segment: &Segment, process: usize) -> Arena {
    let descriptor = segment.descriptor().expect("it was not given up").try_clone();
    let segment = Segment::attach(descriptor.expect("descriptors are left")).expect("it is a segment");
    Arena::new(&segment, number(process))
}

fn number(process: usize) -> u32 {
    // The last one has its bit in the second word.
    if process == PROCESSES - 1 { 70 } else { u32::try_from(process).expect("it is small") }
}

/// One process: its arena and its handles, each with the byte that fills the block.
struct Process {
    arena: Arena,
    handles: Vec<(Block, u8)>,
}

impl Process {
    fn pick(&self, which: usize) -> Option<usize> {
        (!self.handles.is_empty()).then(|| which % self.handles.len())
    }
}

struct World {
    segment: Segment,
    processes: Vec<Process>,
    fill: u8,
}

impl World {
    fn new() -> Self {
        let segment = segment(70);
        let processes = (0..PROCESSES)
            .map(|process| Process {
                arena: if process == 0 { Arena::new(&segment, 0) } else { attach(&segment, process) },
                handles: Vec::new(),
            })
            .collect();
        Self { segment, processes, fill: 0 }
    }

    fn apply(&mut self, step: &Step) {
        match *step {
            Step::Allocate { process, len } => self.allocate(process, len),
            Step::Clone { process, which } => {
                let process = &mut self.processes[process];
                if let Some(at) = process.pick(which) {
                    let copy = process.handles[at].clone();
                    process.handles.push(copy);
                }
            }
            Step::Drop { process, which } => {
                let process = &mut self.processes[process];
                if let Some(at) = process.pick(which) {
                    process.handles.swap_remove(at);
                }
            }
            Step::Give { process, which, to } => {
                let Some(at) = self.processes[process].pick(which) else {
                    return;
                };
                let (block, fill) = self.processes[process].handles[at].clone();
                let holds = self.processes[to].arena.knows(block.id());
                let is_given = block.give(number(to));
                assert!(!(is_given && holds));
                if is_given {
                    let adopted = self.processes[to].arena.adopt(block.id()).expect("the segment has the block");
                    self.processes[to].handles.push((adopted, fill));
                } else {
                    assert!(holds || to == 0);
                }
            }
            Step::Hold { process, which, by } => {
                let Some(at) = self.processes[process].pick(which) else {
                    return;
                };
                let (block, fill) = self.processes[process].handles[at].clone();
                let held = self.processes[by].arena.hold(block.id()).expect("the segment has the block");
                self.processes[by].handles.push((held, fill));
            }
            Step::Die { process, gives } => self.die(process, gives),
            Step::Trim { keep } => {
                let arena = &self.processes[0].arena;
                let warm = arena.warm_bytes();
                let given = arena.trim(keep);
                assert_eq!(arena.warm_bytes(), warm - given);
                assert!(warm - given <= keep);
            }
        }
    }

    fn allocate(&mut self, process: usize, len: usize) {
        self.fill = self.fill.wrapping_add(1);
        match self.processes[process].arena.allocate(len) {
            Ok(mut block) => {
                assert!(block.is_exclusive());
                block.bytes_mut().expect("it is new").fill(self.fill);
                self.processes[process].handles.push((block, self.fill));
            }
            Err(ShmError::Exhausted { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }

    fn die(&mut self, process: usize, gives: bool) {
        let arena = attach(&self.segment, process);
        let new = Process { arena, handles: Vec::new() };
        let dead = std::mem::replace(&mut self.processes[process], new);
        if gives {
            // Its last gift, of which the parent never hears.
            for (block, _) in &dead.handles {
                let _ = block.give(0);
            }
        }
        std::mem::forget(dead);
        let arena = &self.processes[0].arena;
        for id in arena.recover(number(process)) {
            if !arena.knows(id) {
                arena.forget(id);
            }
        }
    }

    fn check(&self) {
        let mut pages = HashMap::new();
        for process in &self.processes {
            for (block, fill) in &process.handles {
                assert!(block.as_slice().iter().all(|byte| byte == fill), "{block:?}");
                pages.insert(block.id().to_u64(), block.len().div_ceil(4096) * 4096);
            }
        }
        let least: usize = pages.values().sum();
        assert!(self.processes[0].arena.used_bytes() >= least as u64);
    }
}

proptest! {
    #![proptest_config(proptest::test_runner::Config {
        cases: 200,
        failure_persistence: None,
        ..proptest::test_runner::Config::default()
    })]

    #[test]
    fn processes_share_and_die_without_leaks(steps in collection::vec(step(), 1..80)) {
        let mut world = World::new();
        for step in &steps {
            world.apply(step);
            world.check();
        }
        for process in &mut world.processes {
            process.handles.clear();
        }
        let arena = &world.processes[0].arena;
        prop_assert_eq!(arena.used_bytes(), 0);
        let warm = arena.warm_bytes();
        prop_assert_eq!(arena.trim(0), warm);
        prop_assert!(arena.warm_bytes() == 0);
    }
}

#[test]
fn a_block_is_final_once_it_is_named() {
    let arena = Arena::new(&segment(1), 0);
    let mut block = arena.allocate(10).expect("there is room");
    block.bytes_mut().expect("it is new").fill(3);
    let other = block.clone();
    assert!(block.bytes_mut().is_none());
    drop(other);
    assert!(block.bytes_mut().is_some());
    let id = block.id();
    assert_eq!((id.len(), block.len()), (10, 10));
    assert!(block.bytes_mut().is_none());
    assert_eq!(block.as_slice(), [3; 10]);
    assert!(block.as_ptr().addr().is_multiple_of(4096));
}

#[test]
fn the_next_allocation_gets_the_warm_block() {
    let arena = Arena::new(&segment(1), 0);
    let first = arena.allocate(5000).expect("there is room");
    let second = arena.allocate(5000).expect("there is room");
    let address = first.as_ptr();
    drop(first);
    assert_eq!(arena.allocate(6000).expect("there is room").as_ptr(), address);
    drop(second);
}

#[test]
fn a_size_that_runs_out_is_served_by_larger_blocks() {
    let arena = Arena::new(&segment(1), 0);
    let blocks: Vec<_> = std::iter::from_fn(|| arena.allocate(1).ok()).collect();
    // 16 of 4 KiB, 8 of 8 KiB, 4, 2, and 1 of 64 KiB.
    assert_eq!(blocks.len(), 31);
    assert_eq!(arena.allocate(1).err(), Some(ShmError::Exhausted { len: 1 }));
    drop(blocks);
    assert!(arena.allocate(1 << 16).is_ok());
}

#[test]
fn a_block_that_can_never_be_had_says_so() {
    let arena = Arena::new(&segment(1), 0);
    let error = arena.allocate((1 << 16) + 1).expect_err("it is too large");
    assert_eq!(error, ShmError::TooLarge { len: 65537, max: 65536 });
}

#[test]
fn private_pages_keep_their_writes_to_themselves() {
    let arena = Arena::new(&segment(1), 0);
    let mut block = arena.allocate(10_000).expect("there is room");
    block.bytes_mut().expect("it is new").fill(1);
    let mut private = block.private_copy_on_write().expect("address space is left");
    assert_eq!(private.as_slice(), block.as_slice());
    private.as_mut()[0] = 2;
    assert_eq!((private.as_slice()[0], block.as_slice()[0]), (2, 1));
    let untouched = block.as_slice()[9_999];
    drop(block);
    // The private view holds the block.
    assert_eq!(private.as_slice()[9_999], untouched);
    assert!(arena.used_bytes() > 0);
    drop(private);
    assert_eq!(arena.used_bytes(), 0);
}

#[test]
fn trimmed_memory_goes_back_and_reads_as_zero() {
    let arena = Arena::new(&segment(1), 0);
    let mut block = arena.allocate(40_000).expect("there is room");
    block.bytes_mut().expect("it is new").fill(1);
    drop(block);
    assert_eq!(arena.warm_bytes(), 40_960);
    assert_eq!(arena.trim(50_000), 0);
    assert_eq!(arena.trim(0), 40_960);
    let block = arena.allocate(40_000).expect("there is room");
    assert!(block.as_slice().iter().all(|&byte| byte == 0));
}

#[test]
fn a_gift_to_a_holder_is_void() {
    let segment = segment(2);
    let theirs = attach(&segment, 1);
    let ours = Arena::new(&segment, 0);
    let block = ours.allocate(1).expect("there is room");
    assert!(block.give(1));
    let adopted = theirs.adopt(block.id()).expect("the segment has the block");
    assert!(!block.give(1));
    assert!(!block.is_exclusive());
    drop(adopted);
    assert!(block.is_exclusive());
    assert!(block.give(1));
    theirs.forget(block.id());
    assert!(block.is_exclusive());
}

#[test]
fn only_the_allocator_gives_to_the_parent() {
    let segment = segment(2);
    let (one, two) = (attach(&segment, 1), attach(&segment, 2));
    let ours = Arena::new(&segment, 0);
    let block = one.allocate(1).expect("there is room");
    let held = two.hold(block.id()).expect("the segment has the block");
    assert!(!held.give(0));
    assert!(block.give(0));
    let adopted = ours.adopt(block.id()).expect("the segment has the block");
    drop((block, held));
    assert!(adopted.is_exclusive());
}

#[test]
fn a_damaged_name_names_no_block() {
    let segment = segment(2);
    let ours = Arena::new(&segment, 0);
    let block = ours.allocate(1).expect("there is room");
    for name in [u64::MAX, u64::MAX >> 5, block.id().to_u64() | (1 << 42), block.id().to_u64() | (0xffff << 43)] {
        let damaged = BlockId::from_u64(name);
        assert_eq!(ours.hold(damaged).err(), Some(ShmError::NoSuchBlock { name }));
        assert_eq!(ours.adopt(damaged).err(), Some(ShmError::NoSuchBlock { name }));
    }
    assert!(block.is_exclusive());
}
