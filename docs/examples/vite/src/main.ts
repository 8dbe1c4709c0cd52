/** Says in the app's own words what the element has found. */

import { LungXrayClassifier, type Report } from '@mobilenet-lung/element';
import '@mobilenet-lung/element/define';

// Vite bundles the scripts. The worker, the program and the model are fetched from here: `npm run lung` copies them into `public`.
LungXrayClassifier.assets = '/lung/';

const element = document.querySelector('lung-xray-classifier')!;
const said = document.querySelector('[role=status]')!;

element.addEventListener('lung-result', ({ detail }) => {
  said.textContent = sentence(detail.report);
});
element.addEventListener('lung-error', ({ detail }) => {
  said.textContent = `${detail.message} ${detail.advice}`;
});

function sentence({ finding, in_distribution }: Report) {
  return in_distribution?.accepted === false ? 'This does not look like a frontal chest X-ray.' : finding;
}
