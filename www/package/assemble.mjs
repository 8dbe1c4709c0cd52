// @ts-check
/**
 * `node www/package/assemble.mjs DIST OUT`: the npm package of the element in the folder OUT, from the page as built in DIST.
 * `cargo xtask package` runs it, and npm after it.
 */

import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** What the page as built has of the element, the figures that it links to, and the licences: ours, and those of what is compiled into it. */
const BUILT = ['element', 'worker.js', 'runtime', 'models', 'samples', 'docs', 'LICENSE-MIT', 'LICENSE-APACHE', 'THIRD-PARTY.txt'];
/** What lies beside this script, and does so in the package: the class by itself, what Node gets of it, and types. */
const OWN = ['index.js', 'server.js', 'index.d.ts', 'define.d.ts', 'start.d.ts', 'worker.d.ts'].map((name) => `package/${name}`);

/** @param {string} dist @param {string} out replaced if it is there */
export async function assemble(dist, out) {
  await rm(out, { recursive: true, force: true });
  await mkdir(out, { recursive: true });
  for (const name of BUILT) await cp(join(dist, name), join(out, name), { recursive: true });
  for (const name of OWN) await cp(join(ROOT, 'www', name), join(out, name));
  await cp(join(ROOT, 'www/package/README.md'), join(out, 'README.md'));
  const about = JSON.parse(await readFile(join(ROOT, 'www/package/package.json'), 'utf8'));
  const cargo = await readFile(join(ROOT, 'Cargo.toml'), 'utf8');
  const version = ofWorkspace(cargo, 'version');
  if (!version) throw new Error('Cargo.toml has no version of the workspace');
  const files = [...BUILT, ...OWN, 'custom-elements.json'];
  await writeJson(join(out, 'package.json'), { name: about.name, version, ...about, ...addresses(cargo), files });
  await writeJson(join(out, 'custom-elements.json'), manifest(await documented()));
}

/** What `Cargo.toml` gives to all crates under this key. @param {string} cargo @param {string} key */
function ofWorkspace(cargo, key) {
  const [, table = ''] = /\n\[workspace\.package\]\n([^[]*)/.exec(cargo) ?? [];
  return new RegExp(`^${key} = "([^"]+)"`, 'm').exec(table)?.[1];
}

/** What a package.json says of where the sources are: nothing while `Cargo.toml` names no address. @param {string} cargo */
export function addresses(cargo) {
  const address = ofWorkspace(cargo, 'repository');
  return address ? { homepage: address, repository: { type: 'git', url: `git+${address}.git` }, bugs: `${address}/issues` } : {};
}

/** The tables of docs/reference/element.md, by the headings above them: the cells of each row. @returns {Promise<Record<string, string[][]>>} */
export async function documented() {
  const text = await readFile(join(ROOT, 'docs/reference/element.md'), 'utf8');
  const sections = text.split(/^## /m).slice(1);
  return Object.fromEntries(
    sections.map((section) => {
      const [heading, ...lines] = section.split('\n');
      const rows = lines
        .filter((line) => line.startsWith('|'))
        .slice(2)
        .map((line) =>
          line
            .slice(1, -1)
            .split('|')
            .map((cell) => cell.trim()),
        );
      return [heading, rows];
    }),
  );
}

/** What a documented row is called: `` `src` `` -> `src`. @param {string[]} row */
export const nameOf = ([first]) => first.replaceAll('`', '');

/**
 * The manifest that editors and catalogues read: https://custom-elements-manifest.open-wc.org.
 * @param {Record<string, string[][]>} tables
 */
function manifest(tables) {
  const described = (/** @type {string} */ heading) => tables[heading].map((row) => ({ name: nameOf(row), description: row[row.length - 1] }));
  const path = 'element/lung-xray-classifier.js';
  const name = 'LungXrayClassifier';
  const text = (/** @type {string} */ cell) => ({ text: cell.replaceAll('`', '') });
  return {
    schemaVersion: '1.0.0',
    modules: [
      {
        kind: 'javascript-module',
        path,
        declarations: [
          {
            kind: 'class',
            name,
            customElement: true,
            tagName: 'lung-xray-classifier',
            superclass: { name: 'HTMLElement' },
            attributes: tables.Attributes.map((row) => ({
              name: nameOf(row),
              type: text(row[1].replaceAll(', ', ' | ')),
              default: row[2].replaceAll('`', ''),
              description: row[3],
            })),
            members: [
              ...tables.Properties.map((row) => ({
                kind: 'field',
                name: nameOf(row).replace(`${name}.`, ''),
                static: nameOf(row).startsWith(`${name}.`),
                type: text(row[1]),
                description: row[2],
              })),
              ...tables.Methods.map((row) => ({
                kind: 'method',
                name: nameOf(row).replace(/\(.*/, ''),
                return: { type: text(row[1]) },
                description: row[2],
              })),
            ],
            events: tables.Events.map((row) => ({
              name: nameOf(row),
              type: text('CustomEvent'),
              description: `${row[2]}: ${row[1]}`,
            })),
            slots: described('Slots'),
            cssParts: described('Parts'),
            cssProperties: described('Custom properties'),
          },
        ],
        exports: [{ kind: 'js', name, declaration: { name, module: path } }],
      },
      {
        kind: 'javascript-module',
        path: 'element/define.js',
        exports: [{ kind: 'custom-element-definition', name: 'lung-xray-classifier', declaration: { name, module: path } }],
      },
    ],
  };
}

/** @param {string} file @param {unknown} value */
const writeJson = (file, value) => writeFile(file, `${JSON.stringify(value, null, 2)}\n`);

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [dist, out] = process.argv.slice(2);
  if (!dist || !out) throw new Error('node www/package/assemble.mjs DIST OUT');
  await assemble(dist, out);
}
