// @ts-check
/**
 * Enlarging a picture within its frame and moving it about: with the wheel and a modifier, with two fingers, by dragging, by
 * keyboard and with buttons. A wheel or a finger alone goes on scrolling the page.
 *
 * @import { Words } from '../words/words.js'
 */

import { icon, make } from '../parts/dom.js';

/** The greatest magnification. */
const MAX_SCALE = 8;

/** By what a key or a button enlarges. */
const STEP = 1.5;

/** How far a double click enlarges. */
const DOUBLE = 2.5;

/** How far an arrow key moves, in shares of the frame. */
const STRIDE = 0.1;

/** Nobody is told of a magnification before it has been left alone for so long, in milliseconds. */
const SETTLED = 400;

const LESS = 'M5 12h14';
const MORE = 'M5 12h14M12 5v14';
const ALL = 'M4 9V4h5m6 0h5v5m0 6v5h-5m-6 0H4v-5';

/**
 * What of a picture is seen: how many times it is enlarged, and where in it the frame's upper left corner lies, in shares of
 * its sides.
 * @typedef {{ scale: number, x: number, y: number }} View
 */

/** All of it. @type {View} */
export const WHOLE = { scale: 1, x: 0, y: 0 };

/** The nearest view in which the picture fills the frame. @param {View} view @returns {View} */
export function within({ scale, x, y }) {
  const allowed = clamp(scale, 1, MAX_SCALE);
  const room = 1 - 1 / allowed;
  return { scale: allowed, x: clamp(x, 0, room), y: clamp(y, 0, room) };
}

/**
 * The view with another magnification around a point that stays where it is.
 * @param {View} view
 * @param {number} scale
 * @param {Point} point in shares of the frame
 */
export function enlarged(view, scale, { x, y }) {
  const allowed = clamp(scale, 1, MAX_SCALE);
  const gained = 1 / view.scale - 1 / allowed;
  return within({ scale: allowed, x: view.x + x * gained, y: view.y + y * gained });
}

/** The view with the picture dragged by so many shares of the frame. @param {View} view @param {Point} by */
export function dragged(view, { x, y }) {
  return within({ ...view, x: view.x - x / view.scale, y: view.y - y / view.scale });
}

/** @typedef {{ x: number, y: number }} Point */

/** Where two fingers or one are, and how far apart. @param {Point[]} fingers */
function grip(fingers) {
  const [a, b = a] = fingers;
  return { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2, apart: Math.hypot(a.x - b.x, a.y - b.y) };
}

/** Makes a frame one that can be zoomed. */
export class Zoom {
  #view = WHOLE;
  #frame;
  #plane;
  /** What holds the picture, in pixels of the window. @type {Map<number, Point>} */
  #fingers = new Map();
  #out = button('zoom.out', LESS);
  #in = button('zoom.in', MORE);
  #fit = button('zoom.fit', ALL);
  #value = make('span', { class: 'zoom-value', 'aria-hidden': 'true' });
  #spoken = make('span', { class: 'spoken', role: 'status' });
  /** The buttons. */
  element = make(
    'div',
    { class: 'zoom', part: 'zoom', role: 'group', 'data-words-label': 'zoom.label' },
    this.#out,
    this.#value,
    this.#in,
    this.#fit,
    this.#spoken,
  );
  /** @type {Words | null} */
  #words = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #settling;

