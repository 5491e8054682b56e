import type { Settings } from "./config.js";
import { keep, kept } from "./storage.js";

/** Whether this browser's events may leave: what was said last, by whichever tab or visit. */
export class Consent {
  readonly #key: string;
  readonly #settings: Settings;
  /** What was said in this page, for where nothing can be kept. */
  #said: boolean | undefined;

  /** @param onChange Called when another tab has changed it. */
  constructor(settings: Settings, onChange: () => void) {
    this.#settings = settings;
    this.#key = `forebay.enabled.${settings.appId}`;
    addEventListener("storage", ({ key }) => {
      if (key !== this.#key) return;
      this.#said = undefined;
      onChange();
    });
  }

  /** Why nothing may leave; `undefined` where it may. */
  get refusal(): string | undefined {
    if (this.#settings.respectPrivacySignals && asksForPrivacy()) return "privacy signal";
    const kept = this.#kept() ?? this.#said ?? !this.#settings.disabled;
    return kept ? undefined : "disabled";
  }

  set(enabled: boolean): void {
    this.#said = enabled;
    keep(this.#key, String(enabled));
  }

  #kept(): boolean | undefined {
    const text = kept(this.#key);
    return text ? text === "true" : undefined;
  }
}

/** Whether the browser says that its user wants no tracking: by Global Privacy Control, or Do Not Track. */
function asksForPrivacy(): boolean {
  const { globalPrivacyControl, doNotTrack } = navigator as {
    globalPrivacyControl?: boolean;
    doNotTrack?: string | null;
  };
  return !!globalPrivacyControl || doNotTrack === "1";
}
