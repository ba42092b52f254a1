//! Why an operation is in a plan.

use std::fmt;

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use super::disruption::Disruption;
use super::observed::State;
use crate::compose::fields::FieldChange;

/// The text names at most this many fields. [`Cause::fields`] has all.
const NAMED: usize = 3;

/// Why an operation is in a plan.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Cause {
    /// The operation follows from another one, which has the cause.
    #[default]
    None,
    /// It does not exist.
    Missing,
    /// The operator asks for it with this verb.
    Verb(&'static str),
    /// The operator forces the recreation.
    Forced,
    /// The files are not what it was created from.
    Configuration(Configuration),
    /// The container that it shares its network with was replaced earlier.
    OtherParent {
        parent: String,
    },
    Image {
        old: String,
        new: String,
    },
    MountedImage {
        target: String,
    },
    NotConnected {
        network: String,
    },
    /// The network that it was connected to does not exist any more. Another one may have its name.
    NetworkGone {
        network: String,
    },
    NotMounted {
        volume: String,
    },
    /// The content of these configs and secrets changed.
    Content(Vec<String>),
    Scaled {
        to: u32,
    },
    /// It shares something with a container that this plan replaces.
    SharesWith {
        parent: String,
    },
    /// It shares namespaces with a container that this plan stops.
    SharesNamespaces {
        parent: String,
        disruption: Disruption,
    },
    /// It is restarted with a service, whose namespaces it shares or which `restart: true` names.
    RestartsWith {
        service: String,
    },
    /// `depends_on` says `restart: true` for this service.
    Dependency {
        service: String,
        disruption: Disruption,
    },
    /// A network that it is connected to is replaced.
    NetworkReplaced {
        names: Vec<String>,
    },
    /// A job with `x-sofa.run: always`.
    RunsAlways,
    Exited {
        code: i64,
    },
    NeverStarted,
    Paused,
    Dead,
    Unhealthy,
    NotReady,
    InState(State),
    /// The edge gets its requests from now on.
    MovesBehindEdge,
    /// It gets its requests itself again.
    LeavesEdge,
    OtherHttpPort {
        old: u16,
        new: u16,
    },
    /// The edge gets other services, or other settings of them.
    Routes {
        services: Vec<String>,
    },
    /// The edge gets a host port that a container has.
    TakesPort {
        port: String,
    },
    /// Another container replaces it.
    Replaced,
    /// The network has another name in the files.
    Renamed {
        to: String,
    },
    /// No service of the files owns it.
    Orphan,
    EndedOneOff,
    /// A run that is undone created it.
    OfUndoneRun,
    /// An interrupted run left it.
    OfInterruptedRun,
}

/// How the files differ from what something was created from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Configuration {
    /// The fields that changed; empty where it is not known what they were.
    pub fields: Vec<FieldChange>,
    /// Services whose other containers may be the reason instead.
    pub or_other_containers: Vec<String>,
    /// The env files whose content changed.
    pub env_files: Vec<String>,
}

impl Cause {
    pub(super) fn fields_changed(fields: Vec<FieldChange>) -> Cause {
        Cause::Configuration(Configuration { fields, ..Configuration::default() })
    }

    pub fn is_none(&self) -> bool {
        *self == Cause::None
    }

    /// The fields of the files that changed, where they are the cause and known.
    pub fn fields(&self) -> &[FieldChange] {
        match self {
            Cause::Configuration(configuration) => &configuration.fields,
            _ => &[],
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Cause::None => Ok(()),
            Cause::Missing => f.write_str("not there yet"),
            Cause::Verb(verb) => f.write_str(verb),
            Cause::Forced => f.write_str("recreation was forced"),
            Cause::Configuration(configuration) => configuration.fmt(f),
            Cause::OtherParent { parent } => {
                write!(f, "shares the network of {parent}, which is another container now")
            }
            Cause::Image { old, new } => write!(f, "image digest changed {old} → {new}"),
            Cause::MountedImage { target } => write!(f, "image mounted at {target} changed"),
            Cause::NotConnected { network } => write!(f, "not attached to network {network}"),
            Cause::NetworkGone { network } => write!(f, "network {network} was removed since it was created"),
            Cause::NotMounted { volume } => write!(f, "volume {volume} is not mounted"),
            Cause::Content(names) => write!(f, "content of {} changed", names.join(", ")),
            Cause::Scaled { to } => write!(f, "scaled to {to}"),
            Cause::SharesWith { parent } => {
                write!(f, "shares namespaces, mounts or links with {parent}, which is replaced")
            }
            Cause::SharesNamespaces { parent, disruption } => {
                write!(f, "shares namespaces with {parent}, which is {disruption}")
            }
            Cause::Dependency { service, disruption } => {
                write!(f, "{service} is {disruption}, and `restart: true` is set")
            }
            Cause::RestartsWith { service } => write!(f, "restarts with {service}"),
            Cause::NetworkReplaced { names } => write!(f, "network {} is replaced", names.join(", ")),
            Cause::RunsAlways => f.write_str("runs on every deploy"),
            Cause::Exited { code } => write!(f, "exited with {code}"),
            Cause::NeverStarted => f.write_str("created and never started"),
            Cause::Paused => f.write_str("it is paused"),
            Cause::Dead => f.write_str("container is dead"),
            Cause::Unhealthy => f.write_str("it is unhealthy"),
            Cause::NotReady => f.write_str("not ready yet"),
            Cause::InState(state) => write!(f, "it is {state}"),
            Cause::MovesBehindEdge => f.write_str("its requests come through the edge from now on"),
            Cause::LeavesEdge => f.write_str("its requests come through the edge no more"),
            Cause::OtherHttpPort { old, new } => write!(f, "x-sofa.http.port changed {old} → {new}"),
            Cause::Routes { services } => write!(f, "settings of {} changed", services.join(", ")),
            Cause::TakesPort { port } => write!(f, "host port {port} moves to the edge"),
            Cause::Replaced => f.write_str("replaced"),
            Cause::Renamed { to } => write!(f, "renamed to {to}"),
            Cause::Orphan => f.write_str("orphan: no service of the files owns it"),
            Cause::EndedOneOff => f.write_str("one-off that ended"),
            Cause::OfUndoneRun => f.write_str("created by the run that is undone"),
            Cause::OfInterruptedRun => f.write_str("left by an interrupted run"),
        }
    }
}

impl fmt::Display for Configuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("configuration changed")?;
        let named: Vec<&str> = self.fields.iter().take(NAMED).map(|change| change.field.as_str()).collect();
        if !named.is_empty() {
            write!(f, ": {}", named.join(", "))?;
        }
        if self.fields.len() > NAMED {
            write!(f, " and {} more", self.fields.len() - NAMED)?;
        }
        if !self.or_other_containers.is_empty() {
            write!(f, ", or {} is another container now", self.or_other_containers.join(" or "))?;
        }
        if !self.env_files.is_empty() {
            write!(f, " ({} changed)", self.env_files.join(", "))?;
        }
        Ok(())
    }
}

/// `cause` is the text; `fields` are there where they are known.
impl Serialize for Cause {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let fields = self.fields();
        let mut object = serializer.serialize_struct("Cause", 1 + usize::from(!fields.is_empty()))?;
        object.serialize_field("cause", &self.to_string())?;
        if !fields.is_empty() {
            object.serialize_field("fields", fields)?;
        }
        object.end()
    }
}
