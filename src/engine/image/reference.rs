//! Names of images: `[registry/]name[:tag][@digest]` (distribution, «reference»).

use std::fmt;
use std::str::FromStr;

/// The registry of names without one.
const DOCKER_HUB: &str = "docker.io";

/// A parsed image name, kept as written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference {
    name: String,
    tag: Option<String>,
    digest: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("image name `{0}` is not of the form [registry/]name[:tag][@sha256:digest], in lower case")]
pub struct NotAReference(String);

impl Reference {
    /// Registry and repository, without tag and digest.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// `sha256:…`, if one is written.
    pub fn digest(&self) -> Option<&str> {
        self.digest.as_deref()
    }

    /// The tag, or `latest`.
    pub fn tag_or_latest(&self) -> &str {
        self.tag().unwrap_or("latest")
    }

    /// What a pull requests: the digest if there is one, otherwise the tag.
    pub fn version(&self) -> &str {
        self.digest().unwrap_or_else(|| self.tag_or_latest())
    }

    /// The registry's host: the part before the first slash if it can be a host, otherwise Docker Hub (`docker.io`).
    pub fn registry(&self) -> &str {
        match self.name.split_once('/') {
            Some((host, _)) if is_host(host) => host,
            _ => DOCKER_HUB,
        }
    }
}

impl Reference {
    /// The full name with registry and tag (or digest): `docker.io/library/busybox:latest`.
    pub fn canonical(&self) -> String {
        let name = match self.name.split_once('/') {
            Some((host, _)) if is_host(host) => self.name.clone(),
            Some(_) => format!("{DOCKER_HUB}/{}", self.name),
            None => format!("{DOCKER_HUB}/library/{}", self.name),
        };
        match self.digest() {
            Some(digest) => format!("{name}@{digest}"),
            None => format!("{name}:{}", self.tag_or_latest()),
        }
    }
}

fn is_host(text: &str) -> bool {
    text == "localhost" || text.contains(['.', ':']) || text.chars().any(|c| c.is_ascii_uppercase())
}

fn is_path(text: &str) -> bool {
    let part = |part: &str| {
        let ends = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
        ends(part.chars().next())
            && ends(part.chars().next_back())
            && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c))
    };
    text.split('/').all(part)
}

fn is_tag(text: &str) -> bool {
    (1..=128).contains(&text.len())
        && !text.starts_with(['.', '-'])
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
}

fn is_digest(text: &str) -> bool {
    text.split_once(':').is_some_and(|(algorithm, hex)| {
        !algorithm.is_empty() && hex.len() >= 32 && hex.chars().all(|c| c.is_ascii_hexdigit())
    })
}

impl FromStr for Reference {
    type Err = NotAReference;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parse = || {
            let (rest, digest) = match text.split_once('@') {
                Some((rest, digest)) => (rest, Some(digest).filter(|d| is_digest(d)).map(Some)?),
                None => (text, None),
            };
            let (name, tag) = match rest.rsplit_once(':') {
                Some((name, tag)) if !tag.contains('/') => (name, Some(tag).filter(|t| is_tag(t)).map(Some)?),
                _ => (rest, None),
            };
            let path = match name.split_once('/') {
                Some((host, path)) if is_host(host) => path,
                _ => name,
            };
            is_path(path).then(|| Reference {
                name: name.to_owned(),
                tag: tag.map(str::to_owned),
                digest: digest.map(str::to_owned),
            })
        };
        parse().ok_or_else(|| NotAReference(text.to_owned()))
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        match &self.digest {
            Some(digest) => write!(f, "@{digest}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Reference;

    fn parts(text: &str) -> (String, String, String) {
        let reference: Reference = text.parse().unwrap();
        assert_eq!(reference.to_string(), text, "kept as written");
        (reference.registry().to_owned(), reference.name().to_owned(), reference.version().to_owned())
    }

    #[test]
    fn names_are_split_into_their_parts() {
        let digest = format!("sha256:{}", "a".repeat(64));
        let of = |a: &str, b: &str, c: &str| (a.to_owned(), b.to_owned(), c.to_owned());
        assert_eq!(parts("busybox"), of("docker.io", "busybox", "latest"));
        assert_eq!(parts("me/app:1.2"), of("docker.io", "me/app", "1.2"));
        assert_eq!(parts("localhost/app"), of("localhost", "localhost/app", "latest"));
        assert_eq!(parts("reg:5000/a/b"), of("reg:5000", "reg:5000/a/b", "latest"));
        assert_eq!(parts("ghcr.io/a/b:c"), of("ghcr.io", "ghcr.io/a/b", "c"));
        assert_eq!(parts(&format!("a:t@{digest}")), of("docker.io", "a", &digest));
    }

    #[test]
    fn short_names_are_expanded() {
        let digest = format!("sha256:{}", "a".repeat(64));
        for (text, whole) in [
            ("busybox", "docker.io/library/busybox:latest".to_owned()),
            ("me/app:1.2", "docker.io/me/app:1.2".to_owned()),
            ("reg:5000/a/b", "reg:5000/a/b:latest".to_owned()),
            (&format!("a:t@{digest}"), format!("docker.io/library/a@{digest}")),
        ] {
            assert_eq!(text.parse::<Reference>().unwrap().canonical(), whole);
        }
    }

    #[test]
    fn invalid_image_names_are_refused() {
        for text in ["", "A", "a:", "a b", "a@sha256:1", "/a", "a/", "a:t:u", "-a", "a//b", "reg.io/", "a:.x"]
        {
            assert!(text.parse::<Reference>().is_err(), "{text}");
        }
    }
}
