//! A worker is stopped for good after each single step of what it does; then nothing is lost, twice, or leaked.
#![cfg(not(loom))]

use std::collections::BTreeMap;
use std::sync::mpsc;
use std::thread;

use raveler_shm::{Arena, Block, BlockId, Done, Geometry, Lost, LostKind, ParentPort, Segment, Taken, WorkerPort};
use raveler_sync::step::{die_at, live_on};

const ITEMS: u8 = 3;
const TASKS: u8 = 3;
const SLOTS: u32 = 4;

/// Makes the results of one item: its bytes, and the blocks that they name.
type Work = fn(&Arena, task: u8, item: u8) -> (Vec<u8>, Option<Block>);

fn small(_: &Arena, task: u8, item: u8) -> (Vec<u8>, Option<Block>) {
    (vec![task, item], None)
}

fn large(_: &Arena, task: u8, item: u8) -> (Vec<u8>, Option<Block>) {
    (vec![task ^ (item << 4); 3000], None)
}

fn in_block(arena: &Arena, task: u8, item: u8) -> (Vec<u8>, Option<Block>) {
    let mut block = arena.allocate(5000).expect("there is room");
    block.bytes_mut().expect("it is new").fill(task ^ (item << 4));
    assert!(block.give(0));
    (block.id().to_u64().to_le_bytes().to_vec(), Some(block))
}

fn attach(segment: &Segment) -> Segment {
    let descriptor = segment.descriptor().expect("it was not given up").try_clone();
    Segment::attach(descriptor.expect("descriptors are left")).expect("it is a segment")
}

/// Runs as worker `index` until nothing is queued.
fn run_worker(segment: &Segment, index: u32, work: Work) {
    let arena = Arena::new(segment, index + 1);
    let mut port = WorkerPort::new(segment, index);
    while let Some(taken) = port.take() {
        run_task(&mut port, &arena, taken, work);
    }
}

fn run_task(port: &mut WorkerPort, arena: &Arena, mut taken: Taken, work: Work) {
    let [task, first] = *taken.args() else {
        panic!("a frame has two bytes");
    };
    taken.stamp(1);
    let mut blocks = Vec::new();
    for item in first..ITEMS {
        let (bytes, block) = work(arena, task, item);
        taken.commit(arena, &bytes, 1).expect("there is room");
        blocks.extend(block);
    }
    taken.finish(port, 1);
}

struct Parent {
    port: ParentPort,
    arena: Arena,
    tasks: BTreeMap<raveler_shm::Ticket, (u8, u8)>,
    results: BTreeMap<u8, Vec<Vec<u8>>>,
    width: usize,
    are_blocks: bool,
}

impl Parent {
    fn publish(&mut self, task: u8, first: u8) {
        let slot = self.port.acquire().expect("a slot is free");
        let ticket = self.port.publish(slot, &[task, first]);
        self.tasks.insert(ticket, (task, first));
        self.port.ring();
    }

    /// Stores the results of some items, as the bytes that they stand for.
    fn store(&mut self, ticket: raveler_shm::Ticket, items: u32, results: &[u8]) -> (u8, u8) {
        let (task, first) = self.tasks.remove(&ticket).expect("the ticket is collected once");
        assert_eq!(results.len(), items as usize * self.width);
        let all = self.results.entry(task).or_default();
        assert_eq!(all.len(), usize::from(first), "items come once and in order");
        for item in results.chunks(self.width) {
            if self.are_blocks {
                let name = item.try_into().expect("a name has eight bytes");
                let block =
                    self.arena.adopt(BlockId::from_u64(u64::from_le_bytes(name))).expect("the segment has the block");
                all.push(block.as_slice().to_vec());
            } else {
                all.push(item.to_vec());
            }
        }
        (task, first + u8::try_from(items).expect("items are few"))
    }

    fn drain(&mut self) {
        let mut done = Vec::new();
        let arena = self.arena.clone();
        self.port.drain(&mut |each: Done<'_>| {
            // As the runtime does: the bytes are taken, the blocks adopted, before the slot is free.
            if let Some(block) = each.block() {
                assert!(arena.knows(block.id()));
            }
            done.push((each.ticket(), each.items(), each.results().to_vec()));
        });
        for (ticket, items, results) in done {
            let (_, next) = self.store(ticket, items, &results);
            assert_eq!(next, ITEMS);
        }
    }

    fn recover(&mut self, worker: u32) {
        self.drain();
        let mut lost = Vec::new();
        self.port.recover(worker, &mut |each: Lost<'_>| {
            lost.push((each.ticket(), each.kind(), each.items(), each.results().to_vec()));
        });
        assert!(lost.len() <= 1, "a worker has one slot at a time");
        let mut again = Vec::new();
        for (ticket, kind, items, results) in lost {
            let (task, next) = self.store(ticket, items, &results);
            match kind {
                LostKind::Taken => assert_eq!(items, 0),
                LostKind::Running => {}
                LostKind::Finished => assert_eq!(next, ITEMS),
            }
            if kind != LostKind::Finished {
                again.push((task, next));
            }
        }
        for id in self.arena.recover(worker + 1) {
            if !self.arena.knows(id) {
                self.arena.forget(id);
            }
        }
        for (task, next) in again {
            self.publish(task, next);
        }
    }
}

