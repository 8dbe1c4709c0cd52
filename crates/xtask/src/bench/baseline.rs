//! The ratios of earlier runs, in `tests/bench/baseline.json`, and whether a new one differs from them by more than their noise.

use super::files::read_json;
use super::rows::Row;
use crate::process::output;
use crate::tools::Project;
use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The runs of a row that are kept.
const KEPT: usize = 9;
/// What a ratio may differ by from all recorded ones and still be noise: the few runs of a baseline have not seen all of it.
const MARGIN: f64 = 1.05;

/// A ratio beside those of the baseline.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Change {
    /// There is none to compare with.
    Unknown,
    /// Within the noise.
    Same,
    /// Below every run of it by more than the margin.
    Faster,
    /// Above every run of it by more than the margin.
    Slower,
}

/// Ratios of earlier runs on one machine.
pub struct Baseline {
    path: PathBuf,
    machine: Option<String>,
    runs: BTreeMap<String, Vec<f64>>,
}

impl Baseline {
    /// That of the repository; empty where there is none.
    pub fn read(project: &Project) -> Result<Self> {
        let path = project.root().join("tests/bench/baseline.json");
        let all = if path.exists() {
            read_json(&path)?
        } else {
            Value::Null
        };
        let runs = all["ratios"].as_object().into_iter().flatten();
        Ok(Self {
            machine: all["machine"].as_str().map(str::to_owned),
            runs: runs
                .map(|(row, runs)| {
                    let runs = runs.as_array().into_iter().flatten();
                    (row.clone(), runs.filter_map(Value::as_f64).collect())
                })
                .collect(),
            path,
        })
    }

    /// The least, the middle and the greatest ratio of a row.
    fn range(&self, row: Row) -> Option<[f64; 3]> {
        let mut runs = self.runs.get(row.name())?.clone();
        runs.sort_by(f64::total_cmp);
        Some([*runs.first()?, *runs.get(runs.len() / 2)?, *runs.last()?])
    }

    /// How a new ratio of a row compares.
    pub fn change(&self, row: Row, ratio: f64) -> Change {
        match self.range(row) {
            None => Change::Unknown,
            Some([_, _, most]) if ratio > most * MARGIN => Change::Slower,
            Some([least, ..]) if ratio < least / MARGIN => Change::Faster,
            Some(_) => Change::Same,
        }
    }

    /// The baseline of a row in words.
    pub fn beside(&self, row: Row, ratio: f64) -> String {
        let Some([least, middle, most]) = self.range(row) else {
            return "none".to_owned();
        };
        let change = match self.change(row, ratio) {
            Change::Slower => ": SLOWER",
            Change::Faster => ": faster",
            Change::Same | Change::Unknown => "",
        };
        format!("{middle:.2} ({least:.2} to {most:.2}){change}")
    }

    /// The machine of the baseline, where it is not this one.
    pub fn other_machine(&self) -> Option<&str> {
        self.machine.as_deref().filter(|kept| *kept != machine())
    }

    /// Adds the ratios of a run. Those of another machine make place.
    pub fn record(&mut self, ratios: impl Iterator<Item = (Row, f64)>) {
        if self.other_machine().is_some() {
            self.runs.clear();
        }
        self.machine = Some(machine());
        for (row, ratio) in ratios {
            let runs = self.runs.entry(row.name().to_owned()).or_default();
            // Three digits are more than a ratio has.
            runs.push((ratio * 1e3).round() / 1e3);
            let old = runs.len().saturating_sub(KEPT);
            runs.drain(..old);
        }
    }

    /// Writes the file, and returns its path.
    pub fn write(&self) -> Result<&Path> {
        let ratios: Vec<String> = (self.runs.iter())
            .map(|(row, runs)| format!("  {}: {}", json!(row), json!(runs)))
            .collect();
        let text = format!(
            "{{\n \"machine\": {},\n \"ratios\": {{\n{}\n }}\n}}\n",
            json!(self.machine),
            ratios.join(",\n")
        );
        fs::write(&self.path, text)
            .with_context(|| format!("{} cannot be written", self.path.display()))?;
        Ok(&self.path)
    }
}

/// What ratios depend on of this machine: its processor, its cores, whether it has AVX-512.
pub fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let about = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let field = |name: &str| {
        let line = about.lines().find(|line| line.starts_with(name))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    };
    let model = field("model name")
        .or_else(|| output(Command::new("sysctl").args(["-n", "machdep.cpu.brand_string"])))
        .unwrap_or_else(|| std::env::consts::ARCH.to_owned());
    let wide = field("flags").is_some_and(|flags| flags.split(' ').any(|flag| flag == "avx512f"));
    format!(
        "{model}, {cores} cores{}",
        if wide { ", AVX-512" } else { "" }
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn baseline(runs: &[f64]) -> Baseline {
        Baseline {
            path: PathBuf::new(),
            machine: Some(machine()),
            runs: BTreeMap::from([("cpu_warm".to_owned(), runs.to_vec())]),
        }
    }

    #[test]
    fn a_ratio_is_slower_only_beyond_the_noise_of_earlier_runs() {
        let before = baseline(&[1.0, 1.1, 0.9]);
        assert_eq!(before.change(Row::CpuWarm, 1.15), Change::Same);
        assert_eq!(before.change(Row::CpuWarm, 1.16), Change::Slower);
        assert_eq!(before.change(Row::CpuWarm, 0.85), Change::Faster);
        assert_eq!(before.change(Row::CpuFirst, 9.0), Change::Unknown);
        assert_eq!(
            before.beside(Row::CpuWarm, 2.0),
            "1.00 (0.90 to 1.10): SLOWER"
        );
    }

    #[test]
    fn the_last_runs_are_kept_and_those_of_another_machine_are_not() {
        let mut before = baseline(&[1.0; KEPT]);
        before.record([(Row::CpuWarm, 0.5)].into_iter());
        assert_eq!(before.runs["cpu_warm"].len(), KEPT);
        assert_eq!(before.runs["cpu_warm"].last(), Some(&0.5));
        before.machine = Some("another".to_owned());
        before.record([(Row::CpuWarm, 0.5)].into_iter());
        assert_eq!(before.runs["cpu_warm"], [0.5]);
        assert!(before.other_machine().is_none());
    }

    #[test]
    fn the_baseline_of_the_repository_names_rows() -> Result<()> {
        let baseline = Baseline::read(&Project::find(false)?)?;
        let names: Vec<&str> = <Row as clap::ValueEnum>::value_variants()
            .iter()
            .map(|row| row.name())
            .collect();
        for (row, runs) in &baseline.runs {
            assert!(names.contains(&row.as_str()), "{row}");
            assert!(runs.iter().all(|ratio| *ratio > 0.0), "{row}");
        }
        Ok(())
    }
}
