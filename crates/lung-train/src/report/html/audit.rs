//! An audit as one page: nothing is fetched, nothing runs, no image is in it.

use std::fmt::Write as _;

use super::escape::escape;
use super::parts::{write_foot, write_head, write_table};
use crate::evaluate::audit::{Audit, Change, GroupAudit, Remains};
use crate::report::text::in_text;

/// The audit as HTML that is well-formed XML too; `command` made it.
///
/// # Errors
/// None, as a string can always be written to.
pub fn audit_page(audit: &Audit, command: &str) -> anyhow::Result<String> {
    let mut out = String::new();
    write_head(&mut out, &format!("Audit of {}", audit.model))?;
    writeln!(
        out,
        "<p>{}. Shares are given with their 95% Wilson intervals.</p>",
        escape(&audit.split)
    )?;
    writeln!(out, "<section>\n<h2>Calls that change</h2>")?;
    writeln!(
        out,
        "<p>Each change leaves what a radiograph shows as it is. A refused image counts as changed.</p>"
    )?;
    let heads: Vec<String> = audit
        .groups
        .iter()
        .map(|group| group.group.to_string())
        .collect();
    let heads: Vec<&str> = std::iter::once("")
        .chain(heads.iter().map(String::as_str))
        .collect();
    let row = |words: &str, of: &dyn Fn(&GroupAudit) -> String| -> Vec<String> {
        std::iter::once(words.to_owned())
            .chain(audit.groups.iter().map(of))
            .collect()
    };
    let mut rows = vec![
        row("images", &|group| group.images.to_string()),
        row("right", &|group| in_text(&group.right)),
        row("refused", &|group| in_text(&group.refused)),
    ];
    for change in Change::ALL {
        rows.push(row(change.words(), &|group| {
            group.changed.get(&change).map(in_text).unwrap_or_default()
        }));
    }
    rows.push(row("worst crop or margin", &|group| {
        in_text(&group.worst_framing)
    }));
    write_table(&mut out, "By folder, origin and finding", &heads, &rows)?;
    writeln!(
        out,
        "</section>\n<section>\n<h2>With most of the image hidden</h2>"
    )?;
    writeln!(
        out,
        "<p>Where calls are still right without the lungs, the model reads something else.</p>"
    )?;
    let mut rows = Vec::new();
    for remains in Remains::ALL {
        let of = |group: &GroupAudit| group.remains.get(&remains).copied();
        rows.push(row(&format!("{}: right", remains.words()), &|group| {
            of(group).map(|r| in_text(&r.right)).unwrap_or_default()
        }));
        rows.push(row(&format!("{}: refused", remains.words()), &|group| {
            of(group).map(|r| in_text(&r.refused)).unwrap_or_default()
        }));
    }
    write_table(&mut out, "By folder, origin and finding", &heads, &rows)?;
    write_probes(&mut out, audit)?;
    if !audit.unreadable.is_empty() {
        let rows: Vec<Vec<String>> = (audit.unreadable.iter())
            .map(|(file, reason)| vec![file.clone(), reason.clone()])
            .collect();
        write_table(&mut out, "Could not be read", &["file", "why"], &rows)?;
    }
    write_foot(&mut out, command)?;
    Ok(out)
}

/// What is told from embeddings.
fn write_probes(out: &mut String, audit: &Audit) -> std::fmt::Result {
    writeln!(out, "</section>\n<section>\n<h2>What embeddings tell</h2>")?;
    writeln!(
        out,
        "<p>A linear probe, tested on groups that it was not fitted to. A figure near a guess is a good one.</p>"
    )?;
    let rows: Vec<Vec<String>> = (audit.probes.iter())
        .map(|probe| {
            let classes: Vec<String> = probe
                .classes
                .iter()
                .map(|(name, images)| format!("{name} ({images})"))
                .collect();
            vec![
                probe.of.clone(),
                format!(
                    "{:.3} [{:.3}, {:.3}]",
                    probe.balanced_accuracy, probe.interval[0], probe.interval[1]
                ),
                format!("{:.3}", probe.chance),
                classes.join(", "),
            ]
        })
        .collect();
    let heads = [
        "told",
        "mean share told rightly",
        "a guess",
        "classes and images",
    ];
    write_table(out, "Told from embeddings", &heads, &rows)?;
    writeln!(out, "</section>")?;
    Ok(())
}
