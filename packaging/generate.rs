//! Writes the man pages and shell completions of the package into a folder: `generate DIR`. An example, so that the
//! binary does not hold what is needed once per release.

use std::fs;
use std::io;
use std::path::Path;

use clap_complete::Shell;

fn main() -> io::Result<()> {
    let usage = || io::Error::other("usage: generate DIR");
    let folder = std::env::args_os().nth(1).ok_or_else(usage)?;
    let folder = Path::new(&folder);
    let (man, completions) = (folder.join("man"), folder.join("completions"));
    fs::create_dir_all(&man)?;
    fs::create_dir_all(&completions)?;
    clap_mangen::generate_to(sofa::testing::command(), &man)?;
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        clap_complete::generate_to(shell, &mut sofa::testing::command(), "sofa", &completions)?;
    }
    Ok(())
}
