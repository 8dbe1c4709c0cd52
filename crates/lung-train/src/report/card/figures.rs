//! The figures of a card, and its text.

use anyhow::{Context as _, ensure};
use askama::Template;
use mobilenet_lung::architecture::AttentionConfig;
use serde::{Deserialize, Serialize};

use super::audits::CardAudits;
use super::elsewhere::{CardElsewhere, LEAST};
use super::limits::{Limits, Shortcut};
use super::share::InWords as _;
use super::test::{CardTest, ForeignTest, HeldOutTest, Together};
use crate::evaluate::audit::Audit;
use crate::evaluate::elsewhere::Elsewhere;
use crate::export::Exported;
use crate::text::NOT_IN_MODEL;

/// The version of the JSON beside a card. Another one may lack or rename fields; new fields alone do not change it.
pub const VERSION: u32 = 1;

/// What a card says of a model; `docs/reference/model-card.md` describes its JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelCard {
    /// [`VERSION`].
    pub version: u32,
    /// Id of the model.
    pub model: String,
    /// What every reader has to be told.
    pub notice: String,
    /// Ids of the findings, in the order of the network's outputs.
    pub findings: Vec<String>,
    /// The attention within the network's feature layers.
    pub attention: AttentionConfig,
    /// What it was trained on, in words.
    pub trained_on: String,
    /// Licence of the weights.
    pub licence: String,
    /// The commit that exported it; empty outside of a repository.
    pub commit: String,
    /// What its probabilities were fitted on.
    pub calibration: CalibrationData,
    /// Images that it was trained and calibrated on, by data folder and origin.
    pub data: Vec<DataRow>,
    /// The tests, one for each data folder that has images to test on.
    pub tests: Vec<CardTest>,
    /// All of them together, where there are several.
    pub together: Option<Together>,
    /// Images that are no frontal chest radiographs, where some were given.
    pub foreign: Option<ForeignTest>,
    /// Answers to the folds that trainings were not given; empty without cross-fitting.
    pub held_out: Vec<HeldOutTest>,
    /// Audits of it and of other models, where some were given.
    pub audits: Option<CardAudits>,
    /// What it calls images of other hospitals, where that was counted.
    #[serde(default)]
    pub elsewhere: Option<CardElsewhere>,
    /// What speaks against it.
    pub limits: Limits,
}

/// What probabilities were fitted on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CalibrationData {
    /// How many images; 0 for a model that is not calibrated.
    pub images: usize,
    /// How many trainings without one more fold answered some of them.
    pub trainings: usize,
}

/// Images of one data folder and origin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataRow {
    /// Name of the data folder.
    pub folder: String,
    /// Where the patients come from.
    pub origin: String,
    /// How many of each finding, in the order of the findings.
    pub images: Vec<usize>,
}

/// The text of a card, as `card.md.jinja` has it.
#[derive(Template)]
#[template(path = "report/card/card.md.jinja", escape = "md")]
struct CardText<'a> {
    card: &'a ModelCard,
}

impl ModelCard {
    /// The card of a model that was exported: of its metadata, what it was trained on, its tests, and `audits` of it and of other models
    /// on the same images.
    pub fn new(exported: &Exported, audits: &[Audit]) -> Self {
        let Exported {
            metadata,
            material,
            tests,
            held_out,
            ..
        } = exported;
        Self {
            version: VERSION,
            model: exported.evaluation().model.clone(),
            notice: metadata.notice.clone(),
            findings: metadata.findings.ids().map(str::to_owned).collect(),
            attention: metadata.attention,
            trained_on: metadata.trained_on.clone(),
            licence: metadata.licence.clone(),
            commit: metadata.commit.clone(),
            calibration: CalibrationData {
                images: material.calibrated_on,
                trainings: material.cross_fitted,
            },
            data: (material.images.iter())
                .map(|((folder, origin), images)| DataRow {
                    folder: folder.clone(),
                    origin: origin.clone(),
                    images: images.clone(),
                })
                .collect(),
            tests: (std::iter::once(exported.evaluation()).chain(exported.further()))
                .map(|test| CardTest::new(test, metadata))
                .collect(),
            together: (!exported.further().is_empty()).then(|| Together::new(&tests.all)),
            foreign: tests.foreign.as_ref().map(ForeignTest::new),
            held_out: held_out.iter().map(HeldOutTest::new).collect(),
            audits: CardAudits::new(audits),
            elsewhere: None,
            limits: Limits::new(exported),
        }
    }

    /// The card whose figures `json` has.
    ///
    /// # Errors
    /// JSON of something else, or of another version.
    pub fn read(json: &str) -> anyhow::Result<Self> {
        let card: Self = serde_json::from_str(json)
            .context("these are no figures of a model card; `lung export --card` writes them")?;
        ensure!(
            card.version == VERSION,
            "the figures have version {}, and this command reads {VERSION}: take the one that wrote them",
            card.version
        );
        Ok(card)
    }

    /// Its figures as JSON.
    ///
    /// # Errors
    /// None: every figure has a form in JSON.
    pub fn to_json(&self) -> anyhow::Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }

    /// Says what the model calls images of other hospitals.
    ///
    /// # Errors
    /// Counts of another model.
    pub fn add_elsewhere(&mut self, counted: &Elsewhere) -> anyhow::Result<()> {
        ensure!(
            counted.model == self.model && counted.findings == self.findings,
            "the card is of {}, and {} was counted elsewhere: `lung elsewhere` has to count this model",
            self.model,
            counted.model
        );
        self.elsewhere = Some(CardElsewhere::new(counted));
        Ok(())
    }

    /// Says what changes the calls of this model and of others; without an audit, what was said of that stays.
    pub fn add_audits(&mut self, audits: &[Audit]) {
        if let Some(found) = CardAudits::new(audits) {
            self.audits = Some(found);
        }
    }

    /// The card in Markdown.
    ///
    /// # Errors
    /// None: a string can always be written to.
    pub fn to_markdown(&self) -> anyhow::Result<String> {
        (CardText { card: self }.render()).context("the model card could not be written")
    }

    /// Id of the finding that means no finding, where the tests tell the healthy from the ill.
    fn healthy(&self) -> Option<&str> {
        (self.tests.iter())
            .flat_map(|test| &test.patients)
            .find(|row| row.called.truth.is_none())
            .map(|row| row.called.called.as_str())
    }

    /// Kind, place and width of the attention.
    fn attention_in_words(&self) -> String {
        let AttentionConfig {
            kind,
            place,
            reduction,
        } = self.attention;
        format!("{kind:?}, {place:?}, reduction {reduction}")
    }

    /// How many findings there are, a small number in letters.
    fn findings_in_words(&self) -> String {
        match self.findings.len() {
            2 => "two".to_owned(),
            3 => "three".to_owned(),
            4 => "four".to_owned(),
            other => other.to_string(),
        }
    }
}
