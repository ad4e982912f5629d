//! The places where a test may stop a thread for good, as if its process had died there.

#[cfg(feature = "steps")]
use std::cell::Cell;
#[cfg(feature = "steps")]
use std::sync::mpsc::Sender;

#[cfg(feature = "steps")]
thread_local! {
    static DEATH: Cell<Option<Death>> = const { Cell::new(None) };
}

#[cfg(feature = "steps")]
struct Death {
    left: u32,
    dead: Sender<()>,
}

/// Marks the point between two writes of a protocol; does nothing unless this thread's death was arranged.
#[inline]
pub fn step() {
    #[cfg(feature = "steps")]
    DEATH.with(|cell| {
        let Some(mut death) = cell.take() else { return };
        if death.left > 0 {
            death.left -= 1;
            cell.set(Some(death));
            return;
        }
        // The receiver may have gone; then nobody is interested in the death.
        let _ = death.dead.send(());
        drop(death);
        loop {
            std::thread::park();
        }
    });
}

/// Arranges that this thread stops for good at its step number `after`, counted from 0, and then sends on `dead`.
///
/// Nothing of the thread runs any more after that, no destructor either: what a killed process leaves.
#[cfg(feature = "steps")]
pub fn die_at(after: u32, dead: Sender<()>) {
    DEATH.with(|cell| cell.set(Some(Death { left: after, dead })));
}

/// Calls off what [`die_at`] arranged for this thread.
#[cfg(feature = "steps")]
pub fn live_on() {
    DEATH.with(|cell| cell.set(None));
}
