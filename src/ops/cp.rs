//! Copies files between this machine and the containers of a service. Works from labels and reads no file.

use std::io::Read;
use std::path::{Path, PathBuf};

use crate::engine::chunks::{CHUNK, Chunks, written_by};
use crate::engine::{Engine, EngineError};
use crate::error::{Failure, Kind};
use crate::ops::Context;
use crate::ops::failure::engine_failure;
use crate::ops::project::View;
use crate::plan::observed::{Container, ContainerId};
use crate::util::tree;

/// One end of a copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A path of a service's containers.
    Service(String, String),
    Here(PathBuf),
    /// A tar archive on standard input or output.
    Pipe,
}

impl Place {
    /// Reads `SERVICE:PATH`, a path, or `-`.
    pub fn parse(text: &str) -> Place {
        match text.split_once(':') {
            _ if text == "-" => Place::Pipe,
            Some((service, path))
                if !service.is_empty() && !service.contains('/') && !text.starts_with('.') =>
            {
                Place::Service(service.to_owned(), path.to_owned())
            }
            _ => Place::Here(PathBuf::from(text)),
        }
    }
}

/// How files are copied.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    pub index: Option<u32>,
    /// Whether files keep their users and groups.
    pub archive: bool,
    /// Whether a source that is a link is followed.
    pub follow: bool,
}

/// Copies from one place to another, one of which is a service: out of its first container, or into all of them.
///
/// # Errors
/// No service, or two; a path that does not exist; files that cannot be read or written.
pub async fn copy(context: &Context, from: Place, to: Place, options: Options) -> Result<(), Failure> {
    match (from, to) {
        (Place::Service(service, path), to) if !matches!(to, Place::Service(..)) => {
            let (engine, containers) = containers(context, &service, options).await?;
            out_of(context, &engine, &containers[0].id, &path, to, options).await
        }
        (from, Place::Service(service, path)) if !matches!(from, Place::Service(..)) => {
            let (engine, containers) = containers(context, &service, options).await?;
            if from == Place::Pipe && containers.len() > 1 {
                let text = format!(
                    "standard input is for one of the {} containers of `{service}`",
                    containers.len()
                );
                return Err(Failure::new(Kind::Usage, text).hint("`--index 1` names the first one"));
            }
            for container in &containers {
                into(context, &engine, &container.id, &from, &path, options).await?;
            }
            Ok(())
        }
        _ => Err(Failure::new(Kind::Usage, "`cp` copies between this machine and one service")
            .hint("for example `sofa cp web:/etc/hosts .` or `sofa cp model.bin web:/models/`")),
    }
}

/// The containers of a service, the first one first; not empty. Files are copied into and out of stopped ones too.
async fn containers(
    context: &Context,
    service: &str,
    options: Options,
) -> Result<(Engine, Vec<Container>), Failure> {
    let live = context.live_project(View::Project).await?;
    let own = live.observed.containers.iter().filter(|found| found.service == service && !found.oneoff);
    let own = own.filter(|found| options.index.is_none_or(|index| found.number == index));
    let mut own: Vec<Container> = own.cloned().collect();
    own.sort_by_key(|container| (container.number, !container.is_up()));
    if own.is_empty() {
        let text = format!("service `{service}` has no such container");
        return Err(Failure::new(Kind::Failed, text).hint("`sofa ps --all` lists the containers"));
    }
    Ok((live.engine, own))
}

async fn out_of(
    context: &Context,
    engine: &Engine,
    id: &ContainerId,
    path: &str,
    to: Place,
    options: Options,
) -> Result<(), Failure> {
    let mut path = absolute(path);
    let mut found = engine.path_stat(id, &path).await.map_err(engine_failure)?;
    let name = found.as_ref().map(|stat| stat.name.clone()).unwrap_or_default();
    if let Some(stat) = found.as_ref().filter(|stat| options.follow && !stat.link.is_empty()) {
        path = stat.link.clone();
        found = engine.path_stat(id, &path).await.map_err(engine_failure)?;
    }
    let Some(stat) = found else {
        return Err(Failure::new(Kind::Failed, format!("`{path}`: no such file or folder in the container")));
    };
    let target = match &to {
        Place::Here(folder) => Some(here(context, folder, &name, stat.is_folder(), &path)?),
        _ => None,
    };
    let (mut reader, sent) = engine.copy_out(id, &path).await.map_err(engine_failure)?;
    let ui = context.ui;
    let unpacked = tokio::task::spawn_blocking(move || match target {
        Some(target) => tree::unpack(reader, &target, options.archive),
        None => {
            let mut piece = vec![0; CHUNK];
            loop {
                match reader.read(&mut piece)? {
                    0 => return Ok(()),
                    read if ui.pass_on(&piece[..read], false).is_err() => return Ok(()),
                    _ => {}
                }
            }
        }
    });
    let (sent, unpacked) = futures_util::future::join(sent, unpacked).await;
    sent.map_err(engine_failure)?;
    let unpacked = unpacked.unwrap_or_else(|error| Err(std::io::Error::other(error)));
    unpacked.map_err(|error| Failure::new(Kind::Failed, format!("copy of `{path}`: {error}")))
}

