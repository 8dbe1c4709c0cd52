//! The networks of the paper, to be compared under one protocol: torchvision's layers and names, a head of three findings.
//!
//! MobileNetV2 and MobileNet-Lung are those of [`mobilenet_lung::network`], with batch norm where they start from scratch, on the same terms
//! as the others. The browser never pays for any of them.

mod architecture;
mod densenet;
mod layers;
mod mobilenet;
mod network;
mod resnet;
mod squeezenet;
mod vgg;
mod weights;

pub use architecture::{Architecture, UnknownNetwork};
pub use layers::FINDINGS;
pub use network::Network;
pub use pytorch_reader::PytorchError;
pub use resnet::ResNet18;
pub use squeezenet::SqueezeNet;
pub use vgg::Vgg11;
pub use weights::{Start, WeightsError, read_weights, start_from};