  /** @param {HTMLElement} frame @param {HTMLElement} plane what lies in it and is enlarged */
  constructor(frame, plane) {
    this.#frame = frame;
    this.#plane = plane;
    frame.tabIndex = 0;
    frame.setAttribute('role', 'group');
    this.#in.addEventListener('click', () => this.#step(STEP));
    this.#out.addEventListener('click', () => this.#step(1 / STEP));
    this.#fit.addEventListener('click', () => this.#glide(WHOLE));
    frame.addEventListener('keydown', this.#onKey);
    frame.addEventListener('wheel', this.#onWheel, { passive: false });
    frame.addEventListener('dblclick', (event) => {
      this.#glide(enlarged(this.#view, this.#view.scale > 1 ? 1 : DOUBLE, this.#place(event.clientX, event.clientY)));
    });
    frame.addEventListener('pointerdown', this.#onDown);
    frame.addEventListener('pointermove', this.#onMove);
    for (const type of /** @type {const} */ (['pointerup', 'pointercancel'])) frame.addEventListener(type, (event) => this.#release(event.pointerId));
    // Where two fingers scroll the page, that takes the pointers away.
    for (const type of /** @type {const} */ (['touchstart', 'touchmove']))
      frame.addEventListener(type, (event) => event.touches.length > 1 && event.preventDefault(), { passive: false });
    this.show();
  }

  /** Begins anew, with all of the picture. */
  show() {
    this.#fingers.clear();
    this.#apply(WHOLE);
    clearTimeout(this.#settling);
    this.#spoken.textContent = '';
  }

  /** @param {Words} words */
  write(words) {
    this.#words = words;
    this.#frame.setAttribute('aria-label', words.text('zoom.frame'));
    this.#writeValue();
  }

  /** @param {number} by */
  #step(by) {
    this.#glide(enlarged(this.#view, this.#view.scale * by, { x: 0.5, y: 0.5 }));
  }

  /** To a view that is not next to this one. @param {View} view */
  #glide(view) {
    this.#frame.classList.add('gliding');
    this.#set(view);
  }

  /** What fingers and wheel do follows them at once. @param {View} view */
  #follow(view) {
    this.#frame.classList.remove('gliding');
    this.#set(view);
  }

  /** @param {View} view */
  #set(view) {
    const before = this.#view.scale;
    this.#apply(view);
    if (view.scale === before) return;
    clearTimeout(this.#settling);
    this.#settling = setTimeout(() => {
      this.#spoken.textContent = this.#words?.text('zoom.spoken', { percent: this.#percent() }) ?? '';
    }, SETTLED);
  }

  /** @param {View} view */
  #apply(view) {
    this.#view = view;
    const { scale, x, y } = view;
    this.#plane.style.setProperty('transform', `scale(${scale}) translate(${-x * 100}%, ${-y * 100}%)`);
    this.#frame.classList.toggle('zoomed', scale > 1);
    // Not `disabled`, which would take the focus away.
    for (const [button, at] of /** @type {const} */ ([
      [this.#out, 1],
      [this.#fit, 1],
      [this.#in, MAX_SCALE],
    ]))
      button.setAttribute('aria-disabled', String(scale === at));
    this.#writeValue();
  }

  #writeValue() {
    this.#value.textContent = this.#words ? this.#percent() : '';
  }

  #percent() {
    return this.#words?.text('number.percent', { number: Math.round(this.#view.scale * 100) }) ?? '';
  }

  /** A point of the window in shares of the frame. @param {number} x @param {number} y @returns {Point} */
  #place(x, y) {
    const { left, top, width, height } = this.#frame.getBoundingClientRect();
    return { x: (x - left) / width, y: (y - top) / height };
  }

  #onKey = (/** @type {KeyboardEvent} */ event) => {
    // With those the keys are the browser's.
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const { key } = event;
    /** Where the picture goes, seen through the frame. @type {Record<string, Point>} */
    const arrows = {
      ArrowLeft: { x: STRIDE, y: 0 },
      ArrowRight: { x: -STRIDE, y: 0 },
      ArrowUp: { x: 0, y: STRIDE },
      ArrowDown: { x: 0, y: -STRIDE },
    };
    if (key === '+' || key === '=') this.#step(STEP);
    else if (key === '-' || key === '_') this.#step(1 / STEP);
    else if (key === '0') this.#glide(WHOLE);
    else if (arrows[key] && this.#view.scale > 1) this.#glide(dragged(this.#view, arrows[key]));
    else return;
    event.preventDefault();
  };

  #onWheel = (/** @type {WheelEvent} */ event) => {
    // Two fingers on a touchpad come as a wheel with ctrl.
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    const turned = clamp(event.deltaMode === WheelEvent.DOM_DELTA_PIXEL ? event.deltaY : event.deltaY * 40, -40, 40);
    const at = this.#place(event.clientX, event.clientY);
    this.#follow(enlarged(this.#view, this.#view.scale * 2 ** (-turned / 80), at));
  };

  #onDown = (/** @type {PointerEvent} */ event) => {
    if (event.button !== 0 || this.#fingers.size === 2) return;
    this.#frame.setPointerCapture(event.pointerId);
    this.#fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    this.#frame.classList.add('held');
  };

  #onMove = (/** @type {PointerEvent} */ event) => {
    if (!this.#fingers.has(event.pointerId)) return;
    const before = grip([...this.#fingers.values()]);
    this.#fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    const after = grip([...this.#fingers.values()]);
    const { width, height } = this.#frame.getBoundingClientRect();
    const grown = before.apart > 0 ? after.apart / before.apart : 1;
    const larger = enlarged(this.#view, this.#view.scale * grown, this.#place(before.x, before.y));
    this.#follow(dragged(larger, { x: (after.x - before.x) / width, y: (after.y - before.y) / height }));
  };

  /** @param {number} finger */
  #release(finger) {
    this.#fingers.delete(finger);
    this.#frame.classList.toggle('held', this.#fingers.size > 0);
  }
}

/** @param {string} words @param {string} drawing */
function button(words, drawing) {
  return make('button', { type: 'button', class: 'zoom-button', 'data-words-label': words }, icon(drawing));
}

/** @param {number} value @param {number} low @param {number} high */
function clamp(value, low, high) {
  return Math.min(Math.max(value, low), high);
}
