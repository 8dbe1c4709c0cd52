// @ts-check
/** Engines taking turns. */

import { setTimeout as sleep } from 'node:timers/promises';

/** Milliseconds between two turns: one engine's threads wait for work a while, and would run in the next one's time. */
const PAUSE = 300;
/** Turns after which an engine that is far behind has no more: nobody needs its median so precisely. */
const ENOUGH = 3;
/** How many times the fastest peer's time is far behind. */
const FAR = 2;

/**
 * Gives every contestant `rounds` turns, one after the other in each round.
 * @template T
 * @param {T[]} contestants
 * @param {number} rounds
 * @param {(contestant: T) => number[]} times what it has measured so far
 * @param {(contestant: T) => Promise<void>} turn measures
 */
export async function takeTurns(contestants, rounds, times, turn) {
  for (let round = 0; round < rounds; round++)
    for (const contestant of contestants) {
      const fastest = Math.min(...contestants.flatMap(times));
      if (round >= ENOUGH && Math.min(...times(contestant)) > FAR * fastest) continue;
      await sleep(PAUSE);
      await turn(contestant);
    }
}
