// Amplify's configuration files: which application they are for, and what Forebay misses in them.

import type { App } from "./app.js";
import { members } from "./modules.js";
import type { Survey } from "./survey.js";
import { keyOf } from "./syntax.js";

/** A configuration file, with what Forebay reads of it. */
export interface Settings {
  file: string;
  appId?: string;
  region?: string;
  identityPoolId?: string;
}

/** Reads the configuration files, and notes those that have no identity pool. */
export function settingsOf(app: App, found: Survey): Settings[] {
  const read = [...app.sources.configurations].map(([file, text]) => settings(file, members(text)));
  for (const file of app.filesWith("aws_")) {
    if (!/(^|\/)aws-exports\./.test(file.path)) continue;
    const flat: Record<string, unknown> = {};
    app.visit(file, ({ node }) => {
      if (node.type !== "ObjectProperty" || node.value.type !== "StringLiteral") return;
      const key = keyOf(node);
      if (key) flat[key] = node.value.value;
    });
    read.push(settings(file.path, flat));
  }
  const used = read.filter(({ appId }) => appId !== undefined);
  for (const { file, identityPoolId } of used) {
    if (identityPoolId !== undefined) continue;
    found.left.push({
      file,
      line: 1,
      column: 1,
      what: "the configuration has no identity pool",
      advice:
        "Forebay signs requests with an identity pool's credentials: add its id to the configuration.",
    });
  }
  return used;
}

// biome-ignore lint/suspicious/noExplicitAny: every member may be missing.
function settings(file: string, given: Record<string, any>): Settings {
  const pinpoint = given.analytics?.amazon_pinpoint ?? given.Analytics?.Pinpoint;
  const texts = {
    appId: given.aws_mobile_analytics_app_id ?? pinpoint?.app_id ?? pinpoint?.appId,
    region: given.aws_mobile_analytics_app_region ?? pinpoint?.aws_region ?? pinpoint?.region,
    identityPoolId:
      given.aws_cognito_identity_pool_id ??
      given.auth?.identity_pool_id ??
      given.Auth?.Cognito?.identityPoolId,
  };
  const known = Object.entries(texts).filter(([, value]) => typeof value === "string");
  return { file, ...Object.fromEntries(known) };
}
