// @ts-check
/** Serves folders and made-up files from memory on a loopback port, and lets nothing be cached. */

import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join, resolve, sep } from 'node:path';

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

/**
 * @param {Record<string, string>} folders by the first part of the path, such as `ours`
 * @param {Record<string, string | Uint8Array>} files by path, such as `/input.png`
 */
export async function serve(folders, files) {
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
  const server = createServer(async (request, response) => {
    const path = decodeURIComponent(new URL(request.url ?? '/', 'http://localhost').pathname);
    try {
      const plain = await content(path);
      const body = preludes[path] ? Buffer.concat([Buffer.from(preludes[path]), plain]) : plain;
      asked.push(path);
      response.writeHead(200, {
        'content-type': TYPES[extname(path)] ?? 'application/octet-stream',
        'content-length': body.length,
        'cache-control': 'no-store',
      });
      response.end(body);
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
    close() {
      server.closeAllConnections();
      return new Promise((done) => server.close(done));
    },
  };
}
