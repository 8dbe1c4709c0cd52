//! Forward and backward, and the memory that they take.

use super::figures::{Figures, Outcome, quantile};
use super::options::Options;
use super::peers::{Programs, check, compare, in_turns, peers};
use super::rows::Row;
use crate::process::step;
use anyhow::Result;
use serde_json::json;

/// The batch of the row.
const BATCH: u64 = 32;
/// Images at a time, and how many steps of that are timed in a turn.
const BATCHES: [(u64, u64); 3] = [(1, 8), (8, 2), (BATCH, 1)];

/// Measures the row if it is wanted.
pub fn measure(programs: &Programs<'_>, options: &Options, figures: &mut Figures) -> Result<()> {
    if !options.wants(Row::TrainB32) {
        return Ok(());
    }
    step(format!("training, {} threads", programs.threads));
    let peers = peers(Row::TrainB32, options);
    let (mut ours, mut theirs) = (programs.ours(programs.threads)?, programs.pytorch()?);
    let own = ours.ask(&json!({"do": "check"}))?;
    for (engine, title) in &peers {
        compare(&own, &theirs.ask(&check(engine))?, title)?;
    }
    println!(
        "{:<28} {:>6} {:>10} {:>10}",
        "", "batch", "median ms", "images/s"
    );
    for (batch, times) in BATCHES {
        if batch != BATCH && !options.whole() {
            continue;
        }
        // Each batch is compiled anew, for minutes: the row is enough.
        let peers = match batch == BATCH {
            true => peers.as_slice(),
            false => &peers[..1],
        };
        let request = json!({"do": "train", "batch": batch, "times": times});
        let both = [&mut ours, &mut theirs];
        let all = in_turns(both, peers, &request, options.native_rounds())?;
        let titles = std::iter::once("ours").chain(peers.iter().map(|(_, title)| *title));
        let mut medians = Vec::new();
        for (title, times) in titles.zip(&all) {
            let median = quantile(times, 0.5);
            let speed = batch as f64 * 1e3 / median;
            println!("{title:<28} {batch:>6} {median:>10.1} {speed:>10.1}");
            figures.rows.push(json!({
                "kind": "train", "engine": title, "batch": batch, "threads": programs.threads,
                "median_ms": median, "images_per_second": speed, "runs": times.len(),
            }));
            medians.push((title, median));
        }
        if let (BATCH, Some(outcome)) = (batch, Outcome::of(&medians)) {
            figures.outcome(Row::TrainB32, outcome);
        }
    }
    drop((ours, theirs));
    if options.whole() {
        peak_memory(programs, figures)?;
    }
    Ok(())
}

/// The most memory that training takes, each figure by a process that has done nothing else.
fn peak_memory(programs: &Programs<'_>, figures: &mut Figures) -> Result<()> {
    println!("{:<24} {:>8} {:>8} {:>8}", "peak MB, train", 1, 8, 32);
    for engine in ["ours", "PyTorch"] {
        let mut line = format!("{engine:<24}");
        for (batch, _) in BATCHES {
            let mut program = match engine {
                "ours" => programs.ours(programs.threads)?,
                _ => programs.pytorch()?,
            };
            program
                .ask(&json!({"do": "train", "engine": "pytorch", "batch": batch, "times": 2}))?;
            let peak = program.ask(&json!({"do": "memory"}))?["peak_bytes"].take();
            line += &match peak.as_f64() {
                Some(bytes) => format!(" {:>8.0}", bytes / 1e6),
                None => format!(" {:>8}", "-"),
            };
            figures.rows.push(json!({
                "kind": "train-memory", "engine": engine, "batch": batch, "peak_bytes": peak,
            }));
        }
        println!("{line}");
    }
    Ok(())
}
