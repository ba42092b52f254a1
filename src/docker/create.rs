//! Creates the objects of the model: networks, volumes, and containers with their labels and what they take over.

use std::collections::BTreeMap;

use super::Docker;
use super::failure::OperationError;
use crate::compose::model::{NetworkName, Service, ServiceName, VolumeName};
use crate::edge::{self, Behind};
use crate::engine::convert::{self, ContainerLabels, InheritedVolume, Instance};
use crate::labels;
use crate::plan::action::{ContainerRef, Replica};
use crate::plan::contents;
use crate::plan::desired::DesiredService;
use crate::plan::handover;
use crate::plan::hooks;
use crate::plan::image_volumes;
use crate::plan::labelled;
use crate::plan::observed::{Container, ContainerId};
use crate::plan::sharing::parents;

impl Docker<'_> {
    /// Creates the network that the model has under this key.
    pub(super) async fn create_network(&self, key: &str) -> Result<(), OperationError> {
        let desired = self.desired()?;
        let wanted = desired
            .networks
            .iter()
            .find(|network| network.key == key)
            .ok_or_else(|| unknown("network", key))?;
        let (version, hash) = (desired.dialect.version(), wanted.hashes.first().map_or("", String::as_str));
        let mut labels =
            convert::network_labels(desired.project, &NetworkName::from(key), wanted.network, version, hash);
        labels.extend(self.run_label());
        self.engine.create_network(&convert::network(wanted.network, labels)).await?;
        Ok(())
    }

    /// Creates the volume that the model has under this key.
    pub(super) async fn create_volume(&self, key: &str) -> Result<(), OperationError> {
        let desired = self.desired()?;
        let wanted =
            desired.volumes.iter().find(|volume| volume.key == key).ok_or_else(|| unknown("volume", key))?;
        let (version, hash) = (desired.dialect.version(), wanted.hashes.first().map_or("", String::as_str));
        let labels =
            convert::volume_labels(desired.project, &VolumeName::from(key), wanted.volume, version, hash);
        self.engine.create_volume(&convert::volume(wanted.volume, labels)).await?;
        Ok(())
    }

    /// Creates a container of a service under a name; `replaces` is whose anonymous volumes it takes over, `parents` whose
    /// namespaces and mounts it shares.
    pub(super) async fn create_container(
        &self,
        replica: &Replica,
        name: &str,
        replaces: Option<&ContainerRef>,
        parents: BTreeMap<ServiceName, ContainerId>,
    ) -> Result<ContainerId, OperationError> {
        let desired = self.desired()?;
        let service =
            desired.service(&replica.service).ok_or_else(|| unknown("service", &replica.service))?;
        let old = match replaces {
            Some(ContainerRef::Existing { id, .. }) => self.observed_container(id),
            _ => None,
        };
        let final_name = service.container_name(desired.project, replica.number);
        let http = service.service.http();
        let behind = match http {
            Some(http) => Some(Behind { port: http.port, address: self.edge_address().await? }),
            None => None,
        };
        let instance = Instance {
            name: name.to_string(),
            final_name: final_name.clone(),
            image: service.image.clone(),
            labels: self.labels(service, replica, &parents, old.map(|_| final_name), behind)?,
            parents,
            links: self.links(service.service)?,
            inherited: old.map(|old| inherited(service, old)).unwrap_or_default(),
            // The edge has the names of the services behind it.
            service_aliases: http.is_none_or(|http| http.containers_have_names),
            edge: behind.map(|behind| (edge::name(&self.project), behind.address)),
            attached_input: false,
            publish: true,
        };
        let mut mountable = image_volumes::mountable(desired.project, service.service, &service.moved);
        if let Some(http) = http {
            mountable.to_mut().ports.retain(|port| !http.takes(port));
        }
        let new = convert::container(desired.project, &mountable, &instance, self.engine.target())
            .map_err(|error| OperationError::Impossible(error.to_string()))?;
        if replica.number <= 1 {
            for what in new.ignored() {
                self.warn(format!("service `{}`: ignored: {what}", replica.service));
            }
        }
        Ok(self.engine.create(&new).await?.id)
    }

    /// The containers that the `links` of a service name, by their final names: the engine's DNS resolves a link on a network of the
    /// project when it is used.
    fn links(&self, service: &Service) -> Result<BTreeMap<ServiceName, Vec<(String, u32)>>, OperationError> {
        let desired = self.desired()?;
        let containers = |name: &str| -> Vec<(String, u32)> {
            match desired.service(name) {
                Some(linked) => (1..=linked.replicas)
                    .map(|number| (linked.container_name(desired.project, number), number))
                    .collect(),
                None => {
                    let found = self.observed.containers.iter();
                    let found = found.filter(|container| container.service == name && !container.oneoff);
                    found.map(|container| (container.name.clone(), container.number)).collect()
                }
            }
        };
        let linked = service.links.iter().map(|link| link.split(':').next().unwrap_or(link));
        Ok(linked.map(|name| (name.into(), containers(name))).collect())
    }

    fn labels(
        &self,
        service: &DesiredService<'_>,
        replica: &Replica,
        parents: &BTreeMap<ServiceName, ContainerId>,
        replaces: Option<String>,
        behind: Option<Behind>,
    ) -> Result<BTreeMap<String, String>, OperationError> {
        let desired = self.desired()?;
        let role =
            service.service.sofa.as_ref().and_then(|sofa| sofa.role).map(|role| role.as_str().to_string());
        let job = service.job.then(|| "job".to_string());
        let mode = desired.mode.map(|mode| (labels::sofa::MODE.to_string(), mode.to_string()));
        let role = role.or(job).map(|role| (labels::sofa::ROLE.to_string(), role));
        let hooks = hooks::label(service.service).map(|hooks| (labels::sofa::HOOKS.to_string(), hooks));
        let handover =
            handover::label(service).map(|handover| (labels::sofa::HANDOVER.to_string(), handover));
        let contents = contents::label(service.contents.iter().chain(&service.env_files))
            .map(|digests| (labels::sofa::CONTENT.to_string(), digests));
        let ready =
            labelled::ready_label(&service.gate).map(|ready| (labels::sofa::READY.to_string(), ready));
        let mounted = desired.image_volumes_label(service);
        let behind = behind.and_then(|behind| serde_json::to_string(&behind).ok());
        let behind = behind.map(|behind| (labels::sofa::BEHIND.to_string(), behind));
        let run = self.run_label();
        let labels = ContainerLabels {
            replica: convert::Replica::Number(replica.number),
            version: desired.dialect.version().to_string(),
            config_hash: desired.hash_beside(service, parents),
            image_digest: service.found.map(|image| image.digest.clone()).unwrap_or_default(),
            replaces,
            sofa: [mode, role, hooks, handover, behind, contents, ready, run, mounted]
                .into_iter()
                .flatten()
                .collect(),
        };
        Ok(labels.build(desired.project, service.service))
    }

    /// The label with the run that created an object.
    pub(super) fn run_label(&self) -> Option<(String, String)> {
        self.run.map(|run| (labels::sofa::RUN.to_string(), run.to_string()))
    }

    /// Whether something with these labels was made by this run.
    pub(super) fn is_of_this_run(&self, labels: &BTreeMap<String, String>) -> Result<bool, OperationError> {
        let project = self.desired()?.project.name.as_str();
        let says = |label: &str, value: &str| labels.get(label).is_some_and(|found| found == value);
        let run = self.run_label().is_some_and(|(label, run)| says(&label, &run));
        Ok(run && says(labels::compose::PROJECT, project))
    }

    /// The containers whose namespaces or mounts a service shares: those of the plan for its new containers, else the existing
    /// ones.
    pub(super) fn parents(
        &self,
        service: &Service,
    ) -> Result<BTreeMap<ServiceName, ContainerId>, OperationError> {
        match self.parents.get(service.name.as_str()) {
            Some(planned) => self.ids(planned),
            None => {
                let found = parents(service, self.observed).into_iter();
                Ok(found.map(|(name, id)| (name.into(), id.clone())).collect())
            }
        }
    }
}

/// The anonymous volumes of an old container that its successor takes over: those at paths that the image declares as volumes, or
/// where the service mounts a volume without a name.
fn inherited(service: &DesiredService<'_>, old: &Container) -> Vec<InheritedVolume> {
    let declared = service.found.map(|image| image.volumes.as_slice()).unwrap_or_default();
    let anonymous = |target: &str| {
        service.service.volumes.iter().any(|mount| mount.source.is_empty() && mount.target == target)
    };
    let named = |target: &str| {
        service.service.volumes.iter().any(|mount| !mount.source.is_empty() && mount.target == target)
    };
    old.mounts
        .iter()
        .filter(|mount| mount.kind == "volume" && !named(&mount.destination))
        .filter(|mount| declared.contains(&mount.destination) || anonymous(&mount.destination))
        .filter_map(|mount| {
            Some(InheritedVolume { volume: mount.name.clone()?, target: mount.destination.clone() })
        })
        .collect()
}

fn unknown(what: &str, name: &str) -> OperationError {
    OperationError::Impossible(format!("{what} `{name}` is not in the files"))
}
