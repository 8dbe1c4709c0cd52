//! The table for people.

use std::fmt::Write as _;

use mobilenet_lung::Findings;

use super::options::StartKind;
use super::recipe::RecipeKind;
use super::table::{Part, Row, Table};
use crate::evaluate::metrics::p_in_words;

impl Table {
    /// The table in Markdown.
    pub fn to_markdown(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        self.write_markdown(&mut text).ok();
        text
    }

    fn write_markdown(&self, out: &mut String) -> std::fmt::Result {
        let recipe = &self.recipe;
        writeln!(out, "# Comparison on {}\n", self.data)?;
        writeln!(
            out,
            "All networks alike, by the {10} recipe: images of {0} x {0}, {1} epochs of batches of {2}, AdamW (peak {3} for what starts from \
             scratch, {4} for what does not; decay {5}), warm-up and cosine, label smoothing {6}, average of the weights \
             ({7}), the same augmentation. Folds {8}, seeds {9}. Nothing was chosen by the test images or for one network.\n",
            recipe.side,
            recipe.epochs,
            recipe.batch,
            recipe.fresh_learning_rate,
            recipe.learning_rate,
            recipe.weight_decay,
            recipe.label_smoothing,
            recipe.average,
            list(&mut self.folds.iter().map(ToString::to_string)),
            list(&mut self.seeds.iter().map(ToString::to_string)),
            match recipe.kind {
                RecipeKind::Plain => "plain",
                RecipeKind::Shipped => "shipped model's",
            },
        )?;
        writeln!(
            out,
            "Accuracy, F1 and recall are means over the seeds; the interval is Wilson's at 95% for the test images, each \
             counted once. p is of McNemar's exact test against {}, seed by seed, on the same images. Multiply-adds and \
             milliseconds are for one image of that size; the milliseconds are medians on the machine that made this \
             table.",
            self.reference.title()
        )?;
        self.parts.iter().try_for_each(|part| write_part(out, part))
    }
}

fn list(numbers: &mut dyn Iterator<Item = String>) -> String {
    numbers.collect::<Vec<_>>().join(", ")
}

fn write_part(out: &mut String, part: &Part) -> std::fmt::Result {
    let start = match part.start {
        StartKind::Best => "The best start that could be had",
        StartKind::Scratch => "All from scratch",
    };
    writeln!(out, "\n## {start}; {}\n", part.division)?;
    writeln!(
        out,
        "{} test images; {} training images of all folds together.\n",
        part.images[1], part.images[0]
    )?;
    writeln!(
        out,
        "| network | start | accuracy | 95% interval | by seed | macro F1 | recall: normal | opacity | viral | p \
         | parameters | multiply-adds | f16 | ms an image |"
    )?;
    writeln!(
        out,
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |"
    )?;
    part.rows.iter().try_for_each(|row| write_row(out, row))
}

fn write_row(out: &mut String, row: &Row) -> std::fmt::Result {
    let recall = |id| row.recall.get(id).map(|recall| format!("{recall:.3}"));
    let findings = Findings::lung_xray();
    let recall: Vec<String> = findings.ids().filter_map(recall).collect();
    let recall = recall.join(" | ");
    let p = if row.versus.is_empty() {
        "reference".to_owned()
    } else {
        list(&mut row.versus.iter().map(|versus| p_in_words(versus.p)))
    };
    writeln!(
        out,
        "| {} | {} | {:.3} | {:.3} to {:.3} | {} | {:.3} | {recall} | {p} | {:.2} M | {:.0} M | {:.1} MB | {:.1} |",
        row.title,
        row.start,
        row.accuracy,
        row.interval[0],
        row.interval[1],
        list(
            &mut row
                .accuracy_by_seed
                .iter()
                .map(|share| format!("{share:.3}"))
        ),
        row.macro_f1,
        row.size.parameters as f64 / 1e6,
        row.size.multiply_adds as f64 / 1e6,
        row.size.bytes as f64 / 1e6,
        row.size.inference_ms,
    )
}
