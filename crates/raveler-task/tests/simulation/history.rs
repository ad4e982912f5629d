//! One history: random tasks, random events, and the checks after each.

use std::collections::HashSet;

use raveler_task::{
    AttemptEnd, Backoff, CancelVerdict, Limit, LimitId, Nanos, Place, Retry, Scheduler, Settlement, Spec, Start,
    TaskId, Verdict,
};

use crate::dice::Dice;
use crate::model::{Model, Progress, State, Task};

/// More steps than any history needs: one that takes more has lost a task.
const STEPS: usize = 20_000;

struct History {
    dice: Dice,
    scheduler: Scheduler,
    model: Model,
    limits: Vec<LimitId>,
    places: Vec<Place>,
    workers: usize,
    ids: HashSet<u64>,
    to_submit: u64,
    trace: Vec<(usize, Settlement)>,
}

/// Runs one history and returns the order in which its tasks settled, and how.
pub fn run(seed: u64) -> Vec<(usize, Settlement)> {
    let mut history = History::new(seed);
    for _ in 0..STEPS {
        history.step();
        history.check();
        if history.is_over() {
            history.check_end();
            return history.trace;
        }
    }
    panic!("a task was lost: {:?}", history.scheduler.counts());
}

impl History {
    fn new(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let mut scheduler = Scheduler::new(seed);
        let definitions: Vec<Limit> = (0..dice.below(4))
            .map(|_| match dice.below(2) {
                0 => Limit::Count(1 + u32::try_from(dice.below(3)).expect("a small number")),
                _ => Limit::Rate {
                    count: 1 + u32::try_from(dice.below(3)).expect("a small number"),
                    per: 5 + dice.below(40),
                },
            })
            .collect();
        let limits = definitions.iter().map(|&limit| scheduler.add_limit(limit)).collect();
        let places = Place::ALL[..=dice.index(3)].to_vec();
        Self {
            scheduler,
            model: Model::new(definitions),
            limits,
            places,
            workers: 1 + dice.index(4),
            ids: HashSet::new(),
            to_submit: 1 + dice.below(40),
            trace: Vec::new(),
            dice,
        }
    }

    fn step(&mut self) {
        match self.dice.below(100) {
            0..20 if self.to_submit > 0 => self.submit(),
            0..45 => self.start(),
            45..55 => self.report_start(),
            55..75 => self.end(),
            75..78 => self.cancel(),
            78..80 => self.report_late(),
            80..88 => self.pop(),
            88..97 => self.pass_time(),
            _ => self.wake(),
        }
    }

    fn is_over(&self) -> bool {
        self.to_submit == 0 && self.model.tasks.iter().all(|task| task.is_popped)
    }

    fn submit(&mut self) {
        self.to_submit -= 1;
        let spec = self.spec();
        let limits = (0..self.limits.len()).filter(|&limit| spec.limits.contains(&self.limits[limit])).collect();
        let mut parents = Vec::new();
        if self.dice.percent(50) && !self.model.tasks.is_empty() {
            let count = 1 + self.dice.index(3);
            parents = (0..count).map(|_| self.dice.index(self.model.tasks.len())).collect();
        }
        let ids: Vec<TaskId> = parents.iter().map(|&parent| self.model.tasks[parent].id).collect();
        parents.retain(|&parent| !self.model.tasks[parent].is_popped);
        let id = self.scheduler.submit(spec.clone(), &ids, self.model.now);
        assert!(self.ids.insert(id.to_u64()), "an identity never comes twice");
        assert_eq!(TaskId::from_u64(id.to_u64()), id);
        self.model.tasks.push(Task::new(id, spec, parents, limits));
        self.model.propagate();
    }

    fn spec(&mut self) -> Spec {
        let place = self.places[self.dice.index(self.places.len())];
        let mut spec = Spec::plain(place);
        if !self.limits.is_empty() && self.dice.percent(40) {
            let count = 1 + self.dice.index(2);
            spec.limits = (0..count).map(|_| self.limits[self.dice.index(self.limits.len())]).collect();
        }
        if self.dice.percent(30) {
            let times = u32::try_from(self.dice.below(4)).expect("a small number");
            let first = self.dice.below(20);
            let jitter = self.dice.percent(50);
            spec.retry = Retry { times, backoff: Backoff { first, factor: 2.0, max: 30, jitter } };
        }
        if self.dice.percent(30) {
            spec.timeout = Some(1 + self.dice.below(30));
        }
        spec
    }

    fn start(&mut self) {
        let place = self.places[self.dice.index(self.places.len())];
        let busy = self.model.running().iter().filter(|&&task| self.model.tasks[task].spec.place == place).count();
        if busy == self.workers {
            return;
        }
        let expected = self.model.expected_next(place);
        assert_eq!(self.scheduler.has_ready(place), expected.is_some(), "has_ready tells what next would give");
        let start = self.scheduler.next(place, self.model.now);
        assert_eq!(
            start,
            expected.map(|task| Start { task: self.model.tasks[task].id, attempt: self.model.tasks[task].attempt }),
            "the first in submission order among those that may run"
        );
        let (Some(start), Some(task)) = (start, expected) else {
            return;
        };
        let parents = &self.model.tasks[task].parents;
        assert!(
            parents.iter().all(|&parent| self.model.tasks[parent].state == State::Settled(Settlement::Done)),
            "a task runs after its parents"
        );
        self.model.start(task);
        if self.dice.percent(10) {
            self.scheduler.put_back(start);
            self.model.rerun(task);
        }
    }

    fn any_running(&mut self) -> Option<usize> {
        let running = self.model.running();
        if running.is_empty() { None } else { Some(running[self.dice.index(running.len())]) }
    }

