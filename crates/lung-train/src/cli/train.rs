//! `lung train`.

use std::path::PathBuf;

use clap::Args;
use lung_train::config::TrainConfig;
use lung_train::data::Shown as _;
use lung_train::train::{TrainOptions, TrainingDevice, train};

use super::images::ImagesArgs;
use super::terminal::say;

/// Train a model on a folder of labelled radiographs.
///
/// DIR holds 2 to 20 class folders, of any names. A dataset.toml beside them says what folders count as where they are no
/// findings of their own (docs/reference/dataset.md). If DIR holds a groups.csv (file,label,group,origin,fold), no group is ever
/// divided between training and testing; else patients are told by the names of files where those have numbers of a known
/// form, and folds are made of a hash of names. Images that are identical, or all but, are one group, and are
/// listed; the same image in two classes stops the training. Of the fold that is left for the test, nothing is trained on.
///
/// First the head and the attention are trained on the features of the frozen backbone, then the network from its last
/// feature layers down; then all of that again without each of the other folds, to calibrate the model by (cross_fit =
/// false leaves that out). What these trainings answer to the images that each was not given is in RUN/labels.csv, the
/// labels that they believe least first: some may be wrong. RUN holds a log line and a checkpoint for each epoch; after a
/// kill, the same command with --resume goes on and ends where an unbroken run would. Images, device and configuration must be
/// those that the run was begun with; only learning rates may be lower, after a loss that is no number.
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct TrainArgs {
    /// Folder of class folders; may be given again for more images to train on, each folder with a test fold of its own
    #[arg(long, value_name = "DIR", required = true)]
    data: Vec<PathBuf>,
    /// MobileNetV2 backbone to start from: safetensors, torchvision's names, batch norm folded [default: random weights]
    #[arg(long, value_name = "FILE")]
    pretrained: Option<PathBuf>,
    /// Folder of the run; must not hold another
    #[arg(long, value_name = "RUN")]
    out: PathBuf,
    /// TOML file with what differs from the defaults; `lung train --print-config` shows all of them
    #[arg(long, value_name = "FILE.toml")]
    config: Option<PathBuf>,
    /// What to train on: cpu, or gpu where this command was built with GPU support
    #[arg(long, value_name = "DEVICE", default_value_t)]
    device: TrainingDevice,
    /// Override the configuration's seed
    #[arg(long)]
    seed: Option<u64>,
    /// Override how many images an epoch draws; 0 is as many as there are
    #[arg(long, value_name = "N")]
    draws: Option<usize>,
    /// Override how many passes over the images the network itself is trained (fine_tune.epochs)
    #[arg(long, value_name = "N")]
    epochs: Option<usize>,
    /// Override after how many epochs without a lower validation loss the training ends; 0 is never (fine_tune.patience)
    #[arg(long, value_name = "N")]
    patience: Option<usize>,
    /// What the class folders count as [default: the dataset.toml beside them, if there is one]
    #[arg(long, value_name = "FILE.toml")]
    dataset: Option<PathBuf>,
    /// Go on from the run's last checkpoint
    #[arg(long)]
    resume: bool,
    #[command(flatten)]
    images: ImagesArgs,
    /// Print the configuration in force and stop
    #[arg(long)]
    print_config: bool,
}

/// Trains, and says what comes next.
pub(crate) fn run(args: TrainArgs) -> anyhow::Result<()> {
    let mut config = match &args.config {
        Some(path) => TrainConfig::read(path)?,
        None => TrainConfig::default(),
    };
    if let Some(seed) = args.seed {
        config.seed = seed;
    }
    if let Some(draws) = args.draws {
        config.draws = draws;
    }
    if let Some(epochs) = args.epochs {
        config.fine_tune.epochs = epochs;
    }
    if let Some(patience) = args.patience {
        config.fine_tune.patience = patience;
    }
    if args.print_config {
        return say(&toml::to_string(&config)?);
    }
    let out = args.out.clone();
    let result = train(&TrainOptions {
        data: args.data,
        pretrained: args.pretrained,
        out: args.out,
        config,
        device: args.device,
        resume: args.resume,
        skip_unreadable: args.images.skip_unreadable,
        leave_out: args.images.leave_out,
        description: args.dataset,
        allow_duplicates: args.images.allow_duplicates,
        stop_after: None,
    })?;
    if let Some(result) = result {
        if let Some(accuracy) = result.validation_accuracy {
            say(&format!(
                "validation accuracy {accuracy:.3}, temperature {:.2}\n",
                result.calibration.temperature
            ))?;
        }
        say(&format!(
            "next: lung export --run {} --out www/models\n",
            out.shown()
        ))?;
    }
    Ok(())
}
