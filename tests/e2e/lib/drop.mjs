// @ts-check

/**
 * Drags files from outside the browser over a page and lets go of them: trusted events, as from a file manager.
 * @param {import('playwright-core').Page} page
 * @param {{ x: number, y: number }} at
 * @param {string[]} files absolute paths
 * @param {() => Promise<unknown>} [hovering] called while the files hang over the page
 */
export async function dropFiles(page, { x, y }, files, hovering = async () => {}) {
  const session = await page.context().newCDPSession(page);
  const data = { items: [], files, dragOperationsMask: 1 };
  await session.send('Input.dispatchDragEvent', { type: 'dragEnter', x, y, data });
  await session.send('Input.dispatchDragEvent', { type: 'dragOver', x, y, data });
  await hovering();
  await session.send('Input.dispatchDragEvent', { type: 'drop', x, y, data });
  await session.detach();
}
