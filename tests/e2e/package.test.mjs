// @ts-check
/**
 * The npm package of the element: what is in it, that its types compile for others, and the examples of docs/examples, made
 * with a bundler from the package where they need one, in a browser.
 */

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';

import { build } from 'esbuild';
import { compileScript, parse } from 'vue/compiler-sfc';

import { addresses, documented, nameOf } from '../../www/package/assemble.mjs';
import { BROWSERS } from './lib/any-browser.mjs';
import { install, packed } from './lib/packed.mjs';
import { picture } from './lib/pictures.mjs';
import { noPage } from './lib/project.mjs';
import { bytes, serve, underPolicy } from './lib/server.mjs';

const HERE = fileURLToPath(new URL('.', import.meta.url));
const EXAMPLES = fileURLToPath(new URL('../../docs/examples', import.meta.url));
const POLICY =
  "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self' blob:; connect-src 'self'; style-src 'self'; img-src 'self' blob: data:; form-action 'self'";

const run = promisify(execFile);

test('the package names the address of the sources that Cargo.toml sets, and no other', async () => {
  const cargo = (/** @type {string} */ line) => `[workspace]\n\n[workspace.package]\nversion = "0.1.0"\n${line}\n\n[profile.dev]\nrepository = "no"\n`;
  assert.deepEqual(addresses(cargo('# repository = "https://..."')), {});
  assert.deepEqual(addresses(cargo('repository = "https://example.org/a/b"')), {
    homepage: 'https://example.org/a/b',
    repository: { type: 'git', url: 'git+https://example.org/a/b.git' },
    bugs: 'https://example.org/a/b/issues',
  });
});

