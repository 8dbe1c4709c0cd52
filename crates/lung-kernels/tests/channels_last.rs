//! The operators for inference against sums written out in double precision, on shapes that do not fill vectors.

// A helper of a test fails as the test does.
#![allow(clippy::panic)]

// In a browser's instructions panels have other widths: lung-web runs these tests there too.
#[cfg(target_family = "wasm")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use lung_kernels::Activation;
use lung_kernels::infer::cpu::{
    Depthwise, InvertedResidual, Map, Pointwise, Residual, Stem, rehearse,
};

/// Numbers in -1..1, the same on every run (xorshift, Marsaglia 2003).
struct Numbers(u32);

impl Numbers {
    fn next(&mut self, count: usize) -> Vec<f32> {
        (0..count)
            .map(|_| {
                self.0 ^= self.0 << 13;
                self.0 ^= self.0 >> 17;
                self.0 ^= self.0 << 5;
                self.0 as f32 / u32::MAX as f32 * 2.0 - 1.0
            })
            .collect()
    }
}

/// Channels first, in double precision.
#[derive(Clone)]
struct Planes {
    channels: usize,
    height: usize,
    width: usize,
    values: Vec<f64>,
}

impl Planes {
    fn new(values: &[f32], channels: usize, height: usize, width: usize) -> Self {
        let values = values.iter().map(|value| f64::from(*value)).collect();
        Self {
            channels,
            height,
            width,
            values,
        }
    }

    fn at(&self, channel: usize, y: isize, x: isize) -> f64 {
        let inside =
            (0..self.height as isize).contains(&y) && (0..self.width as isize).contains(&x);
        if inside {
            self.values[(channel * self.height + y as usize) * self.width + x as usize]
        } else {
            0.0
        }
    }

    /// A convolution as its definition has it, padded by half of its side.
    fn convolve(
        &self,
        weight: &[f32],
        bias: &[f32],
        side: usize,
        stride: usize,
        depthwise: bool,
        activation: Activation,
    ) -> Self {
        let (height, width) = (self.height.div_ceil(stride), self.width.div_ceil(stride));
        let depth = if depthwise { 1 } else { self.channels };
        let mut values = Vec::new();
        for (output, bias) in bias.iter().enumerate() {
            for y in 0..height {
                for x in 0..width {
                    let mut sum = f64::from(*bias);
                    for input in 0..depth {
                        for dy in 0..side {
                            for dx in 0..side {
                                let tap = ((output * depth + input) * side + dy) * side + dx;
                                let from = if depthwise { output } else { input };
                                let near = |at: usize, tap: usize| {
                                    (at * stride + tap) as isize - (side / 2) as isize
                                };
                                sum += f64::from(weight[tap])
                                    * self.at(from, near(y, dy), near(x, dx));
                            }
                        }
                    }
                    let [low, high] = activation.limits().map(f64::from);
                    values.push(sum.max(low).min(high));
                }
            }
        }
        Self {
            channels: bias.len(),
            height,
            width,
            values,
        }
    }

    fn plus(mut self, other: &Self) -> Self {
        for (sum, more) in self.values.iter_mut().zip(&other.values) {
            *sum += more;
        }
        self
    }
}

fn assert_near(got: &Map, want: &Planes, what: &str) {
    assert_eq!(
        [got.channels(), got.height(), got.width()],
        [want.channels, want.height, want.width],
        "{what}"
    );
    let largest = want
        .values
        .iter()
        .fold(1e-6, |most: f64, v| most.max(v.abs()));
    for (got, want) in got.to_planes().iter().zip(&want.values) {
        let off = (f64::from(*got) - want).abs() / largest;
        assert!(off <= 1e-5, "{what}: {got} is not {want}");
    }
}

#[test]
fn pointwise_is_the_sum_over_channels() {
    let mut numbers = Numbers(1);
    for (input, output, height, width) in [
        (1, 1, 1, 1),
        (3, 5, 2, 3),
        (17, 33, 5, 7),
        (32, 96, 3, 19),
        (24, 144, 1, 8),
        (7, 50, 4, 1),
        (5, 11, 3, 3),
    ] {
        for activation in [Activation::Linear, Activation::Relu, Activation::Relu6] {
            let x = numbers.next(input * height * width);
            let weight = numbers.next(output * input);
            let bias = numbers.next(output);
            let mut out = Map::default();
            Pointwise::new(&weight, &bias, activation)
                .forward(&Map::from_planes(&x, input, height, width), &mut out);
            let want = Planes::new(&x, input, height, width)
                .convolve(&weight, &bias, 1, 1, false, activation);
            assert_near(
                &out,
                &want,
                &format!("{input} to {output} at {height} x {width}"),
            );
        }
    }
}

#[test]
fn stem_is_a_dense_convolution() {
    let mut numbers = Numbers(2);
    for (input, output, height, width) in [(1, 1, 1, 1), (3, 32, 9, 14), (2, 5, 8, 3), (3, 8, 1, 7)]
    {
        let x = numbers.next(input * height * width);
        let weight = numbers.next(output * input * 9);
        let bias = numbers.next(output);
        let mut out = Map::default();
        Stem::new(&weight, &bias).forward(&x, height, width, &mut out);
        let want = Planes::new(&x, input, height, width).convolve(
            &weight,
            &bias,
            3,
            2,
            false,
            Activation::Relu6,
        );
        assert_near(
            &out,
            &want,
            &format!("{input} to {output} at {height} x {width}"),
        );
    }
}

