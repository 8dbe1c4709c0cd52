// @ts-check
/**
 * A question to a colleague, with a report attached. The element is a field of the form, so nothing has to be copied; here is
 * only what a telemedicine page should add: nothing goes out before there is a report, nor one of an image that is no chest X-ray.
 */

const button = /** @type {HTMLButtonElement} */ (document.querySelector('form button'));
const said = /** @type {HTMLElement} */ (document.querySelector('#said'));

document.addEventListener('lung-result', (event) => {
  const { report } = /** @type {CustomEvent} */ (event).detail;
  const accepted = report.in_distribution?.accepted !== false;
  button.disabled = !accepted;
  said.textContent = accepted ? 'The report is attached.' : 'This does not look like a frontal chest X-ray: choose another image.';
});

document.addEventListener('lung-error', () => {
  button.disabled = true;
  said.textContent = 'There is no report of this image.';
});
