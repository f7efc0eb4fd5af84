/** What the stacks of `good.ts` and `bad.ts` are made of. */
import {
  type CgiLayer,
  type DatabaseLayer,
  type Environ,
  type EnvironmentLayer,
  layer,
  type Reply,
  type SessionLayer,
  text,
} from '../../src/index.js';

export const file = { database: 'never-opened.db' };
export const memory = { name: 'goodEnv', storage: 'memory' } as const;
export const stored = { name: 'goodEnv' };
export const counter = { app: 'counter' };

export interface ReportLayer {
  'web.report': string[];
}

/** A layer as a user of the toolkit writes it, which needs two others. */
export const report = layer<
  'report',
  ReportLayer,
  DatabaseLayer & EnvironmentLayer,
  'database' | 'environment',
  [options?: { title?: string }]
>(
  'report',
  {
    sets: ['web.report'],
    needs: { 'web.database.connection': 'database', 'web.environment.name': 'environment' },
  },
  (application, { title = 'Report' } = {}) => {
    return (environ) => application(Object.assign(environ, { 'web.report': [title] }));
  },
);

/** Applications that say what they need by intersection. */
export const plain = (environ: Environ): Reply => text(environ.PATH_INFO);
export const visits = (environ: Environ & SessionLayer): Reply =>
  text(`visit ${String(environ['web.session.store'].increment('visits'))}`);
export const greets = (environ: Environ & CgiLayer): Promise<Reply> =>
  Promise.resolve(text(`named: ${String(environ['web.cgi'].has('name'))}`));
export const reports = (environ: Environ & ReportLayer): Reply => text(environ['web.report'].join());

/** The values of an application, with interfaces inside. */
export interface Item {
  name: string;
  price: bigint;
  note?: string;
}
export interface Cart {
  items: readonly Item[];
  count: number;
  since: Date;
  byName: ReadonlyMap<string, Item>;
  size: 'small' | 'large';
  coupon?: string;
}
