import { ForebayError } from "./types.js";

/**
 * Loads something from the network. After a failure it tries again, with pauses that double, and when the browser comes
 * online. Rejects after some seconds, but goes on trying; rejects at once if trying again cannot help.
 */
export function untilLoaded<Loaded>(load: () => Promise<Loaded>): Promise<Loaded> {
  return new Promise((resolve, reject) => {
    const attempt = async (pause: number) => {
      try {
        resolve(await load());
      } catch (error) {
        const told =
          error instanceof ForebayError
            ? error
            : new ForebayError("NotLoaded", `Forebay did not load: ${error}`);
        // The browser lacks something (ReferenceError) or cannot parse the script (SyntaxError): it will fail again.
        const isFinal = told === error || /^(Ref|Syn)/.test(`${error}`);
        if (isFinal || pause === 1000) console.error(told.message);
        if (isFinal || pause > 4000) reject(told);
        if (isFinal) return;
        await new Promise((go) => {
          setTimeout(go, pause);
          addEventListener("online", go);
        });
        attempt(pause * 2);
      }
    };
    attempt(1000);
  });
}
