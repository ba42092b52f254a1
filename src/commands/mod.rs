//! One file per verb: arguments in, one call of `ops`, an exit status out. `args` holds groups of options that verbs share.

mod args;
pub mod build;
pub mod check;
pub mod config;
pub mod deploy;
pub mod down;
pub mod edge;
pub mod exec;
pub mod help;
pub mod history;
pub mod kill;
pub mod lock;
pub mod logs;
pub mod plan;
pub mod ps;
pub mod restart;
pub mod rm;
pub mod rollback;
pub mod run;
pub mod scale;
pub mod start;
pub mod status;
pub mod stop;
pub mod undo;
pub mod up;
pub mod version;
pub mod volume;
