//! `groups.csv`: labels, groups, origins and folds beside the class folders, as any spreadsheet may have saved it.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::dataset::FOLDS;
use super::error::DataError;
use super::names::{Shown as _, composed, escape};
use super::text;

/// The table's name in a data folder.
pub(crate) const GROUPS: &str = "groups.csv";

/// What separates columns: a comma, or what spreadsheets write where a comma is part of a number.
const DELIMITERS: [u8; 3] = [b',', b';', b'\t'];

/// What the table says of an image.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Row {
    /// Its line in the table.
    line: u64,
    /// The file as the table writes it.
    written: String,
    /// Its label.
    pub(crate) label: String,
    /// Its group; `None` where the table has none, which is no group that it shares with others.
    pub(crate) group: Option<String>,
    /// Where the patient comes from.
    pub(crate) origin: Option<String>,
    /// Its fold, below [`FOLDS`].
    pub(crate) fold: Option<usize>,
}

/// A table by file.
#[derive(Debug)]
pub(crate) struct Table {
    /// Where it lies.
    path: PathBuf,
    rows: HashMap<String, Row>,
}

/// A file's name as tables are searched for it: `/` between folders, no `./`, accents composed.
pub(crate) fn key(file: &str) -> String {
    let file = file.replace('\\', "/");
    let parts: Vec<&str> = file
        .split('/')
        .filter(|part| !part.is_empty() && *part != ".")
        .collect();
    composed(&parts.join("/"))
}

impl Table {
    /// The table of a data folder, of which the column `origin` says where patients come from; `None` where it has none.
    ///
    /// # Errors
    /// [`DataError::Groups`] names the line that cannot be understood, or that contradicts another.
    pub(crate) fn of(folder: &Path, origin: &str) -> Result<Option<Self>, DataError> {
        let path = folder.join(GROUPS);
        let text = match text::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(DataError::io(&path, error)),
        };
        let mut table = Self {
            path,
            rows: HashMap::new(),
        };
        table.read(&text, origin)?;
        Ok(Some(table))
    }

    /// That something in it is wrong.
    pub(crate) fn fault(&self, detail: String) -> DataError {
        DataError::Groups {
            path: self.path.clone(),
            detail,
        }
    }

    /// Takes the row of a file, which is named as on disk.
    pub(crate) fn take(&mut self, file: &str) -> Option<Row> {
        self.rows.remove(&key(file))
    }

    /// A sentence on rows that were not taken, since they name no image; `None` where all were.
    pub(crate) fn leftover(&self) -> Option<String> {
        let first = self.rows.values().min_by_key(|row| row.line)?;
        Some(format!(
            "{}: {} of its lines name no image of the folder, line {} for example: {}",
            self.path.shown(),
            self.rows.len(),
            first.line,
            escape(&first.written)
        ))
    }

    fn read(&mut self, text: &str, origin: &str) -> Result<(), DataError> {
        let (delimiter, text) = delimiter(text);
        let mut reader = csv::ReaderBuilder::new()
            .delimiter(delimiter)
            .trim(csv::Trim::All)
            .from_reader(text.as_bytes());
        let header: Vec<String> = (reader.headers())
            .map_err(|error| self.fault(error.to_string()))?
            .iter()
            .map(str::to_lowercase)
            .collect();
        let column = |name: &str| header.iter().position(|column| column == name);
        let (Some(file), Some(label), Some(group)) =
            (column("file"), column("label"), column("group"))
        else {
            return Err(self.fault(format!(
                "it needs the columns file, label and group, and has {}",
                match header.iter().all(String::is_empty) {
                    true => "none".to_owned(),
                    false => escape(&header.join(", ")),
                }
            )));
        };
        let (origin, fold) = (column(&origin.to_lowercase()), column("fold"));
        for record in reader.records() {
            let record = record.map_err(|error| self.fault(error.to_string()))?;
            if record.iter().all(str::is_empty) {
                continue;
            }
            let line = record.position().map_or(0, csv::Position::line);
            let cell = |column: Option<usize>| {
                let text = column.and_then(|column| record.get(column));
                text.filter(|text| !text.is_empty()).map(composed)
            };
            let written =
                cell(Some(file)).ok_or_else(|| self.fault(format!("line {line} names no file")))?;
            let fold = match cell(fold) {
                None => None,
                Some(text) => Some(fold_from(&text).ok_or_else(|| {
                    let text = escape(&text);
                    self.fault(format!(
                        "line {line}: fold {text} is not one of 0..{}",
                        FOLDS - 1
                    ))
                })?),
            };
            let row = Row {
                line,
                label: cell(Some(label)).unwrap_or_default(),
                group: cell(Some(group)),
                origin: cell(origin),
                fold,
                written: written.clone(),
            };
            if let Some(before) = self.rows.insert(key(&written), row) {
                return Err(self.fault(format!(
                    "line {} and line {line} both name {}; remove one",
                    before.line,
                    escape(&written)
                )));
            }
        }
        Ok(())
    }
}

