// @ts-check
/** How long what waits will take. */

/** Answers that the remaining time is estimated from. */
const PACE = 30;

/** Fewer than this say nothing yet. */
const ENOUGH = 5;

/** When the last answers came. */
export class Pace {
  /** In milliseconds. @type {number[]} */
  #answers = [];

  /** @param {number} now in milliseconds */
  answered(now) {
    this.#answers.push(now);
    if (this.#answers.length > PACE) this.#answers.shift();
  }

  clear() {
    this.#answers = [];
  }

  /** How many seconds so many images will take; null as long as nobody knows. @param {number} waiting @param {number} now in milliseconds */
  secondsFor(waiting, now) {
    const count = this.#answers.length;
    if (waiting === 0 || count < ENOUGH) return null;
    return (waiting * (now - this.#answers[0])) / (count - 1) / 1000;
  }
}

/** What is said of so many seconds: minutes, or a multiple of five seconds. @param {number} seconds @returns {{ key: 'tally.minutes' | 'tally.seconds', count: number }} */
export function roughly(seconds) {
  return seconds > 55 ? { key: 'tally.minutes', count: Math.ceil(seconds / 60) } : { key: 'tally.seconds', count: Math.max(5, Math.ceil(seconds / 5) * 5) };
}
