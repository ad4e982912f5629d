//! A flow that runs: a chain of runs, each pulled by the next, with one signal for the news of all.

use std::sync::{Arc, Mutex};

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString};
use raveler::map::Gauge;
use raveler_events::clock;
use raveler_task::{Condition, Mark, StageTimes};

use crate::host::Waiter;
use crate::run::{Body, Counts, Next, Run, Source, exclusive};
use crate::signal::Signal;

/// How often whoever shows progress is called, in nanoseconds.
const TICK: u64 = 100_000_000;
/// How long a flow goes on before its stages are looked at again, in nanoseconds.
const LOOK: u64 = 5_000_000;

/// The results of a flow, in the making.
#[pyclass(frozen, subclass, extends = Run, generic, module = "raveler._raveler")]
pub(crate) struct FlowRun(Arc<Chain>);

#[pymethods]
impl FlowRun {
    /// Makes a run of stages, each of a name (none for joints), its run and how many of its items can run at once.
    ///
    /// `tick` is called now and then to show progress, and at the end, when it is told that it is.
    #[new]
    #[pyo3(signature = (signal, stages, tick=None))]
    fn new(
        signal: Py<Signal>,
        stages: Vec<(Option<Py<PyString>>, Bound<'_, PyAny>, usize)>,
        tick: Option<Py<PyAny>>,
    ) -> PyResult<PyClassInitializer<Self>> {
        let now = clock::nanos();
        let stages: PyResult<Vec<_>> = stages
            .into_iter()
            .map(|(name, run, capacity)| {
                let (run, times) = (Source::new(&run, true)?, StageTimes::new(now));
                Ok(Stage { name, run, capacity, seen: Mutex::new((Counts::default(), Gauge::default(), times)) })
            })
            .collect();
        let state = State { is_closed: false, given: 0, left: None, looked: now, ticked: now };
        let state = Mutex::new(state);
        let chain = Arc::new(Chain { signal, stages: stages?, tick, state, spent: Mutex::default() });
        let run = Run(Arc::clone(&chain) as Arc<dyn Body>);
        Ok(PyClassInitializer::from(run).add_subclass(Self(chain)))
    }

    /// Returns for each stage, of a source item at `position` or behind it, the index of the first item that came of it.
    fn indices(&self, py: Python<'_>, position: u64) -> PyResult<Vec<u64>> {
        self.0
            .stages
            .iter()
            .filter(|stage| stage.name.is_some())
            .map(|stage| stage.run.index_at(py, position))
            .collect()
    }

    /// How long the consumer was away between two results, and how long items were pulled and handed on, in seconds.
    #[getter]
    #[expect(clippy::cast_precision_loss, reason = "seconds need no more than 53 bits")]
    fn spent(&self) -> PyResult<(f64, f64)> {
        let spent = exclusive(&self.0.spent)?;
        Ok((spent.away as f64 / 1e9, spent.pulling as f64 / 1e9))
    }

    /// Returns for each stage what can be seen of it, times in seconds.
    fn gauges<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        self.0.look(py)?;
        let list = PyList::empty(py);
        for stage in &self.0.stages {
            if let Some(name) = &stage.name {
                list.append(stage.describe(py, name)?)?;
            }
        }
        Ok(list)
    }
}

struct Chain {
    signal: Py<Signal>,
    stages: Vec<Stage>,
    tick: Option<Py<PyAny>>,
    state: Mutex<State>,
    /// Apart from the state, so that whoever shows progress can read it.
    spent: Mutex<Spent>,
}

/// What the thread of the consumer did when it did not wait.
#[derive(Default)]
struct Spent {
    /// Nanoseconds between giving a result and being asked for the next one.
    away: u64,
    /// Nanoseconds of pulling the source and handing items on.
    pulling: u64,
}

struct State {
    is_closed: bool,
    given: u64,
    /// When the consumer went away with a result.
    left: Option<u64>,
    /// When the stages were last looked at.
    looked: u64,
    /// When progress was last shown.
    ticked: u64,
}

