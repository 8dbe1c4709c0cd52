// @ts-check
/** What is said about a file: the types that the element declares, and docs/reference/reading.schema.json, are one. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { flaw } from './lib/schema.mjs';

const at = (/** @type {string} */ path) => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const schema = JSON.parse(await readFile(at('docs/reference/reading.schema.json'), 'utf8'));
const example = JSON.parse(await readFile(at('docs/reference/reading.example.json'), 'utf8'));

test('the example is a reading, and what is none is told', () => {
  assert.equal(flaw(schema, example), null);
  for (const [part, wrong] of /** @type {Array<[string, unknown]>} */ ([
    ['version', 2],
    ['file', 'patient.png'],
    ['prediction_set', ['Normal']],
    ['prediction_set', { coverage: 0.9, findings: [] }],
    ['probabilities', { Normal: 1.5, Other: 0 }],
    ['cautions', undefined],
  ])) {
    const reading = { ...example, [part]: wrong };
    if (wrong === undefined) delete reading[part];
    assert.notEqual(flaw(schema, reading), null, part);
  }
});

/**
 * The fields of `{ a: T; b?: U }` by name: their types, and whether they may be missing.
 * @param {string} body
 */
function fieldsOf(body) {
  const fields = [];
  let [depth, from] = [0, 0];
  for (const [place, sign] of [...body].entries()) {
    if ('{[(<'.includes(sign)) depth += 1;
    if ('}])>'.includes(sign)) depth -= 1;
    if (depth > 0 || (sign !== ';' && sign !== ',' && place < body.length - 1)) continue;
    fields.push(
      body
        .slice(from, place + 1)
        .replace(/[;,]$/, '')
        .trim(),
    );
    from = place + 1;
  }
  return new Map(
    fields.filter(Boolean).map((field) => {
      const [, name, may, type] = /^(\w+)(\??):\s*([^]*)$/.exec(field) ?? assert.fail(field);
      return [name, { type, missing: may === '?' }];
    }),
  );
}

test('types and schema name the same fields, and the same of them may be missing or null', async () => {
  const declared = (await readFile(at('www/element/protocol.d.ts'), 'utf8')).replace(/\/\*[^]*?\*\//g, '');
  const interfaceOf = (/** @type {string} */ name) => new RegExp(`export interface ${name} \\{\\n([^]*?)\\n\\}`).exec(declared)?.[1] ?? assert.fail(name);

  /** @param {string} body @param {any} part @param {string} path */
  const compare = (body, part, path) => {
    const fields = fieldsOf(body);
    assert.deepEqual([...fields.keys()].sort(), Object.keys(part.properties).sort(), `fields of ${path}`);
    for (const [name, { type, missing }] of fields) {
      const rule = part.properties[name];
      const here = `${path}.${name}`;
      assert.equal(missing, !part.required.includes(name), `${here}: whether it may be missing`);
      const alternatives = rule.oneOf ?? [rule];
      const mayBeNull = alternatives.some((/** @type {any} */ one) => [one.type].flat().includes('null') || one.enum?.includes(null));
      assert.equal(/\| null$/.test(type), mayBeNull, `${here}: whether it may be null`);
      const inner = alternatives.find((/** @type {any} */ one) => one.properties) ?? rule.items;
      if (!inner?.properties) continue;
      const named = /^([A-Z]\w+)(\[\])?$/.exec(type)?.[1];
      // Of a union the object; a list is what an earlier release may have kept.
      compare(named ? interfaceOf(named) : (/^\{([^]*?)\}/.exec(type)?.[1] ?? assert.fail(here)), inner, here);
    }
  };
  compare(interfaceOf('Report'), schema, 'Report');
});
