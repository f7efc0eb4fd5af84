// @ts-check
import process from 'node:process';
import { parseArgs } from 'node:util';

/**
 * Reads the command line of a program: its whole numbers, each with its default as a rule and with `--quick`, its texts, and
 * the flags that all programs have.
 * @template {string} Name
 * @template {string} [Text=never]
 * @param {Record<Name, readonly [usual: number, quick: number]>} numbers
 * @param {readonly Text[]} [texts]
 */
export function readOptions(numbers, texts = []) {
  const names = /** @type {Name[]} */ (Object.keys(numbers));
  const { quick, write, ...given } = parse([...names, ...texts]);
  const chosen = names.map((name) => {
    const [usual, short] = numbers[name];
    return [name, wholeNumber(name, given[name], quick === true ? short : usual)];
  });
  /** @type {unknown} */
  const read = { ...given, ...Object.fromEntries(chosen), quick: quick === true, write: write === true };
  return /** @type {Record<Name, number> & Partial<Record<Text, string>> & { quick: boolean, write: boolean }} */ (
    read
  );
}

/**
 * What an option names of what there is, in a list with commas. Undefined when it was not given.
 * @param {string} option
 * @param {string | undefined} given
 * @param {readonly string[]} known
 */
export function someOf(option, given, known) {
  const list = given?.split(',');
  const unknown = list?.find((name) => !known.includes(name));
  if (unknown === undefined) return list;
  throw new Error(`--${option} got ${unknown}. Give some of ${known.join(',')}.`);
}

/**
 * How to run the same again.
 * @param {string} script Of package.json.
 */
export function commandLine(script) {
  const given = process.argv.slice(2).join(' ').replaceAll(WHERE_TO, '').trim();
  return given === '' ? `npm run ${script}` : `npm run ${script} -- ${given}`;
}

/** What says where the result goes, or comes from, and not how it was measured. */
const WHERE_TO = /--(?:json|from)[ =]\S+|--write\b/g;

/**
 * @param {readonly string[]} names
 * @returns {Partial<Record<string, string | boolean>>}
 */
function parse(names) {
  const text = /** @type {const} */ ({ type: 'string' });
  const flag = /** @type {const} */ ({ type: 'boolean' });
  const texts = Object.fromEntries(names.map((name) => [name, text]));
  return /** @type {Partial<Record<string, string | boolean>>} */ (
    parseArgs({ options: { ...texts, quick: flag, write: flag } }).values
  );
}

/**
 * @param {string} option
 * @param {string | boolean | undefined} given
 * @param {number} otherwise
 */
function wholeNumber(option, given, otherwise) {
  const number = given === undefined ? otherwise : Number(given);
  if (Number.isInteger(number) && number > 0) return number;
  throw new Error(`--${option} got ${String(given)}. Give a whole number from 1 on.`);
}
