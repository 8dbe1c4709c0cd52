//! `lung compare`: what it takes, and what it prints.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use lung_train::compare::{
    CompareOptions, Protocol, Recipe, StartKind, compare, measure, tables_only,
};
use lung_train::networks::Architecture;
use lung_train::train::TrainingDevice;
use mobilenet_lung::network::BatchNorms;

use super::images::ImagesArgs;

/// Compare MobileNet-Lung with the paper's other networks under one protocol.
///
/// DIR is a data folder as for `lung train`. Every network is trained alike: the same images, seeds, augmentation,
/// optimizer, schedule and number of epochs. RUN holds a file for each network, start, protocol, fold and seed, and at the
/// end table.md and table.json. After a kill, the same command goes on; with more seeds, folds or networks it adds those.
///
/// Weights to start from are torchvision's own .pth files, or .safetensors with its names, batch norm in it or folded:
///     --pretrained resnet18=resnet18-f37072fd.pth
/// Those of mobilenetv2 serve MobileNet-Lung too. Networks without any start from scratch, and the table says so.
///
/// RUN/networks keeps the trained networks. With --elsewhere each is asked of images of other hospitals too.
///
/// Cells can be published: their files name no image. With --tables-only the tables are made of them without any data.
///
/// With --attention, MobileNet-Lung's attentions are compared instead, to choose one: by cross-validation within folds 1
/// to 4, so that fold 0 stays for the test of what was chosen.
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub struct CompareArgs {
    /// Folder of class folders
    #[arg(long, value_name = "DIR", required_unless_present_any = ["measure", "tables_only"])]
    data: Option<PathBuf>,
    /// Folder of the comparison
    #[arg(long, value_name = "RUN", required_unless_present = "measure")]
    out: Option<PathBuf>,
    /// Networks, the one that others are held against first: squeezenet, vgg11, resnet18, densenet121, mobilenetv2,
    /// mobilenet-lung, or mobilenet-lung-none, -se-last, -se-stages, -cbam-last, -cbam-stages [default: the six of the
    /// paper; with --attention, the last five]
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    networks: Vec<Architecture>,
    /// Weights for a network to start from
    #[arg(long, value_name = "NAME=FILE", value_parser = name_and_file)]
    pretrained: Vec<(Architecture, PathBuf)>,
    /// Where networks start
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = [Start::Best, Start::Scratch])]
    start: Vec<Start>,
    /// How images are divided
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = [Division::Paper, Division::Grouped], conflicts_with = "attention")]
    protocol: Vec<Division>,
    /// Folds to test on, 0 to 4 [default: 0; with --attention, 1 to 4]
    #[arg(long, value_delimiter = ',')]
    folds: Vec<usize>,
    /// Seeds of first weights, order, augmentation and dropout
    #[arg(long, value_delimiter = ',', default_values_t = [1, 2, 3])]
    seeds: Vec<u64>,
    /// How all are trained
    #[arg(long, value_enum, default_value_t = RecipeName::Plain)]
    recipe: RecipeName,
    /// Width and height that images are squashed to; the paper's is 224 [default: 96; of the shipped recipe 224]
    #[arg(long)]
    side: Option<u32>,
    /// Passes over the training images [default: 10; of the shipped recipe as many as the model had]
    #[arg(long)]
    epochs: Option<usize>,
    /// Images a step [default: 32]
    #[arg(long)]
    batch: Option<usize>,
    /// Peak learning rate of what starts from scratch [default: the recipe's]
    #[arg(long)]
    fresh_learning_rate: Option<f64>,
    /// Peak learning rate of pretrained weights [default: the recipe's]
    #[arg(long)]
    learning_rate: Option<f64>,
    /// Also count what each network calls the images of this table, as `lung elsewhere --table` does
    #[arg(long, value_name = "FILE.csv")]
    elsewhere: Option<PathBuf>,
    /// What to train on: cpu, or gpu where this command was built with GPU support
    #[arg(long, value_name = "DEVICE", default_value_t)]
    device: TrainingDevice,
    /// Compare MobileNet-Lung's attentions within folds 1 to 4
    #[arg(long)]
    attention: bool,
    #[command(flatten)]
    images: ImagesArgs,
    /// Make the tables of the cells that RUN has, and stop
    #[arg(long, conflicts_with_all = ["data", "measure", "elsewhere"])]
    tables_only: bool,
    /// Measure how fast the networks are here at this side and batch, and stop
    #[arg(long)]
    measure: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Start {
    /// Each from the weights that --pretrained gives it, else from scratch
    Best,
    /// All from scratch
    Scratch,
}

