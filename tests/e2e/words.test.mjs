// @ts-check
/**
 * Every language: its file is complete and translated, whatever can go wrong has words in it, and the page speaks it, all of
 * it, in the direction it is written in.
 */

import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { before, describe, test } from 'node:test';

import english from '../../www/element/words/en.js';
import elsewhere from '../../www/element/words/en-elsewhere.js';
import { languageFor, LANGUAGES, Words } from '../../www/element/words/words.js';
import { forEverybody, isAccessible } from './lib/accessible.mjs';
import { events, open, ready } from './lib/browser.mjs';
import { mockPages } from './lib/mock-page.mjs';
import { serveMock } from './lib/mock-site.mjs';
import { picture } from './lib/pictures.mjs';
import { bytes, status } from './lib/server.mjs';

/** @import { Texts } from '../../www/element/words/words.js' */

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** What a translator translates. @type {Texts} */
const SOURCE = { ...english, ...elsewhere };

const TRANSLATED = Object.keys(LANGUAGES).filter((lang) => lang !== 'en');

/**
 * What may be the same as in English: names, numbers with their units, texts of nothing but placeholders, and words that two
 * languages share.
 * @type {Record<string, RegExp>}
 */
const SAME = {
  es: /^(finding|within)\.Normal$|^(bodyPart\.(PELVIS|ABDOMEN)|view\.(FRONTAL|LATERAL))$/,
  fr: /^(finding|within)\.Normal$|^facts\.image$|^facts\.pixels$|^window\.centre$|^patient\.label$|^(bodyPart\.ABDOMEN|view\.OBLIQUE|page\.documentation)$/,
  zh: /^$/,
  hi: /^$/,
  ar: /^$/,
};

/** Names, and texts that are all placeholders, signs and units. @param {string} text */
const nothingToTranslate = (text) => !/\p{L}/u.test(text.replace(/\{\w+\}|WebGPU|\b(k?B|MB|ms|s|bits?)\b/gu, ''));

/** @param {string | import('../../www/element/words/words.js').Forms} text */
const forms = (text) => (typeof text === 'string' ? { other: text } : text);

/** @param {string} text */
const placeholders = (text) => [...new Set([...text.matchAll(/\{(\w+)\}/g)].map(([, name]) => name))].sort();

for (const lang of TRANSLATED) {
  describe(LANGUAGES[lang].name, () => {
    /** @type {Texts} */
    let texts;
    before(async () => {
      texts = (await LANGUAGES[lang].load()).default;
    });

    test('has exactly the keys of English', () => assert.deepEqual(Object.keys(texts).sort(), Object.keys(SOURCE).sort()));

    test('has the same placeholders in each text', () => {
      for (const [key, text] of Object.entries(texts)) {
        const { other, ...rest } = forms(text);
        const wanted = placeholders(forms(SOURCE[key]).other ?? '');
        assert.deepEqual(placeholders(other ?? ''), wanted, key);
        // "One image" needs no number, but nothing that English does not know.
        for (const form of Object.values(rest)) for (const name of placeholders(form)) assert.ok(wanted.includes(name), `${key}: ${name}`);
      }
    });

    test('has a form for every number, where numbers decide', () => {
      const rules = new Intl.PluralRules(LANGUAGES[lang].locale ?? lang);
      for (const [key, text] of Object.entries(SOURCE)) {
        if (typeof text === 'string') {
          assert.equal(typeof texts[key], 'string', key);
          continue;
        }
        const own = forms(texts[key]);
        const needed = new Set(Array.from({ length: 1000 }, (_, count) => rules.select(count)));
        assert.deepEqual(Object.keys(own).sort(), [...needed].sort(), key);
      }
    });

    test('leaves nothing empty or in English', () => {
      for (const [key, text] of Object.entries(texts))
        for (const [form, words] of Object.entries(forms(text))) {
          assert.ok(words.trim() !== '' || key === 'facts.comma', `${key} is empty`);
          const source = /** @type {Record<string, string>} */ (forms(SOURCE[key]))[form];
          assert.ok(words !== source || SAME[lang].test(key) || nothingToTranslate(words), `${key} is English: ${words}`);
        }
    });

    test('says whether a medical translator has reviewed it', async () => {
      const file = await readFile(`${ROOT}/www/element/words/${lang}.js`, 'utf8');
      assert.match(file.slice(0, 300), /reviewed by/);
    });
  });
}

