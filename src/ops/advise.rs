//! The number of containers that a service needs for its current load, by `x-sofa.scale`. It changes nothing.

use futures_util::future::join_all;

use crate::compose::load;
use crate::compose::model::{ScaleRule, Service};
use crate::docker::handover;
use crate::engine::{Engine, EngineError};
use crate::error::{Failure, Kind};
use crate::ops::Context;
use crate::ops::deployment::observe;
use crate::plan::gate::uses_gpu;
use crate::plan::observed::{Container, Observed};
use crate::plan::pins::Pins;
use crate::plan::scope;
use crate::plan::workers::is_celery;

/// The advice for one service, as a line.
pub type Advice = String;

/// Reads the load of the services in scope.
///
/// # Errors
/// Files that cannot be loaded; no service that says how it scales.
pub async fn advise(context: &Context) -> Result<Vec<Advice>, Failure> {
    let loaded = context.load(load::Options::default())?;
    let selection = context.selection(loaded.project())?;
    let project = loaded.project();
    let chosen = scope::chosen(project, &selection, &context.settings.backend);
    let services = project.services.values().filter(|service| chosen.contains(service.name.as_str()));
    let services: Vec<&Service> = services
        .filter(|service| rule(service).is_some() || is_celery(service) && uses_gpu(service))
        .collect();
    if services.is_empty() {
        return Err(Failure::new(Kind::Usage, "no service in scope says how it scales")
            .hint("`x-sofa: { scale: { min: 1, max: 4, queue: 50 } }` says it"));
    }
    let engine = context.engine().await?;
    let observed = observe(&engine, project, &Pins::new()).await?;
    Ok(join_all(services.into_iter().map(|service| of_service(&engine, service, &observed))).await)
}

fn rule(service: &Service) -> Option<&ScaleRule> {
    service.sofa.as_ref()?.scale.as_ref()
}

async fn of_service(engine: &Engine, service: &Service, observed: &Observed) -> Advice {
    let name = &service.name;
    let Some(rule) = rule(service) else {
        return format!("{name}: one container for each GPU, at any load");
    };
    let up = |found: &&Container| found.service == **name && found.is_up() && !found.oneoff;
    let containers: Vec<&Container> = observed.containers.iter().filter(up).collect();
    if containers.is_empty() {
        return format!("{name}: does not run");
    }
    let load =
        Load { cpu: cpu(engine, rule, &containers).await, waiting: waiting(engine, rule, &containers).await };
    advice(name, containers.len(), rule, &load)
}

/// The load of a service: what its rule goes by, or why that could not be read.
struct Load {
    /// The mean of its containers, in percent of one CPU.
    cpu: Option<Result<f64, String>>,
    /// Tasks that wait in its queues.
    waiting: Option<Result<u64, String>>,
}

async fn cpu(engine: &Engine, rule: &ScaleRule, containers: &[&Container]) -> Option<Result<f64, String>> {
    rule.cpu?;
    let asked = containers.iter().map(|container| engine.cpu_percent(&container.id));
    let used: Result<Vec<Option<f64>>, EngineError> = join_all(asked).await.into_iter().collect();
    Some(used.map_err(|error| error.to_string()).map(|used| {
        let known: Vec<f64> = used.into_iter().flatten().collect();
        known.iter().sum::<f64>() / known.len().max(1) as f64
    }))
}

async fn waiting(
    engine: &Engine,
    rule: &ScaleRule,
    containers: &[&Container],
) -> Option<Result<u64, String>> {
    rule.queue?;
    let first = containers.first()?;
    Some(match handover::look(engine, &first.id).await {
        Ok(found) => found.map(|status| status.depths.values().sum()),
        Err(error) => Err(error.to_string()),
    })
}

/// The formulas of Kubernetes: as many containers as bring each down to what it may have (HPA for CPU, KEDA for a queue), the most
/// that one of them asks for, within the limits.
fn advice(name: &str, now: usize, rule: &ScaleRule, load: &Load) -> Advice {
    let (mut wanted, mut reasons) = (None, Vec::new());
    let mut ask = |count: f64, reason: String| {
        let count = (count.ceil() as u64).clamp(rule.min, rule.max);
        wanted = wanted.max(Some(count));
        reasons.push(reason);
    };
    let mut unread = Vec::new();
    match (rule.cpu, &load.cpu) {
        (Some(limit), Some(Ok(used))) => {
            // As the HPA, which does nothing within a tenth of the limit.
            let ratio = used / limit as f64;
            let count = if (0.9..=1.1).contains(&ratio) { now as f64 } else { now as f64 * ratio };
            ask(count, format!("CPU at {used:.0} %, {limit} % each"));
        }
        (_, Some(Err(why))) => unread.push(why.as_str()),
        _ => {}
    }
    match (rule.queue, &load.waiting) {
        (Some(limit), Some(Ok(waiting))) => {
            ask(*waiting as f64 / limit as f64, format!("{waiting} tasks wait, {limit} each"));
        }
        (_, Some(Err(why))) => unread.push(why.as_str()),
        _ => {}
    }
    let Some(wanted) = wanted else {
        return format!("{name}: its load could not be read: {}", unread.join("; "));
    };
    let reasons = reasons.join("; ");
    let within = format!("{} to {}", rule.min, rule.max);
    if wanted == now as u64 {
        format!("{name}: {now} is right ({reasons}; {within})")
    } else {
        format!("{name}: {now} → {wanted} ({reasons}; {within}): sofa scale {name}={wanted}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(now: usize, cpu: Option<f64>, waiting: Option<u64>) -> String {
        let rule = ScaleRule { min: 1, max: 4, cpu: Some(70), queue: Some(50) };
        let unread = || "it is gone".to_owned();
        let load = Load { cpu: Some(cpu.ok_or_else(unread)), waiting: Some(waiting.ok_or_else(unread)) };
        advice("w", now, &rule, &load)
    }

    #[test]
    fn the_load_decides_within_the_limits() {
        assert_eq!(said(1, None, Some(120)), "w: 1 → 3 (120 tasks wait, 50 each; 1 to 4): sofa scale w=3");
        assert_eq!(said(1, None, Some(9000)), "w: 1 → 4 (9000 tasks wait, 50 each; 1 to 4): sofa scale w=4");
        assert_eq!(said(2, None, Some(0)), "w: 2 → 1 (0 tasks wait, 50 each; 1 to 4): sofa scale w=1");
        assert_eq!(said(2, Some(140.0), None), "w: 2 → 4 (CPU at 140 %, 70 % each; 1 to 4): sofa scale w=4");
        assert_eq!(said(2, Some(74.0), None), "w: 2 is right (CPU at 74 %, 70 % each; 1 to 4)");
        assert_eq!(said(2, Some(70.0), Some(120)).split(' ').nth(3), Some("3"), "the most that is asked for");
        assert_eq!(said(2, None, None), "w: its load could not be read: it is gone; it is gone");
    }
}
