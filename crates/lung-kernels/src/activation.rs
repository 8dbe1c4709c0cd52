//! What follows a convolution or its norm.

/// What follows a convolution or its norm: a clamp of each value, or nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// Nothing.
    Linear,
    /// `max(x, 0)`
    Relu,
    /// `min(max(x, 0), 6)`, the activation of MobileNetV2.
    Relu6,
}

impl Activation {
    /// The least and the greatest value that it lets through, infinite where it has none.
    #[inline(always)]
    pub const fn limits(self) -> [f32; 2] {
        match self {
            Self::Linear => [f32::NEG_INFINITY, f32::INFINITY],
            Self::Relu => [0.0, f32::INFINITY],
            Self::Relu6 => [0.0, 6.0],
        }
    }

    /// The gain that keeps the variance of what passes through it (He et al. 2015, arXiv 1502.01852).
    pub const fn gain(self) -> f64 {
        match self {
            Self::Linear => 1.0,
            Self::Relu | Self::Relu6 => std::f64::consts::SQRT_2,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_those_of_the_formulas() {
        let clamp = |activation: Activation, value: f32| {
            let [low, high] = activation.limits();
            value.max(low).min(high)
        };
        for (value, linear, relu, relu6) in [
            (-2.0, -2.0, 0.0, 0.0),
            (3.0, 3.0, 3.0, 3.0),
            (7.0, 7.0, 7.0, 6.0),
        ] {
            assert_eq!(clamp(Activation::Linear, value), linear);
            assert_eq!(clamp(Activation::Relu, value), relu);
            assert_eq!(clamp(Activation::Relu6, value), relu6);
        }
    }
}
