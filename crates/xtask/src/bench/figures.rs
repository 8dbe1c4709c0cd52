//! What has been measured so far, and its summary.

use super::baseline::{Baseline, Change, machine};
use super::options::Options;
use super::rows::Row;
use crate::process::{output, step};
use crate::tools::Project;
use clap::ValueEnum;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Our time beside that of the best peer, medians in milliseconds.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// Ours.
    pub ours_ms: f64,
    /// The best peer's name.
    pub best: String,
    /// And its time.
    pub best_ms: f64,
}

impl Outcome {
    /// That of medians by engine, ours first; `None` without a peer.
    pub fn of(medians: &[(&str, f64)]) -> Option<Self> {
        let ((_, own), peers) = medians.split_first()?;
        let (best, best_ms) = (peers.iter()).min_by(|(_, a), (_, b)| a.total_cmp(b))?;
        Some(Self {
            ours_ms: *own,
            best: (*best).to_owned(),
            best_ms: *best_ms,
        })
    }

    /// Ours over the best peer's.
    pub fn ratio(&self) -> f64 {
        self.ours_ms / self.best_ms
    }
}

/// What has been measured so far.
#[derive(Default)]
pub struct Figures {
    /// Every engine's times.
    pub rows: Vec<Value>,
    /// Memory over many images.
    pub memory: Value,
    outcomes: BTreeMap<Row, Outcome>,
    /// Why a row that was asked for has no ratio.
    missing: BTreeMap<Row, String>,
    /// Images per second over PyTorch's, of the paper's networks.
    pub networks: Map<String, Value>,
}

impl Figures {
    /// Keeps what a row came to.
    pub fn outcome(&mut self, row: Row, outcome: Outcome) {
        self.outcomes.insert(row, outcome);
    }

    /// Says why a row has no ratio.
    pub fn miss(&mut self, row: Row, why: &str) {
        self.missing.insert(row, why.to_owned());
    }

    /// The ratio of each row that ran.
    pub fn ratios(&self) -> impl Iterator<Item = (Row, f64)> {
        self.outcomes
            .iter()
            .map(|(row, outcome)| (*row, outcome.ratio()))
    }

    /// Prints what has been measured beside what it should be and what it was.
    pub fn summarise(&self, options: &Options, baseline: &Baseline) {
        step("our time to the best peer's; below 1 is faster");
        println!(
            "{:<34} {:>8} {:>9} {:<28} {:>6} {:>6} {:>6}  baseline",
            "", "ours ms", "best ms", "best peer", "ratio", "must", "aim"
        );
        for row in Row::value_variants()
            .iter()
            .filter(|row| options.wants(**row))
        {
            let (must, aim) = row.goals();
            let Some(outcome) = self.outcomes.get(row) else {
                let why = self
                    .missing
                    .get(row)
                    .map_or("it did not run", String::as_str);
                println!("{:<34} not measured: {why}", row.title());
                continue;
            };
            let ratio = outcome.ratio();
            println!(
                "{:<34} {:>8.1} {:>9.1} {:<28} {ratio:>6.2} {must:>6.2} {aim:>6.2}  {}",
                row.title(),
                outcome.ours_ms,
                outcome.best_ms,
                outcome.best,
                baseline.beside(*row, ratio),
            );
        }
        let slower: Vec<&str> = (self.ratios())
            .filter(|(row, ratio)| baseline.change(*row, *ratio) == Change::Slower)
            .map(|(row, _)| row.name())
            .collect();
        if !slower.is_empty() {
            step(format!(
                "slower than every run of the baseline by more than its noise: {}",
                slower.join(", ")
            ));
        }
        if let Some(other) = baseline.other_machine() {
            step(format!("the baseline is of another machine: {other}"));
        }
    }

    /// All of it as JSON; a row that did not run is absent from `ratios`.
    pub fn json(&self, project: &Project) -> Value {
        let by_row = |value: &dyn Fn(&Outcome) -> Value| -> Map<String, Value> {
            (self.outcomes.iter())
                .map(|(row, outcome)| (row.name().to_owned(), value(outcome)))
                .collect()
        };
        let missing: Map<String, Value> = (self.missing.iter())
            .map(|(row, why)| (row.name().to_owned(), json!(why)))
            .collect();
        json!({
            "machine": machine(),
            "commit": output(project.command("git").args(["describe", "--always", "--dirty"])),
            "ratios": by_row(&|outcome| json!(outcome.ratio())),
            "outcomes": by_row(&|outcome| json!({
                "ours_ms": outcome.ours_ms, "best": outcome.best, "best_ms": outcome.best_ms,
            })),
            "missing": missing,
            "networks": self.networks,
            "memory": self.memory,
            "rows": self.rows,
        })
    }
}

/// The value that `share` of the values do not exceed, by nearest rank; NaN of none.
pub fn quantile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted
        .get(rank.saturating_sub(1))
        .copied()
        .unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_values_that_were_measured() {
        let values = [5.0, 1.0, 3.0, 2.0, 4.0];
        assert_eq!(quantile(&values, 0.5), 3.0);
        assert_eq!(quantile(&values, 0.95), 5.0);
        assert!(quantile(&[], 0.5).is_nan());
    }

    #[test]
    fn the_best_peer_is_the_fastest() {
        let all = [("ours", 6.0), ("slow", 9.0), ("fast", 5.0)];
        let outcome = Outcome::of(&all);
        assert_eq!(outcome.as_ref().map(|one| one.best.as_str()), Some("fast"));
        assert_eq!(outcome.map(|one| one.ratio()), Some(1.2));
        assert_eq!(Outcome::of(&all[..1]), None);
    }

    #[test]
    fn a_row_that_did_not_run_is_absent_and_says_why() -> anyhow::Result<()> {
        let mut figures = Figures::default();
        figures.outcome(
            Row::TrainB32,
            Outcome {
                ours_ms: 900.0,
                best: "PyTorch".to_owned(),
                best_ms: 1000.0,
            },
        );
        figures.miss(Row::FolderPool, "no pool");
        let json = figures.json(&Project::find(false)?);
        assert_eq!(json["ratios"], json!({"train_b32": 0.9}));
        assert_eq!(json["missing"], json!({"folder_pool": "no pool"}));
        Ok(())
    }
}
