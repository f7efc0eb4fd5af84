// @ts-check
import { progress } from '../report/tell.js';

/**
 * Measures each of these once in every round, so that noise which lasts falls on all of them; who is first changes.
 * @template Case, Measured
 * @param {readonly Case[]} cases
 * @param {number} rounds
 * @param {(one: Case) => string} nameOf
 * @param {(one: Case) => Promise<Measured>} measure
 * @returns {Promise<Map<Case, Measured[]>>} What was measured of each, in the order of the rounds.
 */
export async function inRounds(cases, rounds, nameOf, measure) {
  const measured = new Map(cases.map((one) => [one, /** @type {Measured[]} */ ([])]));
  for (let round = 0; round < rounds; round += 1) {
    for (const one of rotated(cases, round)) {
      progress(`round ${round + 1} of ${rounds}: ${nameOf(one)}`);
      measured.get(one)?.push(await measure(one));
    }
  }
  return measured;
}

/**
 * @template T
 * @param {readonly T[]} list
 * @param {number} by
 */
export function rotated(list, by) {
  const first = by % list.length;
  return [...list.slice(first), ...list.slice(0, first)];
}
