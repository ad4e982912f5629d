//! The inbox: notes that workers send arrive whole, in order, one a time.

use std::thread;

use proptest::prelude::{any, prop_assert_eq, proptest};
use proptest::{collection, test_runner::Config};
use raveler_procs::inbox::{Inbox, NAME_MAX, NOTE_MAX, Note, send};
use rustix::event::{PollFd, PollFlags, poll};

fn note(kind: u32, content: &[u8]) -> Note {
    Note { kind, worker: 2, task: 77, name: "count words".into(), content: content.to_vec() }
}

fn pass(inbox: &Inbox, note: &Note) -> Option<Note> {
    send(inbox.workers_end(), note).expect("the parent is there");
    inbox.take()
}

#[test]
fn an_empty_inbox_does_not_wait() {
    let inbox = Inbox::new().expect("a socket pair can be made");
    assert_eq!(inbox.take(), None);
}

#[test]
fn notes_arrive_in_order() {
    let inbox = Inbox::new().expect("a socket pair can be made");
    let notes: Vec<Note> = (0..50).map(|kind| note(kind, format!("line {kind}\n").as_bytes())).collect();
    for note in &notes {
        send(inbox.workers_end(), note).expect("the parent is there");
    }
    let arrived: Vec<Note> = std::iter::from_fn(|| inbox.take()).collect();
    assert_eq!(arrived, notes);
}

#[test]
fn a_note_outside_a_task_has_no_name() {
    let inbox = Inbox::new().expect("a socket pair can be made");
    let outside = Note { task: 0, name: String::new(), ..note(1, b"") };
    assert_eq!(pass(&inbox, &outside), Some(outside));
}

#[test]
fn the_longest_content_arrives_whole() {
    let inbox = Inbox::new().expect("a socket pair can be made");
    let longest = note(1, &vec![b'x'; NOTE_MAX]);
    assert_eq!(pass(&inbox, &longest), Some(longest));
}

#[test]
fn a_long_name_is_cut_and_nothing_else() {
    let inbox = Inbox::new().expect("a socket pair can be made");
    let odd = format!("n{}", "é".repeat(NAME_MAX));
    for (name, kept) in [("n".repeat(NAME_MAX), NAME_MAX), ("n".repeat(70_000), NAME_MAX), (odd, NAME_MAX - 1)] {
        let long = Note { name, ..note(1, &vec![b'x'; NOTE_MAX]) };
        let cut = Note { name: long.name[..kept].to_owned(), ..long.clone() };
        assert_eq!(pass(&inbox, &long), Some(cut));
    }
}

#[test]
fn many_senders_share_one_inbox() {
    const SENDERS: u32 = 4;
    const NOTES: u32 = 500;
    let inbox = Inbox::new().expect("a socket pair can be made");
    let mut counts = [0_u32; SENDERS as usize];
    thread::scope(|scope| {
        for worker in 0..SENDERS {
            let inbox = &inbox;
            scope.spawn(move || {
                for kind in 0..NOTES {
                    let note = Note { worker, ..note(kind, &vec![b'x'; 2000]) };
                    send(inbox.workers_end(), &note).expect("the parent is there");
                }
            });
        }
        while counts.iter().sum::<u32>() < SENDERS * NOTES {
            let mut waiting = [PollFd::new(&inbox, PollFlags::IN)];
            poll(&mut waiting, None).expect("a socket can be waited for");
            while let Some(note) = inbox.take() {
                let next = &mut counts[note.worker as usize];
                assert_eq!(note.kind, *next, "notes of one worker keep their order");
                *next += 1;
            }
        }
    });
    assert_eq!(inbox.take(), None);
}

#[test]
fn a_sender_learns_that_the_parent_is_gone() {
    let inbox = Inbox::new().expect("a socket pair can be made");
    let end = inbox.workers_end().try_clone_to_owned().expect("a descriptor can be copied");
    drop(inbox);
    assert!(send(&end, &note(1, b"anyone?")).is_err());
}

proptest! {
    #![proptest_config(Config { cases: 100, failure_persistence: None, ..Config::default() })]

    #[test]
    fn any_note_arrives_equal(
        numbers in any::<(u32, u32, u64)>(),
        name in collection::vec(any::<char>(), 0..60),
        content in collection::vec(any::<u8>(), 0..3000),
    ) {
        let inbox = Inbox::new().expect("a socket pair can be made");
        let (kind, worker, task) = numbers;
        let note = Note { kind, worker, task, name: name.into_iter().collect(), content };
        prop_assert_eq!(pass(&inbox, &note), Some(note));
        prop_assert_eq!(inbox.take(), None);
    }
}
