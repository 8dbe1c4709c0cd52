// @ts-check
/**
 * Rewrites weights files, so that a test can have a bundle of other findings without training one. `lung predict` refuses what is
 * wrong with them as the page does.
 */

import { createHash } from 'node:crypto';

/** What the shipped model's findings are called here, by their old ids; one of the new ids would come first of all JavaScript objects. */
export const RENAMED = {
  Normal: { id: '9', name: 'Ninth plate', translations: { es: 'Placa novena', fr: 'Neuvième plaque', zh: '九号', hi: 'नौवीं प्लेट', ar: 'اللوحة التاسعة' } },
  Lung_Opacity: { id: 'Grey veil', name: 'Grey veil', translations: { es: 'Velo gris', fr: 'Voile gris', zh: '灰纱', hi: 'धूसर परदा', ar: 'غشاء رمادي' } },
  'Viral Pneumonia': {
    id: 'zigzag_lung',
    name: 'Zigzag lung',
    translations: { es: 'Pulmón en zigzag', fr: 'Poumon en zigzag', zh: '锯齿肺', hi: 'टेढ़ा फेफड़ा', ar: 'رئة متعرجة' },
  },
};

/** A weights file taken apart. @param {Buffer} bytes */
export function apart(bytes) {
  const length = Number(bytes.readBigUInt64LE(0));
  const { __metadata__: entries, ...tensors } = JSON.parse(bytes.toString('utf8', 8, 8 + length));
  const data = bytes.subarray(8 + length);
  return {
    /** @type {any} */
    metadata: JSON.parse(entries.bundle),
    /** @type {Map<string, { dtype: string, shape: number[], bytes: Buffer }>} */
    tensors: new Map(
      Object.entries(tensors).map(
        ([
          name,
          {
            dtype,
            shape,
            data_offsets: [from, to],
          },
        ]) => [name, { dtype, shape, bytes: data.subarray(from, to) }],
      ),
    ),
  };
}

/** The weights file of these parts, and what it is called. @param {ReturnType<typeof apart>} parts */
export function together({ metadata, tensors }) {
  /** @type {Record<string, unknown>} */
  const header = { __metadata__: { bundle: JSON.stringify(metadata) } };
  let at = 0;
  // Tensors of wide numbers first: each begins where its numbers may.
  const width = (/** @type {string} */ dtype) => ({ F32: 4, F16: 2, BF16: 2, I8: 1 })[dtype] ?? 1;
  const ordered = [...tensors].toSorted(([, a], [, b]) => width(b.dtype) - width(a.dtype));
  for (const [name, { dtype, shape, bytes }] of ordered) {
    header[name] = { dtype, shape, data_offsets: [at, at + bytes.length] };
    at += bytes.length;
  }
  const text = JSON.stringify(header);
  const padded = Buffer.from(text + ' '.repeat(-Buffer.byteLength(text) & 7));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(padded.length));
  const bytes = Buffer.concat([length, padded, ...ordered.map(([, tensor]) => tensor.bytes)]);
  const hash = createHash('sha256').update(bytes).digest('hex');
  return { file: `mobilenet-lung-${hash.slice(0, 12)}.safetensors`, bytes, hash };
}

/**
 * Metadata of any format as those of format 3: what a test changes is in one place.
 * @param {any} metadata
 */
export function asFormat3(metadata) {
  if (metadata.format_version === 3) return structuredClone(metadata);
  const { architecture, attention, findings, preprocessing, in_distribution, trained_on, licence, commit, notice, prediction_sets: sets } = metadata;
  const each = (/** @type {number} */ value) => Object.fromEntries(findings.map((/** @type {string} */ id) => [id, value]));
  return {
    format_version: 3,
    architecture,
    attention,
    findings: findings.map((/** @type {string} */ id) => ({ id, name: id.replaceAll('_', ' '), ...(id === 'Normal' ? { role: 'normal' } : {}) })),
    preprocessing,
    scales: metadata.scales ?? each(1 / (metadata.temperature ?? 1)),
    operating_points: [
      { name: 'default', description: 'Where nobody asks for another.', offsets: metadata.offsets ?? each(0), ...(sets ? { prediction_sets: sets } : {}) },
    ],
    default_operating_point: 'default',
    ...(in_distribution ? { in_distribution } : {}),
    trained_on,
    licence,
    commit,
    notice,
  };
}

/**
 * The same metadata with findings of other ids, names and translations.
 * @param {any} metadata of format 3
 * @param {Record<string, { id: string, name: string, translations?: Record<string, string> }>} names by the old ids
 */
export function renamed(metadata, names) {
  const changed = /** @type {any} */ (byId(metadata, (id) => names[id]?.id ?? id));
  changed.findings = metadata.findings.map((/** @type {any} */ { id, role, colour }) => ({
    ...names[id],
    ...(role ? { role } : {}),
    ...(colour ? { colour } : {}),
  }));
  return changed;
}

/** Every key and every text that is an id, changed. @param {unknown} value @param {(id: string) => string} change @returns {unknown} */
function byId(value, change) {
  if (typeof value === 'string') return change(value);
  if (Array.isArray(value)) return value.map((each) => byId(each, change));
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [change(key), byId(each, change)]));
}

/**
 * A weights file whose head has so many rows: those of the given one over and over, each of the later ones a little weaker, and findings
 * of these names.
 * @param {ReturnType<typeof apart>} parts @param {any[]} findings
 */
export function widened({ metadata, tensors }, findings) {
  const wide = asFormat3(metadata);
  const old = wide.findings.map((/** @type {any} */ { id }) => id);
  const each = (/** @type {(at: number, id: string) => number} */ value) =>
    Object.fromEntries(findings.map(({ id }, at) => [id, value(at, old[at % old.length])]));
  wide.findings = findings;
  wide.scales = each((_, id) => asFormat3(metadata).scales[id]);
  wide.operating_points = [{ name: 'default', description: 'Where nobody asks for another.', offsets: each((at) => -Math.floor(at / old.length)) }];
  wide.default_operating_point = 'default';
  for (const stale of ['set_sentences', 'tests', 'data']) delete wide[stale];
  const head = new Map(tensors);
  for (const name of [...head.keys()]) {
    if (name.startsWith('known.')) head.delete(name);
    if (!/^classifier\.1\.(weight|bias|weight_scale)$/.test(name)) continue;
    const { dtype, shape, bytes } = /** @type {{ dtype: string, shape: number[], bytes: Buffer }} */ (head.get(name));
    const row = bytes.length / shape[0];
    const rows = findings.map((_, at) => bytes.subarray((at % shape[0]) * row, ((at % shape[0]) + 1) * row));
    head.set(name, { dtype, shape: [findings.length, ...shape.slice(1)], bytes: Buffer.concat(rows) });
  }
  return together({ metadata: wide, tensors: head });
}
