//! A container's life: starts, ends by itself or by a signal, health, restarts. Timers belong to one start.

use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::Shared;
use super::events;
use super::reply::{self, Reply};
use super::state::{State, Status};

/// The pause before a restart policy acts.
const RESTART_PAUSE: Duration = Duration::from_millis(20);

/// Starts a container.
pub(super) fn start(shared: &Shared, id: &str) -> Reply {
    let mut state = shared.lock().expect("state");
    let Some(container) = state.find(id) else {
        return missing(id);
    };
    if container.is_up() {
        return reply::empty(304);
    }
    let id = container.id.clone();
    let script = state.script_of(container);
    if let Some(message) = script.start_error.clone().or_else(|| clash(&state, &id)) {
        let container = state.containers.get_mut(&id).expect("container");
        container.exit_code = 128;
        return reply::refuse(500, message);
    }
    begin(shared, &mut state, &id);
    reply::empty(204)
}

/// A host port that another running container holds, in the engine's words.
fn clash(state: &State, id: &str) -> Option<String> {
    let ports = |id: &str| {
        let bindings =
            state.containers[id].body["HostConfig"]["PortBindings"].as_object().cloned().unwrap_or_default();
        let places = bindings.into_values().flat_map(|places| places.as_array().cloned().unwrap_or_default());
        places
            .filter_map(|place| place["HostPort"].as_str().map(str::to_owned))
            .filter(|p| !p.is_empty())
            .collect::<Vec<_>>()
    };
    let own = ports(id);
    let others = state.containers.values().filter(|c| c.id != id && c.is_up());
    let held = others.flat_map(|c| ports(&c.id)).find(|port| own.contains(port))?;
    Some(format!(
        "driver failed programming external connectivity: Bind for 0.0.0.0:{held} failed: port is already allocated"
    ))
}

/// The container runs from now on; its timers are set.
fn begin(shared: &Shared, state: &mut State, id: &str) {
    let container = state.containers.get_mut(id).expect("container");
    let healthcheck = container.body["Healthcheck"]["Test"].as_array().cloned().unwrap_or_default();
    let checked = healthcheck.first().is_some_and(|word| word != "NONE");
    container.status = Status::Running;
    container.generation += 1;
    container.exit_code = 0;
    container.oom = false;
    container.started = Some(Timestamp::now());
    container.since = Some(Instant::now());
    container.health = if checked { "starting".to_owned() } else { String::new() };
    let generation = container.generation;
    let container = container.clone();
    let script = state.script_of(&container);
    for line in &script.logs {
        let (stream, text) = line.strip_prefix('!').map_or((1, line.as_str()), |text| (2, text));
        let own = state.containers.get_mut(id).expect("container");
        own.output.push((stream, Timestamp::now(), text.to_owned()));
    }
    events::tell(state, &container, "start", &[]);
    if checked {
        for (after, verdict) in [(script.healthy, "healthy"), (script.unhealthy, "unhealthy")] {
            if let Some(after) = after {
                later(shared, id, generation, after, move |_, state, id| judge(state, id, verdict));
            }
        }
    }
    if let Some((after, code)) = script.exits {
        later(shared, id, generation, after, move |shared, state, id| {
            state.containers.get_mut(id).expect("container").oom = script.oom;
            end(shared, state, id, code, true);
        });
    }
}

/// Does something after a time, unless the container was restarted or removed before.
fn later(
    shared: &Shared,
    id: &str,
    generation: u64,
    after: Duration,
    act: impl FnOnce(&Shared, &mut State, &str) + Send + 'static,
) {
    let (shared, id) = (shared.clone(), id.to_owned());
    tokio::spawn(async move {
        tokio::time::sleep(after).await;
        let mut state = shared.lock().expect("state");
        let current = state
            .containers
            .get(&id)
            .is_some_and(|c| c.generation == generation && c.status != Status::Exited);
        if current {
            act(&shared, &mut state, &id);
        }
    });
}

fn judge(state: &mut State, id: &str, verdict: &str) {
    let container = state.containers.get_mut(id).expect("container");
    container.health = verdict.to_owned();
    let container = container.clone();
    events::tell(state, &container, &format!("health_status: {verdict}"), &[]);
}

/// Ends a container. By itself, its restart policy acts.
fn end(shared: &Shared, state: &mut State, id: &str, code: i64, by_itself: bool) {
    let container = state.containers.get_mut(id).expect("container");
    container.status = Status::Exited;
    container.exit_code = code;
    container.finished = Some(Timestamp::now());
    let restart = by_itself
        && match container.policy() {
            ("always" | "unless-stopped", _) => true,
            ("on-failure", most) => code != 0 && (most == 0 || container.restarts < most),
            _ => false,
        };
    if restart {
        container.status = Status::Restarting;
        container.restarts += 1;
    }
    let container = container.clone();
    if container.oom {
        events::tell(state, &container, "oom", &[]);
    }
    events::tell(state, &container, "die", &[("exitCode", &code.to_string())]);
    if restart {
        later(shared, id, container.generation, RESTART_PAUSE, begin);
    }
    if !restart && container.body["HostConfig"]["AutoRemove"] == true {
        state.containers.remove(id);
        events::tell(state, &container, "destroy", &[]);
    }
}

/// Stops a container: its script says how long it takes, `grace` how long it may.
pub(super) async fn stop(shared: &Shared, id: &str, grace: Option<u64>) -> Reply {
    let (id, generation, takes, code) = {
        let state = shared.lock().expect("state");
        let Some(container) = state.find(id) else {
            return missing(id);
        };
        if !container.is_up() && container.status != Status::Restarting {
            return reply::empty(304);
        }
        let script = state.script_of(container);
        let own = container.body["StopTimeout"].as_u64();
        let grace = Duration::from_secs(grace.or(own).unwrap_or(10));
        let (takes, code) = match script.stops > grace {
            true => (grace, 137),
            false => (script.stops, script.stop_code),
        };
        (container.id.clone(), container.generation, takes, code)
    };
    tokio::time::sleep(takes).await;
    let mut state = shared.lock().expect("state");
    if state.containers.get(&id).is_some_and(|c| c.generation == generation && c.status != Status::Exited) {
        state.containers.get_mut(&id).expect("container").generation += 1;
        end(shared, &mut state, &id, code, false);
        let container = state.containers.get(&id).cloned();
        if let Some(container) = container {
            events::tell(&mut state, &container, "stop", &[]);
        }
    }
    reply::empty(204)
}

/// Sends a signal: every one ends the container.
pub(super) fn kill(shared: &Shared, id: &str, signal: &str) -> Reply {
    let mut state = shared.lock().expect("state");
    let Some(container) = state.find(id).cloned() else {
        return missing(id);
    };
    if !container.is_up() {
        return reply::refuse(409, format!("Cannot kill container: {id}: Container {id} is not running"));
    }
    let code = if matches!(signal, "" | "SIGKILL" | "KILL" | "9") {
        137
    } else {
        state.script_of(&container).stop_code
    };
    state.containers.get_mut(&container.id).expect("container").generation += 1;
    events::tell(&mut state, &container, "kill", &[]);
    end(shared, &mut state, &container.id, code, false);
    reply::empty(204)
}

/// Refuses what is about a container that is not there.
pub(super) fn missing(id: &str) -> Reply {
    reply::refuse(404, format!("No such container: {id}"))
}
