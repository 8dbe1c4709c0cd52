//! The networks of the paper, to be compared under one protocol: torchvision's layers and names, a head of three findings.
//!
//! MobileNet-Lung itself is here too, with batch norm or with it folded, so that it can start from scratch on the same
//! terms as the others. The browser never pays for any of them: what ships is [`mobilenet_lung::network`].

mod densenet;
mod layers;
mod mobilenet;
mod pytorch;
mod resnet;
mod squeezenet;
mod vgg;
mod weights;

use densenet::DenseNet121;
pub use layers::FINDINGS;
pub use mobilenet::MobileNet;
pub use pytorch::PytorchError;
pub use resnet::ResNet18;
pub use squeezenet::SqueezeNet;
pub use vgg::Vgg11;
pub use weights::{Start, WeightsError, read_weights, start_from};

use std::fmt;
use std::str::FromStr;

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use mobilenet_lung::network::TorchvisionNames;
use mobilenet_lung::network::{AttentionConfig, AttentionKind, AttentionPlace};
use mobilenet_lung::parameter_shapes;
use serde::{Deserialize, Serialize};

/// Which network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Architecture {
    /// SqueezeNet 1.1.
    SqueezeNet,
    /// VGG11 without batch norm.
    Vgg11,
    /// ResNet18.
    ResNet18,
    /// DenseNet121.
    DenseNet121,
    /// MobileNetV2 at width 1.0.
    MobileNetV2,
    /// MobileNetV2 with this attention within its feature layers.
    MobileNetLung(AttentionConfig),
}

/// MobileNet-Lung's kinds and places of attention, by the end of their names.
const VARIANTS: [(&str, AttentionKind, AttentionPlace); 5] = [
    ("none", AttentionKind::None, AttentionPlace::Last),
    (
        "se-last",
        AttentionKind::SqueezeExcitation,
        AttentionPlace::Last,
    ),
    (
        "se-stages",
        AttentionKind::SqueezeExcitation,
        AttentionPlace::EveryStage,
    ),
    ("cbam-last", AttentionKind::Cbam, AttentionPlace::Last),
    (
        "cbam-stages",
        AttentionKind::Cbam,
        AttentionPlace::EveryStage,
    ),
];

const MOBILENET_LUNG: &str = "mobilenet-lung";

impl Architecture {
    /// The six networks of the paper, MobileNet-Lung first, with the attention that ships.
    pub fn of_the_paper() -> [Self; 6] {
        [
            Self::MobileNetLung(AttentionConfig::default()),
            Self::MobileNetV2,
            Self::SqueezeNet,
            Self::Vgg11,
            Self::ResNet18,
            Self::DenseNet121,
        ]
    }

    /// MobileNet-Lung with every attention, and with none.
    pub fn with_every_attention() -> [Self; 5] {
        VARIANTS.map(|(_, kind, place)| Self::MobileNetLung(attention(kind, place)))
    }

    /// The name for people.
    pub fn title(&self) -> String {
        match self {
            Self::SqueezeNet => "SqueezeNet 1.1".to_owned(),
            Self::Vgg11 => "VGG11".to_owned(),
            Self::ResNet18 => "ResNet18".to_owned(),
            Self::DenseNet121 => "DenseNet121".to_owned(),
            Self::MobileNetV2 => "MobileNetV2".to_owned(),
            Self::MobileNetLung(attention) => {
                let kind = match attention.kind {
                    AttentionKind::None => return "MobileNet-Lung, no attention".to_owned(),
                    AttentionKind::SqueezeExcitation => "squeeze-and-excitation",
                    AttentionKind::Cbam => "CBAM",
                };
                let place = match attention.place {
                    AttentionPlace::Last => "after the last layer",
                    AttentionPlace::EveryStage => "in every stage",
                };
                format!("MobileNet-Lung, {kind} {place}")
            }
        }
    }

    /// The smallest side of an image that leaves something of the map.
    pub fn least_side(&self) -> usize {
        match self {
            Self::SqueezeNet => 17,
            Self::DenseNet121 => 29,
            Self::Vgg11 => 32,
            Self::ResNet18 | Self::MobileNetV2 | Self::MobileNetLung(_) => 1,
        }
    }

    /// Whether it has batch norms that can be folded into its convolutions.
    pub fn can_be_folded(&self) -> bool {
        matches!(
            self,
            Self::ResNet18 | Self::MobileNetV2 | Self::MobileNetLung(_)
        )
    }

