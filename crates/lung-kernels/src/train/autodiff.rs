//! The backward pass as a node of burn's autodiff graph.

use burn::backend::TensorMetadata as _;
use burn::backend::tensor::FloatTensor;
use burn::backend::{AutodiffBackend as _, Backend};
use burn_autodiff::checkpoint::base::Checkpointer;
use burn_autodiff::checkpoint::strategy::CheckpointStrategy;
use burn_autodiff::grads::Gradients;
use burn_autodiff::ops::{Backward, Ops, OpsKind};
use burn_autodiff::{Autodiff, NodeId};

use super::geometry::Geometry;
use super::join::Concatenation;
use super::normalise::{BatchNormalisation, Normalisation};
use super::operator::FusedConvolution;
use super::pool::{MaxPooling, Window};

/// Hands each gradient to the node that it is for, where that is tracked.
fn register<B: Backend, const N: usize>(
    grads: &mut Gradients,
    nodes: [Option<NodeId>; N],
    gradients: [FloatTensor<B>; N],
) {
    for (node, gradient) in nodes.into_iter().zip(gradients) {
        if let Some(node) = node {
            grads.register::<B>(node, gradient);
        }
    }
}

#[derive(Debug)]
struct FusedBackward;

/// Input, weight and output of the forward pass, and its geometry.
type State<B> = (FloatTensor<B>, FloatTensor<B>, FloatTensor<B>, Geometry);

impl<B: FusedConvolution> Backward<B, 3> for FusedBackward {
    type State = State<B>;

    fn backward(
        self,
        ops: Ops<Self::State, 3>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let nodes = ops.parents.map(|node| node.map(|node| node.id));
        let gradient = grads.consume::<B>(&ops.node);
        let (input, weight, output, geometry) = ops.state;
        let (for_input, for_weight, for_bias) = B::fused_convolution_backward(
            input,
            weight,
            output,
            gradient,
            geometry,
            nodes[0].is_some(),
        );
        register::<B, _>(grads, nodes, [for_input, for_weight, for_bias]);
    }
}

impl<B: FusedConvolution, C: CheckpointStrategy> FusedConvolution for Autodiff<B, C> {
    fn fused_convolution(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        geometry: Geometry,
    ) -> FloatTensor<Self> {
        let nodes = [input.node(), weight.node(), bias.node()];
        let (input, weight) = (input.into_primitive(), weight.into_primitive());
        let bias = bias.into_primitive();
        match FusedBackward.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => {
                let output = B::fused_convolution(input.clone(), weight.clone(), bias, geometry);
                prep.finish((input, weight, output.clone(), geometry), output)
            }
            OpsKind::UnTracked(prep) => {
                prep.finish(B::fused_convolution(input, weight, bias, geometry))
            }
        }
    }

    fn fused_convolution_backward(
        _input: FloatTensor<Self>,
        _weight: FloatTensor<Self>,
        _output: FloatTensor<Self>,
        _gradient: FloatTensor<Self>,
        _geometry: Geometry,
        _for_input: bool,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        unimplemented!("gradients of gradients of the fused convolution are not defined")
    }
}

#[derive(Debug)]
struct NormaliseBackward;

/// Input, weight, bias, mean and variance of the forward pass, and how it was done.
type NormaliseState<B> = ([FloatTensor<B>; 5], Normalisation);

impl<B: BatchNormalisation> Backward<B, 3> for NormaliseBackward {
    type State = NormaliseState<B>;

    fn backward(
        self,
        ops: Ops<Self::State, 3>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let nodes = ops.parents.map(|node| node.map(|node| node.id));
        let gradient = grads.consume::<B>(&ops.node);
        let ([input, weight, bias, mean, variance], how) = ops.state;
        let (for_input, for_weight, for_bias) =
            B::normalise_backward(input, weight, bias, mean, variance, gradient, how);
        register::<B, _>(grads, nodes, [for_input, for_weight, for_bias]);
    }
}

