//! One image at a time, natively.

use super::figures::{Figures, Outcome, quantile};
use super::options::Options;
use super::peers::{Programs, check, compare, in_turns, peers};
use super::rows::Row;
use crate::process::step;
use anyhow::Result;
use serde_json::json;

/// Inferences that are timed in a turn.
const TIMES: u64 = 50;

/// Measures the rows that are wanted.
pub fn measure(programs: &Programs<'_>, options: &Options, figures: &mut Figures) -> Result<()> {
    for (row, threads) in [(Row::Native1t, 1), (Row::Native2t, 2)] {
        if !options.wants(row) {
            continue;
        }
        if threads > programs.threads {
            figures.miss(row, "this machine has one core");
            continue;
        }
        one_row(programs, options, row, threads, figures)?;
    }
    Ok(())
}

fn one_row(
    programs: &Programs<'_>,
    options: &Options,
    row: Row,
    threads: usize,
    figures: &mut Figures,
) -> Result<()> {
    step(row.title());
    let peers = peers(row, options);
    let (mut ours, mut theirs) = (programs.ours(threads)?, programs.theirs(threads)?);
    let own = ours.ask(&json!({"do": "check"}))?;
    for (engine, title) in &peers {
        compare(&own, &theirs.ask(&check(engine))?, title)?;
    }
    let request = json!({"do": "latency", "times": TIMES});
    let programs = [&mut ours, &mut theirs];
    let times = in_turns(programs, &peers, &request, options.native_rounds())?;
    println!("{:<24} {:>9} {:>9}", "", "median ms", "p95 ms");
    let titles: Vec<&str> = std::iter::once("ours")
        .chain(peers.iter().map(|(_, title)| *title))
        .collect();
    let mut medians = Vec::new();
    for (title, times) in titles.into_iter().zip(&times) {
        let (median, p95) = (quantile(times, 0.5), quantile(times, 0.95));
        println!("{title:<24} {median:>9.2} {p95:>9.2}");
        figures.rows.push(json!({
            "kind": "native", "engine": title, "batch": 1, "threads": threads,
            "median_ms": median, "p95_ms": p95, "runs": times.len(),
        }));
        medians.push((title, median));
    }
    if let Some(outcome) = Outcome::of(&medians) {
        figures.outcome(row, outcome);
    }
    Ok(())
}