/// Plays one history in which worker 0 dies at step `after`; tells whether it lived to the end.
fn play(after: u32, work: Work, width: usize, are_blocks: bool) -> bool {
    let geometry = Geometry { workers: 2, slots: SLOTS, memory: 1 << 20 };
    let segment = Segment::create(&geometry).expect("the segment is small");
    let mut parent = Parent {
        port: ParentPort::new(&segment),
        arena: Arena::new(&segment, 0),
        tasks: BTreeMap::new(),
        results: BTreeMap::new(),
        width,
        are_blocks,
    };
    for task in 0..TASKS {
        parent.publish(task, 0);
    }
    let (send, dead) = mpsc::channel();
    let theirs = attach(&segment);
    let worker = thread::Builder::new()
        .spawn(move || {
            die_at(after, send);
            run_worker(&theirs, 0, work);
            live_on();
        })
        .expect("threads are left");
    let has_died = dead.recv().is_ok();
    if !has_died {
        worker.join().expect("the worker does not panic");
    }
    // The other worker goes on, over more than a lap of the ring, before anybody notices the death.
    let other = attach(&segment);
    for task in TASKS..4 * TASKS {
        run_worker(&other, 1, work);
        parent.drain();
        parent.publish(task, 0);
    }
    if has_died {
        parent.recover(0);
    }
    // A new worker has the number of the dead one.
    run_worker(&attach(&segment), 0, work);
    parent.drain();
    drop(other);
    check(&parent, &segment, work, after);
    !has_died
}

fn check(parent: &Parent, segment: &Segment, work: Work, after: u32) {
    assert!(parent.tasks.is_empty(), "step {after}: {:?} are lost", parent.tasks);
    assert_eq!(parent.port.in_flight(), 0);
    assert_eq!(parent.port.queued(), 0);
    assert_eq!(parent.results.len(), 4 * usize::from(TASKS));
    for (&task, results) in &parent.results {
        assert_eq!(results.len(), usize::from(ITEMS), "step {after}: task {task}");
        for (item, bytes) in (0..).zip(results) {
            assert!(!bytes.is_empty());
            if parent.are_blocks || parent.width > 2 {
                assert!(bytes.iter().all(|&byte| byte == task ^ (item << 4)));
            } else {
                assert_eq!(*bytes, work(&parent.arena, task, item).0);
            }
        }
    }
    assert_eq!(parent.arena.used_bytes(), 0, "step {after}: a block is leaked");
    assert_eq!(segment.missed_bells(), 0);
}

/// Plays the history for every step until the worker lives, and returns how many steps there were.
fn play_all(work: Work, width: usize, are_blocks: bool) -> u32 {
    (0..1000).find(|&after| play(after, work, width, are_blocks)).expect("the worker has an end")
}

#[test]
fn results_in_slots_survive_every_death() {
    assert!(play_all(small, 2, false) > 20);
}

#[test]
fn results_in_growing_blocks_survive_every_death() {
    assert!(play_all(large, 3000, false) > 50);
}

#[test]
fn blocks_that_results_name_survive_every_death() {
    assert!(play_all(in_block, 8, true) > 50);
}

#[test]
fn every_slot_can_be_had_after_every_death() {
    for after in 0.. {
        let geometry = Geometry { workers: 1, slots: 2, memory: 1 << 16 };
        let segment = Segment::create(&geometry).expect("the segment is small");
        let mut port = ParentPort::new(&segment);
        let slot = port.acquire().expect("all are free");
        port.publish(slot, &[0, 0]);
        let (send, dead) = mpsc::channel();
        let theirs = attach(&segment);
        let worker = thread::Builder::new()
            .spawn(move || {
                die_at(after, send);
                run_worker(&theirs, 0, small);
                live_on();
            })
            .expect("threads are left");
        let has_died = dead.recv().is_ok();
        port.drain(&mut |_| ());
        port.recover(0, &mut |_| ());
        for _ in 0..3 {
            let slots: Vec<_> = std::iter::from_fn(|| port.acquire()).collect();
            assert_eq!(slots.len(), 2);
            for slot in slots {
                port.release(slot);
            }
        }
        if !has_died {
            worker.join().expect("the worker does not panic");
            return;
        }
    }
}
