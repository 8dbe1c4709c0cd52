//! The model card: nothing in it but what was counted or measured.

use std::fmt::Write as _;

use mobilenet_lung::architecture::AttentionConfig;
use mobilenet_lung::{Findings, Metadata};

use crate::data::Class;
use crate::export::Exported;
use crate::metrics::{BINS, Evaluation, ForeignMetrics, NOT_IN_MODEL, Share, percent};

/// A row of a table of these cells.
fn cells(cells: impl IntoIterator<Item = impl std::fmt::Display>) -> String {
    let cells = cells.into_iter().map(|cell| cell.to_string());
    cells.collect::<Vec<_>>().join(" | ")
}

/// A share with its interval and numbers, in a sentence.
fn in_sentence(share: &Share) -> String {
    if share.images == 0 {
        return "of no image".to_owned();
    }
    let [low, high] = share.interval;
    format!(
        "{} ({} to {}; {} of {})",
        percent(share.share),
        percent(low),
        percent(high),
        share.correct,
        share.images
    )
}

/// The last three cells of a row: a share, its interval, its numbers.
fn in_cells(share: &Share) -> String {
    if share.images == 0 {
        return "- | - | 0 of 0".to_owned();
    }
    let [low, high] = share.interval;
    format!(
        "{} | {} to {} | {} of {}",
        percent(share.share),
        percent(low),
        percent(high),
        share.correct,
        share.images
    )
}

