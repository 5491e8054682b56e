// The edits that move an app's analytics from Amplify to Forebay: which module each name is imported from.

import { amplifyModule, FOREBAY, FOREBAY_V5, FUNCTIONS, TYPES } from "./amplify.js";
import type { App, SourceFile } from "./app.js";
import { Draft, indentAt, newLine, type Target, unused } from "./draft.js";
import { members, packageOf } from "./modules.js";
import { leave, namesAt, type Site, type Survey } from "./survey.js";
import { type Binding, bare, keyOf, type Node, nameOf } from "./syntax.js";

/** A name that is taken from a module. */
interface Item {
  /** In the module. */
  name: string;
  /** As it stands, with `as` and all. */
  node: Node;
  local: Node;
  isDefault: boolean;
  binding?: Binding;
}

/** Moves an app's analytics, by edits of its files. */
export class Rewriter extends Draft {
  readonly #versions = new Map<string, 5 | 6>();
  readonly #usual: 5 | 6;

  constructor(
    readonly app: App,
    readonly found: Survey,
    /** Whether Amplify stays configured, for what else the app has of it. */
    readonly keeps: boolean,
  ) {
    super();
    const usesV5 = found.sites.some((site) => namesAt(site)?.includes("Analytics"));
    this.#usual = usesV5 ? 5 : 6;
  }

  /** The version of Amplify that a file is written for: by what it imports, else by its package. */
  version(file: SourceFile): 5 | 6 {
    let version = this.#versions.get(file.path);
    if (version === undefined) {
      version = this.#shown(file) ?? this.#declared(file) ?? this.#usual;
      this.#versions.set(file.path, version);
    }
    return version;
  }

  #shown(file: SourceFile): 5 | 6 | undefined {
    const sites = this.found.sites.filter((site) => site.file === file);
    if (sites.some(({ source }) => /^aws-amplify\//.test(source))) return 6;
    return sites.some((site) => namesAt(site)?.includes("Analytics")) ? 5 : undefined;
  }

  #declared(file: SourceFile): 5 | 6 | undefined {
    const root = members(this.app.sources.packages.get("package.json") ?? "");
    for (const { dependencies, devDependencies, peerDependencies } of [
      packageOf(this.app.sources, file.path),
      root,
    ] as Record<string, Record<string, string> | undefined>[]) {
      const all = { ...peerDependencies, ...devDependencies, ...dependencies };
      const major = (name: string) => Number(/\d+/.exec(all[name] ?? "")?.[0] ?? Number.NaN);
      const whole = major("aws-amplify");
      if (whole >= 6) return 6;
      if (whole > 0) return 5;
      const part = major("@aws-amplify/analytics");
      if (part >= 7) return 6;
      if (part > 0) return 5;
    }
    return undefined;
  }

  /** Moves every name that can be moved to where Forebay has it. */
  imports(): void {
    for (const site of this.found.sites) {
      const kind = amplifyModule(site.source);
      const names = namesAt(site);
      const isOld = names
        ? names.some((name) => !this.#isNew(name))
        : this.version(site.file) === 5;
      if (kind === "functions" || (kind === "either" && !isOld)) this.#functions(site);
      else if (site.by === "mock") this.#mock(site);
      else if (site.by === "type") this.#type(site);
      else this.#root(site);
    }
  }

  #isNew(name: string): boolean {
    return FUNCTIONS.includes(name) || Object.hasOwn(TYPES, name);
  }

