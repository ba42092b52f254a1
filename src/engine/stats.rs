//! The CPU use of a container.

use http::Method;
use serde::Deserialize;

use super::call::Call;
use super::client::Engine;
use super::error::EngineError;
use super::json::null_as_default;
use crate::plan::observed::ContainerId;

impl Engine {
    /// The share of one CPU that a container used in the last second, in percent: 200 are two whole CPUs. The engine measures for about
    /// a second before it answers. `None` for a container that does not run.
    ///
    /// # Errors
    /// `is_not_found` where the container does not exist.
    pub async fn cpu_percent(&self, id: &ContainerId) -> Result<Option<f64>, EngineError> {
        let call = Call::new(format!("statistics of container `{id}`"));
        let path = format!("/containers/{}/stats?stream=false", id.as_str());
        let stats: Stats = self.wire().json(&call, Method::GET, &path, None).await?;
        Ok(stats.percent())
    }
}

#[derive(Deserialize)]
struct Stats {
    #[serde(default, deserialize_with = "null_as_default")]
    cpu_stats: Cpu,
    #[serde(default, deserialize_with = "null_as_default")]
    precpu_stats: Cpu,
}

#[derive(Deserialize, Default)]
struct Cpu {
    #[serde(default, deserialize_with = "null_as_default")]
    cpu_usage: Usage,
    #[serde(default)]
    system_cpu_usage: u64,
    #[serde(default)]
    online_cpus: u64,
}

#[derive(Deserialize, Default)]
struct Usage {
    #[serde(default)]
    total_usage: u64,
}

impl Stats {
    /// The formula of `docker stats`.
    fn percent(&self) -> Option<f64> {
        let (now, before) = (&self.cpu_stats, &self.precpu_stats);
        let used = now.cpu_usage.total_usage.checked_sub(before.cpu_usage.total_usage)?;
        let all = now.system_cpu_usage.checked_sub(before.system_cpu_usage).filter(|all| *all > 0)?;
        Some(used as f64 / all as f64 * now.online_cpus.max(1) as f64 * 100.0)
    }
}

#[cfg(test)]
mod tests {
    use super::Stats;

    fn percent(used: [u64; 2], system: [u64; 2]) -> Option<f64> {
        let cpu = |at: usize| serde_json::json!({"cpu_usage": {"total_usage": used[at]}, "system_cpu_usage": system[at], "online_cpus": 4});
        let stats = serde_json::json!({"precpu_stats": cpu(0), "cpu_stats": cpu(1)});
        serde_json::from_value::<Stats>(stats).unwrap().percent()
    }

    #[test]
    fn a_whole_cpu_is_a_hundred_percent() {
        assert_eq!(percent([100, 200], [1000, 1400]), Some(100.0));
        assert_eq!(percent([100, 100], [1000, 1400]), Some(0.0));
        assert_eq!(percent([0, 0], [0, 0]), None, "it does not run");
    }
}
