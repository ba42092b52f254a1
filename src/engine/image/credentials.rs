//! Credentials for registries, from docker's config folder: credential helpers, then the store, then the file.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use serde::Deserialize;
use tokio::io::AsyncWriteExt;

use crate::engine::error::EngineError;
use crate::engine::json::null_as_default;

/// The name of Docker Hub in every store.
const DOCKER_HUB_KEY: &str = "https://index.docker.io/v1/";
/// The limit for a helper, which may ask a person or use the network.
const HELPER_PATIENCE: Duration = Duration::from_secs(30);

/// The sources of credentials. Nothing is read before the first lookup.
#[derive(Debug, Clone, Default)]
pub struct Credentials {
    config_dir: Option<PathBuf>,
    helpers_dir: Option<PathBuf>,
}

/// What is sent to the engine for one registry. Must not be printed.
#[derive(Clone, PartialEq, Eq)]
pub struct RegistryAuth(serde_json::Value);

impl RegistryAuth {
    /// The value of the header: JSON in the URL-safe alphabet, which Docker reads.
    pub(crate) fn header(&self) -> String {
        URL_SAFE.encode(self.0.to_string())
    }

    /// The header without credentials.
    pub(super) fn empty_header() -> String {
        URL_SAFE.encode("{}")
    }

    /// The header of a build, with all registries of base images.
    pub(crate) fn config_header(registries: &[(String, RegistryAuth)]) -> String {
        let map: serde_json::Map<_, _> =
            registries.iter().map(|(host, auth)| (host.clone(), auth.0.clone())).collect();
        URL_SAFE.encode(serde_json::Value::from(map).to_string())
    }

    fn password(registry: &str, username: &str, password: &str) -> RegistryAuth {
        RegistryAuth(serde_json::json!({
            "username": username, "password": password, "serveraddress": registry,
        }))
    }

    fn identity_token(registry: &str, token: &str) -> RegistryAuth {
        RegistryAuth(serde_json::json!({ "identitytoken": token, "serveraddress": registry }))
    }
}

impl fmt::Debug for RegistryAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RegistryAuth(…)")
    }
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct Config {
    #[serde(default, deserialize_with = "null_as_default")]
    auths: BTreeMap<String, Entry>,
    #[serde(default, deserialize_with = "null_as_default")]
    cred_helpers: BTreeMap<String, String>,
    #[serde(default, deserialize_with = "null_as_default")]
    creds_store: String,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "lowercase")]
struct Entry {
    #[serde(default, deserialize_with = "null_as_default")]
    auth: String,
    #[serde(default, deserialize_with = "null_as_default")]
    username: String,
    #[serde(default, deserialize_with = "null_as_default")]
    password: String,
    #[serde(default, deserialize_with = "null_as_default")]
    identitytoken: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HelperReply {
    username: String,
    secret: String,
}

impl Credentials {
    /// Credentials of `config.json` in a folder (`DOCKER_CONFIG`, otherwise `~/.docker`); none: no credentials.
    pub fn new(config_dir: Option<PathBuf>) -> Credentials {
        Credentials { config_dir, helpers_dir: None }
    }

    /// As `new`, with credential helpers from a folder instead of `PATH`.
    pub fn with_helpers_in(self, folder: &Path) -> Credentials {
        Credentials { helpers_dir: Some(folder.to_owned()), ..self }
    }

    /// The credentials for a registry's host (`docker.io` for Docker Hub).
    ///
    /// # Errors
    /// `File` for a config that cannot be read or is not JSON, and for a helper that fails or takes too long.
    pub async fn lookup(&self, registry: &str) -> Result<Option<RegistryAuth>, EngineError> {
        let Some(config) = self.read()? else {
            return Ok(None);
        };
        let key = if registry == "docker.io" { DOCKER_HUB_KEY } else { registry };
        let named = config.cred_helpers.get(key).or_else(|| config.cred_helpers.get(registry));
        let store = Some(&config.creds_store).filter(|s| !s.is_empty());
        if let Some(helper) = named.or(store)
            && let Some(auth) = self.ask(helper, key).await?
        {
            return Ok(Some(auth));
        }
        let entry = config.auths.iter().find(|(server, _)| host_of(server) == host_of(key)).map(|(_, e)| e);
        Ok(entry.and_then(|entry| entry.auth(key)))
    }

    /// The credentials of all registries in the config, by their keys there, for the base images of a build.
    ///
    /// # Errors
    /// As `lookup`.
    pub async fn all(&self) -> Result<Vec<(String, RegistryAuth)>, EngineError> {
        let Some(config) = self.read()? else {
            return Ok(Vec::new());
        };
        let mut all = Vec::new();
        for key in config.auths.keys().chain(config.cred_helpers.keys()) {
            let host = if key == DOCKER_HUB_KEY { "docker.io" } else { host_of(key) };
            if all.iter().any(|(known, _)| known == key) {
                continue;
            }
            if let Some(auth) = self.lookup(host).await? {
                all.push((key.clone(), auth));
            }
        }
        Ok(all)
    }

