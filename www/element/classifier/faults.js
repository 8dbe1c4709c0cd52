// @ts-check
/**
 * What can go wrong around the worker, as what the page is told of it.
 *
 * @import { Fallback, Fault } from '../protocol.js'
 */

/** Larger files are refused before they are read, in bytes. Bound and codes are those of the decoder. */
export const FILE_LIMIT = 64 * 1024 * 1024;

/** What an image is rejected with that was taken out of the queue. */
export const CANCELLED = {
  code: 'cancelled',
  message: 'This image was not read: reading was cancelled.',
  advice: 'Continue to have it read.',
};

/** What a start fails with whose downloads have stopped without an end. */
export const STALLED = {
  code: 'download-stalled',
  message: 'The download of the classifier has stalled: nothing arrived for two minutes.',
  advice: 'Check the connection and try again: the download begins anew.',
};

/** An error with a stable code, a sentence of what happened (`message`) and one of what to do (`advice`). */
export class LungError extends Error {
  /** The hash of the image that it is about, where that was read. @type {string | undefined} */
  content;

  /** @param {Fault} fault */
  constructor({ code, message, advice }) {
    super(message);
    this.name = 'LungError';
    this.code = code;
    this.advice = advice;
  }
}

/** The end of a worker, from inside it or because it was given up. */
export class Crash extends Error {
  /** @param {'trap' | 'device-lost' | 'timeout' | 'script'} reason @param {string} detail */
  constructor(reason, detail) {
    super(detail);
    this.reason = reason;
  }
}

/** @param {Blob} blob @returns {LungError | null} */
export function refuse(blob) {
  if (blob.size === 0) {
    return new LungError({
      code: 'empty-file',
      message: 'This file is empty.',
      advice: 'Check that it was saved or downloaded completely, and try again.',
    });
  }
  if (blob.size > FILE_LIMIT) {
    return new LungError({
      code: 'too-many-bytes',
      message: `This file has ${Math.ceil(blob.size / 1048576)} MB, more than the ${FILE_LIMIT / 1048576} MB this page reads.`,
      advice: 'Save the image as JPEG or at a lower resolution and choose that file.',
    });
  }
  return null;
}

/** @param {Crash} crash @returns {Fallback} */
export function stopped(crash) {
  return { fallback: `WebGPU stopped working on this page (${crash.message}).`, fallbackCode: 'webgpu-stopped' };
}

/** @param {Crash} crash */
export function crashError(crash) {
  if (crash.reason === 'timeout') {
    return new LungError({
      code: 'timeout',
      message: 'This image took longer than two minutes and was given up.',
      advice: 'Close other busy tabs and try again; the classifier has been started afresh.',
    });
  }
  return new LungError({
    code: 'worker-crashed',
    message: `The classifier stopped while it worked on this image (${crash.message}).`,
    advice: 'It has been started afresh: try the next image. If this one fails again, export it as a PNG.',
  });
}

/** @param {Crash} crash */
export function startError(crash) {
  if (crash.reason === 'timeout') {
    return new LungError({
      code: 'start-timeout',
      message: 'The classifier did not start: nothing was heard of it for two minutes.',
      advice: 'Close other busy tabs and try again, or use a current version of Chrome, Edge, Firefox or Safari.',
    });
  }
  return new LungError({
    code: 'start-failed',
    message: `The classifier did not start (${crash.message}).`,
    advice:
      crash.reason === 'script'
        ? "Reload the page. If it stays so, tell whoever runs it that a file is missing, or that its policy lacks worker-src 'self' blob: or the classifier's address in script-src."
        : 'Reload the page; if it stays so, use a current version of Chrome, Edge, Firefox or Safari.',
  });
}

/** What was thrown as a `Fault`, or anything else. @param {any} fault */
export function faultError(fault) {
  return typeof fault?.advice === 'string' && !(fault instanceof LungError) ? new LungError(fault) : asLungError(fault);
}

/** @param {unknown} error */
export function asLungError(error) {
  if (error instanceof LungError) return error;
  return new LungError({
    code: 'internal',
    message: `Something unforeseen happened (${error instanceof Error ? error.message : String(error)}).`,
    advice: 'Reload the page and try again.',
  });
}

/** The part of a long detail that fits a sentence. @param {string} text */
export function firstLine(text) {
  const line = text
    .split('\n', 1)[0]
    .replace(/^Uncaught /, '')
    .replace(/[.\s]+$/, '');
  return line.length > 120 ? `${line.slice(0, 119)}…` : line || 'no reason given';
}
