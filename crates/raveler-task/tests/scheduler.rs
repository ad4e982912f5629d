//! Rules of the scheduler, one a test.

use raveler_task::{
    AttemptEnd, Backoff, CancelVerdict, Limit, Place, Retry, Scheduler, Settlement, Spec, Start, TaskId, Verdict,
};

const PLAIN: Spec = Spec::plain(Place::Process);

fn retrying(times: u32, first: u64) -> Spec {
    let backoff = Backoff { first, factor: 2.0, max: 1000, jitter: false };
    Spec { retry: Retry { times, backoff }, ..PLAIN }
}

fn next(scheduler: &mut Scheduler, now: u64) -> Option<Start> {
    scheduler.next(Place::Process, now)
}

fn settled(scheduler: &mut Scheduler) -> Vec<(TaskId, Settlement)> {
    std::iter::from_fn(|| scheduler.pop_settled()).collect()
}

fn finish(scheduler: &mut Scheduler, task: TaskId, end: AttemptEnd) {
    let start = next(scheduler, 0).expect("a task is ready");
    assert_eq!(start.task, task);
    assert_eq!(scheduler.ended(task, start.attempt, end, 0), Verdict::Settled);
}

#[test]
fn an_attempt_that_shall_come_later_waits_at_least_so_long() {
    let mut scheduler = Scheduler::new(0);
    let task = scheduler.submit(retrying(1, 0), &[], 0);
    next(&mut scheduler, 0);
    assert_eq!(scheduler.ended(task, 0, AttemptEnd::Later(500), 10), Verdict::Retries { at: 500 });
    assert_eq!((next(&mut scheduler, 499), scheduler.wake_at()), (None, Some(500)));
    assert_eq!(next(&mut scheduler, 500).map(|start| start.attempt), Some(1));
    assert_eq!(scheduler.ended(task, 1, AttemptEnd::Later(900), 510), Verdict::Settled);
    assert_eq!(settled(&mut scheduler), [(task, Settlement::Failed)]);
}

#[test]
fn a_failure_settles_all_that_depend_on_it_in_submission_order() {
    let mut scheduler = Scheduler::new(0);
    let root = scheduler.submit(PLAIN, &[], 0);
    let left = scheduler.submit(PLAIN, &[root], 0);
    let below_left = scheduler.submit(PLAIN, &[left], 0);
    let right = scheduler.submit(PLAIN, &[root], 0);
    let below_both = scheduler.submit(PLAIN, &[right, left], 0);
    finish(&mut scheduler, root, AttemptEnd::Failed { retryable: true });
    assert_eq!(
        settled(&mut scheduler),
        [
            (root, Settlement::Failed),
            (left, Settlement::ParentFailed(root)),
            (below_left, Settlement::ParentFailed(left)),
            (right, Settlement::ParentFailed(root)),
            (below_both, Settlement::ParentFailed(right)),
        ]
    );
}

#[test]
fn the_first_failed_parent_by_argument_is_named_whatever_failed_first() {
    for reversed in [false, true] {
        let mut scheduler = Scheduler::new(0);
        let first = scheduler.submit(PLAIN, &[], 0);
        let second = scheduler.submit(PLAIN, &[], 0);
        let child = scheduler.submit(PLAIN, &[first, second], 0);
        let starts = [next(&mut scheduler, 0), next(&mut scheduler, 0)].map(|start| start.expect("both are ready"));
        let failed = AttemptEnd::Failed { retryable: false };
        for index in if reversed { [1, 0] } else { [0, 1] } {
            scheduler.ended(starts[index].task, 0, failed, 0);
        }
        assert!(settled(&mut scheduler).contains(&(child, Settlement::ParentFailed(first))));
    }
}

