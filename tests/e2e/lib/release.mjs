// @ts-check
/** Builds to be deployed: copies of the built page with something changed, listed as `cargo xtask build` lists them. */

import { createHash } from 'node:crypto';
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, sep } from 'node:path';

/** @param {string | Uint8Array} bytes */
const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');

/**
 * What `release.json` has to say of a folder.
 * @param {string} folder
 */
export async function listOf(folder) {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries
    .filter((entry) => entry.isFile())
    .map((entry) =>
      join(entry.parentPath, entry.name)
        .slice(folder.length + 1)
        .split(sep)
        .join('/'),
    )
    .filter((path) => path !== 'release.json' && path !== 'service-worker.js')
    .sort();
  const files = await Promise.all(
    paths.map(async (path) => {
      const bytes = await readFile(join(folder, path));
      return { path, bytes: bytes.length, sha256: sha256(bytes) };
    }),
  );
  return { id: sha256(files.map(({ path, sha256 }) => `${sha256}  ${path}\n`).join('')), files };
}

/**
 * A copy of a page with other contents in some files, as a release of its own.
 * @param {string} from
 * @param {Record<string, (text: string) => string>} [changes] by path
 */
export async function release(from, changes = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'lung-release-'));
  await cp(from, folder, { recursive: true });
  for (const [path, change] of Object.entries(changes)) {
    const file = join(folder, path);
    await writeFile(file, change(await readFile(file, 'utf8')));
  }
  const list = await listOf(folder);
  await writeFile(join(folder, 'release.json'), JSON.stringify(list));
  const script = join(folder, 'service-worker.js');
  // In a page that xtask has built, an id has taken the placeholder's place.
  const text = await readFile(script, 'utf8');
  await writeFile(script, text.replace(/(?<=const RELEASE = ')[^']*/, list.id));
  return { folder, id: list.id, files: list.files, remove: () => rm(folder, { recursive: true }) };
}
