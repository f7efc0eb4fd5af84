import { readdirSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { posix } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import ts from 'typescript';

/** What each folder of `src` may import from, besides itself. The public face, `src/index.ts`, may import anything. */
const arrows: Readonly<Record<string, readonly string[]>> = {
  app: [],
  database: ['app'],
  stores: ['app', 'database'],
  middleware: ['app', 'database', 'stores'],
  gateways: ['app'],
  testing: ['app', 'stores'],
  cli: ['app', 'gateways', 'middleware', 'stores'],
};

interface PackageFile {
  dependencies: Record<string, string>;
  exports: Record<string, string | { default: string }>;
}

const project = JSON.parse(readFileSync('package.json', 'utf8')) as PackageFile;
const files = sourceFiles();
const graph = new Map(files.map((file) => [file, importsOf(file)]));

describe('the house', () => {
  it('has only folders whose arrows are known', () => {
    const folders = new Set(files.map(folderOf));

    folders.delete('');
    expect(Object.keys(arrows)).toEqual(expect.arrayContaining([...folders]));
  });

  it.each(Object.entries(arrows))('lets %s import from %j', (folder, allowed) => {
    const wrong = edges().filter(
      ([from, to]) => folderOf(from) === folder && ![folder, ...allowed].includes(folderOf(to)),
    );

    expect(wrong).toEqual([]);
  });

  it('has no files that import each other in a circle', () => {
    expect(files.flatMap((file) => circleThrough(file) ?? [])).toEqual([]);
  });

  it('has no file that cannot be reached from an entry point of the package', () => {
    const reached = reachableFrom(entryPoints());

    expect(files.filter((file) => !reached.has(file))).toEqual([]);
  });

  it('has an entry point for each door of the package', () => {
    expect(files).toEqual(expect.arrayContaining(entryPoints()));
  });

  it('imports its own files by their names with .js, and never what was built', () => {
    const specifiers = files.flatMap((file) => relativeImports(file));

    expect(specifiers.filter((specifier) => !/^\.{1,2}\/[\w./-]+\.js$/.test(specifier))).toEqual([]);
    expect(specifiers.filter((specifier) => specifier.includes('dist/'))).toEqual([]);
    expect(edges().filter(([, to]) => !graph.has(to))).toEqual([]);
  });

  it('imports from elsewhere only node: and the dependencies', () => {
    const known = [...builtinModules.map((name) => `node:${name}`), ...Object.keys(project.dependencies)];
    const foreign = files
      .flatMap((file) => specifiersOf(file))
      .filter((specifier) => !specifier.startsWith('.'));

    expect(foreign.filter((specifier) => !known.includes(specifier))).toEqual([]);
  });
});

/** All TypeScript files below `src`, by their paths there: `app/reply.ts`. */
function sourceFiles(): string[] {
  const found = readdirSync('src', { recursive: true, encoding: 'utf8' });
  return found
    .map((file) => file.replaceAll('\\', '/'))
    .filter((file) => file.endsWith('.ts'))
    .sort();
}

/** '' for the files that stand in `src` itself. */
function folderOf(file: string): string {
  return file.includes('/') ? file.slice(0, file.indexOf('/')) : '';
}

/** What a file imports or exports from elsewhere, types included. */
function specifiersOf(file: string): string[] {
  const { importedFiles } = ts.preProcessFile(readFileSync(`src/${file}`, 'utf8'));
  return importedFiles.map(({ fileName }) => fileName);
}

function relativeImports(file: string): string[] {
  return specifiersOf(file).filter((specifier) => specifier.startsWith('.'));
}

function importsOf(file: string): string[] {
  return relativeImports(file).map((specifier) =>
    posix.join(posix.dirname(file), specifier).replace(/\.js$/, '.ts'),
  );
}

function edges(): [from: string, to: string][] {
  return [...graph].flatMap(([from, imports]) => imports.map((to): [string, string] => [from, to]));
}

function entryPoints(): string[] {
  const doors = Object.values(project.exports).filter((door) => typeof door === 'object');
  return doors.map((door) => door.default.replace(/^\.\/dist\/(.*)\.js$/, '$1.ts'));
}

function reachableFrom(starts: readonly string[]): Set<string> {
  const reached = new Set(starts);
  for (const file of reached) for (const next of graph.get(file) ?? []) reached.add(next);
  return reached;
}

/** A shortest way from a file back to itself. */
function circleThrough(file: string): string | undefined {
  const ways = new Map([[file, file]]);
  for (const [at, way] of ways) {
    for (const next of graph.get(at) ?? []) {
      if (next === file) return `${way} → ${file}`;
      if (!ways.has(next)) ways.set(next, `${way} → ${next}`);
    }
  }
  return undefined;
}
