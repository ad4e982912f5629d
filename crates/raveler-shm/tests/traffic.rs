//! Parent and workers at work: everything published runs once, whoever sleeps, and nobody misses a bell.
#![cfg(not(loom))]

use std::collections::HashSet;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use raveler_shm::{
    Arena, Awoken, Geometry, ParentBell, ParentPort, RESULTS_MAX, Segment, SlotState, Ticket, Wanted, WorkerPort,
};

const LONG: Duration = Duration::from_secs(20);

fn segment(workers: u32, slots: u32) -> Segment {
    let geometry = Geometry { workers, slots, memory: 1 << 24 };
    Segment::create(&geometry).expect("the segment is small")
}

fn attach(segment: &Segment) -> Segment {
    let descriptor = segment.descriptor().expect("it was not given up").try_clone();
    Segment::attach(descriptor.expect("descriptors are left")).expect("it is a segment")
}

/// Starts a worker that answers each frame with its bytes, until the shutdown.
fn start_worker(segment: &Segment, index: u32) -> thread::JoinHandle<u64> {
    let segment = attach(segment);
    thread::Builder::new()
        .spawn(move || {
            let arena = Arena::new(&segment, index + 1);
            let mut port = WorkerPort::new(&segment, index);
            let mut count = 0;
            loop {
                while let Some(mut taken) = port.take() {
                    let bytes = taken.args().to_vec();
                    taken.commit(&arena, &bytes, 1).expect("there is room");
                    taken.finish(&mut port, 0);
                    count += 1;
                }
                if segment.is_shutdown() {
                    return count;
                }
                port.sleep(LONG);
            }
        })
        .expect("threads are left")
}

/// Waits for completions as a caller does; returns the numbers that came back.
fn collect(port: &mut ParentPort, bell: &ParentBell, wanted: Wanted, refill: bool) -> Vec<u32> {
    loop {
        bell.arm(wanted, refill);
        let mut numbers = Vec::new();
        port.drain(&mut |done| {
            let bytes = done.results().try_into().expect("a number has four bytes");
            numbers.push(u32::from_le_bytes(bytes));
        });
        if !numbers.is_empty() {
            bell.disarm();
            return numbers;
        }
        assert_ne!(bell.wait(Some(LONG)), Awoken::TimedOut, "the bell did not ring");
        bell.disarm();
    }
}

fn run(workers: u32, slots: u32, total: u32, window: usize, wanted: Wanted) {
    let segment = segment(workers, slots);
    let bell = ParentBell::new(&segment);
    let mut port = ParentPort::new(&segment);
    let threads: Vec<_> = (0..workers).map(|index| start_worker(&segment, index)).collect();
    let mut next = 0_u32;
    let mut seen = HashSet::new();
    while seen.len() < total as usize {
        while next < total && port.in_flight() < window {
            let Some(slot) = port.acquire() else { break };
            port.publish(slot, &next.to_le_bytes());
            next += 1;
        }
        port.ring();
        for number in collect(&mut port, &bell, wanted, next < total) {
            assert!(seen.insert(number), "{number} ran twice");
        }
    }
    segment.shutdown();
    let counts = threads.into_iter().map(|thread| thread.join().expect("no worker panics"));
    assert_eq!(counts.sum::<u64>(), u64::from(total));
    assert_eq!(segment.missed_bells(), 0);
    assert_eq!(port.in_flight(), 0);
}

#[test]
fn one_task_at_a_time_goes_to_and_fro() {
    run(2, 8, 3000, 1, Wanted::Any);
}

#[test]
fn a_full_ring_is_worked_off() {
    run(3, 16, 20_000, 16, Wanted::Any);
}

#[test]
fn a_parent_that_wants_the_end_still_refills() {
    run(2, 64, 20_000, 64, Wanted::Idle);
}

#[test]
fn recalled_slots_are_free_at_once_and_never_run() {
    let segment = segment(1, 4);
    let mut port = ParentPort::new(&segment);
    let keep = port.acquire().expect("all are free");
    let keep = port.publish(keep, b"kept");
    for _ in 0..3 {
        let slot = port.acquire().expect("one is free");
        let ticket = port.publish(slot, b"gone");
        assert_eq!(port.state(ticket), SlotState::Queued);
        assert!(port.recall(ticket));
        assert!(!port.recall(ticket));
        assert_eq!(port.state(ticket), SlotState::Gone);
    }
    // A lap is over and the oldest entry is live: nothing may be published over it.
    assert!(port.acquire().is_none());
    let arena = Arena::new(&segment, 1);
    let mut worker = WorkerPort::new(&segment, 0);
    let taken = worker.take().expect("one is queued");
    assert_eq!(taken.args(), b"kept");
    assert!(!port.recall(keep));
    taken.stamp(7);
    let running = SlotState::Running { worker: 0, started_ns: 7, items: 0 };
    assert_eq!(port.state(keep), running);
    assert!(worker.take().is_none());
    let slot = port.acquire().expect("the ring has room again");
    port.release(slot);
    taken.finish(&mut worker, 0);
    assert_eq!(port.state(keep), SlotState::Done);
    assert_eq!(port.drain(&mut |_| ()), 1);
    assert_eq!(arena.used_bytes(), 0);
}

