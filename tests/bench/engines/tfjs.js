// @ts-check
/**
 * TensorFlow.js with the network written in its fused operators, channels last, from the same bundle that we load.
 *
 * Constant factors (the gate's 2, the mean's 1/49, scales and offsets) are folded into the head: nothing is computed that
 * need not be.
 */

import { calibration, read } from './bundle.js';
import { fetchBytes, logitsOf, measure, softmax, threads } from './page.js';

/** Expansion, channels out, blocks, stride of the first: Table 2 of the MobileNetV2 paper. */
const STAGES = [
  [1, 16, 1, 1],
  [6, 24, 2, 2],
  [6, 32, 3, 2],
  [6, 64, 4, 2],
  [6, 96, 3, 1],
  [6, 160, 3, 2],
  [6, 320, 1, 1],
];
const POSITIONS = 49;

/** @type {any} */
const tf = /** @type {any} */ (globalThis).tf;

measure(async (device) => {
  if (device === 'cpu') {
    tf.wasm.setWasmPaths('/tfjs-wasm/');
    // Before the backend is made; it takes at most half of the cores that the page's head claims.
    tf.wasm.setThreadsCount(threads);
  }
  const [weights, values] = await Promise.all([
    fetchBytes('/model.safetensors').then(read),
    fetchBytes('/input.nhwc').then((buffer) => new Float32Array(buffer)),
    tf.setBackend(device === 'cpu' ? 'wasm' : 'webgpu').then((/** @type {boolean} */ done) => {
      if (!done) throw new Error(`no TensorFlow.js backend for ${device}`);
    }),
  ]);
  await tf.ready();
  if (device === 'cpu' && tf.wasm.getThreadsCount() !== threads) throw new Error(`TensorFlow.js has ${tf.wasm.getThreadsCount()} threads, not ${threads}`);
  const network = build(weights);
  return async () => {
    const start = performance.now();
    const result = tf.tidy(() => network(tf.tensor4d(values, [1, 224, 224, 3])));
    /** @type {Float32Array} `[49, 3]` */
    const evidence = await result.data();
    const milliseconds = performance.now() - start;
    result.dispose();
    return { milliseconds, probabilities: softmax(logitsOf(evidence)) };
  };
});

/**
 * The network as a function of `[1, 224, 224, 3]` to evidence `[1, 7, 7, 3]`.
 * @param {ReturnType<typeof import('./bundle.js').read>} weights
 */
function build({ tensors, about }) {
  const { kind, place } = about.attention;
  if (kind !== 'none' && (kind !== 'squeeze-excitation' || place !== 'last'))
    throw new Error(`the bench has no TensorFlow.js network with ${kind} at ${place}`);

  /** @param {string} name */
  const get = (name) => {
    const found = tensors.get(name);
    if (!found) throw new Error(`the bundle has no ${name}`);
    return found;
  };
  /** @param {string} name @param {number} [scale] */
  const vector = (name, scale = 1) => tf.tensor1d(get(name).values.map((value) => value * scale));
  /** `[out, in]` to `[in, out]`. @param {string} name @param {number} [scale] */
  const matrix = (name, scale = 1) => {
    const { shape, values } = get(name);
    return tf.tidy(() => tf.transpose(tf.mul(tf.tensor2d(values, shape), scale)));
  };

  /**
   * A convolution padded by half its kernel, its bias, and ReLU6 unless it is linear.
   * @param {string} name @param {{ stride?: number, depthwise?: boolean, linear?: boolean }} [options]
   */
  const convolution = (name, { stride = 1, depthwise = false, linear = false } = {}) => {
    const { shape, values } = get(`${name}.weight`);
    // `[out, in, y, x]` to `[y, x, in, out]`, of a depthwise kernel `[y, x, channels, 1]`.
    const filter = tf.tidy(() => tf.transpose(tf.tensor4d(values, shape), depthwise ? [2, 3, 0, 1] : [2, 3, 1, 0]));
    const bias = vector(`${name}.bias`);
    const fixed = { filter, bias, strides: stride, pad: shape[2] >> 1, activation: linear ? 'linear' : 'relu6' };
    const operator = depthwise ? tf.fused.depthwiseConv2d : tf.fused.conv2d;
    return (/** @type {any} */ x) => operator({ x, ...fixed });
  };

  /** @type {Array<(x: any) => any>} */
  const layers = [convolution('features.0.0', { stride: 2 })];
  let [layer, input] = [1, 32];
  for (const [expansion, output, count, first] of STAGES)
    for (let block = 0; block < count; block++, layer++) {
      const stride = block === 0 ? first : 1;
      const name = `features.${layer}.conv`;
      const expand = expansion > 1 ? convolution(`${name}.0.0`) : null;
      const depthwise = convolution(expand ? `${name}.1.0` : `${name}.0.0`, { stride, depthwise: true });
      const project = convolution(expand ? `${name}.2` : `${name}.1`, { linear: true });
      const residual = stride === 1 && input === output;
      layers.push((x) => {
        const result = project(depthwise(expand ? expand(x) : x));
        return residual ? tf.add(x, result) : result;
      });
      input = output;
    }
  layers.push(convolution('features.18.0'));

  let gain = 1;
  if (kind === 'squeeze-excitation') {
    const name = 'features.18.attention';
    const [reduce, expand] = [matrix(`${name}.reduce.weight`), matrix(`${name}.expand.weight`)];
    const [reduceBias, expandBias] = [vector(`${name}.reduce.bias`), vector(`${name}.expand.bias`)];
    gain = 2;
    layers.push((x) => {
      const pooled = tf.mean(x, [1, 2]);
      const hidden = tf.fused.matMul({ a: pooled, b: reduce, bias: reduceBias, activation: 'relu' });
      const gate = tf.fused.matMul({ a: hidden, b: expand, bias: expandBias, activation: 'sigmoid' });
      return tf.mul(x, tf.reshape(gate, [1, 1, 1, 1280]));
    });
  }
  const { scales, offsets } = calibration(about);
  const head = tf.tidy(() => tf.reshape(tf.mul(matrix('classifier.1.weight', gain / POSITIONS), tf.tensor1d(scales)), [1, 1, 1280, 3]));
  const bias = tf.tensor1d(get('classifier.1.bias').values.map((value, row) => (value * scales[row] + offsets[row]) / POSITIONS));
  layers.push((x) => tf.fused.conv2d({ x, filter: head, bias, strides: 1, pad: 0 }));
  return (/** @type {any} */ x) => layers.reduce((value, apply) => apply(value), x);
}
