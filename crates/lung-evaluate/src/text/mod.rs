//! Tests and audits as plain text, for a terminal.

mod peer;

use std::fmt::Write as _;

use crate::data::escape;
use crate::evaluate::Tests;
use crate::evaluate::audit::{Audit, GroupAudit, Probe};
use crate::evaluate::elsewhere::{Elsewhere, StratumCalls};
use crate::evaluate::metrics::{Accepted, BINS, Evaluation, ForeignMetrics, Share};
use crate::evaluate::peer::PeerTests;

/// What is printed for a figure that the model has no statistics for.
pub const NOT_IN_MODEL: &str = "not in this model";

/// What `write` writes.
fn text_of(write: impl FnOnce(&mut String) -> std::fmt::Result) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    write(&mut text).ok();
    text
}

impl Tests {
    /// All of it as plain text, for a terminal.
    pub fn to_text(&self) -> String {
        let mut parts: Vec<String> = self.by_folder().iter().map(Evaluation::to_text).collect();
        parts.push(self.all.to_text());
        parts.extend(self.foreign.iter().map(ForeignMetrics::to_text));
        parts.extend(self.peer.iter().map(PeerTests::to_text));
        parts.join("\n")
    }
}

impl Evaluation {
    /// The evaluation as plain text, for a terminal.
    pub fn to_text(&self) -> String {
        text_of(|out| self.write_text(out))
    }

    fn write_text(&self, out: &mut String) -> std::fmt::Result {
        writeln!(out, "model     {}", self.model)?;
        writeln!(out, "images    {}", self.split)?;
        writeln!(
            out,
            "accuracy  {}  (95% Wilson interval)",
            in_text(&self.accuracy)
        )?;
        writeln!(out, "macro F1  {:.3}", self.macro_f1)?;
        if let Some(c) = &self.calibration {
            writeln!(
                out,
                "belief    calibration error {:.3} ({BINS} bins), {:.3} [{:.3}, {:.3}] without chance's part, log loss {:.3}, Brier score {:.3}",
                c.expected_error,
                c.debiased_error,
                c.debiased_interval[0],
                c.debiased_interval[1],
                c.log_loss,
                c.brier
            )?;
        }
        if let Some(r) = &self.risk_coverage {
            writeln!(out, "surest    area under risk-coverage {:.4}", r.area)?;
        }
        match &self.prediction_sets {
            Some(sets) => writeln!(
                out,
                "sets      {:.2} findings in the mean, empty {}",
                sets.mean_size,
                in_text(&sets.empty)
            )?,
            None => writeln!(out, "sets      {NOT_IN_MODEL}")?,
        }
        match &self.in_distribution {
            Some(r) => writeln!(
                out,
                "refused   {}\n          of the others right {}",
                in_text(&r.refused),
                in_text(&r.accepted_correct)
            )?,
            None => writeln!(out, "refused   {NOT_IN_MODEL}")?,
        }
        writeln!(
            out,
            "\n{:<16} {:>9} {:>7} {:>7} {:>7} {:>7} {:>7}  in its set",
            "finding", "precision", "recall", "F1", "images", "AUC", "AP"
        )?;
        for (id, c) in self.classes.iter() {
            let curves = self.curves.get(id);
            let number =
                |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |v| format!("{v:.3}"));
            writeln!(
                out,
                "{:<16} {:>9.3} {:>7.3} {:>7.3} {:>7} {:>7} {:>7}  {}",
                id,
                c.precision,
                c.recall,
                c.f1,
                c.images,
                number(curves.map(|c| c.auc)),
                number(curves.map(|c| c.average_precision)),
                match &self.prediction_sets {
                    Some(sets) => sets.coverage.get(id).map_or_else(String::new, in_text),
                    None => NOT_IN_MODEL.to_owned(),
                }
            )?;
        }
        self.write_calls(out)?;
        if self.by_source.len() > 1 {
            writeln!(out, "\n{:<24} accuracy", "folder")?;
            for (source, share) in &self.by_source {
                writeln!(out, "{source:<24} {}", in_text(share))?;
            }
        }
        for (file, reason) in &self.unreadable {
            writeln!(out, "not read: {file}: {reason}")?;
        }
        Ok(())
    }

    /// The confusion matrix, and what patients of each origin were called.
    fn write_calls(&self, out: &mut String) -> std::fmt::Result {
        write!(out, "\n{:<16}", "truth \\ called")?;
        for (id, _) in self.classes.iter() {
            write!(out, " {id:>15}")?;
        }
        writeln!(out)?;
        for ((id, _), row) in self.classes.iter().zip(&self.confusion) {
            write!(out, "{id:<16}")?;
            for ((called, _), count) in self.classes.iter().zip(row) {
                write!(out, " {count:>0$}", called.chars().count().max(15))?;
            }
            writeln!(out)?;
        }
        writeln!(out, "\n{:<24} accuracy", "origin")?;
        for (origin, test) in &self.origins {
            writeln!(out, "{origin:<24} {}", in_text(&test.calls.accuracy))?;
            for called in &test.calls.called {
                writeln!(
                    out,
                    "  {:<22} {}",
                    called.in_words(),
                    in_text(&called.share)
                )?;
            }
            for (id, auc) in &test.against_normal_auc {
                writeln!(out, "  {:<22} {auc:.3}", format!("AUC {id} or normal"))?;
            }
        }
        Ok(())
    }
}

