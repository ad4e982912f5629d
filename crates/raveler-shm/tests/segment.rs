//! Making a segment, finding it in another process, and refusing what is none.
#![cfg(not(loom))]

use std::fs::File;
use std::os::fd::OwnedFd;

use raveler_shm::{Geometry, Segment, ShmError};

fn geometry() -> Geometry {
    Geometry { workers: 3, slots: 8, memory: 1 << 20 }
}

#[test]
fn another_process_finds_the_same_segment() {
    let segment = Segment::create(&geometry()).expect("the segment is small");
    let descriptor = segment.descriptor().expect("it was not given up").try_clone().expect("descriptors are left");
    let other = Segment::attach(descriptor).expect("it is a segment");
    assert_eq!(other.geometry(), geometry());
    let (mine, theirs) = (segment.worker(2), other.worker(2));
    theirs.set_pid(42);
    theirs.set_core(1);
    theirs.set_messages(7);
    theirs.set_current(9);
    assert_eq!((mine.pid(), mine.core(), mine.messages(), mine.current()), (42, 1, 7, 9));
    assert_eq!(segment.worker(1).pid(), 0);
    assert!(!other.is_shutdown());
    segment.shutdown();
    assert!(other.is_shutdown());
    assert!(!segment.is_inherited());
}

#[test]
fn a_segment_for_this_machine_has_blocks_as_large_as_its_memory() {
    let wish = Geometry::for_machine(64);
    let segment = Segment::create(&wish).expect("address space is free");
    assert_eq!(segment.geometry(), wish);
}

#[test]
fn a_geometry_that_makes_no_segment_is_named() {
    for (wish, field) in [
        (Geometry { workers: 0, ..geometry() }, "workers"),
        (Geometry { workers: 448, ..geometry() }, "workers"),
        (Geometry { slots: 12, ..geometry() }, "slots"),
        (Geometry { memory: 2048, ..geometry() }, "memory"),
    ] {
        match Segment::create(&wish).expect_err("it makes no segment") {
            ShmError::BadGeometry { what, .. } => assert_eq!(what, field),
            error => panic!("{error}"),
        }
    }
}

#[test]
fn what_is_no_segment_is_refused() {
    let empty: OwnedFd = File::open("/dev/null").expect("it is there").into();
    let error = Segment::attach(empty).expect_err("it is no segment");
    assert!(matches!(error, ShmError::NotASegment { .. }), "{error}");
    let program: OwnedFd = File::open("/proc/self/exe").expect("it is there").into();
    // A file that is open for reading can't even be mapped for writing.
    assert!(Segment::attach(program).is_err());
}
