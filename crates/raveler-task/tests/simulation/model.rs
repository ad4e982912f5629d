//! A second scheduler, as naive as can be, that says what the real one must do.

use std::collections::VecDeque;

use raveler_task::{AttemptEnd, Counts, Limit, Nanos, Place, Settlement, Spec, TaskId, Verdict};

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum State {
    Waiting,
    Ready,
    Delayed(Nanos),
    Running,
    Settled(Settlement),
}

/// How far a running attempt has come.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Progress {
    Taken,
    Started,
    /// It was reported as past its deadline.
    Overdue,
}

#[derive(Debug)]
pub struct Task {
    pub id: TaskId,
    pub spec: Spec,
    /// Positions in the model's list; a parent that was popped before is not among them.
    pub parents: Vec<usize>,
    pub limits: Vec<usize>,
    pub state: State,
    pub attempt: u32,
    pub runs: u32,
    pub is_stopping: bool,
    pub is_popped: bool,
    pub progress: Progress,
    pub taken_at: Nanos,
    pub deadline: Option<Nanos>,
}

impl Task {
    pub fn new(id: TaskId, spec: Spec, parents: Vec<usize>, limits: Vec<usize>) -> Self {
        Self {
            id,
            spec,
            parents,
            limits,
            state: State::Waiting,
            attempt: 0,
            runs: 0,
            is_stopping: false,
            is_popped: false,
            progress: Progress::Taken,
            taken_at: 0,
            deadline: None,
        }
    }
}

pub struct Model {
    pub tasks: Vec<Task>,
    pub limits: Vec<Limit>,
    /// The starts that count against each rate.
    starts: Vec<Vec<Nanos>>,
    /// What is settled and not popped, in order.
    pub settled: VecDeque<usize>,
    pub now: Nanos,
}

impl Model {
    pub fn new(limits: Vec<Limit>) -> Self {
        let starts = limits.iter().map(|_| Vec::new()).collect();
        Self { tasks: Vec::new(), limits, starts, settled: VecDeque::new(), now: 0 }
    }

    pub fn in_state(&self, wanted: impl Fn(State) -> bool) -> Vec<usize> {
        (0..self.tasks.len()).filter(|&task| wanted(self.tasks[task].state)).collect()
    }

    pub fn running(&self) -> Vec<usize> {
        self.in_state(|state| state == State::Running)
    }

    /// Settles what has lost a parent and frees what has all of them, in submission order.
    pub fn propagate(&mut self) {
        for task in 0..self.tasks.len() {
            if self.tasks[task].state != State::Waiting {
                continue;
            }
            let parents = &self.tasks[task].parents;
            let first = parents.iter().find(|&&parent| self.tasks[parent].state != State::Settled(Settlement::Done));
            match first.map(|&parent| (self.tasks[parent].id, self.tasks[parent].state)) {
                None => self.tasks[task].state = State::Ready,
                Some((id, State::Settled(_))) => self.settle(task, Settlement::ParentFailed(id)),
                Some(_) => {}
            }
        }
    }

    pub fn advance(&mut self, now: Nanos) {
        self.now = self.now.max(now);
        for task in &mut self.tasks {
            if matches!(task.state, State::Delayed(at) if at <= self.now) {
                task.state = State::Ready;
            }
        }
    }

    fn admits(&self, limit: usize) -> bool {
        match self.limits[limit] {
            Limit::Count(count) => {
                let users = self.running().iter().filter(|&&task| self.tasks[task].limits.contains(&limit)).count();
                users < count as usize
            }
            Limit::Rate { count, per } => {
                let recent = self.starts[limit].iter().filter(|&&start| start + per > self.now).count();
                recent < count as usize
            }
        }
    }

    /// Returns the first task in submission order that may run at `place`.
    pub fn expected_next(&self, place: Place) -> Option<usize> {
        self.in_state(|state| state == State::Ready).into_iter().find(|&task| {
            let task = &self.tasks[task];
            task.spec.place == place && task.limits.iter().all(|&limit| self.admits(limit))
        })
    }

    pub fn start(&mut self, task: usize) {
        let now = self.now;
        for &limit in &self.tasks[task].limits {
            self.starts[limit].push(now);
        }
        let task = &mut self.tasks[task];
        task.state = State::Running;
        task.runs += 1;
        task.taken_at = now;
        task.is_stopping = false;
        task.progress = Progress::Taken;
        task.deadline = None;
    }

    /// Takes an attempt back that did not count.
    pub fn rerun(&mut self, task: usize) -> bool {
        let taken_at = self.tasks[task].taken_at;
        for &limit in &self.tasks[task].limits {
            let starts = &mut self.starts[limit];
            let position = starts.iter().rposition(|&start| start == taken_at).expect("the start was noted");
            starts.remove(position);
        }
        self.tasks[task].runs -= 1;
        self.tasks[task].deadline = None;
        if self.tasks[task].is_stopping {
            self.settle(task, Settlement::Cancelled);
            self.propagate();
            return true;
        }
        self.tasks[task].state = State::Ready;
        false
    }

