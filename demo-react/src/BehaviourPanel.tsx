import { useCallback } from "react";
import { funnelQuery, SESSIONS_QUERY } from "./queries";
import { runQuery } from "./server";
import { Card, Empty } from "./ui";
import { usePoll } from "./usePoll";

const REFRESH_MS = 5000;
/** More would not fit beside each other. */
const MAX_STEPS = 3;

/** Who did what after what, and how long sessions were, counted in the lake. */
export function BehaviourPanel({ eventTypes }: { eventTypes: readonly string[] }) {
  const ask = useCallback(async () => {
    const steps = eventTypes.slice(0, MAX_STEPS);
    const [funnel, sessions] = await Promise.all([
      runQuery(funnelQuery(steps)),
      runQuery(SESSIONS_QUERY),
    ]);
    const [clients = []] = funnel.rows;
    const [[count, events, seconds] = []] = sessions.rows;
    return {
      steps: steps.map((type, i) => ({ type, clients: Number(clients[i] ?? 0) })),
      sessions: Number(count ?? 0),
      events: Number(events ?? 0),
      seconds: Number(seconds ?? 0),
    };
  }, [eventTypes]);
  const { value, error } = usePoll(ask, REFRESH_MS);
  return (
    <Card
      title="Funnel and sessions"
      hint="One browser is one client. The ready queries below have the SQL."
      className="behaviour"
    >
      {error && <p className="bad chart-error">{error}</p>}
      {value?.sessions ? (
        <div className="behaviour-parts">
          <Funnel steps={value.steps} />
          <dl className="figures">
            <Figure name="Sessions" value={value.sessions.toLocaleString("en")} />
            <Figure name="Events a session" value={value.events.toFixed(1)} />
            <Figure name="Length, median" value={duration(value.seconds)} />
          </dl>
        </div>
      ) : (
        <Empty title="No session yet">Each visit that records an event is one.</Empty>
      )}
    </Card>
  );
}

function Funnel({ steps }: { steps: { type: string; clients: number }[] }) {
  const most = Math.max(1, steps[0]?.clients ?? 0);
  return (
    <ol className="funnel" aria-label="Funnel">
      {steps.map(({ type, clients }, i) => {
        const share = Math.round((100 * clients) / most);
        return (
          <li key={type}>
            <span className="funnel-name">
              {i > 0 && "then "}
              {type}
            </span>
            <span className="funnel-count">
              <b>{clients.toLocaleString("en")}</b> {clients === 1 ? "client" : "clients"}
              {i > 0 && `, ${share} %`}
            </span>
            <span className="funnel-bar" aria-hidden="true">
              <span className="funnel-fill" style={{ width: `${Math.min(100, share)}%` }} />
            </span>
          </li>
        );
      })}
    </ol>
  );
}

function Figure({ name, value }: { name: string; value: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}

function duration(seconds: number): string {
  return seconds < 60
    ? `${Math.round(seconds)} s`
    : `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
}
