// @ts-check
/**
 * `node www/bundle.mjs DIST FOLDER`: merges the scripts in DIST that are always loaded together, so that a cold page asks for
 * fewer, with the rollup and esbuild in FOLDER's `node_modules`. `cargo xtask build` runs it.
 *
 * The worker is given the script of the builds for the CPU, the element its styles, and the documentation comes beside the page. Comments and indentation are
 * left out: they were a third of what is downloaded. Names stay, so that a browser's tools show code that can be read. Files keep their
 * names too; those that were merged into another are removed.
 */

import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join, relative, resolve, sep } from 'node:path';
import { pathToFileURL } from 'node:url';

import { documents } from './documents.mjs';

const [, , dist, packages] = process.argv;
if (!dist || !packages) throw new Error('use: node www/bundle.mjs DIST FOLDER');

/** @type {any} whose types are not installed with the page's tests */
const load = createRequire(pathToFileURL(resolve(packages, 'package.json')));
const { rollup } = load('rollup');
const { transform } = load('esbuild');
/** @typedef {{ name: string, facadeModuleId: string | null, fileName: string }} Chunk */

/** What is loaded by name. What these load later is found in them. */
const ENTRIES = ['app.js', 'element/define.js', 'element/lung-xray-classifier.js'];
/** What comes before the rest, knows where it lies, and holds what must be there once. */
const APART = ['element/start.js', 'element/download.js'];
/** The module that has the element's styles once it is built, and where they are written. */
const SHEET = 'element/parts/sheet.js';
const STYLES = 'element/parts/styles.css';
/** Both builds' script, of which the worker has one. */
const CPU = ['runtime/cpu/lung_web.js', 'runtime/cpu-relaxed/lung_web.js'];

const root = resolve(dist);
/** @param {string} id of a module */
const nameOf = (id) => relative(root, id).split(sep).join('/');

/** @param {Chunk} chunk */
function fileName({ name, facadeModuleId }) {
  if (facadeModuleId === null) throw new Error(`What ${name} shares would become a file of its own: let the element load it, as it does the others.`);
  return nameOf(facadeModuleId);
}

/** A script or a style sheet without comments and indentation, and otherwise as it was. @param {string} text @param {'js' | 'css'} loader @returns {Promise<string>} */
async function bare(text, loader) {
  const { code, warnings } = await transform(text, { loader, minifyWhitespace: true, charset: 'utf8', legalComments: 'none' });
  if (warnings.length > 0) throw new Error(warnings[0].text);
  return code.trim();
}

/** The module with the element's styles in it: no request, and no moment without them. */
async function sheet() {
  const css = await bare(await readFile(join(root, STYLES), 'utf8'), 'css');
  return `export const fill = (sheet) => sheet.replaceSync(\`${css.replace(/[\\`$]/g, '\\$&')}\`);`;
}

/** What was written. @type {Set<string>} */
const written = new Set();
/** What is in something that was. @type {Set<string>} */
const read = new Set();

/**
 * @param {string[]} entries
 * @param {object} [options] of the output
 */
async function merge(entries, options) {
  const bundle = await rollup({
    input: entries.map((name) => join(root, name)),
    external: APART.map((name) => join(root, name)),
    plugins: [{ name: 'sheet', transform: (/** @type {string} */ _code, /** @type {string} */ id) => (nameOf(id) === SHEET ? sheet() : null) }],
    // The element has what modules loaded later share with it; nobody else has to be fetched for that.
    preserveEntrySignatures: 'allow-extension',
    onLog(/** @type {string} */ _level, /** @type {{ message: string }} */ { message }) {
      throw new Error(message);
    },
  });
  const { output } = await bundle.write({
    dir: root,
    entryFileNames: fileName,
    chunkFileNames: fileName,
    hoistTransitiveImports: false,
    minifyInternalExports: false,
    ...options,
  });
  for (const { fileName } of /** @type {Chunk[]} */ (output)) written.add(fileName);
  for (const name of bundle.watchFiles.map(nameOf)) read.add(name);
}

const [script, same] = await Promise.all(CPU.map((name) => readFile(join(root, name))));
if (!script.equals(same)) throw new Error(`${CPU.join(' and ')} are no longer the same: the worker needs both`);
await merge(['worker.js'], { inlineDynamicImports: true });
await rm(join(root, CPU[1]));
await merge(ENTRIES);
await rm(join(root, STYLES));
// The worker and the page have some in common.
const merged = [...read].filter((name) => !written.has(name));
for (const name of merged) await rm(join(root, name));
console.log(`merged into what loads them: ${merged.join(', ')}`);
await documents(root);
for (const name of await readdir(root, { recursive: true })) {
  const loader = name.endsWith('.js') ? 'js' : name.endsWith('.css') ? 'css' : null;
  if (loader === null) continue;
  const file = join(root, name);
  await writeFile(file, `${await bare(await readFile(file, 'utf8'), loader)}\n`);
}
