// @ts-check
/**
 * Stands in for the generated `lung_web.js`: the same surface, no network behind it. The pixels come from the browser's
 * own decoder and the report from a few lines of arithmetic, so that the page and the worker can be tried without the
 * WebAssembly. What happens is steered by the file's first bytes: see `classify`.
 *
 * @import { Finding, FindingInfo, LungClassifierHandle, ModelInfo, OperatingPoint, Pixels, Report } from '../../../www/element/protocol.js'
 */

/** How long it takes over an image, in milliseconds. */
const TOOK = 150;

/** @type {FindingInfo[]} */
const THREE = [
  { id: 'Normal', name: 'Normal', role: 'normal' },
  { id: 'Lung_Opacity', name: 'Lung opacity' },
  { id: 'Viral Pneumonia', name: 'Viral pneumonia' },
];

/** Findings that nobody has words for; one means that there is none, one has names in other languages. @type {FindingInfo[]} */
const SEVEN = [
  { id: '12', name: 'Twelfth plate', colour: '#2c8a5b' },
  { id: 'clear', name: 'Nothing seen', role: 'normal' },
  {
    id: 'Zebra_lung',
    name: 'Zebra lung',
    translations: { es: 'Pulmón de cebra', fr: 'Poumon zébré', zh: '斑马肺', hi: 'ज़ेबरा फेफड़ा', ar: 'رئة الحمار الوحشي' },
    colour: '#8a4fbf',
  },
  { id: 'toString', name: 'Stringy' },
  { id: 'all', name: 'All over' },
  { id: '<b>bold</b>', name: '<b>bold</b>' },
  { id: '7', name: 'Seventh plate' },
];

/** @type {Pick<ModelInfo, 'operating_points' | 'default_operating_point' | 'set_sentences'>} */
const POINTS = {
  operating_points: [
    { name: 'clinic', description: 'For all who come.', offsets: { Normal: 0, Lung_Opacity: 0, 'Viral Pneumonia': 0 } },
    {
      name: 'child',
      description: 'For children.',
      offsets: { Normal: 0.1, Lung_Opacity: -3, 'Viral Pneumonia': 1.5 },
      prediction_sets: { coverage: 0.9, thresholds: { Normal: 0.2, Lung_Opacity: 0.2, 'Viral Pneumonia': 0.2 } },
    },
    { name: 'adult', description: 'For adults.', offsets: { Normal: 0, Lung_Opacity: 2, 'Viral Pneumonia': -4 } },
    { name: 'ward', description: 'For a ward.', translations: { es: 'Para una sala.' }, offsets: { Normal: -1, Lung_Opacity: 0, 'Viral Pneumonia': 0 } },
  ],
  default_operating_point: 'clinic',
  set_sentences: [{ findings: ['Normal'], sentence: 'Most such images show nothing.', translations: { es: 'Casi ninguna de estas imágenes muestra nada.' } }],
};

export default async function init() {}

/** What reads rare formats, once it was fetched. @type {Function | undefined} */
let readers;

/** @param {Function} answer */
export function useReaders(answer) {
  readers = answer;
}

/** @param {string} code */
const fault = (code) => ({ code, message: `The stand-in refuses this with ${code}.`, advice: 'Choose another file.' });

/** An image that is not decoded at all; what decoding would refuse is refused. */
export class DecodedImage {
  /** @param {Uint8Array} bytes */
  constructor(bytes) {
    this.bytes = bytes;
    const words = wordsOf(bytes);
    if (words.startsWith('refuse')) throw fault('unknown-format');
    if (words.startsWith('rare') && !readers) throw fault('reader-missing');
    if (words.startsWith('trap-decoding')) trap();
  }

  free() {}
}

/** @implements {LungClassifierHandle} */
export class LungClassifier {
  /** @type {Pixels | undefined} */
  picture = undefined;
  /** The values of the picture, where it has any. @type {number[] | undefined} */
  #values;
  /** @type {ModelInfo & { id: string, findings: FindingInfo[] }} */
  model;

  /** @param {string} [file] what the weights file is called, which says what kind of bundle this is in the place of */
  constructor(file = '') {
    this.model = {
      id: 'mobilenet-lung-0123456789ab',
      findings: /seven/.test(file) ? SEVEN : THREE,
      ...(/points/.test(file) ? POINTS : {}),
      tests: [
        {
          split: 'none',
          operating_point: 'clinic',
          accuracy: { correct: 564, images: 590, share: 0.9561, interval: [0.936, 0.97] },
        },
      ],
    };
  }

