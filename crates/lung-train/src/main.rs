//! The command `lung`.
use std::path::PathBuf;
use clap::{Parser, Subcommand};
use lung_train::{config::TrainConfig, train::{TrainOptions, train}};

#[derive(Parser)]
struct Cli { #[command(subcommand)] command: Command }

#[derive(Subcommand)]
enum Command {
    Train { #[arg(long)] data: PathBuf, #[arg(long)] pretrained: Option<PathBuf>, #[arg(long)] out: PathBuf, #[arg(long)] config: Option<PathBuf>, #[arg(long)] resume: bool, #[arg(long)] skip_unreadable: bool, #[arg(long)] stop_after: Option<usize> },
}

fn main() -> anyhow::Result<()> {
    match Cli::parse().command {
        Command::Train { data, pretrained, out, config, resume, skip_unreadable, stop_after } => {
            let config = config.map_or_else(|| Ok(TrainConfig::default()), |p| TrainConfig::read(&p))?;
            let result = train(&TrainOptions { data, pretrained, out, config, resume, skip_unreadable, stop_after })?;
            println!("{result:?}");
        }
    }
    Ok(())
}
