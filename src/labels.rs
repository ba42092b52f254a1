//! The name of every label: those of docker compose, and `sofa`'s own.

/// Whether a label is docker compose's or `sofa`'s own.
pub fn is_internal(label: &str) -> bool {
    label.starts_with(compose::PREFIX) || label.starts_with("sofa.")
}

/// Labels of docker compose 2 and 5 on containers, networks, volumes and built images.
pub mod compose {
    pub const PREFIX: &str = "com.docker.compose.";
    pub const PROJECT: &str = "com.docker.compose.project";
    pub const SERVICE: &str = "com.docker.compose.service";
    /// The version of docker compose; it decides the dialect of the config hash.
    pub const VERSION: &str = "com.docker.compose.version";
    /// The project's folder.
    pub const WORKING_DIR: &str = "com.docker.compose.project.working_dir";
    /// The absolute paths of the Compose files, comma-joined.
    pub const CONFIG_FILES: &str = "com.docker.compose.project.config_files";
    /// The files given by `--env-file`, comma-joined; absent without any.
    pub const ENVIRONMENT_FILE: &str = "com.docker.compose.project.environment_file";
    /// `True` on containers of `run`, otherwise `False`.
    pub const ONEOFF: &str = "com.docker.compose.oneoff";
    /// The hash of the resolved service, network or volume.
    pub const CONFIG_HASH: &str = "com.docker.compose.config-hash";
    /// The replica's number, from 1.
    pub const CONTAINER_NUMBER: &str = "com.docker.compose.container-number";
    /// `dependency:condition:restart,…`.
    pub const DEPENDS_ON: &str = "com.docker.compose.depends_on";
    /// The image's digest or id.
    pub const IMAGE: &str = "com.docker.compose.image";
    /// Digests of the images that a container mounts (`TARGET=DIGEST`); from docker compose 5.5 on.
    pub const IMAGE_VOLUME_DIGEST: &str = "com.docker.compose.image-volume-digest";
    /// `pre_start` on the container of such a hook.
    pub const HOOK: &str = "com.docker.compose.hook";
    /// The container that a new one replaces, until it has the final name.
    pub const REPLACE: &str = "com.docker.compose.replace";
    /// The random part of a one-off container's name.
    pub const SLUG: &str = "com.docker.compose.slug";
    /// The key of a network in the Compose file.
    pub const NETWORK: &str = "com.docker.compose.network";
    /// The key of a volume in the Compose file.
    pub const VOLUME: &str = "com.docker.compose.volume";
    /// `classic` on images of the classic builder.
    pub const IMAGE_BUILDER: &str = "com.docker.compose.image.builder";
}

/// `sofa`'s own labels. None is needed to understand a container.
pub mod sofa {
    /// The project, on the containers and the volume of its state.
    pub const PROJECT: &str = "sofa.project";
    /// The project's key for digests of values that may be secret, on the volume of its records.
    pub const KEY: &str = "sofa.key";
    /// Who holds a lock, as JSON.
    pub const HOLDER: &str = "sofa.holder";
    /// The mode in which a container was deployed.
    pub const MODE: &str = "sofa.mode";
    /// The service's role: `backend`, `infra` or `job`.
    pub const ROLE: &str = "sofa.role";
    /// The hooks that run in a container, for verbs that read no files; contains no value of a variable.
    pub const HOOKS: &str = "sofa.hooks";
    /// How a worker gives up its work before a stop, as JSON.
    pub const HANDOVER: &str = "sofa.handover";
    /// The version of what an edge keeps, on its container.
    pub const EDGE: &str = "sofa.edge";
    /// The published ports of an edge, as JSON, on its container.
    pub const EDGE_PORTS: &str = "sofa.edge.ports";
    /// The port and the address under which the edge reaches a container, as JSON.
    pub const BEHIND: &str = "sofa.behind";
    /// How to find out that a container is ready, where the healthcheck alone does not decide.
    pub const READY: &str = "sofa.ready";
    /// The `sofa run` that removes a one-off container, as JSON.
    pub const ATTENDED: &str = "sofa.attended";
    /// The run that created a container or network.
    pub const RUN: &str = "sofa.run";
    /// Keyed digests of env files, configs and secrets (`NAME=DIGEST`).
    pub const CONTENT: &str = "sofa.content";
    /// Digest of the build context of an image.
    pub const CONTEXT: &str = "sofa.context";
    /// `true` on volumes that `down --volumes` keeps.
    pub const PERSIST: &str = "sofa.persist";
}
