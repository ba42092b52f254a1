//! A container's life, one engine call a method. What a container is made of comes from `convert`.

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

/// How long a container may take to stop where nothing is said: the engine's own.
pub const GRACE: Duration = Duration::from_secs(10);

/// What else goes with a container that is removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Removal {
    /// Kill it where it still runs.
    pub force: bool,
    /// Remove its anonymous volumes too. Those that came from an older container by name are named ones for the
    /// engine and stay.
    pub anonymous_volumes: bool,
}

/// What `wait` waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaitFor {
    /// That it does not run; at once where it does not.
    NotRunning,
    /// Its next exit, though it may not have been started yet.
    NextExit,
    /// That it is gone.
    Removed,
}

/// A container that was created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Created {
    /// Its id.
    pub id: ContainerId,
    /// What the engine had to say about it.
    pub warnings: Vec<String>,
}

impl Engine {
    /// Creates a container with all its networks and uploaded files; it is not started. Where a later part fails, the
    /// container is removed again.
    ///
    /// # Errors
    /// `is_conflict` where the name is taken, `is_not_found` where the image is missing, else the engine's refusal.
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
        match self.furnish(&created.id, new).await {
            Ok(()) => Ok(created),
            Err(error) => {
                let all = Removal { force: true, anonymous_volumes: true };
                if let Err(left) = self.remove(&created.id, all).await {
                    tracing::warn!(container = %created.id, %left, "container is left half made");
                }
                Err(error)
            }
        }
    }

    async fn furnish(&self, id: &ContainerId, new: &NewContainer) -> Result<(), EngineError> {
        for (network, endpoint) in &new.later {
            self.connect_container(network, id, endpoint.clone()).await?;
        }
        match new.uploads.is_empty() {
            true => Ok(()),
            false => self.upload_files(id, &new.uploads).await,
        }
    }

    /// Starts a container; one that runs already is left as it is.
    ///
    /// # Errors
    /// The engine's refusal: a host port in use, a missing network, a command that does not exist.
    pub async fn start(&self, id: &ContainerId) -> Result<(), EngineError> {
        let call = Call::new(format!("start of container `{id}`")).slow();
        self.wire().bounded(&call, self.docker().start_container(id.as_str(), None)).await
    }

    /// Stops a container: its stop signal, then SIGKILL after `grace` (none: its own, else [`GRACE`]). One
    /// that does not run is left as it is.
    ///
    /// # Errors
    /// `Timeout` where neither it nor the engine's patience is enough.
    pub async fn stop(&self, id: &ContainerId, grace: Option<Duration>) -> Result<(), EngineError> {
        let call = Call::new(format!("stop of container `{id}`"));
        let options = grace.map(|g| {
            let seconds = i32::try_from(g.as_secs_f64().ceil() as u64).unwrap_or(i32::MAX);
            StopContainerOptionsBuilder::new().t(seconds).build()
        });
        let mut stopping = std::pin::pin!(self.docker().stop_container(id.as_str(), options));
        let grace = match grace {
            Some(grace) => grace,
            // Most containers end long before; how long this one may take is asked for only where it does not.
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
    /// `is_conflict` where it runs and `force` is not set, or while another removal of it is on its way.
    pub async fn remove(&self, id: &ContainerId, removal: Removal) -> Result<(), EngineError> {
        let call = Call::new(format!("removal of container `{id}`")).slow();
        let options =
            RemoveContainerOptionsBuilder::new().force(removal.force).v(removal.anonymous_volumes).build();
        self.wire().bounded(&call, self.docker().remove_container(id.as_str(), Some(options))).await
    }

    /// Gives a container another name. Its aliases on networks stay as they are.
    ///
    /// # Errors
    /// `is_conflict` where the name is taken.
    pub async fn rename(&self, id: &ContainerId, name: &str) -> Result<(), EngineError> {
        let call = Call::new(format!("renaming container `{id}` to `{name}`"));
        let options = RenameContainerOptionsBuilder::new().name(name).build();
        self.wire().bounded(&call, self.docker().rename_container(id.as_str(), options)).await
    }

    /// Changes when the engine starts a container again. Works on stopped ones too.
    ///
    /// # Errors
    /// The engine's refusal.
    pub async fn set_restart_policy(
        &self,
        id: &ContainerId,
        policy: RestartPolicy,
    ) -> Result<(), EngineError> {
        let call = Call::new(format!("restart policy of container `{id}`"));
        let body = ContainerUpdateBody { restart_policy: Some(policy.body()), ..Default::default() };
        self.wire().bounded(&call, self.docker().update_container(id.as_str(), body)).await
    }

    /// Freezes a container's processes.
    ///
    /// # Errors
    /// `is_conflict` where it does not run.
    pub async fn pause(&self, id: &ContainerId) -> Result<(), EngineError> {
        let call = Call::new(format!("pause of container `{id}`"));
        self.wire().bounded(&call, self.docker().pause_container(id.as_str())).await
    }

    /// Lets a frozen container go on.
    ///
    /// # Errors
    /// `is_conflict` where it is not frozen.
    pub async fn unpause(&self, id: &ContainerId) -> Result<(), EngineError> {
        let call = Call::new(format!("unpause of container `{id}`"));
        self.wire().bounded(&call, self.docker().unpause_container(id.as_str())).await
    }

    /// Waits for a container and returns its exit code. Takes as long as it takes: the caller bounds it.
    ///
    /// # Errors
    /// `is_not_found` where there is none; `Stream` where the engine went away meanwhile.
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
