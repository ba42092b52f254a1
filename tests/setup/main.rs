//! What stands around the binary, the Makefile and the set-up tools, with stand-ins for every program that they call:
//! nothing is built or installed, and no engine is needed.
#![allow(clippy::unwrap_used, reason = "a test that cannot arrange itself has failed")]

mod backup;
mod makefile;
mod stage;
mod tools;
