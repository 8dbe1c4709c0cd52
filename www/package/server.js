// @ts-check
/**
 * The package where there is no document, as on a server that renders pages: the names can be imported, and nothing runs.
 * `package.json` gives this to Node instead of the element.
 */

export class LungError extends Error {
  /** @param {{ code: string, message: string, advice: string }} fault */
  constructor({ code, message, advice }) {
    super(message);
    this.name = 'LungError';
    this.code = code;
    this.advice = advice;
  }
}

/** Stands for the element's class, so that a module may set `assets` wherever it is rendered. */
export class LungXrayClassifier {
  static assets = '';
}
