//! The engine module against a fake engine: exact requests, odd answers, faults.
#![allow(clippy::unwrap_used, clippy::expect_used)]
