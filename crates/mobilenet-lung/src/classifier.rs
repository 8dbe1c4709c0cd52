//! A network on a device, ready for radiographs.

use radiograph::Radiograph;
use web_time::Instant;

use crate::Findings;
use crate::bundle::{Bundle, BundleError, OperatingPoint};
use crate::error::ClassifyError;
use crate::inference::{CpuNetwork, Inference, Partner, PartnerLost};
use crate::interpretation::{Interpretation, check};
use crate::preprocess::Preprocessing;
use crate::reading::{Reading, Timings};

/// A network on a device, ready for radiographs.
#[derive(Debug)]
pub struct Classifier {
    engine: Engine,
    preprocessing: Preprocessing,
    interpretation: Interpretation,
}

/// Where the arithmetic happens.
#[derive(Debug)]
enum Engine {
    Cpu(Box<CpuNetwork>),
    #[cfg(feature = "gpu")]
    Gpu(Box<crate::inference::GpuNetwork>),
    #[cfg(feature = "burn")]
    Reference {
        network: Box<crate::network::MobileNetLung>,
        device: burn::tensor::Device,
    },
}

impl Classifier {
    /// The network of `bundle` on the CPU; reports call it `cpu`.
    ///
    /// # Errors
    /// [`ClassifyError::Bundle`] when the weights do not fit.
    pub fn on_cpu(bundle: &Bundle) -> Result<Self, ClassifyError> {
        let network =
            CpuNetwork::pack(bundle, &bundle.metadata().attention).map_err(BundleError::from)?;
        Ok(Self::new(bundle, Engine::Cpu(Box::new(network))))
    }

    /// The network of `bundle` on a GPU, in kernels of our own; reports call it `webgpu`.
    ///
    /// # Errors
    /// [`ClassifyError::Bundle`] when the weights do not fit.
    #[cfg(feature = "gpu")]
    pub fn on_gpu(bundle: &Bundle, device: &burn::tensor::Device) -> Result<Self, ClassifyError> {
        let metadata = bundle.metadata();
        let network = crate::inference::GpuNetwork::new(
            bundle.state(),
            metadata.attention,
            metadata.findings.len(),
            device,
        )
        .map_err(BundleError::from)?;
        Ok(Self::new(bundle, Engine::Gpu(Box::new(network))))
    }

    /// Compiles the pipelines of [`on_gpu`](Self::on_gpu) for the usual attention, which needs no weights: it can be
    /// done while they download.
    ///
    /// # Errors
    /// [`ClassifyError::Device`] when the device cannot run them.
    #[cfg(feature = "gpu")]
    pub async fn prepare_gpu(device: &burn::tensor::Device) -> Result<(), ClassifyError> {
        let attention = crate::architecture::AttentionConfig::default();
        crate::inference::GpuNetwork::compile(attention, device)
            .await
            .map_err(|detail| ClassifyError::Device { detail })
    }

    /// The network of `bundle` in burn's own operators, on any device: what the others are compared with. Reports call
    /// it `reference`.
    ///
    /// # Errors
    /// [`ClassifyError::Bundle`] when the weights do not fit.
    #[cfg(feature = "burn")]
    pub fn reference(bundle: &Bundle, device: burn::tensor::Device) -> Result<Self, ClassifyError> {
        let network = Box::new(bundle.network(&device)?);
        Ok(Self::new(bundle, Engine::Reference { network, device }))
    }

    fn new(bundle: &Bundle, engine: Engine) -> Self {
        Self {
            engine,
            preprocessing: bundle.metadata().preprocessing,
            interpretation: Interpretation::of(bundle),
        }
    }

    /// The findings that it tells apart, in the order of their rows.
    pub fn findings(&self) -> &Findings {
        &self.interpretation.findings
    }

    /// The operating point that is called so; without a name the default.
    ///
    /// # Errors
    /// [`ClassifyError::OperatingPoint`] names those that there are.
    pub fn at(mut self, operating_point: Option<&str>) -> Result<Self, ClassifyError> {
        let name = self.operating_point(operating_point)?.name.clone();
        self.interpretation.default_operating_point = name;
        Ok(self)
    }

    /// The operating point of a name; without one the default.
    ///
    /// # Errors
    /// [`ClassifyError::OperatingPoint`] names those that there are.
    pub fn operating_point(&self, name: Option<&str>) -> Result<&OperatingPoint, ClassifyError> {
        self.interpretation.operating_point(name)
    }

    /// Id of the model: its name and the start of its hash.
    pub fn id(&self) -> &str {
        &self.interpretation.model
    }

