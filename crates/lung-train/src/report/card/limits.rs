//! What a card says against its model.

use std::fmt::Write as _;

use mobilenet_lung::Findings;

use super::words::{in_letters, name};
use crate::data::Class;
use crate::evaluate::metrics::percent;
use crate::export::Exported;

impl Exported {
    pub(super) fn write_caveats(&self, out: &mut String) -> std::fmt::Result {
        writeln!(out, "\n## Limits\n")?;
        match self.material.of_first_patients() {
            Some((group, shares)) => {
                writeln!(
                    out,
                    "- Of the images it was trained and calibrated on, {} are known to be of {}. A model can score well by telling {}.{}",
                    self.material.in_words(&shares),
                    group.plural,
                    self.material.confusable(),
                    if self.further().is_empty() {
                        " This one has not been shown not to: look at the rows by origin."
                    } else {
                        ""
                    }
                )?;
                self.write_within_origins(out)?;
            }
            None if self.material.is_of_unknown_patients() => writeln!(
                out,
                "- Nothing is known of the age of the patients. If findings differ in age, a model can score well by telling {}; this one has not been shown not to.",
                match self.material.patients.is_empty() {
                    true => "children from adults".to_owned(),
                    false => self.material.confusable(),
                }
            )?,
            None => {}
        }
        if self.material.of_several_folders() {
            let recalls: Vec<String> = (self.tests.folders.iter())
                .map(|test| {
                    let of_each = test.classes.iter().filter(|(_, class)| class.images > 0);
                    let of_each: Vec<String> = of_each
                        .map(|(id, class)| format!("{} of {}", percent(class.recall), name(id)))
                        .collect();
                    format!("In {}: {}.", name(&test.split), of_each.join(", "))
                })
                .collect();
            writeln!(
                out,
                "- It was trained on several folders that hold findings in different shares. Size, compression and border can betray which folder an image is from, and a model can go by that instead. Called rightly: {}",
                recalls.join(" ")
            )?;
        }
        for (class, count) in &self.material.divided {
            self.write_divided(out, class, *count)?;
        }
        self.write_sources(out)?;
        if let Some(sets) = self.metadata.prediction_sets() {
            let counts: Vec<String> = (sets.calibrated_on.iter())
                .map(|(id, count)| format!("{count} {}", name(id)))
                .collect();
            writeln!(
                out,
                "- A prediction set holds the truth for at least {} of the images of each finding. That is promised only for images like those it was calibrated on, of the first data folder ({}), not for another folder or hospital. A set is never empty: it always holds the most probable finding.",
                percent(sets.coverage),
                counts.join(", ")
            )?;
        }
        let always = format!(
            "It knows {} findings and always divides all its belief among them",
            in_letters(self.metadata.findings.len())
        );
        if self.metadata.in_distribution.is_none() {
            return writeln!(
                out,
                "- {always}, also for an image that is no chest X-ray: this model cannot tell."
            );
        }
        writeln!(
            out,
            "- {always}. Its in-distribution score says how near an image is to those that it was trained on, and refuses what is far. The score does not say whether the answer is right, nor that the patient has one of its findings. An image that looks enough like a frontal chest radiograph is not refused.{}",
            match &self.tests.foreign {
                Some(_) => "",
                None => " Whether it refuses images that are none was not measured here.",
            }
        )
    }

    /// What is known of the files, and that others are not.
    fn write_sources(&self, out: &mut String) -> std::fmt::Result {
        if self.material.findings == Findings::lung_xray() {
            writeln!(
                out,
                "- Some viral files of the \"Lung X-Ray Image Dataset\" are corrupt as published (only their top third is an image).
  Where they have been repaired, scores are those of the repaired images; corrupt ones betray their class and flatter.
- The published files of that set are false-colour, squashed to a square and stretched to each image's own range. The
  loader undoes the colour."
            )?;
        }
        writeln!(
            out,
            "- It was tested on the folders named above and nowhere else. Other sources have other grey levels and other borders."
        )
    }

    /// Why the target of a class was divided, and how.
    fn write_divided(&self, out: &mut String, class: &Class, count: usize) -> std::fmt::Result {
        let findings = &self.material.findings;
        let shares: Vec<String> = (findings.ids().zip(&class.target))
            .filter(|(_, share)| **share > 0.0)
            .map(|(id, share)| format!("{} to {}", percent(f64::from(*share)), name(id)))
            .collect();
        let correct: Vec<String> = (class.correct.iter())
            .filter_map(|row| Some(name(&findings.get(*row)?.id)))
            .collect();
        let why = class.why.as_deref().map(|why| format!(" {}", name(why)));
        writeln!(
            out,
            "- {count} of the images that it was trained and calibrated on are {}.{} So the target of each was divided in training: {}. The tests count {} as correct.",
            name(&class.label(findings)),
            why.unwrap_or_default(),
            shares.join(", "),
            correct.join(" or ")
        )
    }

    /// What is known of the model within one origin, where telling origins apart is of no help.
    fn write_within_origins(&self, out: &mut String) -> std::fmt::Result {
        for test in &self.tests.folders {
            for (origin, within) in &test.origins {
                // Where all patients have the same, nothing has to be told from anything.
                let present = within
                    .calls
                    .classes
                    .values()
                    .filter(|class| class.images > 0);
                if present.count() < 2 {
                    continue;
                }
                let areas = within.against_normal_auc.iter().map(|(id, auc)| {
                    format!(
                        " Area under the ROC curve of {} against normal: {auc:.3}.",
                        name(id)
                    )
                });
                writeln!(
                    out,
                    "- Within {} of {} the origin is of no help: see the rows of these patients.{}",
                    name(origin),
                    name(&test.split),
                    areas.collect::<String>()
                )?;
            }
        }
        Ok(())
    }
}
