import { type SubmitEvent, useContext, useRef, useState } from "react";
import { violationText } from "./forms/FormFoot";
import { type DeadLetter, type Replay, Stack } from "./server";
import { replayLetter, shortId } from "./trail";
import { Field, Icon } from "./ui";

/** What the edge refused, from any client, with its reasons. */
export function DeadLetters({ letters }: { letters: DeadLetter[] }) {
  return (
    <details className="dead-letters">
      <summary>
        <Icon name="chevron" /> Dead letters <span className="tally">{letters.length} latest</span>
      </summary>
      <ul>
        {letters.map((letter) => (
          <li key={letter.event_id ?? letter.dead_letter_id}>
            <span>
              {letter.event_type ?? letter.kind}{" "}
              <code>{shortId(letter.event_id ?? letter.client_id)}</code>
            </span>
            <Letter letter={letter} />
          </li>
        ))}
      </ul>
    </details>
  );
}

/** Why an event is a dead letter; and it sent again, with what was wrong put right. */
export function Letter({ letter }: { letter: DeadLetter }) {
  const stack = useContext(Stack);
  const part = useRef<HTMLDivElement>(null);
  const [changes, setChanges] = useState<Record<string, string>>({});
  // The edge may refuse the event again. Then there is a new dead letter, and its reasons may name other members.
  const values = { ...wrongMembers(letter), ...changes };
  const [answer, setAnswer] = useState<Replay | { error: string }>();
  const [isRunning, setRunning] = useState(false);

  function submit(event: SubmitEvent) {
    event.preventDefault();
    setRunning(true);
    replayLetter(letter, values)
      .then((answer) => {
        setAnswer(answer);
        // The form is gone then.
        if (answer.accepted) part.current?.focus();
      })
      .catch(({ message }) => setAnswer({ error: message }))
      .finally(() => setRunning(false));
  }

  const isDone = letter.is_in_stream || (answer && "accepted" in answer && answer.accepted);
  return (
    <div className="letter" ref={part} tabIndex={-1}>
      {isDone ? (
        <p className="good">
          <Icon name="check" /> Replayed: the stream has this event now.
        </p>
      ) : (
        <p className="bad">{letter.reasons.map(violationText).join("; ")}</p>
      )}
      {stack?.replays && letter.event && !isDone && (
        <form onSubmit={submit} noValidate>
          {Object.entries(values).map(([path, value]) => (
            <Field key={path} label={path.slice(path.indexOf(".") + 1)}>
              {(attributes) => (
                <input
                  {...attributes}
                  type="text"
                  autoComplete="off"
                  spellCheck={false}
                  value={value}
                  onChange={(event) => setChanges({ ...changes, [path]: event.target.value })}
                />
              )}
            </Field>
          ))}
          <button type="submit" className="primary" disabled={isRunning}>
            <Icon name="refresh" /> Replay
          </button>
        </form>
      )}
      <div role="status">
        {answer && (
          <pre className="code">
            {"error" in answer ? answer.error : `$ ${answer.command}\n${answer.output}`}
          </pre>
        )}
      </div>
    </div>
  );
}

/** The members that there is something against, by their paths, as they were sent. */
function wrongMembers({ reasons, event }: DeadLetter): Record<string, string> {
  const members = reasons.flatMap(({ path }) => {
    const [, parent, name = ""] = /^(Attributes|Metrics)\.(.+)$/s.exec(path) ?? [];
    if (!parent) return [];
    return [[path, String(event?.[parent as "Attributes" | "Metrics"]?.[name] ?? "")]];
  });
  return Object.fromEntries(members);
}
