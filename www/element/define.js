// @ts-check
/** Registers `<lung-xray-classifier>`. Import this one file to use the element. */

// Named here only to be fetched at once: each would otherwise wait for the one that imports it.
import './client.js';
import './dicom-facts.js';
import './dom.js';
import './download.js';
import './evidence.js';
import './format.js';
import './paste.js';
import './result-card.js';
import './result-list.js';
import './start.js';
import './styles.js';
import './viewer.js';
import './words.js';
import './words/en.js';

import { LungXrayClassifier } from './lung-xray-classifier.js';

if (!customElements.get('lung-xray-classifier')) customElements.define('lung-xray-classifier', LungXrayClassifier);

export { LungXrayClassifier };
