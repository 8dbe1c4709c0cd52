// @ts-check
/** What the element works out without a browser: order, words for findings and sets, another operating point, columns. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { mayBeImage } from '../../www/element/intake/folder.js';
import { isArchive } from '../../www/element/intake/given.js';
import { dragged, enlarged, WHOLE, within } from '../../www/element/picture/zoom.js';
import { Entry } from '../../www/element/results/entry.js';
import { table } from '../../www/element/results/export.js';
import { filtered, KINDS, OF_FINDING } from '../../www/element/results/filter.js';
import {
  alsoPossible,
  findingsOf,
  findingWords,
  foundIn,
  outcomeWords,
  pointWords,
  setSentence,
  setWords,
  withinWords,
} from '../../www/element/words/format.js';
import { weighed } from '../../www/element/results/operating-point.js';
import { sorted, warned } from '../../www/element/results/order.js';
import { Pace, roughly } from '../../www/element/results/pace.js';
import { ENGLISH, wordsOf } from '../../www/element/words/words.js';

/** @import { Report, Result } from '../../www/element/protocol.js' */

const MODEL = {
  findings: [
    { id: '2', name: 'Second', translations: { fr: 'Deuxième' } },
    { id: 'Normal', name: 'Nothing', role: /** @type {const} */ ('normal') },
    { id: '1', name: 'First' },
  ],
  operating_points: [
    { name: 'usual', description: 'All.', offsets: { 2: 0, Normal: 0, 1: 0 }, prediction_sets: { coverage: 0.9, thresholds: { 2: 0.5, Normal: 0.5, 1: 0.5 } } },
    {
      name: 'ward',
      description: 'Patients of a ward.',
      translations: { fr: 'Patients d’un service.' },
      offsets: { 2: 2, Normal: 0, 1: 0 },
      prediction_sets: { coverage: 0.8, thresholds: { 2: 0.5, Normal: 0.1, 1: 0.5 } },
    },
    { name: 'child', description: 'Children.', offsets: { 2: 0, Normal: 0, 1: 0 } },
  ],
  default_operating_point: 'usual',
  set_sentences: [{ findings: ['1', '2'], sentence: 'One of two.', translations: { fr: 'L’un des deux.' } }],
};

/** @param {Record<string, number>} probabilities @param {string[]} set @returns {Omit<Report, 'evidence'>} */
const report = (probabilities, set, more = {}) =>
  /** @type {any} */ ({
    finding: Object.entries(probabilities).toSorted(([, a], [, b]) => b - a)[0][0],
    probabilities,
    prediction_set: { coverage: 0.9, findings: set },
    in_distribution: { score: 0.9, accepted: true },
    operating_point: 'usual',
    timings: { preprocess_ms: 1, inference_ms: 2 },
    cautions: [],
    ...more,
  });

describe('findings', () => {
  const certain = report({ 2: 0.05, Normal: 0.9, 1: 0.05 }, ['Normal']);

  test('have the order of the bundle, although JavaScript puts numbers first; of another bundle they are called by their ids', () => {
    assert.deepEqual(
      findingsOf(certain, MODEL).map(({ id }) => id),
      ['2', 'Normal', '1'],
    );
    assert.deepEqual(findingsOf(report({ a_b: 0.6, c: 0.4 }, []), MODEL), [
      { id: 'a_b', name: 'a b' },
      { id: 'c', name: 'c' },
    ]);
    assert.deepEqual(
      findingsOf(certain, {}).map(({ id }) => id),
      ['1', '2', 'Normal'],
    );
    assert.equal(foundIn(certain, MODEL).name, 'Nothing');
  });

  test('are called as we call them where we know the id, else as the bundle does', async () => {
    const french = await wordsOf('fr');
    const [second, normal, first] = MODEL.findings;
    assert.deepEqual(
      [second, normal, first].map((finding) => findingWords(french, finding)),
      ['Deuxième', 'Normal', 'First'],
    );
    assert.deepEqual(
      [second, normal].map((finding) => withinWords(ENGLISH, finding)),
      ['Second', 'normal'],
    );
    // A name of the other direction stands apart.
    assert.equal(withinWords(await wordsOf('ar'), second), '\u2068Second\u2069');
  });

  test('that are possible are named, one beyond a quarter also where the set has it not', () => {
    assert.equal(setWords(ENGLISH, certain, MODEL), 'Normal; the others are unlikely.');
    const torn = report({ 2: 0.1, Normal: 0.6, 1: 0.3 }, ['Normal']);
    assert.deepEqual(
      alsoPossible(torn, MODEL)?.map(({ id }) => id),
      ['1'],
    );
    assert.equal(setWords(ENGLISH, torn, MODEL), 'Unsure: normal or First.');
    assert.equal(setWords(ENGLISH, report({ 2: 0.3, Normal: 0.3, 1: 0.4 }, ['1']), MODEL), 'Unsure: any of the findings it knows.');
    assert.equal(outcomeWords(ENGLISH, torn, MODEL).replace(/\u00a0/g, ' '), 'Normal 60.0 %, or First');
    assert.equal(alsoPossible({ ...torn, prediction_set: null }, MODEL), null);
  });

  test('that the bundle has a sentence for get it in the reader’s language, no other set does', async () => {
    const two = report({ 2: 0.45, Normal: 0.1, 1: 0.45 }, ['1', '2']);
    assert.deepEqual(setSentence(await wordsOf('fr'), two, MODEL), { text: 'L’un des deux.', lang: 'fr' });
    assert.deepEqual(setSentence(await wordsOf('es'), two, MODEL), { text: 'One of two.', lang: 'en' });
    assert.equal(setSentence(ENGLISH, certain, MODEL), undefined);
    assert.equal(setSentence(ENGLISH, two, {}), undefined);
  });
});

