//! The command line, and which command runs.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory as _, Parser, Subcommand};
use lung_train::bench;

use super::card::{self, CardArgs};
use super::compare::{self, CompareArgs};
use super::composite::{self, CompositeArgs};
use super::elsewhere::{self, ElsewhereArgs};
use super::evaluate::{AuditArgs, EvaluateArgs, run_audit, run_evaluate};
use super::export::{self, ExportArgs};
use super::help::{self, CompletionsArgs, ManArgs};
use super::memory;
use super::pictures::{PhantomArgs, PictureArgs, run_phantom, run_picture};
use super::predict::{self, PredictArgs};
use super::serve::{self, ServeArgs};
use super::terminal::{say, set_up, tell};
use super::train::{self, TrainArgs};

/// Train, evaluate, export and run MobileNet-Lung, a chest X-ray classifier.
///
/// It calls a radiograph one of the findings that it was trained on. It is research software, not a medical device.
///
/// A first try without any data:
///     lung phantom --out phantoms
///     lung train --data phantoms --out runs/first
///     lung export --run runs/first --out models
///     lung predict --model models/mobilenet-lung-*.safetensors phantoms
#[derive(Parser)]
#[command(name = "lung", version, verbatim_doc_comment)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Train(TrainArgs),
    Evaluate(EvaluateArgs),
    Audit(AuditArgs),
    Elsewhere(ElsewhereArgs),
    Export(ExportArgs),
    Card(CardArgs),
    Predict(PredictArgs),
    Picture(PictureArgs),
    Phantom(PhantomArgs),
    Compare(CompareArgs),
    Composite(CompositeArgs),
    Serve(ServeArgs),
    Completions(CompletionsArgs),
    Man(ManArgs),
    #[command(hide = true)]
    Bench(BenchArgs),
}

/// Measure what standard input asks for; `cargo xtask bench` talks to it.
#[derive(Args)]
struct BenchArgs {
    /// Weights file that `lung export` wrote
    #[arg(long, value_name = "FILE")]
    model: PathBuf,
}

/// Runs the command of this process.
pub(crate) fn main() -> ExitCode {
    memory::keep();
    set_up();
    let result = match Cli::parse().command {
        Command::Train(args) => train::run(args),
        Command::Evaluate(args) => run_evaluate(&args),
        Command::Audit(args) => run_audit(&args),
        Command::Elsewhere(args) => elsewhere::run(&args),
        Command::Export(args) => export::run(&args),
        Command::Card(args) => card::run(&args),
        Command::Predict(args) => return predict::run(&args),
        Command::Picture(args) => run_picture(&args),
        Command::Phantom(args) => run_phantom(&args),
        Command::Compare(args) => compare::run(args).and_then(|text| say(&text)),
        Command::Composite(args) => composite::run(args).and_then(|text| say(&text)),
        Command::Serve(args) => serve::run(&args),
        Command::Completions(args) => say(&help::completions(&args, Cli::command())),
        Command::Man(args) => help::man(&args, Cli::command()).and_then(|page| say(&page)),
        Command::Bench(args) => bench::serve(
            &args.model,
            std::io::stdin().lock(),
            std::io::stdout().lock(),
        ),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tell(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}