test('what is filled in after a Latin name is not drawn to the wrong side of it, in a language that is written from right to left', async () => {
  /** What has no direction of its own between Latin letters and what is filled in, other than a mark or a bracket that closes. */
  const joined = /[A-Za-z][^\p{L})\u200f\u2066-\u2069]*\{/u;
  for (const { dir, load } of Object.values(LANGUAGES))
    if (dir === 'rtl')
      for (const [key, text] of Object.entries((await load()).default))
        for (const words of Object.values(forms(text))) assert.doesNotMatch(words.replace(/\{\w+\}/g, '{'), joined, key);
});

test('no text and no sentence of the model says that a finding is ruled out, in any language', async () => {
  /** @type {Record<string, RegExp>} */
  const RULED_OUT = {
    en: /\brul(e|es|ed|ing)\b[^.]*\bout\b|exclud/i,
    es: /descart|exclu/i,
    fr: /écart|exclu/i,
    zh: /排除/,
    hi: /ख़ारिज|खारिज|नकार(ता|ती|ते|ना)/,
    ar: /ستبع/,
  };
  const { current } = JSON.parse(await readFile(`${ROOT}/www/models/index.json`, 'utf8'));
  const bundle = await readFile(`${ROOT}/www/models/${current}`);
  const header = JSON.parse(bundle.subarray(8, 8 + Number(bundle.readBigUInt64LE(0))).toString());
  const { set_sentences: sentences = [] } = JSON.parse(header.__metadata__.bundle);
  for (const [lang, ruledOut] of Object.entries(RULED_OUT)) {
    const { default: texts } = await LANGUAGES[lang].load();
    const told = sentences.map((/** @type {any} */ { sentence, translations }) => (lang === 'en' ? sentence : (translations?.[lang] ?? '')));
    for (const text of [...Object.values(texts).flatMap((text) => Object.values(forms(text))), ...told]) assert.doesNotMatch(text, ruledOut, lang);
  }
});