#[derive(Clone, Copy, ValueEnum)]
enum RecipeName {
    /// One stage, the same for all
    Plain,
    /// That of the model that ships: its augmentation, draws, average and schedule
    Shipped,
}

#[derive(Clone, Copy, ValueEnum)]
enum Division {
    /// The paper's: 80/10/10 at random by file
    Paper,
    /// The folds of groups.csv: no patient on both sides
    Grouped,
}

fn name_and_file(text: &str) -> Result<(Architecture, PathBuf), String> {
    let (name, file) = text
        .split_once('=')
        .ok_or_else(|| "it must be NAME=FILE, for example resnet18=resnet18.pth".to_owned())?;
    let network = name
        .parse()
        .map_err(|error: lung_train::networks::UnknownNetwork| error.to_string())?;
    Ok((network, file.into()))
}

/// Runs the comparison and returns what to print.
pub fn run(args: CompareArgs) -> anyhow::Result<String> {
    if args.tables_only {
        let out = args.out.context("--out is missing")?;
        return tables_only(&out, &args.networks)?.to_markdown();
    }
    let recipe = recipe(&args)?;
    let networks = match (args.networks.is_empty(), args.attention) {
        (false, _) => args.networks,
        (true, false) => Architecture::of_the_paper().to_vec(),
        (true, true) => Architecture::with_every_attention().to_vec(),
    };
    if args.measure {
        return measured(&networks, recipe.side, recipe.batch);
    }
    let reference = networks.first().copied().context("--networks is empty")?;
    let table = compare(&CompareOptions {
        data: args.data.context("--data is missing")?,
        out: args.out.clone().context("--out is missing")?,
        reference,
        networks,
        pretrained: args.pretrained,
        starts: args
            .start
            .iter()
            .map(|start| match start {
                Start::Best => StartKind::Best,
                Start::Scratch => StartKind::Scratch,
            })
            .collect(),
        protocols: if args.attention {
            vec![Protocol::Inner]
        } else {
            args.protocol
                .iter()
                .map(|division| match division {
                    Division::Paper => Protocol::Paper,
                    Division::Grouped => Protocol::Grouped,
                })
                .collect()
        },
        folds: match (args.folds.is_empty(), args.attention) {
            (false, _) => args.folds,
            (true, false) => vec![0],
            (true, true) => Protocol::Inner.folds().collect(),
        },
        seeds: args.seeds,
        recipe,
        device: args.device,
        skip_unreadable: args.images.skip_unreadable,
        leave_out: args.images.leave_out,
        allow_duplicates: args.images.allow_duplicates,
        elsewhere: args.elsewhere,
        stop_after: None,
    })?;
    table.map_or_else(|| Ok(String::new()), |table| table.to_markdown())
}

/// The recipe that is asked for, with what is given in the place of its own.
fn recipe(args: &CompareArgs) -> anyhow::Result<Recipe> {
    let recipe = match args.recipe {
        RecipeName::Plain => Recipe::default(),
        RecipeName::Shipped => Recipe::shipped()?,
    };
    Ok(Recipe {
        side: args.side.unwrap_or(recipe.side),
        epochs: args.epochs.unwrap_or(recipe.epochs),
        batch: args.batch.unwrap_or(recipe.batch),
        fresh_learning_rate: args
            .fresh_learning_rate
            .unwrap_or(recipe.fresh_learning_rate),
        learning_rate: args.learning_rate.unwrap_or(recipe.learning_rate),
        ..recipe
    })
}

/// A line for each network, with its batch norms and where that is possible without.
fn measured(networks: &[Architecture], side: u32, batch: usize) -> anyhow::Result<String> {
    let mut text = format!(
        "{:<44} {:>12} {:>18} {:>16}\n",
        format!("{side} x {side}, batch {batch}"),
        "ms an image",
        "gradients, images/s",
        "trained, images/s"
    );
    for network in networks {
        anyhow::ensure!(
            side as usize >= network.least_side(),
            "--side is {side}; {} needs at least {}",
            network.title(),
            network.least_side()
        );
        let forms: &[BatchNorms] = match network.can_be_folded() {
            true => &[BatchNorms::Kept, BatchNorms::Folded],
            false => &[BatchNorms::Kept],
        };
        for &norms in forms {
            let speed = measure(*network, norms, side as usize, batch)?;
            text += &format!(
                "{:<44} {:>12.2} {:>18.1} {:>16.1}\n",
                format!(
                    "{network}{}",
                    match norms {
                        BatchNorms::Folded => ", batch norm folded",
                        BatchNorms::Kept => "",
                    }
                ),
                speed.inference_ms,
                speed.gradients_per_second,
                speed.trained_per_second
            );
        }
    }
    Ok(text)
}
