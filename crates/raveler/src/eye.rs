//! The runtime's eye on its workers.

use std::sync::{Arc, Weak};

use raveler_procs::supervisor::Watcher;
use raveler_procs::{Certificate, ProcsError};

use crate::host::Host;
use crate::shared::Shared;

/// The runtime's eye on its workers; does not keep the runtime alive.
pub(crate) struct Eye<H: Host>(pub(crate) Weak<Shared<H>>);

impl<H: Host> Watcher for Eye<H> {
    fn died(&self, certificate: Certificate) {
        let Some(shared) = self.0.upgrade() else {
            return;
        };
        // A note that it counted and did not send will never come.
        shared.receive_notes();
        shared.received.0.raise(shared.segment.messages());
        let mut core = shared.lock();
        core.bury(&Arc::new(certificate), &shared.arena);
        shared.finish(core, false);
        shared.bell.wake_parent();
        shared.wake_followers();
    }

    fn notes(&self) {
        let Some(shared) = self.0.upgrade() else {
            return;
        };
        shared.receive_notes();
    }

    fn failed(&self, error: ProcsError) {
        let Some(shared) = self.0.upgrade() else {
            return;
        };
        let mut core = shared.lock();
        core.refusal = Some(Arc::new(error.into()));
        core.abandon_all();
        shared.finish(core, false);
        shared.bell.wake_parent();
        shared.wake_followers();
    }
}
