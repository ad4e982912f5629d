//! What happened and when: the clock that every process of a runtime reads.

pub mod clock;
