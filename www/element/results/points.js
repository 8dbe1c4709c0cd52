// @ts-check
/**
 * The operating point that images are answered at.
 *
 * @import { Connection } from '../parts/connection.js'
 * @import { FormReports } from '../parts/form.js'
 * @import { Context } from '../parts/context.js'
 * @import { ErrorDetail, ModelInfo, OperatingPointDetail, Report } from '../protocol.js'
 * @import { ResultList } from './list.js'
 */

import { fetched } from '../parts/fetched.js';
import { outcomeWords, pointWords } from '../words/format.js';

/** What an image is refused with that is to be answered at an operating point that the bundle has not. */
export const NO_POINT = 'operating-point-unknown';

export class OperatingPoints {
  #context;
  #connection;
  #results;
  #reports;

  /** @param {Context} context @param {Connection} connection @param {ResultList} results @param {FormReports} reports */
  constructor(context, connection, results, reports) {
    this.#context = context;
    this.#connection = connection;
    this.#results = results;
    this.#reports = reports;
  }

  /**
   * A report at the operating point that is asked for by now; null where it is of that one, or the bundle has none of that name.
   * @template {Report['evidence'] | null} E
   * @param {Omit<Report, 'evidence'>} report @param {E} evidence @param {ModelInfo} model
   */
  async weigh(report, evidence, model) {
    const wanted = this.#context.point ?? model.default_operating_point;
    if (!wanted || wanted === report.operating_point) return null;
    // What cannot be fetched leaves it as it is, and its card says so.
    const weighing = await fetched(import('./operating-point.js'), 'results/operating-point.js').catch(() => null);
    return weighing && weighing.weighed(report, evidence, model, this.#context.point);
  }

  /** Answers the images shown at the operating point that is asked for now. No file is read again. */
  async answerAnew() {
    const { words } = this.#context;
    let message = '';
    let count = 0;
    for (const entry of [...this.#results.entries].reverse()) {
      const { outcome } = entry;
      if (outcome.state !== 'done') continue;
      const { model } = outcome.ready;
      const evidence = outcome.evidence ?? this.#reports.evidenceOf(entry);
      const weighed = await this.weigh(outcome.report, evidence, model);
      if (!weighed || entry.gone || entry.outcome !== outcome) continue;
      const { report } = weighed;
      entry.weighed(report, outcome.evidence && weighed.evidence);
      if (weighed.evidence) this.#reports.replace(entry, { ...report, evidence: weighed.evidence });
      count++;
      message = [pointWords(words, report, model), outcomeWords(words, report, model)].filter(Boolean).join('. ');
    }
    if (count === 0) return;
    this.#reports.write();
    this.#context.speech.say(message);
    const { state } = this.#connection;
    const usual = state.phase === 'ready' ? state.ready.model.default_operating_point : undefined;
    this.#context.fire('lung-operating-point', /** @type {OperatingPointDetail} */ ({ name: this.#context.point ?? usual ?? '' }));
  }

  /** Tells that the bundle has no operating point of the name that is asked for, and which it has. */
  check() {
    const { state } = this.#connection;
    const points = state.phase === 'ready' ? state.ready.model.operating_points : undefined;
    const wanted = this.#context.point;
    if (!wanted || !points || points.some(({ name }) => name === wanted)) return;
    const fault = {
      code: NO_POINT,
      message: `This model has no operating point \`${wanted}\`; it has ${points.map(({ name }) => name).join(', ')}.`,
      advice: 'Ask for one that the model has, or for none: then it is the default.',
    };
    this.#context.tellFault(fault);
    this.#context.fire('lung-error', /** @type {ErrorDetail} */ (fault));
  }
}
