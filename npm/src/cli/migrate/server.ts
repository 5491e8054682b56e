import type { App, Place } from "./app.js";
import { frontmatter } from "./component.js";
import { packageOf } from "./modules.js";
import { isFunction, type Node } from "./syntax.js";

/** Files of Next.js that run on a server, whatever they say, and those that do unless they say otherwise. */
const ROUTES =
  /(^|\/)(app\/(.*\/)?route|pages\/api\/.*|middleware|proxy|instrumentation)\.[cm]?[jt]sx?$/;
const PAGES = /(^|\/)app\/(.*\/)?(page|layout|template|default|loading|not-found)\.[jt]sx?$/;
const SERVER_FOLDERS =
  /(^|\/)(server|functions|lambda|amplify\/backend|netlify|api)\/|\.server\.[cm]?[jt]sx?$/;
const SERVER_FUNCTIONS = /^(getServerSideProps|getStaticProps|getInitialProps|loader|action)$/;

/** Why a place is on a server, in half a sentence; nothing where it is in a browser, as far as files tell. */
export function serverReason(app: App, { file, script, node }: Place): string | undefined {
  const { dependencies: own, devDependencies } = packageOf(app.sources, file.path);
  const dependencies = { ...(own as object), ...(devDependencies as object) };
  const says = (directive: string) =>
    script.program.directives.some(({ value }) => value.value === directive);
  if (says("use server")) return '"use server"';
  if (/["']server-only["']/.test(file.text)) return "server-only";
  if (ROUTES.test(file.path)) return "a route or middleware";
  if ((node.start as number) < frontmatter(file.path, file.text).length) {
    return "the frontmatter of an Astro component";
  }
  if (
    SERVER_FOLDERS.test(file.path) &&
    !/\.(jsx|tsx|vue|svelte)$/.test(file.path) &&
    !says("use client")
  ) {
    return "a folder for servers";
  }
  if ("next" in dependencies && PAGES.test(file.path) && !says("use client")) {
    return 'a server component: it has no "use client"';
  }
  for (let at: Node | undefined = node; at; at = script.parents.get(at)) {
    if (
      isFunction(at) &&
      "id" in at &&
      at.id &&
      "name" in at.id &&
      SERVER_FUNCTIONS.test(`${at.id.name}`)
    ) {
      return `${at.id.name}`;
    }
  }
  return undefined;
}