    /// How reports call the device.
    pub fn device_name(&self) -> &'static str {
        match &self.engine {
            Engine::Cpu(_) => "cpu",
            #[cfg(feature = "gpu")]
            Engine::Gpu(_) => "webgpu",
            #[cfg(feature = "burn")]
            Engine::Reference { .. } => "reference",
        }
    }

    /// Classifies one radiograph at the default operating point.
    ///
    /// # Errors
    /// [`ClassifyError::Device`] when the device is lost, [`ClassifyError::NotFinite`] when its numbers are none.
    pub async fn classify(&self, radiograph: &Radiograph) -> Result<Reading, ClassifyError> {
        self.classify_at(radiograph, None).await
    }

    /// As [`classify`](Self::classify), without an executor: the thread waits. There is none of it in a browser, whose page must
    /// not wait.
    ///
    /// # Errors
    /// Those of [`classify`](Self::classify).
    #[cfg(not(target_family = "wasm"))]
    pub fn classify_blocking(&self, radiograph: &Radiograph) -> Result<Reading, ClassifyError> {
        crate::blocking::block_on(self.classify(radiograph))
    }

    /// As [`classify`](Self::classify), at the operating point of this name; without one at the default.
    ///
    /// # Errors
    /// Those of [`classify`](Self::classify), and [`ClassifyError::OperatingPoint`], before anything is computed.
    pub async fn classify_at(
        &self,
        radiograph: &Radiograph,
        operating_point: Option<&str>,
    ) -> Result<Reading, ClassifyError> {
        let (input, preprocess_ms) = self.input(radiograph, operating_point)?;
        let start = Instant::now();
        let inference = self.infer(input).await?;
        let times = [preprocess_ms, Timings::since(start)];
        self.reading(radiograph, operating_point, &inference, times)
    }

    /// As [`classify_at`](Self::classify_at), on the CPU, with a partner that does half of the arithmetic in
    /// [`assist`](Self::assist); the reading is the same. Without the partner where there are no halves or that does not come; then
    /// the second is false.
    ///
    /// # Errors
    /// Those of [`classify_at`](Self::classify_at); [`ClassifyError::Device`] where it is not on the CPU.
    pub fn classify_with(
        &self,
        radiograph: &Radiograph,
        operating_point: Option<&str>,
        partner: &mut dyn Partner,
    ) -> Result<(Reading, bool), ClassifyError> {
        self.operating_point(operating_point)?;
        partner.call();
        let (input, preprocess_ms) = self.input(radiograph, operating_point)?;
        let network = self.cpu()?;
        let start = Instant::now();
        let (inference, came) = match network.infer_with(&input, partner) {
            Ok(Some(inference)) => (inference, true),
            Ok(None) | Err(PartnerLost) => (on_cpu(network, &input)?, false),
        };
        let times = [preprocess_ms, Timings::since(start)];
        let reading = self.reading(radiograph, operating_point, &inference, times)?;
        Ok((reading, came))
    }

    /// Half of the arithmetic of what a partner classifies, with the input that it hands over; whether that came to its end.
    ///
    /// # Errors
    /// [`ClassifyError::Device`] where it is not on the CPU.
    pub fn assist(&self, input: &[f32], partner: &mut dyn Partner) -> Result<bool, ClassifyError> {
        let done = self.cpu()?.assist(input, partner);
        Ok(matches!(done, Ok(Some(()))))
    }

    fn cpu(&self) -> Result<&CpuNetwork, ClassifyError> {
        match &self.engine {
            Engine::Cpu(network) => Ok(network),
            #[cfg(any(feature = "gpu", feature = "burn"))]
            _ => Err(ClassifyError::Device {
                detail: "half an image was asked of it".to_owned(),
            }),
        }
    }

    /// The input `[3, side, side]`, and in how many milliseconds it was made; refuses an operating point that there is not.
    fn input(
        &self,
        radiograph: &Radiograph,
        operating_point: Option<&str>,
    ) -> Result<(Vec<f32>, f64), ClassifyError> {
        self.operating_point(operating_point)?;
        let start = Instant::now();
        let input = self.preprocessing.apply(radiograph);
        Ok((input, Timings::since(start)))
    }

    /// What is said of an inference; `times` are the milliseconds of preprocessing and of inference.
    fn reading(
        &self,
        radiograph: &Radiograph,
        operating_point: Option<&str>,
        inference: &Inference,
        [preprocess_ms, inference_ms]: [f64; 2],
    ) -> Result<Reading, ClassifyError> {
        let report = self.interpretation.report(inference, operating_point)?;
        let timings = Timings {
            decode_ms: None,
            preprocess_ms,
            inference_ms,
        };
        Ok(Reading::new(
            radiograph,
            report,
            self.device_name(),
            timings,
        ))
    }

    /// Embedding of a radiograph, `[320]`: what a [`Distribution`](crate::Distribution) is made of.
    ///
    /// # Errors
    /// As [`classify`](Self::classify).
    pub async fn embedding(&self, radiograph: &Radiograph) -> Result<Vec<f32>, ClassifyError> {
        let input = self.preprocessing.apply(radiograph);
        let inference = self.infer(input).await?;
        check(&inference, self.findings().len())?;
        Ok(inference.embedding)
    }

    /// What the network makes of one input `[3, side, side]`: one read-back from the device. Not looked at yet.
    async fn infer(&self, input: Vec<f32>) -> Result<Inference, ClassifyError> {
        Ok(match &self.engine {
            Engine::Cpu(network) => on_cpu(network, &input)?,
            #[cfg(feature = "gpu")]
            Engine::Gpu(network) => network
                .infer(&input)
                .await
                .map_err(|detail| ClassifyError::Device { detail })?,
            #[cfg(feature = "burn")]
            Engine::Reference { network, device } => {
                let side = self.preprocessing.side as usize;
                let input = burn::tensor::TensorData::new(input, [1, 3, side, side]);
                let images = burn::tensor::Tensor::<4>::from_data(input, device);
                let (evidence, embedding) = network.evidence_and_embedding(images);
                Inference {
                    evidence: read_back(evidence).await?,
                    embedding: read_back(embedding).await?,
                }
            }
        })
    }
}

#[cfg(feature = "burn")]
async fn read_back<const D: usize>(
    tensor: burn::tensor::Tensor<D>,
) -> Result<Vec<f32>, ClassifyError> {
    let detail = |detail: String| ClassifyError::Device { detail };
    tensor
        .into_data_async()
        .await
        .map_err(|error| detail(error.to_string()))?
        .try_into_vec::<f32>()
        .map_err(|error| detail(format!("{error:?}")))
}

fn on_cpu(network: &CpuNetwork, input: &[f32]) -> Result<Inference, ClassifyError> {
    network.infer(input).ok_or_else(|| ClassifyError::Device {
        detail: format!("{} values came in", input.len()),
    })
}
