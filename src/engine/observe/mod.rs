//! Observes a project with a constant number of parallel list calls.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::{try_join, try_join_all, try_join4};
use http::Method;
use serde::Deserialize;

use super::call::Call;
use super::client::Engine;
use super::error::EngineError;
use super::json::null_as_default;
use super::state_container;
use super::wire::query::Path;
use crate::edge::{self, Edge};
use crate::labels;
use crate::plan::observed::{
    Container, Image, Network, NetworkId, NetworkSettings, Observed, ObservedEdge, Volume,
};

mod container;
mod image;
mod status;

use container::ContainerReply;

/// What to observe beside the project's own objects.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// References of images in the model.
    pub images: BTreeSet<String>,
    /// Names of networks in the model, with external ones.
    pub networks: BTreeSet<String>,
    /// Names of volumes in the model, with external ones.
    pub volumes: BTreeSet<String>,
}

impl Engine {
    /// Observes all objects of `project`: three lists and one inspect for each image, in parallel.
    ///
    /// # Errors
    /// Those of the calls. A missing image is no error.
    pub async fn observe(&self, project: &str, wanted: &Wanted) -> Result<Observed, EngineError> {
        let images = self.observe_images(&wanted.images);
        let (containers, networks, volumes, images) =
            try_join4(self.list_containers(), self.list_networks(), self.list_volumes(), images).await?;
        let mut observed = separate(project, containers);
        observed.edge = take_edge(project, &mut observed.foreign, &networks);
        observed.networks = networks
            .into_iter()
            .filter(|n| is_of(project, &n.labels) || wanted.networks.contains(&n.name))
            .collect();
        observed.store = records_volume(project, &volumes);
        (observed.volumes, observed.foreign_volumes) =
            volumes.into_iter().partition(|v| is_of(project, &v.labels) || wanted.volumes.contains(&v.name));
        observed.images = images;
        Ok(observed)
    }

    /// Observes only the project's own objects, for verbs that read no files. Images and foreign containers are empty.
    ///
    /// # Errors
    /// Those of the calls.
    pub async fn observe_project(&self, project: &str) -> Result<Observed, EngineError> {
        let filters = serde_json::json!({ "label": [format!("{}={project}", labels::compose::PROJECT)] });
        let path = Path::new("/containers/json").with("all", "1").with("filters", filters.to_string());
        let call = Call::new("list of containers");
        let containers = self.wire().json::<Vec<ContainerReply>>(&call, Method::GET, path.as_str(), None);
        let others = try_join(self.list_networks(), self.list_volumes());
        let (containers, (networks, volumes)) = try_join(containers, others).await?;
        let containers = containers.into_iter().map(ContainerReply::into_container).collect();
        let mut observed = separate(project, containers);
        observed.edge = take_edge(project, &mut observed.foreign, &networks);
        let (own, others): (Vec<_>, Vec<_>) = networks.into_iter().partition(|n| is_of(project, &n.labels));
        let is_used = |n: &Network| observed.containers.iter().any(|c| c.networks.contains_key(&n.name));
        observed.foreign_networks = others.into_iter().filter(is_used).collect();
        observed.networks = own;
        observed.store = records_volume(project, &volumes);
        observed.volumes = volumes.into_iter().filter(|v| is_of(project, &v.labels)).collect();
        Ok(observed)
    }

    /// Lists all containers of the engine, in every state.
    ///
    /// # Errors
    /// The call's.
    pub async fn list_containers(&self) -> Result<Vec<Container>, EngineError> {
        let call = Call::new("list of containers");
        let replies: Vec<ContainerReply> =
            self.wire().json(&call, Method::GET, "/containers/json?all=1", None).await?;
        Ok(replies.into_iter().map(ContainerReply::into_container).collect())
    }

    /// Lists all networks of the engine, ordered by name.
    ///
    /// # Errors
    /// The call's.
    pub async fn list_networks(&self) -> Result<Vec<Network>, EngineError> {
        let call = Call::new("list of networks");
        let replies: Vec<NetworkReply> = self.wire().json(&call, Method::GET, "/networks", None).await?;
        let mut networks: Vec<Network> = replies.into_iter().map(NetworkReply::into_network).collect();
        networks.sort_by(|a, b| (&a.name, &a.id).cmp(&(&b.name, &b.id)));
        Ok(networks)
    }

    /// Lists all volumes of the engine, ordered by name.
    ///
    /// # Errors
    /// The call's.
    pub async fn list_volumes(&self) -> Result<Vec<Volume>, EngineError> {
        let call = Call::new("list of volumes");
        let reply: VolumesReply = self.wire().json(&call, Method::GET, "/volumes", None).await?;
        let mut volumes: Vec<Volume> = reply.volumes.into_iter().map(VolumeReply::into_volume).collect();
        volumes.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(volumes)
    }

    async fn observe_images(
        &self,
        references: &BTreeSet<String>,
    ) -> Result<BTreeMap<String, Image>, EngineError> {
        let inspects = references.iter().map(|reference| async move {
            let image = self.inspect_image(reference).await?;
            Ok::<_, EngineError>(image.map(|image| (reference.clone(), image)))
        });
        Ok(try_join_all(inspects).await?.into_iter().flatten().collect())
    }
}

fn is_of(project: &str, labels: &BTreeMap<String, String>) -> bool {
    labels.get(labels::compose::PROJECT).is_some_and(|p| p == project)
}