/// Where a copy arrives on this machine: below a folder that is there, else at the path itself.
fn here(
    context: &Context,
    path: &Path,
    name: &str,
    is_folder: bool,
    source: &str,
) -> Result<PathBuf, Failure> {
    let target = context.settings.directory.join(path);
    let is_content = source.ends_with("/.");
    let wants_folder = path.as_os_str().to_string_lossy().ends_with('/');
    match target.is_dir() {
        true if is_content => Ok(target),
        true => Ok(target.join(name)),
        false if target.exists() && is_folder => {
            Err(Failure::new(Kind::Failed, format!("`{}` is a file, `{source}` a folder", path.display())))
        }
        false if wants_folder && !is_folder => {
            Err(Failure::new(Kind::Failed, format!("folder `{}` does not exist", path.display())))
        }
        false if target.parent().is_some_and(|folder| !folder.is_dir()) => {
            let folder = target.parent().unwrap_or(&target).display();
            Err(Failure::new(Kind::Failed, format!("folder `{folder}` does not exist")))
        }
        false => Ok(target),
    }
}

async fn into(
    context: &Context,
    engine: &Engine,
    id: &ContainerId,
    from: &Place,
    path: &str,
    options: Options,
) -> Result<(), Failure> {
    let path = absolute(path);
    let mut target = path.clone();
    let mut found = engine.path_stat(id, &target).await.map_err(engine_failure)?;
    if let Some(stat) = found.as_ref().filter(|stat| !stat.link.is_empty()) {
        target = stat.link.clone();
        found = engine.path_stat(id, &target).await.map_err(engine_failure)?;
    }
    let is_folder = found.as_ref().is_some_and(|stat| stat.is_folder());
    let missing = |text: String| Failure::new(Kind::Failed, text);
    let typed = match from {
        Place::Here(typed) => typed,
        _ if is_folder => return send(engine, id, &target, piped(), options).await,
        _ => return Err(missing(format!("folder `{path}` does not exist in the container"))),
    };
    let source = context.settings.directory.join(typed);
    let Ok(metadata) = (if options.follow { source.metadata() } else { source.symlink_metadata() }) else {
        return Err(missing(format!("`{}`: no such file or folder", typed.display())));
    };
    let is_content = typed.as_os_str().to_string_lossy().ends_with("/.") || typed == Path::new(".");
    let own_name = source.canonicalize().ok().and_then(|path| Some(path.file_name()?.to_owned()));
    let own_name = typed.file_name().map(ToOwned::to_owned).or(own_name).unwrap_or_default();
    let (folder, name) = match (is_folder, found.is_some()) {
        (true, _) if is_content => (target.clone(), String::new()),
        (true, _) => (target.clone(), own_name.to_string_lossy().into_owned()),
        (false, true) if metadata.is_dir() => {
            return Err(missing(format!(
                "`{path}` of the container is a file, `{}` a folder",
                typed.display()
            )));
        }
        (false, false) if path.ends_with('/') && !metadata.is_dir() => {
            return Err(missing(format!("folder `{path}` does not exist in the container")));
        }
        (false, _) => {
            let target = target.trim_end_matches('/');
            let (folder, name) = target.rsplit_once('/').unwrap_or(("", target));
            (format!("{folder}/"), name.to_owned())
        }
    };
    let follow = options.follow;
    let packed = written_by(move |writer| tree::pack(&source, &name, follow, writer));
    send(engine, id, &folder, packed, options).await
}

async fn send(
    engine: &Engine,
    id: &ContainerId,
    folder: &str,
    tar: Chunks,
    options: Options,
) -> Result<(), Failure> {
    let sent = engine.copy_in(id, folder, tar, options.archive).await;
    sent.map_err(|error| match error {
        EngineError::File { source, .. } => Failure::new(Kind::Failed, format!("copy: {source}")),
        error => engine_failure(error),
    })
}

/// Standard input, as it comes.
fn piped() -> Chunks {
    written_by(|writer| std::io::copy(&mut std::io::stdin().lock(), writer).map(drop))
}

/// A path of a container begins at its root.
fn absolute(path: &str) -> String {
    if path.starts_with('/') { path.to_owned() } else { format!("/{path}") }
}

#[cfg(test)]
mod tests {
    use super::Place;

    #[test]
    fn a_service_has_a_colon_and_no_slash_before_it() {
        let service = |name: &str, path: &str| Place::Service(name.into(), path.into());
        for (text, place) in [
            ("web:/etc/hosts", service("web", "/etc/hosts")),
            ("web:", service("web", "")),
            ("web.v1:a", service("web.v1", "a")),
            (".a:b", Place::Here(".a:b".into())),
            ("./a:b", Place::Here("./a:b".into())),
            ("/a:b", Place::Here("/a:b".into())),
            ("a", Place::Here("a".into())),
            ("-", Place::Pipe),
        ] {
            assert_eq!(Place::parse(text), place, "{text}");
        }
    }
}
