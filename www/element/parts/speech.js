// @ts-check
/** What is said aloud, and what is said in a line below the drop zone. */

import { whenIdle } from '../start.js';
import { make } from './dom.js';

/** How long what can wait is not said at most, in milliseconds. */
const LATER = 200;

/** Says one thing after the other. */
export class Speech {
  /** How often something has been said, or was to be. */
  #turn = 0;
  /** What screen readers read out. */
  spoken = make('p', { class: 'spoken', 'aria-live': 'polite' });
  /** What was left out, and how far looking for images has come. */
  aside = make('p', { class: 'aside', part: 'aside', hidden: true });

  /** @param {string} text empty: what was said is over */
  say(text) {
    this.#turn++;
    this.spoken.textContent = text;
  }

  /** Says what takes a while to put into words, once the page has a moment; nothing, where something else is said first. @param {() => string} words */
  sayLater(words) {
    const turn = ++this.#turn;
    whenIdle(() => turn === this.#turn && this.say(words()), LATER);
  }

  /** Says it, and shows it too. @param {string} text empty: nothing is shown any more */
  tell(text) {
    this.aside.hidden = text === '';
    this.aside.textContent = text;
    if (text) this.say(text);
  }
}
