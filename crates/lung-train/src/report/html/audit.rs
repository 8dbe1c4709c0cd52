//! An audit as a page.

use anyhow::Context as _;
use askama::Template;

use super::table::PageTable;
use crate::evaluate::audit::{Audit, Change, GroupAudit, Remains};
use crate::text::in_text;

/// The page, as `audit.html.jinja` has it.
#[derive(Template)]
#[template(path = "report/html/audit.html.jinja", escape = "html")]
struct AuditPage<'a> {
    title: String,
    command: &'a str,
    audit: &'a Audit,
    changes: PageTable,
    remains: PageTable,
    probes: PageTable,
    unreadable: Option<PageTable>,
}

/// The audit as HTML that is well-formed XML too; `command` made it.
///
/// # Errors
/// None: a string can always be written to.
pub fn audit_page(audit: &Audit, command: &str) -> anyhow::Result<String> {
    let page = AuditPage {
        title: format!("Audit of {}", audit.model),
        command,
        audit,
        changes: of_changes(audit),
        remains: of_remains(audit),
        probes: of_probes(audit),
        unreadable: PageTable::of_unreadable(&audit.unreadable),
    };
    page.render().context("the page could not be written")
}

/// A table with a column for each group of images.
fn by_group(audit: &Audit, rows: Vec<Vec<String>>) -> PageTable {
    let groups = audit.groups.iter().map(|group| group.group.to_string());
    PageTable {
        caption: "By folder, origin and finding".to_owned(),
        heads: std::iter::once(String::new()).chain(groups).collect(),
        rows,
    }
}

/// A row of it.
fn row(audit: &Audit, words: &str, of: impl Fn(&GroupAudit) -> String) -> Vec<String> {
    std::iter::once(words.to_owned())
        .chain(audit.groups.iter().map(of))
        .collect()
}

fn of_changes(audit: &Audit) -> PageTable {
    let mut rows = vec![
        row(audit, "images", |group| group.images.to_string()),
        row(audit, "right", |group| in_text(&group.right)),
        row(audit, "refused", |group| in_text(&group.refused)),
    ];
    rows.extend(Change::ALL.iter().map(|change| {
        row(audit, change.words(), |group| {
            group.changed.get(change).map(in_text).unwrap_or_default()
        })
    }));
    rows.push(row(audit, "worst crop or margin", |group| {
        in_text(&group.worst_framing)
    }));
    by_group(audit, rows)
}

fn of_remains(audit: &Audit) -> PageTable {
    let mut rows = Vec::new();
    for remains in Remains::ALL {
        let of = |group: &GroupAudit| group.remains.get(&remains).copied();
        let words = remains.words();
        rows.push(row(audit, &format!("{words}: right"), |group| {
            of(group).map(|r| in_text(&r.right)).unwrap_or_default()
        }));
        rows.push(row(audit, &format!("{words}: refused"), |group| {
            of(group).map(|r| in_text(&r.refused)).unwrap_or_default()
        }));
    }
    by_group(audit, rows)
}

fn of_probes(audit: &Audit) -> PageTable {
    let rows = (audit.probes.iter()).map(|probe| {
        let classes: Vec<String> = (probe.classes.iter())
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
    });
    let heads = [
        "told",
        "mean share told rightly",
        "a guess",
        "classes and images",
    ];
    PageTable::new("Told from embeddings", &heads, rows.collect())
}