test('every code of a fault, a caution or a fallback that the sources can tell has words', async () => {
  /** @param {string} path */
  const source = (path) => readFile(`${ROOT}/${path}`, 'utf8');
  /** The arms of `fn code(&self)`. @param {string} rust */
  const arms = (rust) =>
    [...rust.matchAll(/fn code\(&self\)[^{]*\{([^]*?)\n {4}\}/g)].flatMap(([, body]) =>
      [...body.matchAll(/=> (?:\{\s*)?"([a-z-]+)"/g)].map(([, code]) => code),
    );
  const rust = async (/** @type {string} */ folder) => {
    // Archives are opened by the command alone.
    const files = (await readdir(`${ROOT}/${folder}`, { recursive: true })).filter((file) => file.endsWith('.rs') && file !== 'archive.rs');
    return (await Promise.all(files.map((file) => source(`${folder}/${file}`)))).join('\n');
  };
  const cautions = arms(await source('crates/radiograph/src/caution.rs'));
  assert.equal(cautions.length, 14);
  const told = [...arms(await rust('crates/radiograph/src')), ...arms(await rust('crates/mobilenet-lung/src'))];
  const web = [...(await rust('web/src')).matchAll(/lung_error\(\s*"([a-z-]+)"/g)].map(([, code]) => code);
  const scripts = (await readdir(`${ROOT}/www/element`, { recursive: true })).filter(
    (file) => file.endsWith('.js') && !/^words\/(..|en-elsewhere)\.js$/.test(file),
  );
  const script = (await Promise.all([...scripts.map((file) => `www/element/${file}`), 'www/worker.js'].map(source))).join('\n');
  const made = [...script.matchAll(/\bcode: ['"`]([^'"`]+)['"`]/g)].flatMap(([, code]) =>
    // What is missing or unreachable is one of two.
    code.startsWith('${what}') ? ['runtime', 'model'].map((what) => code.replace('${what}', what)) : [code],
  );
  const faults = new Set([...told.filter((code) => !cautions.includes(code)), ...web, ...made]);
  assert.ok(faults.size > 35, `${faults.size} codes found`);
  for (const code of faults) for (const key of [`fault.${code}`, `advice.${code}`]) assert.ok(Object.hasOwn(SOURCE, key), key);
  const browsers = [...script.matchAll(/\bREAD_BY_BROWSER = '([a-z-]+)'/g)].map(([, code]) => code);
  assert.equal(browsers.length, 1);
  for (const code of [...cautions, ...browsers]) assert.ok(Object.hasOwn(SOURCE, `caution.${code}`), code);
  const fallbacks = [...script.matchAll(/fallbackCode: '([a-z-]+)'/g)].map(([, code]) => code);
  assert.ok(fallbacks.length >= 4, fallbacks.join());
  for (const code of fallbacks) assert.ok(Object.hasOwn(SOURCE, `fallback.${code}`), code);
  // And no words of codes that are no more.
  const known = Object.keys(SOURCE).flatMap((key) => /^fault\.(.+)$/.exec(key)?.[1] ?? []);
  assert.deepEqual(
    known.filter((code) => !faults.has(code)),
    [],
  );
});

test('every key that is used has words, and all words are used', async () => {
  const files = (await readdir(`${ROOT}/www`, { recursive: true })).filter(
    (file) => /\.(js|html)$/.test(file) && !/^element\/words\/(..|en-elsewhere)\.js$|^(runtime|models)\//.test(file),
  );
  const used = (await Promise.all(files.map((file) => readFile(`${ROOT}/www/${file}`, 'utf8')))).join('\n');
  for (const [, key] of used.matchAll(/data-words(?:-\w+)?="([^"]+)"/g)) assert.ok(Object.hasOwn(english, key), key);
  for (const key of Object.keys(english)) {
    // Some keys are put together: their beginning of a group, or their end of a kind.
    const group = key.split('.')[0];
    const end = /[A-Z][a-z]+$/.exec(key)?.[0] ?? key;
    const together = [key, `${group}.\${`, `known('${group}'`, `\${kind}${end}`];
    assert.ok(
      together.some((part) => used.includes(part)),
      `${key} is not used`,
    );
  }
});

test('the page says in English, before any script, what the English words say', async () => {
  const html = await readFile(`${ROOT}/www/index.html`, 'utf8');
  const text = (/** @type {string} */ html) => html.replaceAll('&#8209;', '\u2011').replaceAll('&amp;', '&');
  const found = [
    ...html.matchAll(/<(\w+)[^>]* data-words="([^"]+)"[^>]*>([^<]*)<\/\1>/g),
    ...html.matchAll(/<(\w+)[^>]* data-words-label="([^"]+)"[^>]* aria-label="([^"]+)"/g),
    ...html.matchAll(/<(meta)[^>]* data-words-content="([^"]+)"[^>]* content="([^"]+)"/g),
  ];
  assert.equal(found.length, html.match(/data-words/g)?.length);
  for (const [, , key, said] of found) assert.equal(text(said), SOURCE[key], key);
});

test('what explains a result calls the fold beside it by the name that it has, in every language', async () => {
  for (const [lang, { load }] of Object.entries(LANGUAGES)) {
    const { default: texts } = await load();
    assert.ok(String(texts['page.unsureIs']).includes(String(texts['details.reading'])), lang);
    const names = ['details.reading', 'details.classifier', 'details.fault', 'page.help', 'samples.try', 'example.show', 'result.allTheSame'].map(
      (key) => texts[key],
    );
    assert.equal(new Set(names).size, names.length, lang);
    assert.notEqual(texts['dicom.window'], texts['window.label'], lang);
  }
});

test('of what a reader wishes for, the first language that is there is taken', () => {
  assert.equal(languageFor(['de-AT', 'fr-CA', 'es']), 'fr');
  assert.equal(languageFor(['zh-Hant-TW']), 'zh');
  assert.equal(languageFor(['tlh', 'constructor']), 'en');
});

test('numbers, lists and plural forms are those of the language', async () => {
  const words = async (/** @type {string} */ lang) => new Words(lang, (await LANGUAGES[lang].load()).default);
  assert.equal((await words('fr')).number(1234.5, 1), new Intl.NumberFormat('fr', { minimumFractionDigits: 1 }).format(1234.5));
  assert.equal((await words('es')).either(['Normal', 'opacidad pulmonar']), 'Normal u opacidad pulmonar');
  const arabic = await words('ar');
  assert.match(arabic.text('status.tested', { percent: '', count: 3 }), /3 صور/);
  assert.match(arabic.text('status.tested', { percent: '', count: 590 }), /590 صورة/);
});

test('whole numbers below a thousand, which are written without a format, are what the format of each language would write', async () => {
  for (const [lang, { locale = lang, load }] of Object.entries(LANGUAGES)) {
    const words = new Words(lang, (await load()).default);
    const format = new Intl.NumberFormat(locale);
    for (const value of [0, -0, 1, 9, 10, 99, 100, 999, 1000, 12345, -5])
      assert.equal(words.number(value), format.format(value === 0 ? 0 : value), `${lang} ${value}`);
    for (let value = 0; value < 1000; value += 1) assert.equal(words.number(value), format.format(value), lang);
    assert.equal(words.number(999.6), format.format(1000), lang);
  }
});

describe('in a browser', () => {
  const mock = mockPages();

  /** @param {import('./lib/mock-page.mjs').PageOptions} options @param {Parameters<typeof mock.onPage>[0]} body */
  const onPage = (options, body) => mock.onPage(body, options);

  /** Waits until page and element speak it. @param {import('playwright-core').Page} page @param {string} lang */
  const speaks = (page, lang) =>
    page.waitForFunction(
      (lang) => document.documentElement.lang === lang && document.querySelector('lung-xray-classifier')?.shadowRoot?.querySelector(`[dir][lang="${lang}"]`),
      lang,
    );

  /** Everything a reader can read or hear, page and element; what is marked as English is. @param {import('playwright-core').Page} page */
  const said = (page) =>
    page.evaluate(() => {
      /** @type {string[]} */
      const texts = [document.title];
      const read = (/** @type {Document | ShadowRoot} */ root) => {
        for (const element of root.querySelectorAll('*')) {
          if (element.closest('script, style, option, [lang="en"]')?.matches(':not(html)')) continue;
          for (const node of element.childNodes) if (node instanceof Text) texts.push(node.data.trim());
          for (const name of ['aria-label', 'aria-valuetext', 'title', 'placeholder', 'content']) texts.push(element.getAttribute(name) ?? '');
          if (element.shadowRoot) read(element.shadowRoot);
        }
      };
      read(document);
      return texts.filter(Boolean);
    });

  /**
   * The texts that are still English: equal to an English text, or such a text filled in, that is another one in this language.
   * @param {string[]} texts
   * @param {string} lang
   */
  async function stillEnglish(texts, lang) {
    const { default: own } = await LANGUAGES[lang].load();
    const patterns = Object.entries(SOURCE).flatMap(([key, source]) =>
      Object.values(forms(source))
        .filter((text) => !Object.values(forms(own[key])).includes(text) && !nothingToTranslate(text) && !/^\{\w+\}[,.: ]*\{\w+\}/.test(text))
        .map((text) => {
          const literal = text.replace(/[.*+?^$()|[\]\\]/g, '\\$&').replace(/\{\w+\}/g, '.+');
          return new RegExp(`^${literal}$`, 'u');
        }),
    );
    return texts.filter((text) => patterns.some((pattern) => pattern.test(text)));
  }

  forEverybody(() => {
    for (const lang of Object.keys(LANGUAGES)) {
      // Colours do not depend on the language; where things stand depends on which side it begins.
      const schemes = /** @type {const} */ (['light', 'dark']).filter((scheme) => scheme === 'light' || ['en', 'ar'].includes(lang));
      for (const colorScheme of schemes) {
        test(`${LANGUAGES[lang].name}, ${colorScheme}, 360 px: all of it in the language, no horizontal scroll, axe finds nothing`, () =>
          onPage({ path: `?lang=${lang}`, colorScheme, viewport: { width: 360, height: 740 } }, async (page, { picker, answered, choose, element }) => {
            await speaks(page, lang);
            const dir = LANGUAGES[lang].dir ?? 'ltr';
            assert.equal(await page.evaluate(() => document.documentElement.dir || 'ltr'), dir);
            assert.equal(await element.locator('.dropzone').evaluate((node) => getComputedStyle(node).direction), dir);
            const check = async (/** @type {string} */ when) => {
              await isAccessible(page, when, 360);
              if (lang !== 'en') assert.deepEqual(await stillEnglish(await said(page), lang), [], when);
            };
            await page.locator('.reading-help summary').click();
            await check('empty');
            await picker.setInputFiles([
              { name: 'side.dcm', mimeType: 'application/dicom', buffer: Buffer.from('lateral') },
              { ...picture('bad.png'), buffer: Buffer.from('refuse') },
              { ...picture('torn.png'), buffer: Buffer.from('torn') },
              { ...picture('cat.png'), buffer: Buffer.from('unlike') },
              picture('chest.png'),
            ]);
            await answered('chest.png');
            await element.locator('.examples summary').click();
            await check('a DICOM file');
            for (const name of ['bad.png', 'torn.png', 'cat.png', 'chest.png']) {
              await choose(name);
              await page.waitForFunction(
                (name) => document.querySelector('lung-xray-classifier')?.shadowRoot?.querySelector('.card-name')?.textContent === name,
                name,
              );
              await check(name);
            }
          }));
      }
    }
  });

  test('another language is chosen in the menu: the result stays, everything else changes, and the choice is kept', () =>
    onPage({ path: '?lang=ar' }, async (page, { picker, card, rows, answered }) => {
      await speaks(page, 'ar');
      await picker.setInputFiles([picture('chest.png'), picture('other.png', 3)]);
      await answered('other.png');
      const done = card('chest.png').and(page.locator('[data-state=done]'));
      await done.waitFor();
      const [{ detail }] = (await events(page)).filter(({ type }) => type === 'lung-result');
      const finding = (/** @type {Texts} */ texts) => texts[`finding.${detail.report.finding}`];
      for (const lang of ['zh', 'en', 'hi', 'ar', 'fr']) {
        await page.locator('.language select').selectOption(lang);
        await speaks(page, lang);
        const words = lang === 'en' ? SOURCE : (await LANGUAGES[lang].load()).default;
        await done
          .locator('.verdict strong')
          .getByText(String(finding(words)), { exact: true })
          .waitFor();
        assert.equal(await page.locator('h1').textContent(), words['page.title']);
        assert.equal(await rows.first().locator('.row-state').textContent(), words['state.done']);
        assert.equal(await page.title(), words['page.name']);
        assert.equal(await page.locator('meta[name=description]').getAttribute('content'), words['page.description']);
      }
      assert.equal(await rows.count(), 2);
      assert.equal(await done.locator('canvas.radiograph').count(), 1);
      assert.equal((await events(page)).filter(({ type }) => type === 'lung-result').length, 2, 'nothing was classified again');
      assert.equal(new URL(page.url()).search, '', 'the address no longer says otherwise');
      await page.reload();
      await speaks(page, 'fr');
      assert.equal(await page.locator('.language select').inputValue(), 'fr');
    }));

  test("without a choice the browser's language is taken, and English loads no other", async () => {
    await onPage({ locale: 'hi-IN' }, (page) => speaks(page, 'hi'));
    const asked = mock.site.asked.length;
    await onPage({ locale: 'en-GB' }, async (page) => {
      await page.locator('.language select').waitFor();
    });
    assert.deepEqual(
      mock.site.asked.slice(asked).filter((path) => /^\/element\/words\/(..|en-elsewhere)\.js$/.test(path)),
      ['/element/words/en.js'],
    );
  });

  test('where nothing can be kept, a language can be chosen all the same', async () => {
    const { page, context, complaints } = await open(mock.browser);
    try {
      await page.addInitScript(() =>
        Object.defineProperty(globalThis, 'localStorage', {
          get() {
            throw new DOMException('denied', 'SecurityError');
          },
        }),
      );
      await page.goto(mock.site.url);
      await page.locator('.language select').selectOption('es');
      await speaks(page, 'es');
      assert.deepEqual(complaints, []);
    } finally {
      await context.close();
    }
  });

  test('a language that cannot be loaded is said so, and the page goes on in the one it has', async () => {
    const broken = await serveMock({ routes: { '/element/words/es.js': status(404) } });
    const { page, context } = await open(mock.browser);
    try {
      await page.goto(broken.url);
      await ready(page);
      await page.locator('.language select').selectOption('es');
      await page.getByRole('status').getByText(String(SOURCE['page.languageFailed'])).waitFor();
      assert.equal(await page.locator('.language select').inputValue(), 'en');
      assert.equal(await page.evaluate(() => document.documentElement.lang), 'en');
    } finally {
      await context.close();
      await broken.close();
    }
  });

  test('the element speaks its own language, else that of what it stands in, through shadow roots, and follows both', async () => {
    mock.site.routes['/foreign.html'] = bytes(
      '<!doctype html><html lang="fr"><title>hôte</title><link rel="icon" href="data:,"><lung-xray-classifier></lung-xray-classifier><div lang="es"></div><script type="module" src="/element/define.js"></script>',
      'text/html',
    );
    const { page, context, complaints } = await open(mock.browser, { locale: 'hi-IN' });
    try {
      await page.goto(`${mock.site.url}foreign.html`);
      await page.evaluate(() => {
        const inner = document.querySelector('div')?.attachShadow({ mode: 'open' });
        inner?.append(document.createElement('lung-xray-classifier'));
      });
      const [outer, inner] = [page.locator('lung-xray-classifier').first(), page.locator('div lung-xray-classifier')];
      const speaks = (/** @type {import('playwright-core').Locator} */ element, /** @type {string} */ lang) =>
        element.locator(`[dir][lang="${lang}"]`).waitFor();
      await speaks(outer, 'fr');
      await speaks(inner, 'es');
      await page.evaluate(() => (document.documentElement.lang = 'ar'));
      await speaks(outer, 'ar');
      await outer.evaluate((node) => node.setAttribute('lang', 'zh'));
      await speaks(outer, 'zh');
      await page.evaluate(() => {
        document.querySelector('lung-xray-classifier')?.removeAttribute('lang');
        document.documentElement.removeAttribute('lang');
      });
      await speaks(outer, 'hi');
      await speaks(inner, 'es');
      assert.deepEqual(complaints, []);
    } finally {
      await context.close();
    }
  });

  test('in Arabic the picture and its evidence are not mirrored, and bars grow from the right', () =>
    onPage({ path: '?lang=ar' }, async (page, { picker, card }) => {
      await speaks(page, 'ar');
      await picker.setInputFiles(picture('chest.png'));
      const done = card('chest.png').and(page.locator('[data-state=done]'));
      await done.waitFor();
      for (const canvas of await done.locator('canvas').all()) assert.equal(await canvas.evaluate((node) => getComputedStyle(node).transform), 'none');
      const pixels = () => done.locator('canvas').evaluateAll((all) => all.map((canvas) => /** @type {HTMLCanvasElement} */ (canvas).toDataURL()));
      const arabic = await pixels();
      const [bar] = await done.locator('.bar[data-found]').all();
      const box = async (/** @type {string} */ part) => {
        const found = await bar.locator(part).boundingBox();
        assert.ok(found);
        return found;
      };
      const [track, fill] = [await box('.bar-track'), await box('.bar-fill')];
      assert.ok(Math.abs(track.x + track.width - (fill.x + fill.width)) < 1, 'the bar starts at the right');
      await page.locator('.language select').selectOption('en');
      await speaks(page, 'en');
      assert.deepEqual(await pixels(), arabic);
    }));
});
