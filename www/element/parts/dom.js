// @ts-check
/** Making elements without ever parsing a string as HTML: what a file is called stays text. */

/**
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Record<string, string | boolean>} [attributes] `true` sets an empty attribute, `false` none
 * @param {...(Node | string)} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  setAttributes(element, attributes);
  element.append(...children);
  return element;
}

/**
 * What a file is called, empty for what is no file, and when it was last changed, in milliseconds, 0 for what is no file. A file may
 * be of another window, whose `File` is not ours.
 * @param {Blob} blob
 */
export function fileFacts(blob) {
  const { name = '', lastModified = 0, webkitRelativePath = '' } = /** @type {Partial<File>} */ (blob);
  return { name: webkitRelativePath || name, modified: lastModified };
}

/** The window that a node is in now: an element may be moved into another. @param {Node} node */
export function viewOf(node) {
  return node.ownerDocument?.defaultView ?? window;
}

/** Sets a dot of a finding's colour before its name; none where the bundle gives it no colour. @param {HTMLElement} node @param {string} [colour] */
export function tint(node, colour) {
  node.toggleAttribute('data-colour', colour !== undefined);
  if (colour) node.style.setProperty('--finding', colour);
}

/** The path of a warning sign. */
export const WARNING = 'M12 9v4m0 4h.01M10.3 3.9 2.6 17.2A2 2 0 0 0 4.3 20.2h15.4a2 2 0 0 0 1.7-3L13.7 3.9a2 2 0 0 0-3.4 0Z';

/**
 * A drawing of one path, in the colour of the text around it, hidden from screen readers.
 * @param {string} path
 * @param {string} [part]
 */
export function icon(path, part = 'icon') {
  return draw('0 0 24 24', part, [['', path]], {
    fill: 'none',
    stroke: 'currentColor',
    'stroke-width': '1.75',
    'stroke-linecap': 'round',
    'stroke-linejoin': 'round',
  });
}

/**
 * A drawing of paths, hidden from screen readers.
 * @param {string} box its `viewBox`
 * @param {string} name its class
 * @param {string[][]} paths the class of each and where it goes
 * @param {Record<string, string>} [look] attributes of every path
 */
export function draw(box, name, paths, look = {}) {
  const namespace = 'http://www.w3.org/2000/svg';
  const svg = document.createElementNS(namespace, 'svg');
  setAttributes(svg, { viewBox: box, 'aria-hidden': 'true', class: name });
  for (const [part, d] of paths) {
    const path = document.createElementNS(namespace, 'path');
    setAttributes(path, { d, class: part !== '' && part, ...look });
    svg.append(path);
  }
  return svg;
}

/** @param {Element} element @param {Record<string, string | boolean>} attributes */
function setAttributes(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== false) element.setAttribute(name, value === true ? '' : value);
  }
}
