import { afterAll, describe, expect, it } from '@jest/globals';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { frameText, framesOf, sourceReader } from '../../../src/middleware/error/stack.js';

const folder = mkdtempSync(join(tmpdir(), 'stack-'));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

/** A file of ten lines, `line 1` to `line 10`. */
function file(name: string, lines = Array.from({ length: 10 }, (_, i) => `line ${i + 1}`)): string {
  writeFileSync(join(folder, name), lines.join('\n'));
  return join(folder, name);
}

function frameAt(path: string, line: number) {
  const [frame] = framesOf(`Error: x\n    at run (${path}:${line}:5)`, 'x');
  return frame ?? { call: '', place: '', file: undefined, line: 0 };
}

describe('framesOf', () => {
  it.each([
    ['    at Shop.buy (/srv/shop.js:10:5)', 'Shop.buy (/srv/shop.js:10:5)', '/srv/shop.js'],
    ['    at file:///srv/shop.js:10:5', '/srv/shop.js:10:5', '/srv/shop.js'],
    ['    at file:///srv/my%20shop.js?v=2:10:5', '/srv/my shop.js:10:5', '/srv/my shop.js'],
    ['    at async /srv/shop.js:10:5', 'async (/srv/shop.js:10:5)', '/srv/shop.js'],
    [
      '    at async Shop.buy (/srv/shop (old)/shop.js:10:5)',
      'async Shop.buy (/srv/shop (old)/shop.js:10:5)',
      '/srv/shop (old)/shop.js',
    ],
    [
      '    at new Shop (/srv/node_modules/shop/index.js:10:5)',
      'new Shop (/srv/node_modules/shop/index.js:10:5)',
      undefined,
    ],
    ['    at readFileSync (node:fs:448:20)', 'readFileSync (node:fs:448:20)', undefined],
    ['    at Promise.all (index 0)', 'Promise.all (index 0)', undefined],
    ['    at Array.map (<anonymous>)', 'Array.map (<anonymous>)', undefined],
    [
      '    at eval (eval at run (/srv/a.js:1:1), <anonymous>:1:7)',
      'eval (eval at run (/srv/a.js:1:1), <anonymous>:1:7)',
      undefined,
    ],
    ['    at file:///%zz/shop.js:10:5', 'file:///%zz/shop.js:10:5', undefined],
  ])('reads %s', (line, told, path) => {
    const [frame, ...more] = framesOf(`Error: x\n${line}`, 'x');

    expect(frame && frameText(frame)).toBe(told);
    expect(frame?.file).toBe(path);
    expect(more).toEqual([]);
  });

  it('names a file below the working folder by its path from there', () => {
    const [frame] = framesOf(`Error\n    at ${join(process.cwd(), 'src/shop.ts')}:10:5`, '');

    expect(frame?.place).toBe(join('src', 'shop.ts') + ':10:5');
  });

  it('takes no line of the message for a call', () => {
    const message = 'x\n    at forged (/etc/passwd.js:1:1)';

    const frames = framesOf(`Error: ${message}\n    at real (/srv/shop.js:10:5)`, message);

    expect(frames.map(({ call }) => call)).toEqual(['real']);
  });

  it('reads the calls although the message was changed later', () => {
    expect(framesOf('Error: before\n    at real (/srv/shop.js:10:5)', 'after')).toHaveLength(1);
  });

  it('stops after 50', () => {
    expect(framesOf(`Error\n${'    at again (/srv/shop.js:10:5)\n'.repeat(1000)}`, '')).toHaveLength(50);
  });
});

describe('sourceReader', () => {
  it('reads the lines around a frame', () => {
    const source = sourceReader(1);

    expect(source(frameAt(file('a.ts'), 5))).toEqual([
      { number: 4, text: 'line 4', here: false },
      { number: 5, text: 'line 5', here: true },
      { number: 6, text: 'line 6', here: false },
    ]);
  });

  it.each([
    [1, [1, 2, 3]],
    [10, [8, 9, 10]],
    [12, [10]],
    [100, []],
  ])('reads what there is around line %i', (line, numbers) => {
    const source = sourceReader(2);

    expect(source(frameAt(file('b.ts'), line)).map(({ number }) => number)).toEqual(numbers);
  });

  it('reads a file once', () => {
    const source = sourceReader(0);
    const path = file('c.mjs');
    source(frameAt(path, 1));

    file('c.mjs', ['changed', 'changed']);

    expect(source(frameAt(path, 2))).toMatchObject([{ text: 'line 2' }]);
  });

  it('masks a secret that stands in the source, and cuts a line that never ends', () => {
    const source = sourceReader(0);
    const path = file('d.js', ["const password = 'canary';", 'x'.repeat(5000)]);

    expect(source(frameAt(path, 1))).toMatchObject([{ text: "const password = '[masked]';" }]);
    expect(source(frameAt(path, 2))[0]?.text).toMatch(/^x{300}… \(4700 characters more\)$/);
  });

  it.each([
    ['is missing', () => join(folder, 'missing.ts')],
    ['is no source', () => file('passwords.txt')],
    ['hides its ending', () => file('.env')],
    ['is a folder', () => folder],
    ['is too large', () => file('large.js', ['x'.repeat(3_000_000)])],
    ['belongs to a package', () => '/srv/node_modules/shop/index.js'],
  ])('reads nothing where the file %s', (_, path) => {
    const source = sourceReader(5);

    expect(source(frameAt(path(), 1))).toEqual([]);
  });

  it('reads a file named by an address', () => {
    const source = sourceReader(0);

    expect(source(frameAt(pathToFileURL(file('e f.ts')).href, 3))).toMatchObject([{ text: 'line 3' }]);
  });
});
