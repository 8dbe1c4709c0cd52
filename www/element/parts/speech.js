// @ts-check
/** What is said aloud, and what is said in a line below the drop zone. */

import { make } from './dom.js';

/** Says one thing after the other. */
export class Speech {
  /** What screen readers read out. */
  spoken = make('p', { class: 'spoken', 'aria-live': 'polite' });
  /** What was left out, and how far looking for images has come. */
  aside = make('p', { class: 'aside', part: 'aside', hidden: true });

  /** @param {string} text empty: what was said is over */
  say(text) {
    this.spoken.textContent = text;
  }

  /** Says it, and shows it too. @param {string} text empty: nothing is shown any more */
  tell(text) {
    this.aside.hidden = text === '';
    this.aside.textContent = text;
    if (text) this.say(text);
  }
}
