//! `sofa cp`: copies files between this machine and the containers of a service. Reads no Compose file.

use crate::error::{CommandResult, Exit, Failure, Kind};
use crate::ops::Context;
use crate::ops::cp::{self, Options, Place};

/// Arguments of `cp`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Mode, source and target: SERVICE:PATH, a path of this machine, or `-` for a tar archive on standard input or output.
    #[arg(value_name = "WORD")]
    words: Vec<String>,
    /// Keep the users and groups of files.
    #[arg(short, long)]
    archive: bool,
    /// Follow the source where it is a link.
    #[arg(short = 'L', long)]
    follow_link: bool,
    /// The number of the container. Without it a copy is from the first container of the service, or into all of them.
    #[arg(long, value_name = "N")]
    index: Option<u32>,
}

impl Args {
    /// The words that select a mode and the service: the last two are source and target.
    pub fn scope_words(&self) -> Vec<String> {
        let (before, ends) = self.words.split_at(self.words.len().saturating_sub(2));
        let service = ends.iter().find_map(|end| match Place::parse(end) {
            Place::Service(service, _) => Some(service),
            _ => None,
        });
        before.iter().cloned().chain(service).collect()
    }
}

/// Copies.
///
/// # Errors
/// No service, or two; files that do not exist, or cannot be read or written.
pub async fn run(args: Args, context: &Context) -> CommandResult {
    let [.., from, to] = args.words.as_slice() else {
        return Err(Failure::new(Kind::Usage, "`cp` needs a source and a target")
            .hint("for example `sofa cp web:/etc/hosts .`"));
    };
    let options = Options { index: args.index, archive: args.archive, follow: args.follow_link };
    cp::copy(context, Place::parse(from), Place::parse(to), options).await?;
    Ok(Exit::Success)
}