  /** A module of v6's functions, all of which Forebay has: it is another module's name and no more, types aside. */
  #functions(site: Site): void {
    const { file, node } = site;
    this.#swap(site, FOREBAY);
    if (
      site.by === "type" &&
      node.type === "TSImportType" &&
      node.qualifier?.type === "Identifier"
    ) {
      const { qualifier } = node;
      const name = TYPES[qualifier.name];
      if (name) this.edit(file, qualifier.start as number, qualifier.end as number, name);
    }
    if (node.type !== "ImportDeclaration" && node.type !== "ExportNamedDeclaration") return;
    const last = node.specifiers.at(-1);
    if (
      node.type === "ImportDeclaration" &&
      last?.type === "ImportSpecifier" &&
      node.importKind !== "type"
    ) {
      this.list(site.script, FOREBAY, (name) => {
        this.edit(file, last.end as number, last.end as number, `, ${name}`);
      });
    }
    for (const specifier of node.specifiers) {
      if (specifier.type === "ImportNamespaceSpecifier") this.#typesOf(site, specifier.local);
      const isImport = specifier.type === "ImportSpecifier";
      if (!isImport && specifier.type !== "ExportSpecifier") continue;
      const from = isImport ? specifier.imported : specifier.local;
      const to = isImport ? specifier.local : (specifier.exported as Node);
      const renamed = TYPES[nameOf(from)];
      if (!renamed || renamed === nameOf(from)) continue;
      const text = from.start === to.start ? `${renamed} as ${nameOf(from)}` : renamed;
      this.edit(file, from.start as number, from.end as number, text);
    }
  }

  /** `analytics.RecordInput` of `import * as analytics`. */
  #typesOf({ file, script }: Site, local: Node): void {
    for (const id of script.bindings.get(local)?.references ?? []) {
      const parent = script.parents.get(id);
      if (parent?.type !== "TSQualifiedName" || parent.left !== id) continue;
      const { name, start, end } = parent.right;
      const renamed = Object.hasOwn(TYPES, name) ? TYPES[name] : name;
      if (renamed !== name) this.edit(file, start as number, end as number, renamed);
    }
  }

  #swap({ file, literal }: Site, module: string): void {
    const quote = file.text[literal.start];
    this.edit(file, literal.start, literal.end, quote + module + quote);
  }

  /** `import("aws-amplify").Analytics` as a type. The types of all else stay where they are. */
  #type(site: Site): void {
    const { node } = site;
    const qualifier = node.type === "TSImportType" ? node.qualifier : undefined;
    const name = qualifier?.type === "Identifier" ? qualifier.name : undefined;
    if (name === undefined) {
      if (this.version(site.file) === 5) this.#byHand(site);
    } else if (this.#targetOf(site, name, false)?.imported === name) this.#swap(site, FOREBAY_V5);
  }

  #mock(site: Site): void {
    if (!/"?Analytics\b/.test(site.file.text.slice(site.node.start ?? 0, site.node.end ?? 0)))
      return;
    leave(
      this.found,
      site,
      `a mock of ${site.source}`,
      `Mock "${FOREBAY_V5}" for Analytics, or use recorded() of forebay/testing.`,
    );
  }

  /** Where a name of `aws-amplify` is to come from; nothing where it stays. */
  #targetOf(site: Site, name: string, isDefault: boolean): Target | undefined {
    const isAnalytics =
      name === "Analytics" || (isDefault && amplifyModule(site.source) === "either");
    if (isAnalytics) return { module: FOREBAY_V5, imported: "Analytics" };
    if (amplifyModule(site.source) !== "root" || this.keeps) return undefined;
    if (name !== "Amplify" && !isDefault) return undefined;
    return this.version(site.file) === 5
      ? { module: FOREBAY_V5, imported: "Amplify" }
      : { module: FOREBAY, imported: "*" };
  }

  #root(site: Site): void {
    const { node } = site;
    if (node.type === "ImportDeclaration") {
      const items = node.specifiers.flatMap((specifier): Item[] =>
        specifier.type === "ImportNamespaceSpecifier"
          ? []
          : [
              {
                name: specifier.type === "ImportSpecifier" ? nameOf(specifier.imported) : "default",
                node: specifier,
                local: specifier.local,
                isDefault: specifier.type === "ImportDefaultSpecifier",
                binding: site.script.bindings.get(specifier.local),
              },
            ],
      );
      const whole = node.specifiers.find(({ type }) => type === "ImportNamespaceSpecifier");
      if (whole) this.#namespace(site, site.script.bindings.get(whole.local));
      if (items.length > 0)
        this.#named(site, node, items, node.importKind === "type" ? "import type" : "import");
      return;
    }
    if (node.type === "ExportNamedDeclaration") {
      const items = node.specifiers.flatMap((specifier): Item[] =>
        specifier.type === "ExportSpecifier"
          ? [
              {
                name: nameOf(specifier.local),
                node: specifier,
                local: specifier.exported,
                isDefault: false,
              },
            ]
          : [],
      );
      this.#named(site, node, items, "export");
      return;
    }
    if (node.type === "ExportAllDeclaration") {
      leave(
        this.found,
        site,
        `all of ${site.source} is exported`,
        `Export what is needed by name, and Analytics from "${FOREBAY_V5}".`,
      );
      return;
    }
    this.#loaded(site);
  }

  /** `require(..)` and `import(..)`. */
  #loaded(site: Site): void {
    const { script, node } = site;
    let value: Node = node;
    let parent = script.parents.get(value);
    while (parent && parent !== node && bare(parent) === node) {
      value = parent;
      parent = script.parents.get(value);
    }
    if (parent?.type === "VariableDeclarator" && parent.init === value) {
      const declaration = script.parents.get(parent);
      if (parent.id.type === "Identifier") {
        this.#namespace(site, script.bindings.get(parent.id));
        return;
      }
      if (parent.id.type === "ObjectPattern" && declaration?.type === "VariableDeclaration") {
        const items = parent.id.properties.flatMap((property): Item[] => {
          if (property.type !== "ObjectProperty") return [];
          const local =
            property.value.type === "AssignmentPattern" ? property.value.left : property.value;
          const binding = script.bindings.get(local);
          return [
            { name: keyOf(property) ?? "", node: property, local, isDefault: false, binding },
          ];
        });
        if (declaration.declarations.length === 1) {
          this.#named(site, declaration, items, `${declaration.kind}`, parent.init);
          return;
        }
      }
    }
    if (parent?.type === "MemberExpression" && parent.object === value) {
      const name = keyOf(parent) ?? "";
      if (name === "then") {
        this.#then(site, parent);
        return;
      }
      const target = this.#targetOf(site, name, name === "default");
      if (!target) return;
      this.#swap(site, target.module);
      if (target.imported === "*") {
        this.edit(site.file, value.end as number, parent.end as number, "");
      } else if (name !== target.imported) {
        const { property } = parent;
        this.edit(site.file, property.start as number, property.end as number, target.imported);
      }
      return;
    }
    if (parent?.type === "ExpressionStatement") return;
    this.#byHand(site);
  }

  /** `import("aws-amplify").then(({ Analytics }) => ..)`: all or nothing, since one module is loaded. */
  #then(site: Site, member: Node): void {
    const { script } = site;
    const call = script.parents.get(member);
    const callback = call?.type === "CallExpression" ? call.arguments[0] : undefined;
    const parameter = callback && "params" in callback ? (callback.params as Node[])[0] : undefined;
    let names: (string | undefined)[] = [undefined];
    if (parameter?.type === "ObjectPattern") {
      names = parameter.properties.map((property) => keyOf(property as Node));
    } else if (parameter?.type === "Identifier") {
      names = (script.bindings.get(parameter)?.references ?? []).map((id) => {
        const use = script.parents.get(id);
        return use?.type === "MemberExpression" ? keyOf(use) : undefined;
      });
    }
    const targets = names.map((name) => name && this.#targetOf(site, name, false));
    const isOne = targets.every((target) => target && target.module === FOREBAY_V5);
    if (isOne && targets.length > 0) this.#swap(site, FOREBAY_V5);
    else if (names.includes("Analytics") || names.includes(undefined)) this.#byHand(site);
  }

  #byHand(site: Site): void {
    const from = this.version(site.file) === 5 ? FOREBAY_V5 : FOREBAY;
    const what = `${site.source} is loaded as a whole, and what is used of it cannot be followed`;
    leave(this.found, site, what, `Load analytics from "${from}".`);
  }

  /** `import * as AWS` and `const AWS = require(..)`: each member that is used may move. */
  #namespace(site: Site, binding: Binding | undefined): void {
    const { file, script } = site;
    const uses = (binding?.references ?? []).map((id) => {
      const parent = script.parents.get(id);
      const isMember = parent?.type === "MemberExpression" && parent.object === id;
      const isType = parent?.type === "TSQualifiedName" && parent.left === id;
      const name = isMember ? keyOf(parent) : isType ? parent.right.name : undefined;
      const stays = isMember && this.found.stays.has(parent);
      return {
        parent: parent as Node,
        name,
        target: stays || !isMember || !name ? undefined : this.#targetOf(site, name, false),
      };
    });
    const moving = uses.filter(({ target }) => target);
    if (uses.some(({ name }) => name === undefined)) this.#byHand(site);
    if (moving.length === 0) return;
    const modules = new Set(uses.map(({ target }) => target?.module));
    const [module] = modules;
    if (modules.size === 1 && module) {
      this.#swap(site, module);
      for (const { parent, target } of uses) {
        if (target?.imported !== "*" || parent.type !== "MemberExpression") continue;
        this.edit(file, parent.object.end as number, parent.end as number, "");
      }
      return;
    }
    for (const name of new Set(moving.map((use) => use.name as string))) {
      const target = this.#targetOf(site, name, false) as Target;
      const wanted = [name, `Forebay${name}`];
      const local = this.import(site.file, script, target, wanted, site.node);
      for (const use of moving.filter((one) => one.name === name)) {
        this.edit(file, use.parent.start as number, use.parent.end as number, local);
      }
    }
  }

  /** A list of names, some of which move. */
  #named(site: Site, whole: Node, items: Item[], keyword: string, init?: Node): void {
    const { file } = site;
    const moved: { item: Item; target: Target; keptToo?: string }[] = [];
    const kept: Item[] = [];
    for (const item of items) {
      const target = this.#targetOf(site, item.name, item.isDefault || item.name === "default");
      const uses = item.binding?.references ?? [];
      const stays = uses.filter((id) => this.found.stays.has(id));
      if (!target || (stays.length > 0 && stays.length === uses.length)) {
        kept.push(item);
      } else if (stays.length > 0) {
        const local = unused(site.script, [`Amplify${item.name}`, `AwsAmplify${item.name}`]);
        for (const id of stays) this.edit(file, id.start as number, id.end as number, local);
        moved.push({ item, target, keptToo: local });
      } else {
        moved.push({ item, target });
      }
    }
    if (moved.length === 0) return;
    const staying = kept.length > 0 || moved.some(({ keptToo }) => keptToo);
    const modules = new Set(moved.map(({ target }) => target.module));
    const plain = moved.every(
      ({ item, target }) => item.name === target.imported && !item.isDefault,
    );
    const isImport = keyword === "import";
    if (!staying && modules.size === 1 && plain) {
      const last = moved[moved.length - 1].item.node;
      const { module } = moved[0].target;
      this.#swap(site, module);
      const add = (name: string) =>
        this.edit(file, last.end as number, last.end as number, `, ${name}`);
      if (isImport) this.list(site.script, module, add);
      return;
    }
    const line = newLine(file.text);
    const added = [...modules].flatMap((module) =>
      this.#declarations(site, whole, keyword, module, moved, init),
    );
    const indent = indentAt(file.text, whole.start as number);
    const lines = added.join(line + indent);
    if (!staying) {
      this.edit(file, whole.start as number, whole.end as number, lines);
      return;
    }
    this.#removeNames(site, whole, items, moved, init);
    this.edit(file, whole.end as number, whole.end as number, line + indent + lines);
    const edit = this.edits.get(file)?.at(-1);
    if (!edit || !isImport) return;
    for (const module of modules) {
      this.list(site.script, module, (name) => {
        edit.text = edit.text.replace(/ \}(?= from [^\n]*$)/, `, ${name} }`);
      });
    }
  }

  /** The statements that take the moved names from a module. */
  #declarations(
    { file, literal }: Site,
    whole: Node,
    keyword: string,
    module: string,
    moved: { item: Item; target: Target }[],
    init?: Node,
  ): string[] {
    const quote = file.text[literal.start];
    const end = file.text[(whole.end as number) - 1] === ";" ? ";" : "";
    const source = quote + module + quote;
    const loaded = init
      ? file.text.slice(init.start as number, literal.start) +
        source +
        file.text.slice(literal.end, init.end as number)
      : source;
    const local = (item: Item) => nameOf(item.local);
    const here = moved.filter(({ target }) => target.module === module);
    const spaces = here
      .filter(({ target }) => target.imported === "*")
      .map(({ item }) =>
        init
          ? `${keyword} ${local(item)} = ${loaded}${end}`
          : `${keyword} * as ${local(item)} from ${loaded}${end}`,
      );
    const names = here
      .filter(({ target }) => target.imported !== "*")
      .map(({ item, target }) => {
        if (local(item) === target.imported) return target.imported;
        return `${target.imported}${init ? ":" : " as"} ${local(item)}`;
      });
    if (names.length === 0) return spaces;
    const list = `{ ${names.join(", ")} }`;
    return [...spaces, `${keyword} ${list} ${init ? "=" : "from"} ${loaded}${end}`];
  }

  /** Takes the moved names out of a list, and leaves the rest of its text as it is. */
  #removeNames(
    { file }: Site,
    whole: Node,
    items: Item[],
    moved: { item: Item; keptToo?: string }[],
    init?: Node,
  ): void {
    const { text } = file;
    const entry = (item: Item) => moved.find((one) => one.item === item);
    const isGone = (item: Item) => entry(item) !== undefined && entry(item)?.keptToo === undefined;
    for (const item of items) {
      const local = entry(item)?.keptToo;
      if (!local) continue;
      const name = item.isDefault ? local : `${item.name}${init ? ":" : " as"} ${local}`;
      this.edit(file, item.node.start as number, item.node.end as number, name);
    }
    const first = items[0].isDefault ? items[0] : undefined;
    const named = first ? items.slice(1) : items;
    const open = text.indexOf("{", first ? (first.node.end as number) : (whole.start as number));
    const close = text.indexOf("}", (named.at(-1)?.node.end as number) ?? open);
    if (first && isGone(first)) this.edit(file, first.node.start as number, open, "");
    if (named.length > 0 && named.every(isGone)) {
      this.edit(file, first ? (first.node.end as number) : open, close + 1, "");
      return;
    }
    // One after the other with what follows it; those at the end with what stands before them.
    const lastKept = named.findLastIndex((item) => !isGone(item));
    named.forEach((item, at) => {
      if (isGone(item) && at < lastKept) {
        this.edit(file, item.node.start as number, named[at + 1].node.start as number, "");
      }
    });
    const last = named.at(-1) as Item;
    if (lastKept < named.length - 1) {
      this.edit(file, named[lastKept].node.end as number, last.node.end as number, "");
    }
  }
}
