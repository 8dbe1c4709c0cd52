//! What is too long for every change: hours of fuzzing, thousands of files, sleep; and the record of it.

use super::lane::Lane;
use super::steps::{FUZZ_AT_A_TIME, cargo, compile, fuzz_targets, fuzzing, installed, peer, trunk};
use super::{browser, docs};
use crate::process::{output, step};
use crate::tools::{self, Project};
use anyhow::{Context, Result, ensure};
use std::fs;
use std::time::Instant;

/// Where long runs are written down.
const RECORD: &str = "docs/experiments/long-tests.md";

/// The most hours that fuzzing takes: a fortnight.
const MOST_HOURS: f64 = 336.0;

/// Runs the long tests, and fuzzing for so many hours, and writes down what came of it.
pub fn run(project: &Project, hours: f64) -> Result<()> {
    let seconds = seconds_each(hours)?;
    let began = Instant::now();
    let mut lane = Lane::new(project);
    if compile(&mut lane) {
        lane.step("graphics driver", || tools::vulkan(project));
        let mut ignored = cargo(project, &["test", "--no-fail-fast"]);
        ignored.args(["--", "--ignored"]);
        lane.tests("long native tests", &mut ignored);
    } else {
        lane.missed("long native tests", "they do not compile");
    }
    browser::long(&mut lane);
    trunk(&mut lane);
    installed(&mut lane);
    docs::compatible(&mut lane);
    peer(&mut lane);
    fuzz_targets(&mut lane);
    fuzzing(&mut lane, seconds);
    let recorded = record(project, &lane, hours);
    lane.finish(began).and(recorded)
}

/// How many seconds each target is fed: two at a time, so that all take these hours together.
fn seconds_each(hours: f64) -> Result<u32> {
    ensure!(
        hours > 0.0 && hours <= MOST_HOURS,
        "--hours is a number above 0 and at most {MOST_HOURS}"
    );
    let turns = crate::fuzz::targets().div_ceil(FUZZ_AT_A_TIME);
    // At most 1.2 million, and at least one.
    Ok(((hours * 3600.0 / turns as f64).round() as u32).max(1))
}

/// Adds a row for each test to the record.
fn record(project: &Project, lane: &Lane<'_>, hours: f64) -> Result<()> {
    let path = project.root().join(RECORD);
    let mut text =
        fs::read_to_string(&path).with_context(|| format!("{} cannot be read", path.display()))?;
    let date = output(
        project
            .command("node")
            .args(["--print", "new Date().toISOString().slice(0, 10)"]),
    )
    .unwrap_or_default();
    let commit = output(
        project
            .command("git")
            .args(["describe", "--always", "--dirty"]),
    )
    .unwrap_or_default();
    for row in lane.rows() {
        text.push_str(&row_of(&date, &commit, hours, &row));
    }
    fs::write(&path, text).with_context(|| format!("{} cannot be written", path.display()))?;
    step(format!("the results are in {RECORD}"));
    Ok(())
}

/// A row of the record.
fn row_of(date: &str, commit: &str, hours: f64, row: &[String; 4]) -> String {
    let [name, ended, seconds, said] = row.each_ref().map(|cell| {
        // A cell ends at a bar, and a row with its line.
        cell.replace('|', "/").replace('\n', " ")
    });
    let name = match name.as_str() {
        "fuzzing" => format!("fuzzing for {hours} h"),
        _ => name,
    };
    format!("| {date} | {commit} | {name} | {seconds} | {ended} | {said} |\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_are_divided_among_the_targets() -> Result<()> {
        // So many turns of two at a time, whatever targets there are.
        let turns = crate::fuzz::targets().div_ceil(2) as u32;
        assert_eq!(seconds_each(4.0)? * turns, 14_400);
        assert_eq!(seconds_each(0.0001)?, 1);
        for hours in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e9] {
            assert!(seconds_each(hours).is_err(), "{hours}");
        }
        Ok(())
    }

    #[test]
    fn a_row_of_the_record_is_one_row_of_a_table() {
        let row = ["fuzzing", "failed: a|b\nc", "12", "Done 3 runs; x"].map(str::to_owned);
        assert_eq!(
            row_of("2026-01-02", "abc1234", 1.5, &row),
            "| 2026-01-02 | abc1234 | fuzzing for 1.5 h | 12 | failed: a/b c | Done 3 runs; x |\n"
        );
    }

    #[test]
    fn the_record_ends_with_its_table() -> Result<()> {
        let project = Project::find(false)?;
        let text = fs::read_to_string(project.root().join(RECORD))?;
        let last = text.lines().last().unwrap_or_default();
        assert!(text.ends_with('\n') && last.starts_with('|'), "{last}");
        assert_eq!(last.matches('|').count(), 7, "{last}");
        Ok(())
    }
}