impl<B: BatchNormalisation, C: CheckpointStrategy> BatchNormalisation for Autodiff<B, C> {
    fn normalise(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        how: Normalisation,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let nodes = [input.node(), weight.node(), bias.node()];
        let (input, weight) = (input.into_primitive(), weight.into_primitive());
        let bias = bias.into_primitive();
        let (output, mean, variance) =
            B::normalise(input.clone(), weight.clone(), bias.clone(), how);
        let output = match NormaliseBackward
            .prepare::<C>(nodes)
            .compute_bound()
            .stateful()
        {
            OpsKind::Tracked(prep) => {
                let state = [input, weight, bias, mean.clone(), variance.clone()];
                prep.finish((state, how), output)
            }
            OpsKind::UnTracked(prep) => prep.finish(output),
        };
        (output, Self::from_inner(mean), Self::from_inner(variance))
    }

    fn normalise_backward(
        _input: FloatTensor<Self>,
        _weight: FloatTensor<Self>,
        _bias: FloatTensor<Self>,
        _mean: FloatTensor<Self>,
        _variance: FloatTensor<Self>,
        _gradient: FloatTensor<Self>,
        _how: Normalisation,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        unimplemented!("gradients of gradients of batch norm are not defined")
    }
}

#[derive(Debug)]
struct PoolBackward;

/// Input and output of the forward pass, and its window.
type PoolState<B> = (FloatTensor<B>, FloatTensor<B>, Window);

impl<B: MaxPooling> Backward<B, 1> for PoolBackward {
    type State = PoolState<B>;

    fn backward(
        self,
        ops: Ops<Self::State, 1>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let [node] = ops.parents.map(|node| node.map(|node| node.id));
        let gradient = grads.consume::<B>(&ops.node);
        let (input, output, window) = ops.state;
        if let Some(node) = node {
            let for_input = B::max_pool_backward(input, output, gradient, window);
            grads.register::<B>(node, for_input);
        }
    }
}

impl<B: MaxPooling, C: CheckpointStrategy> MaxPooling for Autodiff<B, C> {
    fn max_pool(input: FloatTensor<Self>, window: Window) -> FloatTensor<Self> {
        let nodes = [input.node()];
        let input = input.into_primitive();
        match PoolBackward.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => {
                let output = B::max_pool(input.clone(), window);
                prep.finish((input, output.clone(), window), output)
            }
            OpsKind::UnTracked(prep) => prep.finish(B::max_pool(input, window)),
        }
    }

    fn max_pool_backward(
        _input: FloatTensor<Self>,
        _output: FloatTensor<Self>,
        _gradient: FloatTensor<Self>,
        _window: Window,
    ) -> FloatTensor<Self> {
        unimplemented!("gradients of gradients of max pooling are not defined")
    }
}

#[derive(Debug)]
struct ConcatenateBackward;

impl<B: Concatenation> Backward<B, 2> for ConcatenateBackward {
    /// Channels of the first.
    type State = usize;

    fn backward(
        self,
        ops: Ops<Self::State, 2>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let nodes = ops.parents.map(|node| node.map(|node| node.id));
        let (first, second) = B::divide(grads.consume::<B>(&ops.node), ops.state);
        register::<B, _>(grads, nodes, [first, second]);
    }
}

impl<B: Concatenation, C: CheckpointStrategy> Concatenation for Autodiff<B, C> {
    fn concatenate(first: FloatTensor<Self>, second: FloatTensor<Self>) -> FloatTensor<Self> {
        let nodes = [first.node(), second.node()];
        let (first, second) = (first.into_primitive(), second.into_primitive());
        let channels = first.shape()[1];
        match ConcatenateBackward
            .prepare::<C>(nodes)
            .compute_bound()
            .stateful()
        {
            OpsKind::Tracked(prep) => prep.finish(channels, B::concatenate(first, second)),
            OpsKind::UnTracked(prep) => prep.finish(B::concatenate(first, second)),
        }
    }

    fn divide(
        _input: FloatTensor<Self>,
        _channels: usize,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        unimplemented!("gradients of gradients of a concatenation are not defined")
    }
}
