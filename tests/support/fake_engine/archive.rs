//! Files in containers and their volumes, through `PUT` and `GET /containers/ID/archive`.

use std::collections::BTreeMap;
use std::io::Read;

use super::Shared;
use super::events;
use super::life::missing;
use super::objects;
use super::reply::{self, Reply};
use super::request::Request;
use super::state::{File, State};

pub(super) fn answer(shared: &Shared, request: &Request, id: &str) -> Reply {
    let mut state = shared.lock().expect("state");
    let Some(container) = state.find(id) else {
        return missing(id);
    };
    let id = container.id.clone();
    let read_only = container.body["HostConfig"]["ReadonlyRootfs"] == true;
    let path = request.get("path").unwrap_or("/").trim_end_matches('/').to_owned();
    match request.method.as_str() {
        "PUT" if read_only && place(&state, &id, &path).is_none() => {
            reply::refuse(403, "container rootfs is marked read-only")
        }
        "PUT" => {
            put(&mut state, &id, &path, &request.body);
            let container = state.containers[&id].clone();
            events::tell(&mut state, &container, "extract-to-dir", &[]);
            reply::empty(200)
        }
        _ => match get(&state, &id, &path) {
            Some(tar) => reply::bytes(200, "application/x-tar", tar),
            None => reply::refuse(404, format!("Could not find the file {path} in container {id}")),
        },
    }
}

/// The volume of a path, and the path within it.
fn place(state: &State, id: &str, path: &str) -> Option<(String, String)> {
    let mounts = objects::mounts(&state.containers[id].body);
    let within =
        |target: &str| path == target || path.strip_prefix(target).is_some_and(|rest| rest.starts_with('/'));
    let mount =
        mounts.iter().find(|m| m["Type"] == "volume" && m["Destination"].as_str().is_some_and(within))?;
    let target = mount["Destination"].as_str()?;
    Some((mount["Name"].as_str()?.to_owned(), path[target.len()..].to_owned()))
}

fn put(state: &mut State, id: &str, folder: &str, body: &[u8]) {
    let mut archive = tar::Archive::new(body);
    for entry in archive.entries().expect("tar") {
        // What was cut short is kept as far as it came, as the engine does.
        let Ok(mut entry) = entry else { return };
        if !entry.header().entry_type().is_file() {
            continue;
        }
        let path = format!("{folder}/{}", entry.path().expect("path").display());
        let header = entry.header();
        let (mode, uid, gid) =
            (header.mode().unwrap_or(0), header.uid().unwrap_or(0), header.gid().unwrap_or(0));
        let mut content = Vec::new();
        drop(entry.read_to_end(&mut content));
        let file = File { content, mode, uid, gid };
        match place(state, id, &path) {
            Some((volume, path)) => drop(state.volumes.entry(volume).or_default().files.insert(path, file)),
            None => drop(state.containers.get_mut(id).expect("container").files.insert(path, file)),
        }
    }
}

/// A file alone, or a folder with everything in it.
fn get(state: &State, id: &str, path: &str) -> Option<Vec<u8>> {
    let (files, path): (&BTreeMap<String, File>, String) = match place(state, id, path) {
        Some((volume, within)) => (&state.volumes.get(&volume)?.files, within),
        None => (&state.containers[id].files, path.to_owned()),
    };
    let name = path.rsplit('/').next().unwrap_or_default();
    let found: Vec<_> = files
        .iter()
        .filter_map(|(key, file)| {
            let rest = key.strip_prefix(&path)?;
            (rest.is_empty() || rest.starts_with('/')).then(|| (format!("{name}{rest}"), file))
        })
        .collect();
    let is_mount = path.is_empty();
    if found.is_empty() && !is_mount {
        return None;
    }
    let mut tar = tar::Builder::new(Vec::new());
    for (name, file) in found {
        let mut header = tar::Header::new_gnu();
        header.set_mode(file.mode);
        header.set_uid(file.uid);
        header.set_gid(file.gid);
        header.set_size(file.content.len() as u64);
        tar.append_data(&mut header, name.trim_start_matches('/'), &file.content[..]).expect("entry");
    }
    tar.into_inner().ok()
}
