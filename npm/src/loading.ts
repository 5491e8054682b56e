import { ForebayError } from "./types.js";

/**
 * Loads what is on the network: where it does not come again and again, with pauses that double, and once the
 * browser is online. Rejects after some seconds, though it goes on to try, and at once where that cannot help.
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
        // What the browser does not know, or cannot read, it will not next time.
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
