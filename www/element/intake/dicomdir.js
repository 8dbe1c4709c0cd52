// @ts-check
/**
 * The directory of a DICOM CD, a file called DICOMDIR: it names the images in their order. The rest of a CD is its viewer's.
 *
 * @import { Image } from '../results/entry.js'
 */

/** Longer ones are not read. */
const LONGEST = 16 * 2 ** 20;

/** Where a record begins with its type, and where it names its file: as every DICOMDIR is written, with VR, little-endian. */
const [RECORD_TYPE, FILE_ID] = [
  [0x04, 0x00, 0x30, 0x14, 0x43, 0x53],
  [0x04, 0x00, 0x00, 0x15, 0x43, 0x53],
];

/**
 * Files without the DICOMDIRs among them; beside and below each only the images that it names, in its order. One that names none of the
 * files is as if it were not there.
 * @param {Image[]} files
 * @returns {Promise<{ images: Image[], named: number }>} `named` is how many images are named
 */
export async function inOrderOfDirectory(files) {
  let images = files.filter(({ name }) => !isDirectory(name));
  let named = 0;
  for (const { name, blob } of files.filter(({ name }) => isDirectory(name))) {
    const folder = name.slice(0, name.length - 'DICOMDIR'.length);
    const paths = await blob.arrayBuffer().then(
      (bytes) => (bytes.byteLength > LONGEST ? [] : imagesNamedIn(new Uint8Array(bytes))),
      () => [],
    );
    // Names on a CD are in capitals; systems that copy them often change that, and some add a version.
    const places = new Map(paths.map((path, at) => [key(folder + path), at]));
    const placeOf = (/** @type {Image} */ image) => places.get(key(image.name));
    const own = images.filter((image) => placeOf(image) !== undefined);
    if (own.length === 0) continue;
    own.sort((a, b) => (placeOf(a) ?? 0) - (placeOf(b) ?? 0));
    const first = images.findIndex((image) => image.name.startsWith(folder));
    const others = images.filter((image) => !image.name.startsWith(folder));
    const before = images.slice(0, first).filter((image) => others.includes(image)).length;
    images = others.toSpliced(before, 0, ...own);
    named += own.length;
  }
  return { images, named };
}

/** Whether a file is the directory of a CD. @param {string} name */
export function isDirectory(name) {
  return /(^|\/)DICOMDIR$/i.test(name);
}

/** @param {string} path */
function key(path) {
  return path.toUpperCase().replace(/;\d+$/, '');
}

/**
 * The paths of the images that a DICOMDIR names, relative to its folder (DICOM PS3.3, F.3); none where the bytes are no DICOMDIR.
 * @param {Uint8Array} bytes
 */
export function imagesNamedIn(bytes) {
  /** @type {string[]} */
  const paths = [];
  const text = new TextDecoder('latin1');
  if (text.decode(bytes.subarray(128, 132)) !== 'DICM') return paths;
  const begins = (/** @type {number[]} */ pattern, /** @type {number} */ at) => pattern.every((byte, place) => bytes[at + place] === byte);
  let isImage = false;
  for (let at = bytes.indexOf(0x04, 132); at >= 0;) {
    const isType = begins(RECORD_TYPE, at);
    if (!isType && !begins(FILE_ID, at)) {
      at = bytes.indexOf(0x04, at + 1);
      continue;
    }
    const end = at + 8 + bytes[at + 6] + 256 * bytes[at + 7];
    const value = text.decode(bytes.subarray(at + 8, end)).replace(/[\0 ]+$/, '');
    if (isType) isImage = value === 'IMAGE';
    else if (isImage) {
      const parts = value.split('\\').map((part) => part.trim());
      // Nothing outside the folder.
      if (!parts.some((part) => part === '' || part === '.' || part === '..' || /[/:]/.test(part))) paths.push(parts.join('/'));
    }
    at = bytes.indexOf(0x04, end);
  }
  return paths;
}
