// @ts-check
/** Our bundle, read by peers that get the same file as we do: 2.5 MB where their own format has 9. */

/** @typedef {{ shape: number[], values: Float32Array }} Weight */

/**
 * The tensors of a safetensors file of f16 or scaled integers, and its metadata.
 * @param {ArrayBuffer} buffer
 */
export function read(buffer) {
  const length = Number(new DataView(buffer).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 8, length)));
  const { __metadata__: about, ...entries } = header;
  /** @type {Map<string, Weight>} */
  const tensors = new Map();
  for (const [name, { shape }] of Object.entries(entries))
    // Known evidence is for devices to be tried with; the network has no such layer.
    if (!name.endsWith('_scale') && !name.startsWith('known.')) tensors.set(name, { shape, values: numbers(name) });
  return { tensors, about: JSON.parse(about.bundle) };

  /** @param {string} name @returns {Float32Array} */
  function numbers(name) {
    const { dtype, shape, data_offsets } = entries[name];
    const [from, to] = data_offsets;
    const bytes = buffer.slice(8 + length + from, 8 + length + to);
    switch (dtype) {
      case 'F32':
        return new Float32Array(bytes);
      case 'F16':
        return new Float32Array(new /** @type {any} */ (globalThis).Float16Array(bytes));
      case 'BF16':
        // The upper half of an f32.
        return new Float32Array(Uint32Array.from(new Uint16Array(bytes), (bits) => bits << 16).buffer);
      case 'I8': {
        const values = new Float32Array(new Int8Array(bytes));
        const scales = numbers(`${name}_scale`);
        const row = values.length / shape[0];
        for (let output = 0, at = 0; output < shape[0]; output++) {
          const scale = scales[output];
          for (const end = at + row; at < end; at++) values[at] *= scale;
        }
        return values;
      }
      default:
        throw new Error(`${name} is ${dtype}, which is not read here`);
    }
  }
}

/**
 * What each logit is multiplied by, and what is added then, at the default operating point.
 * @param {any} about
 * @returns {{ scales: number[], offsets: number[] }}
 */
export function calibration(about) {
  // Formats 1 and 2.
  if (about.temperature) return { scales: Array(3).fill(1 / about.temperature), offsets: [0, 0, 0] };
  const point = about.operating_points.find((/** @type {any} */ { name }) => name === about.default_operating_point);
  const each = (/** @type {Record<string, number>} */ values) => about.findings.map((/** @type {any} */ { id }) => values[id]);
  return { scales: each(about.scales), offsets: each(point.offsets) };
}
