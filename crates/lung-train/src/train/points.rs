//! Operating points: for whom a model is calibrated.
//!
//! A calibration leans to the findings that are common among the images that it was fitted to. How common a finding is
//! where a model is used is for its user to say. The points share temperature and scales, and each has offsets of its own.

use std::collections::BTreeMap;

use mobilenet_lung::PredictionSets;
use serde::{Deserialize, Serialize};

use super::calibration::{Calibration, minimum};
use super::outcomes::Outcomes;
use crate::data::{Dataset, Example};
use crate::finding::{ByFinding, Finding};
use crate::trust::COVERAGE;

/// Fewest images of a kind whose quantile counts for a threshold of its own: with half as many the rank would be below 1.
const ENOUGH: usize = 20;

/// For whom a model is calibrated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Point {
    /// Patients of every age: origins weigh alike, and within an origin normal, opacity, bacterial and viral pneumonia.
    Clinic,
    /// The children among them.
    Child,
    /// The adults among them.
    Adult,
    /// The images of the first data folder, each alike.
    Paper,
}

/// What an operating point has of its own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OperatingPoint {
    /// Take the place of [`Calibration::offsets`].
    pub offsets: [f32; Finding::COUNT],
    /// Thresholds of the prediction sets at this point: the least that every kind of a finding asks for.
    pub prediction_sets: PredictionSets,
    /// How many answers both were fitted to.
    pub calibrated_on: usize,
}

impl Point {
    /// Every operating point.
    pub const ALL: [Self; 4] = [Self::Clinic, Self::Child, Self::Adult, Self::Paper];

    /// Whom it is for, in a sentence.
    pub const fn description(self) -> &'static str {
        match self {
            Self::Clinic => "Patients of every age, each finding as common as another.",
            Self::Child => "Children, each finding as common as another.",
            Self::Adult => "Adults, each finding as common as another.",
            Self::Paper => "Findings as common as in the first data folder.",
        }
    }

    /// Its name in files and commands.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Clinic => "clinic",
            Self::Child => "child",
            Self::Adult => "adult",
            Self::Paper => "paper",
        }
    }

    /// Whether an image counts at this point; `first` is the first data folder.
    fn has(self, example: &Example, first: &str) -> bool {
        match self {
            Self::Clinic => true,
            Self::Child => is_child(&example.origin),
            Self::Adult => is_adult(&example.origin),
            Self::Paper => example.source == first,
        }
    }

    /// The answers that count at this point, and what each weighs, 1 in the mean.
    pub(super) fn weigh(self, answers: &Outcomes, dataset: &Dataset) -> (Outcomes, Vec<f64>) {
        let first = dataset.sources().into_iter().next().unwrap_or_default();
        let part = answers.only(|index| self.has(&dataset.examples[index], &first));
        let examples = || part.examples.iter().map(|index| &dataset.examples[*index]);
        let mut weights = vec![1.0; part.examples.len()];
        if self != Self::Paper {
            let mut images: BTreeMap<(&str, Kind), usize> = BTreeMap::new();
            for example in examples() {
                *images.entry((&example.origin, kind(example))).or_default() += 1;
            }
            let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
            for (origin, _) in images.keys() {
                *kinds.entry(origin).or_default() += 1;
            }
            for (weight, example) in weights.iter_mut().zip(examples()) {
                let origin = example.origin.as_str();
                *weight = 1.0 / (kinds[origin] * images[&(origin, kind(example))]) as f64;
            }
            let mean = weights.iter().sum::<f64>() / weights.len().max(1) as f64;
            for weight in &mut weights {
                *weight /= mean;
            }
        }
        (part, weights)
    }

    /// The point's offsets and thresholds, temperature and scales being those of `shared`; `None` where its answers are of
    /// fewer than two findings, so that there is nothing to lean to.
    fn fit(
        self,
        answers: &Outcomes,
        dataset: &Dataset,
        shared: &Calibration,
    ) -> Option<OperatingPoint> {
        let (part, weights) = self.weigh(answers, dataset);
        let present: Vec<Finding> = (Finding::ALL.into_iter())
            .filter(|finding| part.labels.contains(finding))
            .collect();
        if present.len() < 2 {
            return None;
        }
        let calibration = part.best_offsets(&weights, shared, &present);
        Some(OperatingPoint {
            offsets: calibration.offsets,
            prediction_sets: part.prediction_sets(dataset, &calibration),
            calibrated_on: part.labels.len(),
        })
    }
}

