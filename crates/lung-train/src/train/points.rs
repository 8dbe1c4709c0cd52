//! Operating points: for whom a model is calibrated.
//!
//! A calibration leans to the findings that are common among the images that it was fitted to. How common a finding is
//! where a model is used is for its user to say. The points share temperature and scales, and each has offsets of its own.

use std::collections::BTreeMap;

use mobilenet_lung::{ByFinding, PredictionSets};
use serde::{Deserialize, Serialize};

use super::calibration::Calibration;
use super::fit_calibration::minimum;
use super::outcomes::Outcomes;
use crate::config::COVERAGE;
use crate::data::{Dataset, Example, Patients};

/// Fewest images of a kind whose quantile counts for a threshold of its own: with half as many the rank would be below 1.
const ENOUGH: usize = 20;

/// For whom a model is calibrated.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum Point {
    /// All patients: origins weigh alike, and within an origin its classes.
    Clinic,
    /// A group of them, by its name in the description of the data set.
    Patients(String),
    /// The images of the first data folder, each alike.
    Paper,
}

impl From<String> for Point {
    fn from(name: String) -> Self {
        match name.as_str() {
            "clinic" => Self::Clinic,
            "paper" => Self::Paper,
            _ => Self::Patients(name),
        }
    }
}

impl From<Point> for String {
    fn from(point: Point) -> Self {
        point.name().to_owned()
    }
}

/// What an operating point has of its own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OperatingPoint {
    /// Take the place of [`Calibration::offsets`].
    pub offsets: Vec<f32>,
    /// Thresholds of the prediction sets at this point: the least that every kind of a finding asks for.
    pub prediction_sets: PredictionSets,
    /// How many answers both were fitted to.
    pub calibrated_on: usize,
}

impl Point {
    /// Every operating point of a data set.
    fn all(dataset: &Dataset) -> impl Iterator<Item = Self> {
        let groups = dataset.patients.iter();
        let groups = groups.map(|group| Self::Patients(group.name.clone()));
        [Self::Clinic]
            .into_iter()
            .chain(groups)
            .chain([Self::Paper])
    }

    /// Whom it is for, in a sentence.
    pub fn description(&self, patients: &[Patients]) -> String {
        match self {
            Self::Clinic => "All patients, each finding as common as another.".to_owned(),
            Self::Patients(name) => {
                let group = patients.iter().find(|group| group.name == *name);
                let words = group.map_or(name, |group| &group.plural);
                let mut letters = words.chars();
                let first: String = letters
                    .next()
                    .into_iter()
                    .flat_map(char::to_uppercase)
                    .collect();
                format!(
                    "{first}{}, each finding as common as another.",
                    letters.as_str()
                )
            }
            Self::Paper => "Findings as common as in the first data folder.".to_owned(),
        }
    }

    /// Its name in files and commands.
    pub fn name(&self) -> &str {
        match self {
            Self::Clinic => "clinic",
            Self::Patients(name) => name,
            Self::Paper => "paper",
        }
    }

    /// Whether an image counts at this point.
    fn has(&self, example: &Example, dataset: &Dataset, first: &str) -> bool {
        match self {
            Self::Clinic => true,
            Self::Patients(name) => (dataset.patients.iter())
                .any(|group| group.name == *name && group.has(&example.origin)),
            Self::Paper => example.source == first,
        }
    }