    /// Ends a running attempt and checks the verdict of the real scheduler.
    pub fn end(&mut self, task: usize, end: AttemptEnd, verdict: Verdict) {
        let spec = &self.tasks[task].spec;
        let is_stopping = self.tasks[task].is_stopping;
        let may_retry = self.tasks[task].attempt < spec.retry.times && !is_stopping;
        let longest = spec.retry.backoff.max;
        let settlement = match end {
            AttemptEnd::Unstarted => {
                let is_settled = self.rerun(task);
                let expected = if is_settled { Verdict::Settled } else { Verdict::Retries { at: self.now } };
                assert_eq!(verdict, expected, "an attempt that never began runs again at once");
                return;
            }
            AttemptEnd::Failed { retryable: true } | AttemptEnd::Later(_) | AttemptEnd::Died | AttemptEnd::TimedOut
                if may_retry =>
            {
                let Verdict::Retries { at } = verdict else { panic!("{task} has a retry left, but {verdict:?}") };
                let not_before = if let AttemptEnd::Later(not_before) = end { not_before } else { 0 };
                let last = (self.now + longest).max(not_before);
                assert!((self.now..=last).contains(&at), "a wait is at most its maximum, but for what was asked");
                assert!(at >= not_before, "a retry is not before it was asked for");
                let task = &mut self.tasks[task];
                task.attempt += 1;
                task.deadline = None;
                task.state = if at <= self.now { State::Ready } else { State::Delayed(at) };
                return;
            }
            AttemptEnd::Done => Settlement::Done,
            AttemptEnd::Failed { .. } | AttemptEnd::Later(_) => Settlement::Failed,
            AttemptEnd::Cancelled => Settlement::Cancelled,
            AttemptEnd::Died | AttemptEnd::TimedOut if is_stopping => Settlement::Cancelled,
            AttemptEnd::Died => Settlement::Died,
            AttemptEnd::TimedOut => Settlement::TimedOut,
        };
        assert_eq!(verdict, Verdict::Settled);
        self.settle(task, settlement);
        self.propagate();
    }

    pub fn settle(&mut self, task: usize, settlement: Settlement) {
        let record = &mut self.tasks[task];
        assert!(!matches!(record.state, State::Settled(_)), "a task settles once");
        assert!(record.runs <= record.spec.retry.times + 1, "attempts are the first and the retries");
        record.state = State::Settled(settlement);
        record.deadline = None;
        self.settled.push_back(task);
    }

    /// Checks what must hold at every moment, whatever the order of execution.
    pub fn check_limits(&self) {
        for (limit, definition) in self.limits.iter().enumerate() {
            match *definition {
                Limit::Count(count) => {
                    let running = self.running();
                    let users = running.iter().filter(|&&task| self.tasks[task].limits.contains(&limit)).count();
                    assert!(users <= count as usize, "limit {limit} of {count} has {users} users");
                }
                Limit::Rate { count, per } => {
                    for spans in self.starts[limit].windows(count as usize + 1) {
                        let span = spans[count as usize] - spans[0];
                        assert!(span >= per, "rate {limit}: {} starts within {span} of {per}", count + 1);
                    }
                }
            }
        }
    }

    pub fn check_counts(&self, counts: &Counts) {
        let mut expected = Counts { submitted: self.tasks.len() as u64, retries: counts.retries, ..Counts::default() };
        for task in &self.tasks {
            let field = match task.state {
                State::Waiting => &mut expected.waiting,
                State::Ready => &mut expected.ready,
                State::Delayed(_) => &mut expected.delayed,
                State::Running => &mut expected.running,
                State::Settled(Settlement::Done) => &mut expected.done,
                State::Settled(Settlement::Failed) => &mut expected.failed,
                State::Settled(Settlement::Died) => &mut expected.died,
                State::Settled(Settlement::TimedOut) => &mut expected.timed_out,
                State::Settled(Settlement::Cancelled) => &mut expected.cancelled,
                State::Settled(Settlement::ParentFailed(_)) => &mut expected.parent_failed,
            };
            *field += 1;
        }
        expected.unpopped = self.settled.len() as u64;
        assert_eq!(*counts, expected);
    }

    /// Returns the next time at which the real scheduler must want to be woken.
    pub fn next_wake(&self) -> Option<Nanos> {
        let timers = self.tasks.iter().filter_map(|task| match task.state {
            State::Delayed(at) => Some(at),
            _ => task.deadline,
        });
        let ready = self.in_state(|state| state == State::Ready);
        timers.chain(ready.into_iter().filter_map(|task| self.rates_open_at(task))).min()
    }

    /// Returns when a ready task may run that only rates keep back.
    fn rates_open_at(&self, task: usize) -> Option<Nanos> {
        let mut latest = None;
        for &limit in &self.tasks[task].limits {
            match self.limits[limit] {
                _ if self.admits(limit) => {}
                Limit::Count(_) => return None,
                Limit::Rate { count, per } => {
                    let starts = &self.starts[limit];
                    latest = latest.max(Some(starts[starts.len() - count as usize] + per));
                }
            }
        }
        latest
    }
}
