//! One of the networks, whichever it is.

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use mobilenet_lung::network::{
    AttentionConfig, BatchNorms, MobileNetLung, MobileNetLungConfig, TorchvisionNames,
};
use mobilenet_lung::parameter_shapes;

use super::architecture::Architecture;
use super::densenet::DenseNet121;
use super::layers::FINDINGS;
use super::mobilenet;
use super::resnet::ResNet18;
use super::squeezenet::SqueezeNet;
use super::vgg::Vgg11;

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
    MobileNet(MobileNetLung),
}

impl Network {
    /// A network with random weights, drawn as torchvision draws them; its batch norms are folded only where they
    /// [can be](Architecture::can_be_folded).
    pub fn init(architecture: Architecture, norms: BatchNorms, device: &Device) -> Self {
        let mobilenet = |attention| {
            let config = MobileNetLungConfig {
                attention,
                findings: FINDINGS,
                norms,
                ..MobileNetLungConfig::default()
            };
            Self::MobileNet(config.init(device))
        };
        match architecture {
            Architecture::SqueezeNet => Self::SqueezeNet(SqueezeNet::init(device)),
            Architecture::Vgg11 => Self::Vgg11(Vgg11::init(device)),
            Architecture::ResNet18 => Self::ResNet18(ResNet18::init(norms, device)),
            Architecture::DenseNet121 => Self::DenseNet121(DenseNet121::init(device)),
            Architecture::MobileNetV2 => mobilenet(AttentionConfig::NONE),
            Architecture::MobileNetLung(attention) => mobilenet(attention),
        }
    }

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
            Self::MobileNet(network) => mobilenet::walk(network, side),
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
            ["MobileNet", ..] => Some(MobileNetLung::torchvision_name(&path[1..])),
            _ => None,
        };
        name.unwrap_or_else(|| parts.join("."))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
            let network = Network::init(architecture, BatchNorms::Kept, &device);
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
    fn parameters_are_those_of_the_file_that_ships() {
        for architecture in Architecture::with_every_attention() {
            let Architecture::MobileNetLung(attention) = architecture else {
                panic!("{architecture}");
            };
            let network = Network::init(architecture, BatchNorms::Folded, &Device::flex());
            assert_eq!(
                parameter_shapes(&network),
                mobilenet_lung::architecture::parameter_shapes(&attention, FINDINGS),
                "{architecture}"
            );
        }
    }
}
