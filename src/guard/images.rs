//! Images of a protected mode that may change under their name: no tag, or `latest`.

use super::Subject;
use crate::diag::finding::Finding;
use crate::plan::desired::Desired;

pub(super) fn findings(subject: &Subject<'_>, desired: &Desired<'_>) -> Vec<Finding> {
    if !subject.protected {
        return Vec::new();
    }
    let of_registries = desired.services.values().filter(|desired| desired.service.build.is_none());
    of_registries
        .filter_map(|desired| {
            let what = match tag(&desired.image)? {
                "" => "has no tag",
                _ => "has the tag `latest`",
            };
            let name = &desired.service.name;
            let place = subject.place(&format!("services.{name}.image"));
            Some(Finding::warning(
                "image-unpinned",
                format!("service `{name}`: its image {what}: what is deployed may differ from day to day"),
                place,
                "name a version, or better a digest (IMAGE@sha256:…)",
            ))
        })
        .collect()
}

/// The tag of a reference that is not pinned: `latest`, or none at all. None where it is pinned.
fn tag(reference: &str) -> Option<&'static str> {
    if reference.contains('@') {
        return None;
    }
    match reference.rsplit('/').next().unwrap_or(reference).split_once(':') {
        None => Some(""),
        Some((_, "latest")) => Some("latest"),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::tag;

    #[test]
    fn an_image_is_pinned_by_a_version_or_a_digest() {
        for (reference, expected) in [
            ("nginx", Some("")),
            ("nginx:latest", Some("latest")),
            ("registry:5000/team/nginx", Some("")),
            ("registry:5000/team/nginx:1.27", None),
            ("nginx@sha256:0123", None),
            ("nginx:latest@sha256:0123", None),
        ] {
            assert_eq!(tag(reference), expected, "{reference}");
        }
    }
}
