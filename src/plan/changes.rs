//! The settings of a network or volume that differ from the files.

use super::cause::Cause;
use super::desired::{DesiredNetwork, DesiredVolume};
use super::observed::{Network, Observed, Volume};
use crate::compose::fields::{self, FieldChange};
use crate::labels;

impl DesiredNetwork<'_> {
    /// Why a network differs from the files, field by field: from the last release if possible, else from the engine's list.
    pub(super) fn divergence(&self, found: &Network, observed: &Observed) -> Cause {
        let before = observed.released_network(self.key, found);
        let fields = before.map(|before| fields::of_networks(before, self.network)).unwrap_or_default();
        Cause::fields_changed(if fields.is_empty() { self.settings_changed(found) } else { fields })
    }

    /// The settings that differ on the engine. It does not say where its values came from, so none is shown: it may be a secret.
    fn settings_changed(&self, found: &Network) -> Vec<FieldChange> {
        let (wanted, settings) = (self.network, &found.settings);
        let driver = if wanted.driver.is_empty() { found.driver.as_str() } else { &wanted.driver };
        let ipv6 = wanted.enable_ipv6.unwrap_or(settings.ipv6);
        let mut changes = Vec::new();
        if driver != found.driver {
            changes.push(FieldChange::hidden("driver".into()));
        }
        for (key, old, new) in [
            ("internal", settings.internal, wanted.internal),
            ("attachable", settings.attachable, wanted.attachable),
            ("enable_ipv6", settings.ipv6, ipv6),
        ] {
            if old != new {
                changes.push(FieldChange::shown(key, old, new));
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
            changes.push(FieldChange::hidden("ipam.config".into()));
        }
        // Engines from 28 on note their own choice among the options.
        let chosen = |key: &String| key.starts_with("com.docker.network.enable_ipv");
        let options = settings.options.iter().filter(|(key, _)| !chosen(key));
        let options = options.map(|(key, value)| (key.clone(), value.clone())).collect();
        let ours = |name: &str| name.starts_with(labels::compose::PREFIX) || name == labels::sofa::RUN;
        let labels = found.labels.iter().filter(|(name, _)| !ours(name));
        let labels = labels.map(|(name, value)| (name.clone(), value.clone())).collect();
        let options = changed_keys("driver_opts", &options, &wanted.driver_opts);
        let labels = changed_keys("labels", &labels, &wanted.labels);
        changes.extend(options.into_iter().chain(labels).map(FieldChange::hidden));
        changes
    }
}

impl DesiredVolume<'_> {
    /// The settings of a volume that decide where its data is: driver and options. Their values are not shown, since the options
    /// of a network share contain its password.
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
