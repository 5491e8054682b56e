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