impl ForeignMetrics {
    /// The figures as plain text, for a terminal.
    pub fn to_text(&self) -> String {
        let mut text = format!("foreign   {}, {} images\n", self.folder, self.images);
        let refused = match &self.refused {
            Some(refused) => in_text(refused),
            None if self.images == 0 => "-".to_owned(),
            None => NOT_IN_MODEL.to_owned(),
        };
        text += &format!("refused   {refused}\n");
        if let Some(auroc) = self.auroc {
            text += &format!("AUROC     {auroc:.3}, of the test images against these\n");
        }
        for Accepted {
            file,
            score,
            called,
        } in &self.accepted
        {
            text += &format!("accepted: {file}: score {score:.3}, {called}\n");
        }
        for (file, reason) in &self.unreadable {
            text += &format!("not read: {file}: {reason}\n");
        }
        text
    }
}

impl Elsewhere {
    /// As plain text, for a terminal.
    pub fn to_text(&self) -> String {
        text_of(|out| self.write_text(out))
    }

    fn write_text(&self, out: &mut String) -> std::fmt::Result {
        writeln!(out, "model     {}, at {}", self.model, self.operating_point)?;
        writeln!(out, "images    {}", escape(&self.images_of))?;
        for calls in self.by_label() {
            writeln!(
                out,
                "\n{}, {} images",
                escape(&calls.stratum.to_string()),
                calls.images
            )?;
            self.write_calls(out, &calls)?;
        }
        let hospitals = self.by_hospital(1);
        if !hospitals.is_empty() {
            writeln!(out, "\nby hospital")?;
        }
        for calls in hospitals {
            let hospital = calls.stratum.hospital.as_deref().unwrap_or_default();
            let counts: Vec<String> = (self.findings.iter().zip(&calls.called))
                .map(|(id, count)| format!("{id} {count}"))
                .collect();
            writeln!(
                out,
                "  {}, {}: {} of {}, refused {}",
                escape(hospital),
                escape(&calls.stratum.to_string()),
                counts.join(", "),
                calls.images,
                calls.refused
            )?;
        }
        for (file, reason) in &self.unreadable {
            writeln!(out, "not read: {}: {reason}", escape(file))?;
        }
        Ok(())
    }

    /// What the images of one kind are called.
    fn write_calls(&self, out: &mut String, calls: &StratumCalls) -> std::fmt::Result {
        for (id, count) in self.findings.iter().zip(&calls.called) {
            let words = format!("called {id}");
            writeln!(out, "  {words:<26} {}", in_text(&calls.share(*count)))?;
        }
        for (words, count) in [("refused", calls.refused), ("cautioned", calls.cautioned)] {
            writeln!(out, "  {words:<26} {}", in_text(&calls.share(count)))?;
        }
        Ok(())
    }
}

impl Audit {
    /// As plain text, for a terminal.
    pub fn to_text(&self) -> String {
        text_of(|out| self.write_text(out))
    }

    fn write_text(&self, out: &mut String) -> std::fmt::Result {
        writeln!(out, "model     {}", self.model)?;
        writeln!(out, "images    {}", self.split)?;
        for audit in &self.groups {
            writeln!(out, "\n{}, {} images", audit.group, audit.images)?;
            for (words, figure) in audit.rows() {
                writeln!(out, "  {words:<46} {figure}")?;
            }
        }
        if !self.probes.is_empty() {
            writeln!(
                out,
                "\ntold from embeddings by a linear probe: mean share of the classes told rightly"
            )?;
        }
        for probe in &self.probes {
            writeln!(out, "  {:<46} {}", probe.of, probe.in_text())?;
        }
        for (file, reason) in &self.unreadable {
            writeln!(out, "not read: {file}: {reason}")?;
        }
        Ok(())
    }
}

impl GroupAudit {
    /// Each figure with its name.
    fn rows(&self) -> Vec<(String, String)> {
        let mut rows = vec![
            ("right".to_owned(), in_text(&self.right)),
            ("refused".to_owned(), in_text(&self.refused)),
        ];
        for (change, share) in &self.changed {
            rows.push((format!("changed: {}", change.words()), in_text(share)));
        }
        rows.push((
            "changed: worst crop or margin".to_owned(),
            in_text(&self.worst_framing),
        ));
        for (remains, remaining) in &self.remains {
            rows.push((
                format!("right: {}", remains.words()),
                in_text(&remaining.right),
            ));
            rows.push((
                format!("refused: {}", remains.words()),
                in_text(&remaining.refused),
            ));
        }
        rows
    }
}

impl Probe {
    /// The share told rightly, beside a guess.
    fn in_text(&self) -> String {
        let [low, high] = self.interval;
        let images: usize = self.classes.values().sum();
        format!(
            "{:.3} [{low:.3}, {high:.3}], a guess {:.3}; {} classes, {images} images",
            self.balanced_accuracy,
            self.chance,
            self.classes.len()
        )
    }
}

/// A share with its interval and its numbers, for a terminal.
pub fn in_text(share: &Share) -> String {
    if share.images == 0 {
        return "-".to_owned();
    }
    format!(
        "{:.3} [{:.3}, {:.3}]  {} of {}",
        share.share, share.interval[0], share.interval[1], share.correct, share.images
    )
}