    /// The answers that count at this point, and what each weighs, 1 in the mean.
    pub(super) fn weigh(&self, answers: &Outcomes, dataset: &Dataset) -> (Outcomes, Vec<f64>) {
        let first = dataset.sources().into_iter().next().unwrap_or_default();
        let part = answers.only(|index| self.has(&dataset.examples[index], dataset, &first));
        let examples = || part.examples.iter().map(|index| &dataset.examples[*index]);
        let mut weights = vec![1.0; part.examples.len()];
        if *self != Self::Paper {
            let mut images: BTreeMap<(&str, usize), usize> = BTreeMap::new();
            for example in examples() {
                *images.entry((&example.origin, example.class)).or_default() += 1;
            }
            let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
            for (origin, _) in images.keys() {
                *kinds.entry(origin).or_default() += 1;
            }
            for (weight, example) in weights.iter_mut().zip(examples()) {
                let origin = example.origin.as_str();
                *weight = 1.0 / (kinds[origin] * images[&(origin, example.class)]) as f64;
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
        &self,
        answers: &Outcomes,
        dataset: &Dataset,
        shared: &Calibration,
    ) -> Option<OperatingPoint> {
        let (part, weights) = self.weigh(answers, dataset);
        let present: Vec<usize> = (0..dataset.findings.len())
            .filter(|row| part.labels.contains(row))
            .collect();
        if present.len() < 2 {
            return None;
        }
        let calibration = part.best_offsets(&weights, shared, &present);
        Some(OperatingPoint {
            prediction_sets: part.prediction_sets(dataset, &calibration),
            offsets: calibration.offsets,
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
    Point::all(dataset)
        .filter_map(|point| {
            let fitted = point.fit(answers, dataset, shared)?;
            Some((point, fitted))
        })
        .collect()
}

impl Outcomes {
    /// `shared` with the offsets that have the smallest loss among the findings that are `present`, by golden-section search.
    ///
    /// The others keep their standing: the mean of the offsets that are present stays what it is in `shared`.
    fn best_offsets(
        &self,
        weights: &[f64],
        shared: &Calibration,
        present: &[usize],
    ) -> Calibration {
        /// The loss is convex, and few parameters are soon where they stay.
        const ROUNDS: usize = 30;
        /// As in [`best_calibration`](Self::best_calibration).
        const PRIOR: f64 = 0.5;
        let mut moved = vec![0.0f64; shared.offsets.len()];
        let with = |moved: &[f64]| {
            let mut calibration = shared.clone();
            for (offset, moved) in calibration.offsets.iter_mut().zip(moved) {
                *offset += *moved as f32;
            }
            calibration
        };
        let objective = |moved: &[f64]| {
            let calibration = with(moved);
            let loss: f64 = (self.logits.iter().zip(&self.labels).zip(weights))
                .map(|((logits, label), weight)| {
                    let probabilities = calibration.probabilities(logits);
                    let all: f32 = present.iter().map(|row| probabilities[*row]).sum();
                    let truth = probabilities[*label].max(1e-30) / all.max(1e-30);
                    -f64::from(truth).ln() * weight
                })
                .sum();
            let far: f64 = moved.iter().map(|value| value * value).sum();
            (loss + PRIOR * far) / self.labels.len() as f64
        };
        for _ in 0..ROUNDS {
            for row in present {
                moved[*row] = minimum(-4.0, 4.0, |value| {
                    let mut turned = moved.clone();
                    turned[*row] = value;
                    objective(&turned)
                });
            }
        }
        let mean = present.iter().map(|row| moved[*row]).sum::<f64>() / present.len() as f64;
        for row in present {
            moved[*row] -= mean;
        }
        with(&moved)
    }

    /// Thresholds with which each class and origin of a finding has it in the set as often as [`COVERAGE`] says. Those of too few images
    /// count together with the others of the finding.
    fn prediction_sets(&self, dataset: &Dataset, calibration: &Calibration) -> PredictionSets {
        let mut of_kind: BTreeMap<(usize, &str), Vec<Vec<f32>>> = BTreeMap::new();
        let none = || vec![Vec::new(); dataset.findings.len()];
        let mut all = none();
        for ((index, label), logits) in self.examples.iter().zip(&self.labels).zip(&self.logits) {
            let example = &dataset.examples[*index];
            let truth = calibration.probabilities(logits)[*label];
            let place = (example.class, example.origin.as_str());
            let own = of_kind.entry(place).or_insert_with(none);
            for kinds in [&mut all, own] {
                kinds[*label].push(truth);
            }
        }
        let by_finding = |of: Vec<Vec<f32>>| ByFinding::new(&dataset.findings, of);
        let mut sets = PredictionSets::calibrate(COVERAGE, &by_finding(all));
        let mut least: Vec<f32> = sets.thresholds.values().copied().collect();
        for kinds in of_kind.into_values().map(by_finding) {
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
    use super::*;
    use crate::data::examples::{BACTERIAL, NORMAL, OPACITY, VIRAL};

    fn example(class: usize, origin: &str, source: &str) -> Example {
        Example {
            source: source.to_owned(),
            origin: origin.to_owned(),
            fold: 1,
            ..Example::of_class(class)
        }
    }

    fn dataset(examples: Vec<Example>) -> Dataset {
        Dataset::of_examples(&["first", "second"], examples).unwrap()
    }

    /// Adults in the first folder, children of each kind in both.
    fn mixed() -> Dataset {
        let mut examples = vec![example(NORMAL, "adult", "first"); 6];
        examples.extend(vec![example(OPACITY, "adult", "first"); 3]);
        examples.extend(vec![example(VIRAL, "paediatric", "first"); 5]);
        examples.extend(vec![example(BACTERIAL, "paediatric", "second"); 7]);
        examples.extend(vec![example(NORMAL, "paediatric", "second"); 2]);
        dataset(examples)
    }

    fn answered(dataset: &Dataset, logits: impl Fn(usize) -> [f32; 3]) -> Outcomes {
        let mut outcomes = Outcomes::default();
        for (index, example) in dataset.examples.iter().enumerate() {
            outcomes.push(index, example.finding, logits(index).to_vec());
        }
        outcomes
    }

    #[test]
    fn kinds_weigh_alike_within_an_origin_and_origins_within_the_clinic() {
        let dataset = mixed();
        let answers = answered(&dataset, |_| [0.0; 3]);
        let shares = |point: &Point| -> Vec<(String, f64)> {
            let (part, weights) = point.weigh(&answers, &dataset);
            assert!((weights.iter().sum::<f64>() - weights.len() as f64).abs() < 1e-9);
            let mut shares: BTreeMap<String, f64> = BTreeMap::new();
            for (index, weight) in part.examples.iter().zip(&weights) {
                let example = &dataset.examples[*index];
                let name = format!("{} {}", example.origin, dataset.label(example));
                *shares.entry(name).or_default() += weight / weights.len() as f64;
            }
            shares.into_iter().collect()
        };
        let expect = |point: Point, want: &[(&str, f64)]| {
            let got = shares(&point);
            assert_eq!(got.len(), want.len(), "{got:?}");
            for ((name, share), (wanted, of)) in got.iter().zip(want) {
                assert!(
                    name == wanted && (share - of).abs() < 1e-9,
                    "{point:?}: {got:?}"
                );
            }
        };
        let (adults, children) = (
            ["adult Lung_Opacity", "adult Normal"],
            [
                "paediatric Lung_Opacity (bacterial)",
                "paediatric Normal",
                "paediatric Viral Pneumonia",
            ],
        );
        let of = |names: &[&'static str], share: f64| -> Vec<(&'static str, f64)> {
            names.iter().map(|name| (*name, share)).collect()
        };
        expect(
            Point::Clinic,
            &[of(&adults, 0.25), of(&children, 1.0 / 6.0)].concat(),
        );
        expect(Point::Patients("adult".to_owned()), &of(&adults, 0.5));
        expect(
            Point::Patients("child".to_owned()),
            &of(&children, 1.0 / 3.0),
        );
        let paper = [(adults[0], 3.0), (adults[1], 6.0), (children[2], 5.0)];
        expect(
            Point::Paper,
            &paper.map(|(name, images)| (name, images / 14.0)),
        );
    }

    #[test]
    fn a_point_leans_to_what_is_common_there_and_shares_the_scales() {
        // Of children with the same answer, two in three have a bacterial pneumonia in one folder, and none in the first.
        let mut examples = vec![example(VIRAL, "paediatric", "first"); 60];
        examples.extend(vec![example(NORMAL, "adult", "first"); 60]);
        examples.extend(vec![example(BACTERIAL, "paediatric", "second"); 60]);
        examples.extend(vec![example(OPACITY, "adult", "first"); 20]);
        let dataset = dataset(examples);
        let answers = answered(&dataset, |index| match index {
            60..120 => [3.0, 0.0, 0.0],
            180.. => [0.0, 3.0, 0.0],
            _ => [0.0, 1.0, 1.0],
        });
        let shared = Calibration {
            temperature: 0.8,
            scales: vec![1.0, 0.5, 2.0],
            offsets: vec![0.1, 0.2, -0.3],
        };
        let points = fit(&answers, &dataset, &shared);
        assert_eq!(points.len(), 4);
        let at = |point: Point| {
            let calibration = Calibration {
                offsets: points[&point].offsets.clone(),
                ..shared.clone()
            };
            calibration.probabilities(&[0.0, 1.0, 1.0])
        };
        // Half of these children have either.
        let child = at(Point::Patients("child".to_owned()));
        assert!((child[1] / child[2] - 1.0).abs() < 0.05, "{child:?}");
        let paper = at(Point::Paper);
        assert!(paper[2] > 0.8, "{paper:?}");
        // Adults have no viral pneumonia here, and it keeps its standing.
        let adult = &points[&Point::Patients("adult".to_owned())].offsets;
        assert!((adult[2] - shared.offsets[2]).abs() < 1e-6);
        assert!((adult[0] + adult[1] - 0.3).abs() < 1e-5, "{adult:?}");
        assert_eq!(
            points[&Point::Patients("adult".to_owned())].calibrated_on,
            80
        );
    }

    #[test]
    fn a_set_holds_the_kind_that_is_hardest_as_often_as_it_says() {
        let mut examples = vec![example(OPACITY, "adult", "first"); 900];
        examples.extend(vec![example(BACTERIAL, "paediatric", "second"); 100]);
        examples.extend(vec![example(VIRAL, "paediatric", "first"); 100]);
        examples.extend(vec![example(NORMAL, "adult", "first"); 100]);
        // Too few to have a say of their own.
        examples.extend(vec![example(NORMAL, "paediatric", "first"); 5]);
        let dataset = dataset(examples);
        let answers = answered(&dataset, |index| match index {
            0..900 => [0.0, 4.0 + (index % 10) as f32 / 10.0, 0.0],
            900..1000 => [0.0, (index % 100) as f32 / 25.0, 1.0],
            1000..1100 => [0.0, 0.0, 3.0],
            1200.. => [-9.0, 0.0, 0.0],
            _ => [3.0, 0.0, 0.0],
        });
        let shared = Calibration::none(3);
        let sets = answers.prediction_sets(&dataset, &shared);
        let held = |range: std::ops::Range<usize>, row: usize| {
            let held = range.clone().filter(|index| {
                let probabilities = shared.probabilities(&answers.logits[*index]);
                let set = sets.set(&ByFinding::new(&dataset.findings, probabilities));
                set.findings.iter().any(|id| id == dataset.id(row))
            });
            held.count() as f64 / range.len() as f64
        };
        let bacterial = held(900..1000, OPACITY);
        assert!((0.89..0.93).contains(&bacterial), "{bacterial}");
        assert_eq!(held(0..900, OPACITY), 1.0);
        assert!(sets.thresholds.get("Normal") > Some(&0.5), "{sets:?}");
    }

    #[test]
    fn points_are_read_by_their_names() {
        let text = r#"{"clinic":1,"child":2,"adult":3,"paper":4}"#;
        let points: BTreeMap<Point, u8> = serde_json::from_str(text).unwrap();
        // The default first.
        assert_eq!(points.keys().next(), Some(&Point::Clinic));
        assert_eq!(points[&Point::Patients("child".to_owned())], 2);
        let written = serde_json::to_string(&points).unwrap();
        assert_eq!(
            serde_json::from_str::<BTreeMap<Point, u8>>(&written).unwrap(),
            points
        );
    }

    #[test]
    fn a_point_without_images_of_two_findings_is_left_out() {
        let dataset = dataset(vec![
            example(NORMAL, "adult", "first"),
            example(OPACITY, "adult", "first"),
            example(NORMAL, "paediatric", "first"),
        ]);
        let answers = answered(&dataset, |_| [0.0; 3]);
        let points = fit(&answers, &dataset, &Calibration::none(3));
        let names: Vec<&str> = points.keys().map(|point| point.name()).collect();
        assert_eq!(names, ["clinic", "adult", "paper"]);
    }
}