describe('the package', { skip: noPage }, () => {
  /** A project that has installed the package. @type {string} */
  let project;
  /** @type {string} */
  let installed;
  /** @type {string} */
  let tarball;

  before(async () => {
    project = await mkdtemp(join(tmpdir(), 'lung-package-'));
    const { tarball: file, folder } = await packed(project);
    tarball = file;
    installed = await install(folder, project);
    for (const name of ['react', 'react-dom', 'scheduler', 'vue', '@vue']) await symlink(join(HERE, 'node_modules', name), join(project, 'node_modules', name));
    for (const example of /** @type {const} */ (['react.jsx', 'vue.vue'])) bundled.set(example, await bundle(example));
  });
  after(() => rm(project, { recursive: true }));

  /** What the bundler has made of the examples that need one. @type {Map<string, string>} */
  const bundled = new Map();

  test('what its package.json and its manifest name is in it', async () => {
    const about = JSON.parse(await readFile(join(installed, 'package.json'), 'utf8'));
    const named = Object.values(about.exports)
      .flatMap((entry) => (typeof entry === 'string' ? entry : Object.values(entry)))
      .filter((path) => !path.includes('*'));
    for (const path of [...named, about.types, 'README.md', 'LICENSE-MIT', 'LICENSE-APACHE', 'THIRD-PARTY.txt']) await readFile(join(installed, path));
    // npm takes a package with a scope for a private one, and refuses it.
    assert.equal(about.publishConfig.access, 'public');
    const manifest = JSON.parse(await readFile(join(installed, about.customElements), 'utf8'));
    for (const { path } of manifest.modules) await readFile(join(installed, path));
    const [declared] = manifest.modules[0].declarations;
    const tables = await documented();
    assert.deepEqual(
      declared.attributes.map((/** @type {any} */ { name }) => name),
      tables.Attributes.map(nameOf),
    );
    assert.deepEqual([declared.cssParts.length, declared.events.length], [tables.Parts.length, tables.Events.length]);
    assert.equal(declared.tagName, 'lung-xray-classifier');
    const index = JSON.parse(await readFile(join(installed, 'models/index.json'), 'utf8'));
    await readFile(join(installed, 'models', index.current));
  });

  test('in Node, without a document, it can be imported and nothing runs', async () => {
    const script = `import { LungError, LungXrayClassifier } from '@mobilenet-lung/element';
      import '@mobilenet-lung/element/define';
      import '@mobilenet-lung/element/start';
      LungXrayClassifier.assets = '/lung/';
      console.log(LungXrayClassifier.assets, new LungError({ code: 'a', message: 'b', advice: 'c' }).code);`;
    const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', script], { cwd: project });
    assert.equal(stdout, '/lung/ a\n');
  });

  test('publint and attw find nothing: every entry has types for bundlers and for Node', async () => {
    const bin = join(HERE, 'node_modules/.bin');
    for (const [tool, ...options] of [
      ['publint', '--strict', tarball],
      ['attw', '--profile', 'esm-only', tarball],
    ])
      await run(join(bin, tool), options, { cwd: project }).catch(({ stdout }) => assert.fail(`${tool}: ${stdout}`));
  });

  test('its types compile in a strict project: events, tag name, class', async () => {
    await writeFile(
      join(project, 'use.mts'),
      `import { LungXrayClassifier, type Report } from '@mobilenet-lung/element';
       import '@mobilenet-lung/element/define';
       const element = document.createElement('lung-xray-classifier');
       element.addEventListener('lung-result', ({ detail }) => show(detail.name, detail.report));
       element.addEventListener('lung-error', ({ detail }) => detail.advice.trim());
       element.addEventListener('click', (event) => event.type);
       LungXrayClassifier.assets = '/lung/';
       void element.classify(new ImageData(8, 8)).then((report) => report.in_distribution?.accepted);
       function show(name: string, { finding }: Report) { element.title = name + finding; }
       // @ts-expect-error
       element.addEventListener('lung-result', ({ detail }) => detail.code);
       // @ts-expect-error
       void element.classify('chest.png');`,
    );
    const tsc = join(HERE, 'node_modules/.bin/tsc');
    const options = '--noEmit --strict --target es2022 --lib es2022,dom,dom.iterable'.split(' ');
    for (const resolution of [
      ['--module', 'node16'],
      ['--module', 'nodenext'],
      ['--module', 'esnext', '--moduleResolution', 'bundler'],
    ])
      await run(tsc, [...options, ...resolution, 'use.mts'], { cwd: project }).catch((error) => assert.fail(error.stdout));
  });

  /** @param {'react.jsx' | 'vue.vue'} example */
  async function bundle(example) {
    const source = join(project, example);
    await cp(join(EXAMPLES, example), source);
    const entry =
      example === 'vue.vue' ? "import { createApp } from 'vue'; import Reading from './vue.vue'; createApp(Reading).mount('#app');" : "import './react.jsx';";
    const { outputFiles } = await build({
      stdin: { contents: entry, resolveDir: project },
      bundle: true,
      write: false,
      format: 'esm',
      jsx: 'automatic',
      define: {
        'process.env.NODE_ENV': '"production"',
        __VUE_OPTIONS_API__: 'false',
        __VUE_PROD_DEVTOOLS__: 'false',
        __VUE_PROD_HYDRATION_MISMATCH_DETAILS__: 'false',
      },
      plugins: [singleFileComponents],
    });
    return outputFiles[0].text;
  }

  for (const { name, missing, begin } of BROWSERS) {
    describe(`the examples in ${name}`, { skip: missing }, () => {
      /** @type {import('./lib/any-browser.mjs').AnyBrowser} */
      let browser;
      /** @type {Awaited<ReturnType<typeof serve>>} */
      let site;
      /** What the form example has sent. @type {URLSearchParams[]} */
      const questions = [];
      before(async () => {
        browser = await begin();
        await mkdir(join(project, 'site'), { recursive: true });
        // Not the apps, which are in folders.
        for (const entry of await readdir(EXAMPLES, { withFileTypes: true }))
          if (entry.isFile()) await cp(join(EXAMPLES, entry.name), join(project, 'site', entry.name));
        await cp(installed, join(project, 'site/lung'), { recursive: true });
        await writeFile(join(project, 'chest.png'), picture('').buffer);
        site = await serve(join(project, 'site'), {
          '/questions': async (request, response) => {
            let body = '';
            for await (const some of request) body += some;
            questions.push(new URLSearchParams(body));
            response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><title>sent</title>');
          },
        });
        for (const page of ['plain', 'form']) site.routes[`/${page}.html`] = underPolicy(POLICY, await readFile(join(EXAMPLES, `${page}.html`), 'utf8'));
        for (const [example, script] of bundled) {
          site.routes[`/${example}.js`] = bytes(script, 'text/javascript');
          site.routes[`/${example}.html`] = underPolicy(
            POLICY,
            `<!doctype html><html lang="en"><title>${example}</title><link rel="icon" href="data:,"><div id="app"></div><script type="module" src="/${example}.js"></script>`,
          );
        }
      });
      after(async () => {
        await browser?.close();
        await site?.close();
      });

      for (const example of ['plain', 'form', 'react.jsx', 'vue.vue']) {
        test(`${example}: gets a lung-result and shows it`, async () => {
          const page = await browser.open(`${site.url}${example}.html`);
          try {
            await page
              .until(() => Boolean(document.querySelector('lung-xray-classifier')?.shadowRoot))
              .catch((error) => assert.fail(`${error.message} ${page.complaints}`));
            const said = () => page.evaluate(() => document.querySelector('[role=status]')?.textContent ?? '');
            assert.match(await said(), /^Nothing yet|no report yet/);
            await page.evaluate(() => {
              const seen = /** @type {any} */ (globalThis);
              document.addEventListener('lung-result', (event) => (seen.report = /** @type {CustomEvent} */ (event).detail.report));
              document.addEventListener('lung-error', (event) => (seen.report = /** @type {CustomEvent} */ (event).detail));
            });
            await page.choose([join(project, 'chest.png')]);
            const report = await page.until(() => /** @type {any} */ (globalThis).report, undefined, 60_000);
            assert.ok(report.finding, JSON.stringify(report));
            await page.until(() => !/^Nothing yet|no report yet/.test(document.querySelector('[role=status]')?.textContent ?? ''));
            const unlike = /does not look like a frontal chest X-ray/;
            const expected = report.in_distribution.accepted === false ? unlike : example === 'form' ? /attached/ : new RegExp(report.finding);
            assert.match(await said(), expected);
            if (example === 'form') await sends(page, report);
            assert.deepEqual(page.complaints, []);
          } finally {
            await page.close();
          }
        });
      }

      /** @param {import('./lib/any-browser.mjs').AnyPage} page @param {any} report */
      async function sends(page, report) {
        const before = questions.length;
        await page.evaluate(() => {
          const form = /** @type {HTMLFormElement} */ (document.querySelector('form'));
          /** @type {any} */ (form.elements.namedItem('question')).value = 'What do you see?';
          /** @type {any} */ (form.elements.namedItem('read')).checked = true;
          // The page keeps the button from being used for what is no chest X-ray, as a generated picture is none.
          /** @type {any} */ (form.querySelector('button')).disabled = false;
          form.requestSubmit();
        });
        while (questions.length === before) await new Promise((resolve) => setTimeout(resolve, 50));
        const sent = /** @type {URLSearchParams} */ (questions.at(-1));
        assert.equal(sent.get('question'), 'What do you see?');
        assert.deepEqual(JSON.parse(sent.get('report') ?? ''), report);
        assert.ok(![...sent.values()].some((value) => value.includes('chest.png')));
      }
    });
  }

  test('the class can be imported without anything being registered or loaded', async () => {
    const { outputFiles } = await build({
      stdin: { contents: "import { LungXrayClassifier } from '@mobilenet-lung/element'; globalThis.imported = LungXrayClassifier;", resolveDir: project },
      bundle: true,
      write: false,
      format: 'esm',
    });
    const site = await serve(project, {
      '/only.js': bytes(outputFiles[0].text, 'text/javascript'),
      '/only.html': underPolicy(
        POLICY,
        '<!doctype html><link rel="icon" href="data:,"><script type="module" src="/only.js"></script><lung-xray-classifier></lung-xray-classifier>',
      ),
    });
    const browser = await BROWSERS[0].begin();
    try {
      const page = await browser.open(`${site.url}only.html`);
      await page.until(() => Boolean(/** @type {any} */ (globalThis).imported));
      assert.equal(await page.evaluate(() => customElements.get('lung-xray-classifier') === undefined), true);
      assert.deepEqual(site.asked, ['/only.html', '/only.js']);
    } finally {
      await browser.close();
      await site.close();
    }
  });
});

/** Vue's compiler, as its plugins of bundlers call it. @type {import('esbuild').Plugin} */
const singleFileComponents = {
  name: 'vue',
  setup(build) {
    build.onLoad({ filter: /\.vue$/ }, async ({ path }) => {
      const isCustomElement = (/** @type {string} */ tag) => tag === 'lung-xray-classifier';
      const { descriptor } = parse(await readFile(path, 'utf8'), { filename: path, templateParseOptions: { isCustomElement } });
      const { content } = compileScript(descriptor, { id: 'example', inlineTemplate: true });
      return { contents: content, loader: 'js' };
    });
  },
};
