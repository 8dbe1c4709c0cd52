//! Classifying an archive: a shard of a manifest in, a Parquet file out.
//!
//! Files are read and classified side by side, a row group at a time, so memory does not grow with the shard. The result appears
//! under its name only when it is whole: where it is there, the shard is done.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use anyhow::{Context as _, bail, ensure};
use indicatif::ProgressBar;
use mobilenet_lung::{Classifier, Findings};
use parquet::basic::{Compression, LogicalType, Repetition, Type as Physical};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DataType, FloatType};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::Type;
use rayon::prelude::*;

use crate::predict::{Prediction, Refusal, predict_file};

/// Rows of a row group.
const GROUP: usize = 4096;

/// The columns, with a probability for each finding; `docs/archive.md` says what is in them. An image that could not be read
/// has only `file` and the error.
fn schema(findings: &Findings) -> anyhow::Result<Type> {
    use LogicalType::String as Text;
    const OPTIONAL: Repetition = Repetition::OPTIONAL;
    const REQUIRED: Repetition = Repetition::REQUIRED;
    let column = |name: &str, repetition, physical, logical: Option<LogicalType>| {
        let column = Type::primitive_type_builder(name, physical)
            .with_repetition(repetition)
            .with_logical_type(logical)
            .build()?;
        anyhow::Ok(Arc::new(column))
    };
    let text = |name: &str, repetition| column(name, repetition, Physical::BYTE_ARRAY, Some(Text));
    let mut columns = vec![text("file", REQUIRED)?, text("finding", OPTIONAL)?];
    for id in findings.ids() {
        let name = format!("probability_{}", column_name(id));
        columns.push(column(&name, OPTIONAL, Physical::FLOAT, None)?);
    }
    columns.extend([
        text("prediction_set", OPTIONAL)?,
        column("in_distribution_score", OPTIONAL, Physical::FLOAT, None)?,
        column(
            "in_distribution_accepted",
            OPTIONAL,
            Physical::BOOLEAN,
            None,
        )?,
        text("cautions", OPTIONAL)?,
        text("error_code", OPTIONAL)?,
        text("error_message", OPTIONAL)?,
        text("model", REQUIRED)?,
    ]);
    Ok(Type::group_type_builder("predictions")
        .with_fields(columns)
        .build()?)
}

/// An id in a column's name: in lower case, with `_` for whatever is no letter or digit. No two findings share one, since their
/// ids differ in their letters and digits.
fn column_name(id: &str) -> String {
    let plain = |c: char| if c.is_alphanumeric() { c } else { '_' };
    id.to_lowercase().chars().map(plain).collect()
}

/// Which part of a manifest: every `of`-th line, beginning with line `index`, both counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    /// Below [`Shard::of`].
    pub index: usize,
    /// Number of shards, at least 1.
    pub of: usize,
}

impl Shard {
    /// The whole.
    pub const WHOLE: Self = Self { index: 0, of: 1 };
}

impl FromStr for Shard {
    type Err = String;

    /// `3/16`: the fourth of sixteen.
    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text
            .split_once('/')
            .and_then(|(index, of)| Some((index.parse().ok()?, of.parse().ok()?)));
        match parts {
            Some((index, of)) if index < of => Ok(Self { index, of }),
            _ => Err("a shard is I/N with I from 0 to N - 1, such as 3/16".to_owned()),
        }
    }
}

/// The files that a manifest names, in its order: a path a line, relative to the manifest's own folder. Empty lines are left out.
///
/// # Errors
/// A manifest that cannot be read, is not UTF-8, names no file or one twice.
pub fn read_manifest(path: &Path, shard: Shard) -> anyhow::Result<Vec<PathBuf>> {
    let text = fs::read_to_string(path)
        .with_context(|| format!("cannot read the manifest {}", path.display()))?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let lines: Vec<&str> = text
        .lines()
        .map(|line| line.trim_end_matches('\r'))
        .filter(|line| !line.trim().is_empty())
        .collect();
    ensure!(!lines.is_empty(), "{} names no file", path.display());
    let mut seen = BTreeSet::new();
    for line in &lines {
        ensure!(seen.insert(*line), "{} names {line} twice", path.display());
    }
    let files = lines.into_iter().skip(shard.index).step_by(shard.of);
    Ok(files.map(|line| folder.join(line)).collect())
}

/// Classifies `files` and writes a row for each, in their order, to the Parquet file `out`. Returns how many could not be read:
/// each has a row that says why.
///
/// # Errors
/// An `out` that exists already, or cannot be written.
pub fn predict_to_parquet(
    classifier: &Classifier,
    files: &[PathBuf],
    out: &Path,
    progress: &ProgressBar,
) -> anyhow::Result<usize> {
    if out.exists() {
        bail!(
            "{} is there already, so this shard has been done; remove it to do it again",
            out.display()
        );
    }
    let cannot = || format!("cannot write {}", out.display());
    let unfinished = out.with_added_extension("unfinished");
    let schema = Arc::new(schema(classifier.findings())?);
    let properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .build();
    let file = File::create(&unfinished).with_context(cannot)?;
    let mut writer = SerializedFileWriter::new(file, schema, Arc::new(properties))?;
    let mut refused = 0;
    for some in files.chunks(GROUP) {
        let rows: Vec<Prediction> = some
            .par_iter()
            .map(|file| {
                let prediction = predict_file(classifier, file);
                progress.inc(1);
                prediction
            })
            .collect();
        refused += rows
            .iter()
            .filter(|row| matches!(row, Prediction::Refused { .. }))
            .count();
        let mut group = writer.next_row_group().with_context(cannot)?;
        write_rows(&mut group, &rows, classifier).with_context(cannot)?;
        group.close().with_context(cannot)?;
    }
    let mut file = writer.into_inner().with_context(cannot)?;
    file.flush()
        .and_then(|()| file.sync_all())
        .with_context(cannot)?;
    fs::rename(&unfinished, out).with_context(cannot)?;
    Ok(refused)
}