#[test]
fn recalls_and_workers_never_share_a_slot() {
    let segment = segment(2, 8);
    let bell = ParentBell::new(&segment);
    let mut port = ParentPort::new(&segment);
    let threads: Vec<_> = (0..2).map(|index| start_worker(&segment, index)).collect();
    let (mut next, mut recalled) = (0_u32, 0_u64);
    let mut waiting: Vec<(Ticket, u32)> = Vec::new();
    while next < 20_000 {
        while let Some(slot) = port.acquire() {
            waiting.push((port.publish(slot, &next.to_le_bytes()), next));
            next += 1;
        }
        port.ring();
        let before = waiting.len();
        waiting.retain(|&(ticket, number)| !number.is_multiple_of(3) || !port.recall(ticket));
        recalled += (before - waiting.len()) as u64;
        if port.in_flight() > 0 {
            for number in collect(&mut port, &bell, Wanted::Any, true) {
                let place = waiting.iter().position(|&(_, waits)| waits == number);
                waiting.swap_remove(place.expect("what was recalled never comes back"));
            }
        }
    }
    while port.in_flight() > 0 {
        collect(&mut port, &bell, Wanted::Any, false);
    }
    segment.shutdown();
    let ran: u64 = threads.into_iter().map(|thread| thread.join().expect("no worker panics")).sum();
    assert_eq!(ran + recalled, u64::from(next));
    assert_eq!(segment.missed_bells(), 0);
}

#[test]
fn results_that_outgrow_the_slot_come_in_one_piece() {
    let segment = segment(1, 2);
    let theirs = attach(&segment);
    let mut port = ParentPort::new(&segment);
    let slot = port.acquire().expect("all are free");
    let ticket = port.publish(slot, b"");
    let theirs_arena = Arena::new(&theirs, 1);
    let mut worker = WorkerPort::new(&theirs, 0);
    let mut taken = worker.take().expect("one is queued");
    let mut expected = Vec::new();
    for item in 0..40_u8 {
        let bytes = vec![item; RESULTS_MAX - 100];
        taken.commit(&theirs_arena, &bytes, 1).expect("there is room");
        expected.extend(bytes);
    }
    taken.finish(&mut worker, 5);
    let mut kept = None;
    port.drain(&mut |done| {
        assert_eq!((done.ticket(), done.items(), done.worker(), done.busy()), (ticket, 40, 0, 5));
        assert_eq!(done.results(), expected);
        kept = done.block().cloned();
    });
    let kept = kept.expect("it did not fit");
    assert_eq!(kept.as_slice(), expected);
    let arena = Arena::new(&segment, 0);
    assert!(arena.used_bytes() > 0);
    drop(kept);
    assert_eq!(arena.used_bytes(), 0);
}

#[test]
fn another_thread_wakes_the_parent() {
    let segment = segment(1, 2);
    let bell = ParentBell::new(&segment);
    let (send, receive) = mpsc::channel();
    let sleeper = {
        let bell = bell.clone();
        thread::Builder::new()
            .spawn(move || {
                bell.arm(Wanted::Any, false);
                send.send(()).expect("the test waits");
                let end = bell.wait(Some(LONG));
                bell.disarm();
                end
            })
            .expect("threads are left")
    };
    receive.recv().expect("the thread arms the bell");
    bell.wake_parent();
    assert_eq!(sleeper.join().expect("it does not panic"), Awoken::Woken);
}

#[test]
fn a_sleep_in_vain_is_not_a_missed_bell() {
    let segment = segment(1, 2);
    let mut worker = WorkerPort::new(&segment, 0);
    assert!(!worker.sleep(Duration::from_millis(1)));
    assert_eq!(segment.missed_bells(), 0);
}

#[test]
fn work_without_a_bell_is_counted_as_missed() {
    let segment = segment(1, 2);
    let mut port = ParentPort::new(&segment);
    let theirs = attach(&segment);
    let worker = thread::Builder::new()
        .spawn(move || WorkerPort::new(&theirs, 0).sleep(Duration::from_secs(1)))
        .expect("threads are left");
    // If this comes before the sleep, the worker sees it; if after, it is missed: nobody rings.
    let slot = port.acquire().expect("all are free");
    port.publish(slot, b"");
    assert!(worker.join().expect("it does not panic"));
    assert!(segment.missed_bells() <= 1);
}