    fn report_start(&mut self) {
        let Some(task) = self.any_running() else {
            return;
        };
        let now = self.model.now;
        let record = &mut self.model.tasks[task];
        self.scheduler.started(record.id, record.attempt, now);
        if record.progress == Progress::Taken {
            record.progress = Progress::Started;
            record.deadline = record.spec.timeout.map(|timeout| now + timeout);
        }
    }

    fn end(&mut self) {
        let Some(task) = self.any_running() else {
            return;
        };
        let record = &self.model.tasks[task];
        let (id, attempt) = (record.id, record.attempt);
        let (is_stopping, progress) = (record.is_stopping, record.progress);
        let end = match self.dice.below(100) {
            0..60 if is_stopping => AttemptEnd::Cancelled,
            0..60 if progress == Progress::Overdue => AttemptEnd::TimedOut,
            60..70 if progress == Progress::Taken => AttemptEnd::Unstarted,
            60..80 => AttemptEnd::Failed { retryable: self.dice.percent(75) },
            80..90 => AttemptEnd::Died,
            90..92 => AttemptEnd::Cancelled,
            92..95 => AttemptEnd::Later(self.model.now + self.dice.below(60)),
            _ => AttemptEnd::Done,
        };
        if self.dice.percent(5) {
            // The place changes its mind, or the task was cancelled between `next` and the hand-over.
            self.scheduler.put_back(Start { task: id, attempt });
            self.model.rerun(task);
            return;
        }
        let verdict = self.scheduler.ended(id, attempt, end, self.model.now);
        self.model.end(task, end, verdict);
    }

    fn cancel(&mut self) {
        if self.model.tasks.is_empty() {
            return;
        }
        let task = self.dice.index(self.model.tasks.len());
        let record = &self.model.tasks[task];
        let verdict = self.scheduler.cancel(record.id, self.model.now);
        match record.state {
            State::Settled(_) => assert_eq!(verdict, CancelVerdict::Gone),
            State::Running => {
                let (place, attempt) = (record.spec.place, record.attempt);
                assert_eq!(verdict, CancelVerdict::Stop { place, attempt });
                self.model.tasks[task].is_stopping = true;
            }
            State::Waiting | State::Ready | State::Delayed(_) => {
                assert_eq!(verdict, CancelVerdict::Dropped);
                self.model.settle(task, Settlement::Cancelled);
                self.model.propagate();
            }
        }
    }

    /// Reports the end of an attempt that is not running.
    fn report_late(&mut self) {
        if self.model.tasks.is_empty() {
            return;
        }
        let task = self.dice.index(self.model.tasks.len());
        let record = &self.model.tasks[task];
        let attempt = if record.state == State::Running { record.attempt + 1 } else { record.attempt };
        self.scheduler.put_back(Start { task: record.id, attempt });
        self.scheduler.started(record.id, attempt, self.model.now);
        let verdict = self.scheduler.ended(record.id, attempt, AttemptEnd::Done, self.model.now);
        assert_eq!(verdict, Verdict::Stale);
    }

    fn pop(&mut self) {
        while let Some((id, settlement)) = self.scheduler.pop_settled() {
            let task = self.model.settled.pop_front().expect("the model has settled as many");
            let record = &mut self.model.tasks[task];
            assert_eq!((id, State::Settled(settlement)), (record.id, record.state));
            record.is_popped = true;
            self.trace.push((task, settlement));
            if self.dice.percent(20) {
                return;
            }
        }
        assert!(self.model.settled.is_empty(), "everything that settled is popped");
    }

    fn pass_time(&mut self) {
        let now = self.model.now + self.dice.below(8);
        self.advance(now);
    }

    /// Sleeps until the scheduler wants to be woken.
    fn wake(&mut self) {
        if let Some(at) = self.scheduler.wake_at() {
            self.advance(at);
        }
    }

    fn advance(&mut self, now: Nanos) {
        self.scheduler.advance(now);
        self.model.advance(now);
        let mut expected: Vec<TaskId> = Vec::new();
        for task in &mut self.model.tasks {
            if task.deadline.is_some_and(|deadline| deadline <= now) {
                task.deadline = None;
                task.progress = Progress::Overdue;
                expected.push(task.id);
            }
        }
        let mut overdue = Vec::new();
        while let Some((id, attempt)) = self.scheduler.overdue(now) {
            let record = self.model.tasks.iter().find(|task| task.id == id).expect("the task is known");
            assert_eq!((record.state, record.attempt), (State::Running, attempt));
            overdue.push(id);
        }
        overdue.sort_unstable();
        expected.sort_unstable();
        assert_eq!(overdue, expected, "each attempt past its deadline, once");
    }

    fn check(&self) {
        self.model.check_limits();
        self.model.check_counts(&self.scheduler.counts());
        assert_eq!(
            self.scheduler.wake_at(),
            self.model.next_wake(),
            "nothing is slept through, and nobody is woken for nothing"
        );
        let counts = self.scheduler.counts();
        if counts.running == 0 && counts.ready + counts.delayed > 0 {
            let may_start = self.places.iter().any(|&place| self.scheduler.has_ready(place));
            assert!(may_start || self.scheduler.wake_at().is_some(), "something happens, now or later");
        }
    }

    fn check_end(&self) {
        let counts = self.scheduler.counts();
        assert_eq!(counts.settled(), counts.submitted);
        assert_eq!((counts.unsettled(), counts.unpopped), (0, 0));
        assert_eq!(self.scheduler.wake_at(), None);
        assert!(Place::ALL.iter().all(|&place| !self.scheduler.has_ready(place)));
    }
}
