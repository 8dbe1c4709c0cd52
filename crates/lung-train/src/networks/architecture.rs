//! Which networks there are, and their names.

use std::fmt;
use std::str::FromStr;

use mobilenet_lung::network::{AttentionConfig, AttentionKind, AttentionPlace};
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
    pub(super) fn stem(&self) -> &'static str {
        match self {
            Self::SqueezeNet | Self::Vgg11 => "features.0",
            Self::ResNet18 => "conv1",
            Self::DenseNet121 => "features.conv0",
            Self::MobileNetV2 | Self::MobileNetLung(_) => "features.0.0",
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
}
