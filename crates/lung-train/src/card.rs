//! The model card, and what a model was trained on in numbers: nothing in them but what was counted or measured.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use mobilenet_lung::Metadata;
use mobilenet_lung::architecture::AttentionConfig;

use crate::config::TrainConfig;
use crate::data::{Dataset, Split};
use crate::export::Exported;
use crate::finding::{CalledAs, Finding};
use crate::metrics::{
    BINS, Evaluation, ForeignMetrics, NOT_IN_MODEL, Share, called_as, called_in_words, share_of,
};
use crate::train::RunResult;

/// How a table of groups calls patients who are children.
const CHILDREN: &str = "paediatric";

/// How a table of groups calls the others.
const ADULTS: &str = "adult";

/// The images that a model was trained, watched and calibrated on.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Material {
    /// How many of each finding, by data folder and origin.
    pub images: BTreeMap<(String, String), [usize; Finding::COUNT]>,
    /// How many of the opacities are bacterial pneumonias.
    pub bacterial: usize,
    /// Share of the target of those that went to viral pneumonia in training.
    pub bacterial_as_viral: f32,
    /// How many images its probabilities were fitted on.
    pub calibrated_on: usize,
    /// How many trainings without one more fold it was calibrated by.
    pub cross_fitted: usize,
}

impl Material {
    /// Counts the images of a split that are not left for the test.
    pub fn new(dataset: &Dataset, split: &Split, config: &TrainConfig, result: &RunResult) -> Self {
        let mut material = Self {
            bacterial_as_viral: config.bacterial_as_viral,
            calibrated_on: result.calibrated_on,
            cross_fitted: result.without_fold.len(),
            ..Self::default()
        };
        for index in split.train.iter().chain(&split.validation) {
            let example = &dataset.examples[*index];
            let key = (example.source.clone(), example.origin.clone());
            material.images.entry(key).or_default()[example.finding.index()] += 1;
            material.bacterial += usize::from(example.bacterial);
        }
        material
    }

    /// Of the images of each finding, how many are known to be of children; `None` where none is.
    fn of_children(&self) -> Option<[Share; Finding::COUNT]> {
        let count = |finding: Finding, wanted: &dyn Fn(&str) -> bool| -> usize {
            self.images
                .iter()
                .filter(|((_, origin), _)| wanted(origin))
                .map(|(_, counts)| counts[finding.index()])
                .sum()
        };
        self.has(CHILDREN).then(|| {
            Finding::ALL.map(|finding| {
                share_of(
                    count(finding, &|origin| origin == CHILDREN),
                    count(finding, &|_| true),
                )
            })
        })
    }

    fn has(&self, origin: &str) -> bool {
        self.images.keys().any(|(_, known)| known == origin)
    }

    /// Whether there are images of several data folders.
    fn of_several_folders(&self) -> bool {
        let mut folders = self.images.keys().map(|(source, _)| source);
        let first = folders.next();
        folders.any(|folder| Some(folder) != first)
    }

    /// What every reader of the model has to be told.
    pub fn notice(&self) -> String {
        let mut notice = "Research software, not a medical device.".to_owned();
        match self.of_children() {
            Some(children) => {
                notice += &format!(
                    " Of the images it was trained on, {} are known to be of children: it may tell children from \
                     adults instead of one finding from another.",
                    in_words(&children)
                );
            }
            None if !self.has(ADULTS) => {
                notice += " Nothing is known of the age of the patients it was trained on.";
            }
            None => {}
        }
        notice
    }
}

/// `38 of 250 Normal (15.2%), ...`.
fn in_words(children: &[Share; Finding::COUNT]) -> String {
    let parts: Vec<String> = Finding::ALL
        .iter()
        .zip(children)
        .map(|(finding, share)| {
            format!(
                "{} of {} {finding} ({})",
                share.correct,
                share.images,
                percent(share.share)
            )
        })
        .collect();
    parts.join(", ")
}

