//! What packages ship beside the binary: completions for shells, and manual pages.

use std::fs;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, Command};
use clap_complete::Shell;

use super::print::answer;
use crate::exit::Failure;

/// Arguments of `tripline man`.
#[derive(Debug, Args)]
pub struct ManArgs {
    /// Write a page for every command into this folder, instead of printing the main one.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}

/// `tripline completions`: prints what the shell reads.
///
/// # Errors
/// When standard output cannot be written to.
pub fn completions(shell: Shell, mut command: Command) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, "tripline", &mut script);
    answer(&String::from_utf8_lossy(&script))
}

/// `tripline man`.
///
/// # Errors
/// When the folder or standard output cannot be written to.
pub fn man(args: &ManArgs, command: Command) -> Result<(), Failure> {
    let command = command.disable_help_subcommand(true);
    let Some(folder) = &args.out else {
        let mut page = Vec::new();
        let written = clap_mangen::Man::new(command).render(&mut page);
        written.context("cannot write the manual page")?;
        return answer(&String::from_utf8_lossy(&page));
    };
    fs::create_dir_all(folder)
        .and_then(|()| clap_mangen::generate_to(command, folder))
        .with_context(|| format!("cannot write the manual pages to `{}`", folder.display()))?;
    answer(&format!(
        "wrote the pages to {folder}: `man -l {folder}/tripline.1` shows the first\n",
        folder = folder.display()
    ))
}
