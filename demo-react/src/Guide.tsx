import { useEffect, useState } from "react";
import { useTrail } from "./trail";
import { Icon, IconButton } from "./ui";

/** In localStorage once somebody has closed the guide. */
const CLOSED = "forebay-demo.guide-closed";

/** What to try first, in a minute; each step ticks itself off. */
export function Guide(props: { hasAsked: boolean; hasReplay: boolean }) {
  const { events, stats } = useTrail();
  const [isClosed, setClosed] = useState(wasClosed);
  const steps = [
    {
      title: "Sign up",
      text: "Any address does. With the plan team, a sink fires.",
      done: stats.recorded > 0,
    },
    {
      title: "Watch it arrive",
      text: "The trail ends in a Parquet file.",
      done: events.some(({ parquet }) => parquet),
    },
    {
      title: "Record a wrong one",
      text: "Sign up as “ada”: no address, no event.",
      done: stats.invalid > 0,
    },
    {
      title: "Mend and replay",
      text: "Send it anyway; mend its dead letter.",
      done: events.some(({ isReplayed, parquet }) => isReplayed && parquet),
    },
    { title: "Ask in SQL", text: "Pick a ready query at the end.", done: props.hasAsked },
  ].filter(({ title }) => props.hasReplay || title !== "Mend and replay");
  const done = steps.filter((step) => step.done).length;
  const next = steps.findIndex((step) => !step.done);
  useEffect(() => {
    if (isClosed) remember();
  }, [isClosed]);
  if (isClosed) return null;
  return (
    <section className="card guide" aria-label="First steps">
      <p className="guide-head">
        <b>{next < 0 ? "That is all of it" : "Try it in a minute"}</b>
        <span className="hint">
          {done} of {steps.length}
        </span>
      </p>
      <ol>
        {steps.map(({ title, text, done }, i) => (
          <li key={title} data-done={done} aria-current={i === next ? "step" : undefined}>
            <span className="guide-mark" aria-hidden="true">
              {done ? <Icon name="check" /> : i + 1}
            </span>
            <span>
              <b>{title}</b>
              {done && <span className="visually-hidden"> (done)</span>}
              <span className="hint">{text}</span>
            </span>
          </li>
        ))}
      </ol>
      <IconButton label="Close the first steps" icon="cross" onClick={() => setClosed(true)} />
    </section>
  );
}

/** A page may have no storage. */
function wasClosed(): boolean {
  try {
    return localStorage.getItem(CLOSED) !== null;
  } catch {
    return false;
  }
}

function remember() {
  try {
    localStorage.setItem(CLOSED, "1");
  } catch {
    // It is there again next time.
  }
}
