//! The host address of a port of a service. Works from labels and reads no file.

use crate::docker::edge;
use crate::error::{Failure, Kind};
use crate::ops::Context;
use crate::ops::failure::engine_failure;
use crate::ops::project::View;
use crate::ops::streams;

/// Where `SERVICE PORT` of the command line is published: `127.0.0.1:8000`.
///
/// # Errors
/// A port that is no number (exit code 2), a service that is not up, a port that is not published.
pub async fn published(context: &Context, index: Option<u32>, protocol: &str) -> Result<String, Failure> {
    let words = &context.settings.words;
    let service = streams::service_of(words, "port")?;
    let port: u16 = match words.command.as_slice() {
        [port] => port.parse().ok(),
        _ => None,
    }
    .ok_or_else(|| {
        Failure::new(Kind::Usage, "`port` needs a service and a port of its container")
            .hint(format!("for example `sofa port {service} 80`"))
    })?;
    let live = context.live_project(View::Engine).await?;
    let container = live.container_up(service, index)?;
    let mut own = container.ports.iter().filter(|found| found.target == port && found.protocol == protocol);
    let own = own.find_map(|found| Some(address(found.address.as_deref()?, found.published?)));
    if let Some(address) = own {
        return Ok(address);
    }
    let of_edge = live.observed.edge.as_ref().and_then(|found| found.container.as_ref());
    if let Some(found) = of_edge.filter(|_| container.behind_edge().is_some() && protocol == "tcp") {
        let file = edge::file(&live.engine, &found.id).await.map_err(engine_failure)?;
        let route = file.as_ref().and_then(|edge| edge.routes.get(service));
        let published = route.filter(|route| route.port == port).and_then(|route| route.published.first());
        if let Some(host) = published {
            let all = if host.address.is_empty() { "0.0.0.0" } else { &host.address };
            return Ok(format!("{all}:{}", host.port));
        }
    }
    Err(Failure::new(Kind::Failed, format!("{}: port {port}/{protocol} is not published", container.name))
        .hint("`sofa ps` lists the published ports"))
}

fn address(address: &str, port: u16) -> String {
    match address.contains(':') {
        true => format!("[{address}]:{port}"),
        false => format!("{address}:{port}"),
    }
}
