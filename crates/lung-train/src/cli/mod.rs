//! Commands beside training: samples, the page on this machine, and what shells and manuals know.

mod composite;
mod help;
mod serve;

use std::path::PathBuf;

use clap::{Args, Command, Subcommand};
use lung_train::bench;

/// A command beside training.
#[derive(Subcommand)]
pub enum Tool {
    Composite(composite::CompositeArgs),
    Serve(serve::ServeArgs),
    Completions(help::CompletionsArgs),
    Man(help::ManArgs),
    #[command(hide = true)]
    Bench(BenchArgs),
}

/// Measure what standard input asks for; `cargo xtask bench` talks to it.
#[derive(Args)]
pub struct BenchArgs {
    /// Weights file that `lung export` wrote
    #[arg(long, value_name = "FILE")]
    model: PathBuf,
}

/// Runs one. `whole` is the command that it belongs to, and `say` prints.
///
/// # Errors
/// Those of the command.
pub fn run(
    tool: Tool,
    whole: Command,
    say: impl Fn(&str) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    match tool {
        Tool::Composite(args) => composite::run(args).and_then(|text| say(&text)),
        Tool::Serve(args) => serve::run(&args, say),
        Tool::Completions(args) => say(&help::completions(&args, whole)),
        Tool::Man(args) => help::man(&args, whole).and_then(|page| say(&page)),
        Tool::Bench(args) => bench::serve(
            &args.model,
            std::io::stdin().lock(),
            std::io::stdout().lock(),
        ),
    }
}
