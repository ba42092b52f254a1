//! Commands run in containers: by script, else they succeed exactly when the container's script has become healthy.

use bytes::Bytes;
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::io::AsyncWriteExt;

use super::Shared;
use super::life::missing;
use super::logs::frame;
use super::reply::{self, Reply};
use super::request::Request;
use super::script::ExecReply;
use super::state::{Exec, State};

pub(super) fn create(shared: &Shared, request: &Request, id: &str) -> Reply {
    let mut state = shared.lock().expect("state");
    let Some(container) = state.find(id) else {
        return missing(id);
    };
    if !container.is_up() {
        return reply::refuse(409, format!("Container {} is not running", container.id));
    }
    let container = container.id.clone();
    let exec = state.new_id("exec");
    state.execs.insert(exec.clone(), Exec { container, body: request.json(), code: None });
    reply::json(201, &json!({ "Id": exec }))
}

pub(super) fn inspect(shared: &Shared, id: &str) -> Reply {
    match shared.lock().expect("state").execs.get(id) {
        Some(exec) => {
            reply::json(200, &json!({ "ID": id, "Running": exec.code.is_none(), "ExitCode": exec.code }))
        }
        None => reply::refuse(404, format!("No such exec instance: {id}")),
    }
}

/// Whether a request hands its connection over to a command.
pub(super) fn is_start(request: &Request) -> bool {
    matches!(request.parts()[..], ["exec", _, "start"])
}

/// Hands the connection over and breaks it within the first piece of output; the command ends all the same.
pub(super) fn start_torn(shared: &Shared, request: &Request, upgrade: hyper::upgrade::OnUpgrade) -> Reply {
    let torn = Bytes::from_static(&[1, 0, 0, 0, 0]);
    handed_over(shared, request.parts()[1], upgrade, Some(torn))
}

/// Hands the connection over and writes what the command prints.
pub(super) fn start(shared: &Shared, id: &str, upgrade: hyper::upgrade::OnUpgrade) -> Reply {
    handed_over(shared, id, upgrade, None)
}

fn handed_over(
    shared: &Shared,
    id: &str,
    upgrade: hyper::upgrade::OnUpgrade,
    instead: Option<Bytes>,
) -> Reply {
    let answer = {
        let state = shared.lock().expect("state");
        match state.execs.get(id) {
            Some(exec) => scripted(&state, exec),
            None => return reply::refuse(404, format!("No such exec instance: {id}")),
        }
    };
    let (shared, id) = (shared.clone(), id.to_owned());
    tokio::spawn(async move {
        let Ok(connection) = upgrade.await else { return };
        let mut connection = TokioIo::new(connection);
        tokio::time::sleep(answer.takes).await;
        let printed =
            [(1, &answer.stdout), (2, &answer.stderr)].into_iter().filter(|(_, text)| !text.is_empty());
        let frames = printed.map(|(stream, text)| frame(false, stream, text.as_bytes()));
        for bytes in instead.map_or_else(|| frames.collect(), |torn| vec![torn]) {
            drop(connection.write_all(&bytes).await);
        }
        drop(connection.shutdown().await);
        if let Some(exec) = shared.lock().expect("state").execs.get_mut(&id) {
            exec.code = Some(answer.code);
        }
    });
    let mut reply = reply::empty(101);
    reply.headers_mut().insert("connection", "Upgrade".parse().expect("header"));
    reply.headers_mut().insert("upgrade", "tcp".parse().expect("header"));
    reply
}

fn scripted(state: &State, exec: &Exec) -> ExecReply {
    let Some(container) = state.containers.get(&exec.container) else {
        return ExecReply::default();
    };
    let script = state.script_of(container);
    let healthy = || {
        let up_for = container.since.map(|since| since.elapsed()).unwrap_or_default();
        let code = i64::from(script.healthy.is_none_or(|after| up_for < after));
        ExecReply { code, ..ExecReply::default() }
    };
    let word = exec.body["Cmd"][0].as_str().unwrap_or_default();
    let own = script.commands.iter().find(|(known, _)| known == word).map(|(_, reply)| reply.clone());
    own.or_else(|| script.exec.clone()).unwrap_or_else(healthy)
}
