//! Images of a protected mode whose content can change under the same name: no tag, or `latest`.

use super::candidate::Candidate;
use crate::diag::finding::Finding;
use crate::plan::desired::Desired;

pub(super) fn findings(candidate: &Candidate<'_>, desired: &Desired<'_>) -> Vec<Finding> {
    if !candidate.protected {
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
            let place = candidate.place(&format!("services.{name}.image"));
            Some(Finding::warning(
                "image-unpinned",
                format!("service `{name}`: image {what}, so two deploys may run different images"),
                place,
                "pin a version, or better a digest (IMAGE@sha256:…)",
            ))
        })
        .collect()
}

/// The tag of an unpinned reference: `latest`, or empty where it has no tag. None for a pinned reference.
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
    fn a_version_or_a_digest_pins_an_image() {
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
