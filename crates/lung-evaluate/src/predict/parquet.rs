//! Classifying an archive: files in, a Parquet file out.
//!
//! Files are read and classified side by side, a row group at a time, so memory does not grow with the shard. The result appears
//! under its name only when it is whole: where it is there, the shard is done.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use mobilenet_lung::{Classifier, Findings};
use parquet::basic::{Compression, LogicalType, Repetition, Type as Physical};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DataType, FloatType};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::Type;
use rayon::prelude::*;

use super::row::{Prediction, Refusal, predict_file};
use crate::data::Shown as _;
use crate::files::Unfinished;
use crate::progress::{Work, begin};

/// Rows of a row group.
const GROUP: usize = 4096;

/// The columns, with a probability for each finding; `docs/guide/archive.md` says what is in them. An image that could not be read
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

/// Classifies `files` and writes a row for each, in their order, to the Parquet file `out`. Returns how many could not be read:
/// each has a row that says why.
///
/// # Errors
/// An `out` that exists already, or cannot be written.
pub fn predict_to_parquet(
    classifier: &Classifier,
    files: &[PathBuf],
    out: &Path,
) -> anyhow::Result<usize> {
    let cannot = || format!("cannot write {}", out.shown());
    let unfinished = Unfinished::begin(out)?;
    let schema = Arc::new(schema(classifier.findings())?);
    let properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .build();
    let mut writer = SerializedFileWriter::new(unfinished.file()?, schema, Arc::new(properties))?;
    let progress = match files.len() {
        0 | 1 => Work::hidden(),
        count => begin(count, "classifying"),
    };
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
    writer.close().with_context(cannot)?;
    unfinished.finish()?;
    progress.finish_and_clear();
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
