//! `lung card`, and how a card is written.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use clap::Args;
use lung_train::data::Shown as _;
use lung_train::evaluate::audit::Audit;
use lung_train::evaluate::elsewhere::Elsewhere;
use lung_train::files::write_atomically;
use lung_train::report::ModelCard;

use super::terminal::say;

/// Write a model card again, with more figures.
///
/// The figures are those that `lung export --card` wrote as JSON. Their file is written again too.
#[derive(Args)]
pub(crate) struct CardArgs {
    /// The figures of the card
    #[arg(long, value_name = "FILE.json")]
    figures: PathBuf,
    /// What `lung elsewhere --json` wrote for the card's model
    #[arg(long, value_name = "FILE.json")]
    elsewhere: Option<PathBuf>,
    /// What `lung audit --json` wrote; may be given again for another model on the same images
    #[arg(long, value_name = "FILE.json")]
    audit: Vec<PathBuf>,
    /// The card
    #[arg(long, value_name = "FILE.md")]
    out: PathBuf,
}

/// Where the figures of a card go.
///
/// # Errors
/// A card that would be in the place of its own figures.
pub(super) fn figures_beside(card: &Path) -> anyhow::Result<PathBuf> {
    let figures = card.with_extension("json");
    ensure!(
        figures != card,
        "a card is in Markdown, and its figures are written beside it as .json: give it another ending than {}",
        card.shown()
    );
    Ok(figures)
}

/// Writes a card, and its figures beside it. Returns where they are.
pub(super) fn write_card(contents: &ModelCard, card: &Path) -> anyhow::Result<PathBuf> {
    let figures = figures_beside(card)?;
    write_atomically(card, contents.to_markdown()?.as_bytes())?;
    write_atomically(&figures, contents.to_json()?.as_bytes())?;
    Ok(figures)
}

/// Writes a card again.
pub(crate) fn run(args: &CardArgs) -> anyhow::Result<()> {
    let text = fs::read_to_string(&args.figures)
        .with_context(|| format!("cannot read {}", args.figures.shown()))?;
    let mut card = ModelCard::read(&text)
        .with_context(|| format!("{} cannot be used", args.figures.shown()))?;
    if let Some(path) = &args.elsewhere {
        card.add_elsewhere(&Elsewhere::read(path)?)?;
    }
    card.add_audits(&Audit::read_all(&args.audit)?);
    let figures = write_card(&card, &args.out)?;
    say(&format!(
        "written to {} and {}\n",
        args.out.shown(),
        figures.shown()
    ))
}
