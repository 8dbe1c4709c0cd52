// @ts-check
/** The real page, element, pool and worker of `www`, with the stand-in of `mock/` in the place of the WebAssembly. */

import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { bytes, serve, slowly } from './server.mjs';

const WWW = fileURLToPath(new URL('../../../www', import.meta.url));

/** The smallest WebAssembly module, padded by a custom section to the size of something worth a progress bar. */
function module() {
  const size = 1_500_000;
  const name = Buffer.from('\x03pad', 'latin1');
  const padding = Buffer.alloc(size, 0x5a);
  const length = [];
  for (let rest = name.length + size; rest > 0; rest >>>= 7) length.push((rest & 0x7f) | (rest > 0x7f ? 0x80 : 0));
  return Buffer.concat([Buffer.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 0, ...length]), name, padding]);
}

/** Stands in for the generated `lung_readers.js`. */
const READERS = `
  export const answer = () => [];
  export default async ({ module_or_path }) => {
    const response = await module_or_path;
    if (!response.ok) throw new Error(response.statusText);
  };
`;

/**
 * @param {{ pieces?: number, wait?: number, took?: number, file?: string, routes?: Record<string, import('./server.mjs').Route>, headers?: Record<string, string> }} [options]
 *   in how many pieces the bundle comes and how long between them; how long an image takes
 */
export async function serveMock({ pieces = 1, wait = 0, took = 150, file = 'mobilenet-lung-0123456789ab.safetensors', routes = {}, headers = {} } = {}) {
  const bundle = Buffer.alloc(4_600_000, 1);
  const script = (await readFile(new URL('../mock/lung_web.js', import.meta.url), 'utf8')).replace('TOOK = 150', `TOOK = ${took}`);
  const builds = ['webgpu', 'cpu', 'cpu-relaxed'].flatMap((build) => [
    [`/runtime/${build}/lung_web.js`, bytes(script, 'text/javascript')],
    [`/runtime/${build}/lung_web_bg.wasm`, bytes(module(), 'application/wasm')],
  ]);
  return serve(
    WWW,
    {
      ...Object.fromEntries(builds),
      '/runtime/readers/lung_readers.js': bytes(READERS, 'text/javascript'),
      '/runtime/readers/lung_readers_bg.wasm': bytes(module(), 'application/wasm'),
      '/models/index.json': bytes(JSON.stringify({ current: file, models: [{ file, bytes: bundle.length, sha256: '00' }] }), 'application/json'),
      [`/models/${file}`]: slowly(bundle, pieces, wait),
      ...routes,
    },
    { headers },
  );
}

/** The same page as a folder, with a small bundle: something to make releases of. */
export async function mockFolder() {
  const folder = await mkdtemp(join(tmpdir(), 'lung-mock-'));
  await cp(WWW, folder, { recursive: true, filter: (path) => !path.endsWith('.safetensors') });
  const script = await readFile(new URL('../mock/lung_web.js', import.meta.url));
  for (const build of ['webgpu', 'cpu', 'cpu-relaxed']) {
    await mkdir(join(folder, 'runtime', build), { recursive: true });
    await writeFile(join(folder, 'runtime', build, 'lung_web.js'), script);
    await writeFile(join(folder, 'runtime', build, 'lung_web_bg.wasm'), module());
  }
  await writeFile(join(folder, 'THIRD-PARTY.txt'), 'Software of others\n');
  await writeFile(join(folder, 'source.tar.gz'), 'in the place of the source');
  const file = 'mobilenet-lung-0123456789ab.safetensors';
  await writeFile(join(folder, 'models', file), Buffer.alloc(100_000, 1));
  await writeFile(join(folder, 'models/index.json'), JSON.stringify({ current: file, models: [{ file, bytes: 100_000, sha256: '00' }] }));
  return { folder, remove: () => rm(folder, { recursive: true }) };
}
