// @ts-check
/** Registers `<lung-xray-classifier>`. Import this one file to use the element. */

// Named here only to be fetched at once: each would otherwise wait for the one that imports it.
import './client.js';
import './results/dicom-facts.js';
import './parts/dom.js';
import './download.js';
import './picture/evidence.js';
import './words/format.js';
import './intake/paste.js';
import './results/card.js';
import './results/list.js';
import './start.js';
import './parts/styles.js';
import './picture/viewer.js';
import './words/words.js';
import './words/en.js';

import { LungXrayClassifier } from './lung-xray-classifier.js';

if (!customElements.get('lung-xray-classifier')) customElements.define('lung-xray-classifier', LungXrayClassifier);

export { LungXrayClassifier };
