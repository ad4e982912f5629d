//! The word that a process sleeps on until another process changes it.

#[cfg(loom)]
pub use modelled::FutexWord;
#[cfg(not(loom))]
pub use real::FutexWord;

/// How a sleep on a [`FutexWord`] ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Awoken {
    /// The word had changed, somebody woke the sleeper, or the kernel did so without a reason.
    Woken,
    /// The time was over.
    TimedOut,
    /// A signal handler ran on the sleeping thread.
    Interrupted,
}

#[cfg(not(loom))]
mod real {
    //! The futex of the kernel.

    use std::time::Duration;

    use rustix::io::Errno;
    use rustix::thread::futex::{self, Flags, Timespec};

    use super::Awoken;
    use crate::sync::{AtomicU32, Ordering};

    /// A 32-bit word that processes can sleep on; lies in shared memory, all zero bytes are a valid value.
    #[repr(transparent)]
    #[derive(Debug, Default)]
    pub struct FutexWord(AtomicU32);

    impl FutexWord {
        /// Returns a word that holds `value`.
        #[must_use]
        pub const fn new(value: u32) -> Self {
            Self(AtomicU32::new(value))
        }

        /// Returns the word itself.
        #[inline]
        #[must_use]
        pub fn word(&self) -> &AtomicU32 {
            &self.0
        }

        /// Sleeps while the word is `expected`, at most for `timeout`; `None` has no end.
        #[must_use]
        pub fn wait(&self, expected: u32, timeout: Option<Duration>) -> Awoken {
            let timeout = timeout.map(|time| Timespec {
                tv_sec: i64::try_from(time.as_secs()).unwrap_or(i64::MAX),
                tv_nsec: i64::from(time.subsec_nanos()),
            });
            // Not `Flags::PRIVATE`: the sleeper and the waker are different processes.
            match futex::wait(&self.0, Flags::empty(), expected, timeout.as_ref()) {
                Err(Errno::TIMEDOUT) => Awoken::TimedOut,
                Err(Errno::INTR) => Awoken::Interrupted,
                Ok(()) | Err(_) => Awoken::Woken,
            }
        }

        /// Wakes one sleeper, if there is one; the word must have been changed before.
        pub fn wake(&self) {
            // Waking can fail only for an address that is not mapped, and the word is borrowed.
            let _ = futex::wake(&self.0, Flags::empty(), 1);
        }

        /// Adds one, so that a thread on its way to sleep does not, and wakes a sleeper.
        pub fn bump(&self) {
            self.0.fetch_add(1, Ordering::Release);
            crate::step::step();
            self.wake();
        }
    }
}

#[cfg(loom)]
mod modelled {
    //! A futex made of loom's lock and condition; its sleeps never time out, so that a lost wake-up is a deadlock.

    use std::time::Duration;

    use loom::sync::{Condvar, Mutex};

    use super::Awoken;
    use crate::sync::{AtomicU32, Ordering};

    /// A 32-bit word that modelled threads can sleep on.
    #[derive(Debug)]
    pub struct FutexWord {
        word: AtomicU32,
        queue: Mutex<()>,
        changed: Condvar,
    }

    impl FutexWord {
        /// Returns a word that holds `value`.
        #[must_use]
        pub fn new(value: u32) -> Self {
            Self { word: AtomicU32::new(value), queue: Mutex::new(()), changed: Condvar::new() }
        }

        /// Returns the word itself.
        #[must_use]
        pub fn word(&self) -> &AtomicU32 {
            &self.word
        }

        /// Sleeps while the word is `expected`.
        ///
        /// # Panics
        ///
        /// Panics if another modelled thread panicked inside the futex.
        #[must_use]
        pub fn wait(&self, expected: u32, _timeout: Option<Duration>) -> Awoken {
            let queue = self.queue.lock().expect("no thread panics in the futex");
            if self.word.load(Ordering::Relaxed) == expected {
                drop(self.changed.wait(queue).expect("no thread panics in the futex"));
            }
            Awoken::Woken
        }

        /// Wakes one sleeper, if there is one.
        ///
        /// # Panics
        ///
        /// Panics if another modelled thread panicked inside the futex.
        pub fn wake(&self) {
            let queue = self.queue.lock().expect("no thread panics in the futex");
            self.changed.notify_one();
            drop(queue);
        }

        /// Adds one and wakes a sleeper.
        pub fn bump(&self) {
            self.word.fetch_add(1, Ordering::Release);
            self.wake();
        }
    }
}
