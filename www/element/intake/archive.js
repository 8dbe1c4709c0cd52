// @ts-check
/**
 * The images in zip archives. Only the directory of an archive is read when it is chosen; each image is cut out of it, and unpacked, when
 * its turn has come, so that no archive lies in memory. Bounds and codes are those of `radiograph::archive`.
 *
 * @import { Fault } from '../protocol.js'
 * @import { Found } from './folder.js'
 * @import { Image } from '../results/entry.js'
 */

import { FILE_LIMIT, LungError } from '../classifier/faults.js';
import { fileFacts } from '../parts/dom.js';
import { inOrderOfDirectory, isDirectory, mayBeImage, Refused, unreadable } from './folder.js';
import { isArchive } from './given.js';

/** Most files in an archive: a CD of several examinations. */
const MOST_ENTRIES = 20_000;

/** Most bytes that one archive unpacks to. */
const MOST_BYTES = 8 * 2 ** 30;

/** How deep archives may lie within archives. */
const DEEPEST = 1;

/** The record at the end of an archive, before a comment of at most 65,535 bytes; and the most that its directory says of one entry. */
const [END, COMMENT, ENTRY] = [22, 65_535, 46 + 3 * 65_535];

/** Longer directories are not read: names of hundreds of bytes for the most entries that there may be. */
const LONGEST_DIRECTORY = 16 * 2 ** 20;

/** What the directory says of a file. @typedef {{ name: string, size: number, packed: number, method: number, encrypted: boolean, offset: number }} Entry */

/**
 * Images, with what archives among them hold in their place. An archive that cannot be read stays, as an image that is refused.
 * @param {Image[]} images
 * @param {(count: number) => void} tell called now and then with the number of images found
 * @returns {Promise<Found>}
 */
export async function lookInto(images, tell) {
  /** @type {Image[]} */
  const found = [];
  let [skipped, named] = [0, 0];
  for (const image of images) {
    const held = isArchive(image) ? await imagesIn(image, 0) : { images: [image], skipped: 0 };
    found.push(...held.images);
    skipped += held.skipped;
    named += held.named ?? 0;
    if (isArchive(image)) tell(found.length);
  }
  return { images: found, skipped, named };
}

/** @param {Image} archive @param {number} depth @returns {Promise<Found>} */
async function imagesIn({ blob, name }, depth) {
  try {
    if (depth > DEEPEST) throw new LungError(faults.deep());
    const entries = await directoryOf(blob);
    const { modified } = fileFacts(blob);
    const all = entries.map((entry) => ({ name: `${name}/${entry.name}`, blob: /** @type {Blob} */ (new Packed(blob, entry, modified)) }));
    const listed = await inOrderOfDirectory(all);
    let { named } = listed;
    const images = listed.images.filter((image) => mayBeImage(image.name.slice(name.length + 1)));
    let skipped = all.filter((file) => !isDirectory(file.name)).length - images.length;
    if (images.length === 0) throw new LungError(faults.none());
    /** @type {Image[]} */
    const found = [];
    for (const image of images) {
      const packed = /** @type {Packed} */ (image.blob);
      // One that cannot be unpacked is refused when its turn has come.
      const inner = /\.zip$/i.test(image.name) ? await packed.unpack().catch(() => null) : null;
      const held = inner ? await imagesIn({ blob: inner, name: image.name }, depth + 1) : { images: [image], skipped: 0 };
      found.push(...held.images);
      skipped += held.skipped;
      named += held.named ?? 0;
    }
    return { images: found, skipped, named };
  } catch (error) {
    const refusal = error instanceof LungError ? error : unreadable();
    return { images: [{ name, blob: new Refused(refusal) }], skipped: 0 };
  }
}

/** A file within an archive: its bytes are cut out and unpacked whenever they are asked for. */
class Packed extends Blob {
  #archive;
  #entry;

  /** @param {Blob} archive @param {Entry} entry @param {number} modified */
  constructor(archive, entry, modified) {
    super();
    this.#archive = archive;
    this.#entry = entry;
    this.lastModified = modified;
  }

  /** @override */
  get size() {
    return this.#entry.size;
  }

