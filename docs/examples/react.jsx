/** The element in React 19, which sets its attributes and listens for its events by itself. */

import { useState } from 'react';
import { createRoot } from 'react-dom/client';

import { LungXrayClassifier } from '@mobilenet-lung/element/define';

// Where the package's folder is served, because the bundler has taken the scripts out of it.
LungXrayClassifier.assets = '/lung/';

function Reading() {
  const [report, setReport] = useState(null);
  return (
    <main>
      <h1>A chest X-ray</h1>
      <lung-xray-classifier multiple theme="light" onlung-result={(event) => setReport(event.detail.report)} />
      <p role="status">{report ? sentence(report) : 'Nothing yet.'}</p>
    </main>
  );
}

function sentence({ finding, in_distribution }) {
  return in_distribution?.accepted === false ? 'This does not look like a frontal chest X-ray.' : finding;
}

createRoot(document.querySelector('#app')).render(<Reading />);