#[test]
fn a_child_does_not_wait_for_parents_after_a_failed_one() {
    let mut scheduler = Scheduler::new(0);
    let failing = scheduler.submit(PLAIN, &[], 0);
    let endless = scheduler.submit(PLAIN, &[], 0);
    let child = scheduler.submit(PLAIN, &[failing, endless], 0);
    finish(&mut scheduler, failing, AttemptEnd::Died);
    assert_eq!(settled(&mut scheduler), [(failing, Settlement::Died), (child, Settlement::ParentFailed(failing))]);
}

#[test]
fn a_chain_of_a_million_fails_without_recursion() {
    let mut scheduler = Scheduler::new(0);
    let first = scheduler.submit(PLAIN, &[], 0);
    let last = (1..1_000_000).fold(first, |parent, _| scheduler.submit(PLAIN, &[parent], 0));
    assert_eq!(scheduler.cancel(first, 0), CancelVerdict::Dropped);
    let settled = settled(&mut scheduler);
    assert_eq!(settled.len(), 1_000_000);
    assert_eq!(settled.last().map(|end| end.0), Some(last));
}

#[test]
fn a_task_that_waits_for_a_limit_keeps_nobody_back() {
    let mut scheduler = Scheduler::new(0);
    let limit = scheduler.add_limit(Limit::Count(1));
    let limited = Spec { limits: vec![limit], ..PLAIN };
    let tasks = [limited.clone(), limited, PLAIN].map(|spec| scheduler.submit(spec, &[], 0));
    assert_eq!(next(&mut scheduler, 0).map(|start| start.task), Some(tasks[0]));
    assert_eq!(next(&mut scheduler, 0).map(|start| start.task), Some(tasks[2]));
    assert!(!scheduler.has_ready(Place::Process));
    scheduler.ended(tasks[0], 0, AttemptEnd::Done, 1);
    assert!(scheduler.has_ready(Place::Process));
    assert_eq!(next(&mut scheduler, 1).map(|start| start.task), Some(tasks[1]));
}

#[test]
fn a_rate_holds_over_every_span() {
    let mut scheduler = Scheduler::new(0);
    let limit = scheduler.add_limit(Limit::Rate { count: 2, per: 100 });
    let spec = Spec { limits: vec![limit], ..PLAIN };
    for _ in 0..4 {
        scheduler.submit(spec.clone(), &[], 0);
    }
    assert!(next(&mut scheduler, 0).is_some());
    assert!(next(&mut scheduler, 60).is_some());
    assert_eq!((next(&mut scheduler, 99), scheduler.wake_at()), (None, Some(100)));
    assert!(next(&mut scheduler, 100).is_some());
    assert_eq!((next(&mut scheduler, 100), scheduler.wake_at()), (None, Some(160)));
}

#[test]
fn what_was_put_back_comes_first_and_costs_nothing() {
    let mut scheduler = Scheduler::new(0);
    let limit = scheduler.add_limit(Limit::Rate { count: 1, per: 1000 });
    let first = scheduler.submit(Spec { limits: vec![limit], ..PLAIN }, &[], 0);
    scheduler.submit(PLAIN, &[], 0);
    let start = next(&mut scheduler, 1).expect("a task is ready");
    scheduler.put_back(start);
    assert_eq!(next(&mut scheduler, 2), Some(Start { task: first, attempt: 0 }));
}

#[test]
fn retries_wait_longer_each_time_and_then_the_end_stands() {
    let mut scheduler = Scheduler::new(0);
    let task = scheduler.submit(retrying(2, 10), &[], 0);
    let mut now = 0;
    for (attempt, wait) in [(0, 10), (1, 20)] {
        assert_eq!(next(&mut scheduler, now), Some(Start { task, attempt }));
        let verdict = scheduler.ended(task, attempt, AttemptEnd::Died, now);
        assert_eq!(verdict, Verdict::Retries { at: now + wait });
        assert_eq!((next(&mut scheduler, now + wait - 1), scheduler.wake_at()), (None, Some(now + wait)));
        now += wait;
    }
    assert_eq!(next(&mut scheduler, now), Some(Start { task, attempt: 2 }));
    assert_eq!(scheduler.ended(task, 2, AttemptEnd::TimedOut, now), Verdict::Settled);
    assert_eq!(settled(&mut scheduler), [(task, Settlement::TimedOut)]);
    assert_eq!(scheduler.counts().retries, 2);
}

