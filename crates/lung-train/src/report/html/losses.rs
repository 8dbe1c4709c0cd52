//! The images that a model is most wrong about.

use std::fmt::Write as _;

use mobilenet_lung::EvidenceMap;
use mobilenet_lung::architecture::GRID;

use super::escape::{escape, file_url};
use crate::evaluate::metrics::Loss;

/// The images that the model is most wrong about, each with a link to its file and where it saw what.
pub(super) fn write_losses(out: &mut String, losses: &[Loss]) -> std::fmt::Result {
    writeln!(
        out,
        "<h3>Most wrong</h3>\n<p>The images whose truth was given the least probability. The squares are the evidence at each \
         place of the image: orange for a finding, blue against it.</p>\n<ol class=\"losses\">"
    )?;
    for Loss { loss, outcome } in losses {
        let strongest = (outcome.evidence.values())
            .flat_map(|map| map.as_flattened())
            .fold(0.0f32, |most, value| most.max(value.abs()));
        writeln!(
            out,
            "<li>\n<p><a href=\"{}\">{}</a>, {}, {}</p>",
            escape(&file_url(&outcome.path)),
            escape(&outcome.file),
            escape(&outcome.source),
            escape(&outcome.origin)
        )?;
        let set = outcome
            .prediction_set
            .as_ref()
            .map(|set| match set.is_empty() {
                true => "; its set is empty".to_owned(),
                false => format!("; its set: {}", escape(&set.join(", "))),
            });
        let score = outcome.in_distribution.map(|judged| {
            let refused = if judged.accepted { "" } else { ", refused" };
            format!("; in-distribution score {:.2}{refused}", judged.score)
        });
        writeln!(
            out,
            "<p>{}, called {} (loss {loss:.2}){}{}</p>\n<div class=\"maps\">",
            escape(&outcome.truth),
            escape(&outcome.called),
            set.unwrap_or_default(),
            score.unwrap_or_default()
        )?;
        for (id, map) in outcome.evidence.iter() {
            let probability = outcome.probability(id);
            let id = escape(id);
            writeln!(
                out,
                "<figure>\n{}<figcaption>{id} {probability:.3}</figcaption>\n</figure>",
                evidence(&id, map, strongest)
            )?;
        }
        writeln!(out, "</div>\n</li>")?;
    }
    writeln!(out, "</ol>")
}

/// An evidence map as squares; the darkest is as strong as `strongest`. The finding is escaped.
fn evidence(finding: &str, map: &EvidenceMap, strongest: f32) -> String {
    let mut svg = format!(
        "<svg class=\"evidence\" role=\"img\" aria-label=\"Evidence for {finding}\" viewBox=\"0 0 {GRID} {GRID}\">\n"
    );
    for (y, row) in map.iter().enumerate() {
        for (x, value) in row.iter().enumerate() {
            let class = if *value < 0.0 { "against" } else { "for" };
            let strength = value.abs() / strongest.max(f32::MIN_POSITIVE);
            svg += &format!(
                "<rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"1\" height=\"1\" fill-opacity=\"{strength:.3}\"/>\n"
            );
        }
    }
    svg += "</svg>\n";
    svg
}
