//! The running average of the weights, which is what is validated and exported.

use mobilenet_lung::network::MobileNetLung;
use mobilenet_lung::{StateDict, state_dict};

/// A running average of the weights (Polyak and Juditsky 1992, with exponential forgetting).
pub(super) struct Average {
    pub(super) decay: f32,
    pub(super) steps: u32,
    pub(super) state: StateDict,
}

impl Average {
    pub(super) fn update(&mut self, network: &MobileNetLung) -> anyhow::Result<()> {
        // Short at first, so that the start of the training is forgotten.
        let steps = self.steps as f32;
        let decay = self.decay.min((1.0 + steps) / (10.0 + steps));
        self.steps += 1;
        let now = state_dict(network)?;
        for (name, array) in now {
            match self.state.get_mut(&name) {
                Some(average) => {
                    for (a, b) in average.values.iter_mut().zip(&array.values) {
                        *a += (1.0 - decay) * (b - *a);
                    }
                }
                None => {
                    self.state.insert(name, array);
                }
            }
        }
        Ok(())
    }
}
