// @ts-check
/**
 * Which values of a grey DICOM file are shown from black to white. What was found does not depend on it: the network has seen
 * the window that the file asks for.
 *
 * @import { DicomFacts } from '../protocol.js'
 * @import { LungError } from '../classifier/faults.js'
 * @import { Words } from '../words/words.js'
 */

import { make } from '../parts/dom.js';
import { level } from '../words/format.js';

/** Steps from one end of a slider to the other, about. */
const STEPS = 256;

/** Makes the picture in a window. @typedef {(centre: number, width: number) => Promise<ImageBitmap>} Windowed */

/**
 * An image that can be windowed, and where its picture goes: `draw` takes null for the picture as the file wants it.
 * @typedef {{ dicom: DicomFacts, windowed: Windowed, draw: (picture: ImageBitmap | null) => void }} Windowable
 */

/** @typedef {{ centre: number, width: number }} Window */

/**
 * The sliders for the values of a file, each with the file's own window on one of its steps.
 * @param {Window} window
 * @param {[number, number]} range the least and the greatest value
 */
export function sliders(window, [least, greatest]) {
  const step = stepOf((greatest - least) / STEPS);
  const steps = (/** @type {number} */ length) => Math.max(0, Math.ceil(length / step - 1e-9)) * step;
  return {
    step,
    centre: { min: window.centre - steps(window.centre - least), max: window.centre + steps(greatest - window.centre) },
    width: {
      min: window.width - Math.max(0, Math.ceil(window.width / step) - 1) * step,
      max: window.width + steps(2 * (greatest - least) - window.width),
    },
  };
}

/** The nearest of 1, 2 and 5 times a power of ten that is no less. @param {number} length */
function stepOf(length) {
  const power = 10 ** Math.floor(Math.log10(length));
  return ([1, 2, 5].find((factor) => factor * power >= length * (1 - 1e-9)) ?? 10) * power;
}

/** Two sliders and their reset. */
export class WindowControl {
  #centre = slider();
  #width = slider();
  #reset = make('button', { type: 'button', class: 'window-button' });
  #all = make('button', { type: 'button', class: 'window-button', 'data-words': 'window.all' });
  #error = make('p', { class: 'window-error', part: 'window-error', role: 'status' });
  element = make(
    'fieldset',
    { class: 'window', part: 'window' },
    make('legend', { 'data-words': 'window.label' }),
    row('window.centre', this.#centre),
    row('window.width', this.#width),
    make('div', { class: 'window-buttons' }, this.#reset, this.#all),
    make('p', { class: 'window-note', 'data-words': 'window.unchanged' }),
    this.#error,
  );
  /** @type {Windowable | null} */
  #image = null;
  /** The window to ask for next. @type {Window | null} */
  #wanted = null;
  #asking = false;
  /** Grows with whatever makes a picture that is still to come the wrong one. */
  #turn = 0;
  /** @type {Words | null} */
  #words = null;

  constructor() {
    for (const slider of [this.#centre, this.#width])
      slider.input.addEventListener('input', () => {
        slider.value = slider.input.valueAsNumber;
        this.#ask({ centre: this.#centre.value, width: this.#width.value });
      });
    this.#reset.addEventListener('click', () => this.#asFirst());
    this.#all.addEventListener('click', () => {
      const [least, greatest] = this.#image?.dicom.range ?? [0, 0];
      // The steps of the sliders need not meet both.
      this.#ask({ centre: (least + greatest) / 2, width: greatest - least });
    });
  }

  /** Begins with another image. @param {Windowable | null} image */
  show(image) {
    this.#image = image;
    this.#forget();
    const { window, range } = image?.dicom ?? {};
    if (!window || !range) return;
    const { step, centre, width } = sliders(window, range);
    for (const [{ input }, ends] of /** @type {const} */ ([
      [this.#centre, centre],
      [this.#width, width],
    ]))
      Object.assign(input, { min: String(ends.min), max: String(ends.max), step: String(step) });
    this.#all.hidden = window.origin !== 'file';
    this.#write(window);
  }

  /** @param {Words} words */
  write(words) {
    this.#words = words;
    this.#reset.textContent = words.text(this.#image?.dicom.window?.origin === 'file' ? 'window.asFile' : 'window.asFirst');
    this.#say(this.#centre);
    this.#say(this.#width);
  }

  #asFirst() {
    const window = this.#image?.dicom.window;
    if (!this.#image || !window) return;
    this.#forget();
    this.#write(window);
    this.#image.draw(null);
  }

  #forget() {
    this.#turn++;
    this.#wanted = null;
    this.#error.textContent = '';
    this.element.removeAttribute('data-changed');
  }

  /** Puts a window on the sliders. @param {Window} window */
  #write({ centre, width }) {
    for (const [slider, value] of /** @type {const} */ ([
      [this.#centre, centre],
      [this.#width, width],
    ])) {
      slider.input.value = String(value);
      slider.value = value;
      this.#say(slider);
    }
  }

  /** The value in words, beside the slider and for whoever hears it. @param {Slider} slider */
  #say({ input, output, value }) {
    if (!this.#words) return;
    output.textContent = level(this.#words, value);
    input.setAttribute('aria-valuetext', output.textContent);
  }

  /** @param {Window} window */
  #ask(window) {
    this.#write(window);
    this.#wanted = window;
    void this.#pump();
  }

  /** One request at a time, and of those that wait the last. */
  async #pump() {
    if (this.#asking) return;
    this.#asking = true;
    while (this.#wanted && this.#image) {
      const { centre, width } = this.#wanted;
      const { windowed, draw } = this.#image;
      const turn = this.#turn;
      this.#wanted = null;
      try {
        const picture = await windowed(centre, width);
        if (turn === this.#turn) {
          draw(picture);
          // Then it is printed too.
          this.element.toggleAttribute('data-changed', true);
          this.#error.textContent = '';
        }
        picture.close();
      } catch (error) {
        if (turn === this.#turn) this.#tell(/** @type {LungError} */ (error));
      }
    }
    this.#asking = false;
  }

  /** @param {LungError} error */
  #tell(error) {
    const { message, advice } = this.#words?.fault(error) ?? error;
    this.#error.textContent = `${message} ${advice}`;
  }
}

/** @typedef {{ input: HTMLInputElement, output: HTMLElement, value: number }} Slider */

/** @returns {Slider} `value` is what was asked for, which the steps of `input` need not meet */
function slider() {
  return { input: make('input', { type: 'range' }), output: make('span', { class: 'window-value', 'aria-hidden': 'true' }), value: 0 };
}

/** @param {string} words @param {Slider} slider */
function row(words, { input, output }) {
  return make('label', { class: 'window-row' }, make('span', { 'data-words': words }), input, output);
}
