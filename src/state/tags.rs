//! The names that the images of kept releases have of their own, so that a nightly `docker image prune` leaves them.

use futures_util::future::join_all;
use sha2::{Digest, Sha256};

use super::head::{ReleaseEntry, ReleaseImage};
use super::key::hex;
use crate::engine::Engine;
use crate::engine::image::Reference;

/// Names the images of a release. Returns the services whose images could not be named.
pub async fn tag(engine: &Engine, project: &str, release: &ReleaseEntry) -> Vec<String> {
    let naming = release.images.iter().map(async |(service, ReleaseImage { id, .. })| {
        let name = name(project, service, release.number)?;
        match engine.tag_image(id, &name).await {
            Ok(()) => None,
            Err(error) => Some(format!("{service}: {error}")),
        }
    });
    join_all(naming).await.into_iter().flatten().collect()
}

/// Takes the names of a release that is not kept any longer from its images. One that is gone is none.
pub async fn untag(engine: &Engine, project: &str, release: &ReleaseEntry) {
    let unnaming = release.images.keys().filter_map(|service| name(project, service, release.number)).map(
        async |name| {
            if let Err(error) = engine.remove_image(&name.to_string(), false).await
                && !error.is_not_found()
            {
                tracing::warn!(%name, %error, "image of an old release keeps its name");
            }
        },
    );
    join_all(unnaming).await;
}

/// `sofa.release/<project>/<service>:<release>`; none where no reference can be made of it.
pub fn name(project: &str, service: &str, release: u64) -> Option<Reference> {
    format!("sofa.release/{}/{}:{release}", component(project), component(service)).parse().ok()
}

/// A name as part of a reference, which knows fewer of them than Compose: lower case, single separators, none at the ends.
pub(super) fn component(name: &str) -> String {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let plain = name.split(['-', '_', '.']).all(|part| !part.is_empty() && part.chars().all(allowed));
    if plain {
        return name.to_owned();
    }
    let parts: Vec<String> = name
        .to_ascii_lowercase()
        .split(|c| !allowed(c))
        .filter(|part| !part.is_empty())
        .map(str::to_owned)
        .collect();
    // What differs stays different.
    [parts.join("-"), hex(&Sha256::digest(name)[..4])]
        .iter()
        .filter(|part| !part.is_empty())
        .cloned()
        .collect::<Vec<_>>()
        .join("-")
}

#[cfg(test)]
mod tests {
    use super::{component, name};

    #[test]
    fn a_release_names_its_images_after_project_service_and_number() {
        assert_eq!(name("shop", "web", 7).unwrap().to_string(), "sofa.release/shop/web:7");
    }

    #[test]
    fn names_that_no_reference_can_hold_are_changed_and_stay_apart() {
        assert_eq!(component("predict-worker"), "predict-worker");
        for odd in ["Web", "web_", "_web", "we__b", "WEB", "..."] {
            let made = name("p", odd, 1).unwrap_or_else(|| panic!("{odd} makes no reference")).to_string();
            assert_ne!(made, "sofa.release/p/web:1", "{odd}");
        }
        assert_ne!(component("Web"), component("WEB"));
    }
}
