"use client";

import { type ReactNode, useState } from "react";
import {
  type AmplifyConfig,
  type AnalyticsEvent,
  configure,
  type ForebayConfig,
  type Receipt,
  record,
} from "./index.js";

/** Configures Forebay before anything below it is rendered. */
export function ForebayProvider(props: {
  config: ForebayConfig | AmplifyConfig;
  children?: ReactNode;
}): ReactNode {
  // Not in an effect: effects of children run first, and they may record.
  useState(() => configure(props.config));
  return props.children;
}

/** Gives `record`. The same function on every render. */
export function useRecord(): (event: AnalyticsEvent) => Receipt {
  return record;
}
