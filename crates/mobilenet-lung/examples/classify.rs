//! Classifies an X-ray with the model that ships: `cargo run --release -p mobilenet-lung --example classify -- chest.png`.

use std::error::Error;
use std::path::{Path, PathBuf};

use mobilenet_lung::{Bundle, Classifier};
use radiograph::Radiograph;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1);
    let file = arguments.next().ok_or("use: classify FILE [MODEL]")?;
    let model = match arguments.next() {
        Some(path) => PathBuf::from(path),
        None => shipped()?,
    };

    let bundle = Bundle::read(&std::fs::read(model)?, None)?;
    let classifier = Classifier::on_cpu(&bundle)?;
    let radiograph = Radiograph::decode(&std::fs::read(file)?)
        .map_err(|error| format!("{error} {}", error.advice()))?;
    let reading = classifier.classify_blocking(&radiograph)?;

    for caution in &reading.cautions {
        println!("caution: {}", caution.message);
    }
    let report = reading.report;
    if report
        .in_distribution
        .is_some_and(|likeness| !likeness.accepted)
    {
        println!("This does not look like a frontal chest X-ray.");
        return Ok(());
    }
    println!("finding: {}", report.finding);
    for (finding, probability) in report.probabilities.iter() {
        println!("{:>5.1}% {finding}", 100.0 * probability);
    }
    if let Some(set) = report.prediction_set {
        println!("possible: {}", set.findings.join(", "));
    }
    println!("Research software, not a medical device.");
    Ok(())
}

/// The current model of the repository.
fn shipped() -> Result<PathBuf, Box<dyn Error>> {
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../www/models");
    let index: serde_json::Value =
        serde_json::from_slice(&std::fs::read(models.join("index.json"))?)?;
    let current = index["current"]
        .as_str()
        .ok_or("models/index.json names no current model")?;
    Ok(models.join(current))
}
