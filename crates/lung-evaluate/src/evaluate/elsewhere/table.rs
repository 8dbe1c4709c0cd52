//! Which images there are, and what is known of each.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use serde::{Deserialize, Serialize};

use crate::data::{Shown as _, escape, path_of, table_delimiter, table_key, text};
use crate::predict::expand;

/// What images have in common.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Stratum {
    /// What they show, in the words of their table. It need not be a finding of the model.
    pub label: String,
    /// How old the patients are, where that is known.
    pub age: Option<String>,
    /// Where they were taken, where that is known.
    pub hospital: Option<String>,
    /// Whether they helped to choose the model or only test it, where the table says so.
    pub half: Option<String>,
}

impl std::fmt::Display for Stratum {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.label)?;
        if let Some(age) = &self.age {
            write!(f, ", {age}")?;
        }
        match &self.half {
            Some(half) => write!(f, " ({half})"),
            None => Ok(()),
        }
    }
}

/// An image, and what is known of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Labelled {
    /// Where it lies.
    pub path: PathBuf,
    /// Its name for people.
    pub file: String,
    /// What it has in common with others.
    pub stratum: Stratum,
}

/// The images of a table with the columns `file` and `label`, and where known `age_group`, `hospital` and `half`. Files lie relative
/// to the table's own folder. Other columns say nothing.
///
/// # Errors
/// A table that cannot be read, lacks a column, names no file or one twice, or has a line without a file or a label.
pub fn read_table(path: &Path) -> anyhow::Result<Vec<Labelled>> {
    let text =
        text::read(path).with_context(|| format!("cannot read the table {}", path.shown()))?;
    let (delimiter, text) = table_delimiter(&text);
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes());
    let unread = || format!("{} is no table", path.shown());
    let header: Vec<String> = (reader.headers().with_context(unread)?.iter())
        .map(str::to_lowercase)
        .collect();
    let column = |name: &str| header.iter().position(|column| column == name);
    let (Some(file), Some(label)) = (column("file"), column("label")) else {
        bail!(
            "{} needs the columns file and label, and has {}",
            path.shown(),
            escape(&header.join(", "))
        );
    };
    let (age, hospital, half) = (column("age_group"), column("hospital"), column("half"));
    let folder = path.parent().unwrap_or(Path::new(""));
    let mut lines: HashMap<String, u64> = HashMap::new();
    let mut images = Vec::new();
    for record in reader.records() {
        let record = record.with_context(unread)?;
        if record.iter().all(str::is_empty) {
            continue;
        }
        let line = record.position().map_or(0, csv::Position::line);
        let cell = |column: Option<usize>| {
            let text = column.and_then(|column| record.get(column));
            text.filter(|text| !text.is_empty()).map(str::to_owned)
        };
        let wanted = |column: usize, name: &str| {
            cell(Some(column))
                .with_context(|| format!("line {line} of {} has no {name}", path.shown()))
        };
        let name = wanted(file, "file")?;
        if let Some(before) = lines.insert(table_key(&name), line) {
            bail!(
                "lines {before} and {line} of {} both name {}",
                path.shown(),
                escape(&name)
            );
        }
        images.push(Labelled {
            path: file_of(folder, &name),
            file: name,
            stratum: Stratum {
                label: wanted(label, "label")?,
                age: cell(age),
                hospital: cell(hospital),
                half: cell(half),
            },
        });
    }
    ensure!(!images.is_empty(), "{} names no file", path.shown());
    Ok(images)
}

/// The file that a table names: as it is written, or with `/` between folders and accents composed.
fn file_of(folder: &Path, written: &str) -> PathBuf {
    let exact = folder.join(path_of(written));
    match exact.exists() {
        true => exact,
        false => folder.join(path_of(&table_key(written))),
    }
}

/// The images under a folder, all of one label. Nothing else is known of them.
///
/// # Errors
/// A folder that cannot be listed, or holds no image.
pub fn in_folder(label: &str, folder: &Path) -> anyhow::Result<Vec<Labelled>> {
    ensure!(folder.is_dir(), "there is no folder {}", folder.shown());
    let files = expand(&[folder.to_owned()])?;
    let images = files.into_iter().map(|path| Labelled {
        file: path.strip_prefix(folder).unwrap_or(&path).shown(),
        stratum: Stratum {
            label: label.to_owned(),
            ..Stratum::default()
        },
        path,
    });
    Ok(images.collect())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn table(text: &str) -> Result<Vec<Labelled>, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("index.csv");
        fs::write(&path, text).unwrap();
        read_table(&path).map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn a_table_says_what_it_knows_of_each_image() {
        let written = "File;Label;view;Age_Group;Hospital\r\na\\1.png;tuberculosis;PA;adult;\r\n;;;;\r\nb.png;normal;;;North, main\r\n";
        let images = table(written).unwrap();
        assert!(images[0].path.ends_with("a/1.png"));
        let adult = Stratum {
            label: "tuberculosis".to_owned(),
            age: Some("adult".to_owned()),
            ..Stratum::default()
        };
        assert_eq!(images[0].stratum, adult);
        assert_eq!(images[1].stratum.hospital.as_deref(), Some("North, main"));
        assert_eq!(images.len(), 2);
    }

    #[test]
    fn a_table_that_makes_no_sense_is_refused_with_its_line() {
        for (text, words) in [
            ("", "needs the columns file and label"),
            ("file,finding\na,b\n", "and has file, finding"),
            ("file,label\n", "names no file"),
            ("file,label\n,normal\n", "line 2 of"),
            ("file,label\na.png,\n", "has no label"),
            ("file,label\na.png,n\nb.png,n\n./a.png,n\n", "lines 2 and 4"),
        ] {
            let error = table(text).unwrap_err();
            assert!(error.contains(words), "{words}: {error}");
        }
        let missing = read_table(Path::new("nowhere.csv")).unwrap_err();
        assert!(missing.to_string().contains("nowhere.csv"), "{missing}");
    }
}
