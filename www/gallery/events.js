// @ts-check
/** Writes a line for each event of an element. */

const element = /** @type {HTMLElement} */ (document.querySelector('#events lung-xray-classifier'));
const log = /** @type {HTMLElement} */ (document.querySelector('#events .log'));

for (const type of ['lung-progress', 'lung-ready', 'lung-result', 'lung-error', 'lung-done'])
  element.addEventListener(type, (event) => {
    const { detail } = /** @type {CustomEvent} */ (event);
    const line = document.createElement('li');
    line.textContent = `${type} ${detail.name ?? ''} ${detail.report?.finding ?? detail.code ?? detail.stage ?? ''}`;
    log.append(line);
    log.scrollTop = log.scrollHeight;
  });