struct Stage {
    name: Option<Py<PyString>>,
    run: Source,
    capacity: usize,
    seen: Mutex<(Counts, Gauge, StageTimes)>,
}

impl Stage {
    /// Notes what the stage does now.
    fn look(&self, py: Python<'_>, now: u64) -> PyResult<()> {
        let (counts, gauge) = self.run.gauge(py)?;
        // What it waits for counts while a part of it runs, too: a few of many that run hide no limit and no slow source.
        let is_full = gauge.running >= self.capacity || (gauge.queued > 0 && !gauge.has_limit);
        let condition = if self.run.is_over(py)? {
            Condition::Over
        } else if is_full {
            Condition::Busy
        } else if gauge.queued > 0 {
            Condition::Limit
        } else if gauge.in_flight > 0 && !gauge.has_room {
            Condition::Room
        } else {
            Condition::Input
        };
        let mut seen = exclusive(&self.seen)?;
        seen.2.see(condition, gauge.running.min(self.capacity), now);
        (seen.0, seen.1) = (counts, gauge);
        Ok(())
    }

    #[expect(clippy::cast_precision_loss, reason = "seconds need no more than 53 bits")]
    fn describe<'py>(&self, py: Python<'py>, name: &Py<PyString>) -> PyResult<Bound<'py, PyDict>> {
        let seconds = |nanos: u64| nanos as f64 / 1e9;
        let seen = exclusive(&self.seen)?;
        let (counts, gauge, times) = &*seen;
        let dict = PyDict::new(py);
        dict.set_item("name", name)?;
        dict.set_item("items_in", counts.pulled)?;
        dict.set_item("items_out", counts.given)?;
        dict.set_item("in_flight", gauge.in_flight)?;
        dict.set_item("running", gauge.running)?;
        dict.set_item("errors", counts.failed)?;
        dict.set_item("skipped", counts.skipped)?;
        dict.set_item("capacity", self.capacity)?;
        dict.set_item("busy", seconds(times.ran()))?;
        dict.set_item("input", seconds(times.total(Condition::Input)))?;
        dict.set_item("room", seconds(times.total(Condition::Room)))?;
        dict.set_item("limit", seconds(times.total(Condition::Limit)))?;
        // Workers measure their time themselves.
        let occupied = if gauge.busy > 0 { gauge.busy } else { times.occupied() };
        dict.set_item("occupied", seconds(occupied))?;
        dict.set_item("bytes", gauge.bytes)?;
        Ok(dict)
    }
}

impl Chain {
    fn last(&self) -> Option<&Stage> {
        self.stages.last()
    }

    fn look(&self, py: Python<'_>) -> PyResult<()> {
        let now = clock::nanos();
        self.stages.iter().filter(|stage| stage.name.is_some()).try_for_each(|stage| stage.look(py, now))
    }

    /// Looks at the stages, and shows progress, if it is time.
    fn keep_time(&self, py: Python<'_>, state: &mut State, next: &Next<'_>, began: u64) -> PyResult<()> {
        let now = clock::nanos();
        {
            let mut spent = exclusive(&self.spent)?;
            spent.away += state.left.map_or(0, |left| began.saturating_sub(left));
            spent.pulling += now.saturating_sub(began);
        }
        state.left = matches!(next, Next::Item(_)).then_some(now);
        // What is seen before a wait holds until its end; to see only what follows waits would see no stage run.
        if matches!(next, Next::NotReady) || now.saturating_sub(state.looked) > LOOK {
            state.looked = now;
            self.look(py)?;
        }
        if let Some(tick) = &self.tick
            && now.saturating_sub(state.ticked) > TICK
        {
            state.ticked = now;
            tick.call1(py, (false,))?;
        }
        Ok(())
    }

    /// Lets every stage pull what it has room for.
    fn advance_all(&self, py: Python<'_>) -> PyResult<()> {
        self.stages.iter().rev().try_for_each(|stage| stage.run.advance(py))
    }

