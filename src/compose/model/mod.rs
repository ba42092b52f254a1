//! The resolved Compose application as plain data: no I/O, no YAML, no engine.
//!
//! Every value is final: variables substituted, files merged, short forms expanded, paths absolute, profiles applied.
//! Field order is the order in which docker compose prints (and hashes) the fields; it must not be changed.
//! Fields whose serialised name begins with `#` are `sofa`'s own or belong to no printed form: `render` leaves them out
//! (`#extensions` are the `x-*` keys, which YAML shows in place and JSON does not).

mod build;
mod command;
mod dependency;
mod deploy;
mod files;
mod given;
mod health;
mod models;
mod mounts;
mod name;
mod network;
mod ports;
mod project;
mod raw;
mod record;
mod service;
mod sofa;
mod ulimit;
mod units;

pub use build::{Build, SshKey};
pub use command::Command;
pub use dependency::{Condition, Dependency};
pub use deploy::{
    Deploy, DeviceRequest, DiscreteResource, GenericResource, Placement, PlacementPreference, Resource,
    Resources, RestartPolicy, UpdateConfig,
};
pub use files::{EnvFile, FileMode, FileObject, FileReference};
pub use given::Given;
pub use health::{Healthcheck, HealthcheckTest};
pub use models::{Model, ModelReference};
pub use mounts::{BindOptions, ImageOptions, Mount, MountKind, TmpfsOptions, Volume, VolumeOptions};
pub use name::{ConfigName, ModelName, NetworkName, ProjectName, SecretName, ServiceName, VolumeName};
pub use network::{Attachment, Ipam, IpamPool, Network};
pub use ports::Port;
pub use project::Project;
pub(crate) use raw::EMPTY_LIST;
pub use raw::{Extensions, HostList, Labels, Mapping, OptionalMapping, Options, RepeatedOptions, Value};
pub(crate) use service::HOOK_CONTAINER;
pub use service::{
    Blkio, CredentialSpec, Develop, DeviceMapping, Extends, Hook, Logging, NamespaceMode, Provider,
    PullPolicy, Restart, Service, ThrottleDevice, Trigger, WeightDevice,
};
pub use sofa::{
    HandOver, HandOverCommands, Http, HttpProbe, HttpRequest, JobRun, Probe, ReadyCheck, Role, ScaleRule,
    Sofa, StartPhase, Tls,
};
pub use ulimit::Ulimit;
pub use units::{Bytes, Cpus, DeviceCount, Duration};
