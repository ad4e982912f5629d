//! Permits of named limits that tasks inside workers hold: the parent counts them with its own.

use raveler_events::clock;
use raveler_procs::inbox::{BORROW, Note, RETURN, UNKNOWN};
use raveler_procs::token::Reader;
use raveler_task::{AttemptEnd, LimitId, Place, Spec, TaskId};

use crate::cell::Cell;
use crate::core::Core;
use crate::entry::Owner;
use crate::host::Host;
use crate::outcome::Outcome;
use crate::shared::Shared;
use crate::work::Work;

/// A permit that a worker asked for.
pub(crate) struct Loan {
    worker: u32,
    request: u64,
    task: TaskId,
    is_granted: bool,
}

impl<H: Host> Core<H> {
    fn ask(&mut self, worker: u32, request: u64, limit: LimitId) {
        let spec = Spec { limits: vec![limit], ..Spec::plain(Place::Native) };
        let owner = Owner::Cell(Cell::new(0));
        let task = self.submit(spec, owner, Work::Away, Vec::new(), clock::nanos());
        self.loans.push(Loan { worker, request, task, is_granted: false });
    }

    /// A task that stands for a permit has it: the worker that asked is to be answered.
    pub(crate) fn grant(&mut self, task: TaskId) {
        if let Some(loan) = self.loans.iter_mut().find(|loan| loan.task == task) {
            loan.is_granted = true;
            self.answers.push((loan.worker, loan.request));
        }
    }

    /// Ends the loans of a worker: one of them, or all.
    pub(crate) fn end_loans(&mut self, worker: u32, request: Option<u64>) {
        let is_meant = |loan: &mut Loan| loan.worker == worker && request.is_none_or(|request| loan.request == request);
        let ended: Vec<Loan> = self.loans.extract_if(.., is_meant).collect();
        for loan in ended {
            if loan.is_granted {
                self.call_ends(loan.task, 0, Outcome::Cancelled, AttemptEnd::Done);
            } else {
                self.cancel(loan.task);
            }
        }
    }
}

impl<H: Host> Shared<H> {
    /// Serves the requests for permits among the notes and returns the others.
    pub(crate) fn serve_loans(&self, notes: Vec<Note>) -> Vec<Note> {
        let (requests, others): (Vec<Note>, Vec<Note>) =
            notes.into_iter().partition(|note| note.kind == BORROW || note.kind == RETURN);
        for note in requests {
            let mut reader = Reader::new(&note.content);
            let Ok(request) = reader.u64() else { continue };
            let mut core = self.lock();
            if note.kind == RETURN {
                core.end_loans(note.worker, Some(request));
            } else {
                let name = String::from_utf8_lossy(reader.rest());
                match self.limits.iter().find(|(known, _)| *known == name) {
                    Some((_, limit)) => core.ask(note.worker, request, *limit),
                    None => core.answers.push((note.worker, request | UNKNOWN)),
                }
            }
            core.pump(&self.arena);
            self.finish(core, false);
        }
        others
    }
}
