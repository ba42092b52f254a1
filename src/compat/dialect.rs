//! Which docker compose is spoken: versions print and hash a few things differently.

use std::fmt;

/// A family of docker compose versions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dialect {
    /// Up to 2.40: prints `create_host_path: true`, omits `false`.
    V2,
    /// 5.0 to 5.5: the other way round.
    V5_5,
    /// From 5.6 on: a `pre_start` hook is hashed as the whole container that it runs in.
    #[default]
    V5,
}

impl Dialect {
    /// Every dialect, the newest first.
    pub const ALL: [Self; 3] = [Self::V5, Self::V5_5, Self::V2];

    /// The version that stands for the dialect in the label `version` of what is created.
    pub fn version(self) -> &'static str {
        match self {
            Self::V2 => "2.40.3",
            Self::V5_5 => "5.5.1",
            Self::V5 => "5.6.0",
        }
    }

    /// The dialect of a version such as `2.40.3` or `5.5.0` (the container label `version`).
    pub fn of_version(version: &str) -> Self {
        let mut numbers = version.trim_start_matches('v').split('.').map(str::parse::<u32>);
        match (numbers.next(), numbers.next()) {
            (Some(Ok(..5)), _) => Self::V2,
            (Some(Ok(5)), Some(Ok(..6))) => Self::V5_5,
            _ => Self::V5,
        }
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V2 => "2",
            Self::V5_5 => "5.5",
            Self::V5 => "5",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Dialect;

    #[test]
    fn a_version_speaks_its_dialect() {
        assert_eq!(Dialect::of_version("2.40.3"), Dialect::V2);
        assert_eq!(Dialect::of_version("v2.29.1-desktop.1"), Dialect::V2);
        assert_eq!(Dialect::of_version("5.0.0"), Dialect::V5_5);
        assert_eq!(Dialect::of_version("v5.5.1"), Dialect::V5_5);
        assert_eq!(Dialect::of_version("5.6.0"), Dialect::V5);
        assert_eq!(Dialect::of_version("6.0.0"), Dialect::V5);
        assert_eq!(Dialect::of_version(""), Dialect::V5);
        for dialect in Dialect::ALL {
            assert_eq!(Dialect::of_version(dialect.version()), dialect);
        }
    }
}
