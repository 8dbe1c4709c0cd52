// @ts-check
/** Writes a line for each event of an element. */

const [element, log] = document.querySelectorAll('#events lung-xray-classifier, #events .log');

for (const type of ['lung-progress', 'lung-ready', 'lung-result', 'lung-error', 'lung-done'])
  element.addEventListener(type, (event) => {
    if (!(event instanceof CustomEvent)) return;
    const { detail } = event;
    const line = document.createElement('li');
    line.textContent = `${type} ${detail.name ?? ''} ${detail.report?.finding ?? detail.code ?? detail.stage ?? ''}`;
    log.append(line);
    log.scrollTop = log.scrollHeight;
  });
