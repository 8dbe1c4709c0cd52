//! The test of a model as a page.

use anyhow::Context as _;
use askama::Template;
use mobilenet_lung::Metadata;
use mobilenet_lung::architecture::GRID;

use super::chart::{self, Chart};
use super::losses::LossView;
use super::table::PageTable;
use crate::evaluate::Tests;
use crate::evaluate::metrics::{BINS, Evaluation, ForeignMetrics};
use crate::evaluate::peer::PeerTests;
use crate::text::NOT_IN_MODEL;
use crate::train::EpochLog;

/// What a page is made of.
#[derive(Clone, Copy, Debug)]
pub struct Page<'a> {
    /// What the model was tested on, and how it did.
    pub tests: &'a Tests,
    /// What the model says of itself.
    pub metadata: &'a Metadata,
    /// The epochs of the run that it came from; none where the run was not given.
    pub epochs: &'a [EpochLog],
    /// The command that made the page.
    pub command: &'a str,
}

/// The page, as `test.html.jinja` has it.
#[derive(Template)]
#[template(path = "report/html/test.html.jinja", escape = "html")]
struct TestPage<'a> {
    title: String,
    command: &'a str,
    notice: &'a str,
    trained_on: &'a str,
    sections: Vec<Section<'a>>,
    foreign: Option<ForeignSection<'a>>,
    peer: Option<PeerSection<'a>>,
    training: Vec<Chart>,
}

/// What is said of one test.
struct Section<'a> {
    split: &'a str,
    figures: PageTable,
    findings: PageTable,
    confusion: Vec<ConfusionRow<'a>>,
    charts: Vec<Chart>,
    origins: PageTable,
    folders: PageTable,
    sets: Option<PageTable>,
    unreadable: Option<PageTable>,
    losses: Vec<LossView<'a>>,
}

/// What the images of one finding were called.
struct ConfusionRow<'a> {
    truth: &'a str,
    called: Vec<ConfusionCell>,
}

/// How many there are, and which share of their row that is: its shade.
struct ConfusionCell {
    count: usize,
    share: f64,
}

/// What is said of images that are no frontal chest radiographs.
struct ForeignSection<'a> {
    folder: &'a str,
    tables: Vec<PageTable>,
}

/// Another classifier beside ours.
struct PeerSection<'a> {
    theirs: &'a str,
    /// A table for each folder and origin, and what McNemar's test says of it.
    rows: Vec<(PageTable, Vec<String>)>,
}

impl<'a> Page<'a> {
    /// The page as HTML that is well-formed XML too.
    ///
    /// # Errors
    /// A chart that cannot be drawn.
    pub fn to_html(&self) -> anyhow::Result<String> {
        let tests = self.tests.by_folder().iter().chain([&self.tests.all]);
        let page = TestPage {
            title: format!("Test of {}", self.tests.all.model),
            command: self.command,
            notice: &self.metadata.notice,
            trained_on: &self.metadata.trained_on,
            sections: tests
                .map(|test| Section::new(test, self.metadata))
                .collect::<anyhow::Result<_>>()?,
            foreign: self.tests.foreign.as_ref().map(ForeignSection::new),
            peer: self.tests.peer.as_ref().map(PeerSection::new),
            training: match self.epochs {
                [] => Vec::new(),
                epochs => Vec::from(chart::training(epochs)?),
            },
        };
        page.render().context("the page could not be written")
    }
}

impl<'a> Section<'a> {
    fn new(test: &'a Evaluation, metadata: &Metadata) -> anyhow::Result<Self> {
        let mut points = metadata.operating_points.iter();
        let point = points.find(|point| point.name == test.operating_point);
        let wanted = point.and_then(|point| Some(point.prediction_sets.as_ref()?.coverage));
        Ok(Self {
            split: &test.split,
            figures: PageTable::of_figures(test),
            findings: PageTable::of_findings(test),
            confusion: (test.classes.iter().zip(&test.confusion))
                .map(|((truth, _), row)| ConfusionRow::new(truth, row))
                .collect(),
            charts: charts(test)?,
            origins: PageTable::of_origins(test),
            folders: PageTable::of_folders(test),
            sets: (test.prediction_sets.as_ref()).map(|sets| PageTable::of_sets(sets, wanted)),
            unreadable: PageTable::of_unreadable(&test.unreadable),
            losses: test.highest_loss.iter().map(LossView::new).collect(),
        })
    }
}

impl<'a> ConfusionRow<'a> {
    fn new(truth: &'a str, row: &[usize]) -> Self {
        let images: usize = row.iter().sum();
        Self {
            truth,
            called: (row.iter())
                .map(|count| ConfusionCell {
                    count: *count,
                    share: *count as f64 / images.max(1) as f64,
                })
                .collect(),
        }
    }
}

impl<'a> ForeignSection<'a> {
    fn new(foreign: &'a ForeignMetrics) -> Self {
        Self {
            folder: &foreign.folder,
            tables: PageTable::of_foreign(foreign),
        }
    }
}

impl<'a> PeerSection<'a> {
    fn new(tests: &'a PeerTests) -> Self {
        Self {
            theirs: &tests.theirs,
            rows: (tests.rows.iter())
                .map(|row| (PageTable::of_peer(tests, row), row.differences()))
                .collect(),
        }
    }
}

/// The charts of one test.
fn charts(test: &Evaluation) -> anyhow::Result<Vec<Chart>> {
    let mut charts = Vec::new();
    let mut add = |svg: String, caption: String| charts.push(Chart { svg, caption });
    let curves = || {
        let ids = test.classes.iter().map(|(id, _)| id);
        ids.filter_map(|id| Some((id, test.curves.get(id)?)))
    };
    if !test.curves.is_empty() {
        add(
            chart::roc(curves())?,
            "ROC curves: each finding against the others.".to_owned(),
        );
        add(
            chart::precision_recall(curves())?,
            "Precision and recall: each finding against the others.".to_owned(),
        );
    }
    if let Some(calibration) = &test.calibration {
        add(
            chart::reliability(&calibration.bins)?,
            format!(
                "Reliability in {BINS} bins: bars on the diagonal mean what they say. Expected calibration error {:.3}.",
                calibration.expected_error
            ),
        );
    }
    if let Some(risk) = &test.risk_coverage {
        add(
            chart::risk_coverage(risk)?,
            format!(
                "Risk against coverage: what is wrong if only the surest are answered. Area {:.4}.",
                risk.area
            ),
        );
    }
    Ok(charts)
}
