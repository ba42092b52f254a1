//! The commit that this binary was built from. `tools/build` passes it to the compiler in two variables, which only
//! `main.rs` reads: a new commit links the binary again and compiles nothing else.

use std::env::consts::{ARCH, OS};
use std::fmt;

#[derive(Debug, Clone, Copy, Default)]
pub struct BuildInfo {
    /// The last commit that changed the sources, with `-dirty` when they were changed after it. A plain `cargo build`
    /// and a source archive have none.
    pub commit: Option<&'static str>,
    /// The day of that commit, or of `SOURCE_DATE_EPOCH`.
    pub date: Option<&'static str>,
}

impl BuildInfo {
    pub const VERSION: &str = env!("CARGO_PKG_VERSION");
}

impl fmt::Display for BuildInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}", Self::VERSION, self.commit.unwrap_or("unknown commit"))?;
        if let Some(date) = self.date {
            write!(f, " {date}")?;
        }
        write!(f, ", {OS}-{ARCH})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_commit_and_its_day_follow_the_version() {
        let info = BuildInfo { commit: Some("1a2b3c4d5-dirty"), date: Some("2026-11-26") };
        let expected = format!("{} (1a2b3c4d5-dirty 2026-11-26, {OS}-{ARCH})", BuildInfo::VERSION);
        assert_eq!(info.to_string(), expected);
    }

    #[test]
    fn a_build_without_git_has_an_unknown_commit() {
        let expected = format!("{} (unknown commit, {OS}-{ARCH})", BuildInfo::VERSION);
        assert_eq!(BuildInfo::default().to_string(), expected);
    }
}
