//! What the verbs do, in domain steps: from the settings to a plan, from a plan to what runs, from what runs to a record. It
//! never sees clap and never prints; `commands` holds the verbs.

pub mod bring_up;
pub mod confirm;
pub mod contents;
pub mod context;
pub mod deployment;
pub mod display;
pub mod dry_run;
pub mod execution;
pub mod images;
pub mod interrupt;
pub mod labelled;
pub mod lifecycle;
pub mod lock;
pub mod naming;
pub mod ownership;
pub mod pin;
pub mod protection;
pub mod records;
pub mod replicas;
pub mod rollback;
pub mod work;

pub use context::Context;
