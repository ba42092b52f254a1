//! All labels of a container, network, volume or built image: the model's own, docker compose's and `sofa`'s.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::compose::model::{Network, NetworkName, Project, Service, Volume, VolumeName};
use crate::labels::{compose, sofa};

type Labels = BTreeMap<String, String>;

/// A container among those of its service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Replica {
    /// From 1.
    Number(u32),
    /// A container of `run`: the random part of its name.
    OneOff(String),
}

/// The content of a container's labels that is not in the model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerLabels {
    pub replica: Replica,
    /// The version of docker compose whose dialect `config_hash` has.
    pub version: String,
    pub config_hash: String,
    /// From `Image::digest`.
    pub image_digest: String,
    /// The name or `service-number` of the container that it replaces.
    pub replaces: Option<String>,
    /// `sofa`'s own labels, by their full names.
    pub sofa: Labels,
}

impl ContainerLabels {
    /// All labels of a container of the service.
    pub fn build(&self, project: &Project, service: &Service) -> Labels {
        let mut labels = service.labels.clone();
        let mut put = |name: &str, value: String| drop(labels.insert(name.to_owned(), value));
        put(compose::PROJECT, project.name.to_string());
        put(compose::SERVICE, service.name.to_string());
        put(compose::VERSION, self.version.clone());
        put(compose::WORKING_DIR, project.working_dir.display().to_string());
        put(compose::CONFIG_FILES, project.config_files());
        if !project.environment_files.is_empty() {
            put(compose::ENVIRONMENT_FILE, joined(&project.environment_files));
        }
        put(compose::CONFIG_HASH, self.config_hash.clone());
        put(compose::DEPENDS_ON, dependencies(service));
        put(compose::IMAGE, self.image_digest.clone());
        match &self.replica {
            Replica::Number(number) => {
                put(compose::ONEOFF, "False".to_owned());
                put(compose::CONTAINER_NUMBER, number.to_string());
            }
            Replica::OneOff(slug) => {
                put(compose::ONEOFF, "True".to_owned());
                put(compose::SLUG, slug.clone());
            }
        }
        if let Some(replaced) = &self.replaces {
            put(compose::REPLACE, replaced.clone());
        }
        if let Some(role) = service.sofa.as_ref().and_then(|sofa| sofa.role) {
            put(sofa::ROLE, role.as_str().to_owned());
        }
        labels.extend(self.sofa.clone());
        labels
    }
}

/// All labels of the container of a `pre_start` hook. Without a config hash, docker compose does not list it.
pub fn hook_labels(project: &Project, service: &Service, version: &str) -> Labels {
    [
        (compose::PROJECT, project.name.as_str()),
        (compose::SERVICE, service.name.as_str()),
        (compose::VERSION, version),
        (compose::HOOK, "pre_start"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}

pub fn network_labels(
    project: &Project,
    key: &NetworkName,
    network: &Network,
    version: &str,
    config_hash: &str,
) -> Labels {
    object_labels(&network.labels, compose::NETWORK, key, project, version, config_hash)
}

pub fn volume_labels(
    project: &Project,
    key: &VolumeName,
    volume: &Volume,
    version: &str,
    config_hash: &str,
) -> Labels {
    object_labels(&volume.labels, compose::VOLUME, key, project, version, config_hash)
}

fn object_labels(
    own: &Labels,
    kind: &str,
    key: &str,
    project: &Project,
    version: &str,
    hash: &str,
) -> Labels {
    let ours = [
        (kind, key),
        (compose::PROJECT, project.name.as_str()),
        (compose::VERSION, version),
        (compose::CONFIG_HASH, hash),
    ];
    let ours = ours.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
    own.clone().into_iter().chain(ours).collect()
}

/// The labels of docker compose on an image of the classic builder, and `sofa.context`.
pub fn built_image_labels(project: &str, service: &str, version: &str, context_digest: &str) -> Labels {
    [
        (compose::PROJECT, project),
        (compose::SERVICE, service),
        (compose::VERSION, version),
        (compose::IMAGE_BUILDER, "classic"),
        (sofa::CONTEXT, context_digest),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .collect()
}

fn joined(paths: &[PathBuf]) -> String {
    let paths: Vec<_> = paths.iter().map(|path| path.display().to_string()).collect();
    paths.join(",")
}

/// `service:condition:restart,…`
fn dependencies(service: &Service) -> String {
    let entry =
        |(name, dependency): (&crate::compose::model::ServiceName, &crate::compose::model::Dependency)| {
            format!("{name}:{}:{}", dependency.condition.as_str(), dependency.restart)
        };
    let entries: Vec<_> = service.depends_on.iter().map(entry).collect();
    entries.join(",")
}

#[cfg(test)]
mod tests {
    use super::{ContainerLabels, Replica};
    use crate::compose::model::{Condition, Dependency, Project, Service};
    use std::collections::BTreeMap;

    fn labels(replica: Replica) -> BTreeMap<String, String> {
        let mut project = Project { name: "p".into(), working_dir: "/w".into(), ..Project::default() };
        project.compose_files = vec!["/w/a.yml".into(), "/w/b.yml".into()];
        let mut service = Service { name: "web".into(), ..Service::default() };
        service.labels.insert("own".into(), "yes".into());
        let dependency = |condition, restart| Dependency {
            condition,
            restart,
            required: true,
            extensions: BTreeMap::new(),
        };
        service.depends_on.insert("db".into(), dependency(Condition::Healthy, false));
        service.depends_on.insert("init".into(), dependency(Condition::CompletedSuccessfully, true));
        let labels = ContainerLabels {
            replica,
            version: "2.40.3".into(),
            config_hash: "h".into(),
            image_digest: "sha256:i".into(),
            replaces: None,
            sofa: BTreeMap::from([("sofa.run".into(), "7".into())]),
        };
        labels.build(&project, &service)
    }

    #[test]
    fn a_replica_has_the_labels_of_docker_compose_and_of_sofa() {
        let text: Vec<_> = labels(Replica::Number(2)).into_iter().map(|(k, v)| format!("{k}={v}")).collect();
        assert_eq!(
            text,
            [
                "com.docker.compose.config-hash=h",
                "com.docker.compose.container-number=2",
                "com.docker.compose.depends_on=db:service_healthy:false,init:service_completed_successfully:true",
                "com.docker.compose.image=sha256:i",
                "com.docker.compose.oneoff=False",
                "com.docker.compose.project=p",
                "com.docker.compose.project.config_files=/w/a.yml,/w/b.yml",
                "com.docker.compose.project.working_dir=/w",
                "com.docker.compose.service=web",
                "com.docker.compose.version=2.40.3",
                "own=yes",
                "sofa.run=7",
            ]
        );
    }

    #[test]
    fn a_one_off_has_a_slug_and_no_number() {
        let labels = labels(Replica::OneOff("ab".into()));
        assert_eq!(labels["com.docker.compose.oneoff"], "True");
        assert_eq!(labels["com.docker.compose.slug"], "ab");
        assert!(!labels.contains_key("com.docker.compose.container-number"));
    }
}