#[test]
fn a_block_is_its_three_convolutions_and_its_input() {
    let mut numbers = Numbers(3);
    // One map for all: what an earlier, larger block has left in it must not show.
    let mut out = Map::default();
    for (input, hidden, output, height, width, stride, expands) in [
        (16, 96, 24, 14, 14, 2, true),
        (1, 1, 1, 1, 1, 1, true),
        (1, 1, 1, 5, 4, 2, false),
        (5, 30, 5, 7, 9, 1, true),
        (5, 30, 7, 7, 9, 2, true),
        (32, 32, 16, 13, 11, 1, false),
        (3, 18, 3, 61, 5, 1, true),
        (3, 18, 3, 2, 130, 2, true),
        // Too large to be divided by channels.
        (3, 18, 3, 61, 15, 1, true),
        (3, 18, 5, 9, 130, 2, true),
        (24, 144, 24, 28, 28, 1, true),
    ] {
        let x = numbers.next(input * height * width);
        let expand = (numbers.next(hidden * input), numbers.next(hidden));
        let filter = (numbers.next(hidden * 9), numbers.next(hidden));
        let project = (numbers.next(output * hidden), numbers.next(output));
        let block = InvertedResidual::new(
            expands.then(|| Pointwise::new(&expand.0, &expand.1, Activation::Relu6)),
            Depthwise::new(&filter.0, &filter.1, stride),
            Pointwise::new(&project.0, &project.1, Activation::Linear),
        );
        let planes = Planes::new(&x, input, height, width);
        let wide = if expands {
            planes.convolve(&expand.0, &expand.1, 1, 1, false, Activation::Relu6)
        } else {
            planes.clone()
        };
        let want = wide
            .convolve(&filter.0, &filter.1, 3, stride, true, Activation::Relu6)
            .convolve(&project.0, &project.1, 1, 1, false, Activation::Linear);
        let what = format!("{input}-{hidden}-{output} at {height} x {width}, stride {stride}");
        let map = Map::from_planes(&x, input, height, width);
        block.forward(&map, Residual::None, &mut out);
        assert_near(&out, &want, &what);
        if stride == 1 && input == output {
            block.forward(&map, Residual::Input, &mut out);
            assert_near(
                &out,
                &want.plus(&planes),
                &format!("{what}, with its input"),
            );
        }
    }
}

#[test]
fn a_rehearsal_ends() {
    rehearse();
}

// There are none in wasm.
#[cfg(not(target_family = "wasm"))]
#[test]
fn the_number_of_threads_changes_nothing() {
    let mut numbers = Numbers(4);
    // Maps that are divided by rows, by hidden channels, and evenly because they have few positions.
    for (input, hidden, side) in [(8, 48, 23), (48, 96, 14), (48, 96, 7), (48, 96, 5)] {
        let mut pointwise = |input: usize, output: usize, activation| {
            Pointwise::new(
                &numbers.next(output * input),
                &numbers.next(output),
                activation,
            )
        };
        let expand = pointwise(input, hidden, Activation::Relu6);
        let project = pointwise(hidden, input, Activation::Linear);
        let depthwise = Depthwise::new(&numbers.next(hidden * 9), &numbers.next(hidden), 1);
        let map = Map::from_planes(&numbers.next(input * side * side), input, side, side);
        let block = InvertedResidual::new(Some(expand.clone()), depthwise, project);
        let both = || {
            let (mut expanded, mut out) = (Map::default(), Map::default());
            expand.forward(&map, &mut expanded);
            block.forward(&map, Residual::Input, &mut out);
            (expanded.to_planes(), out.to_planes())
        };
        let run = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
            match pool {
                Ok(pool) => pool.install(both),
                Err(error) => panic!("{error}"),
            }
        };
        let one = run(1);
        for threads in [2, 3, 7, 9, 40] {
            assert_eq!(run(threads), one, "{threads} threads, {side} x {side}");
        }
        // Those that wait for layers, from several callers at a time.
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    for _ in 0..20 {
                        assert_eq!(both(), one, "without a pool, {side} x {side}");
                    }
                });
            }
        });
    }
}

/// A wide instruction that the compiler did not put in line is a call with its operands in memory, and the network took three times as
/// long. It happens without link-time optimisation, where a function between the dispatch and the instruction lacks `inline(always)`.
#[cfg(target_arch = "x86_64")]
#[test]
fn no_wide_instruction_is_a_call() {
    // What runs the operators is in this program, with the names of its functions.
    let program = std::fs::read(std::env::current_exe().unwrap()).unwrap();
    let names = |part: &[u8]| -> Vec<String> {
        program
            .windows(part.len())
            .enumerate()
            .filter(|(_, bytes)| *bytes == part)
            .map(|(at, _)| {
                let name = &program[at..];
                let end = name.iter().position(|byte| *byte == 0);
                String::from_utf8_lossy(&name[..end.unwrap_or(name.len()).min(100)]).into_owned()
            })
            .collect()
    };
    assert!(
        !names(concat!("lung_kernels5", "infer").as_bytes()).is_empty(),
        "the program has no names: build the tests without `strip`"
    );
    let calls: Vec<String> = names(concat!("core_arch", "3x86").as_bytes())
        .into_iter()
        // Those on floats of single precision; others' readers use whole numbers.
        .filter(|name| name.contains("_mm256_") || name.contains("_mm512_"))
        .filter(|name| name.ends_with("_ps"))
        .collect();
    assert!(
        calls.is_empty(),
        "called, not in line: {calls:#?}\nmark what calls them `inline(always)`, closures too"
    );
}
