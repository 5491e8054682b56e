// Every scenario has an endpoint and a visitor to itself, and most of their time they wait: they run
// side by side, those first that wait longest.

import { describe } from "node:test";
import { engine } from "../support/engines/engine.ts";
import { backlog } from "./backlog.ts";
import { cold } from "./cold.ts";
import { disks } from "./disks.ts";
import { leaving, twoTabs } from "./leaving.ts";
import { limits } from "./limits.ts";
import { outages } from "./outages.ts";
import { platform } from "./platform.ts";
import { traps } from "./traps.ts";

describe("delivery", { concurrency: engine.concurrency }, () => {
  outages();
  leaving();
  twoTabs();
  disks();
  cold();
  platform();
  limits();
  backlog();
  traps();
});
