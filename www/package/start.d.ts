/** Begins the downloads, where a script element names this file; see README.md. */
export {};
