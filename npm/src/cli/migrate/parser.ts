// A chunk of its own, `dist/parser.js`: of all commands `migrate` alone loads it.
export { parse } from "@babel/parser";