/// Writes a row group, column by column in the order of [`schema`].
fn write_rows<W: std::io::Write + Send>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    rows: &[Prediction],
    classifier: &Classifier,
) -> anyhow::Result<()> {
    let mut columns = Columns(group);
    columns.required::<ByteArrayType>(rows.iter().map(|row| match row {
        Prediction::Read { file, .. } | Prediction::Refused { file, .. } => text(file),
    }))?;
    columns.optional::<ByteArrayType>(rows.iter().map(|row| match row {
        Prediction::Read { finding, .. } => Some(text(finding)),
        Prediction::Refused { .. } => None,
    }))?;
    for id in classifier.findings().ids() {
        columns.optional::<FloatType>(rows.iter().map(|row| match row {
            Prediction::Read { probabilities, .. } => probabilities.get(id).copied(),
            Prediction::Refused { .. } => None,
        }))?;
    }
    columns.optional::<ByteArrayType>(rows.iter().map(|row| {
        match row {
            Prediction::Read { prediction_set, .. } => prediction_set
                .as_ref()
                .map(|set| joined(set.findings.iter().map(String::as_str))),
            Prediction::Refused { .. } => None,
        }
    }))?;
    let likeness = |row: &Prediction| match row {
        Prediction::Read {
            in_distribution, ..
        } => *in_distribution,
        Prediction::Refused { .. } => None,
    };
    columns.optional::<FloatType>(rows.iter().map(|row| Some(likeness(row)?.score)))?;
    columns.optional::<BoolType>(rows.iter().map(|row| Some(likeness(row)?.accepted)))?;
    columns.optional::<ByteArrayType>(rows.iter().map(|row| match row {
        Prediction::Read { cautions, .. } => {
            Some(joined(cautions.iter().map(|caution| caution.code.as_str())))
        }
        Prediction::Refused { .. } => None,
    }))?;
    columns.optional::<ByteArrayType>(rows.iter().map(|row| Some(text(&refusal(row)?.code))))?;
    columns.optional::<ByteArrayType>(rows.iter().map(|row| Some(text(&refusal(row)?.message))))?;
    columns.required::<ByteArrayType>(rows.iter().map(|_| text(classifier.id())))
}

/// Why a file was not read, if it was not.
fn refusal(row: &Prediction) -> Option<&Refusal> {
    match row {
        Prediction::Refused { error, .. } => Some(error),
        Prediction::Read { .. } => None,
    }
}

fn text(value: &str) -> ByteArray {
    ByteArray::from(value)
}

/// Names in one column: `Normal|Lung_Opacity`, and nothing for none.
fn joined<'a>(names: impl Iterator<Item = &'a str>) -> ByteArray {
    text(&names.collect::<Vec<_>>().join("|"))
}

/// The columns of a row group that are still to be written.
struct Columns<'a, 'b, W: std::io::Write + Send>(&'a mut SerializedRowGroupWriter<'b, W>);

impl<W: std::io::Write + Send> Columns<'_, '_, W> {
    fn required<T: DataType>(&mut self, values: impl Iterator<Item = T::T>) -> anyhow::Result<()> {
        let values: Vec<T::T> = values.collect();
        self.write::<T>(&values, None)
    }

    fn optional<T: DataType>(
        &mut self,
        values: impl Iterator<Item = Option<T::T>>,
    ) -> anyhow::Result<()> {
        let mut levels = Vec::new();
        let present: Vec<T::T> = values
            .inspect(|value| levels.push(i16::from(value.is_some())))
            .flatten()
            .collect();
        self.write::<T>(&present, Some(&levels))
    }

    fn write<T: DataType>(
        &mut self,
        values: &[T::T],
        levels: Option<&[i16]>,
    ) -> anyhow::Result<()> {
        let mut column = self
            .0
            .next_column()?
            .context("the schema has fewer columns than are written")?;
        column.typed::<T>().write_batch(values, levels, None)?;
        Ok(column.close()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_divide_a_manifest_without_rest() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        let manifest = folder.path().join("manifest.txt");
        let names: Vec<String> = (0..10).map(|at| format!("image {at}.png")).collect();
        fs::write(&manifest, names.join("\r\n") + "\n\n")?;
        let mut all = Vec::new();
        for index in 0..3 {
            let shard = format!("{index}/3").parse().map_err(anyhow::Error::msg)?;
            all.extend(read_manifest(&manifest, shard)?);
        }
        all.sort();
        assert_eq!(all, read_manifest(&manifest, Shard::WHOLE)?);
        assert_eq!(all[0], folder.path().join("image 0.png"));
        assert_eq!(all.len(), 10);
        Ok(())
    }

    #[test]
    fn a_manifest_that_makes_no_sense_is_refused() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        let manifest = folder.path().join("manifest.txt");
        for (text, reason) in [("\n \n", "names no file"), ("a\nb\na\n", "names a twice")] {
            fs::write(&manifest, text)?;
            let error = read_manifest(&manifest, Shard::WHOLE).unwrap_err();
            assert!(error.to_string().contains(reason), "{error}");
        }
        for shard in ["", "1", "2/2", "-1/2", "0/0", "a/b"] {
            assert!(shard.parse::<Shard>().is_err(), "{shard}");
        }
        Ok(())
    }
}
