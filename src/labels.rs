//! The name of every label: those of docker compose, and `sofa`'s own.

/// Labels of docker compose (v2 and v5), on containers, networks, volumes and built images.
pub mod compose {
    /// The Compose project.
    pub const PROJECT: &str = "com.docker.compose.project";
    /// The service of a container or built image.
    pub const SERVICE: &str = "com.docker.compose.service";
    /// The version of docker compose whose dialect the config hash is in.
    pub const VERSION: &str = "com.docker.compose.version";
    /// The project's folder.
    pub const WORKING_DIR: &str = "com.docker.compose.project.working_dir";
    /// The Compose files, absolute, comma-joined.
    pub const CONFIG_FILES: &str = "com.docker.compose.project.config_files";
    /// The files given by --env-file, comma-joined; absent without any.
    pub const ENVIRONMENT_FILE: &str = "com.docker.compose.project.environment_file";
    /// `True` on containers of `run`, else `False`.
    pub const ONEOFF: &str = "com.docker.compose.oneoff";
    /// The hash of the resolved service, network or volume.
    pub const CONFIG_HASH: &str = "com.docker.compose.config-hash";
    /// The replica's number, from 1.
    pub const CONTAINER_NUMBER: &str = "com.docker.compose.container-number";
    /// `dependency:condition:restart,…`.
    pub const DEPENDS_ON: &str = "com.docker.compose.depends_on";
    /// The image's digest or id.
    pub const IMAGE: &str = "com.docker.compose.image";
    /// `pre_start` on the container of such a hook.
    pub const HOOK: &str = "com.docker.compose.hook";
    /// Which container a new one takes the place of, while it does.
    pub const REPLACE: &str = "com.docker.compose.replace";
    /// The random part of a one-off's name.
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
    /// The project, on what belongs to `sofa` itself (its store and lock).
    pub const PROJECT: &str = "sofa.project";
    /// The project's key for digests of what may be secret, on the volume of its store.
    pub const KEY: &str = "sofa.key";
    /// Who holds a lock, as JSON.
    pub const HOLDER: &str = "sofa.holder";
    /// The mode that a container was deployed in.
    pub const MODE: &str = "sofa.mode";
    /// The service's role: `backend`, `infra` or `job`.
    pub const ROLE: &str = "sofa.role";
    /// The hooks that run in a container, for verbs that read no files; no value in it was given by a variable.
    pub const HOOKS: &str = "sofa.hooks";
    /// How a container is known to be ready, where not by its healthcheck alone.
    pub const READY: &str = "sofa.ready";
    /// The run that made a container or network.
    pub const RUN: &str = "sofa.run";
    /// The release that a container belongs to.
    pub const RELEASE: &str = "sofa.release";
    /// Digest of the build context that an image was built from.
    pub const CONTEXT: &str = "sofa.context";
    /// `true` on volumes that no verb removes with others.
    pub const PERSIST: &str = "sofa.persist";
}
