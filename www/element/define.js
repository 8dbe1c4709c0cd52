// @ts-check
/** Registers `<lung-xray-classifier>`. Import this one file to use the element. */

import { LungXrayClassifier } from './lung-xray-classifier.js';

if (!customElements.get('lung-xray-classifier')) customElements.define('lung-xray-classifier', LungXrayClassifier);

export { LungXrayClassifier };
