//! The address of the engine, in the forms of `DOCKER_HOST`. `settings` reads the environment.

use std::fmt;
use std::path::{Path, PathBuf};

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Host {
    Unix(PathBuf),
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HostError {
    /// A transport that `sofa` does not have yet, or that Docker does not have.
    #[error("engine address `{address}`: `{scheme}://` is not supported; supported: {SUPPORTED}")]
    Scheme { address: String, scheme: String },
    /// No scheme, or nothing after it.
    #[error("engine address `{address}` is not of the form {SUPPORTED}")]
    Form { address: String },
}

const SUPPORTED: &str = "unix:///path/to/docker.sock";
const DEFAULT_SOCKET: &str = "/var/run/docker.sock";

impl Host {
    /// Reads an address in the form of `DOCKER_HOST`. None or an empty one is the default socket
    /// (`/var/run/docker.sock`), as for the docker command.
    ///
    /// # Errors
    /// `HostError` for every scheme but `unix`.
    pub fn resolve(address: Option<&str>) -> Result<Host, HostError> {
        match address.map(str::trim).filter(|a| !a.is_empty()) {
            None => Ok(Host::Unix(PathBuf::from(DEFAULT_SOCKET))),
            Some(address) => Host::parse(address),
        }
    }

    fn parse(address: &str) -> Result<Host, HostError> {
        let Some((scheme, rest)) = address.split_once("://") else {
            return Err(HostError::Form { address: address.to_owned() });
        };
        match (scheme, rest) {
            ("unix", "") => Err(HostError::Form { address: address.to_owned() }),
            ("unix", path) => Ok(Host::Unix(PathBuf::from(path))),
            _ => Err(HostError::Scheme { address: address.to_owned(), scheme: scheme.to_owned() }),
        }
    }

    /// The socket, if the engine has one.
    pub fn socket(&self) -> Option<&Path> {
        match self {
            Host::Unix(path) => Some(path),
        }
    }

    /// Whether paths and addresses of the engine are those of this machine.
    pub fn is_local(&self) -> bool {
        match self {
            Host::Unix(_) => true,
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Host::Unix(path) => write!(f, "unix://{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Host, HostError};

    #[test]
    fn no_address_and_an_empty_one_mean_the_default_socket() {
        let default = Host::Unix("/var/run/docker.sock".into());
        assert_eq!(Host::resolve(None), Ok(default.clone()));
        assert_eq!(Host::resolve(Some("")), Ok(default.clone()));
        assert_eq!(Host::resolve(Some("  ")), Ok(default));
    }

    #[test]
    fn a_unix_address_is_its_path() {
        assert_eq!(Host::resolve(Some("unix:///run/x.sock")), Ok(Host::Unix("/run/x.sock".into())));
        assert_eq!(Host::resolve(Some("unix:///run/x.sock")).unwrap().to_string(), "unix:///run/x.sock");
    }

    #[test]
    fn other_schemes_are_refused_with_their_name() {
        let error = Host::resolve(Some("tcp://build:2376")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "engine address `tcp://build:2376`: `tcp://` is not supported; supported: unix:///path/to/docker.sock"
        );
        assert!(matches!(Host::resolve(Some("ssh://me@there")), Err(HostError::Scheme { .. })));
        assert!(matches!(Host::resolve(Some("localhost:2375")), Err(HostError::Form { .. })));
        assert!(matches!(Host::resolve(Some("unix://")), Err(HostError::Form { .. })));
    }
}
