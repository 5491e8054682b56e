// The documentation as a site: the same files that the repository shows, with search.

import { defineConfig } from "vitepress";

/** As the repository's pages make ids of headings, so that one link serves both. */
function slugify(heading: string): string {
  return heading
    .trim()
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\p{M}_ -]/gu, "")
    .replaceAll(" ", "-");
}

const page = (text: string, link: string) => ({ text, link });

export default defineConfig({
  title: "Forebay",
  description: "Product events from the browser to SQL, without losing one.",
  srcDir: "..",
  srcExclude: ["**/node_modules/**", "target/**", "**/dist/**", ".*/**"].concat(
    [
      "aws-call",
      "core",
      "demo-react",
      "edge-worker",
      "infra",
      "lake",
      "schema-tools",
      "sdk-wasm",
      "tests",
      "xtask",
    ].map((folder) => `${folder}/**`),
  ),
  rewrites: { "README.md": "index.md" },
  markdown: { anchor: { slugify } },
  themeConfig: {
    search: { provider: "local" },
    outline: [2, 3],
    nav: [
      page("Start", "/docs/start"),
      page("SDK", "/npm/README"),
      page("Worker", "/docs/edge-worker"),
      page("Lake", "/docs/lake"),
      // Made beside the pages, so that the browser has to load them.
      { text: "API", link: "/api/index.html", target: "_self" },
    ],
    sidebar: [
      {
        text: "In a page",
        items: [
          page("Your first event", "/docs/start"),
          page("The SDK", "/npm/README"),
          page("The schema", "/docs/schema"),
          page("npx forebay", "/docs/cli"),
          page("Loading", "/docs/loading"),
          page("Delivery", "/docs/delivery"),
          page("From Amplify and Pinpoint", "/docs/migrating"),
        ],
      },
      {
        text: "The worker",
        items: [
          page("npx forebay-worker", "/npm/worker/README"),
          page("Configuration and answers", "/docs/edge-worker"),
          page("Servers, curl and apps", "/docs/clients"),
          page("On Cloudflare", "/docs/deploy-cloudflare"),
          page("On a machine of your own", "/docs/deploy-self-hosted"),
          page("Operations", "/docs/operations"),
          page("Security", "/docs/security"),
        ],
      },
      {
        text: "The lake",
        items: [
          page("Layout and columns", "/docs/lake"),
          page("On AWS", "/docs/deploy-aws"),
          page("Athena", "/docs/athena"),
          page("Queries", "/docs/queries"),
          page("Costs", "/docs/costs"),
          page("Beyond one machine", "/docs/beyond-one-machine"),
        ],
      },
      {
        text: "The project",
        items: [
          page("Benchmarks", "/docs/benchmarks"),
          page("Architecture", "/docs/architecture"),
          page("Design", "/docs/design"),
          page("Glossary", "/docs/glossary"),
          page("Versions and support", "/docs/support"),
          page("Changelog", "/CHANGELOG"),
          page("Contributing", "/CONTRIBUTING"),
          page("Reporting a weakness", "/SECURITY"),
        ],
      },
    ],
  },
});
