// @ts-check
/** What the tests take from outside their folder: the built page, the native command, real images where there are any. */

import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const HERE = fileURLToPath(new URL('..', import.meta.url));

/** @param {string} variable @param {string} usual relative to tests/e2e */
const path = (variable, usual) => resolve(HERE, process.env[variable] ?? usual);

/** The page as built. */
export const DIST = path('LUNG_DIST', '../../dist');
const BIN = path('LUNG_BIN', '../../target/debug/lung');

/** The command that builds and serves the page. */
export const XTASK = path('LUNG_XTASK', '../../target/debug/xtask');
export const DATA = path('LUNG_DATA', '../../../shared/data');

/** The classes as the data set names its folders. */
export const CLASSES = /** @type {const} */ (['Normal', 'Lung_Opacity', 'Viral Pneumonia']);

/** Why the tests of the built page cannot run, or false. */
export const noPage =
  existsSync(join(DIST, 'runtime/cpu/lung_web_bg.wasm')) && existsSync(join(DIST, 'models/index.json'))
    ? false
    : `no built page with a model in ${DIST} (LUNG_DIST): run \`cargo xtask build\``;

/** Why the tests with generated radiographs cannot run, or false. */
export const noCommand = existsSync(BIN) ? false : `no native command at ${BIN} (LUNG_BIN): run \`cargo build -p lung-train\``;

/** The example apps, each in a folder with its packages. */
export const APPS = resolve(HERE, '../../docs/examples');

/** Why the tests of the example apps cannot run, or false. */
export const noApps = ['vite/node_modules/vite', 'next/node_modules/next'].every((path) => existsSync(join(APPS, path)))
  ? false
  : `no packages of the example apps: run \`npm ci\` in docs/examples/vite and docs/examples/next`;

/** Why the tests of the page as it is served cannot run, or false. */
export const noXtask = existsSync(XTASK) ? false : `no xtask at ${XTASK} (LUNG_XTASK): run \`cargo build -p xtask\``;

/** Why the tests with real radiographs cannot run, or false. */
export const noImages = existsSync(join(DATA, 'lung-xray-image/groups.csv')) ? false : `no lung-xray-image in ${DATA} (LUNG_DATA)`;

/** Why the tests with odd files cannot run, or false. */
export const noOddFiles = existsSync(join(DATA, 'odd')) ? false : `no odd in ${DATA} (LUNG_DATA)`;

/** @typedef {{ name: string, path: string }} Image a file and a name that no other file of the test has */

/**
 * Runs the native command.
 * @param {string[]} given
 * @returns {Promise<{ code: number, stdout: string, stderr: string }>}
 */
export function lung(given) {
  return new Promise((done, fail) => {
    execFile(BIN, given, { maxBuffer: 64 << 20 }, (error, stdout, stderr) => {
      if (error && typeof error.code !== 'number') fail(error);
      else done({ code: Number(error?.code ?? 0), stdout, stderr });
    });
  });
}

/**
 * Generated radiographs of each class in a temporary folder.
 * @param {number} perClass
 */
export async function phantoms(perClass) {
  const folder = await mkdtemp(join(tmpdir(), 'lung-phantoms-'));
  const { code, stderr } = await lung(['phantom', '--out', folder, '--per-class', String(perClass), '--seed', '1']);
  if (code !== 0) throw new Error(`lung phantom: ${stderr}`);
  const images = (await filesIn(folder)).filter(({ path }) => /\.(png|jpe?g)$/.test(path));
  return { images, remove: () => rm(folder, { recursive: true }) };
}

/**
 * Real radiographs of the fold that no training saw, spread evenly over each class.
 * @param {number} perClass
 * @returns {Promise<Image[]>}
 */
export async function realImages(perClass) {
  const root = join(DATA, 'lung-xray-image');
  const [header, ...rows] = (await readFile(join(root, 'groups.csv'), 'utf8'))
    .trim()
    .split(/\r?\n/)
    .map((line) => line.split(','));
  const [file, label, fold] = ['file', 'label', 'fold'].map((name) => header.indexOf(name));
  return CLASSES.flatMap((finding) => {
    const own = rows
      .filter((row) => row[fold] === '0' && row[label] === finding)
      .map((row) => row[file])
      .sort();
    return Array.from({ length: perClass }, (_, k) => own[Math.floor((k * own.length) / perClass)]).map((name) => ({
      name,
      path: join(root, name),
    }));
  });
}

/** The composites that ship, in the order of their list. @returns {Promise<Array<Image & { finding: string, origin: string, images: number }>>} */
export async function samples() {
  const folder = resolve(HERE, '../../www/samples');
  const { samples } = JSON.parse(await readFile(join(folder, 'index.json'), 'utf8'));
  return samples.map((/** @type {any} */ sample) => ({ ...sample, name: sample.file, path: join(folder, sample.file) }));
}

/** Every file of the folder of odd ones. */
export const oddFiles = () => filesIn(join(DATA, 'odd'));

/** @param {string} folder @returns {Promise<Image[]>} */
export async function filesIn(folder) {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
    .map((path) => ({ path, name: path.slice(folder.length + 1) }));
}

/** For a picker: the bytes under the name of the test, not of the file. @param {Image[]} images */
export function payloads(images) {
  return Promise.all(
    images.map(async ({ name, path }) => ({
      name,
      mimeType: 'application/octet-stream',
      buffer: await readFile(path),
    })),
  );
}

/** The bundle that the built page uses. */
export async function currentBundle() {
  const { current } = JSON.parse(await readFile(join(DIST, 'models/index.json'), 'utf8'));
  return join(DIST, 'models', current);
}
