// GET /metrics, read as a scraper reads it.

import assert from "node:assert/strict";

export interface Sample {
  name: string;
  labels: Record<string, string>;
  value: number;
}

export type Samples = Sample[];

/** Asks a worker for its metrics. */
export async function scrape(edge: string, key: string): Promise<Samples> {
  const answer = await fetch(`${edge}/metrics`, { headers: { authorization: `Bearer ${key}` } });
  const text = await answer.text();
  assert.equal(answer.status, 200, text);
  assert.match(answer.headers.get("content-type") ?? "", /^application\/openmetrics-text/);
  return parsed(text);
}

/** Reads OpenMetrics 1.0: each family once and in one piece, each sample of the family before it. */
function parsed(text: string): Samples {
  const lines = text.split("\n");
  assert.deepEqual(lines.splice(-2), ["# EOF", ""]);
  const families = new Map<string, string>();
  const samples: Samples = [];
  const seen = new Set<string>();
  let family = "";
  for (const line of lines) {
    const type = /^# TYPE (\w+) (counter|gauge)$/.exec(line);
    if (type) {
      family = type[1];
      assert.ok(!families.has(family), `${family} is there twice`);
      families.set(family, type[2]);
      continue;
    }
    if (line.startsWith(`# HELP ${family} `)) continue;
    const match = /^(\w+)(?:\{(.*)\})? (\d+)$/.exec(line);
    assert.ok(match, line);
    const [, name, labels = "", value] = match;
    assert.equal(name, families.get(family) === "counter" ? `${family}_total` : family);
    assert.ok(!seen.has(`${name}{${labels}}`), `${line} is there twice`);
    seen.add(`${name}{${labels}}`);
    const pairs = labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g);
    samples.push({
      name,
      labels: Object.fromEntries([...pairs].map(([, label, value]) => [label, value])),
      value: Number(value),
    });
  }
  return samples;
}

/** The sum of a family's samples that have these labels. */
export function sum(samples: Samples, name: string, labels: Record<string, string> = {}): number {
  const all = samples.filter((sample) => sample.name === name);
  assert.ok(all.length > 0, `there is no ${name}`);
  const matching = all.filter((sample) =>
    Object.entries(labels).every(([label, value]) => sample.labels[label] === value),
  );
  return matching.reduce((sum, { value }) => sum + value, 0);
}