    /// Asks `docker-credential-HELPER`, from `PATH` or the given folder. «Not found» means no credentials.
    async fn ask(&self, helper: &str, key: &str) -> Result<Option<RegistryAuth>, EngineError> {
        let program = format!("docker-credential-{helper}");
        let path =
            self.helpers_dir.as_deref().map_or(PathBuf::from(&program), |folder| folder.join(&program));
        let failed = |source: io::Error| EngineError::File {
            what: "credential helper".to_owned(),
            path: program.clone(),
            source,
        };
        let output = tokio::time::timeout(HELPER_PATIENCE, run(&path, key)).await;
        let output = output.map_err(|_| failed(io::ErrorKind::TimedOut.into()))?.map_err(failed)?;
        if !output.status.success() {
            let answer = String::from_utf8_lossy(&output.stdout);
            return match answer.contains("credentials not found") {
                true => Ok(None),
                false => Err(failed(io::Error::other(answer.trim().to_owned()))),
            };
        }
        let reply: HelperReply = serde_json::from_slice(&output.stdout)
            .map_err(|_| failed(io::Error::other("its answer is not JSON")))?;
        Ok(match reply.username.as_str() {
            "" => None,
            "<token>" => Some(RegistryAuth::identity_token(key, &reply.secret)),
            username => Some(RegistryAuth::password(key, username, &reply.secret)),
        })
    }

    fn read(&self) -> Result<Option<Config>, EngineError> {
        let Some(dir) = &self.config_dir else {
            return Ok(None);
        };
        let path = dir.join("config.json");
        let failed = |source: io::Error| EngineError::File {
            what: "credentials".to_owned(),
            path: path.display().to_string(),
            source,
        };
        match std::fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text).map(Some).map_err(|e| failed(e.into())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed(error)),
        }
    }
}

/// The host in a key of `auths`, which may be a URL («https://index.docker.io/v1/»).
fn host_of(server: &str) -> &str {
    let bare = server.strip_prefix("https://").or_else(|| server.strip_prefix("http://")).unwrap_or(server);
    bare.split_once('/').map_or(bare, |(host, _)| host)
}

impl Entry {
    fn auth(&self, key: &str) -> Option<RegistryAuth> {
        if !self.identitytoken.is_empty() {
            return Some(RegistryAuth::identity_token(key, &self.identitytoken));
        }
        if !self.username.is_empty() {
            return Some(RegistryAuth::password(key, &self.username, &self.password));
        }
        let decoded = STANDARD.decode(self.auth.trim()).ok()?;
        let decoded = String::from_utf8(decoded).ok()?;
        let (username, password) = decoded.split_once(':')?;
        Some(RegistryAuth::password(key, username, password.trim_end_matches('\0')))
    }
}

async fn run(program: &Path, key: &str) -> io::Result<std::process::Output> {
    let mut child = tokio::process::Command::new(program)
        .arg("get")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        match stdin.write_all(key.as_bytes()).await {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => return Err(error),
            _ => stdin.shutdown().await.ok(),
        };
    }
    child.wait_with_output().await
}

#[cfg(test)]
mod tests {
    use super::{Credentials, RegistryAuth};
    use std::fs;

    async fn lookup(config: &str, registry: &str) -> Option<RegistryAuth> {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("config.json"), config).unwrap();
        Credentials::new(Some(dir.path().into())).lookup(registry).await.unwrap()
    }

    #[tokio::test]
    async fn the_file_is_searched_for_any_spelling_of_the_host() {
        let config = r#"{"auths":{"https://index.docker.io/v1/":{"auth":"bWU6cGFzczp3b3Jk"},"reg:5000":{"auth":"YTpi"}}}"#;
        let hub = lookup(config, "docker.io").await.unwrap();
        assert_eq!(hub.0["username"], "me");
        assert_eq!(hub.0["password"], "pass:word");
        assert_eq!(lookup(config, "reg:5000").await.unwrap().0["password"], "b");
        assert_eq!(lookup(config, "reg:5001").await, None);
        assert_eq!(lookup("{}", "docker.io").await, None);
        assert_eq!(Credentials::new(None).lookup("docker.io").await.unwrap(), None);
    }

    #[test]
    fn the_header_has_the_alphabet_that_docker_reads() {
        let auth = RegistryAuth::password("r", "u", "~~~???>>>");
        assert!(!auth.header().contains(['+', '/']));
        assert_eq!(format!("{auth:?}"), "RegistryAuth(…)", "never printed");
    }

    #[tokio::test]
    async fn a_broken_config_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("config.json"), "{").unwrap();
        assert!(Credentials::new(Some(dir.path().into())).lookup("docker.io").await.is_err());
    }

    #[tokio::test]
    async fn a_missing_helper_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("config.json"), r#"{"credsStore":"sofa-test-absent"}"#).unwrap();
        let error = Credentials::new(Some(dir.path().into())).lookup("docker.io").await.unwrap_err();
        assert!(error.to_string().contains("docker-credential-sofa-test-absent"), "{error}");
    }
}
