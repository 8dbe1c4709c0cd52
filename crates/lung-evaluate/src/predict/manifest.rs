//! Manifests: text files that name the files of an archive, a path a line.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context as _, ensure};

use crate::data::{Shown as _, decomposed, escape, path_of, table_key, text};

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

/// The files that a manifest names, in its order: a path a line, relative to the manifest's own folder.
///
/// It may be in UTF-8 or UTF-16, paths may stand in quotes, and have `\` for `/` where there is no file of that very name.
/// Empty lines are left out.
///
/// # Errors
/// A manifest that cannot be read, names no file or one twice.
pub fn read_manifest(path: &Path, shard: Shard) -> anyhow::Result<Vec<PathBuf>> {
    let text =
        text::read(path).with_context(|| format!("cannot read the manifest {}", path.shown()))?;
    let folder = path.parent().unwrap_or(Path::new(""));
    // Old programs of a Mac end lines with a carriage return alone.
    let end = if text.contains('\n') { '\n' } else { '\r' };
    let lines: Vec<(usize, &str)> = (text.split(end).enumerate())
        .map(|(place, line)| (place + 1, line.trim_end_matches('\r')))
        .filter(|(_, line)| !line.trim().is_empty())
        .collect();
    ensure!(!lines.is_empty(), "{} names no file", path.shown());
    let mut seen = BTreeMap::new();
    for (number, line) in &lines {
        let file = unquoted(line);
        if let Some(before) = seen.insert(table_key(&file), number) {
            anyhow::bail!(
                "{} names {} twice, in lines {before} and {number}",
                path.shown(),
                escape(&file)
            );
        }
    }
    let files = lines.into_iter().skip(shard.index).step_by(shard.of);
    Ok(files.map(|(_, line)| file_of(folder, line)).collect())
}

/// A line without the quotes that a spreadsheet or a shell puts around it.
fn unquoted(line: &str) -> String {
    let line = line.trim();
    let within = |quote: char| line.strip_prefix(quote)?.strip_suffix(quote);
    match (within('"'), within('\'')) {
        (Some(inner), _) => inner.replace("\"\"", "\""),
        (None, Some(inner)) => inner.to_owned(),
        (None, None) => line.to_owned(),
    }
}

/// The file that a line means: the first of its readings that is there.
fn file_of(folder: &Path, line: &str) -> PathBuf {
    let plain = unquoted(line);
    let forward = plain.replace('\\', "/");
    let readings = [
        line.to_owned(),
        plain,
        forward.clone(),
        table_key(&forward),
        decomposed(&forward),
    ];
    let mut readings = readings.iter().map(|reading| folder.join(path_of(reading)));
    readings
        .find(|path| path.exists())
        .unwrap_or_else(|| folder.join(path_of(&forward)))
}

#[cfg(test)]
mod tests {
    use std::fs;

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
        for (text, reason) in [
            ("\n \n", "names no file"),
            ("a\nb\na\n", "names a twice, in lines 1 and 3"),
            ("x/a\n\"x\\a\"\n", "names x\\a twice"),
            ("\u{feff}\n", "names no file"),
        ] {
            fs::write(&manifest, text)?;
            let error = read_manifest(&manifest, Shard::WHOLE).unwrap_err();
            assert!(error.to_string().contains(reason), "{error}");
        }
        for shard in ["", "1", "2/2", "-1/2", "0/0", "a/b"] {
            assert!(shard.parse::<Shard>().is_err(), "{shard}");
        }
        Ok(())
    }

    #[test]
    fn a_manifest_names_the_same_files_however_it_was_saved() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        let manifest = folder.path().join("manifest.txt");
        fs::create_dir(folder.path().join("a b"))?;
        let names = ["a b/é.png", "a b/2.png", "3.png"];
        let files = names.map(|name| folder.path().join(name));
        for file in &files {
            fs::write(file, b"")?;
        }
        let utf16 = |text: &str| -> Vec<u8> {
            let units = std::iter::once(0xfeff).chain(text.encode_utf16());
            units.flat_map(u16::to_le_bytes).collect()
        };
        for bytes in [
            names.join("\n").into_bytes(),
            format!("\u{feff}{}\r\n", names.join("\r\n")).into_bytes(),
            names.join("\r").into_bytes(),
            utf16(&names.join("\r\n")),
            names
                .map(|name| format!("\"{name}\""))
                .join("\n")
                .into_bytes(),
            names
                .map(|name| format!("'./{name}'"))
                .join("\n")
                .into_bytes(),
            names
                .map(|name| name.replace('/', "\\"))
                .join("\n")
                .into_bytes(),
            names
                .map(|name| name.replace('é', "e\u{301}"))
                .join("\n")
                .into_bytes(),
        ] {
            fs::write(&manifest, &bytes)?;
            let found = read_manifest(&manifest, Shard::WHOLE)?;
            for (found, file) in found.iter().zip(&files) {
                assert_eq!(found.canonicalize()?, file.canonicalize()?, "{bytes:?}");
            }
            assert_eq!(found.len(), files.len());
        }
        Ok(())
    }

    #[cfg(unix)]
    #[test]
    fn a_name_that_is_not_utf_8_or_looks_quoted_is_still_found() -> anyhow::Result<()> {
        use std::os::unix::ffi::OsStrExt as _;

        let folder = tempfile::tempdir()?;
        let manifest = folder.path().join("manifest.txt");
        let names: [&[u8]; 3] = [b"caf\xe9.png", b"back\\slash.png", b"\"quoted\""];
        for name in names {
            fs::write(folder.path().join(std::ffi::OsStr::from_bytes(name)), b"")?;
        }
        fs::write(&manifest, names.join(&b'\n'))?;
        let found = read_manifest(&manifest, Shard::WHOLE)?;
        assert!(
            found.len() == 3 && found.iter().all(|path| path.is_file()),
            "{found:?}"
        );
        Ok(())
    }
}