describe('another operating point', () => {
  const before = report({ 2: 0.2, Normal: 0.7, 1: 0.1 }, ['Normal']);
  const map = (/** @type {number} */ sum) => Array.from({ length: 7 }, () => Array(7).fill(sum / 49));
  const evidence = { 2: map(0), Normal: map(1), 1: map(-1) };

  test('moves logits, evidence and the set, and back again to what was there', () => {
    const there = weighed(before, evidence, MODEL, 'ward');
    assert.ok(there);
    const whole = 0.2 * Math.exp(2) + 0.8;
    assert.ok(Math.abs(there.report.probabilities[2] - (0.2 * Math.exp(2)) / whole) < 1e-12);
    assert.equal(there.report.finding, '2');
    assert.deepEqual(there.report.prediction_set, { coverage: 0.8, findings: ['2', 'Normal'] });
    const sum = (/** @type {number[][]} */ cells) => cells.flat().reduce((total, cell) => total + cell, 0);
    assert.ok(Math.abs(sum(there.evidence[2]) - 2) < 1e-12);
    const back = weighed(there.report, there.evidence, MODEL, null);
    for (const [id, probability] of Object.entries(before.probabilities)) assert.ok(Math.abs((back?.report.probabilities[id] ?? NaN) - probability) < 1e-12);
    assert.equal(back?.report.operating_point, 'usual');
  });

  test('needs no evidence, has no set where the bundle gives none, and is nothing where the bundle has no such point', () => {
    assert.equal(weighed(before, null, MODEL, 'ward')?.evidence, null);
    assert.equal(weighed(before, null, MODEL, 'child')?.report.prediction_set, null);
    assert.equal(weighed(before, evidence, MODEL, 'zoo'), null);
    assert.equal(weighed(before, evidence, {}, 'ward'), null);
    // A probability that is 0 stays 0.
    assert.equal(weighed(report({ 2: 0, Normal: 1, 1: 0 }, []), null, MODEL, 'ward')?.report.probabilities[2], 0);
  });

  test('is named on the card, unless it is the default or nobody knows', async () => {
    const at = (/** @type {string} */ operating_point) => ({ operating_point });
    assert.equal(pointWords(ENGLISH, at('usual'), MODEL), '');
    assert.equal(pointWords(ENGLISH, at('ward'), {}), '');
    assert.equal(pointWords(ENGLISH, at('ward'), MODEL), 'Operating point: Patients of a ward.');
    assert.equal(pointWords(ENGLISH, at('child'), MODEL), 'Answer for a child patient');
    assert.equal(pointWords(await wordsOf('fr'), at('ward'), MODEL).replace(/\u00a0/g, ' '), 'Point de fonctionnement : Patients d’un service.');
    assert.equal(pointWords(ENGLISH, at('gone'), MODEL), 'Operating point: gone');
  });
});

