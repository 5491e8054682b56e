// What the page asks the lake.

/** Queries to start from. */
export const READY_QUERIES = {
  "Latest 20 events": `SELECT event_timestamp, event_type, country, browser, data
FROM events
ORDER BY event_timestamp DESC
LIMIT 20`,
  "Sign-ups per minute by country": `SELECT date_trunc('minute', event_timestamp) AS minute, country, count(*) AS sign_ups
FROM sign_up_event
GROUP BY ALL
ORDER BY minute DESC, sign_ups DESC`,
  Sessions: `SELECT min(event_timestamp) AS began, count(*) AS events,
  date_diff('second', min(event_timestamp), max(event_timestamp)) AS seconds,
  min_by(event_type, event_timestamp) AS first_event,
  max_by(event_type, event_timestamp) AS last_event
FROM events
WHERE session_id IS NOT NULL
GROUP BY session_id
ORDER BY began DESC`,
  "Funnel: sign-up, then a piece": `WITH steps AS (
  SELECT client_id,
    min(event_timestamp) FILTER (WHERE event_type = 'SignUpEvent') AS signed_up,
    max(event_timestamp) FILTER (WHERE event_type = 'PiecePlayedEvent') AS played
  FROM events
  GROUP BY client_id
)
SELECT count(*) AS clients, count(signed_up) AS signed_up,
  count(*) FILTER (WHERE played > signed_up) AS then_played
FROM steps`,
  "Browser to edge, p50 and p95": `SELECT event_type, count(*) AS events,
  quantile_cont(delay, 0.50) AS p50_ms,
  quantile_cont(delay, 0.95) AS p95_ms
FROM (
  SELECT event_type, epoch_ms(arrival_timestamp) - epoch_ms(event_timestamp) AS delay
  FROM events
)
GROUP BY ALL
ORDER BY events DESC`,
} as const;

/**
 * How many clients did the first of these event types, and how many of them the next ones after it, each after the one
 * before.
 */
export function funnelQuery(types: readonly string[]): string {
  const text = (type: string) => `'${type.replaceAll("'", "''")}'`;
  const times = types.map((type, i) => {
    const time = i === 0 ? "min" : "max";
    return `${time}(event_timestamp) FILTER (WHERE event_type = ${text(type)}) AS step_${i}`;
  });
  const counts = types.map((_, i) => {
    const after = Array.from({ length: i }, (_, at) => `step_${at + 1} > step_${at}`);
    return `count(*) FILTER (WHERE ${["step_0 IS NOT NULL", ...after].join(" AND ")})::INTEGER`;
  });
  return `SELECT ${counts.join(", ")}
FROM (SELECT client_id, ${times.join(", ")} FROM events GROUP BY client_id)`;
}

/** How many sessions there are, how many events they have, and how many seconds they take. */
export const SESSIONS_QUERY = `SELECT count(*)::INTEGER, avg(events), median(seconds)
FROM (
  SELECT count(*) AS events,
    date_diff('millisecond', min(event_timestamp), max(event_timestamp)) / 1000 AS seconds
  FROM events
  WHERE session_id IS NOT NULL
  GROUP BY client_id, session_id
)`;

/** The tables of the lake with their columns. */
export const TABLES_QUERY = `SELECT table_name, column_name, data_type
FROM duckdb_columns()
WHERE NOT internal
ORDER BY table_name, column_index`;

/**
 * Events by type and by time.
 * @param bucket seconds that are counted together
 * @param range seconds back from now
 */
export function chartQuery(bucket: number, range: number): string {
  return `SELECT epoch(time_bucket(INTERVAL ${bucket} SECOND, event_timestamp))::BIGINT AS bucket,
  event_type, count(*)::INTEGER AS events
FROM events
WHERE event_timestamp > now() - INTERVAL ${range} SECOND
GROUP BY ALL`;
}
