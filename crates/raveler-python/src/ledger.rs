//! What a run has given so far, and what it does about errors.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};
use raveler::map::Gauge;
use raveler_task::{ErrorPolicy, Mark, Marks};

use crate::run::{Counts, Source};

/// What a run has given so far, and what it does about errors.
pub(crate) struct Ledger {
    pub(crate) policy: ErrorPolicy,
    pub(crate) is_closed: bool,
    /// The index of its first item: a flow that goes on does not begin at 0.
    pub(crate) first: u64,
    counts: Counts,
    is_ordered: bool,
    /// Where its items come from, if somebody keeps a record.
    marks: Option<Marks>,
    /// What a note on an error calls the stage.
    label: Option<Py<PyString>>,
    /// What was seen of it when it ended.
    gauge: Option<Gauge>,
}

impl Ledger {
    /// Reads what belongs here from the arguments of a map, which were checked.
    pub(crate) fn parse(options: &Bound<'_, PyDict>) -> PyResult<Self> {
        let get = |name: &str| options.get_item(name);
        let policy = match get("errors")?.map(|value| value.extract::<String>()).transpose()?.as_deref() {
            Some("return") => ErrorPolicy::Return,
            Some("skip") => ErrorPolicy::Skip,
            _ => ErrorPolicy::Raise,
        };
        let first = get("first")?.map_or(Ok(0), |value| value.extract())?;
        let has_marks = get("marks")?.is_some_and(|value| value.is_truthy().unwrap_or(false));
        let label = get("label")?.and_then(|value| value.cast_into::<PyString>().ok());
        Ok(Self {
            policy,
            is_closed: false,
            first,
            counts: Counts::default(),
            is_ordered: is_ordered(options)?,
            marks: has_marks.then(|| Marks::new(first)),
            label: label.map(Bound::unbind),
            gauge: None,
        })
    }

    /// Notes that an item was pulled.
    #[inline]
    pub(crate) fn enters(&mut self, py: Python<'_>, source: &Source) -> PyResult<()> {
        if let Some(marks) = &mut self.marks {
            marks.enter(source.mark(py)?.unwrap_or(Mark::whole(self.counts.pulled)));
        }
        self.counts.pulled += 1;
        Ok(())
    }

    /// Notes that so many items were given.
    #[inline]
    pub(crate) fn gives(&mut self, items: u32) {
        self.counts.given += u64::from(items);
        if let Some(marks) = &mut self.marks {
            for _ in 0..items {
                marks.leave();
            }
        }
    }

    /// Raises, returns or skips the error of the next item.
    pub(crate) fn deal<'py>(&mut self, error: Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.counts.failed += 1;
        match self.policy {
            ErrorPolicy::Raise => {
                self.note(&error);
                Err(PyErr::from_value(error))
            }
            ErrorPolicy::Return => {
                self.gives(1);
                Ok(Some(error))
            }
            ErrorPolicy::Skip => {
                self.counts.skipped += 1;
                if let Some(marks) = &mut self.marks {
                    marks.leave();
                }
                Ok(None)
            }
        }
    }

    /// Names the stage and the item on an error that leaves a flow.
    fn note(&self, error: &Bound<'_, PyAny>) {
        let py = error.py();
        let Some(label) = &self.label else { return };
        let label = label.bind(py);
        let text = if self.is_ordered {
            let item = self.first + self.counts.given + self.counts.skipped;
            format!("in {label} of the flow, at its item {item}")
        } else {
            format!("in {label} of the flow")
        };
        // An error that takes no notes is still raised.
        let _ = error.call_method1(intern!(py, "add_note"), (text,));
    }

    /// Keeps what was seen of it when it ended.
    pub(crate) fn keep(&mut self, gauge: Gauge) {
        self.gauge = Some(Gauge { running: 0, queued: 0, in_flight: 0, ..gauge });
    }

    pub(crate) fn last_gauge(&self) -> Option<Gauge> {
        self.gauge
    }

    pub(crate) fn counts(&self) -> Counts {
        self.counts
    }

    pub(crate) fn mark(&self) -> Mark {
        self.marks.as_ref().map_or_else(Mark::default, Marks::last)
    }

    pub(crate) fn index_at(&mut self, position: u64) -> u64 {
        self.marks.as_mut().map_or(0, |marks| marks.index_at(position))
    }
}

/// Whether results are wanted in the order of the input.
pub(crate) fn is_ordered(options: &Bound<'_, PyDict>) -> PyResult<bool> {
    Ok(options.get_item("ordered")?.is_none_or(|value| value.is_truthy().unwrap_or(true)))
}
