// What the node said at one time, and what follows from two of them.

import { Exposition, quantile } from "/console/exposition.js";

const WINDOW_MS = 5 * 60_000;
/** Rates and latencies are taken over some seconds, so that they can be read. */
const SMOOTH_MS = 5_000;

/** Asks the node how it is. */
export async function take(api) {
  const [shards, breakers, ready, text] = await Promise.all([
    api.get("/admin/shards"),
    api.get("/admin/breakers"),
    // It says what is wrong with status 503.
    fetch("/readyz").then((answer) => answer.json()),
    api.text("/metrics"),
  ]);
  const metrics = new Exposition(text);
  const resumes = (outcome) => metrics.sum("ws_resume_attempts_total", { outcome });
  return {
    at: Date.now(),
    ready,
    shards: shards.shards,
    imbalance: shards.imbalance,
    breakers: breakers.breakers,
    players: metrics.sum("ws_connections", { role: "player" }),
    spectators: metrics.sum("ws_connections", { role: "spectator" }),
    resumed: resumes("resumed"),
    newSessions: resumes("new_session"),
    notRecovered: resumes("not_recovered"),
    invalidTokens: resumes("invalid_token"),
    batches: metrics.sum("journal_batch_events_count"),
    batchEvents: metrics.sum("journal_batch_events_sum"),
    commits: metrics.buckets("journal_commit_seconds"),
    journalDepth: metrics.sum("journal_queue_depth"),
    residentBytes: metrics.sum("process_resident_memory_bytes"),
    startedAt: metrics.sum("process_start_time_seconds") * 1_000,
    version: metrics.label("build_info", "version"),
    revision: metrics.label("build_info", "revision"),
  };
}

/** The samples of the last minutes. */
export class History {
  samples = [];

  add(sample) {
    // A node that has started again counts from zero.
    if (this.last && sample.startedAt > this.last.startedAt + 1_000) this.samples = [];
    this.samples.push(sample);
    while (this.samples[0].at < sample.at - WINDOW_MS) this.samples.shift();
  }

  get last() {
    return this.samples.at(-1);
  }

  /** What was worked out for each sample: `of(sample, an earlier one some seconds before)`. */
  series(of) {
    let earlier = 0;
    return this.samples.map((sample, index) => {
      while (earlier < index - 1 && this.samples[earlier].at < sample.at - SMOOTH_MS) earlier += 1;
      return { at: sample.at, values: index === 0 ? of(sample, null) : of(sample, this.samples[earlier]) };
    });
  }
}

/** How much a counter grew a second; null where there is nothing to compare with. */
export function perSecond(key) {
  return (now, before) => (before ? ((now[key] - before[key]) * 1_000) / (now.at - before.at) : null);
}

/** All that resumed or came anew, a second. */
export function resumesPerSecond(now, before) {
  const keys = ["resumed", "newSessions", "notRecovered"];
  return before ? keys.reduce((sum, key) => sum + perSecond(key)(now, before), 0) : null;
}

export function commitSeconds(q) {
  return (now, before) => (before ? quantile(q, before.commits, now.commits) : null);
}

export function batchSize(now, before) {
  const batches = before ? now.batches - before.batches : 0;
  return batches > 0 ? (now.batchEvents - before.batchEvents) / batches : null;
}

/** What a shard is measured by, one way for the map and its history alike. */
export const MEASURES = {
  memory: { title: "Memory", of: (shard) => shard.memoryBytes, scale: "bytes" },
  entries: { title: "Entries", of: (shard) => shard.entries, scale: "count" },
  queue: { title: "Queue depth", of: (shard) => shard.queueDepth, scale: "count" },
  hitRate: {
    title: "Hit rate",
    of: (shard) => (shard.hits + shard.misses > 0 ? (100 * shard.hits) / (shard.hits + shard.misses) : null),
    scale: "percent",
  },
};
