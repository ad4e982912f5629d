//! The unit of time: nanoseconds on any monotonic clock, always passed in by the caller.

/// A point in time, or a span of it, in nanoseconds.
pub type Nanos = u64;
