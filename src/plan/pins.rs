//! The images of a release. A rollback creates containers from them, whatever their references name now.

use std::collections::BTreeMap;

use super::observed::{Image, ImageId, Observed};
use crate::compose::model::{Service, ServiceName};

/// The images of a release, whatever their references name now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pins {
    /// By the service that is created from it.
    pub own: BTreeMap<ServiceName, ImageId>,
    /// Those of hooks and mounts, by service and reference.
    pub beside: BTreeMap<(ServiceName, String), Pin>,
}

/// The image of a hook or mount of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pin {
    /// Its id.
    pub id: ImageId,
    /// A name that it has: an engine mounts an image by nothing else.
    pub name: String,
}

impl Pins {
    /// No image is pinned.
    pub const fn new() -> Pins {
        Pins { own: BTreeMap::new(), beside: BTreeMap::new() }
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.own.is_empty() && self.beside.is_empty()
    }

    /// Their ids.
    pub fn ids(&self) -> impl Iterator<Item = &ImageId> {
        self.own.values().chain(self.beside.values().map(|pin| &pin.id))
    }

    /// What a service uses as this reference, where that is pinned.
    pub(super) fn beside(&self, service: &Service, reference: &str) -> Option<&Pin> {
        // Most runs pin nothing, and no key need be made for them.
        if self.beside.is_empty() {
            return None;
        }
        self.beside.get(&(service.name.clone(), reference.to_owned()))
    }

    /// The image that a service uses as this reference, for a hook or mount.
    pub(super) fn image_beside<'a>(
        &self,
        service: &Service,
        reference: &str,
        observed: &'a Observed,
    ) -> Option<&'a Image> {
        let pinned = self.beside(service, reference).map(|pin| pin.id.as_str());
        observed.images.get(pinned.unwrap_or(reference))
    }
}
