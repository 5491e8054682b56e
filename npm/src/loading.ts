import { ForebayError } from "./types.js";

/** Loads what is on the network, as often as it takes. What the program has to put right it says. */
export async function untilLoaded<Loaded>(load: () => Promise<Loaded>): Promise<Loaded> {
  for (let pause = 1000; ; pause = Math.min(pause * 2, 60_000)) {
    try {
      return await load();
    } catch (error) {
      if (error instanceof ForebayError) {
        console.error(error.message);
        throw error;
      }
      console.warn(`Forebay did not load; next try in ${pause / 1000} s.`, error);
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }
}
