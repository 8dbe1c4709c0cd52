//! `lung completions` and `lung man`: what shells and readers of manuals know of the command.

use anyhow::Context as _;
use clap::{Args, Command};
use clap_complete::Shell;

/// Print what a shell completes commands and options with.
///
/// For bash: lung completions bash > ~/.local/share/bash-completion/completions/lung
#[derive(Args)]
pub struct CompletionsArgs {
    /// The shell
    shell: Shell,
}

/// Print the manual page of the command, or of one of its subcommands.
///
/// To read it: lung man train | man -l -
#[derive(Args)]
pub struct ManArgs {
    /// A subcommand, such as train
    subcommand: Option<String>,
}

/// The completions of a command.
pub fn completions(args: &CompletionsArgs, mut command: Command) -> String {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, "lung", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

/// The manual page of a command.
///
/// # Errors
/// A subcommand that is not there.
pub fn man(args: &ManArgs, mut command: Command) -> anyhow::Result<String> {
    command.build();
    if let Some(name) = &args.subcommand {
        let found = command.find_subcommand(name).cloned();
        command = found.with_context(|| {
            format!("lung has no subcommand {name}; `lung --help` lists those that it has")
        })?;
    }
    let mut page = Vec::new();
    clap_mangen::Man::new(command).render(&mut page)?;
    Ok(String::from_utf8_lossy(&page).into_owned())
}
