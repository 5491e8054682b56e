#!/usr/bin/env node
// Apart from what is built: npm links a program only if it is there when packages are installed, and
// in a fresh clone of the repository nothing is built by then.
import "../dist/cli.js";
