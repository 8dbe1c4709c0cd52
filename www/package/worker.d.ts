/** The worker, which the element begins by itself. */
export {};