/// A fold as a table writes it; spreadsheets that met an empty cell write `1.0`.
fn fold_from(text: &str) -> Option<usize> {
    let whole = text.strip_suffix(".0").unwrap_or(text);
    whole.parse().ok().filter(|fold| *fold < FOLDS)
}

/// What separates the columns of a table, and the table without the line `sep=;` by which some programs say so.
pub(crate) fn delimiter(text: &str) -> (u8, &str) {
    let (first, rest) = text.split_once('\n').unwrap_or((text, ""));
    if let Some(&[said]) = (first.trim_end().strip_prefix("sep=")).map(str::as_bytes) {
        return (said, rest);
    }
    let count = |delimiter: &u8| first.bytes().filter(|byte| byte == delimiter).count();
    // Of equally many, none for example, the first.
    let most = DELIMITERS.iter().rev().max_by_key(|d| count(d));
    (most.copied().unwrap_or(b','), text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(text: &str) -> Result<Table, String> {
        let mut table = Table {
            path: PathBuf::from(GROUPS),
            rows: HashMap::new(),
        };
        match table.read(text, "origin") {
            Ok(()) => Ok(table),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn a_table_reads_the_same_however_a_spreadsheet_saved_it() {
        for text in [
            "file,label,group,fold\nNormal/é 1.png,Normal,p1,2\n",
            "File;Label;Group;Fold\r\n.\\Normal\\e\u{301} 1.png;Normal;p1;2.0\r\n;;;\r\n",
            "sep=;\nfile;label;group;fold\n\"./Normal//é 1.png\";Normal; p1 ;2",
            "fold\tgroup\tlabel\tfile\n2\tp1\tNormal\tNormal/é 1.png\n",
        ] {
            let mut table = table(text).unwrap();
            let row = table.take("Normal/e\u{301} 1.png").unwrap();
            assert_eq!((row.group.as_deref(), row.fold), (Some("p1"), Some(2)));
            assert_eq!(table.leftover(), None);
        }
    }

    #[test]
    fn a_table_that_contradicts_itself_is_refused_with_its_lines() {
        for (text, words) in [
            ("", "has none"),
            ("a,b\n", "has a, b"),
            ("file,label,group\n,Normal,p1\n", "line 2 names no file"),
            ("file,label,group,fold\na,Normal,p1,5\n", "line 2: fold 5"),
            ("file,label,group,fold\na,Normal,p1,-1\n", "line 2: fold -1"),
            (
                "file,label,group\na,N,p\nb,N,p\n./a,N,q\n",
                "line 2 and line 4 both name ./a",
            ),
        ] {
            let error = table(text).unwrap_err();
            assert!(error.contains(words), "{words}: {error}");
        }
        let empty = table("file,label,group\na,N,\nb,N, \n").unwrap();
        assert!(empty.rows.values().all(|row| row.group.is_none()));
        assert!(empty.leftover().unwrap().contains("2 of its lines"));
    }
}