#[test]
fn an_attempt_that_never_began_does_not_count() {
    let mut scheduler = Scheduler::new(0);
    let task = scheduler.submit(PLAIN, &[], 0);
    for now in 0..10 {
        assert_eq!(next(&mut scheduler, now), Some(Start { task, attempt: 0 }));
        assert_eq!(scheduler.ended(task, 0, AttemptEnd::Unstarted, now), Verdict::Retries { at: now });
    }
    assert_eq!(scheduler.counts().retries, 0);
}

#[test]
fn an_error_that_may_not_be_retried_is_not() {
    let mut scheduler = Scheduler::new(0);
    let task = scheduler.submit(retrying(5, 0), &[], 0);
    finish(&mut scheduler, task, AttemptEnd::Failed { retryable: false });
}

#[test]
fn a_timeout_counts_from_the_start_of_execution() {
    let mut scheduler = Scheduler::new(0);
    let task = scheduler.submit(Spec { timeout: Some(50), ..PLAIN }, &[], 0);
    next(&mut scheduler, 0);
    assert_eq!(scheduler.wake_at(), None);
    scheduler.started(task, 0, 100);
    assert_eq!((scheduler.overdue(149), scheduler.wake_at()), (None, Some(150)));
    assert_eq!(scheduler.overdue(150), Some((task, 0)));
    assert_eq!((scheduler.overdue(151), scheduler.wake_at()), (None, None));
}

#[test]
fn a_task_that_is_being_stopped_keeps_an_end_that_came_first() {
    for (end, settlement) in [
        (AttemptEnd::Done, Settlement::Done),
        (AttemptEnd::Failed { retryable: true }, Settlement::Failed),
        (AttemptEnd::Died, Settlement::Cancelled),
        (AttemptEnd::TimedOut, Settlement::Cancelled),
        (AttemptEnd::Cancelled, Settlement::Cancelled),
        (AttemptEnd::Unstarted, Settlement::Cancelled),
    ] {
        let mut scheduler = Scheduler::new(0);
        let task = scheduler.submit(retrying(3, 0), &[], 0);
        next(&mut scheduler, 0);
        let stop = CancelVerdict::Stop { place: Place::Process, attempt: 0 };
        assert_eq!(scheduler.cancel(task, 0), stop);
        assert_eq!(scheduler.cancel(task, 0), stop);
        assert_eq!(scheduler.ended(task, 0, end, 0), Verdict::Settled);
        assert_eq!(scheduler.cancel(task, 0), CancelVerdict::Gone);
        assert_eq!(settled(&mut scheduler), [(task, settlement)]);
    }
}

#[test]
fn a_parent_that_was_popped_counts_as_done() {
    let mut scheduler = Scheduler::new(0);
    let parent = scheduler.submit(PLAIN, &[], 0);
    scheduler.cancel(parent, 0);
    let before = scheduler.submit(PLAIN, &[parent], 0);
    assert_eq!(settled(&mut scheduler).last(), Some(&(before, Settlement::ParentFailed(parent))));
    let after = scheduler.submit(PLAIN, &[parent], 0);
    assert_eq!(next(&mut scheduler, 0).map(|start| start.task), Some(after));
}

#[test]
fn a_clock_that_goes_back_changes_nothing() {
    let mut scheduler = Scheduler::new(0);
    let task = scheduler.submit(retrying(1, 10), &[], 100);
    next(&mut scheduler, 50);
    assert_eq!(scheduler.ended(task, 0, AttemptEnd::Died, 0), Verdict::Retries { at: 110 });
}

#[test]
#[should_panic(expected = "give at least 1")]
fn a_limit_of_nothing_is_refused() {
    Scheduler::new(0).add_limit(Limit::Count(0));
}
