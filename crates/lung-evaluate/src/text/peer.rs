//! Two classifiers side by side, as text and as tables.

use crate::evaluate::metrics::{Share, p_in_words};
use crate::evaluate::peer::{Difference, PeerRow, PeerTests, Side};
use crate::text::in_text;

impl PeerTests {
    /// As plain text, for a terminal.
    pub fn to_text(&self) -> String {
        let mut text = format!("ours      {}\npeer      {}\n", self.ours, self.theirs);
        for row in &self.rows {
            text += &format!("\n{}, {} images\n", row.images_of, row.images);
            text += &format!("  {:<26} {:<38} {}\n", "", "ours", "peer");
            for [words, ours, theirs] in row.figures() {
                text += &format!("  {words:<26} {ours:<38} {theirs}\n");
            }
            for difference in row.differences() {
                text += &format!("  {difference}\n");
            }
        }
        text
    }
}

impl PeerRow {
    /// The figures in words: what it is, ours, the other's.
    pub fn figures(&self) -> [[String; 3]; 4] {
        let share = |share: Option<Share>| share.as_ref().map_or_else(|| "-".to_owned(), in_text);
        let auc = |auc: Option<f64>| auc.map_or_else(|| "-".to_owned(), |auc| format!("{auc:.3}"));
        let line = |words: &str, figure: &dyn Fn(&Side) -> String| {
            [words.to_owned(), figure(&self.ours), figure(&self.theirs)]
        };
        [
            line("healthy called normal", &|side| share(side.healthy_normal)),
            line("ill not called normal", &|side| share(side.ill_not_normal)),
            line("the finding is right", &|side| share(side.right)),
            line("AUC, ill against healthy", &|side| auc(side.auc)),
        ]
    }

    /// What McNemar's test says, a sentence each.
    pub fn differences(&self) -> Vec<String> {
        let sentence = |of: &str, difference: Option<Difference>| {
            let Difference {
                only_ours,
                only_theirs,
                p,
            } = difference?;
            let p = match p_in_words(p) {
                less if less.starts_with('<') => less,
                p => format!("= {p}"),
            };
            Some(format!(
                "{of}: ours alone is right on {only_ours}, the peer alone on {only_theirs}; McNemar's exact test p {p}"
            ))
        };
        [
            sentence("normal or not", self.ill_or_healthy),
            sentence("the finding", self.finding),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::metrics::share_of;

    #[test]
    fn text_has_both_classifiers_in_columns_and_what_the_tests_say() {
        let side = |right: usize| Side {
            healthy_normal: Some(share_of(right, 10)),
            ill_not_normal: None,
            right: None,
            auc: Some(0.5),
        };
        let row = PeerRow {
            images_of: "data, adult".to_owned(),
            images: 10,
            ours: side(9),
            theirs: side(5),
            ill_or_healthy: Some(Difference {
                only_ours: 4,
                only_theirs: 0,
                p: 0.125,
            }),
            finding: Some(Difference {
                only_ours: 40,
                only_theirs: 0,
                p: 1e-9,
            }),
        };
        let tests = PeerTests {
            ours: "id".to_owned(),
            theirs: "other.onnx".to_owned(),
            rows: vec![row],
        };
        let text = tests.to_text();
        let line = |words: &str| text.lines().find(|line| line.contains(words)).unwrap();
        let healthy = line("healthy called normal");
        assert!(healthy.find("0.900") < healthy.find("0.500"), "{text}");
        assert!(line("ill not called").trim_end().ends_with('-'), "{text}");
        assert!(line("normal or not").ends_with("p = 0.125"), "{text}");
        assert!(line("the finding:").ends_with("p < 0.001"), "{text}");
    }
}
