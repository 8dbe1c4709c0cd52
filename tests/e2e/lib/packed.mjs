// @ts-check
/** The npm package of the element as a registry would hand it out: packed and unpacked, so that what is not packed is missing. */

import { execFile } from 'node:child_process';
import { cp, mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { assemble } from '../../../www/package/assemble.mjs';
import { DIST } from './project.mjs';

const run = promisify(execFile);

/**
 * Packs the element of the built page in a scratch folder.
 * @param {string} scratch
 * @returns {Promise<{ tarball: string, folder: string }>} the package, and where it is unpacked
 */
export async function packed(scratch) {
  const assembled = join(scratch, 'assembled');
  await assemble(DIST, assembled);
  await run('npm', ['pack', '--pack-destination', scratch], { cwd: assembled });
  const { version } = JSON.parse(await readFile(join(assembled, 'package.json'), 'utf8'));
  const tarball = join(scratch, `mobilenet-lung-element-${version}.tgz`);
  await run('tar', ['-xzf', tarball, '-C', scratch]);
  return { tarball, folder: join(scratch, 'package') };
}

/**
 * Puts the package where a project of this folder finds it; npm would do no more, because it depends on nothing.
 * @param {string} folder of the package @param {string} project
 */
export async function install(folder, project) {
  const scope = join(project, 'node_modules/@mobilenet-lung');
  await mkdir(scope, { recursive: true });
  const installed = join(scope, 'element');
  await rm(installed, { recursive: true, force: true });
  await cp(folder, installed, { recursive: true });
  return installed;
}