  /** @override */
  async arrayBuffer() {
    return (await this.unpack()).arrayBuffer();
  }

  /** @returns {Promise<Blob>} rejects with a `LungError` */
  async unpack() {
    const { name, size, packed, method, encrypted, offset } = this.#entry;
    if (encrypted) throw new LungError(faults.encrypted(name));
    if (size > FILE_LIMIT || packed > FILE_LIMIT) throw new LungError(faults.large(name, FILE_LIMIT));
    const header = await bytesOf(this.#archive, offset, 30);
    if (header.byteLength < 30 || header.getUint32(0) !== 0x504b0304) throw new LungError(faults.damaged(`${name} is not where its directory says`));
    const from = offset + 30 + header.getUint16(26, true) + header.getUint16(28, true);
    const content = this.#archive.slice(from, from + packed);
    if (content.size !== packed) throw new LungError(faults.damaged(`it ends within ${name}`));
    if (method === 8) return inflate(content, size, name);
    if (method !== 0) throw new LungError(faults.unsupported(name, method));
    if (packed !== size) throw new LungError(faults.damaged(`${name} has two sizes`));
    return content;
  }
}

/**
 * The files that the directory of an archive names, but for what systems keep beside files.
 * @param {Blob} archive
 * @returns {Promise<Entry[]>} rejects with a `LungError`
 */
async function directoryOf(archive) {
  const tail = await bytesOf(archive, Math.max(0, archive.size - END - COMMENT), END + COMMENT);
  let end = tail.byteLength - END;
  while (end >= 0 && tail.getUint32(end) !== 0x504b0506) end--;
  if (end < 0) throw new LungError(faults.damaged('its directory is missing'));
  let [count, size, offset] = [tail.getUint16(end + 10, true), tail.getUint32(end + 12, true), tail.getUint32(end + 16, true)];
  // Larger ones have a second record, which a third one before this one leads to.
  if (end >= 20 && tail.getUint32(end - 20) === 0x504b0607) {
    const record = await bytesOf(archive, wide(tail, end - 12), 56);
    if (record.byteLength < 56 || record.getUint32(0) !== 0x504b0606) throw new LungError(faults.damaged('its directory is missing'));
    [count, size, offset] = [wide(record, 32), wide(record, 40), wide(record, 48)];
  }
  if (count > MOST_ENTRIES) throw new LungError(faults.many(count));
  if (offset + size > archive.size) throw new LungError(faults.damaged('its directory lies outside it'));
  if (size > LONGEST_DIRECTORY) throw new LungError(faults.damaged('its directory is too long'));
  const directory = await bytesOf(archive, offset, Math.min(size, count * ENTRY));
  /** @type {Entry[]} */
  const entries = [];
  let whole = 0;
  for (let at = 0, number = 0; number < count; number++) {
    const read = entryAt(directory, at);
    if (!read) throw new LungError(faults.damaged('its directory is cut off'));
    at = read.next;
    if (!isFile(read.entry.name)) continue;
    entries.push(read.entry);
    whole += read.entry.size;
    if (whole > MOST_BYTES) throw new LungError(faults.large(read.entry.name, MOST_BYTES));
  }
  return entries;
}

/** The entry at a place of a directory, and where the next one is; null where it is cut off. @param {DataView} view @param {number} at */
function entryAt(view, at) {
  if (at + 46 > view.byteLength || view.getUint32(at) !== 0x504b0102) return null;
  const [name, extra, comment] = [28, 30, 32].map((field) => view.getUint16(at + field, true));
  const [fields, next] = [at + 46 + name, at + 46 + name + extra + comment];
  if (next > view.byteLength) return null;
  // Size, packed size and offset; what does not fit stands in an extra field, in this order.
  const numbers = [24, 20, 42].map((field) => view.getUint32(at + field, true));
  for (let from = fields; from + 4 <= fields + extra; from += 4 + view.getUint16(from + 2, true)) {
    if (view.getUint16(from, true) !== 1) continue;
    let field = from + 4;
    for (const [which, number] of numbers.entries()) {
      if (number !== 0xffffffff) continue;
      if (field + 8 > fields + extra) return null;
      numbers[which] = wide(view, field);
      field += 8;
    }
  }
  const [size, packed, offset] = numbers;
  const path = new TextDecoder()
    .decode(new Uint8Array(view.buffer, view.byteOffset + at + 46, name))
    .replaceAll('\\', '/')
    .replace(/^\/+/, '');
  const entry = { name: path, size, packed, method: view.getUint16(at + 10, true), encrypted: (view.getUint16(at + 8, true) & 1) === 1, offset };
  return { entry, next };
}

/** Whether it is a file of somebody's, and not a folder or what a system keeps beside files. @param {string} name */
function isFile(name) {
  const last = name.slice(name.lastIndexOf('/') + 1);
  return last !== '' && !last.startsWith('._') && last !== '.DS_Store' && last !== 'Thumbs.db' && !name.split('/').includes('__MACOSX');
}

/** A number of eight bytes; one beyond what JavaScript counts exactly is beyond every bound as well. @param {DataView} view @param {number} at */
function wide(view, at) {
  return view.getUint32(at, true) + view.getUint32(at + 4, true) * 2 ** 32;
}

/** So many bytes from a place on, or as many as there are. @param {Blob} blob @param {number} at @param {number} length */
async function bytesOf(blob, at, length) {
  return new DataView(await blob.slice(at, at + length).arrayBuffer());
}

/** Inflates to the size that the directory says, and no further. @param {Blob} packed @param {number} size @param {string} name */
async function inflate(packed, size, name) {
  if (!('DecompressionStream' in globalThis)) throw new LungError(faults.unsupported(name, 8));
  const reader = packed.stream().pipeThrough(new DecompressionStream('deflate-raw')).getReader();
  /** @type {Uint8Array<ArrayBuffer>[]} */
  const pieces = [];
  let length = 0;
  try {
    for (let read = await reader.read(); !read.done && length <= size; read = await reader.read()) {
      pieces.push(/** @type {Uint8Array<ArrayBuffer>} */ (read.value));
      length += read.value.length;
    }
  } catch {
    length = -1;
  }
  if (length === size) return new Blob(pieces);
  void reader.cancel().catch(() => {});
  throw new LungError(faults.damaged(`${name} cannot be unpacked`));
}

/** What an archive is refused with. @satisfies {Record<string, (...given: any[]) => Fault>} */
const faults = {
  /** @param {string} detail */
  damaged: (detail) => ({
    code: 'damaged-archive',
    message: `The archive is damaged or incomplete: ${detail}.`,
    advice: 'Get the archive again from where it came from, or unpack it and choose the X-ray in it.',
  }),
  /** @param {string} name */
  encrypted: (name) => ({
    code: 'encrypted-archive',
    message: `The archive is encrypted: ${name} needs a password.`,
    advice: 'Unpack the archive with its password and choose the X-ray in it.',
  }),
  /** @param {string} name @param {number} method */
  unsupported: (name, method) => ({
    code: 'unsupported-archive',
    message: `The archive uses a feature that cannot be read: ${name} is packed by method ${method}.`,
    advice: 'Unpack the archive and choose the X-ray in it.',
  }),
  /** @param {number} count */
  many: (count) => ({
    code: 'too-many-entries',
    message: `The archive holds ${count} files, more than the ${MOST_ENTRIES} that are allowed.`,
    advice: 'Unpack the archive and choose the X-rays in it, or their folder.',
  }),
  /** @param {string} name @param {number} limit */
  large: (name, limit) => ({
    code: 'archive-too-large',
    message: `The archive unpacks to more than the ${limit} bytes that are allowed: ${name}.`,
    advice: 'Unpack the archive and choose the X-rays in it, or their folder.',
  }),
  deep: () => ({
    code: 'archive-too-deep',
    message: 'Archives lie in archives deeper than is allowed.',
    advice: 'Unpack the archive and choose the X-ray in it.',
  }),
  none: () => ({
    code: 'no-image-in-archive',
    message: 'The archive holds no image in a format that can be read here.',
    advice: 'Choose a chest X-ray saved as DICOM, PNG, JPEG, WebP, BMP, TIFF or GIF.',
  }),
};