    /// The name of its last layer in torchvision, without `.weight` and `.bias`.
    pub fn head(&self) -> &'static str {
        match self {
            Self::SqueezeNet | Self::MobileNetV2 | Self::MobileNetLung(_) => "classifier.1",
            Self::Vgg11 => "classifier.6",
            Self::ResNet18 => "fc",
            Self::DenseNet121 => "classifier",
        }
    }

    /// The name of its first layer in torchvision.
    fn stem(&self) -> &'static str {
        match self {
            Self::SqueezeNet | Self::Vgg11 => "features.0",
            Self::ResNet18 => "conv1",
            Self::DenseNet121 => "features.conv0",
            Self::MobileNetV2 | Self::MobileNetLung(_) => "features.0.0",
        }
    }

    /// A network with random weights, drawn as torchvision draws them.
    ///
    /// With `folded`, one without batch norm, where it [can be folded](Self::can_be_folded).
    pub fn init(&self, folded: bool, device: &Device) -> Network {
        match self {
            Self::SqueezeNet => Network::SqueezeNet(SqueezeNet::init(device)),
            Self::Vgg11 => Network::Vgg11(Vgg11::init(device)),
            Self::ResNet18 => Network::ResNet18(ResNet18::init(!folded, device)),
            Self::DenseNet121 => Network::DenseNet121(DenseNet121::init(device)),
            Self::MobileNetV2 => {
                Network::MobileNet(MobileNet::init(AttentionConfig::NONE, !folded, device))
            }
            Self::MobileNetLung(attention) => {
                Network::MobileNet(MobileNet::init(*attention, !folded, device))
            }
        }
    }
}

fn attention(kind: AttentionKind, place: AttentionPlace) -> AttentionConfig {
    match kind {
        AttentionKind::None => AttentionConfig::NONE,
        _ => AttentionConfig {
            kind,
            place,
            ..AttentionConfig::default()
        },
    }
}

impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SqueezeNet => "squeezenet",
            Self::Vgg11 => "vgg11",
            Self::ResNet18 => "resnet18",
            Self::DenseNet121 => "densenet121",
            Self::MobileNetV2 => "mobilenetv2",
            Self::MobileNetLung(attention) => {
                let variant = VARIANTS
                    .iter()
                    .find(|(_, kind, place)| (attention.kind, attention.place) == (*kind, *place))
                    .map_or("none", |(name, ..)| *name);
                return write!(f, "{MOBILENET_LUNG}-{variant}");
            }
        })
    }
}

/// A name that is no network's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "there is no network `{0}`; choose of squeezenet, vgg11, resnet18, densenet121, mobilenetv2, mobilenet-lung, or \
     mobilenet-lung-none, -se-last, -se-stages, -cbam-last, -cbam-stages"
)]
pub struct UnknownNetwork(String);

impl FromStr for Architecture {
    type Err = UnknownNetwork;

    fn from_str(name: &str) -> Result<Self, UnknownNetwork> {
        Ok(match name {
            "squeezenet" => Self::SqueezeNet,
            "vgg11" => Self::Vgg11,
            "resnet18" => Self::ResNet18,
            "densenet121" => Self::DenseNet121,
            "mobilenetv2" => Self::MobileNetV2,
            MOBILENET_LUNG => Self::MobileNetLung(AttentionConfig::default()),
            _ => {
                let variant = name
                    .strip_prefix(MOBILENET_LUNG)
                    .and_then(|rest| rest.strip_prefix('-'))
                    .and_then(|rest| VARIANTS.iter().find(|(name, ..)| *name == rest));
                match variant {
                    Some((_, kind, place)) => Self::MobileNetLung(attention(*kind, *place)),
                    None => return Err(UnknownNetwork(name.to_owned())),
                }
            }
        })
    }
}

impl From<Architecture> for String {
    fn from(architecture: Architecture) -> Self {
        architecture.to_string()
    }
}

impl TryFrom<String> for Architecture {
    type Error = UnknownNetwork;

    fn try_from(name: String) -> Result<Self, UnknownNetwork> {
        name.parse()
    }
}

/// One of the networks.
#[derive(Module, Debug)]
// One a process, and burn's modules are not boxed.
#[allow(clippy::large_enum_variant)]
pub enum Network {
    /// SqueezeNet 1.1.
    SqueezeNet(SqueezeNet),
    /// VGG11.
    Vgg11(Vgg11),
    /// ResNet18.
    ResNet18(ResNet18),
    /// DenseNet121.
    DenseNet121(DenseNet121),
    /// MobileNetV2 or MobileNet-Lung.
    MobileNet(MobileNet),
}

