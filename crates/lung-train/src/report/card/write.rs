//! The card from its first line to its last.

use std::fmt::Write as _;

use mobilenet_lung::architecture::AttentionConfig;

use super::test::{write_foreign, write_test};
use super::words::{cells, in_cells, in_sentence, name};
use crate::export::Exported;

/// What every card says of how the model is to be used.
const USE: &str = include_str!("use.md");

impl Exported {
    /// The model card: Markdown made of the bundle's metadata, what it was trained on, and its tests alone.
    pub fn model_card(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        self.write_card(&mut text).ok();
        text
    }

    fn write_card(&self, out: &mut String) -> std::fmt::Result {
        let metadata = &self.metadata;
        let AttentionConfig {
            kind,
            place,
            reduction,
        } = metadata.attention;
        writeln!(out, "# Model card: {}\n", self.evaluation().model)?;
        writeln!(
            out,
            "Written by `lung export --card` from the model's metadata and its tests; not edited by hand.\n"
        )?;
        writeln!(out, "> {}\n", metadata.notice)?;
        writeln!(out, "{USE}")?;
        writeln!(out, "## The model\n")?;
        writeln!(
            out,
            "MobileNetV2 at 224 x 224 with attention within its feature layers ({kind:?}, {place:?}, reduction {reduction}), after Liu, Yu and Tan (arXiv 2408.13180). Its findings are {}. {}\n",
            metadata
                .findings
                .ids()
                .map(name)
                .collect::<Vec<_>>()
                .join(", "),
            match self.material.calibrated_on {
                0 => "Its probabilities were not calibrated.".to_owned(),
                images => format!(
                    "Its logits are scaled and moved for each finding. The numbers were fitted {}.",
                    match self.material.cross_fitted {
                        0 => format!("on {images} images that it was not trained on"),
                        trainings => format!(
                            "to {images} answers, each to an image that the answering network was not trained on. These networks are the model and {trainings} trained alike, each without one more fold"
                        ),
                    }
                ),
            }
        )?;
        writeln!(out, "- Trained on: {}", name(&metadata.trained_on))?;
        writeln!(out, "- Licence: {}", metadata.licence)?;
        if !metadata.commit.is_empty() {
            writeln!(out, "- Exported at commit: {}", metadata.commit)?;
        }
        self.write_material(out)?;
        writeln!(
            out,
            "\n## Performance\n\nThe model was not trained on any of these images. Intervals are Wilson's at 95%."
        )?;
        write_test(out, self.evaluation(), metadata)?;
        for test in self.further() {
            write_test(out, test, metadata)?;
        }
        if !self.further().is_empty() {
            let all = &self.tests.all;
            writeln!(
                out,
                "\n### {}\n\nAccuracy {}, macro F1 {:.3}.",
                name(&all.split),
                in_sentence(&all.accuracy),
                all.macro_f1
            )?;
        }
        if let Some(foreign) = &self.tests.foreign {
            write_foreign(out, foreign)?;
        }
        self.write_held_out(out)?;
        self.write_caveats(out)?;
        write!(out, "\n{}", include_str!("maintenance.md"))
    }

    /// How the trainings without a fold did on what each was not given.
    fn write_held_out(&self, out: &mut String) -> std::fmt::Result {
        if self.held_out.is_empty() {
            return Ok(());
        }
        writeln!(
            out,
            "\n### Folds that trainings were not given\n\nThe same training was repeated {} times, each time without one more fold. Each image was answered once, by a network that was not trained on it. For validation images that is the model itself.\n\nThese are more images than the test has. They are no test: settings were chosen on some of them, and the other networks had fewer images to train on. Each network is calibrated on answers to the other folds, the model on all answers. Its prediction sets are calibrated on the images of the first folder.\n\n| images | accuracy | interval | number |\n| --- | --- | --- | --- |",
            self.material.cross_fitted
        )?;
        for test in &self.held_out {
            let split = name(&test.split);
            writeln!(out, "| {split}: all | {} |", in_cells(&test.accuracy))?;
            for (origin, share) in &test.by_origin {
                writeln!(out, "| {split}: {} | {} |", name(origin), in_cells(share))?;
            }
            for (origin, within) in &test.origins {
                for called in &within.calls.called {
                    let (origin, words) = (name(origin), name(&called.in_words()));
                    writeln!(
                        out,
                        "| {split}: {origin}, {words} | {} |",
                        in_cells(&called.share)
                    )?;
                }
            }
        }
        Ok(())
    }

    fn write_material(&self, out: &mut String) -> std::fmt::Result {
        writeln!(
            out,
            "\n## Data\n\nThe images that the model was trained and calibrated on:\n"
        )?;
        let findings = &self.material.findings;
        writeln!(
            out,
            "| folder | origin | {} |",
            cells(findings.ids().map(name))
        )?;
        writeln!(
            out,
            "| --- | --- | {} |",
            cells(findings.ids().map(|_| "---"))
        )?;
        for ((source, origin), counts) in &self.material.images {
            let (source, origin) = (name(source), name(origin));
            writeln!(out, "| {source} | {origin} | {} |", cells(counts))?;
        }
        Ok(())
    }
}
