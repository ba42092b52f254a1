//! `sofa port`: prints where a port of a service is published. Reads no file.

use crate::error::{CommandResult, Exit};
use crate::ops::Context;
use crate::ops::port;

/// Arguments of `port`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Mode, service, and the port of its container.
    #[arg(value_name = "WORD")]
    pub words: Vec<String>,
    /// The number of the container, where the service has several.
    #[arg(long, value_name = "N")]
    index: Option<u32>,
    /// The port's protocol.
    #[arg(long, value_name = "PROTOCOL", default_value = "tcp", value_parser = ["tcp", "udp", "sctp"])]
    protocol: String,
}

/// Prints the host address.
///
/// # Errors
/// A port that is not published.
pub async fn run(args: Args, context: &Context) -> CommandResult {
    let address = port::published(context, args.index, &args.protocol).await?;
    // The reader may be gone: that is no failure.
    let _ = context.ui.print(&format!("{address}\n"));
    Ok(Exit::Success)
}
