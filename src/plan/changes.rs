//! Which settings of a network or volume differ from what the files say, in the words shown to people.

use super::desired::{Desired, DesiredNetwork, DesiredVolume};
use super::observed::{Network, Volume};

impl Desired<'_> {
    /// Why a network is not as the files say, setting by setting; where the engine's list does not tell, in general words.
    pub(super) fn network_changes(&self, desired: &DesiredNetwork<'_>, found: &Network) -> String {
        let (wanted, settings) = (desired.network, &found.settings);
        let mut changes = Vec::new();
        let driver = if wanted.driver.is_empty() { found.driver.as_str() } else { &wanted.driver };
        for (key, old, new) in [
            ("driver", found.driver.clone(), driver.to_string()),
            ("internal", settings.internal.to_string(), wanted.internal.to_string()),
            ("attachable", settings.attachable.to_string(), wanted.attachable.to_string()),
            (
                "enable_ipv6",
                settings.ipv6.to_string(),
                wanted.enable_ipv6.unwrap_or(settings.ipv6).to_string(),
            ),
        ] {
            if old != new {
                changes.push(format!("{key} {old} → {new}"));
            }
        }
        let subnets: Vec<&str> = wanted
            .ipam
            .config
            .iter()
            .map(|pool| pool.subnet.as_str())
            .filter(|subnet| !subnet.is_empty())
            .collect();
        if !subnets.is_empty() && subnets != settings.subnets {
            changes.push(format!("subnet {} → {}", settings.subnets.join(", "), subnets.join(", ")));
        }
        // Engines from 28 on note their own choice among the options.
        let chosen = |key: &String| key.starts_with("com.docker.network.enable_ipv");
        let options = settings.options.iter().filter(|(key, _)| !chosen(key));
        let options = options.map(|(key, value)| (key.clone(), value.clone())).collect();
        changes.extend(changed_keys("driver_opts", &options, &wanted.driver_opts));
        let labels = found.labels.iter().filter(|(name, _)| !name.starts_with("com.docker.compose."));
        let labels = labels.map(|(name, value)| (name.clone(), value.clone())).collect();
        changes.extend(changed_keys("labels", &labels, &wanted.labels));
        if changes.is_empty() { "configuration changed".into() } else { changes.join(", ") }
    }
}

impl DesiredVolume<'_> {
    /// What of a volume differs that decides where its data lies: driver and options. Never their values: options of a
    /// network share hold its password.
    pub(super) fn changes(&self, found: &Volume) -> Vec<String> {
        let wanted = if self.volume.driver.is_empty() { "local" } else { &self.volume.driver };
        let driver = (wanted != found.driver).then(|| format!("driver {} → {wanted}", found.driver));
        driver
            .into_iter()
            .chain(changed_keys("driver_opts", &found.options, &self.volume.driver_opts))
            .collect()
    }
}

type Settings = std::collections::BTreeMap<String, String>;

/// The keys whose values differ or that only one side has.
fn changed_keys<'a>(group: &'a str, old: &Settings, new: &'a Settings) -> Vec<String> {
    let mut keys: Vec<&String> = old.keys().chain(new.keys()).collect();
    keys.sort();
    keys.dedup();
    let differ = keys.into_iter().filter(|key| old.get(*key) != new.get(*key));
    differ.map(|key| format!("{group}.{key}")).collect()
}