describe('order', () => {
  const entry = (/** @type {string} */ name, /** @type {any} */ told) =>
    /** @type {any} */ ({ name, outcome: told ? { state: 'done', report: told } : { state: 'error' } });
  const entries = [
    entry('b10', report({ 2: 0.1, Normal: 0.8, 1: 0.1 }, [])),
    entry('b9', report({ 2: 0.6, Normal: 0.3, 1: 0.1 }, [])),
    entry('failed', null),
    entry('cat', report({ 2: 0.9, Normal: 0.05, 1: 0.05 }, [], { in_distribution: { score: 0.1, accepted: false } })),
    entry('a', report({ 2: 0.1, Normal: 0.9, 1: 0 }, [], { cautions: [{ code: 'x', message: 'x' }] })),
  ];
  const names = (/** @type {import('../../www/element/results/order.js').SortKey} */ key, /** @type {1 | -1} */ direction) =>
    sorted(entries, { key, direction }, 'en', ['2', 'Normal', '1']).map(({ name }) => name);

  test('is by name, finding, probability or likeness, and what has none comes last either way', () => {
    assert.deepEqual(names('added', 1), ['b10', 'b9', 'failed', 'cat', 'a']);
    assert.deepEqual(names('added', -1), ['a', 'cat', 'failed', 'b9', 'b10']);
    assert.deepEqual(names('name', 1), ['a', 'b9', 'b10', 'cat', 'failed']);
    // Of one finding the surest first.
    assert.deepEqual(names('finding', 1), ['b9', 'a', 'b10', 'failed', 'cat']);
    assert.deepEqual(names('finding', -1), ['b10', 'a', 'b9', 'failed', 'cat']);
    assert.deepEqual(names('probability', -1), ['a', 'b10', 'b9', 'failed', 'cat']);
    assert.deepEqual(names('likeness', 1), ['cat', 'b10', 'b9', 'a', 'failed']);
    assert.deepEqual(
      entries.filter(warned).map(({ name }) => name),
      ['cat', 'a'],
    );
  });
});

describe('filter', () => {
  const entry = (/** @type {string} */ name, /** @type {any} */ outcome) => /** @type {any} */ ({ name, outcome });
  const entries = [
    entry('Ana/1.png', { state: 'done', report: report({ 2: 0.1, Normal: 0.9 }, []) }),
    entry('ana/2.png', { state: 'done', report: report({ 2: 0.8, Normal: 0.2 }, [], { cautions: [{ code: 'x', message: 'x' }] }) }),
    entry('cat.png', { state: 'done', report: report({ 2: 0.8, Normal: 0.2 }, [], { in_distribution: { score: 0.1, accepted: false } }) }),
    entry('bad.png', { state: 'error' }),
    ...['waiting', 'working', 'cancelled', 'absent'].map((state) => entry(`${state}.png`, { state })),
  ];
  const names = (/** @type {string} */ kind, name = '', lang = 'en') => filtered(entries, { kind, name }, lang).map((found) => found.name);

  test('is by finding, warning, error or what has no answer yet', () => {
    assert.deepEqual(names('all').length, entries.length);
    // What does not look like an X-ray has no finding.
    assert.deepEqual(names(`${OF_FINDING}2`), ['ana/2.png']);
    assert.deepEqual(names(`${OF_FINDING}gone`), []);
    assert.deepEqual(names('warnings'), ['ana/2.png', 'cat.png']);
    assert.deepEqual(names('errors'), ['bad.png']);
    assert.deepEqual(names('waiting'), ['waiting.png', 'working.png', 'cancelled.png', 'absent.png']);
    assert.deepEqual(Object.keys(KINDS), ['all', 'warnings', 'errors', 'waiting']);
  });

  test('is by a part of the path, in capitals or not, as the language has them', () => {
    assert.deepEqual(names('all', ' ANA/ '), ['Ana/1.png', 'ana/2.png']);
    assert.deepEqual(names('errors', 'ana'), []);
    const turkish = filtered([entry('ISIK.png', { state: 'error' })], { kind: 'all', name: 'ı' }, 'tr');
    assert.equal(turkish.length, 1);
  });
});

describe('the remaining time', () => {
  test('is told after five answers, from the last thirty', () => {
    const pace = new Pace();
    for (let at = 0; at < 4; at++) pace.answered(at * 1000);
    assert.equal(pace.secondsFor(10, 4000), null);
    pace.answered(4000);
    assert.equal(pace.secondsFor(10, 4000), 10);
    assert.equal(pace.secondsFor(0, 4000), null);
    // A quicker device has replaced a slow one.
    for (let at = 1; at <= 30; at++) pace.answered(4000 + at * 100);
    assert.ok(Math.abs((pace.secondsFor(10, 7000) ?? 0) - 1) < 1e-9);
    pace.clear();
    assert.equal(pace.secondsFor(10, 7000), null);
  });

  test('counts an image once: a picture that is let go of is no other answer', () => {
    let told = 0;
    const file = { name: 'a.png', path: 'a.png', bytes: 1, modified: 0, content: null };
    const entry = new Entry(file, new Blob(['a']), () => void told++);
    const picture = /** @type {any} */ ({ closed: false, close: () => (picture.closed = true) });
    const answer = { id: 1, content: 'hash', report: { ...report({ Normal: 1 }, ['Normal']), evidence: { Normal: [[1]] } }, picture };
    entry.answered(answer, { device: 'cpu', model: {} }, async () => picture);
    entry.forget();
    assert.equal(told, 1);
    assert.ok(picture.closed && entry.outcome.state === 'done' && entry.outcome.picture === null && entry.outcome.report.finding === 'Normal');
  });

  test('is a multiple of five seconds, or minutes', () => {
    assert.deepEqual([0.2, 5.1, 55, 56, 61].map(roughly), [
      { key: 'tally.seconds', count: 5 },
      { key: 'tally.seconds', count: 10 },
      { key: 'tally.seconds', count: 55 },
      { key: 'tally.minutes', count: 1 },
      { key: 'tally.minutes', count: 2 },
    ]);
  });
});

