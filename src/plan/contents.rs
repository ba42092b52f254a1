//! What configs, secrets and env files held when a container was made, and whether that still is so: docker compose looks at
//! none of them.

use std::collections::BTreeMap;
use std::path::Path;

/// Digests by the name of what they are of.
pub type Digests = BTreeMap<String, String>;

/// The name of an env file's digest: its path, relative to the project's folder if it is below that.
pub fn env_file(working_dir: &Path, file: &Path) -> String {
    format!("env_file.{}", file.strip_prefix(working_dir).unwrap_or(file).display())
}

/// The digests in a container's label: `NAME=DIGEST`, separated by commas. `None` where there are none.
pub fn label<'a>(digests: impl IntoIterator<Item = (&'a String, &'a String)>) -> Option<String> {
    let entries = digests.into_iter().filter(|(name, _)| !name.contains(','));
    let entries: Vec<String> = entries.map(|(name, digest)| format!("{name}={digest}")).collect();
    (!entries.is_empty()).then(|| entries.join(","))
}

/// The names whose digests changed since the label was written. A digest with another key (digests are `KEY:DIGEST`) or without
/// an entry in the label cannot be compared, so it does not count as changed.
pub(super) fn changed(digests: &Digests, label: &str) -> Vec<String> {
    let recorded: BTreeMap<&str, &str> =
        label.split(',').filter_map(|entry| entry.rsplit_once('=')).collect();
    let key = |digest: &str| digest.split_once(':').map(|(key, _)| key.to_string());
    digests
        .iter()
        .filter(|(name, digest)| {
            let recorded = recorded.get(name.as_str());
            recorded.is_some_and(|recorded| recorded != digest && key(recorded) == key(digest))
        })
        .map(|(name, _)| name.clone())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_digested_with_the_same_key_is_compared() {
        let digests: Digests =
            [("configs.app", "k1:aa"), ("configs.new", "k1:bb"), ("secrets.token", "k1:cc")]
                .map(|(name, digest)| (name.to_string(), digest.to_string()))
                .into();
        assert_eq!(changed(&digests, &label(&digests).unwrap()), [""; 0]);
        assert_eq!(changed(&digests, "configs.app=k1:other,secrets.token=k1:cc"), ["configs.app"]);
        assert_eq!(changed(&digests, "configs.app=k2:other"), [""; 0], "another key");
        assert_eq!(changed(&digests, ""), [""; 0]);
        assert_eq!(label(&Digests::new()), None);
    }
}
