#!/usr/bin/env node
// Apart from what is built: npm links a program only if it is there when packages are installed, and
// in a fresh clone of the repository nothing is built by then.
const [major, minor] = process.versions.node.split(".").map(Number);
if (major > 20 || (major === 20 && minor >= 19)) await import("../dist/cli.js");
else {
  // An older one would fail somewhere inside, in words of its own.
  console.error(`npx forebay needs Node 20.19 or newer; this is ${process.versions.node}`);
  process.exitCode = 2;
}
