//! Sentences for particular prediction sets, as a TOML file gives them to `lung export`.

use std::path::Path;

use anyhow::Context as _;
use mobilenet_lung::bundle::SetSentence;
use serde::Deserialize;

use crate::data::Shown as _;

/// The file: a `[[sentences]]` table for each set of findings.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    sentences: Vec<SetSentence>,
}

/// Reads the sentences of a TOML file. Whether their findings and languages exist is checked where a bundle is written.
///
/// # Errors
/// A file that cannot be read or has other fields than `findings`, `sentence` and `translations`.
pub fn read_sentences(path: &Path) -> anyhow::Result<Vec<SetSentence>> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("cannot read the sentences {}", path.shown()))?;
    let file: File = toml::from_str(&text).with_context(|| {
        format!(
            "{} does not hold sentences: each is a table [[sentences]] with findings, sentence and translations",
            path.shown()
        )
    })?;
    Ok(file.sentences)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_sentences_are_there_in_every_language() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("recipes/lung-xray-sentences.toml");
        let sentences = read_sentences(&path).unwrap();
        assert!(!sentences.is_empty());
        for sentence in sentences {
            // English is the sentence itself.
            let others = mobilenet_lung::findings::LANGUAGES
                .iter()
                .filter(|language| **language != "en");
            assert!(
                others
                    .into_iter()
                    .all(|language| sentence.translations.contains_key(*language)),
                "{sentence:?}"
            );
        }
    }

    #[test]
    fn what_is_no_sentence_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sentences.toml");
        std::fs::write(
            &path,
            "[[sentences]]\nfindings = [\"Normal\"]\ntext = \"?\"\n",
        )
        .unwrap();
        let error = format!("{:#}", read_sentences(&path).unwrap_err());
        assert!(
            error.contains("sentences.toml does not hold sentences"),
            "{error}"
        );
        let missing = format!(
            "{:#}",
            read_sentences(&folder.path().join("none")).unwrap_err()
        );
        assert!(missing.contains("cannot read"), "{missing}");
    }
}
