//! The parameters of layers, and what a network makes of an input.

use std::borrow::Cow;

use crate::state::{Parameters, StateError};

/// What a network makes of one input.
#[derive(Clone, Debug, PartialEq)]
pub struct Inference {
    /// `[n, 7, 7]`, a map for each finding: its sums over the positions are the logits.
    pub evidence: Vec<f32>,
    /// `[320]`: the output of the last block, averaged over the positions.
    pub embedding: Vec<f32>,
}

/// The numbers of the parameter `name`.
///
/// # Errors
/// [`StateError::Missing`] when there is none.
pub(crate) fn parameter<'a>(
    state: &'a impl Parameters,
    name: &str,
) -> Result<Cow<'a, [f32]>, StateError> {
    state.values(name).ok_or_else(|| StateError::Missing {
        name: name.to_owned(),
    })
}

/// Numbers of a parameter, widened where they are stored narrower.
type Numbers<'a> = Cow<'a, [f32]>;

/// Weight and bias of the layer `name`.
pub(crate) fn layer<'a>(
    state: &'a impl Parameters,
    name: &str,
) -> Result<(Numbers<'a>, Numbers<'a>), StateError> {
    Ok((
        parameter(state, &format!("{name}.weight"))?,
        parameter(state, &format!("{name}.bias"))?,
    ))
}
