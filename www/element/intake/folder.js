// @ts-check
/**
 * The images of a folder and of the folders within it, by their paths from that folder, without what cannot be an image.
 *
 * @import { Image } from '../results/entry.js'
 */

import { LungError } from '../classifier/faults.js';
import { inOrderOfDirectory, isDirectory } from './dicomdir.js';
import { fileFacts } from '../parts/dom.js';

// Whoever looks into archives asks here: what two modules share that are fetched later has to be one's own.
export { inOrderOfDirectory, isDirectory };

/**
 * What is no image, by the end of its name. Whatever else there is, is looked into: many a DICOM file ends in a number or in
 * nothing.
 */
const OTHER_KINDS = new Set(
  (
    '7z avi bat bz2 c cfg cpp css csv db dll doc docx exe gz h htm html ini ipynb iso jar js json log m4a md mkv mov mp3 mp4 mpg ' +
    'npy npz odp ods odt parquet pdf pkl ppt pptx ps1 pt pth py rar rs rtf safetensors sh sqlite svg tar tex toml ts tsv txt wav ' +
    'webm xls xlsx xml yaml yml'
  ).split(' '),
);

/** What is refused with a reason of its own when its turn has come: an archive that cannot be looked into, a file that cannot be opened. */
export class Refused extends Blob {
  #why;

  /** @param {LungError} why */
  constructor(why) {
    super();
    this.#why = why;
  }

  /** One that is not empty is asked for its bytes. @override */
  get size() {
    return 1;
  }

  /** @override */
  async arrayBuffer() {
    return (await this.unpack()).arrayBuffer();
  }

  /** @returns {Promise<Blob>} */
  async unpack() {
    throw this.#why;
  }
}

/** What a file is refused with that the browser cannot open. */
export const unreadable = () =>
  new LungError({
    code: 'unreadable',
    message: 'The browser could not read this file.',
    advice: 'Check that it still exists, that it is a file and not a folder, and choose it again.',
  });

/** Names of files that systems leave in folders. */
const HOUSEKEEPING = new Set(['thumbs.db', 'desktop.ini', '__macosx']);

/**
 * What was found in folders and archives, and how many files were left out; `named` is how many of them a DICOMDIR names, where there is one.
 * @typedef {{ images: Image[], skipped: number, named?: number }} Found
 */

/**
 * Of files chosen with their folder.
 * @param {Iterable<File>} files
 * @returns {Promise<Found>}
 */
export function ofFolder(files) {
  return found([...files].map((blob) => ({ blob, name: fileFacts(blob).name })));
}

/**
 * Of folders and files that were dropped.
 * @param {FileSystemEntry[]} entries
 * @param {(count: number) => void} tell called now and then with the number of files found
 * @returns {Promise<Found>} rejects if a folder cannot be read
 */
export async function ofEntries(entries, tell) {
  /** @type {Image[]} */
  const all = [];
  let skipped = 0;
  /** @param {FileSystemEntry} entry @param {boolean} within whether it lies in a folder that could be read */
  const walk = async (entry, within) => {
    if (hidden(entry.name)) return void skipped++;
    if (isFolder(entry)) {
      const children = await childrenOf(entry).catch((error) => {
        if (!within) throw error;
        all.push({ blob: new Refused(unreadable()), name: entry.fullPath.slice(1) });
        return [];
      });
      for (const child of children) await walk(child, true);
    } else if (isFile(entry)) {
      // One that cannot be opened, such as a link that leads nowhere, keeps no other from being read.
      const blob = await new Promise((resolve) => entry.file(resolve, () => resolve(new Refused(unreadable()))));
      all.push({ blob, name: entry.fullPath.slice(1) });
      if (all.length % 100 === 0) tell(all.length);
    }
  };
  for (const entry of entries) await walk(entry, false);
  const { skipped: others, ...rest } = await found(all);
  return { ...rest, skipped: skipped + others };
}

/** @param {Image[]} all @returns {Promise<Found>} */
async function found(all) {
  const files = all.filter(({ name }) => isDirectory(name) || mayBeImage(below(name)));
  const { compare } = new Intl.Collator(undefined, { numeric: true });
  files.sort((a, b) => compare(a.name, b.name));
  const { images, named } = await inOrderOfDirectory(files);
  const directories = files.filter(({ name }) => isDirectory(name)).length;
  return { images, skipped: all.length - directories - images.length, named };
}

/** A path without its first folder. @param {string} path */
function below(path) {
  return path.slice(path.indexOf('/') + 1);
}

/** Whether the path of a file, as far as it is below what was chosen, is that of an image or an archive. @param {string} path */
export function mayBeImage(path) {
  const parts = path.split('/');
  const ending = /\.([^.]+)$/.exec(parts[parts.length - 1])?.[1].toLowerCase() ?? '';
  return !parts.some(hidden) && !OTHER_KINDS.has(ending);
}

/** @param {string} name */
function hidden(name) {
  return name.startsWith('.') || HOUSEKEEPING.has(name.toLowerCase());
}

/**
 * All that is in a folder: a browser gives it out a hundred at a time, and nothing when that was all.
 * @param {FileSystemDirectoryEntry} folder
 * @returns {Promise<FileSystemEntry[]>}
 */
async function childrenOf(folder) {
  const reader = folder.createReader();
  const children = [];
  for (;;) {
    /** @type {FileSystemEntry[]} */
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (some.length === 0) return children;
    children.push(...some);
  }
}

/** @param {FileSystemEntry} entry @returns {entry is FileSystemDirectoryEntry} */
function isFolder(entry) {
  return entry.isDirectory;
}

/** @param {FileSystemEntry} entry @returns {entry is FileSystemFileEntry} */
function isFile(entry) {
  return entry.isFile;
}
