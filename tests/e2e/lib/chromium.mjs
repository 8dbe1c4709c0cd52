// @ts-check
/** What Chromium is to do without, in the tests and in the bench. */

/**
 * Chromium takes the last such list alone, so what Playwright (1.65) would leave out is named again: all but the first line. Those of the
 * first line are a page of the browser's own, for its address bar. Each window loads it, with 400 scripts: a second of processor time for
 * every test, and while a cold page starts.
 */
const FEATURES = [
  ...['WebUIOmniboxAimPopup', 'WebUIOmniboxPopup', 'WebUIOmniboxFullPopup'],
  ...['AvoidUnnecessaryBeforeUnloadCheckSync', 'DestroyProfileOnBrowserClose', 'HttpsUpgrades', 'HttpsFirstBalancedModeAutoEnable'],
  ...['LensOverlay', 'MediaRouter', 'PaintHolding', 'ThirdPartyStoragePartitioning', 'AvoidCorsURLLoaderRestartOnRedirect'],
  ...['OptimizationHints', 'NetworkTimeServiceQuerying', 'AimEnabled', 'PreconnectToSearch'],
];

export const WITHOUT = `--disable-features=${FEATURES.join(',')}`;
