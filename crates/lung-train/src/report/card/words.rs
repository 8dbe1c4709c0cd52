//! Figures and names as a card writes them.

use crate::evaluate::metrics::{Share, percent};

/// A row of a table of these cells.
pub(super) fn cells(cells: impl IntoIterator<Item = impl std::fmt::Display>) -> String {
    let cells = cells.into_iter().map(|cell| cell.to_string());
    cells.collect::<Vec<_>>().join(" | ")
}

/// A share with its interval and numbers, in a sentence.
pub(super) fn in_sentence(share: &Share) -> String {
    if share.images == 0 {
        return "of no image".to_owned();
    }
    let [low, high] = share.interval;
    format!(
        "{} ({} to {}; {} of {})",
        percent(share.share),
        percent(low),
        percent(high),
        share.correct,
        share.images
    )
}

/// The last three cells of a row: a share, its interval, its numbers.
pub(super) fn in_cells(share: &Share) -> String {
    if share.images == 0 {
        return "- | - | 0 of 0".to_owned();
    }
    let [low, high] = share.interval;
    format!(
        "{} | {} to {} | {} of {}",
        percent(share.share),
        percent(low),
        percent(high),
        share.correct,
        share.images
    )
}

/// A name that somebody else gave, fit for a cell of a table and for text: on one line, and nothing in it means anything
/// to Markdown or HTML.
pub(super) fn name(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '&' => out += "&amp;",
            '\\' | '|' | '`' | '*' | '[' | ']' => out.extend(['\\', c]),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

/// A small number in letters.
pub(super) fn in_letters(number: usize) -> String {
    match number {
        2 => "two".to_owned(),
        3 => "three".to_owned(),
        4 => "four".to_owned(),
        other => other.to_string(),
    }
}
