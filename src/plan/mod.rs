//! Pure: (desired, observed, policy) → plan. No clock, no I/O, no engine.

pub mod observed;
pub mod operation;
