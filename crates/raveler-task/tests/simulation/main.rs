//! Thousands of seeded histories: the scheduler beside a naive model, with workers that die, stall and return work.
//!
//! `RAVELER_SIMULATION_SEED=n` runs one history alone; `RAVELER_SIMULATION_HISTORIES=n` sets how many run.

mod dice;
mod history;
mod model;

use std::env;
use std::panic::{AssertUnwindSafe, catch_unwind};

fn number(name: &str) -> Option<u64> {
    env::var(name).ok().map(|text| text.parse().expect("the variable holds a number"))
}

#[test]
fn every_history_agrees_with_the_model() {
    if let Some(seed) = number("RAVELER_SIMULATION_SEED") {
        history::run(seed);
        return;
    }
    for seed in 0..number("RAVELER_SIMULATION_HISTORIES").unwrap_or(10_000) {
        let outcome = catch_unwind(AssertUnwindSafe(|| history::run(seed)));
        assert!(outcome.is_ok(), "history {seed} went wrong; replay it with RAVELER_SIMULATION_SEED={seed}");
    }
}

#[test]
fn a_history_is_the_same_each_time() {
    for seed in 0..50 {
        assert_eq!(history::run(seed), history::run(seed), "history {seed}");
    }
}
