//! Versions of the Engine API, and those that `sofa` supports.

use std::fmt;
use std::str::FromStr;

/// A version of the Engine API, such as 1.41.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct ApiVersion {
    pub major: u16,
    pub minor: u16,
}

impl ApiVersion {
    /// Engine 20.10.
    pub const OLDEST: ApiVersion = ApiVersion { major: 1, minor: 41 };
    /// Engine 28: the newest version that the tests ran against. Newer engines are asked for this version.
    pub const NEWEST: ApiVersion = ApiVersion { major: 1, minor: 51 };
    /// From this version on a container can be created with several networks, each endpoint has its own MAC address, and
    /// a healthcheck can have a start interval.
    pub const SEVERAL_ENDPOINTS: ApiVersion = ApiVersion { major: 1, minor: 44 };
    /// From this version on a folder of a volume can be mounted.
    pub const VOLUME_SUBPATH: ApiVersion = ApiVersion { major: 1, minor: 45 };
    /// From this version on images list their manifests and can be mounted.
    pub const IMAGE_MANIFESTS: ApiVersion = ApiVersion { major: 1, minor: 48 };
    /// From this version on the name of a container's network interface can be set.
    pub const INTERFACE_NAME: ApiVersion = ApiVersion { major: 1, minor: 49 };

    /// The version for an engine whose newest version is `self`; none where that is older than [`ApiVersion::OLDEST`].
    pub fn agree(self) -> Option<ApiVersion> {
        (self >= Self::OLDEST).then(|| self.min(Self::NEWEST))
    }
}

impl fmt::Display for ApiVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("API version `{0}` is not of the form 1.41")]
pub struct NotAVersion(String);

impl FromStr for ApiVersion {
    type Err = NotAVersion;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parse = || {
            let (major, minor) = text.split_once('.')?;
            Some(ApiVersion { major: major.parse().ok()?, minor: minor.parse().ok()? })
        };
        parse().ok_or_else(|| NotAVersion(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::ApiVersion;

    fn version(text: &str) -> ApiVersion {
        text.parse().unwrap()
    }

    #[test]
    fn the_older_of_both_newest_versions_is_used() {
        assert_eq!(version("1.41").agree(), Some(version("1.41")));
        assert_eq!(version("1.47").agree(), Some(version("1.47")));
        assert_eq!(version("1.99").agree(), Some(ApiVersion::NEWEST));
        assert_eq!(version("1.40").agree(), None);
        assert_eq!(version("1.9").agree(), None, "minor versions are numbers, not decimals");
    }

    #[test]
    fn invalid_versions_are_refused() {
        for text in ["", "1", "1.", "v1.41", "1.41.0"] {
            assert!(text.parse::<ApiVersion>().is_err(), "{text}");
        }
    }
}
