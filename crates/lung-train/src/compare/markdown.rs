//! The table for people.

use anyhow::Context as _;
use askama::Template;
use mobilenet_lung::Findings;

use super::elsewhere::KindElsewhere;
use super::options::StartKind;
use super::recipe::RecipeKind;
use super::table::{Row, Size, Table};
use crate::evaluate::metrics::p_in_words;

/// The table, as `table.md.jinja` has it.
#[derive(Template)]
#[template(path = "compare/table.md.jinja", escape = "md")]
struct TableText<'a> {
    table: &'a Table,
}

impl Table {
    /// The table in Markdown.
    ///
    /// # Errors
    /// None: a string can always be written to.
    pub fn to_markdown(&self) -> anyhow::Result<String> {
        (TableText { table: self }.render()).context("the table could not be written")
    }
}

impl Row {
    /// The recall of each finding.
    fn recalls(&self) -> Vec<f64> {
        let findings = Findings::lung_xray();
        let recalls = findings.ids().filter_map(|id| self.recall.get(id).copied());
        recalls.collect()
    }

    /// p against the reference, seed by seed.
    fn p_in_words(&self) -> String {
        if self.versus.is_empty() {
            return "reference".to_owned();
        }
        let p: Vec<String> = (self.versus.iter())
            .map(|versus| p_in_words(versus.p))
            .collect();
        p.join(", ")
    }

    /// The accuracy with each seed.
    fn accuracy_by_seed_in_words(&self) -> String {
        let shares: Vec<String> = (self.accuracy_by_seed.iter())
            .map(|share| format!("{share:.3}"))
            .collect();
        shares.join(", ")
    }
}

impl KindElsewhere {
    /// For each network the percentages called each finding.
    fn cells(&self) -> Vec<String> {
        let in_words = |shares: &Option<Vec<f64>>| match shares {
            None => "-".to_owned(),
            Some(shares) => {
                let percent: Vec<String> = (shares.iter())
                    .map(|share| format!("{:.0}", share * 100.0))
                    .collect();
                percent.join(" / ")
            }
        };
        self.shares.iter().map(in_words).collect()
    }
}

impl Size {
    /// Parameters, multiply-adds, bytes and milliseconds, each with its unit where the head of its column has none.
    fn cells(&self) -> [String; 4] {
        [
            format!("{:.2} M", self.parameters as f64 / 1e6),
            format!("{:.0} M", self.multiply_adds as f64 / 1e6),
            format!("{:.1} MB", self.bytes as f64 / 1e6),
            format!("{:.1}", self.inference_ms),
        ]
    }
}
