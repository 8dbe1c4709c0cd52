//! Another network, run from its ONNX file by `tract`.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use mobilenet_lung::Findings;
use radiograph::Radiograph;
use radiograph::phantom::{Pattern, phantom};
use rayon::prelude::*;
use tract_onnx::prelude::*;
use tract_onnx::tract_core::internal::DimLike as _;
use tract_onnx::tract_hir::infer::Factoid as _;

use super::answer::{Both, Theirs};
use super::config::PeerConfig;
use super::error::PeerError;
use super::meaning::Meaning;
use crate::data::Shown as _;
use crate::evaluate::metrics::Outcome;
use crate::predict::read;
use crate::progress::Work;

/// Another classifier, ready for radiographs.
pub struct Peer {
    config: PeerConfig,
    meaning: Meaning,
    name: String,
    plan: Arc<TypedRunnableModel>,
}

impl std::fmt::Debug for Peer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Peer")
            .field("name", &self.name)
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

impl Peer {
    /// Reads an ONNX file whose input and output are as `config` says, and tries it on a drawing.
    ///
    /// # Errors
    /// [`PeerError`] says what does not fit.
    pub fn load(path: &Path, config: PeerConfig, findings: &Findings) -> Result<Self, PeerError> {
        let meaning = config.meaning(findings)?;
        // What cannot be opened is told from what is no ONNX.
        File::open(path).map_err(|source| PeerError::Io {
            path: path.to_owned(),
            source,
        })?;
        let load = || Self::load_described(path, config, meaning);
        // tract panics on some graphs. Nothing that it has begun is used after that.
        catch_unwind(AssertUnwindSafe(load)).unwrap_or_else(|_| {
            Err(PeerError::Unsupported(
                "tract panicked, as above; the file may be damaged".to_owned(),
            ))
        })
    }

    fn load_described(
        path: &Path,
        config: PeerConfig,
        meaning: Meaning,
    ) -> Result<Self, PeerError> {
        let mut model = onnx()
            .model_for_path(path)
            .map_err(|error| PeerError::NotOnnx {
                path: path.to_owned(),
                why: format!("{error:#}"),
            })?;
        check_input(&model, &config)?;
        if let Some(output) = &config.output {
            let known = outputs(&model);
            model
                .select_outputs_by_name([output])
                .map_err(|_| PeerError::NoOutput {
                    name: output.clone(),
                    known,
                })?;
        }
        let plan = model
            .with_input_fact(0, f32::fact(config.shape()).into())
            .and_then(InferenceModelExt::into_optimized)
            .and_then(IntoRunnable::into_runnable)
            .map_err(unsupported)?;
        let name = path.file_name().unwrap_or(path.as_os_str());
        let peer = Self {
            config,
            meaning,
            name: Path::new(name).shown(),
            plan,
        };
        // What does not fit is said before minutes of work.
        peer.classify(&phantom(Pattern::Clear, 1, 64))?;
        Ok(peer)
    }

    /// The name of its file.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it says of a radiograph.
    ///
    /// # Errors
    /// A network that cannot be run on such an input, or whose output does not fit its configuration.
    pub fn classify(&self, radiograph: &Radiograph) -> Result<Theirs, PeerError> {
        let input = Tensor::from_shape(&self.config.shape(), &self.config.input(radiograph))
            .map_err(unsupported)?;
        let outputs = self.plan.run(tvec!(input.into())).map_err(unsupported)?;
        let output = (outputs.first()).ok_or_else(|| PeerError::OutputShape(Vec::new()))?;
        let shape = output.shape();
        if shape.iter().filter(|size| **size != 1).count() > 1 {
            return Err(PeerError::OutputShape(shape.to_vec()));
        }
        let output = output.cast_to::<f32>().map_err(unsupported)?;
        let numbers = output.to_plain_array_view::<f32>().map_err(unsupported)?;
        self.meaning
            .read(&numbers.iter().copied().collect::<Vec<_>>())
    }

    /// What it says of the images that ours has answered.
    ///
    /// # Errors
    /// As [`classify`](Self::classify), for any image.
    pub(crate) fn beside(&self, ours: &[Outcome], progress: &Work) -> Result<Vec<Both>, PeerError> {
        ours.par_iter()
            .map(|outcome| {
                let radiograph = read(&outcome.path).map_err(|refusal| PeerError::Image {
                    file: outcome.file.clone(),
                    why: refusal.message,
                })?;
                let theirs = (self.classify(&radiograph)).map_err(|why| PeerError::Failed {
                    file: outcome.file.clone(),
                    why: Box::new(why),
                })?;
                progress.inc(1);
                Ok(Both {
                    ours: outcome.clone(),
                    theirs,
                })
            })
            .collect()
    }
}

/// Checks that the network takes what `config` makes. Sizes that the file leaves open fit anything.
fn check_input(model: &InferenceModel, config: &PeerConfig) -> Result<(), PeerError> {
    let inputs = model.input_outlets().map_err(unsupported)?.len();
    if inputs != 1 {
        return Err(PeerError::Inputs(inputs));
    }
    let fact = model.input_fact(0).map_err(unsupported)?;
    if let Some(kind) = fact.datum_type.concretize()
        && kind != f32::datum_type()
    {
        return Err(PeerError::InputKind(format!("{kind:?}").to_lowercase()));
    }
    let declared = &fact.shape;
    let sizes: Vec<Option<usize>> = declared
        .dims()
        .map(|size| size.concretize()?.to_usize().ok())
        .collect();
    let made = config.shape();
    let fits = declared.is_open()
        || sizes.len() == made.len()
            && (sizes.iter().zip(made)).all(|(size, made)| size.is_none_or(|size| size == made));
    if fits {
        return Ok(());
    }
    let words = |sizes: &[Option<usize>]| {
        let words: Vec<String> = (sizes.iter())
            .map(|size| size.map_or_else(|| "any".to_owned(), |size| size.to_string()))
            .collect();
        words.join(" x ")
    };
    Err(PeerError::InputShape {
        network: words(&sizes),
        configured: words(&made.map(Some)),
    })
}

/// The names of a network's outputs.
fn outputs(model: &InferenceModel) -> String {
    let outlets = model.output_outlets().unwrap_or_default();
    let names: Vec<&str> = (outlets.iter())
        .filter_map(|outlet| model.outlet_label(*outlet))
        .collect();
    names.join(", ")
}

fn unsupported(error: TractError) -> PeerError {
    PeerError::Unsupported(format!("{error:#}"))
}
