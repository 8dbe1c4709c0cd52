// @ts-check
/** Says in the page's own words what the element has found. */

const said = /** @type {HTMLElement} */ (document.querySelector('#said'));

document.addEventListener('lung-result', (event) => {
  const { name, report } = /** @type {CustomEvent} */ (event).detail;
  said.textContent =
    report.in_distribution?.accepted === false
      ? `${name} does not look like a frontal chest X-ray.`
      : `${name}: ${report.finding}, ${(100 * report.probabilities[report.finding]).toFixed(0)} %.`;
});

document.addEventListener('lung-error', (event) => {
  said.textContent = /** @type {CustomEvent} */ (event).detail.message;
});
