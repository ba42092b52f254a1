//! The life of a container: each method is one engine call. `convert` builds the body of a creation.

use std::time::Duration;

use bollard::models::ContainerUpdateBody;
use bollard::query_parameters::{
    KillContainerOptionsBuilder, RemoveContainerOptionsBuilder, RenameContainerOptionsBuilder,
    StopContainerOptionsBuilder,
};
use http::Method;
use serde::Deserialize;

use super::call::Call;
use super::client::Engine;
use super::convert::NewContainer;
use super::error::EngineError;
use super::json::{null_as_default, to_json};
use super::restart_policy::RestartPolicy;
use super::wire::query::Path;
use crate::plan::observed::ContainerId;

/// The engine's default grace period of a stop.
pub const GRACE: Duration = Duration::from_secs(10);

/// How a container is removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Removal {
    /// Kill it if it runs.
    pub force: bool,
    /// Remove its anonymous volumes too. Volumes that it inherited by name from an older container are named
    /// volumes for the engine and are kept.
    pub anonymous_volumes: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaitFor {
    /// Ends at once where the container does not run.
    NotRunning,
    /// The next exit, also of a container that was not started yet.
    NextExit,
    Removed,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Created {
    pub id: ContainerId,
    pub warnings: Vec<String>,
}

impl Engine {
    /// Creates a container with all its networks and uploaded files, and does not start it. If a later call fails, the
    /// container is removed.
    ///
    /// # Errors
    /// `is_conflict` where the name is in use, `is_not_found` where the image is missing, otherwise the engine's.
    pub async fn create(&self, new: &NewContainer) -> Result<Created, EngineError> {
        let call = Call::new(format!("creation of container `{}`", new.name)).slow();
        let mut body = to_json(&call, &new.body)?;
        if let Some(mac) = &new.mac_address {
            body["MacAddress"] = mac.as_str().into();
        }
        let path = Path::new("/containers/create")
            .with("name", &new.name)
            .with_some("platform", new.platform.as_deref());
        let reply: CreateReply = self.wire().json(&call, Method::POST, path.as_str(), Some(&body)).await?;
        let created = Created { id: ContainerId(reply.id), warnings: reply.warnings };
        match self.complete(&created.id, new).await {
            Ok(()) => Ok(created),
            Err(error) => {
                let all = Removal { force: true, anonymous_volumes: true };
                if let Err(left) = self.remove(&created.id, all).await {
                    tracing::warn!(container = %created.id, %left, "incomplete container could not be removed");
                }
                Err(error)
            }
        }
    }

    async fn complete(&self, id: &ContainerId, new: &NewContainer) -> Result<(), EngineError> {
        for (network, endpoint) in &new.later {
            self.connect_container(network, id, endpoint.clone()).await?;
        }
        match new.uploads.is_empty() {
            true => Ok(()),
            false => self.upload_files(id, &new.uploads).await,
        }
    }

    /// Starts a container. A container that runs is a success.
    ///
    /// # Errors
    /// The engine's: a host port is in use, a network is missing, the command does not exist.
    pub async fn start(&self, id: &ContainerId) -> Result<(), EngineError> {
        let call = Call::new(format!("start of container `{id}`")).slow();
        self.wire().bounded(&call, self.docker().start_container(id.as_str(), None)).await
    }

    /// Stops a container: its stop signal, then SIGKILL after `grace` (none: its own grace, otherwise [`GRACE`]). A
    /// container that does not run is a success.
    ///
    /// # Errors
    /// `Timeout` after the grace and the engine's patience.
    pub async fn stop(&self, id: &ContainerId, grace: Option<Duration>) -> Result<(), EngineError> {
        let call = Call::new(format!("stop of container `{id}`"));
        let options = grace.map(|g| {
            let seconds = i32::try_from(g.as_secs_f64().ceil() as u64).unwrap_or(i32::MAX);
            StopContainerOptionsBuilder::new().t(seconds).build()
        });
        let mut stopping = std::pin::pin!(self.docker().stop_container(id.as_str(), options));
        let grace = match grace {
            Some(grace) => grace,
            // Most containers end long before. Their own grace is read only for one that does not.
            None => match tokio::time::timeout(self.wire().patience(), &mut stopping).await {
                Ok(outcome) => return self.wire().bounded(&call, std::future::ready(outcome)).await,
                Err(_) => self.inspect(id.as_str()).await?.stop_timeout.unwrap_or(GRACE),
            },
        };
        self.wire().bounded(&call.after(grace), stopping).await
    }

    /// Sends a signal (`SIGKILL`, `SIGUSR1`, `9`).
    ///
    /// # Errors
    /// `is_conflict` where it does not run.
    pub async fn kill(&self, id: &ContainerId, signal: &str) -> Result<(), EngineError> {
        let call = Call::new(format!("signal {signal} to container `{id}`"));
        let options = KillContainerOptionsBuilder::new().signal(signal).build();
        self.wire().bounded(&call, self.docker().kill_container(id.as_str(), Some(options))).await
    }

    /// Removes a container.
    ///
    /// # Errors
    /// `is_conflict` where it runs and `force` is not set, or while another removal of it is in progress.
    pub async fn remove(&self, id: &ContainerId, removal: Removal) -> Result<(), EngineError> {
        let call = Call::new(format!("removal of container `{id}`")).slow();
        let options =
            RemoveContainerOptionsBuilder::new().force(removal.force).v(removal.anonymous_volumes).build();
        self.wire().bounded(&call, self.docker().remove_container(id.as_str(), Some(options))).await
    }

    /// Renames a container. Its aliases on networks do not change.
    ///
    /// # Errors
    /// `is_conflict` where the name is in use.
    pub async fn rename(&self, id: &ContainerId, name: &str) -> Result<(), EngineError> {
        let call = Call::new(format!("renaming container `{id}` to `{name}`"));
        let options = RenameContainerOptionsBuilder::new().name(name).build();
        self.wire().bounded(&call, self.docker().rename_container(id.as_str(), options)).await
    }

    /// Changes the restart policy of a container, also of a stopped one.
    ///
    /// # Errors
    /// The engine's.
    pub async fn set_restart_policy(
        &self,
        id: &ContainerId,
        policy: RestartPolicy,
    ) -> Result<(), EngineError> {
        let call = Call::new(format!("restart policy of container `{id}`"));
        let body = ContainerUpdateBody { restart_policy: Some(policy.body()), ..Default::default() };
        self.wire().bounded(&call, self.docker().update_container(id.as_str(), body)).await
    }

    /// Pauses the processes of a container.
    ///
    /// # Errors
    /// `is_conflict` where it does not run.
    pub async fn pause(&self, id: &ContainerId) -> Result<(), EngineError> {
        let call = Call::new(format!("pause of container `{id}`"));
        self.wire().bounded(&call, self.docker().pause_container(id.as_str())).await
    }

    /// Resumes a paused container.
    ///
    /// # Errors
    /// `is_conflict` where it is not paused.
    pub async fn unpause(&self, id: &ContainerId) -> Result<(), EngineError> {
        let call = Call::new(format!("unpause of container `{id}`"));
        self.wire().bounded(&call, self.docker().unpause_container(id.as_str())).await
    }

    /// Waits for a container and returns its exit code. It has no limit of its own: the caller sets one.
    ///
    /// # Errors
    /// `is_not_found` where the container does not exist; `Stream` where the engine stopped during the wait.
    pub async fn wait(&self, id: &ContainerId, what: WaitFor) -> Result<i64, EngineError> {
        let condition = match what {
            WaitFor::NotRunning => "not-running",
            WaitFor::NextExit => "next-exit",
            WaitFor::Removed => "removed",
        };
        const UNKNOWN: Duration = Duration::from_secs(7 * 24 * 3600);
        let call = Call::new(format!("wait for container `{id}`")).within(UNKNOWN);
        let path = Path::new(format!("/containers/{}/wait", id.as_str())).with("condition", condition);
        let reply: WaitReply = self.wire().json(&call, Method::POST, path.as_str(), None).await?;
        match reply.error.and_then(|e| e.message).filter(|m| !m.is_empty()) {
            Some(message) => Err(EngineError::Failed { call: call.to_string(), message }),
            None => Ok(reply.status_code),
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct CreateReply {
    id: String,
    #[serde(default, deserialize_with = "null_as_default")]
    warnings: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct WaitReply {
    status_code: i64,
    #[serde(default)]
    error: Option<WaitError>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct WaitError {
    #[serde(default)]
    message: Option<String>,
}