  /** Which build this is in the place of: the folder it was loaded from. @type {'webgpu' | 'cpu'} */
  device = import.meta.url.includes('/webgpu/') ? 'webgpu' : 'cpu';

  static async prepare() {
    if (!import.meta.url.includes('/webgpu/')) return;
    const adapter = await /** @type {any} */ (navigator).gpu?.requestAdapter();
    if (!adapter) throw { ...fault('webgpu-unavailable'), message: 'This browser offers no WebGPU.' };
    await adapter.requestDevice();
  }

  /** @param {Uint8Array} bytes @param {string} file */
  static async load(bytes, file) {
    if (file.includes('refused') || bytes[0] !== 1) throw fault('weights-hash-mismatch');
    await new Promise((resolve) => setTimeout(resolve, 300));
    return new LungClassifier(file);
  }

  /** @param {Uint8Array} bytes @param {string} [operatingPoint] @returns {Promise<Report>} */
  async classify(bytes, operatingPoint) {
    const { operating_points: points = [], default_operating_point: usual = 'clinic' } = this.model;
    const point = points.find(({ name }) => name === (operatingPoint ?? usual));
    if (operatingPoint && !point)
      throw {
        code: 'operating-point-unknown',
        advice: 'Ask for one that the model has.',
        message: `This model has no operating point \`${operatingPoint}\`; it has ${points.map(({ name }) => name).join(', ')}.`,
      };
    new DecodedImage(bytes);
    const words = wordsOf(bytes);
    if (words.startsWith('lose-gpu') && this.device === 'webgpu') throw { ...fault('device-lost'), message: 'The device stopped answering: lost.' };
    if (words.startsWith('hang')) return new Promise(() => {});
    if (words.startsWith('trap-later')) return new Promise(() => void Promise.resolve().then(trap));
    if (words.startsWith('trap-on-gpu') && this.device === 'webgpu') trap();
    if (words.startsWith('trap') && !words.startsWith('trap-on-gpu')) trap();
    const began = performance.now();
    const made = /^(trap-on|lose)-gpu|^(rare|repaired|unlike|torn|plain|empty|list|set)/.test(words);
    const picture = words.startsWith('lateral') ? this.#keep(words) : made ? new ImageData(8, 8) : await pixels(bytes);
    if (!words.startsWith('lateral')) this.#values = undefined;
    this.picture = { width: picture.width, height: picture.height, data: picture.data };
    const decoded = performance.now();
    await new Promise((resolve) => setTimeout(resolve, TOOK));
    const report = reportOf(
      bytes,
      this.model.findings.map(({ id }) => id),
      point,
    );
    if (words.startsWith('torn')) {
      report.finding = 'Lung_Opacity';
      report.probabilities = { Normal: 0.45, Lung_Opacity: 0.5, 'Viral Pneumonia': 0.05 };
      report.prediction_set = { coverage: 0.85, findings: ['Lung_Opacity', 'Normal'] };
    }
    // A set as there may be one: `set` with the share that it holds for, `list` without, `empty`; then what it holds.
    const [, form, normal, opacity, , ...held] =
      /^(set|list|empty) (\S+) (\S+)(.*)$/.exec(words)?.flatMap((part, at) => (at === 4 ? [part, ...part.trim().split(' ').filter(Boolean)] : [part])) ?? [];
    if (form) {
      report.finding = 'Normal';
      report.probabilities = { Normal: Number(normal), Lung_Opacity: Number(opacity), 'Viral Pneumonia': 1 - Number(normal) - Number(opacity) };
      const findings = /** @type {Finding[]} */ (held);
      report.prediction_set = form === 'list' ? findings : { coverage: form === 'set' ? 0.8 : 0.85, findings };
    }
    if (words.startsWith('unlike')) report.in_distribution = { score: Number(/^unlike (\S+)/.exec(words)?.[1] ?? 0.0312), accepted: false };
    // A bundle without statistics.
    if (words.startsWith('plain')) report.prediction_set = report.in_distribution = null;
    return {
      version: 1,
      ...report,
      operating_point: point?.name ?? usual,
      model: this.model.id,
      device: this.device,
      timings: { decode_ms: decoded - began, preprocess_ms: 1.234, inference_ms: performance.now() - decoded },
      source: {
        format: words.startsWith('rare') ? 'tiff' : 'png',
        bits: 8,
        false_colour: false,
        orientation: 1,
        width: picture.width,
        height: picture.height,
      },
      cautions: [],
      ...(words.startsWith('lateral') ? LATERAL : words.startsWith('repaired') ? REPAIRED : {}),
    };
  }

  /** @param {DecodedImage} image @param {string} [operatingPoint] */
  classifyDecoded({ bytes }, operatingPoint) {
    return this.classify(bytes, operatingPoint);
  }

