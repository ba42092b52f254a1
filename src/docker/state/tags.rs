//! Image names of `sofa`'s own for the images of kept releases, so that a nightly `docker image prune` keeps them.

use futures_util::future::join_all;
use sha2::{Digest, Sha256};

use crate::engine::image::Reference;
use crate::engine::{Engine, EngineError};
use crate::state::head::{ReleaseEntry, ReleaseImage};
use crate::state::key::hex;

/// Names the images of a release. Returns the services whose images could not be named, with the reason.
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

/// Removes the image names of a release that is no longer kept. Returns the names that could not be removed.
pub async fn untag(engine: &Engine, project: &str, release: &ReleaseEntry) -> Vec<String> {
    let names = release.images.keys().filter_map(|service| name(project, service, release.number));
    let unnaming = names.map(async |name| remove(engine, &name.to_string()).await);
    join_all(unnaming).await.into_iter().flatten().collect()
}

/// Removes the image names that an unfinished run created for a release with this number. `made` is the release that has
/// the number now. Returns the names that could not be removed.
///
/// # Errors
/// The images could not be listed.
pub async fn untag_unmade(
    engine: &Engine,
    project: &str,
    number: u64,
    made: Option<&ReleaseEntry>,
) -> Result<Vec<String>, EngineError> {
    let services = made.iter().flat_map(|release| release.images.keys());
    let kept: Vec<String> =
        services.filter_map(|service| name(project, service, number)).map(|name| name.to_string()).collect();
    let (start, end) = (format!("sofa.release/{}/", component(project)), format!(":{number}"));
    let images = engine.list_images().await?;
    let names = images.iter().flat_map(|image| &image.names);
    let unmade =
        names.filter(|name| name.starts_with(&start) && name.ends_with(&end) && !kept.contains(name));
    Ok(join_all(unmade.map(|name| remove(engine, name))).await.into_iter().flatten().collect())
}

/// Removes an image name. Returns it with the reason where that failed; a missing name is a success.
async fn remove(engine: &Engine, name: &str) -> Option<String> {
    match engine.remove_image(name, false).await {
        Err(error) if !error.is_not_found() => Some(format!("{name}: {error}")),
        _ => None,
    }
}

/// `sofa.release/<project>/<service>:<release>`; none where that is not a valid reference.
pub fn name(project: &str, service: &str, release: u64) -> Option<Reference> {
    format!("sofa.release/{}/{}:{release}", component(project), component(service)).parse().ok()
}

/// A Compose name as a component of an image reference. References allow fewer names: lower case, single separators, none
/// at the ends.
pub(crate) fn component(name: &str) -> String {
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
    // The digest keeps different names different.
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
    fn images_of_a_release_are_named_by_project_service_and_number() {
        assert_eq!(name("shop", "web", 7).unwrap().to_string(), "sofa.release/shop/web:7");
    }

    #[test]
    fn names_that_a_reference_does_not_allow_are_changed_and_stay_different() {
        assert_eq!(component("predict-worker"), "predict-worker");
        for odd in ["Web", "web_", "_web", "we__b", "WEB", "..."] {
            let made =
                name("p", odd, 1).unwrap_or_else(|| panic!("{odd} is not a valid reference")).to_string();
            assert_ne!(made, "sofa.release/p/web:1", "{odd}");
        }
        assert_ne!(component("Web"), component("WEB"));
    }
}