/// The project's edge: the container, if it is among these, and the network to its servers. What a killed run left of a successor
/// belongs to it.
fn take_edge(project: &str, foreign: &mut Vec<Container>, networks: &[Network]) -> Option<ObservedEdge> {
    let name = edge::name(project);
    let is_own =
        |labels: &BTreeMap<String, String>| labels.get(labels::sofa::PROJECT).is_some_and(|of| of == project);
    let is_edge = |container: &mut Container| {
        is_own(&container.labels) && container.labels.contains_key(labels::sofa::EDGE)
    };
    let container = foreign.extract_if(.., is_edge).filter(|container| container.name == name).last();
    let network = networks.iter().find(|network| network.name == name && is_own(&network.labels));
    (container.is_some() || network.is_some()).then(|| ObservedEdge {
        container,
        subnet: network.and_then(|network| network.settings.subnets.first().cloned()).unwrap_or_default(),
        edge: Edge::default(),
    })
}

/// The volume of the project's records: a volume of this name with `sofa`'s label.
fn records_volume(project: &str, volumes: &[Volume]) -> Option<Volume> {
    let name = state_container::store_name(project);
    let ours = |volume: &&Volume| {
        volume.name == name && volume.labels.get(labels::sofa::PROJECT).is_some_and(|of| of == project)
    };
    volumes.iter().find(ours).cloned()
}

/// Separates the containers of `project` from all others.
fn separate(project: &str, containers: Vec<Container>) -> Observed {
    let (containers, foreign) = containers.into_iter().partition(|c| c.project() == Some(project));
    let mut observed = Observed { containers, foreign, ..Observed::default() };
    observed
        .containers
        .sort_by(|a, b| (&a.service, a.number, &a.name, &a.id).cmp(&(&b.service, b.number, &b.name, &b.id)));
    observed.foreign.sort_by(|a, b| (&a.name, &a.id).cmp(&(&b.name, &b.id)));
    observed
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct NetworkReply {
    id: String,
    name: String,
    #[serde(default, deserialize_with = "null_as_default")]
    driver: String,
    #[serde(default)]
    internal: bool,
    #[serde(default)]
    attachable: bool,
    #[serde(default, rename = "EnableIPv6")]
    ipv6: bool,
    #[serde(default, deserialize_with = "null_as_default")]
    options: BTreeMap<String, String>,
    #[serde(default, rename = "IPAM", deserialize_with = "null_as_default")]
    ipam: IpamReply,
    #[serde(default, deserialize_with = "null_as_default")]
    labels: BTreeMap<String, String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase")]
struct IpamReply {
    #[serde(default, deserialize_with = "null_as_default")]
    config: Vec<PoolReply>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PoolReply {
    #[serde(default, deserialize_with = "null_as_default")]
    subnet: String,
}

impl NetworkReply {
    fn into_network(self) -> Network {
        let settings = NetworkSettings {
            internal: self.internal,
            attachable: self.attachable,
            ipv6: self.ipv6,
            options: self.options,
            subnets: self.ipam.config.into_iter().map(|pool| pool.subnet).collect(),
        };
        Network {
            id: NetworkId(self.id),
            name: self.name,
            driver: self.driver,
            labels: self.labels,
            settings,
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct VolumesReply {
    #[serde(default, deserialize_with = "null_as_default")]
    volumes: Vec<VolumeReply>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct VolumeReply {
    name: String,
    #[serde(default, deserialize_with = "null_as_default")]
    driver: String,
    #[serde(default, deserialize_with = "null_as_default")]
    options: BTreeMap<String, String>,
    #[serde(default, deserialize_with = "null_as_default")]
    labels: BTreeMap<String, String>,
}

impl VolumeReply {
    fn into_volume(self) -> Volume {
        Volume { name: self.name, driver: self.driver, options: self.options, labels: self.labels }
    }
}

#[cfg(test)]
mod tests {
    use super::container::ContainerReply;
    use super::separate;

    fn reply(json: serde_json::Value) -> crate::plan::observed::Container {
        serde_json::from_value::<ContainerReply>(json).unwrap().into_container()
    }

    #[test]
    fn own_containers_are_ordered_by_service_and_number_and_others_are_foreign() {
        let container = |project: &str, number: &str| {
            reply(serde_json::json!({
                "Id": number, "Names": [format!("/{project}-web-{number}")], "State": "running", "Status": "Up 2 seconds",
                "Labels": {"com.docker.compose.project": project, "com.docker.compose.service": "web",
                           "com.docker.compose.container-number": number, "com.docker.compose.config-hash": "h"}
            }))
        };
        let observed = separate("p", vec![container("p", "10"), container("q", "1"), container("p", "2")]);
        let names: Vec<_> = observed.containers.iter().map(|c| c.name.as_str()).collect();
        assert_eq!(names, ["p-web-2", "p-web-10"]);
        assert_eq!(observed.foreign.len(), 1);
        assert_eq!(observed.foreign[0].project(), Some("q"));
    }

    #[test]
    fn a_container_that_has_the_projects_labels_from_its_image_alone_is_foreign() {
        let by_hand = reply(serde_json::json!({
            "Id": "1", "Names": ["/debug"], "State": "running", "Status": "Up 2 seconds",
            "Labels": {"com.docker.compose.project": "p", "com.docker.compose.service": "web"}
        }));
        let observed = separate("p", vec![by_hand]);
        assert!(observed.containers.is_empty());
        assert_eq!(observed.foreign[0].project(), None);
    }
}