impl Network {
    /// Images `[batch, 3, side, side]` to logits `[batch, 3]`, with dropout and the batch's statistics while training.
    pub fn forward(&self, images: Tensor<4>) -> Tensor<2> {
        match self {
            Self::SqueezeNet(network) => network.forward(images),
            Self::Vgg11(network) => network.forward(images),
            Self::ResNet18(network) => network.forward(images),
            Self::DenseNet121(network) => network.forward(images),
            Self::MobileNet(network) => network.forward(images),
        }
    }

    /// Multiply-adds of convolutions and linear layers for one image of this side.
    pub fn multiply_adds(&self, side: usize) -> u64 {
        match self {
            Self::SqueezeNet(network) => network.walk(side),
            Self::Vgg11(network) => network.walk(side),
            Self::ResNet18(network) => network.walk(side),
            Self::DenseNet121(network) => network.walk(side),
            Self::MobileNet(network) => network.walk(side),
        }
        .multiply_adds
    }

    /// Numbers that are trained; the running statistics of batch norms are not.
    pub fn trained_numbers(&self) -> usize {
        parameter_shapes(self)
            .iter()
            .filter(|(name, _)| !name.contains(".running_"))
            .map(|(_, shape)| shape.iter().product::<usize>())
            .sum()
    }

    /// Numbers that a weights file holds.
    pub fn stored_numbers(&self) -> usize {
        parameter_shapes(self)
            .values()
            .map(|shape| shape.iter().product::<usize>())
            .sum()
    }
}

impl TorchvisionNames for Network {
    fn torchvision_name(path: &[String]) -> String {
        let parts: Vec<&str> = path.iter().map(String::as_str).collect();
        let name = match parts.as_slice() {
            ["SqueezeNet", rest @ ..] => SqueezeNet::torchvision_name(rest),
            ["Vgg11", rest @ ..] => Vgg11::torchvision_name(rest),
            ["ResNet18", rest @ ..] => ResNet18::torchvision_name(rest),
            ["DenseNet121", rest @ ..] => DenseNet121::torchvision_name(rest),
            ["MobileNet", rest @ ..] => MobileNet::torchvision_name(rest),
            _ => None,
        };
        name.unwrap_or_else(|| parts.join("."))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        for architecture in Architecture::of_the_paper()
            .into_iter()
            .chain(Architecture::with_every_attention())
        {
            assert_eq!(architecture.to_string().parse(), Ok(architecture));
        }
        assert_eq!(
            "mobilenet-lung".parse(),
            Ok(Architecture::MobileNetLung(AttentionConfig::default()))
        );
        let error = "alexnet".parse::<Architecture>().unwrap_err().to_string();
        assert!(
            error.contains("alexnet") && error.contains("vgg11"),
            "{error}"
        );
    }

    /// Numbers trained and 10^9 multiply-adds at 224 x 224, of torchvision's networks with a head of 1000 classes
    /// (the documentation of torchvision's weights), less what their head has and ours has not.
    #[test]
    fn sizes_are_those_that_torchvision_gives() {
        let device = Device::flex();
        let more = 1000 - 3;
        for (architecture, numbers, billions, head) in [
            // The head is a convolution of 13 x 13 positions.
            (Architecture::SqueezeNet, 1_235_496, 0.349, 512),
            (Architecture::Vgg11, 132_863_336, 7.609, 4096),
            (Architecture::ResNet18, 11_689_512, 1.814, 512),
            (Architecture::DenseNet121, 7_978_856, 2.834, 1024),
            (Architecture::MobileNetV2, 3_504_872, 0.301, 1280),
        ] {
            let network = architecture.init(false, &device);
            assert_eq!(
                network.trained_numbers(),
                numbers - more * (head + 1),
                "{architecture}"
            );
            let positions = if architecture == Architecture::SqueezeNet {
                13 * 13
            } else {
                1
            };
            let want = billions * 1e9 - (more * head * positions) as f64;
            let got = network.multiply_adds(224) as f64;
            // torchvision rounds to 10^6.
            assert!((got - want).abs() < 1.5e6, "{architecture}: {got}, {want}");
        }
    }

    #[test]
    fn the_paper_s_network_is_the_one_that_ships() {
        for architecture in Architecture::with_every_attention() {
            let Architecture::MobileNetLung(attention) = architecture else {
                panic!("{architecture}");
            };
            let network = architecture.init(true, &Device::flex());
            assert_eq!(
                parameter_shapes(&network),
                mobilenet_lung::architecture::parameter_shapes(&attention, FINDINGS),
                "{architecture}"
            );
        }
    }
}
