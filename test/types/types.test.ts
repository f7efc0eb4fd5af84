import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import ts from 'typescript';
import { layersOf, openApplication } from '../../src/index.js';
import { missing, slips, unopenable, wrongOrders, wrongValues } from './bad.js';
import * as good from './good.js';
import { file } from './layers.js';

const BAD = resolve('test/types/bad.ts').replaceAll('\\', '/');

describe('good stacks', () => {
  it('are put together without an error, and nothing is opened by that', () => {
    expect(Object.values(good).map((stack) => typeof stack)).not.toContain('object');
    expect(layersOf(good.firstExample)).toEqual(['error', 'database', 'environment', 'session', 'cgi']);
    expect(existsSync(file.database)).toBe(false);
  });
});

describe('bad stacks', () => {
  const told = compile();
  const expected = expectations();

  it('are all refused by the compiler, and nothing else is', () => {
    expect([...told.keys()]).toEqual([...expected.keys()]);
    expect(expected.size).toBe([...wrongOrders, ...missing, ...slips, ...wrongValues].length);
  });

  it.each([...expected])('on line %i: %s', (line, sentence) => {
    expect(told.get(line)).toEqual([sentence]);
  });

  it.each([...expected.values()].slice(0, wrongOrders.length).map((sentence, i) => [i, sentence]))(
    'in a wrong order (%i) are refused when they are made: %s',
    (i, message) => {
      expect(wrongOrders[i as number]).toThrow(expect.objectContaining({ code: 'LAYER_ORDER', message }));
    },
  );

  it.each(unopenable)('without a layer are refused when they open: %s', async (message, application) => {
    const resources = { 'tsgi.errors': process.stderr, 'tsgi.multiprocess': false, 'tsgi.run_once': true };

    await expect(openApplication(application, resources)).rejects.toMatchObject({
      code: 'MISSING_LAYER',
      message,
    });
  });
});

/** What `bad.ts` says that the compiler must say of the line below. */
function expectations(): Map<number, string> {
  const lines = (ts.sys.readFile(BAD) ?? '').split('\n');
  const found = lines.map((line, i): [number, string | undefined] => [
    i + 2,
    /^\s*\/\/ @ts-expect-error: (.*)$/.exec(line)?.[1],
  ]);
  return new Map(found.filter((entry): entry is [number, string] => entry[1] !== undefined));
}

/** What the compiler says of each line of `bad.ts` when nothing tells it to keep quiet. */
function compile(): Map<number, string[]> {
  const read = ts.readConfigFile('tsconfig.json', (path) => ts.sys.readFile(path));
  const { options } = ts.parseJsonConfigFileContent(read.config, ts.sys, process.cwd());
  const host = ts.createCompilerHost(options);
  const readFile = host.readFile.bind(host);
  host.readFile = (path) =>
    path === BAD ? readFile(path)?.replaceAll('@ts-expect-error', '') : readFile(path);

  const program = ts.createProgram([BAD], options, host);
  const told = new Map<number, string[]>();
  for (const { file, start = 0, messageText } of program.getSemanticDiagnostics(program.getSourceFile(BAD))) {
    const line = (file?.getLineAndCharacterOfPosition(start).line ?? 0) + 1;
    told.set(line, [...(told.get(line) ?? []), sentenceOf(messageText)]);
  }
  return told;
}

/** The sentence that stands for the wanted type; else the last line of the message, which names what is missing. */
function sentenceOf(message: string | ts.DiagnosticMessageChain): string {
  const text = ts.flattenDiagnosticMessageText(message, '\n');
  const sentence = /^Argument of type '.*' is not assignable to parameter of type '"([^"]* [^"]*)"'\.$/.exec(
    text,
  )?.[1];
  return sentence ?? text.slice(text.lastIndexOf('\n') + 1).trim();
}
