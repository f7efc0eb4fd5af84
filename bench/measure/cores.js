// @ts-check
import { execFileSync } from 'node:child_process';
import { availableParallelism } from 'node:os';

/** Where the measured server runs, and where the load comes from: apart, where the machine and its tools allow it. */
export const SERVER_CORE = '0';
export const LOAD_CORE = '1';

/** Whether programs are held on their core, so that the two do not take each other's time. */
export const pinning = availableParallelism() > 1 && hasTaskset();

/**
 * The command that runs a program on these cores.
 * @param {string} cores As taskset has them: `0` or `0,1`.
 * @param {string} program
 * @param {readonly string[]} [args]
 * @returns {[string, ...string[]]}
 */
export function onCores(cores, program, args = []) {
  return pinning ? ['taskset', '-c', cores, program, ...args] : [program, ...args];
}

function hasTaskset() {
  try {
    execFileSync('taskset', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