fn percent(share: f64) -> String {
    format!("{:.1}%", share * 100.0)
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
        writeln!(out, "## What it is\n")?;
        writeln!(
            out,
            "MobileNetV2 at 224 x 224 with attention within its feature layers ({kind:?}, {place:?}, reduction {reduction}), after Liu, Yu and Tan (arXiv 2408.13180). It divides its belief among {}. {}\n",
            metadata.findings.ids().collect::<Vec<_>>().join(", "),
            match self.material.calibrated_on {
                0 => "Its probabilities were not calibrated.".to_owned(),
                images => format!(
                    "Its logits are scaled and moved for each finding, by numbers that were fitted {}.",
                    match self.material.cross_fitted {
                        0 => format!("on {images} images that it was not trained on"),
                        trainings => format!(
                            "to {images} answers, each to an image that the answering network was not trained on: its own, and those of {trainings} trainings alike without one more fold"
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
            "\n## How it did on images it was not trained on\n\nIntervals are Wilson's at 95%."
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
        self.write_caveats(out)
    }

    /// How the trainings without a fold did on what each was not given.
    fn write_held_out(&self, out: &mut String) -> std::fmt::Result {
        if self.held_out.is_empty() {
            return Ok(());
        }
        writeln!(
            out,
            "\n### Folds that trainings were not given\n\nThe same training was done {} times more, each time without one more fold, and each image answered once by a network that was not trained on it: one of these or, for validation images, the model itself. These are more images than the test has, and its prediction sets are calibrated on those of the first folder; but the other networks had fewer images to train on, and settings were chosen on some of these images, so this is no test. Each of the other networks is calibrated on what was answered to images of the other folds, by networks that were not trained on them; the model on all of these answers, its own among them.\n\n| images | accuracy | interval | number |\n| --- | --- | --- | --- |",
            self.material.cross_fitted
        )?;
        for test in &self.held_out {
            let split = name(&test.split);
            writeln!(out, "| {split}: all | {} |", in_cells(&test.accuracy))?;
            for (origin, share) in &test.by_origin {
                writeln!(out, "| {split}: {} | {} |", name(origin), in_cells(share))?;
            }
            for (origin, within) in &test.origins {
                for (words, share) in called_in_words(&within.calls.called) {
                    let origin = name(origin);
                    writeln!(out, "| {split}: {origin}, {words} | {} |", in_cells(&share))?;
                }
            }
        }
        Ok(())
    }

    fn write_material(&self, out: &mut String) -> std::fmt::Result {
        writeln!(out, "\nThe images it was trained and calibrated on:\n")?;
        writeln!(
            out,
            "| folder | origin | Normal | Lung_Opacity | Viral Pneumonia |\n| --- | --- | --- | --- | --- |"
        )?;
        for ((source, origin), [a, b, c]) in &self.material.images {
            let (source, origin) = (name(source), name(origin));
            writeln!(out, "| {source} | {origin} | {a} | {b} | {c} |")?;
        }
        Ok(())
    }

    fn write_caveats(&self, out: &mut String) -> std::fmt::Result {
        writeln!(out, "\n## What the figures do not say\n")?;
        match self.material.of_children() {
            Some(children) => {
                writeln!(
                    out,
                    "- Of the images it was trained and calibrated on, {} are known to be of children. A model can score well by telling children from adults.{}",
                    in_words(&children),
                    if self.further().is_empty() {
                        " This one has not been shown not to: look at the rows by origin."
                    } else {
                        ""
                    }
                )?;
                self.write_within_origins(out)?;
            }
            None if !self.material.has(ADULTS) => writeln!(
                out,
                "- Nothing is known of the age of the patients. If findings differ in age, a model can score well by telling children from adults; this one has not been shown not to."
            )?,
            None => {}
        }
        if self.material.of_several_folders() {
            let recalls: Vec<String> = self
                .tests
                .folders
                .iter()
                .filter_map(|test| {
                    let share = called_as(&test.confusion).viral_called_viral?;
                    Some(format!("{} in {}", in_sentence(&share), name(&test.split)))
                })
                .collect();
            writeln!(
                out,
                "- It was trained on several folders that hold findings in different shares. Size, compression and border can betray which folder an image is from, and a model can go by that instead. Called viral of the viral images: {}.",
                recalls.join(", ")
            )?;
        }
        if self.material.bacterial > 0 && self.material.bacterial_as_viral > 0.0 {
            writeln!(
                out,
                "- {} of the opacities that it was trained and calibrated on are bacterial pneumonias. On a child's radiograph those can hardly be told from viral ones, so {} of the target of each went to Viral Pneumonia in training. The tests count them as opacities all the same.",
                self.material.bacterial,
                percent(f64::from(self.material.bacterial_as_viral))
            )?;
        }
        writeln!(
            out,
            "- Some viral files of the \"Lung X-Ray Image Dataset\" are corrupt as published (only their top third is an image).
  Where they have been repaired, scores are those of the repaired images; corrupt ones betray their class and flatter.
- The published files of that set are false-colour, squashed to a square and stretched to each image's own range. The
  loader undoes the colour. It was tested on the folders named above and nowhere else; other sources have other grey
  levels and other borders."
        )?;
        if let Some(sets) = self.metadata.prediction_sets() {
            let counts: Vec<String> = (sets.calibrated_on.iter())
                .map(|(finding, count)| format!("{count} {finding}"))
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
            "- {always}. Its in-distribution score says beside that how near an image's features are to those of the images that it was trained on, and refuses what is far. It does not say whether the answer is right, nor that the patient has one of its findings, and what looks enough like a frontal chest radiograph is not refused.{}",
            match &self.tests.foreign {
                Some(_) => "",
                None => " Whether it refuses images that are none was not measured here.",
            }
        )
    }

    /// What is known of the model within one age, where telling children from adults is of no help.
    fn write_within_origins(&self, out: &mut String) -> std::fmt::Result {
        for test in &self.tests.folders {
            for (origin, within) in &test.origins {
                let shares: Vec<String> = called_in_words(&within.calls.called)
                    .into_iter()
                    .map(|(words, share)| format!("{words} {}", in_sentence(&share)))
                    .collect();
                // Where there are only healthy or only ill patients, nothing has to be told from anything.
                let CalledAs {
                    healthy_called_normal,
                    ill_called_normal,
                    ..
                } = within.calls.called;
                if healthy_called_normal.is_none() || ill_called_normal.is_none() {
                    continue;
                }
                writeln!(
                    out,
                    "- Within {} of {}, where age is of no help: {}{}.",
                    name(origin),
                    name(&test.split),
                    shares.join(", "),
                    match within.normal_against_opacity_auc {
                        Some(auc) =>
                            format!(", area under the ROC curve of opacity against normal {auc:.3}"),
                        None => String::new(),
                    }
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
    for finding in Finding::ALL {
        let Some(c) = test.classes.get(finding.name()) else {
            continue;
        };
        let (auc, precision) = match test.curves.get(finding.name()) {
            Some(curves) => (
                format!("{:.3}", curves.auc),
                format!("{:.3}", curves.average_precision),
            ),
            None => ("-".to_owned(), "-".to_owned()),
        };
        writeln!(
            out,
            "| {finding} | {:.3} | {:.3} | {:.3} | {} | {auc} | {precision} |",
            c.precision, c.recall, c.f1, c.images
        )?;
    }
    writeln!(
        out,
        "\n| truth \\ called | Normal | Lung_Opacity | Viral Pneumonia |\n| --- | --- | --- | --- |"
    )?;
    for finding in Finding::ALL {
        let [a, b, c] = test.confusion[finding.index()];
        writeln!(out, "| {finding} | {a} | {b} | {c} |")?;
    }
    writeln!(
        out,
        "\n| patients | share | interval | number |\n| --- | --- | --- | --- |"
    )?;
    for (origin, within) in &test.origins {
        for (words, share) in called_in_words(&within.calls.called) {
            writeln!(out, "| {}: {words} | {} |", name(origin), in_cells(&share))?;
        }
    }
    match (&test.prediction_sets, metadata.prediction_sets()) {
        (Some(sets), Some(wanted)) => {
            writeln!(
                out,
                "\nPrediction sets, which are to hold {} of each finding: {:.2} findings in the mean, and of those with one finding right {}.\n",
                percent(wanted.coverage),
                sets.mean_size,
                in_sentence(&sets.single_correct)
            )?;
            writeln!(
                out,
                "| finding | in its set | interval | number |\n| --- | --- | --- | --- |"
            )?;
            for finding in Finding::ALL {
                writeln!(out, "| {finding} | {} |", in_cells(&sets.coverage[finding]))?;
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
             What the score is made of, and the margin of its limit, were settled on with images like these in sight: on others it may do worse.",
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
    use crate::finding::ByFinding;
    use mobilenet_lung::bundle::OperatingPoint;
    use mobilenet_lung::{Findings, InDistribution, PredictionSets, Spread};

    use super::*;
    use crate::evaluate::Tests;
    use crate::metrics::Outcome;

    fn outcome(source: &str, origin: &str, truth: Finding, called: Finding) -> Outcome {
        let mut probabilities = ByFinding([0.1; Finding::COUNT]);
        probabilities.0[called.index()] = 0.8;
        Outcome {
            file: format!("{truth}/1.png"),
            path: "1.png".into(),
            source: source.to_owned(),
            origin: origin.to_owned(),
            truth,
            called,
            probabilities,
            prediction_set: Some(vec![called]),
            in_distribution: Some(InDistribution {
                score: 0.75,
                accepted: true,
            }),
            evidence: ByFinding([[[0.0; 7]; 7]; Finding::COUNT]),
        }
    }

    fn exported(folders: &[&[Outcome]], foreign: bool) -> Exported {
        let test = |split: &str, outcomes: &[Outcome]| {
            Evaluation::new("model".into(), split.into(), outcomes, Vec::new())
        };
        let all = folders.concat();
        let mut material = Material {
            bacterial: 5 * (folders.len() - 1),
            bacterial_as_viral: 0.25,
            calibrated_on: 36,
            ..Material::default()
        };
        for outcome in &all {
            let key = (outcome.source.clone(), outcome.origin.clone());
            material.images.entry(key).or_default()[outcome.truth.index()] += 7;
        }
        let odd = (
            "leg.png".to_owned(),
            all[0].in_distribution,
            Finding::Normal,
        );
        let findings = Findings::lung_xray();
        Exported {
            file: "model.safetensors".into(),
            metadata: Metadata {
                operating_points: vec![OperatingPoint {
                    prediction_sets: Some(PredictionSets {
                        coverage: 0.9,
                        thresholds: ByFinding([0.3; Finding::COUNT]).into_bundle(),
                        calibrated_on: ByFinding([11, 12, 13]).into_bundle(),
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
                ..Metadata::plain(findings, AttentionConfig::default())
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

    use Finding::{LungOpacity, Normal, ViralPneumonia};

    #[test]
    fn without_children_of_another_folder_nothing_is_shown_of_the_shortcut() {
        let main = [
            outcome("main", "adult", Normal, Normal),
            outcome("main", "adult", LungOpacity, LungOpacity),
            outcome("main", "paediatric", ViralPneumonia, ViralPneumonia),
        ];
        let exported = exported(&[&main], false);
        assert_eq!(
            exported.metadata.notice,
            "Research software, not a medical device. Of the images it was trained on, 0 of 7 Normal (0.0%), 0 of 7 \
             Lung_Opacity (0.0%), 7 of 7 Viral Pneumonia (100.0%) are known to be of children: it may tell children \
             from adults instead of one finding from another."
        );
        let card = exported.model_card();
        for words in [
            "has not been shown not to",
            "Within adult of main, fold 0",
            "always divides all its belief among them. Its in-distribution score",
            "was not measured here",
            "| Lung_Opacity | 100.0% | 20.7% to 100.0% | 1 of 1 |",
            "&lt;b&gt;main&lt;/b&gt;",
            "11 Normal, 12 Lung_Opacity, 13 Viral Pneumonia",
            "scaled and moved for each finding, by numbers that were fitted on 36 images that it was not trained on",
        ] {
            assert!(card.contains(words), "{words}: {card}");
        }
        assert!(!card.contains("several folders"), "{card}");
        assert!(!card.contains("bacterial"), "{card}");
    }

    #[test]
    fn children_of_another_folder_are_spoken_of_as_measured() {
        let main = [
            outcome("main", "adult", Normal, Normal),
            outcome("main", "adult", LungOpacity, LungOpacity),
            outcome("main", "paediatric", ViralPneumonia, ViralPneumonia),
        ];
        let further = [
            outcome("kids|2", "paediatric", Normal, ViralPneumonia),
            outcome("kids|2", "paediatric", Normal, Normal),
            outcome("kids|2", "paediatric", LungOpacity, Normal),
            outcome("kids|2", "paediatric", ViralPneumonia, ViralPneumonia),
        ];
        let card = exported(&[&main, &further], true).model_card();
        for words in [
            "Within paediatric of kids\\|2, fold 0",
            "healthy called viral 50.0%",
            "ill called normal 50.0%",
            "several folders",
            "Called viral of the viral images: 100.0% (20.7% to 100.0%; 1 of 1) in main, fold 0, 100.0%",
            "| paediatric: healthy called normal | 50.0% |",
            "Refused 0.0% (0.0% to 79.3%; 0 of 1)",
            "- 5 of the opacities",
            "so 25.0% of the target",
        ] {
            assert!(card.contains(words), "{words}: {card}");
        }
        assert!(!card.contains("has not been shown"), "{card}");
        assert!(!card.contains("not measured"), "{card}");
    }

    #[test]
    fn nothing_is_claimed_of_data_that_says_nothing_of_age() {
        let images = [
            outcome("mine", "mine", Normal, Normal),
            outcome("mine", "mine", LungOpacity, Normal),
            outcome("mine", "mine", ViralPneumonia, Normal),
        ];
        let mut exported = exported(&[&images], false);
        exported.metadata.in_distribution = None;
        exported.material.calibrated_on = 0;
        let card = exported.model_card();
        assert!(card.contains("Nothing is known of the age"), "{card}");
        assert!(card.contains("this model cannot tell"), "{card}");
        assert!(card.contains("were not calibrated"), "{card}");
        assert!(!card.contains("children: it may"), "{card}");
    }
}
