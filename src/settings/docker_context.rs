//! Docker contexts: named engines. `sofa` uses the context that the `docker` command uses, so that both act on the same engine.

use std::path::Path;

use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::error::{Failure, Kind};

/// The context that means DOCKER_HOST or the standard socket.
const DEFAULT: &str = "default";

/// The engine's address in a context; none for the default context.
///
/// # Errors
/// A context that does not exist or has no Docker Engine; exit code 2.
pub(super) fn address(config: &Path, name: &str) -> Result<Option<String>, Failure> {
    if name == DEFAULT {
        return Ok(None);
    }
    // docker keeps each context in a folder named after the SHA-256 digest of the context's name.
    let folder: String = Sha256::digest(name).iter().map(|byte| format!("{byte:02x}")).collect();
    let path = config.join("contexts/meta").join(folder).join("meta.json");
    let failure = |message: String| {
        Failure::new(Kind::Usage, message)
            .hint("`docker context ls` lists the contexts; `--host` names an engine")
    };
    let text =
        std::fs::read(&path).map_err(|_| failure(format!("docker context `{name}` does not exist")))?;
    let meta: Meta = serde_json::from_slice(&text)
        .map_err(|error| failure(format!("docker context `{name}`: {}: {error}", path.display())))?;
    match meta.endpoints.docker.host {
        host if host.is_empty() => Err(failure(format!("docker context `{name}` has no Docker Engine"))),
        host => Ok(Some(host)),
    }
}

/// The context that `docker context use` selected. As in docker, an unreadable file selects none.
pub(super) fn selected(config: &Path) -> Option<String> {
    let text = std::fs::read(config.join("config.json")).ok()?;
    let config: Config = serde_json::from_slice(&text).ok()?;
    Some(config.current_context).filter(|name| !name.is_empty())
}

#[derive(Deserialize)]
struct Config {
    #[serde(default, rename = "currentContext")]
    current_context: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Meta {
    #[serde(default)]
    endpoints: Endpoints,
}

#[derive(Deserialize, Default)]
struct Endpoints {
    #[serde(default)]
    docker: Endpoint,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase")]
struct Endpoint {
    #[serde(default)]
    host: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let digest: String = Sha256::digest("lab").iter().map(|byte| format!("{byte:02x}")).collect();
        let meta = folder.path().join("contexts/meta").join(digest);
        std::fs::create_dir_all(&meta).unwrap();
        let text = r#"{"Name":"lab","Metadata":{},"Endpoints":{"docker":{"Host":"unix:///run/lab.sock","SkipTLSVerify":false}}}"#;
        std::fs::write(meta.join("meta.json"), text).unwrap();
        folder
    }

    #[test]
    fn a_context_names_its_engine() {
        let config = config();
        assert_eq!(address(config.path(), "lab").unwrap().as_deref(), Some("unix:///run/lab.sock"));
        assert_eq!(address(config.path(), "default").unwrap(), None);
        let error = address(config.path(), "lap").unwrap_err();
        assert!(error.to_string().contains("docker context `lap` does not exist"), "{error}");
    }

    #[test]
    fn the_context_that_docker_uses_is_selected() {
        let config = config();
        assert_eq!(selected(config.path()), None);
        std::fs::write(config.path().join("config.json"), r#"{"currentContext":"lab"}"#).unwrap();
        assert_eq!(selected(config.path()).as_deref(), Some("lab"));
    }
}