/// The operating points that the answers suffice for.
pub(super) fn fit(
    answers: &Outcomes,
    dataset: &Dataset,
    shared: &Calibration,
) -> BTreeMap<Point, OperatingPoint> {
    (Point::ALL.into_iter())
        .filter_map(|point| Some((point, point.fit(answers, dataset, shared)?)))
        .collect()
}

/// What weighs alike: a finding, and of opacities those of bacteria apart.
type Kind = (Finding, bool);

fn kind(example: &Example) -> Kind {
    (example.finding, example.bacterial)
}

/// Whether a table's word for where patients come from means children.
pub fn is_child(origin: &str) -> bool {
    ["paediatric", "pediatric", "child", "children"]
        .iter()
        .any(|word| origin.eq_ignore_ascii_case(word))
}

/// Whether it means adults.
pub fn is_adult(origin: &str) -> bool {
    ["adult", "adults"]
        .iter()
        .any(|word| origin.eq_ignore_ascii_case(word))
}

impl Outcomes {
    /// `shared` with the offsets that have the smallest loss among the findings that are `present`, by golden-section search.
    ///
    /// The others keep their standing: the mean of the offsets that are present stays what it is in `shared`.
    fn best_offsets(
        &self,
        weights: &[f64],
        shared: &Calibration,
        present: &[Finding],
    ) -> Calibration {
        /// The loss is convex, and three parameters are soon where they stay.
        const ROUNDS: usize = 30;
        /// As in [`best_calibration`](Self::best_calibration).
        const PRIOR: f64 = 0.5;
        let mut moved = [0.0f64; Finding::COUNT];
        let with = |moved: &[f64; Finding::COUNT]| {
            let mut calibration = *shared;
            for (offset, moved) in calibration.offsets.iter_mut().zip(moved) {
                *offset += *moved as f32;
            }
            calibration
        };
        let objective = |moved: &[f64; Finding::COUNT]| {
            let calibration = with(moved);
            let loss: f64 = (self.logits.iter().zip(&self.labels).zip(weights))
                .map(|((logits, label), weight)| {
                    let probabilities = calibration.probabilities(*logits);
                    let all: f32 = present.iter().map(|f| probabilities[f.index()]).sum();
                    let truth = probabilities[label.index()].max(1e-30) / all.max(1e-30);
                    -f64::from(truth).ln() * weight
                })
                .sum();
            let far: f64 = moved.iter().map(|value| value * value).sum();
            (loss + PRIOR * far) / self.labels.len() as f64
        };
        for _ in 0..ROUNDS {
            for finding in present {
                moved[finding.index()] = minimum(-4.0, 4.0, |value| {
                    let mut turned = moved;
                    turned[finding.index()] = value;
                    objective(&turned)
                });
            }
        }
        let mean = present.iter().map(|f| moved[f.index()]).sum::<f64>() / present.len() as f64;
        for finding in present {
            moved[finding.index()] -= mean;
        }
        with(&moved)
    }

