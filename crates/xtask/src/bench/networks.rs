//! Training of the paper's six networks beside torchvision's.

use super::figures::{Figures, quantile};
use super::peers::{Programs, compare, in_turns};
use crate::process::step;
use anyhow::{Result, ensure};
use serde_json::json;

/// The networks by the names that `lung compare` and `tests/bench/networks.py` know them by.
const NETWORKS: [&str; 6] = [
    "squeezenet",
    "vgg11",
    "resnet18",
    "densenet121",
    "mobilenetv2",
    "mobilenet-lung-se-last",
];
/// Images in a step.
const BATCH: u64 = 16;
/// What the speed over PyTorch's must reach, and what we aim for.
const GOALS: (f64, f64) = (0.8, 1.2);

/// Times a step of each network that is named, or of all.
pub fn measure(
    programs: &Programs<'_>,
    names: &[String],
    rounds: u32,
    figures: &mut Figures,
) -> Result<()> {
    let chosen = chosen(names)?;
    let threads = programs.threads;
    step(format!(
        "training at 224 x 224, batch {BATCH}, {threads} threads: speed over PyTorch's must reach {}, aim {}",
        GOALS.0, GOALS.1
    ));
    println!(
        "{:<24} {:>10} {:>10} {:>8} {:>10} {:>10}",
        "images/s", "ours", "PyTorch", "ratio", "ours MB", "PyTorch MB"
    );
    for network in chosen {
        let (mut ours, mut theirs) = (programs.ours(threads)?, programs.pytorch()?);
        let check = json!({"do": "check", "network": network});
        compare(&ours.ask(&check)?, &theirs.ask(&check)?, "PyTorch")?;
        let request = json!({"do": "train", "network": network, "batch": BATCH, "times": 1});
        let peers = [("pytorch", "PyTorch")];
        let times = in_turns([&mut ours, &mut theirs], &peers, &request, rounds)?;
        let speeds = [0, 1].map(|at| BATCH as f64 * 1e3 / quantile(&times[at], 0.5));
        let memory = [&mut ours, &mut theirs].map(|program| program.ask(&json!({"do": "memory"})));
        let mut peaks = Vec::new();
        for peak in memory {
            peaks.push(peak?["peak_bytes"].take());
        }
        let megabytes = |at: usize| match peaks[at].as_f64() {
            Some(bytes) => format!("{:.0}", bytes / 1e6),
            None => "-".to_owned(),
        };
        let [own, other] = speeds;
        println!(
            "{network:<24} {own:>10.2} {other:>10.2} {:>8.2} {:>10} {:>10}",
            own / other,
            megabytes(0),
            megabytes(1),
        );
        for (at, engine) in ["ours", "PyTorch, channels last"].into_iter().enumerate() {
            figures.rows.push(json!({
                "kind": "network", "network": network, "engine": engine, "batch": BATCH, "threads": threads,
                "images_per_second": speeds[at], "peak_bytes": peaks[at], "runs": rounds,
            }));
        }
        figures
            .networks
            .insert(network.to_owned(), json!(own / other));
    }
    Ok(())
}

/// The networks of a list of names, all of them for `all`.
fn chosen(names: &[String]) -> Result<Vec<&'static str>> {
    if names.iter().any(|name| name == "all") {
        return Ok(NETWORKS.to_vec());
    }
    for name in names {
        ensure!(
            NETWORKS.contains(&name.as_str()),
            "there is no network {name}; choose of all, {}",
            NETWORKS.join(", ")
        );
    }
    Ok((NETWORKS.into_iter())
        .filter(|network| names.iter().any(|name| name == network))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_chosen_by_name() -> Result<()> {
        let names = |text: &str| text.split(',').map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(chosen(&names("all"))?.len(), 6);
        assert_eq!(chosen(&names("resnet18,vgg11"))?, ["vgg11", "resnet18"]);
        assert!(chosen(&names("alexnet")).is_err());
        Ok(())
    }
}
