//! What configs and secrets held when a container was made, and whether that still is so: docker compose looks at neither.

use std::collections::BTreeMap;

/// The label that holds the digests.
pub const LABEL: &str = "sofa.content";

/// The digests as a container's label holds them: `NAME=DIGEST`, one after the other. None where there is nothing to tell.
pub fn label(digests: &BTreeMap<String, String>) -> Option<String> {
    let entries: Vec<String> = digests.iter().map(|(name, digest)| format!("{name}={digest}")).collect();
    (!entries.is_empty()).then(|| entries.join(","))
}

/// Which of them changed since the label was written. What the label does not name, and what was digested with another key
/// (digests are `KEY:DIGEST`), cannot be compared and is no change.
pub(super) fn changed(digests: &BTreeMap<String, String>, label: &str) -> Vec<String> {
    let recorded: BTreeMap<&str, &str> = label.split(',').filter_map(|entry| entry.split_once('=')).collect();
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
        let digests: BTreeMap<String, String> =
            [("configs.app", "k1:aa"), ("configs.new", "k1:bb"), ("secrets.token", "k1:cc")]
                .map(|(name, digest)| (name.to_string(), digest.to_string()))
                .into();
        assert_eq!(changed(&digests, &label(&digests).unwrap()), [""; 0]);
        assert_eq!(changed(&digests, "configs.app=k1:other,secrets.token=k1:cc"), ["configs.app"]);
        assert_eq!(changed(&digests, "configs.app=k2:other"), [""; 0], "another key");
        assert_eq!(changed(&digests, ""), [""; 0]);
        assert_eq!(label(&BTreeMap::new()), None);
    }
}