/// A name that somebody else gave, fit for a cell of a table and for text: on one line, and nothing in it means anything
/// to Markdown or HTML.
fn name(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '&' => out += "&amp;",
            '\\' | '|' | '`' | '*' | '[' | ']' => out.extend(['\\', c]),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

/// What every card says of how the model is to be used.
const USE: &str = include_str!("card/use.md");

impl Exported {
    /// The test on the first data folder: what is reported of the model.
    pub fn evaluation(&self) -> &Evaluation {
        self.tests.folders.first().unwrap_or(&self.tests.all)
    }

    /// The tests on the further data folders.
    pub fn further(&self) -> &[Evaluation] {
        self.tests.folders.get(1..).unwrap_or_default()
    }

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
        write!(out, "\n{}", include_str!("card/maintenance.md"))
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

    fn write_caveats(&self, out: &mut String) -> std::fmt::Result {
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

fn write_test(out: &mut String, test: &Evaluation, metadata: &Metadata) -> std::fmt::Result {
    writeln!(out, "\n### {}\n", name(&test.split))?;
    writeln!(
        out,
        "| images | accuracy | interval | number |\n| --- | --- | --- | --- |"
    )?;
    writeln!(out, "| all | {} |", in_cells(&test.accuracy))?;
    for (origin, share) in &test.by_origin {
        writeln!(out, "| {} | {} |", name(origin), in_cells(share))?;
    }
    writeln!(out, "\nMacro F1 {:.3}.", test.macro_f1)?;
    if let Some(c) = &test.calibration {
        writeln!(
            out,
            "Of the probabilities: expected calibration error {:.3} ({BINS} bins of the most probable finding), log loss {:.3}, Brier score {:.3}.",
            c.expected_error, c.log_loss, c.brier
        )?;
    }
    if let Some(r) = &test.risk_coverage {
        writeln!(
            out,
            "Area under the curve of risk against coverage {:.4}.",
            r.area
        )?;
    }
    writeln!(
        out,
        "\n| finding | precision | recall | F1 | images | AUC | average precision |\n| --- | --- | --- | --- | --- | --- | --- |"
    )?;
    for (id, c) in test.classes.iter() {
        let (auc, precision) = match test.curves.get(id) {
            Some(curves) => (
                format!("{:.3}", curves.auc),
                format!("{:.3}", curves.average_precision),
            ),
            None => ("-".to_owned(), "-".to_owned()),
        };
        writeln!(
            out,
            "| {} | {:.3} | {:.3} | {:.3} | {} | {auc} | {precision} |",
            name(id),
            c.precision,
            c.recall,
            c.f1,
            c.images
        )?;
    }
    write_confusion(out, test)?;
    writeln!(
        out,
        "\n| patients | share | interval | number |\n| --- | --- | --- | --- |"
    )?;
    for (origin, within) in &test.origins {
        for called in &within.calls.called {
            let words = name(&called.in_words());
            writeln!(
                out,
                "| {}: {words} | {} |",
                name(origin),
                in_cells(&called.share)
            )?;
        }
    }
    match (&test.prediction_sets, metadata.prediction_sets()) {
        (Some(sets), Some(wanted)) => {
            writeln!(
                out,
                "\nPrediction sets are to hold {} of each finding. They have {:.2} findings in the mean. Right of those with one finding: {}.\n",
                percent(wanted.coverage),
                sets.mean_size,
                in_sentence(&sets.single_correct)
            )?;
            writeln!(
                out,
                "| finding | in its set | interval | number |\n| --- | --- | --- | --- |"
            )?;
            for (id, share) in sets.coverage.iter() {
                writeln!(out, "| {} | {} |", name(id), in_cells(share))?;
            }
        }
        _ => writeln!(out, "\nPrediction sets: {NOT_IN_MODEL}.")?,
    }
    match &test.in_distribution {
        Some(r) => writeln!(
            out,
            "\nRefused as no frontal chest radiograph: {}. Of the others right: {}.",
            in_sentence(&r.refused),
            in_sentence(&r.accepted_correct)
        ),
        None => writeln!(out, "\nIn-distribution score: {NOT_IN_MODEL}."),
    }
}

/// The confusion matrix.
fn write_confusion(out: &mut String, test: &Evaluation) -> std::fmt::Result {
    let ids = || test.classes.iter().map(|(id, _)| id);
    writeln!(out, "\n| truth \\ called | {} |", cells(ids().map(name)))?;
    writeln!(out, "| --- | {} |", cells(ids().map(|_| "---")))?;
    for (id, row) in ids().zip(&test.confusion) {
        writeln!(out, "| {} | {} |", name(id), cells(row))?;
    }
    Ok(())
}

fn write_foreign(out: &mut String, foreign: &ForeignMetrics) -> std::fmt::Result {
    writeln!(
        out,
        "\n### Images that are no frontal chest radiographs: {}\n",
        name(&foreign.folder)
    )?;
    match (&foreign.refused, foreign.auroc) {
        (Some(refused), Some(auroc)) => writeln!(
            out,
            "Refused {}. Area under the ROC curve of the in-distribution score, test images against these: {auroc:.3}. \
             The score and its limit were tuned with images like these in sight. On others it may do worse.",
            in_sentence(refused)
        ),
        _ if foreign.images == 0 => writeln!(out, "None of them could be read."),
        _ => writeln!(out, "Whether they are refused: {NOT_IN_MODEL}."),
    }
}

/// A small number in letters.
fn in_letters(number: usize) -> String {
    match number {
        2 => "two".to_owned(),
        3 => "three".to_owned(),
        4 => "four".to_owned(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use mobilenet_lung::ByFinding;
    use mobilenet_lung::bundle::OperatingPoint;
    use mobilenet_lung::{InDistribution, PredictionSets, Spread};

    use super::*;
    use crate::data::Description;
    use crate::evaluate::Tests;
    use crate::material::Material;
    use crate::metrics::{Outcome, Tested};

    fn by_finding<T>(values: [T; 3]) -> ByFinding<T> {
        ByFinding::new(&Findings::lung_xray(), values)
    }

    fn outcome(source: &str, origin: &str, truth: &str, called: &str) -> Outcome {
        let probabilities = by_finding([0.1; 3]);
        let findings = Findings::lung_xray();
        let share = |id: &str| if id == called { 0.8 } else { 0.1 };
        let probabilities =
            ByFinding::new(&findings, probabilities.iter().map(|(id, _)| share(id)));
        Outcome {
            file: format!("{truth}/1.png"),
            path: "1.png".into(),
            source: source.to_owned(),
            origin: origin.to_owned(),
            truth: truth.to_owned(),
            also_correct: Vec::new(),
            called: called.to_owned(),
            probabilities,
            prediction_set: Some(vec![called.to_owned()]),
            in_distribution: Some(InDistribution {
                score: 0.75,
                accepted: true,
            }),
            evidence: by_finding([[[0.0; 7]; 7]; 3]),
        }
    }

    fn exported(folders: &[&[Outcome]], foreign: bool) -> Exported {
        let findings = Findings::lung_xray();
        let tested = Tested {
            model: "model",
            operating_point: "default",
            findings: &findings,
        };
        let test = |split: &str, outcomes: &[Outcome]| {
            Evaluation::new(&tested, split.into(), outcomes, Vec::new())
        };
        let all = folders.concat();
        let bacterial = Class {
            kind: Some("bacterial".to_owned()),
            target: vec![0.0, 0.75, 0.25],
            why: Some("They look alike.".to_owned()),
            ..Class::of(1, 3)
        };
        let mut material = Material {
            findings: findings.clone(),
            images: BTreeMap::new(),
            divided: vec![(bacterial, 5)],
            patients: Description::lung_xray().origin.patients,
            calibrated_on: 36,
            cross_fitted: 0,
        };
        material.divided.truncate(folders.len() - 1);
        for outcome in &all {
            let key = (outcome.source.clone(), outcome.origin.clone());
            let row = findings.row(&outcome.truth).unwrap();
            material.images.entry(key).or_insert_with(|| vec![0; 3])[row] += 7;
        }
        let odd = (
            "leg.png".to_owned(),
            all[0].in_distribution,
            "Normal".to_owned(),
        );
        Exported {
            file: "model.safetensors".into(),
            metadata: Metadata {
                operating_points: vec![OperatingPoint {
                    prediction_sets: Some(PredictionSets {
                        coverage: 0.9,
                        thresholds: by_finding([0.3; 3]),
                        calibrated_on: by_finding([11, 12, 13]),
                    }),
                    ..OperatingPoint::plain("default", &findings)
                }],
                in_distribution: Some(Spread {
                    variances: vec![1.0],
                    other_variance: 1.0,
                    limit: 1.0,
                }),
                trained_on: "<b>main</b>".to_owned(),
                notice: material.notice(),
                ..Metadata::plain(findings.clone(), AttentionConfig::default())
            },
            tests: Tests {
                foreign: foreign
                    .then(|| ForeignMetrics::new("odd".into(), &[odd], Vec::new(), &all)),
                folders: folders
                    .iter()
                    .map(|outcomes| test(&format!("{}, fold 0", outcomes[0].source), outcomes))
                    .collect(),
                all: test("all", &all),
            },
            held_out: Vec::new(),
            material,
        }
    }

    const NORMAL: &str = "Normal";
    const OPACITY: &str = "Lung_Opacity";
    const VIRAL: &str = "Viral Pneumonia";

    #[test]
    fn without_children_of_another_folder_nothing_is_shown_of_the_shortcut() {
        let main = [
            outcome("main", "adult", NORMAL, NORMAL),
            outcome("main", "adult", OPACITY, OPACITY),
            outcome("main", "paediatric", VIRAL, VIRAL),
        ];
        let exported = exported(&[&main], false);
        assert_eq!(
            exported.metadata.notice,
            "Research software, not a medical device. Of the images it was trained on, 0 of 7 Normal (0.0%), 0 of 7 \
             Lung_Opacity (0.0%), 7 of 7 Viral Pneumonia (100.0%) are known to be of children. It may tell children \
             from adults instead of one finding from another."
        );
        let card = exported.model_card();
        for words in [
            "has not been shown not to",
            "Within adult of main, fold 0",
            "always divides all its belief among them. Its in-distribution score says",
            "was not measured here",
            "| Lung_Opacity | 100.0% | 20.7% to 100.0% | 1 of 1 |",
            "&lt;b&gt;main&lt;/b&gt;",
            "11 Normal, 12 Lung_Opacity, 13 Viral Pneumonia",
            "scaled and moved for each finding. The numbers were fitted on 36 images that it was not trained on",
        ] {
            assert!(card.contains(words), "{words}: {card}");
        }
        assert!(!card.contains("several folders"), "{card}");
        assert!(!card.contains("bacterial"), "{card}");
    }

    #[test]
    fn children_of_another_folder_are_spoken_of_as_measured() {
        let main = [
            outcome("main", "adult", NORMAL, NORMAL),
            outcome("main", "adult", OPACITY, OPACITY),
            outcome("main", "paediatric", VIRAL, VIRAL),
        ];
        let further = [
            outcome("kids|2", "paediatric", NORMAL, VIRAL),
            outcome("kids|2", "paediatric", NORMAL, NORMAL),
            outcome("kids|2", "paediatric", OPACITY, NORMAL),
            outcome("kids|2", "paediatric", VIRAL, VIRAL),
        ];
        let card = exported(&[&main, &further], true).model_card();
        for words in [
            "Within paediatric of kids\\|2, fold 0",
            "Normal called Viral Pneumonia | 50.0%",
            "ill called Normal | 50.0%",
            "several folders",
            "Called rightly: In main, fold 0: 100.0% of Normal, 100.0% of Lung_Opacity, 100.0% of Viral Pneumonia. In kids",
            "| paediatric: Normal called Normal | 50.0% |",
            "Refused 0.0% (0.0% to 79.3%; 0 of 1)",
            "- 5 of the images that it was trained and calibrated on are Lung_Opacity (bacterial). They look alike.",
            "75.0% to Lung_Opacity, 25.0% to Viral Pneumonia. The tests count Lung_Opacity as correct",
        ] {
            assert!(card.contains(words), "{words}: {card}");
        }
        assert!(!card.contains("has not been shown"), "{card}");
        assert!(!card.contains("not measured"), "{card}");
    }

    #[test]
    fn nothing_is_claimed_of_data_that_says_nothing_of_age() {
        let images = [
            outcome("mine", "mine", NORMAL, NORMAL),
            outcome("mine", "mine", OPACITY, NORMAL),
            outcome("mine", "mine", VIRAL, NORMAL),
        ];
        let mut exported = exported(&[&images], false);
        exported.metadata.in_distribution = None;
        exported.material.calibrated_on = 0;
        let card = exported.model_card();
        assert!(card.contains("Nothing is known of the age"), "{card}");
        assert!(card.contains("this model cannot tell"), "{card}");
        assert!(card.contains("were not calibrated"), "{card}");
        assert!(!card.contains("children. It may"), "{card}");
    }
}
