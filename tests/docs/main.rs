//! The documentation is tested: links lead somewhere, commands work, shown output is what the binary prints, quoted
//! messages are in the code, and the reference is current.
//!
//! Every `sh` and `console` block is run, in the order of its page and in a folder of the page's own, unless an HTML comment
//! on the line before the block says something else:
//!
//! | comment | meaning |
//! |---|---|
//! | none | the block is run without an engine |
//! | `<!-- test: engine -->` | it is run on a real Docker Engine, under the gate of `tests/e2e` |
//! | `<!-- test: parsed REASON -->` | it is not run, only parsed: `sofa` by the real command line, `make` by the real Makefile. REASON is one of [`page::REASONS`] |
//! | `<!-- test: file PATH -->` | the block is written to PATH in the page's folder |
//! | `<!-- test: append PATH -->` | the block is added to that file |
//!
//! `exit=N` after `engine` is the exit code of the last command of the block; without it every command must succeed. In a
//! `console` block the lines after a command are its output: `...` matches any text, and on a separate line any lines. Durations
//! may differ, and the width of gaps. The output of a command without output lines is not compared.
//!
//! Comments that stand alone are about the page: `<!-- test: project NAME -->` is the name of the project in its examples,
//! `<!-- test: port N -->` a host port that is replaced by a free one, `<!-- test: folder repository -->` gives the page the
//! repository's own stack. The image `busybox:1.37` is replaced by the test's own.
//!
//! A block in YAML that is not written to a file must load by itself.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[allow(dead_code, unused_imports, reason = "each test binary uses its part of it")]
#[path = "../support/mod.rs"]
mod support;

mod blocks;
mod links;
mod messages;
mod page;
mod reference;
mod session;
mod shell;
