// @ts-check
/**
 * What comes to the element: files, what a drop or a paste carries, pixels.
 *
 * @import { Image } from '../results/entry.js'
 */

import { fileFacts } from '../parts/dom.js';

/** Whether it is an archive that has not been looked into; that is done by what is fetched for it. @param {Image} image */
export function isArchive({ blob, name }) {
  return /\.zip$/i.test(name) && !('unpack' in blob);
}

/** @param {DataTransfer} carried */
export function carriesFiles({ types }) {
  return types.includes('Files');
}

/** Whether it is an image or a link of another page, which has an address and no file. @param {DataTransfer} carried */
export function carriesAddress({ types }) {
  return types.includes('text/uri-list') || types.includes('text/x-moz-url');
}

/** Whether it is what a drop carries; also one of another window. @param {Iterable<File> | DataTransfer} files @returns {files is DataTransfer} */
export function isTransfer(files) {
  return 'dropEffect' in files;
}

/** @param {Blob | ImageBitmap | ImageData} image */
export function nameOf(image) {
  return isPixels(image) ? '' : fileFacts(image).name;
}

/** Whether it is pixels; also those of another frame. @param {Blob | ImageBitmap | ImageData} image @returns {image is ImageBitmap | ImageData} */
export function isPixels(image) {
  return ['[object ImageBitmap]', '[object ImageData]'].includes(Object.prototype.toString.call(image));
}
