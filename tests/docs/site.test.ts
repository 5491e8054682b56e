// The documentation as a site: that it is built, that each link leads somewhere, and that its search has the pages.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readdir, readFile } from "node:fs/promises";
import { dirname, join, relative, resolve } from "node:path";
import { before, test } from "node:test";
import { promisify } from "node:util";
import { ROOT } from "../support/stack.ts";

const SITE = join(ROOT, "docs/.vitepress/dist");
/** Rustdoc checks its own links, and `cargo xtask docs` puts it there. */
const CRATES = "crates";

const files = new Map<string, string>();

before(async () => {
  await promisify(execFile)("npm", ["run", "build", "--workspace", "docs"], { cwd: ROOT });
  const names = await readdir(SITE, { recursive: true });
  for (const name of names) {
    if (name.startsWith(`${CRATES}/`)) continue;
    files.set(name, name.endsWith(".html") ? await readFile(join(SITE, name), "utf8") : "");
  }
});

/** The ids of a page, as links spell them. */
function ids(page: string): Set<string> {
  return new Set([...page.matchAll(/\sid="([^"]+)"/g)].map(([, id]) => id));
}

test("every link of every page leads to a page, and to a heading where it names one", () => {
  // TypeDoc checks the links of what it writes.
  const pages = [...files].filter(([name]) => name.endsWith(".html") && !name.startsWith("api/"));
  assert.ok(pages.length > 25, `${pages.length} pages`);
  let links = 0;
  const dead = pages.flatMap(([name, page]) => {
    const found = [...page.matchAll(/\shref="([^"]+)"/g)].map(([, href]) =>
      href.replaceAll("&amp;", "&"),
    );
    return found.flatMap((href) => {
      if (/^[a-z]+:/.test(href) || href.startsWith("//")) return [];
      links++;
      const [path, id] = href.split("#");
      const place = path.startsWith("/") ? join(SITE, path) : resolve(SITE, dirname(name), path);
      let target = path ? relative(SITE, decodeURI(place)) : name;
      if (target === CRATES || target.startsWith(`${CRATES}/`)) return [];
      if (files.has(join(target, "index.html"))) target = join(target, "index.html");
      else if (!files.has(target)) target += ".html";
      const there = files.get(target);
      if (there === undefined) return [`${name}: ${href}: no such page`];
      if (id && !ids(there).has(decodeURIComponent(id))) return [`${name}: ${href}: no such place`];
      return [];
    });
  });
  assert.ok(links > 1_000, `${links} links`);
  assert.deepEqual([...new Set(dead)], []);
});

test("the search knows what the pages say", async () => {
  const index = [...files.keys()].find((name) => /localSearchIndex.*\.js$/.test(name));
  assert.ok(index);
  const text = await readFile(join(SITE, index), "utf8");
  for (const word of ["sessions", "identitypoolid", "replay"]) assert.ok(text.includes(word), word);
});
