import { useCallback, useMemo, useState } from "react";
import { Bar, BarChart, CartesianGrid, ResponsiveContainer, Tooltip, XAxis, YAxis } from "recharts";
import { chartQuery } from "./queries";
import { type Cell, runQuery } from "./server";
import { Card, Choice, Empty } from "./ui";
import { usePoll } from "./usePoll";

const REFRESH_MS = 3000;

/**
 * Ranges by their name: seconds back from now, seconds that are counted together, and seconds from one
 * time on the axis to the next.
 */
const RANGES = {
  "5 min": { range: 300, bucket: 10, tick: 60 },
  "1 h": { range: 3600, bucket: 120, tick: 600 },
  "24 h": { range: 86_400, bucket: 3600, tick: 21_600 },
} as const;
const RANGE_NAMES = Object.keys(RANGES) as (keyof typeof RANGES)[];

interface Bucket {
  /** Start of the bucket, in seconds since the epoch. */
  start: number;
  counts: Record<string, number>;
}

/** Events over time by type, counted in the lake. */
export function ChartPanel({ eventTypes }: { eventTypes: readonly string[] }) {
  const [name, setName] = useState<keyof typeof RANGES>("5 min");
  const { range, bucket, tick } = RANGES[name];
  const ask = useCallback(async () => {
    const { rows } = await runQuery(chartQuery(bucket, range));
    return toBuckets(rows, bucket, range);
  }, [bucket, range]);
  const { value: buckets = [], error } = usePoll(ask, REFRESH_MS);
  const totals = useMemo(() => totalsOf(buckets), [buckets]);
  const total = Object.values(totals).reduce((sum, count) => sum + count, 0);
  return (
    <Card
      title="Events over time"
      hint="Counted in the lake by SQL, every 3 s."
      className="chart"
      actions={
        <Choice label="Range" values={RANGE_NAMES} value={name} onChange={setName} hideLabel />
      }
    >
      {error && <p className="bad chart-error">{error}</p>}
      {total === 0 ? (
        <Empty title={`Nothing in the last ${name}`}>
          Recorded events show up here a few seconds after the edge has accepted them.
        </Empty>
      ) : (
        <>
          <Legend eventTypes={eventTypes} totals={totals} />
          <div className="chart-area" role="img" aria-label={summary(totals, name)}>
            <ResponsiveContainer width="100%" height="100%">
              <BarChart
                data={buckets}
                margin={{ top: 8, right: 16, bottom: 0, left: 0 }}
                barCategoryGap="18%"
              >
                <CartesianGrid vertical={false} stroke="var(--line)" />
                <XAxis
                  dataKey="start"
                  ticks={buckets.map(({ start }) => start).filter((start) => start % tick === 0)}
                  interval={0}
                  tickFormatter={formatTime}
                  tickLine={false}
                  axisLine={{ stroke: "var(--line-strong)" }}
                  tick={{ fill: "var(--text-3)", fontSize: 12 }}
                />
                <YAxis
                  allowDecimals={false}
                  width={42}
                  tickLine={false}
                  axisLine={false}
                  tick={{ fill: "var(--text-3)", fontSize: 12 }}
                />
                <Tooltip
                  content={<BucketTooltip eventTypes={eventTypes} />}
                  cursor={{ fill: "var(--hover)" }}
                  isAnimationActive={false}
                />
                {eventTypes.map((type, i) => (
                  <Bar
                    key={type}
                    dataKey={(each: Bucket) => each.counts[type] ?? 0}
                    name={type}
                    stackId="events"
                    fill={seriesColor(i)}
                    isAnimationActive={false}
                  />
                ))}
              </BarChart>
            </ResponsiveContainer>
          </div>
        </>
      )}
    </Card>
  );
}

function Legend(props: { eventTypes: readonly string[]; totals: Record<string, number> }) {
  const { eventTypes, totals } = props;
  return (
    <ul className="legend">
      {eventTypes.map((type, i) => (
        <li key={type}>
          <span className="swatch" style={{ background: seriesColor(i) }} />
          {type} <b>{(totals[type] ?? 0).toLocaleString("en")}</b>
        </li>
      ))}
    </ul>
  );
}

/** recharts fills in what may be missing. */
function BucketTooltip(props: {
  eventTypes: readonly string[];
  active?: boolean;
  payload?: readonly { payload?: Bucket }[];
}) {
  const bucket = props.payload?.[0]?.payload;
  if (!props.active || !bucket) return null;
  return (
    <div className="tooltip">
      <b>{formatTime(bucket.start)}</b>
      {props.eventTypes.map((type, i) => (
        <span key={type}>
          <span className="swatch" style={{ background: seriesColor(i) }} />
          {type} <b>{bucket.counts[type] ?? 0}</b>
        </span>
      ))}
    </div>
  );
}

/** One bucket after the other up to now, those with no event too. */
function toBuckets(rows: Cell[][], bucket: number, range: number): Bucket[] {
  const newest = Math.floor(Date.now() / 1000 / bucket) * bucket;
  const buckets = Array.from({ length: range / bucket }, (_, i): Bucket => {
    return { start: newest - (range / bucket - 1 - i) * bucket, counts: {} };
  });
  const byStart = new Map(buckets.map((each) => [each.start, each]));
  for (const [start, type, events] of rows) {
    const counts = byStart.get(Number(start))?.counts;
    if (counts) counts[String(type)] = Number(events);
  }
  return buckets;
}

function totalsOf(buckets: Bucket[]): Record<string, number> {
  const totals: Record<string, number> = {};
  for (const { counts } of buckets) {
    for (const [type, count] of Object.entries(counts)) totals[type] = (totals[type] ?? 0) + count;
  }
  return totals;
}

function summary(totals: Record<string, number>, range: string) {
  const parts = Object.entries(totals).map(([type, count]) => `${count} ${type}`);
  return `Events of the last ${range}: ${parts.join(", ")}`;
}

function seriesColor(index: number) {
  return `var(--series-${(index % 4) + 1})`;
}

function formatTime(seconds: number) {
  return new Date(seconds * 1000).toLocaleTimeString("sv").slice(0, seconds % 60 ? 8 : 5);
}