  /** @param {number} centre @param {number} width */
  windowed(centre, width) {
    if (!this.#values) return undefined;
    if (centre > 4000) throw new WebAssembly.RuntimeError('unreachable');
    const data = this.#values.flatMap((value) => {
      const grey = 255 * ((value - centre) / width + 0.5);
      return [grey, grey, grey, 255];
    });
    return new ImageData(new Uint8ClampedArray(data), 64, 64);
  }

  /** @param {Uint8Array} bytes */
  look(bytes) {
    this.#keep(wordsOf(bytes));
  }

  /** Keeps values of an image that begins with these words. @param {string} words */
  #keep(words) {
    this.#values = ramp(words);
    const { window } = LATERAL.dicom ?? {};
    const picture = this.windowed(window?.centre ?? 0, window?.width ?? 1);
    if (!picture) throw fault('corrupt');
    return (this.picture = picture);
  }
}

/** What a file begins with. @param {Uint8Array} bytes */
function wordsOf(bytes) {
  return new TextDecoder().decode(bytes.subarray(0, 32));
}

/** Values from 0 to 4095 on 64 x 64 pixels, from left to right or down. @param {string} words */
function ramp(words) {
  const down = words.includes('down');
  return Array.from({ length: 64 * 64 }, (_, at) => ((down ? at >> 6 : at & 63) / 63) * 4095);
}

/** What is said of a file that was mended. @type {Pick<Report, 'cautions'>} */
const REPAIRED = { cautions: [{ code: 'read-with-repairs', message: 'The file was read with repairs: a length was wrong.' }] };

/** What a DICOM file may say of itself. @type {Pick<Report, 'cautions' | 'dicom'>} */
const LATERAL = {
  cautions: [{ code: 'not-frontal', message: 'The file says that it is not a frontal view: LL.' }],
  dicom: {
    modality: 'DX',
    body_part: 'PORT CHEST',
    view: 'LL',
    laterality: 'left',
    photometric: 'MONOCHROME2',
    window: { centre: 2000, width: 3000, shape: 'linear', origin: 'file' },
    range: [0, 4095],
    frames: 1,
    pixel_spacing: [0.139, 0.139],
  },
};

/** What a Rust panic ends as. */
function trap() {
  throw new WebAssembly.RuntimeError('unreachable');
}

/** @param {Uint8Array} bytes */
async function pixels(bytes) {
  const bitmap = await createImageBitmap(new Blob([/** @type {Uint8Array<ArrayBuffer>} */ (bytes)])).catch(() => {
    throw fault('corrupt');
  });
  const context = /** @type {OffscreenCanvasRenderingContext2D} */ (new OffscreenCanvas(bitmap.width, bitmap.height).getContext('2d'));
  context.drawImage(bitmap, 0, 0);
  return context.getImageData(0, 0, bitmap.width, bitmap.height);
}

/**
 * Differs from file to file, always the same for one.
 * @param {Uint8Array} bytes
 * @param {Finding[]} findings
 * @param {OperatingPoint} [point]
 * @returns {Pick<Report, 'finding' | 'probabilities' | 'prediction_set' | 'in_distribution' | 'evidence'>}
 */
function reportOf(bytes, findings, point) {
  const turn = bytes.reduce((sum, byte) => (sum * 31 + byte) % 9973, 7) / 9973;
  const evidence = findings.map((_, k) =>
    Array.from({ length: 7 }, (_, y) =>
      Array.from(
        { length: 7 },
        (_, x) =>
          0.12 * Math.cos(0.9 * (x - 2 - 2 * k) + 6 * turn) * Math.cos(0.7 * (y - 3 + k)) +
          0.05 * Math.sin(6 * (turn + k / 3)) +
          (point?.offsets[findings[k]] ?? 0) / 49,
      ),
    ),
  );
  const logits = evidence.map((map) => map.flat().reduce((sum, value) => sum + value, 0));
  const whole = logits.reduce((sum, logit) => sum + Math.exp(logit), 0);
  const probabilities = logits.map((logit) => Math.exp(logit) / whole);
  const named = /** @template T @param {T[]} values */ (values) =>
    /** @type {Record<Finding, T>} */ (Object.fromEntries(findings.map((finding, k) => [finding, values[k]])));
  const finding = findings[probabilities.indexOf(Math.max(...probabilities))];
  return {
    finding,
    probabilities: named(probabilities),
    prediction_set: { coverage: 0.85, findings: [finding] },
    in_distribution: { score: 0.8125, accepted: true },
    evidence: named(evidence),
  };
}
