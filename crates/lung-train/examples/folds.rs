//! Prints which fold each image of the data folders that it is given is in, as a table for `tests/reference/recipes.py`.

use std::path::PathBuf;

use anyhow::ensure;
use lung_train::data::Dataset;

fn main() -> anyhow::Result<()> {
    let folders: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    ensure!(!folders.is_empty(), "name the data folders");
    let mut table = csv::Writer::from_writer(std::io::stdout());
    table.write_record([
        "path",
        "source",
        "finding",
        "bacterial",
        "group",
        "origin",
        "fold",
    ])?;
    let dataset = Dataset::open_all(&folders)?;
    for example in &dataset.examples {
        let kind = dataset.classes[example.class].kind.as_deref();
        table.write_record([
            &example.path.display().to_string(),
            &example.source,
            dataset.id(example.finding),
            &(kind == Some("bacterial")).to_string(),
            &example.group,
            &example.origin,
            &example.fold.to_string(),
        ])?;
    }
    table.flush()?;
    Ok(())
}