test('a number of a standard is beside the code of what went wrong, not within a sentence, in any language', async () => {
  const fault = { code: 'no-image', message: 'The DICOM file holds no image but a PDF document (1.2.840.10008.5.1.4.1.1.104.1).', advice: 'Choose another.' };
  const plain = 'The DICOM file holds no image but a PDF document.';
  const code = 'no-image 1.2.840.10008.5.1.4.1.1.104.1';
  assert.deepEqual(ENGLISH.fault(fault), { message: plain, advice: 'Choose another.', code });
  const { told, code: beside } = (await wordsOf('ar')).fault(fault);
  assert.deepEqual([told, beside], [plain, code]);
  // Neither a version nor a size is one.
  const other = { code: 'too-many-pixels', message: 'The image has 12,000 x 9,000 pixels (1.2.3).', advice: '' };
  assert.deepEqual(ENGLISH.fault(other), { message: other.message, advice: '', code: other.code });
});

test('a magnified picture always fills its frame, and what is pointed at stays where it is', () => {
  assert.deepEqual(within({ scale: 0.5, x: 0.3, y: -1 }), WHOLE);
  assert.deepEqual(within({ scale: 100, x: 2, y: 0 }), { scale: 8, x: 0.875, y: 0 });
  const close = enlarged(WHOLE, 4, { x: 0.5, y: 0.25 });
  assert.deepEqual(close, { scale: 4, x: 0.375, y: 0.1875 });
  assert.deepEqual(enlarged(close, 1, { x: 0.5, y: 0.25 }), WHOLE);
  assert.deepEqual(dragged(close, { x: 0.5, y: 0 }), { scale: 4, x: 0.25, y: 0.1875 });
  assert.deepEqual(dragged(WHOLE, { x: 0.5, y: 0.5 }), WHOLE);
});

test('what may be an image is told by its path, an archive by its name', () => {
  assert.deepEqual(
    ['a.png', 'a/b/IM0001', 'study.1', 'notes.txt', '.hidden.png', 'a/.git/x.png', 'Thumbs.db', '__MACOSX/a.png', 'all.zip'].filter(mayBeImage),
    ['a.png', 'a/b/IM0001', 'study.1', 'all.zip'],
  );
  const blob = new Blob([]);
  assert.equal(isArchive({ blob, name: 'CD.ZIP' }), true);
  assert.equal(isArchive({ blob, name: 'zip.png' }), false);
  assert.equal(isArchive({ blob: Object.assign(new Blob([]), { unpack() {} }), name: 'broken.zip' }), false);
});

test('a table has a column for each finding of any model, one for those called alike', () => {
  const results = /** @type {Result[]} */ ([
    { name: 'x', state: 'done', report: report({ 'Grey veil': 0.7, Normal: 0.3 }, ['Grey veil']) },
    { name: 'y', state: 'done', report: report({ grey_veil: 0.4, 雪: 0.6 }, ['雪'], { in_distribution: { score: 0.1, accepted: false } }) },
    { name: 'z', state: 'waiting' },
  ]);
  const [head, ...rows] = table(results);
  const of = (/** @type {number} */ at) => Object.fromEntries(head.map((name, column) => [name, rows[at][column]]));
  assert.deepEqual(
    head.filter((name) => String(name).startsWith('probability')),
    ['probability_grey_veil', 'probability_normal', 'probability_雪'],
  );
  assert.deepEqual([of(0).finding, of(0).probability_grey_veil, of(0)['probability_雪']], ['Grey veil', 0.7, '']);
  assert.deepEqual([of(1).finding, of(1).probability_grey_veil, of(1)['probability_雪']], ['', 0.4, 0.6]);
  assert.deepEqual([of(2).state, of(2).probability_normal, of(2).error], ['waiting', '', '']);
});