    /// Does something with the last stage; what comes of it may end the flow.
    fn step<'py>(
        &self,
        py: Python<'py>,
        state: &mut State,
        step: impl FnOnce(&Source) -> PyResult<Next<'py>>,
    ) -> PyResult<Next<'py>> {
        let Some(last) = self.last().filter(|_| !state.is_closed) else {
            return Ok(Next::End);
        };
        let began = clock::nanos();
        self.signal.get().clear();
        let next = step(&last.run).and_then(|next| {
            if let Next::NotReady = next {
                self.advance_all(py)?;
            }
            self.keep_time(py, state, &next, began)?;
            Ok(next)
        });
        if matches!(next, Ok(Next::End) | Err(_)) {
            let closed = self.shut(py, state);
            if next.is_ok() {
                closed?;
            }
        }
        next
    }

    /// Ends every stage, the last one first.
    fn shut(&self, py: Python<'_>, state: &mut State) -> PyResult<()> {
        if state.is_closed {
            return Ok(());
        }
        state.is_closed = true;
        let looked = self.look(py);
        let mut closed = Ok(());
        for stage in self.stages.iter().rev() {
            // Every stage is closed; the first error is told.
            let this = stage.run.close(py);
            closed = closed.and(this);
        }
        let told = self.tick.as_ref().map_or(Ok(()), |tick| tick.call1(py, (true,)).map(drop));
        looked.and(closed).and(told)
    }
}

impl Body for Chain {
    fn next<'py>(&self, py: Python<'py>) -> PyResult<Next<'py>> {
        let mut state = exclusive(&self.state)?;
        let next = self.step(py, &mut state, |last| last.next(py))?;
        state.given += u64::from(matches!(next, Next::Item(_)));
        Ok(next)
    }

    fn drain<'py>(&self, py: Python<'py>, list: &Bound<'py, PyList>) -> PyResult<Next<'py>> {
        let mut state = exclusive(&self.state)?;
        let before = list.len();
        let next = self.step(py, &mut state, |last| last.drain(py, list));
        state.given += (list.len() - before) as u64;
        next
    }

    fn wait(&self, py: Python<'_>) -> PyResult<()> {
        let deadline = self.tick.is_some().then(|| clock::nanos().saturating_add(TICK));
        self.signal.get().wait(py, deadline)
    }

    fn subscribe(&self, py: Python<'_>, waiter: Waiter) -> Option<Waiter> {
        for stage in &self.stages {
            if let (Source::Run(run), Some(waiter)) = (&stage.run, waiter.clone_ref(py)) {
                run.subscribe(py, waiter);
            }
        }
        let signal = self.signal.get();
        signal.keep(waiter);
        // What came before the last stage was told of it is not to be missed.
        signal.missed()
    }

    fn close(&self, py: Python<'_>) -> PyResult<()> {
        self.shut(py, &mut *exclusive(&self.state)?)
    }

    fn is_closed(&self) -> PyResult<bool> {
        Ok(exclusive(&self.state)?.is_closed)
    }

    fn counts(&self) -> PyResult<Counts> {
        let given = exclusive(&self.state)?.given;
        let mut all = Counts { given, ..Counts::default() };
        for stage in &self.stages {
            if let Source::Run(run) = &stage.run {
                let counts = run.counts()?;
                all.skipped += counts.skipped;
                all.failed += counts.failed;
            }
        }
        Ok(all)
    }

    fn in_flight(&self) -> usize {
        let runs = self.stages.iter().filter_map(|stage| match &stage.run {
            Source::Run(run) => Some(run.in_flight()),
            Source::Iterator(_) | Source::Stage(_) => None,
        });
        runs.sum()
    }

    fn mark(&self) -> PyResult<Mark> {
        Python::attach(|py| self.last().map_or(Ok(None), |last| last.run.mark(py))).map(Option::unwrap_or_default)
    }
}
