// @ts-check
/** Serves folders and made-up files from memory on a loopback port, and lets nothing be cached. */

import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join, resolve, sep } from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';

/** @type {Record<string, string>} */
const TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.mjs': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json',
  '.wasm': 'application/wasm',
  '.png': 'image/png',
};

/** What servers compress on the way. */
const COMPRESSED = /\.(html|m?js|css|json|wasm)$/;
/** Bytes that go out at once over a slow line. */
const PACKET = 1 << 13;

/** A line that carries so many megabits a second, all that goes over it together. @param {number} mbit */
function slowLine(mbit) {
  let free = 0;
  /** Sends a body when the line is free for each part of it. @param {import('node:http').ServerResponse} response @param {Buffer} body */
  return async (response, body) => {
    for (let at = 0; at < body.length && !response.destroyed; at += PACKET) {
      const part = body.subarray(at, at + PACKET);
      free = Math.max(free, performance.now()) + (part.length * 8) / (mbit * 1000);
      const wait = free - performance.now();
      // Timers are no finer than this; what is early by less is made up for by the next part.
      if (wait >= 1) await sleep(wait);
      response.write(part);
    }
    response.end();
  };
}

/** What makes a page cross-origin isolated, and lets it use its own scripts and workers then. */
const ISOLATION = {
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-embedder-policy': 'require-corp',
  'cross-origin-resource-policy': 'same-origin',
};

/**
 * @param {Record<string, string>} folders by the first part of the path, such as `ours`
 * @param {Record<string, string | Uint8Array>} files by path, such as `/input.png`
 * @param {{ isolated?: boolean }} [options] `isolated`: pages are cross-origin isolated
 */
export async function serve(folders, files, { isolated = false } = {}) {
  /** Read once: what is timed is the browser, not this machine's disk. @type {Map<string, Promise<Buffer>>} */
  const kept = new Map();

  /** The content at a path. @param {string} path @returns {Promise<Buffer>} */
  function content(path) {
    const found = kept.get(path);
    if (found) return found;
    const read = load(path);
    // A file that was missing may be there the next time.
    read.catch(() => kept.delete(path));
    kept.set(path, read);
    return read;
  }

  /** @param {string} path */
  async function load(path) {
    if (path in files) return Buffer.from(files[path]);
    const [, first, ...rest] = path.split('/');
    if (!folders[first]) throw new Error(`nothing is served at ${path}`);
    const root = resolve(folders[first]);
    const file = resolve(join(root, ...rest));
    if (!file.startsWith(root + sep)) throw new Error(`${path} leaves its folder`);
    return readFile(file);
  }

  /** What is put before a script, by its path. @type {Record<string, string>} */
  const preludes = {};
  /** Every path asked for since this was last emptied. @type {string[]} */
  const asked = [];
  /** @type {{ send: ReturnType<typeof slowLine>, over: (path: string) => boolean } | null} */
  let line = null;
  /** @type {Map<string, Buffer>} */
  const compressed = new Map();

  /** A file in gzip, made once. @param {string} path @param {Buffer} plain */
  function gzipped(path, plain) {
    const small = compressed.get(path) ?? gzipSync(plain, { level: 9 });
    compressed.set(path, small);
    return small;
  }

  const server = createServer(async (request, response) => {
    const path = decodeURIComponent(new URL(request.url ?? '/', 'http://localhost').pathname);
    try {
      const found = await content(path);
      const plain = preludes[path] ? Buffer.concat([Buffer.from(preludes[path]), found]) : found;
      asked.push(path);
      const slow = line?.over(path) ? line : null;
      const small = slow && COMPRESSED.test(path) ? gzipped(path, plain) : null;
      const sent = small ?? plain;
      response.writeHead(200, {
        'content-type': TYPES[extname(path)] ?? 'application/octet-stream',
        'content-length': sent.length,
        'cache-control': 'no-store',
        ...(isolated && ISOLATION),
        ...(small && { 'content-encoding': 'gzip' }),
      });
      if (slow) await slow.send(response, sent);
      else response.end(sent);
    } catch (error) {
      process.stderr.write(`    no ${path}: ${error}\n`);
      response.writeHead(404).end(String(error));
    }
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', () => done(undefined)));
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  return {
    url: `http://127.0.0.1:${port}`,
    asked,
    preludes,
    content,
    /**
     * From now on, sends some files over a line of so many megabits a second, and compresses what servers compress; with
     * `null` no longer.
     * @param {number | null} mbit @param {(path: string) => boolean} over which
     */
    slow(mbit, over) {
      line = mbit === null ? null : { send: slowLine(mbit), over };
    },
    close() {
      server.closeAllConnections();
      return new Promise((done) => server.close(done));
    },
  };
}
