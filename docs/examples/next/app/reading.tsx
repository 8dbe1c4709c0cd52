'use client';

import { useEffect, useRef, useState } from 'react';
import { LungXrayClassifier, type LungAttributes, type Report, type ResultDetail } from '@mobilenet-lung/element';
import '@mobilenet-lung/element/define';

declare module 'react' {
  namespace JSX {
    interface IntrinsicElements {
      'lung-xray-classifier': React.DetailedHTMLProps<React.HTMLAttributes<LungXrayClassifier>, LungXrayClassifier> & LungAttributes;
    }
  }
}

// Next bundles the scripts. The worker, the program and the model are fetched from here: `npm run lung` copies them into `public`.
LungXrayClassifier.assets = '/lung/';

/** The element, and in the app's own words what it has found. On the server the element is an empty tag. */
export default function Reading() {
  const element = useRef<LungXrayClassifier>(null);
  const [report, setReport] = useState<Report | null>(null);
  // React does not add `onlung-result={...}` to an element that the server has rendered.
  useEffect(() => {
    const found = element.current;
    const show = ({ detail }: CustomEvent<ResultDetail>) => setReport(detail.report);
    found?.addEventListener('lung-result', show);
    return () => found?.removeEventListener('lung-result', show);
  }, []);
  return (
    <>
      <lung-xray-classifier ref={element} samples="" />
      <p role="status">{report ? sentence(report) : 'Nothing yet.'}</p>
    </>
  );
}

function sentence({ finding, in_distribution }: Report) {
  return in_distribution?.accepted === false ? 'This does not look like a frontal chest X-ray.' : finding;
}
