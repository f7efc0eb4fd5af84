// @ts-check
import { nameOf } from '../plan/plan.js';
import { WORKLOADS } from '../plan/workloads.js';

/** @typedef {import('../run.js').Sample} Sample */
/** @typedef {Pick<Sample, 'server' | 'durability' | 'connections'>} Server As it was measured. */
/** @typedef {'rate' | 'cpu' | 'p50' | 'p99'} Figure */

/** What was measured, by what it is asked for. */
export class Results {
  #samples;

  /** @param {readonly Sample[]} samples */
  constructor(samples) {
    this.#samples = samples;
  }

  /**
   * The workloads, in order, on which all of these were measured.
   * @param {readonly Server[]} servers
   */
  workloads(...servers) {
    return WORKLOADS.filter(({ name }) => servers.every((server) => this.#of(name, server).length > 0));
  }

  /** What was measured at least once, by workload. */
  all() {
    return WORKLOADS.flatMap((workload) => {
      const servers = this.#samples
        .filter((sample) => sample.workload === workload.name)
        .map(({ server, durability, connections }) => ({ workload, server, durability, connections }));
      return [...new Map(servers.map((one) => [nameOf(one), one])).values()];
    });
  }

  /**
   * A figure of every round. NaN where it could not be known.
   * @param {string} workload
   * @param {Server} server
   * @param {Figure} figure
   */
  values(workload, server, figure) {
    return this.#of(workload, server).map((sample) => sample[figure] ?? NaN);
  }

  /**
   * One server's figure over the other's. Each round is compared by itself, since its measurements are neighbours in time.
   * @param {string} workload
   * @param {Server} one
   * @param {Server} other
   * @param {Figure} figure
   * @param {string} [otherWorkload] Default: the same.
   */
  ratios(workload, one, other, figure, otherWorkload = workload) {
    const others = this.#of(otherWorkload, other);
    return this.#of(workload, one).map((sample) => {
      const neighbour = others.find(({ round }) => round === sample.round);
      return (sample[figure] ?? NaN) / (neighbour?.[figure] ?? NaN);
    });
  }

  /**
   * @param {string} workload
   * @param {Server} server
   */
  #of(workload, { server, durability, connections }) {
    return this.#samples.filter(
      (sample) =>
        sample.workload === workload &&
        sample.server === server &&
        sample.durability === durability &&
        sample.connections === connections,
    );
  }
}