    /// Thresholds with which each kind of a finding has it in the set as often as [`COVERAGE`] says. Kinds of too few images
    /// count together with the others of the finding.
    fn prediction_sets(&self, dataset: &Dataset, calibration: &Calibration) -> PredictionSets {
        let mut of_kind: BTreeMap<(bool, &str), ByFinding<Vec<f32>>> = BTreeMap::new();
        let none = || ByFinding(Finding::ALL.map(|_| Vec::new()));
        let mut all = none();
        for ((index, label), logits) in self.examples.iter().zip(&self.labels).zip(&self.logits) {
            let example = &dataset.examples[*index];
            let truth = calibration.probabilities(*logits)[label.index()];
            let place = (example.bacterial, example.origin.as_str());
            let own = of_kind.entry(place).or_insert_with(none);
            for kinds in [&mut all, own] {
                kinds.0[label.index()].push(truth);
            }
        }
        let mut sets = PredictionSets::calibrate(COVERAGE, &all.into_bundle());
        let mut least: Vec<f32> = sets.thresholds.values().copied().collect();
        for kinds in of_kind.into_values().map(ByFinding::into_bundle) {
            let own = PredictionSets::calibrate(COVERAGE, &kinds);
            let answers = kinds.values().zip(own.thresholds.values());
            for (least, (answers, own)) in least.iter_mut().zip(answers) {
                if answers.len() >= ENOUGH {
                    *least = least.min(*own);
                }
            }
        }
        let mut least = least.into_iter();
        sets.thresholds = sets.thresholds.map(|all| least.next().unwrap_or(*all));
        sets
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn example(finding: Finding, origin: &str, bacterial: bool, source: &str) -> Example {
        Example {
            file: String::new(),
            path: PathBuf::new(),
            source: source.to_owned(),
            finding,
            bacterial,
            group: String::new(),
            origin: origin.to_owned(),
            fold: 1,
        }
    }

    fn dataset(examples: Vec<Example>) -> Dataset {
        Dataset {
            folders: vec![PathBuf::from("first"), PathBuf::from("second")],
            examples,
            grouped: true,
        }
    }

    /// Adults in the first folder, children of each kind in both.
    fn mixed() -> Dataset {
        use Finding::{LungOpacity, Normal, ViralPneumonia};
        let mut examples = vec![example(Normal, "adult", false, "first"); 6];
        examples.extend(vec![example(LungOpacity, "adult", false, "first"); 3]);
        examples.extend(vec![
            example(ViralPneumonia, "paediatric", false, "first");
            5
        ]);
        examples.extend(vec![example(LungOpacity, "paediatric", true, "second"); 7]);
        examples.extend(vec![example(Normal, "paediatric", false, "second"); 2]);
        dataset(examples)
    }

    fn answered(dataset: &Dataset, logits: impl Fn(usize) -> [f32; 3]) -> Outcomes {
        let mut outcomes = Outcomes::default();
        for (index, example) in dataset.examples.iter().enumerate() {
            outcomes.push(index, example.finding, logits(index));
        }
        outcomes
    }

    #[test]
    fn kinds_weigh_alike_within_an_origin_and_origins_within_the_clinic() {
        let dataset = mixed();
        let answers = answered(&dataset, |_| [0.0; 3]);
        let shares = |point: Point| -> Vec<(String, f64)> {
            let (part, weights) = point.weigh(&answers, &dataset);
            assert!((weights.iter().sum::<f64>() - weights.len() as f64).abs() < 1e-9);
            let mut shares: BTreeMap<String, f64> = BTreeMap::new();
            for (index, weight) in part.examples.iter().zip(&weights) {
                let example = &dataset.examples[*index];
                let name = format!(
                    "{} {} {}",
                    example.origin, example.finding, example.bacterial
                );
                *shares.entry(name).or_default() += weight / weights.len() as f64;
            }
            shares.into_iter().collect()
        };
        let expect = |point: Point, want: &[(&str, f64)]| {
            let got = shares(point);
            assert_eq!(got.len(), want.len(), "{got:?}");
            for ((name, share), (wanted, of)) in got.iter().zip(want) {
                assert!(
                    name == wanted && (share - of).abs() < 1e-9,
                    "{point:?}: {got:?}"
                );
            }
        };
        let (adults, children) = (
            ["adult Lung_Opacity false", "adult Normal false"],
            [
                "paediatric Lung_Opacity true",
                "paediatric Normal false",
                "paediatric Viral Pneumonia false",
            ],
        );
        let of = |names: &[&'static str], share: f64| -> Vec<(&'static str, f64)> {
            names.iter().map(|name| (*name, share)).collect()
        };
        expect(
            Point::Clinic,
            &[of(&adults, 0.25), of(&children, 1.0 / 6.0)].concat(),
        );
        expect(Point::Adult, &of(&adults, 0.5));
        expect(Point::Child, &of(&children, 1.0 / 3.0));
        let paper = [(adults[0], 3.0), (adults[1], 6.0), (children[2], 5.0)];
        expect(
            Point::Paper,
            &paper.map(|(name, images)| (name, images / 14.0)),
        );
    }

    #[test]
    fn a_point_leans_to_what_is_common_there_and_shares_the_scales() {
        // Of children with the same answer, two in three have a bacterial pneumonia in one folder, and none in the first.
        use Finding::{LungOpacity, Normal, ViralPneumonia};
        let mut examples = vec![example(ViralPneumonia, "paediatric", false, "first"); 60];
        examples.extend(vec![example(Normal, "adult", false, "first"); 60]);
        examples.extend(vec![example(LungOpacity, "paediatric", true, "second"); 60]);
        examples.extend(vec![example(LungOpacity, "adult", false, "first"); 20]);
        let dataset = dataset(examples);
        let answers = answered(&dataset, |index| match index {
            60..120 => [3.0, 0.0, 0.0],
            180.. => [0.0, 3.0, 0.0],
            _ => [0.0, 1.0, 1.0],
        });
        let shared = Calibration {
            temperature: 0.8,
            scales: [1.0, 0.5, 2.0],
            offsets: [0.1, 0.2, -0.3],
        };
        let points = fit(&answers, &dataset, &shared);
        assert_eq!(points.len(), 4);
        let at = |point: Point| {
            let mut calibration = shared;
            calibration.offsets = points[&point].offsets;
            calibration.probabilities([0.0, 1.0, 1.0])
        };
        // Half of these children have either.
        let child = at(Point::Child);
        assert!((child[1] / child[2] - 1.0).abs() < 0.05, "{child:?}");
        let paper = at(Point::Paper);
        assert!(paper[2] > 0.8, "{paper:?}");
        // Adults have no viral pneumonia here, and it keeps its standing.
        let adult = points[&Point::Adult].offsets;
        assert!((adult[2] - shared.offsets[2]).abs() < 1e-6);
        assert!((adult[0] + adult[1] - 0.3).abs() < 1e-5, "{adult:?}");
        assert_eq!(points[&Point::Adult].calibrated_on, 80);
    }

    #[test]
    fn a_set_holds_the_kind_that_is_hardest_as_often_as_it_says() {
        use Finding::{LungOpacity, Normal, ViralPneumonia};
        let mut examples = vec![example(LungOpacity, "adult", false, "first"); 900];
        examples.extend(vec![
            example(LungOpacity, "paediatric", true, "second");
            100
        ]);
        examples.extend(vec![
            example(ViralPneumonia, "paediatric", false, "first");
            100
        ]);
        examples.extend(vec![example(Normal, "adult", false, "first"); 100]);
        // Too few to have a say of their own.
        examples.extend(vec![example(Normal, "paediatric", false, "first"); 5]);
        let dataset = dataset(examples);
        let answers = answered(&dataset, |index| match index {
            0..900 => [0.0, 4.0 + (index % 10) as f32 / 10.0, 0.0],
            900..1000 => [0.0, (index % 100) as f32 / 25.0, 1.0],
            1000..1100 => [0.0, 0.0, 3.0],
            1200.. => [-9.0, 0.0, 0.0],
            _ => [3.0, 0.0, 0.0],
        });
        let shared = Calibration::default();
        let sets = answers.prediction_sets(&dataset, &shared);
        let held = |range: std::ops::Range<usize>, finding: Finding| {
            let held = range.clone().filter(|index| {
                let probabilities = shared.probabilities(answers.logits[*index]);
                let set = sets.set(&ByFinding(probabilities).into_bundle());
                set.findings.iter().any(|id| id == finding.name())
            });
            held.count() as f64 / range.len() as f64
        };
        let bacterial = held(900..1000, LungOpacity);
        assert!((0.89..0.93).contains(&bacterial), "{bacterial}");
        assert_eq!(held(0..900, LungOpacity), 1.0);
        assert!(sets.thresholds.get("Normal") > Some(&0.5), "{sets:?}");
    }

    #[test]
    fn a_point_without_images_of_two_findings_is_left_out() {
        let dataset = dataset(vec![
            example(Finding::Normal, "adult", false, "first"),
            example(Finding::LungOpacity, "adult", false, "first"),
            example(Finding::Normal, "paediatric", false, "first"),
        ]);
        let answers = answered(&dataset, |_| [0.0; 3]);
        let points = fit(&answers, &dataset, &Calibration::default());
        let names: Vec<&str> = points.keys().map(|point| point.name()).collect();
        assert_eq!(names, ["clinic", "adult", "paper"]);
    }
}
