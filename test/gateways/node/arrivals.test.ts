import { setImmediate as nextPass } from 'node:timers/promises';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { Arrivals } from '../../../src/gateways/node/arrivals.js';

let handled: string[][] = [];
let arrivals = new Arrivals<string>(() => undefined);

beforeEach(() => {
  handled = [];
  arrivals = new Arrivals((together) => handled.push([...together]));
});

describe('arrivals', () => {
  it('handles one that comes alone at once', () => {
    arrivals.add('a');

    expect(handled).toEqual([['a']]);
  });

  it('handles those that come after it in the same pass together, at its end', async () => {
    for (const one of ['a', 'b', 'c']) arrivals.add(one);
    expect(handled).toEqual([['a']]);
    await nextPass();

    expect(handled).toEqual([['a'], ['b', 'c']]);
  });

  it('lets the first wait too once several have come in one pass', async () => {
    for (const one of ['a', 'b']) arrivals.add(one);
    await nextPass();
    for (const one of ['c', 'd']) arrivals.add(one);
    await nextPass();

    expect(handled).toEqual([['a'], ['b'], ['c', 'd']]);
  });

  it('keeps nobody waiting any more after one has waited for nothing', async () => {
    for (const one of ['a', 'b']) arrivals.add(one);
    await nextPass();
    arrivals.add('c');
    expect(handled.at(-1)).toEqual(['b']);
    await nextPass();
    arrivals.add('d');

    expect(handled.slice(2)).toEqual([['c'], ['d']]);
  });

  it('takes one that comes while others are handled into the next pass', async () => {
    const late: Arrivals<string> = new Arrivals((together) => {
      handled.push([...together]);
      if (together.includes('b')) late.add('c');
    });

    for (const one of ['a', 'b']) late.add(one);
    await nextPass();
    await nextPass();

    expect(handled).toEqual([['a'], ['b'], ['c']]);
  });
});
