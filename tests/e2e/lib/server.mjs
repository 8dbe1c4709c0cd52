// @ts-check
/**
 * A static server on a loopback port with routes to put in the way: what a test wants served wrongly, slowly or not at all.
 */

import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join, normalize, sep } from 'node:path';

/** @type {Record<string, string>} */
const TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.mjs': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json',
  '.wasm': 'application/wasm',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.webmanifest': 'application/manifest+json',
  '.safetensors': 'application/octet-stream',
};

/** @typedef {(request: import('node:http').IncomingMessage, response: import('node:http').ServerResponse) => unknown} Route */

/**
 * @param {string} root folder to serve
 * @param {Record<string, Route>} [routes] by path, each before the folder
 * @param {{ headers?: Record<string, string>, port?: number }} [options] headers of every answer; the port, where it must be that of
 *   a server that has been closed
 */
export async function serve(root, routes = {}, { headers = {}, port: wanted = 0 } = {}) {
  /** Every path asked for, in order. @type {string[]} */
  const asked = [];
  const server = createServer(async (request, response) => {
    const path = decodeURIComponent(new URL(request.url ?? '/', 'http://localhost').pathname);
    asked.push(path);
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    try {
      if (routes[path]) return await routes[path](request, response);
      // Browsers ask for it of their own accord, and complain to the page's console where it is missing.
      if (path === '/favicon.ico') return void response.writeHead(204).end();
      const file = normalize(join(root, path.endsWith('/') ? `${path}index.html` : path));
      if (!file.startsWith(normalize(root) + sep)) return void response.writeHead(403).end();
      const found = await stat(file).catch(() => null);
      if (!found?.isFile()) return void response.writeHead(404).end('not found');
      response.writeHead(200, {
        'content-type': TYPES[extname(file)] ?? 'application/octet-stream',
        'content-length': found.size,
        'cache-control': 'no-cache',
      });
      createReadStream(file).pipe(response);
    } catch (error) {
      response.destroy(/** @type {Error} */ (error));
    }
  });
  await new Promise((resolve) => server.listen(wanted, '127.0.0.1', () => resolve(undefined)));
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  return {
    url: `http://127.0.0.1:${port}/`,
    port,
    asked,
    routes,
    /** Serves another folder from now on. @param {string} folder */
    deploy(folder) {
      root = folder;
    },
    close() {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    },
  };
}

/** A route that answers with these bytes. @param {string | Uint8Array} body @param {string} [type] @returns {Route} */
export function bytes(body, type = 'application/octet-stream') {
  return (_request, response) => {
    const buffer = Buffer.from(body);
    response.writeHead(200, { 'content-type': type, 'content-length': buffer.length }).end(buffer);
  };
}

/** A route that answers with a document under a content security policy. @param {string} policy @param {string} html @returns {Route} */
export function underPolicy(policy, html) {
  return (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/html; charset=utf-8', 'content-security-policy': policy }).end(html);
  };
}

/** Any other site: what every other server may be asked for by a page of it. */
export const ANY_ORIGIN = { 'access-control-allow-origin': '*' };

/** A route that answers with nothing but a status. @param {number} code @returns {Route} */
export function status(code) {
  return (_request, response) => void response.writeHead(code).end();
}

/**
 * A route that sends these bytes in pieces, waiting between them.
 * @param {Uint8Array} body @param {number} pieces @param {number} wait milliseconds
 * @param {string} [type]
 * @returns {Route}
 */
export function slowly(body, pieces, wait, type = 'application/octet-stream') {
  return async (_request, response) => {
    response.writeHead(200, { 'content-type': type, 'content-length': body.length });
    const step = Math.ceil(body.length / pieces);
    for (let at = 0; at < body.length; at += step) {
      response.write(body.subarray(at, at + step));
      await new Promise((resolve) => setTimeout(resolve, wait));
    }
    response.end();
  };
}
